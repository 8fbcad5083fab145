"""Look at the built-in head: python recipes/contact_sheet.py FOLDER [SEED]

Writes people.png (the bundled ones, front and three-quarter), strangers.png (twelve whom nobody picked) and
faces.png (12 expressions of two people). A few minutes on one core.
"""

import argparse
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from talkcli.engine.assets import DEFAULT_RIG, asset
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.render import frames
from talkcli.engine.studio.expression_space import MOUTHS, UPPER_FACES
from talkcli.engine.studio.scanned.avatars import sample_avatar

BUNDLED = ("ada", "marta", "emil", "kofi", "noor", "otto")
SIZE = 320
FACES: Mapping[str, Mapping[str, float]] = {
    "neutral": {},
    **{name: MOUTHS[name] for name in ("aa", "ih", "oh", "ou", "PP", "FF")},
    "smile": {**MOUTHS["smile"], "eyeSquint": 0.3, "mouthUpperUp": 0.2},
    "blink": UPPER_FACES["blink"],
    "surprise": {**UPPER_FACES["surprise"], "jawOpen": 0.4},
    "anger": {**UPPER_FACES["anger"], "noseSneer": 0.6, "mouthPress": 0.4},
    "sorrow": {**UPPER_FACES["sorrow"], **MOUTHS["frown"], "eyeLookDown": 0.3},
}
"""Faces of the space of natural ones, feelings with mouth and eyes together."""


def pictures(avatar: Avatar, faces: Mapping[str, Mapping[str, float]], preset: str) -> list[np.ndarray]:
    """One picture [SIZE, SIZE, 3] for each face."""
    model = load_rig(DEFAULT_RIG)
    weights = torch.stack([model.weight_vector(**face) for face in faces.values()])
    motion = Motion(Fraction(25), Coefficients(weights, torch.zeros(len(weights), 3)))
    return list(frames(motion, avatar, portrait(avatar, preset, (SIZE, SIZE)), quality="fine"))


def sheet(rows: list[list[np.ndarray]], path: Path) -> None:
    Image.fromarray(np.concatenate([np.concatenate(row, 1) for row in rows])).save(path)
    print(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", nargs="?", type=int, default=0)
    given = parser.parse_args()
    folder, seed = given.folder, given.seed
    folder.mkdir(parents=True, exist_ok=True)
    neutral = {"neutral": FACES["neutral"]}
    bundled = [load_avatar(asset(f"{name}.avatar")) for name in BUNDLED]
    strangers = [sample_avatar(seed + number) for number in range(12)]
    for name, people in (("people", bundled), ("strangers", strangers)):
        views = [[pictures(who, neutral, view)[0] for who in people] for view in ("front", "three-quarter")]
        sheet([row[i : i + 6] for i in range(0, len(people), 6) for row in views], folder / f"{name}.png")
    faces = [pictures(load_avatar(asset(f"{name}.avatar")), FACES, "front") for name in ("ada", "kofi")]
    sheet([row[i : i + 6] for row in faces for i in (0, 6)], folder / "faces.png")


if __name__ == "__main__":
    main()
