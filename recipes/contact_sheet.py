"""Look at the built-in head: python recipes/contact_sheet.py FOLDER [SEED]

Writes people.png (12 random identities, front and three-quarter) and faces.png (12 expressions of one of
the bundled avatars). A few minutes on one core, most of it paint.
"""

import sys
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
from talkcli.engine.studio.looks import bake_look
from talkcli.engine.studio.paint.complexion import sample_skin
from talkcli.engine.studio.shape.assembly import build_head
from talkcli.engine.studio.shape.identity import sample

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


def stranger(rng: np.random.Generator) -> Avatar:
    """Somebody at random, face and skin of one sex and age."""
    model = load_rig(DEFAULT_RIG)
    male, age = float(rng.random() < 0.5), float(rng.uniform(20, 72))
    head = sample(rng, sex=(2 * male - 1) * rng.uniform(0.5, 1.0), age=(age - 42) / 18)
    return Avatar(
        name="stranger",
        neutral=torch.from_numpy(build_head(head).vertices / 1000).float(),
        faces=model.topology.faces,
        lips=model.topology.regions["lips"],
        rig=DEFAULT_RIG,
        look=bake_look(sample_skin(rng, male, age), wrinkles=model.wrinkles),
    )


def pictures(avatar: Avatar, faces: Mapping[str, Mapping[str, float]], preset: str) -> list[np.ndarray]:
    """One picture [SIZE, SIZE, 3] for each face."""
    model = load_rig(DEFAULT_RIG)
    weights = torch.stack([model.weight_vector(**face) for face in faces.values()])
    motion = Motion(Fraction(25), Coefficients(weights, torch.zeros(len(weights), 3)))
    return list(frames(motion, avatar, portrait(avatar, preset, (SIZE, SIZE))))


def sheet(rows: list[list[np.ndarray]], path: Path) -> None:
    Image.fromarray(np.concatenate([np.concatenate(row, 1) for row in rows])).save(path)
    print(path)


def main() -> None:
    folder, seed = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    neutral = {"neutral": FACES["neutral"]}
    people = [stranger(rng) for _ in range(12)]
    front = [pictures(person, neutral, "front")[0] for person in people]
    aside = [pictures(person, neutral, "three-quarter")[0] for person in people]
    sheet([front[:6], aside[:6], front[6:], aside[6:]], folder / "people.png")
    faces = pictures(load_avatar(asset("ada.avatar")), FACES, "three-quarter")
    sheet([faces[:6], faces[6:]], folder / "faces.png")


if __name__ == "__main__":
    main()
