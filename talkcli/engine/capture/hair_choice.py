"""Hair and cloth chosen from a picture: a person's outline, and colours where hair and cloth would be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.landmark_sets import BROW_POINTS, CHIN, FOREHEAD
from talkcli.engine.rendering.textures import linear
from talkcli.engine.studio.arrays import Array

Light = NDArray[np.float32]

TEMPLES, EARS = (127, 356), (234, 454)
"""Points at either side: beside the eyes, and before the ears."""

BALD_BELOW = 0.19
"""Share of the person's places over the forehead that are hair, below which there is none."""

PUREST = 60
"""Percentile of how unlike skin places over the forehead are, from which on they show hair alone."""

PAST_CHEEKS = (0.50, 0.85)
"""Widths of the face from its middle between which hair falls past the cheeks; beards end before."""

FALLS = 0.05
"""Heights of the face between the rows that are looked at, from below the ears downwards."""

HAIRS_FALLING = 3
"""Places of a row that are hair where some falls."""

STYLES = ((0.25, "short"), (0.55, "bob"), (np.inf, "long"))
"""How far below the ears hair falls without a gap, in heights of the face, up to which a style is the
nearest."""

FRINGED, LEAST_FRINGED = "fringe", 0.1
"""The style of hair over the forehead that falls less than long hair, and at least as far as this."""

CROPPED, FLAT = "cropped", 0.017
"""The style of short hair that stands off the head by less than so many heights of the face, 3 mm: it is
cropped, or combed back."""

AFRO, ALL_ROUND = "afro", (0.14, 0.13)
"""The style of short hair that stands off the head by more than so many heights of the face at the crown, and
at both sides: straight hair lies flat there, if less so on real people (0.127 at most, six pictures of
three) than on ours (afros 0.137 at least, six)."""

CROWN_CUT_OFF = 0.5
"""Share of the places over the forehead beyond the picture from which on it does not show whether there is
hair: it is short then, in the colour of the brows."""

_BESIDE = (0.0, 0.12)
"""Heights of the face above the top of the forehead between which it is seen how far hair stands off at the
sides."""

_CROWN, _NEAR = 0.25, 0.04
"""Widths of the face to either side within which it is seen how far hair stands off the head, and beside each
place within which the bare head is looked for."""

BLACK, WARM = 0.03, np.array([1.4, 0.9, 0.7], np.float32)
"""Light of hair below which its hue is noise, and what is taken for it then: that of our black hair."""

ALIKE_HAIR = 0.7
"""Of the logarithm of its light, how far a colour is from the hair's that is still it."""

PERSON, WELL_INSIDE = 0.5, 0.9
"""How surely a pixel is the person's that is looked at, and that tells of hair: what stands behind its edge
is as unlike skin as hair is."""

FEW = 8
"""Places of hair that tell its colour at least."""


class Outward(NamedTuple):
    style: str
    """Of HAIR_STYLES"""
    hair: Light
    """[3] linear, as the picture shows it"""
    cloth: Light | None
    """[3] the same; None where the picture ends above"""


class _Axes(NamedTuple):
    """Of a face in a picture."""

    top: Array
    """[2] of the forehead, pixels"""
    up: Array
    side: Array
    """[2] both of unit length"""
    tall: float
    wide: float
    """Pixels"""


def _axes(points: Array) -> _Axes:
    top, chin = points[FOREHEAD], points[CHIN]
    tall = float(np.linalg.norm(top - chin))
    up = (top - chin) / tall
    wide = float(np.linalg.norm(points[TEMPLES[0]] - points[TEMPLES[1]]))
    return _Axes(top, up, np.array([-up[1], up[0]]), tall, wide)


def _squares(light: Light, at: Iterable[Array]) -> Light:
    """[n, 3] means of squares of 3 pixels about places."""
    squares = [light[y - 1 : y + 2, x - 1 : x + 2].mean((0, 1)) for x, y in at]
    return np.array(squares, np.float32).reshape(-1, 3)


def _darkest(found: Light, skin: Light) -> Light:
    """[3] of the darkest quarter of colours [n, 3]; skin in shade where there are none."""
    if not len(found):
        return skin * np.float32(0.25)
    return np.median(found[np.argsort(found.mean(1))[: len(found) // 4 + 1]], 0)


def hair_height(points: Array, mask: NDArray[np.float32], head: Array) -> float:
    """How far the person stands over their bare `head` [n, 2], whose points are pixels, at the crown; heights
    of the face."""
    axes = _axes(points)
    across = np.linspace(-_CROWN, _CROWN, 11) * axes.wide
    return _standing_off(axes, axes.up, axes.side, across, mask, head)


def hair_width(points: Array, mask: NDArray[np.float32], head: Array) -> float:
    """The same above the temples, on the side where it is less."""
    axes = _axes(points)
    along = np.linspace(*_BESIDE, 7) * axes.tall
    return min(_standing_off(axes, sign * axes.side, axes.up, along, mask, head) for sign in (-1, 1))


def _standing_off(
    axes: _Axes, way: Array, beside: Array, places: Array, mask: NDArray[np.float32], head: Array
) -> float:
    """How much further the person reaches one `way` from places `beside` the top of the forehead than their
    bare head does, in the middle of all; heights of the face."""
    height, width = mask.shape
    along, across, over = (head - axes.top) @ way, (head - axes.top) @ beside, []
    for place in places:
        start, reached = axes.top + place * beside, 0
        while True:
            x, y = (start + reached * way).astype(int)
            if not (0 <= x < width and 0 <= y < height and mask[y, x] > PERSON):
                break
            reached += 1
        over.append(reached - along[np.abs(across - place) < _NEAR * axes.wide].max(initial=-np.inf))
    return float(np.median(over)) / axes.tall


def dressing_in(
    picture: NDArray[np.uint8],
    points: Array,
    mask: NDArray[np.float32],
    skin: Light,
    head: Array,
    fringe: bool = False,
) -> Outward:
    """From points [478, 2], how surely each pixel is the person's, the skin's linear colour [3], the bare
    head's points [n, 2] in the picture, and whether hair covers the forehead."""
    light, (height, width) = linear(picture), mask.shape
    top, up, side, tall, wide = _axes(points)
    chin = points[CHIN]

    def spots(middle: Array, across: list[float], along: list[float]) -> NDArray[np.int64]:
        """[n, 2] pixels of the places about a point, in widths and heights of the face."""
        return np.array(
            [(middle + a * wide * side + b * tall * up).astype(int) for a in across for b in along]
        )

    def inside(at: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.all((at >= 1) & (at < [width - 1, height - 1]), axis=-1)

    def colours(middle: Array, across: list[float], along: list[float], sure: float = PERSON) -> Light:
        """[n, 3] of the places about a point, in widths and heights of the face, that are as surely the
        person's."""
        at = spots(middle, across, along)
        return _squares(light, [place for place in at[inside(at)] if mask[place[1], place[0]] > sure])

    def other_than_skin(found: Light) -> NDArray[np.bool_]:
        ratio = np.log((found + 0.003) / (skin + 0.003))
        hue = np.abs(ratio - ratio.mean(-1, keepdims=True)).max(-1)
        return (ratio.mean(-1) < -0.7) | (hue > 0.35)

    across, along = list(np.linspace(-0.3, 0.3, 13)), list(np.linspace(0.04, 0.3, 14))
    crown, sure = (colours(top, across, along, how) for how in (PERSON, WELL_INSIDE))
    inked, own = crown[other_than_skin(crown)], sure[other_than_skin(sure)]
    cut_off = inside(spots(top, across, along)).mean() < 1 - CROWN_CUT_OFF
    if cut_off or len(inked) <= BALD_BELOW * len(crown):
        style, hair = "bald", skin * np.float32(0.25)
        if cut_off:
            brows = points[list(BROW_POINTS)].astype(int)
            style, hair = STYLES[0][1], _darkest(_squares(light, brows[inside(brows)]), skin)
    else:
        own = own if len(own) >= FEW else inked
        unlike = np.abs(np.log((own + 0.003) / (skin + 0.003))).max(-1)
        hair = np.median(own[unlike >= np.percentile(unlike, PUREST)], 0)
        ears, places = points[list(EARS)].mean(0), list(np.linspace(*PAST_CHEEKS, 8))
        falls = 0.0
        while falls < STYLES[-2][0]:
            row = colours(ears, [*(-a for a in places), *places], [-0.1 - falls])
            if (np.abs(np.log((row + 0.01) / (hair + 0.01))).max(-1) < ALIKE_HAIR).sum() < HAIRS_FALLING:
                break
            falls += FALLS
        style = next(name for most, name in STYLES if falls < most)
        if fringe and LEAST_FRINGED <= falls < STYLES[-2][0]:
            style = FRINGED
        elif style == STYLES[0][1]:
            stands, beside = (how(points, mask, head) for how in (hair_height, hair_width))
            round_about = stands > ALL_ROUND[0] and beside > ALL_ROUND[1]
            style = CROPPED if stands < FLAT else AFRO if round_about else style
        hue = np.clip(hair.mean() / BLACK, 0, 1)
        hair = hair * hue + hair.mean() * WARM * (1 - hue)
    shoulders = colours(chin, list(np.linspace(-0.7, 0.7, 15)), list(np.linspace(-0.7, -0.5, 5)))
    cloth = np.median(shoulders, 0) if len(shoulders) > 15 else None
    return Outward(style, hair.astype(np.float32), cloth)
