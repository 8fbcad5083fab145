"""Cut the garments again: python recipes/bake_garments.py

Writes assets/garments.safetensors: upper garments cut on the bust of the mean head. Half a minute on one
core; the same bytes every time.
"""

import argparse

import numpy as np

from talkcli.engine.assets import assets_folder
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.mesh_normals import mesh_normals
from talkcli.engine.face.topology import MATERIALS
from talkcli.engine.face.worn import WORN_STEP
from talkcli.engine.files import save_struct
from talkcli.engine.studio.scanned.bust import make_bust
from talkcli.engine.studio.scanned.garments import GARMENTS, Wardrobe
from talkcli.engine.studio.scanned.tailoring import tailored

_BUST = -70.0
"""mm: lower skin is neck and shoulders."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    model = load_face_model()
    faces = model.topology.faces[model.topology.materials == MATERIALS.index("skin")].long().numpy()
    points = model.template.double().numpy() * 1000
    skin = np.unique(faces)
    skin = skin[points[skin, 1] < _BUST]
    garments = tailored(make_bust(points[skin], mesh_normals(points, faces)[skin]))
    target = assets_folder() / GARMENTS
    steps = {f"garments.{name}.points": WORN_STEP for name in garments}
    for part, step in (("from_edge", 1e-4), ("lift", 1e-4), ("grain", 1e-4), ("uv", 1 / 32768)):
        steps |= {f"garments.{name}.{part}": step for name in garments}
    save_struct(Wardrobe(garments), target, packed=True, steps=steps)
    print(f"{target.name}: {target.stat().st_size / 1e6:.2f} MB")
    for name, garment in garments.items():
        print(f"{name}: {len(garment.points)} vertices, {len(garment.faces)} triangles")


if __name__ == "__main__":
    main()
