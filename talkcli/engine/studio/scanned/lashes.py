"""Eyelashes: blades whose vertices are means of FaceKit's lash cards, so that they ride on its lids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scanned.source import RANGES, Source

CARDS = (0.848, 0.682, 0.516, 0.346, 0.18, 0.014)
"""The lower edge of each row of cards in FaceKit's uv; the first three belong to the upper lid."""

UPPER_CARDS, TALL = 3, 0.14

COUNT, _REACH, HALF_WIDTH = (36, 9), (0.92, 0.62), (0.0040, 0.0024)
"""Blades a row, share of the card that they reach up, half their width at the root in uv: upper, lower."""


@dataclass(frozen=True)
class Lashes:
    corners: Index
    """[verts, 3] vertices of FaceKit"""
    shares: Array
    """[verts, 3] of each corner"""
    faces: Index
    lower: Index
    """[faces] 1 for those of the lower lid"""
    left: Index
    """[verts] 1 for those of the left eye"""


def make_lashes(source: Source, seed: int = 5) -> Lashes:
    rng = np.random.default_rng(seed)
    corners: list[Index] = []
    shares: list[Array] = []
    faces: list[list[int]] = []
    lower: list[int] = []
    left: list[int] = []
    for side in ("left", "right"):
        start, stop = RANGES[f"{side}_lash_cards"]
        own = ((source.faces >= start) & (source.faces < stop)).all(1)
        uv, triangles = source.uv[source.uv_faces[own]], source.faces[own]
        across = (uv[..., 0] - uv[..., 0].min()) / np.ptp(uv[..., 0])
        for card, bottom in enumerate(CARDS):
            here = (uv[..., 1].min(1) > bottom - 0.01) & (uv[..., 1].max(1) < bottom + TALL + 0.01)
            place = np.stack([across[here], (bottom + TALL - uv[here][..., 1]) / TALL], -1)
            under = int(card >= UPPER_CARDS)
            count = COUNT[under]
            for t in (np.arange(count) + rng.uniform(0.2, 0.8, count)) / count:
                if not 0.04 < t < 0.97:
                    continue
                first = len(corners)
                for spot in _blade(rng, t, under):
                    near = np.argsort(((place.mean(1) - spot) ** 2).sum(1))[:8]
                    share = barycentric(place[near], spot)
                    best = share.min(1).argmax()
                    corners.append(triangles[here][near[best]])
                    shares.append(share[best])
                    left.append(int(side == "left"))
                lower += [under] * 3
                faces += [[first + k for k in three] for three in ((0, 1, 2), (1, 3, 2), (2, 3, 4))]
    return Lashes(np.array(corners), np.array(shares), np.array(faces), np.array(lower), np.array(left))


def _blade(rng: np.random.Generator, t: float, under: int) -> Array:
    """[5, 2] places on a card: two at the root, two in the middle, one at the tip."""
    lean, reach = rng.normal() * 0.025, rng.uniform(0.55, 1.0) * _REACH[under]
    half = HALF_WIDTH[under]
    rows = ((0.02, half), (0.45 * reach, 0.7 * half), (reach, 0.0))
    spots = [(t + lean * s + sign * wide, s) for s, wide in rows for sign in ((-1, 1) if wide else (0,))]
    return np.clip(spots, 0.001, 0.999)


def barycentric(corners: Array, place: Array) -> Array:
    """[n, 3] shares of one place in triangles [n, 3, 2]."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    whole = _cross(b - a, c - a)
    whole = np.where(np.abs(whole) < 1e-12, 1e-12, whole)
    second, third = _cross(place - a, c - a) / whole, _cross(b - a, place - a) / whole
    return np.stack([1 - second - third, second, third], 1)


def _cross(a: Array, b: Array) -> Array:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
