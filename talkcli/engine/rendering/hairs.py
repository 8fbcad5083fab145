"""Hair near by: every ribbon of a few strands becomes hairs of their own, which differ in way, length and
colour, draw together in locks, and of which some fly away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import KDTree
from torch import Tensor

from talkcli.engine.face.worn import Worn
from talkcli.engine.rendering.strands import across_of, chances

_Floats = NDArray[np.float64]

HAIR_WIDTH, MOST_HAIRS, OVERLAP = 0.00024, 4, 1.25
"""Metres of a ribbon's width for each of its hairs; how many those are at most; how much wider together."""

DOWNY = 0.6
"""How wide what stands alone at hairlines is beside what it was."""

ROOTED, SHADED_ROOTS = 0.03, ((0.0, 0.3, 1.0), (0.74, 0.88, 1.0))
"""Metres from its root within which a hair is darker, at most its length; there, how bright, of its sRGB."""

FLYAWAYS, THINNER_BY = 0.045, 0.4
"""Share of longer hairs that fly away, and how wide they are beside others."""

BENT, MOST_BENT = 0.012, 0.0007
"""How far a hair strays from its ribbon's way, of its length, and metres at most; flyaways 3 to 8 times."""

CUT_AT_MOST, LATE, UNCUT = 0.22, 0.009, 0.012
"""Share of its length that a hair lacks at its tip at most; metres by which it begins late, so that hairlines
are no rows of roots; metres of cropped hair, which does neither."""

LOCK_HAIRS, DRAWN_TOGETHER, REACHED = 22, 0.7, 0.008
"""Ribbons of a lock; share of the way to its middle that ends go, and metres at most."""

LOCK_SWELLS, LOCK_RISE = 0.0025, 0.016
"""Metres by which a lock's middle stands out over its border at most, and of the length beyond NO_LOCKS."""

NO_LOCKS = 0.025
"""Metres of hair up to which there are no locks; twice as long is as locked as can be."""


def hairs_of(worn: Worn, neutral: NDArray[np.float32]) -> Worn:
    """Strands on a head whose vertices are `neutral` [V, 3] as more and thinner ones; the same each time."""
    assert worn.widths is not None
    ribbons = worn.points.double().numpy().reshape(-1, worn.nodes, 3)
    widths = worn.widths.double().numpy()
    each = np.clip(np.round(widths / HAIR_WIDTH), 1, MOST_HAIRS).astype(int)
    parent = np.repeat(np.arange(len(ribbons)), each)
    number = np.arange(len(parent))
    place = number - np.repeat(np.cumsum(each) - each, each)
    side, outward = across_of(ribbons, neutral)
    lines, lock, middle = _locked(ribbons, outward)
    length, wide, t = _lengths(ribbons)[parent], widths[parent], np.linspace(0, 1, worn.nodes)
    flies = (chances(number, 11) < FLYAWAYS) & (length > NO_LOCKS / 2)
    stray = np.where(flies, 3 + 5 * chances(number, 13) ** 2, 1.0) * np.minimum(MOST_BENT, BENT * length)
    aside = wide * OVERLAP * ((place + 0.15 + 0.7 * chances(number, 10)) / each[parent] - 0.5)
    high = _normal(number, 30)
    lift = 0.22 * (wide * high)[:, None] * np.minimum(6 * t, 1)
    along = aside[:, None] + stray[:, None] * _wandering(number, 20, length, t)
    rise = 0.8 * _wandering(number, 40, length, t) + np.where(flies, 1.2, 0.0)[:, None] * t**1.3
    above = lift + stray[:, None] * rise
    hairs = lines[parent] + along[..., None] * side[parent] + above[..., None] * outward[parent]
    some = np.clip(length / UNCUT - 1, 0, 1)
    begun = chances(number, 51) ** 2 * some * np.minimum(LATE / np.maximum(length, 1e-6), 0.25)
    hairs = _part(hairs, begun, 1 - CUT_AT_MOST * some * chances(number, 50) ** 2)
    shade = 0.14 * _normal(number, 60) + 0.12 * high
    shade += (0.12 * (2 * chances(lock, 90) - 1) + 0.30 * (middle - 0.5))[parent]
    warm = 0.05 * _normal(number, 70)
    tint = worn.colour.numpy()[parent * len(worn.colour) // len(ribbons)].astype(np.float64)
    tint *= np.exp(shade)[:, None] * np.stack([1 + warm, np.ones_like(warm), 1 - warm], 1)
    away = t * (length / np.minimum(length, ROOTED))[:, None]
    tint = tint[:, None] * np.interp(away, *SHADED_ROOTS)[..., None]
    own = np.where(each == 1, DOWNY, np.minimum(OVERLAP / each, 1.0))[parent] * wide
    own *= 0.8 + 0.4 * chances(number, 80)
    return replace(
        worn,
        points=torch.from_numpy(hairs.reshape(-1, 3)).float(),
        carriers=_of_each(worn.carriers, len(ribbons), parent),
        shares=_of_each(worn.shares, len(ribbons), parent),
        colour=torch.from_numpy(np.clip(tint + 0.5, 0, 255).astype(np.uint8).reshape(-1, 3)),
        widths=torch.from_numpy(own * np.where(flies, THINNER_BY, 1.0)).float(),
    )


def _locked(lines: _Floats, outward: _Floats) -> tuple[_Floats, NDArray[np.int64], _Floats]:
    """Lines that are drawn together towards their ends, each to that of its lock; which lock each is in, and
    how near its middle, 0 at its border to 1."""
    count, nodes = lines.shape[:2]
    leads = np.flatnonzero(chances(np.arange(count), 91) < 1 / LOCK_HAIRS)
    if len(leads) < 2:
        return lines, np.zeros(count, np.int64), np.full(count, 0.5)
    shape = lines[:, [nodes // 4, nodes // 2, -1]].reshape(count, -1)
    far, nearest = map(np.asarray, KDTree(shape[leads]).query(shape, 2))
    lock, middle = nearest[:, 0], 1 - far[:, 0] / np.maximum(far[:, 1], 1e-9)
    long = _lengths(lines)
    away, t = lines[leads[lock]] - lines, np.linspace(0, 1, nodes)[:, None]
    share = DRAWN_TOGETHER * (0.3 + 0.7 * chances(lock, 92)) * np.clip(long / NO_LOCKS - 1, 0, 1)
    share = share[:, None, None] * np.clip((t - 0.1) / 0.9, 0, 1) ** 1.2
    share /= np.maximum(np.linalg.norm(away, axis=2, keepdims=True) / REACHED, 1)
    swell = np.clip(LOCK_RISE * (long - NO_LOCKS), 0, LOCK_SWELLS) * (middle - 0.5)
    return lines + share * away + swell[:, None, None] * np.minimum(3 * t, 1) * outward, lock, middle


def _lengths(lines: _Floats) -> _Floats:
    return np.linalg.norm(np.diff(lines, axis=1), axis=2).sum(1)


def _normal(number: NDArray[np.int64], kind: int) -> _Floats:
    """A chance of each number's own with mean 0 and deviation 1, nearly normal."""
    return 2 * (chances(number, kind) + chances(number, kind + 1) + chances(number, kind + 2) - 1.5)


def _wandering(number: NDArray[np.int64], kind: int, length: _Floats, t: _Floats) -> _Floats:
    """[n, nodes] how far each strays from its way, about 1 at its tip: a wave, and to one side."""
    phase = 2 * np.pi * chances(number, kind)[:, None]
    waves = (1 + 1.2 * chances(number, 12)) * np.minimum(length / 0.05, 2)
    wave = np.sin(phase + 2 * np.pi * waves[:, None] * t) - np.sin(phase)
    return (wave + _normal(number, kind + 1)[:, None]) * t**1.3


def _part(lines: _Floats, first: _Floats, last: _Floats) -> _Floats:
    """Lines with as many points over only a part of them, from a share of their points to another."""
    nodes = lines.shape[1]
    at = (nodes - 1) * (first[:, None] + (last - first)[:, None] * np.linspace(0, 1, nodes))
    low = np.minimum(at.astype(int), nodes - 2)
    share, rows = (at - low)[..., None], np.arange(len(lines))[:, None]
    return (1 - share) * lines[rows, low] + share * lines[rows, low + 1]


def _of_each(rows: Tensor, strands: int, parent: NDArray[np.int64]) -> Tensor:
    """Rows that strands share or have, as rows of those that come of them."""
    if len(rows) < strands:
        rows = rows.repeat_interleave(strands // max(1, len(rows)), 0)
    return rows.view(strands, -1, rows.shape[1])[torch.from_numpy(parent)].flatten(0, 1)
