"""Find MediaPipe's 468 points on the built-in head: python recipes/fit_landmarks.py canonical_face_model.obj

The canonical face comes with MediaPipe (mediapipe/modules/face_geometry/data, Apache-2.0). Writes
assets/mediapipe_landmarks.csv: one
place in the head's UV square a line. To be run again when the head's UV layout changes, before
recipes/bake_head.py.
"""

import sys
from pathlib import Path

import numpy as np

from talkcli.engine.assets import assets_folder
from talkcli.engine.studio.shape.assembly import average_head
from talkcli.engine.studio.shape.landmarks import FILE, fit_landmarks


def main() -> None:
    lines = Path(sys.argv[1]).read_text().splitlines()
    points = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], float) * 10
    target = assets_folder() / FILE
    np.savetxt(target, fit_landmarks(average_head(), points), fmt="%.5f", delimiter=",")
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
