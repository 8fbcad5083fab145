"""Cloth near by: it hangs in folds from what holds it, finer than the meshes that avatars keep."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import KDTree

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.worn import Worn

_Floats = NDArray[np.float64]

FOLD_DEEP, STIFFER = 0.0065, {"jacket": 0.45, "jumper": 0.8}
"""Metres, from the bottom of a fold to its ridge; how much less it is in what is thick."""

PULLED, HUNG = 0.34, 0.062
"""Radians between folds that run to an armpit; metres between those that hang."""

ARMPIT = 0.36, -0.11
"""Where one is: of a garment's width from its middle, metres from its shoulder."""

HELD = 0.004, 0.035
"""Metres from a hem or a seam within which cloth has no fold, and from which it has all of it."""

SMOOTH_ABOVE = 0.65
"""Of a fold's depth, that it lacks on shoulders, over which cloth is drawn."""

LIFTED, LIFTED_OVER, ON_SKIN = 0.0026, 0.013, 0.006
"""Metres by which a neckline stands off; over which that fades; from the skin within which it is one."""

CLOTH_SHADES, SHADES_OVER = 0.7, 0.008
"""Of the room's light, that skin lacks where it touches cloth; metres over which that fades."""


def folded(worn: Worn, neutral: NDArray[np.float32]) -> Worn:
    """Cloth with folds, in four times as many faces, whose neckline stands a little off the neck."""
    worn = _finer(worn)
    points = worn.points.double().numpy()
    low, high = points.min(0), points.max(0)
    chance = np.random.default_rng(zlib.crc32(worn.name.encode()) + len(points))
    middle, half = (low[0] + high[0]) / 2, (high[0] - low[0]) / 2
    x, y = points[:, 0] - middle, points[:, 1]
    height = np.zeros(len(points))
    share = 0.5 + 0.5 * np.tanh(x / 0.03)
    for side, weight in ((-1.0, 1 - share), (1.0, share)):
        aside, up = x - side * 2 * ARMPIT[0] * half, y - (high[1] - 0.03 + ARMPIT[1])
        angle, away = np.arctan2(up, -side * aside), np.hypot(aside, up)
        bent = angle + 0.16 * _waves(np.stack([away / 0.14, angle / 1.2], 1), chance)
        ridges = _ridges(np.stack([bent / PULLED, away / 0.26], 1), chance)
        height += weight * ridges * np.exp(-((away / 0.17) ** 2)) * np.clip(away / 0.08 - 0.15, 0, 1)
    hung = _ridges(np.stack([x / HUNG + 0.35 * _waves(points / 0.16, chance), y / 0.24], 1), chance)
    height += 0.55 * hung * (0.5 + 0.5 * np.clip(_waves(points / 0.12, chance), -1, 1))
    height += 0.16 * _waves(points / 0.05, chance)
    edges = _open(worn)
    away = KDTree(points[edges]).query(points)[0] if len(edges) else np.full(len(points), np.inf)
    free = np.clip((away - HELD[0]) / (HELD[1] - HELD[0]), 0, 1)
    height *= FOLD_DEEP * STIFFER.get(worn.name, 1.0) * free * free * (3 - 2 * free)
    centre = np.stack(
        [middle + 0.6 * x, np.full_like(y, low[1] - 0.05), np.full_like(y, points[:, 2].mean())], 1
    )
    ways = points - centre
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    height *= 1 - SMOOTH_ABOVE * np.clip((ways[:, 1] - 0.65) / 0.25, 0, 1)
    moved = points + height[:, None] * ways + _lift(points, worn, neutral)
    return replace(worn, points=torch.from_numpy(moved).float())


def _lift(points: _Floats, worn: Worn, neutral: NDArray[np.float32]) -> _Floats:
    edge = points[_open(worn)]
    edge = edge[KDTree(neutral).query(edge)[0] < ON_SKIN]
    if not len(edge):
        return np.zeros_like(points)
    away = KDTree(edge).query(points)[0]
    out = (points - edge.mean(0)) * [1.0, 0.0, 1.0]
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
    return LIFTED * np.exp(-((away / LIFTED_OVER) ** 2))[:, None] * out


def beside_cloth(avatar: Avatar) -> NDArray[np.float32]:
    """[V] how much of the room's light cloth leaves skin beside it: the bake sees nothing so small."""
    points = [item.points.numpy() for item in avatar.worn if item.kind == "cloth"]
    if not points:
        return np.ones(len(avatar.neutral), np.float32)
    away = np.asarray(KDTree(np.concatenate(points)).query(avatar.neutral.numpy())[0])
    return (1 - CLOTH_SHADES * np.exp(-((away / SHADES_OVER) ** 2))).astype(np.float32)


def _finer(worn: Worn) -> Worn:
    """Every face in four; what carries the middle of an edge is what carries its first end."""
    faces = worn.faces.numpy().astype(np.int64)
    edges = np.sort(np.stack([faces, np.roll(faces, -1, 1)], -1), 2)
    unique, number = np.unique(edges.reshape(-1, 2), axis=0, return_inverse=True)
    points, count = worn.points, len(worn.points)
    first, second = torch.from_numpy(unique.T.copy())
    middle = torch.from_numpy(number.reshape(-1, 3) + count)
    a, b, c = worn.faces.long().unbind(1)
    ab, bc, ca = middle.unbind(1)
    small = torch.stack(
        [torch.stack(corner, 1) for corner in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))], 1
    )
    uv = worn.uv
    if uv is not None:
        p, q, r = uv.unbind(1)
        pq, qr, rp = (p + q) / 2, (q + r) / 2, (r + p) / 2
        corners = ((p, pq, rp), (pq, q, qr), (rp, qr, r), (pq, qr, rp))
        uv = torch.stack([torch.stack(corner, 1) for corner in corners], 1).flatten(0, 1)

    def with_middles(rows: torch.Tensor) -> torch.Tensor:
        return torch.cat([rows, rows[first]]) if len(rows) == count else rows

    return replace(
        worn, points=torch.cat([points, (points[first] + points[second]) / 2]), faces=small.flatten(0, 1),
        uv=uv, carriers=with_middles(worn.carriers), shares=with_middles(worn.shares),
        colour=with_middles(worn.colour),
    )  # fmt: skip


def _open(worn: Worn) -> NDArray[np.int64]:
    """Points on open edges."""
    faces = worn.faces.numpy()
    edges = np.sort(np.stack([faces, np.roll(faces, -1, 1)], -1), 2).reshape(-1, 2)
    unique, times = np.unique(edges, axis=0, return_counts=True)
    return np.unique(unique[times == 1])


def _waves(places: _Floats, chance: np.random.Generator) -> _Floats:
    """Smooth noise of deviation 1 over places [n, k], about 1 from swelling to swelling."""
    ways = chance.standard_normal((6, places.shape[1]))
    ways *= 2 * np.pi * chance.uniform(0.6, 1.2, (6, 1)) / np.linalg.norm(ways, axis=1, keepdims=True)
    return np.sin(places @ ways.T + chance.uniform(0, 2 * np.pi, 6)).sum(1) / np.sqrt(3)


def _ridges(places: _Floats, chance: np.random.Generator) -> _Floats:
    """0 to 1: narrow ridges between wide valleys along the second of two axes, which come and go."""
    across = 2 * np.pi * (places[:, 0] + 0.22 * _waves(places * [0.5, 1.0], chance))
    wave = 0.5 + 0.5 * np.sin(across + chance.uniform(0, 2 * np.pi))
    return wave**2.2 * np.clip(0.5 + 0.6 * _waves(places * [0.45, 1.0], chance), 0, 1)
