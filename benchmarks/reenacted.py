"""A film's face on another: python -m benchmarks.reenacted FOLDER

The films of benchmarks/footage.py, drawn into FOLDER where they are not there, drive the mean head: by points
(extra capture) and as unigaha's encoder reads them, where one lies in assets/. Lips and lids: correlation of
their opening with the truth, over all frames, on the mean head. Face and lips: millimetres that their
vertices are off, beside those of a face that stays at rest. Head: degrees that it is turned otherwise, but
for where it rests, on average. CPU milliseconds a picture. Nothing learnt from these people.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.footage import FPS, PEOPLE, USUAL, faces_of, film_of, openings
from talkcli.engine.capture.detector import MediaPipe
from talkcli.engine.errors import MissingAsset
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.face.rotations import axis_angle, matrix
from talkcli.engine.methods.reenacted import Driven, driven_by_picture, driven_by_points
from talkcli.engine.methods.unigaha.film_eye import shipped_eye
from talkcli.engine.motion import Coefficients, Motion


def turned(motion: Motion) -> torch.Tensor:
    """How the head is turned at each frame, but for the mean."""
    assert motion.head is not None
    turns = matrix(motion.head.rotation.double())
    u, _, vh = torch.linalg.svd(turns.mean(0))
    return (u @ vh).mT @ turns


def scores(found: Motion, true: Motion) -> dict[str, float]:
    assert isinstance(found.face, Coefficients) and isinstance(true.face, Coefficients)
    frames, model = min(len(found), len(true)), load_face_model()
    theirs, ours = true.face.expression[:frames], found.face.expression[:frames]
    neutral = talking_head().neutral
    moved = (openings(faces_of(neutral, weights)) for weights in (theirs, ours))
    pairs = zip(("lips", "lids"), *moved, strict=True)
    row = {f"{part} r": float(np.corrcoef(one, other)[0, 1]) for part, one, other in pairs}
    for part in ("face", "lips"):
        moves = model.shapes[:, model.topology.regions[part].long()]
        for name, off in (("", ours - theirs), (" at rest", theirs)):
            apart = torch.einsum("ns,svk->nvk", off, moves).norm(dim=-1)
            row[f"{part} mm{name}"] = 1000 * float(apart.mean())
    apart = axis_angle(turned(found)[:frames] @ turned(true)[:frames].mT).norm(dim=1)
    return row | {"head degrees": float(torch.rad2deg(apart).mean())}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", nargs="+", choices=PEOPLE, default=USUAL)
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True)
    head = talking_head()
    ways: dict[str, Callable[[Path], Driven]] = {}
    try:
        shipped_eye()
        ways["picture"] = lambda path: driven_by_picture(path, head, None, FPS)
    except MissingAsset as error:
        print(f"Not by pictures: {error.message}")
    try:
        detector = MediaPipe()
        ways["points"] = lambda path: driven_by_points(path, head, detector, FPS)
    except MissingAsset as error:
        print(f"Not by points: {error.message}")
    for name in given.people:
        path, (_, true, _) = film_of(name, given.folder)
        for way, drive in ways.items():
            begun = time.process_time()
            found = drive(path).motion
            row = scores(found, true) | {"CPU ms": 1000 * (time.process_time() - begun) / len(true)}
            print(f"{name} by {way}: " + ", ".join(f"{k} {v:.3g}" for k, v in row.items()), flush=True)


if __name__ == "__main__":
    main()
