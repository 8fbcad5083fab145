"""Where the lower lip ends in the pictures of a film: a detector takes a tongue or teeth that lie against it
for the lip.

What somebody's lip looks like is told by the pictures in which it is shut, and what lies behind it by the
middle of the mouth where it is open. Along lines across the mouth every place is then rather the one or
rather the other, and the lip begins where that changes; where both look alike the detector is believed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.landmark_sets import MIDDLE_LIPS
from talkcli.engine.capture.sight import LIPS_SHUT, eye_distances
from talkcli.engine.studio.arrays import Array

LINES = (
    (40, 80, 88, 91), (39, 81, 178, 181), (37, 82, 87, 84), (0, 13, 14, 17), (267, 312, 317, 314),
    (269, 311, 402, 405), (270, 310, 318, 321),
)  # fmt: skip
"""Points from the outer edge of the upper lip over both inner edges to the outer one of the lower lip."""

_BESIDE = (95, 324)
"""Points of the lower lip's inner edge beside the first and the last line."""

LINE_ROWS, _BEYOND = 64, 0.08
"""Places along a line, and eye distances that it goes on beyond the outer edges."""

_TAPS, _TAPS_APART = 5, 0.01
"""Over how many places, beside each other, colours are averaged; eye distances between them."""

SHUT_PICTURES, OPEN_PLACES = 4, 400
"""That a film must show at least to tell lips from what lies between them."""

_OPEN, _MIDDLE = 0.05, 0.15
"""Eye distances between lips that are surely open, and shares above and below that are not the middle."""

_SHUT_LIP = (0.015, 0.10)
"""Eye distances below the line where shut lips meet, between which there is lip."""

_COLOURS = ((-0.2, 1.2, 20), (-0.7, 0.3, 18), (-3.0, 1.6, 24))
"""Logarithms of red and of blue to green, and of brightness to that above the upper lip: from, to, bins."""
_DARK = 8
"""Bytes added to all colours, so that noise of dark ones counts less."""
_RARE, _MOST = 1e-4, 1.5
"""Share of places below which a colour tells nothing, and the logarithm of odds that one place tells."""

_EVIDENCE, _BELOW = 30.0, 0.06
"""Places an eye distance that err each for itself, and how far below its edge a lip is looked at."""

_FARTHEST, _STEP, _OFF, _UNLIKE = 0.12, 0.004, 0.05, 0.008
"""Eye distances: a lip's edge is sought so far from where the detector has it, in such steps; how far off the
detector is, and how much otherwise on the next line."""

_FULLY_OPEN = 0.02
"""Eye distances beyond LIPS_SHUT from which on the edge is where it is seen."""

_FOLLOWS = 0.5
"""Of the move of an edge that the lip's outer edge makes, too, and the point beside the lines."""

Lines = NDArray[np.uint8]
"""[lines, LINE_ROWS, 3] sRGB along the lines of a mouth."""


@dataclass(frozen=True)
class _Across:
    """Where lines lie in the pictures, and what is known to lie on them; n of them."""

    start: Array
    """[n, lines, 2] pixels"""
    stop: Array
    unit: Array
    """[n] pixels of an eye distance"""
    upper: Array
    """[n, lines] rows of the inner edges, as the detector has them"""
    lower: Array
    per_eye: Array
    """[n, lines] rows of an eye distance"""
    gap: Array
    """[n] eye distances between lips"""

    @property
    def shut(self) -> NDArray[np.bool_]:
        return self.gap < LIPS_SHUT


def mouth_lines(picture: NDArray[np.uint8], points: Array) -> Lines:
    """The colours along the lines of the mouth of a face [points, 2]."""
    across = _across(points[None])
    share = np.linspace(0, 1, LINE_ROWS)[:, None]
    places = across.start[0][:, None] * (1 - share) + across.stop[0][:, None] * share
    aside = points[LINES[-1][1]] - points[LINES[0][1]]
    aside *= _TAPS_APART * across.unit[0] / max(float(np.linalg.norm(aside)), 1e-9)
    taps = np.arange(_TAPS) - _TAPS // 2
    column, row = (places[:, :, None] + taps[:, None] * aside).round().astype(int).transpose(3, 0, 1, 2)
    height, width = picture.shape[:2]
    colours = picture[row.clip(0, height - 1), column.clip(0, width - 1)]
    return (colours.sum(2, dtype=np.uint16) // _TAPS).astype(np.uint8)


def with_seen_lips(points: Array, lines: Lines) -> Array:
    """The detector's points [n, points, 2] of one face in pictures of a scene, the lower lip's edge where it
    is seen on `lines` [n, lines, LINE_ROWS, 3]; as they are where pictures do not tell lips from mouth."""
    across = _across(points)
    inside, lip = _surely_inside(across), _surely_lip(across)
    if across.shut.sum() < SHUT_PICTURES or inside.sum() < OPEN_PLACES:
        return points
    moves = _moves(_odds(_colours(lines), inside, lip), across)
    open_ = np.clip((across.gap - LIPS_SHUT) / _FULLY_OPEN, 0, 1)
    down = (across.stop - across.start) / np.linalg.norm(across.stop - across.start, axis=-1, keepdims=True)
    moved = (moves * (open_ * across.unit)[:, None])[..., None] * down
    _, _, inner, outer = np.array(LINES).T
    seen = points.copy()
    seen[:, inner] += moved
    seen[:, outer] += _FOLLOWS * moved
    seen[:, list(_BESIDE)] += _FOLLOWS * moved[:, [0, -1]]
    return seen


def _across(points: Array) -> _Across:
    unit = eye_distances(points)
    first, upper, lower, last = (points[:, list(column)] for column in zip(*LINES, strict=True))
    along = last - first
    long = np.maximum(np.linalg.norm(along, axis=-1), 1e-6)
    along /= long[..., None]
    further = _BEYOND * unit[:, None]
    per_pixel = (LINE_ROWS - 1) / (long + 2 * further)
    start, stop = first - further[..., None] * along, last + further[..., None] * along
    edges = [((each - start) * along).sum(-1) * per_pixel for each in (upper, lower)]
    above, below = np.array(MIDDLE_LIPS).T
    gap = np.linalg.norm(points[:, below] - points[:, above], axis=-1).mean(1) / unit
    return _Across(start, stop, unit, edges[0], edges[1], per_pixel * unit[:, None], gap)


def _surely_inside(across: _Across) -> NDArray[np.bool_]:
    """[n, lines, LINE_ROWS] the middles of open mouths."""
    rows, most = np.arange(LINE_ROWS), _MIDDLE * (across.lower - across.upper)
    between = (rows > (across.upper + most)[..., None]) & (rows < (across.lower - most)[..., None])
    return between & (across.gap > _OPEN)[:, None, None]


def _surely_lip(across: _Across) -> NDArray[np.bool_]:
    """[n, lines, LINE_ROWS] shut lower lips."""
    meet = (across.upper + across.lower) / 2
    below = (np.arange(LINE_ROWS) - meet[..., None]) / across.per_eye[..., None]
    return (below > _SHUT_LIP[0]) & (below < _SHUT_LIP[1]) & across.shut[:, None, None]


def _colours(lines: Lines) -> NDArray[np.intp]:
    """[n, lines, LINE_ROWS] the bin of each place's colour."""
    bright = lines.astype(np.float32) + _DARK
    grey = np.log(bright.mean(-1))
    skin = np.median(grey[:, :, : LINE_ROWS // 16], axis=(1, 2), keepdims=True)
    told = np.log(bright[..., 0] / bright[..., 1]), np.log(bright[..., 2] / bright[..., 1]), grey - skin
    bins = [
        np.clip((each - low) / (high - low) * count, 0, count - 1).astype(int)
        for each, (low, high, count) in zip(told, _COLOURS, strict=True)
    ]
    return np.ravel_multi_index(bins, [count for _, _, count in _COLOURS])


def _odds(colours: NDArray[np.intp], inside: NDArray[np.bool_], lip: NDArray[np.bool_]) -> Array:
    """[n, lines, LINE_ROWS] logarithm of the odds that a place lies between the lips and not on one."""
    from scipy.ndimage import gaussian_filter  # a second to load, for films alone

    shape = [count for _, _, count in _COLOURS]

    def share(where: NDArray[np.bool_]) -> Array:
        counted = np.bincount(colours[where], minlength=int(np.prod(shape))).reshape(shape)
        return gaussian_filter(counted / counted.sum(), 1.0).reshape(-1)

    odds = np.log((share(inside) + _RARE) / (share(lip) + _RARE))
    return np.clip(odds, -_MOST, _MOST)[colours]


def _moves(odds: Array, across: _Across) -> Array:
    """[n, lines] eye distances down the lines from the detector's edge to where it is likely."""
    told = np.concatenate([np.zeros((*odds.shape[:2], 1)), odds.cumsum(-1)], -1) / across.per_eye[..., None]
    moves = np.arange(-_FARTHEST, _FARTHEST + _STEP / 2, _STEP)

    def up_to(rows: Array) -> Array:
        place = np.clip(rows + 0.5, 0, LINE_ROWS)
        before = np.minimum(place.astype(int), LINE_ROWS - 1)
        part, onward = (np.take_along_axis(told, before + step, -1) for step in (0, 1))
        return part + (place - before) * (onward - part)

    edge = across.lower[..., None] + moves * across.per_eye[..., None]
    here = up_to(edge)
    likely = _EVIDENCE * (2 * here - up_to(edge + _BELOW * across.per_eye[..., None]))
    likely -= 0.5 * (moves / _OFF) ** 2
    return _linked(np.exp(likely - likely.max(-1, keepdims=True)), moves) @ moves


def _linked(alone: Array, moves: Array) -> Array:
    """[n, lines, moves] probabilities of moves, of lines that each alone and its neighbours tell of."""
    goes_on = np.exp(-0.5 * ((moves[:, None] - moves) / _UNLIKE) ** 2)

    def passed(lines: Array) -> list[Array]:
        """What the lines before each say of it."""
        said = [np.ones_like(lines[:, 0])]
        for line in range(lines.shape[1] - 1):
            onward = (said[-1] * lines[:, line]) @ goes_on
            said.append(onward / onward.sum(-1, keepdims=True))
        return said

    both = np.stack(passed(alone), 1) * np.stack(passed(alone[:, ::-1])[::-1], 1) * alone
    return both / both.sum(-1, keepdims=True)
