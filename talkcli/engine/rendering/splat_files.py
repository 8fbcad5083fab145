"""Gaussians as .ply files in the layout of 3D Gaussian Splatting, as viewers of splats read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from talkcli.engine.destinations import replacing_folder
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.gaussians import Gaussians, matrix_quaternion
from talkcli.engine.face.geometry import FRAMES_EXPANDED, gaussians
from talkcli.engine.motion import Motion
from talkcli.engine.rendering.export import origin_of

FIRST_HARMONIC = 0.28209479177387814
"""The constant one, by which the layout divides colours."""

CLEAREST, THINNEST = 1e-6, 1e-9
"""Opacity, and metres, at which logarithms stop."""


def write_splats(motion: Motion, avatar: Avatar, path: Path) -> None:
    """A folder of 000000.ply, ...: binary little-endian, metres, Y up.

    A Gaussian is its place, an empty normal, f_dc and f_rest (harmonics, red before green before blue), the
    logit of its opacity, logarithms of its scales and a quaternion w x y z.
    """
    origin = origin_of(motion, avatar)
    with replacing_folder(path, ".ply") as folder:
        for start in range(0, len(motion), FRAMES_EXPANDED):
            for number, cloud in enumerate(gaussians(motion, avatar, start, start + FRAMES_EXPANDED), start):
                (folder / f"{number:06d}.ply").write_bytes(_ply(cloud, origin))


def _ply(cloud: Gaussians, origin: str) -> bytes:
    directions, scales, _ = torch.linalg.svd(cloud.axes)
    directions = directions * torch.linalg.det(directions)[:, None, None]
    opacity = cloud.opacity.clamp(CLEAREST, 1 - CLEAREST)
    columns = {
        ("x", "y", "z"): cloud.places,
        ("nx", "ny", "nz"): torch.zeros_like(cloud.places),
        _numbered("f_dc", 3): (cloud.colour[:, 0] - 0.5) / FIRST_HARMONIC,
        _numbered("f_rest", 3 * (cloud.colour.shape[1] - 1)): cloud.colour[:, 1:].mT.flatten(1),
        ("opacity",): torch.logit(opacity)[:, None],
        _numbered("scale", 3): scales.clamp(min=THINNEST).log(),
        _numbered("rot", 4): matrix_quaternion(directions),
    }
    names = [name for group in columns for name in group]
    head = (
        f"ply\nformat binary_little_endian 1.0\ncomment metres\ncomment {origin}\n"
        f"element vertex {len(cloud)}\n"
        + "".join(f"property float {name}\n" for name in names)
        + "end_header\n"
    )
    rows = torch.cat(list(columns.values()), 1).numpy().astype("<f4")
    return head.encode("ascii", "replace") + np.ascontiguousarray(rows).tobytes()


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{number}" for number in range(count))
