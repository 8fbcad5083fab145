"""Hair and cloth chosen from a picture: a person's outline, and colours where hair and cloth would be."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.landmark_sets import CHIN, FOREHEAD
from talkcli.engine.rendering.textures import linear
from talkcli.engine.studio.arrays import Array

Light = NDArray[np.float32]

TEMPLES, JAWS = (127, 356), (172, 397)
"""Points at either side: beside the eyes, and at the corners of the jaw."""

BALD_BELOW = 0.25
"""Share of the places over the forehead that are hair, below which there is none."""

STYLES = ((0.5, "short"), (1.2, "bob"), (np.inf, "long"))
"""How much hair falls beside the jaw and below it (0 to 2), up to which a style is the nearest."""

BESIDE_JAW = ((0.60, 0.66, 0.72), [-0.15, 0.0, 0.15])
BELOW_JAW = ((0.42, 0.5, 0.6), [-0.3, -0.4, -0.5])
"""Places in widths of the face to either side of the jaw's middle and heights above it: beards, collars and
hair lie about there."""

HANGS = 0.5
"""Share of those beside the jaw that are hair, without which none hangs."""

PERSON = 0.6
"""How surely a pixel is the person's that is looked at."""


class Outward(NamedTuple):
    style: str
    """Of HAIR_STYLES"""
    hair: Light
    """[3] linear, as the picture shows it"""
    cloth: Light | None
    """[3] the same; None where the picture ends above"""


def dressing_in(picture: NDArray[np.uint8], points: Array, mask: NDArray[np.float32], skin: Light) -> Outward:
    """From points [478, 2], how surely each pixel is the person's, and the skin's linear colour [3]."""
    light, (height, width) = linear(picture), mask.shape
    top, chin = points[FOREHEAD], points[CHIN]
    up = (top - chin) / np.linalg.norm(top - chin)
    side = np.array([-up[1], up[0]])
    tall = float(np.linalg.norm(top - chin))
    wide = float(np.linalg.norm(points[TEMPLES[0]] - points[TEMPLES[1]]))

    def colours(middle: Array, across: list[float], along: list[float]) -> Light:
        """[n, 3] of the places about a point, in widths and heights of the face, that are the person's."""
        out = []
        for a in across:
            for b in along:
                x, y = (middle + a * wide * side + b * tall * up).astype(int)
                if 1 <= x < width - 1 and 1 <= y < height - 1 and mask[y, x] > PERSON:
                    out.append(light[y - 1 : y + 2, x - 1 : x + 2].mean((0, 1)))
        return np.array(out, np.float32).reshape(-1, 3)

    def other_than_skin(found: Light) -> NDArray[np.bool_]:
        ratio = np.log((found + 0.003) / (skin + 0.003))
        hue = np.abs(ratio - ratio.mean(-1, keepdims=True)).max(-1)
        return (ratio.mean(-1) < -0.7) | (hue > 0.35)

    across, along = list(np.linspace(-0.25, 0.25, 11)), list(np.linspace(0.06, 0.22, 9))
    crown = colours(top, across, along)
    inked = crown[other_than_skin(crown)]
    if len(inked) < BALD_BELOW * len(across) * len(along):
        style, hair = "bald", skin * np.float32(0.25)
    else:
        hair = np.median(inked, 0)
        jaw = points[list(JAWS)].mean(0)
        beside, below = (
            _share_alike(
                colours(jaw, [-c, -b, -a, a, b, c], heights), hair, other_than_skin, 6 * len(heights)
            )
            for (a, b, c), heights in (BESIDE_JAW, BELOW_JAW)
        )
        falls = beside + below if beside > HANGS else 0.0
        style = next(name for most, name in STYLES if falls < most)
    shoulders = colours(chin, list(np.linspace(-0.7, 0.7, 15)), list(np.linspace(-0.7, -0.5, 5)))
    cloth = np.median(shoulders, 0) if len(shoulders) > 15 else None
    return Outward(style, hair.astype(np.float32), cloth)


def _share_alike(
    found: Light, hair: Light, other_than_skin: Callable[[Light], NDArray[np.bool_]], places: int
) -> float:
    """Share of places whose colours are like the hair's."""
    alike = np.abs(np.log((found + 0.01) / (hair + 0.01))).max(-1) < 0.9
    return float((alike & other_than_skin(found)).sum() / places)
