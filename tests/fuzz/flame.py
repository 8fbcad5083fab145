"""FLAME in little, and a clip of 3DTalking, which moves it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from talkcli.engine.face.flame import CONTOURS

SECONDS, FPS, POINTS = 0.4, 25, 51


def flame_arrays(verts: int = 4) -> dict[str, Any]:
    """The smallest model of FLAME's form."""
    dice = np.random.default_rng(0)
    return {
        "v_template": dice.normal(size=(verts, 3)),
        "f": np.array([[0, 1, 2], [1, 2, 3]], np.uint32),
        "shapedirs": 1e-3 * dice.normal(size=(verts, 3, 400)),
        "posedirs": 1e-3 * dice.normal(size=(verts, 3, 36)),
        "J_regressor": np.full((5, verts), 1 / verts),
        "weights": np.full((verts, 5), 0.2),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32),
    }


def flame_masks() -> dict[str, Any]:
    parts = (
        "lips", "nose", "neck", "scalp", "left_ear", "right_ear", "forehead", "eye_region", "left_eyeball",
        "right_eyeball",
    )  # fmt: skip
    return {part: np.array([place % 4]) for place, part in enumerate(parts)}


def write_flame(folder: Path) -> None:
    """The files that `talk models import flame` takes, by the names that it has for them."""
    points = {"lmk_face_idx": np.arange(POINTS) % 2, "lmk_b_coords": np.full((POINTS, 3), 1 / 3)}
    for name, tree in (("model", flame_arrays()), ("masks", flame_masks()), ("landmarks", points)):
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(tree, protocol=2))
    np.savez(folder / "mediapipe.npz", **points)
    contour = np.empty((), object)
    contour[()] = {
        "lmk_face_idx": np.zeros((CONTOURS, 2), np.int64),
        "lmk_b_coords": np.full((CONTOURS, 2, 3), 1 / 3),
    }
    np.save(folder / "contour.npy", contour, allow_pickle=True)
    model = flame_arrays()
    lines = [f"v {x} {y} {z}" for x, y, z in model["v_template"].tolist()]
    lines += ["vt 0 0", "vt 1 0", "vt 0 1"] + [
        f"f {a}/1 {b}/2 {c}/3" for a, b, c in (model["f"] + 1).tolist()
    ]
    (folder / "uv.obj").write_text("\n".join(lines))


def write_talking3d(folder: Path) -> None:
    """One clip, as published."""
    clip, dice = folder / "talking3d/trainset/V2-MEAD/V2-M003-happy-00002", np.random.default_rng(0)
    clip.mkdir(parents=True)
    for name, size in (("shape", 7), ("exp", 9), ("pose", 6), ("detail", 16)):
        codes = dice.normal(0, 0.1, (int(SECONDS * FPS), size))
        np.save(clip / f"{name}code.npy", codes.astype(np.float32))
    soundfile.write(clip / "audio.wav", dice.normal(0, 0.1, int(SECONDS * 16_000)), 16_000)
