"""Glasses: rims before the eyes, a bridge over the nose, temples over the ears; fitted to a face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor

from talkcli.engine.errors import pick
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.worn import Worn
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scanned.hair.hair import skull_anchors
from talkcli.engine.studio.scanned.hair.roots import unit_of
from talkcli.engine.studio.scanned.source import SKIN_VERTS

AROUND, _ALONG = 10, 56
"""Corners of a tube's section, and pieces of a rim."""

CLEAR = 1.2
"""mm between a frame and the skin."""

WRAP = 0.10
"""How far the rims turn back at their outer ends, of their width."""


@dataclass(frozen=True)
class GlassesStyle:
    wide: float
    high: float
    """mm, half the size of a lens."""
    square: float
    """2 for an ellipse, more for corners."""
    thick: float
    """mm, half of a rim's."""
    colour: tuple[int, int, int]
    """sRGB"""
    gloss: tuple[float, float]


GLASSES_STYLES: Mapping[str, GlassesStyle] = {
    "acetate": GlassesStyle(26.5, 19.5, 3.2, 1.8, (34, 25, 21), (0.55, 0.22)),
    "wire": GlassesStyle(25.5, 21.5, 2.3, 1.0, (118, 104, 84), (0.95, 0.22)),
}


def glasses_of(style: str, neutral: Float[Tensor, "verts 3"]) -> Worn:
    """One of GLASSES_STYLES on a neutral face in metres; it moves with the skull alone."""
    look = GLASSES_STYLES[pick(style, GLASSES_STYLES, "glasses")]
    mm = neutral.double().numpy() * 1000
    tubes = []
    rims = {side: _rim(mm, side, look) for side in (1, -1)}
    for rim in rims.values():
        tubes.append(_tube(rim, look.thick * np.array([1.0, 1.25]), closed=True))
    tubes.append(_tube(_bridge(mm, rims, look), look.thick * np.array([1.0, 1.1])))
    for side, rim in rims.items():
        tubes.append(_tube(_pad(mm, side, rim), np.array([1.0, 2.4])))
        tubes.append(_tube(_temple(mm, side, rim), look.thick * np.array([0.85, 1.5])))
    points, faces, first = [], [], 0
    for part, triangles in tubes:
        points.append(part)
        faces.append(triangles + first)
        first += len(part)
    return Worn(
        name=style,
        kind="hard",
        points=torch.from_numpy(np.concatenate(points) / 1000).float(),
        carriers=torch.zeros(1, 1, dtype=torch.int32),
        shares=torch.zeros(1, 1),
        anchors=skull_anchors(),
        colour=torch.tensor([look.colour], dtype=torch.uint8),
        faces=torch.from_numpy(np.concatenate(faces)).int(),
        gloss=look.gloss,
    )


def _eye(mm: Array, side: int) -> Array:
    region = load_face_model().topology.regions["left_eye" if side > 0 else "right_eye"].long().numpy()
    return mm[region].mean(0)


def _rim(mm: Array, side: int, style: GlassesStyle) -> Array:
    """[ALONG, 3] in a plane that clears brow, nose and cheek."""
    middle = _eye(mm, side) + np.array([4.0 * side, -2.5, 0])
    angle = np.linspace(0, 2 * np.pi, _ALONG, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    power = 2 / style.square
    x = style.wide * np.sign(c) * np.abs(c) ** power
    y = style.high * np.sign(s) * np.abs(s) ** power
    y = y * (1 - 0.12 * (y < 0) * np.abs(x / style.wide) ** 2)
    rim = np.stack([middle[0] + side * x, middle[1] + y, -WRAP * (x + style.wide) - 0.08 * y], 1)
    skin = mm[:SKIN_VERTS]
    near = skin[(skin[:, 2] > 30) & (np.abs(skin[:, 1] - middle[1]) < 32)]
    behind = near[KDTree(near[:, :2]).query(rim[:, :2], k=6)[1]][..., 2].max(1)
    rim[:, 2] += (behind - rim[:, 2]).max() + CLEAR + style.thick
    return rim


def _bridge(mm: Array, rims: Mapping[int, Array], style: GlassesStyle) -> Array:
    """[n, 3] from the inner end of one rim to the other, over the nose."""
    left, right = (rim[(np.abs(rim[:, 0]) - 0.6 * rim[:, 1]).argmin()] for rim in rims.values())
    t = np.linspace(0, 1, 13)[:, None]
    path = left * (1 - t) + right * t
    arch = np.sin(np.pi * t[:, 0])
    path[:, 1] += 2.6 * arch
    skin = mm[:SKIN_VERTS]
    near = skin[(np.abs(skin[:, 0]) < 14) & (skin[:, 2] > 60)]
    nose = near[KDTree(near[:, :2]).query(path[:, :2], k=16)[1]][..., 2].max(1)
    path[:, 2] = np.maximum(path[:, 2] + 2.0 * arch, nose + CLEAR + style.thick)
    return path


def _pad(mm: Array, side: int, rim: Array) -> Array:
    """[n, 3] from the inner side of a rim down along the nose, on which it rests."""
    inner = rim[(np.abs(rim[:, 0]) + 0.35 * np.abs(rim[:, 1] - rim[:, 1].mean() + 5)).argmin()]
    t = np.linspace(0, 1, 7)
    path = inner + np.stack([-1.2 * side * np.sin(np.pi * t), 3.0 - 8.0 * t, -4.5 * np.sin(np.pi * t)], 1)
    skin = mm[:SKIN_VERTS]
    near = skin[(np.abs(skin[:, 0]) < 24) & (skin[:, 2] > 50)]
    nose = near[KDTree(near[:, :2]).query(path[:, :2], k=8)[1]][..., 2].max(1)
    path[:, 2] = np.maximum(path[:, 2], nose + 0.6)
    return path


def _temple(mm: Array, side: int, rim: Array) -> Array:
    """[n, 3] from the outer end of a rim back over the ear and down behind it."""
    ears = load_face_model().topology.regions["ears"].long().numpy()
    ear = mm[ears[mm[ears, 0] * side > 0]]
    top = ear[ear[:, 1] > np.percentile(ear[:, 1], 93)].mean(0)
    outer = rim[(rim[:, 0] * side + 0.9 * rim[:, 1]).argmax()]
    skin = mm[:SKIN_VERTS]
    over = skin[
        (skin[:, 0] * side > 0) & (np.abs(skin[:, 1] - top[1] - 4) < 8) & (np.abs(skin[:, 2] - top[2]) < 12)
    ]
    wide = np.abs(over[:, 0]).max()
    wide = min(wide, abs(top[0]) + 2)
    knots = np.array(
        [
            outer,
            [side * (abs(outer[0]) + 3.0), outer[1], outer[2] - 4.0],
            [side * (abs(outer[0]) + 4.5), outer[1], outer[2] - 12.0],
            [side * (wide + 1.5), top[1] + 4.0, top[2] + 22.0],
            [side * (wide + 1.0), top[1] + 2.5, top[2] + 2.0],
            [side * (wide - 3.0), top[1] - 8.0, top[2] - 14.0],
            [side * (wide - 7.0), top[1] - 26.0, top[2] - 20.0],
        ]
    )
    run = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    at = np.linspace(0, run[-1], 40)
    path = np.stack([np.interp(at, run, axis) for axis in knots.T], 1)
    for _ in range(4):
        path[1:-1] = (path[:-2] + 2 * path[1:-1] + path[2:]) / 4
    return path


def _tube(path: Array, half: Array, closed: bool = False) -> tuple[Array, Index]:
    """Points and triangles round a path [n, 3], `half` mm across it and upright."""
    after = np.roll(path, -1, 0) if closed else np.concatenate([path[1:], 2 * path[-1:] - path[-2:-1]])
    before = np.roll(path, 1, 0) if closed else np.concatenate([2 * path[:1] - path[1:2], path[:-1]])
    along = unit_of(after - before)
    aim = np.array([0.0, 0.0, 1.0]) if closed else np.array([0.0, 1.0, 0.0])
    first = unit_of(aim - (along @ aim)[:, None] * along)
    second = np.cross(along, first)
    angle = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    ring = (
        np.cos(angle)[None, :, None] * half[1] * first[:, None]
        + np.sin(angle)[None, :, None] * half[0] * second[:, None]
    )
    points = (path[:, None] + ring).reshape(-1, 3)
    count = len(path)
    i, j = np.meshgrid(np.arange(count if closed else count - 1), np.arange(AROUND), indexing="ij")
    a, b = i * AROUND + j, i * AROUND + (j + 1) % AROUND
    c, d = ((i + 1) % count) * AROUND + j, ((i + 1) % count) * AROUND + (j + 1) % AROUND
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    return points, faces
