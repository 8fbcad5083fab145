"""What gathered hair becomes behind the pole where it is tied: a tail that falls, a knot wound up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.hair.roots import unit_of
from talkcli.engine.studio.scanned.hair.styles import HairStyle

STRANDS = 1300

TAIL_LENGTH, TAIL_STEPS = 205.0, 26
"""mm, and in how many steps it falls."""

_MIDDLE = np.array([0.0, 40.0, -10.0])
"""mm: of the skull, from which a knot stands off."""

KNOT, TURNS = 27.0, 0.85
"""mm: radius of a knot; how often each hair of it goes round."""

BAND, KNOT_STANDS = 4.0, 5.0
"""mm over the scalp where hair is tied; from there to the middle of a knot."""


def _falling_tail(style: HairStyle, band: Array, chance: np.random.Generator) -> Array:
    """[STRANDS, nodes, 3] mm: up and back out of the band, then down, widest in the middle."""
    angle, out = chance.uniform(0, 2 * np.pi, STRANDS), np.sqrt(chance.random(STRANDS))
    disc = np.stack([np.cos(angle) * out, np.sin(angle) * out, np.zeros(STRANDS)], 1)
    here = band + 7.0 * disc
    way = unit_of(np.array([0.0, 0.45, -1.0]) + 0.35 * disc)
    length = TAIL_LENGTH * chance.uniform(0.72, 1.0, STRANDS) * (0.8 + 0.2 * out)
    line = [here]
    for step in range(TAIL_STEPS):
        t = step / TAIL_STEPS
        pull = np.array([0.0, -1.0, 0.10 * (1 - t)]) * (0.16 + 0.5 * t)
        spread = disc[:, [0, 2, 1]] * np.array([1.0, 0.0, -1.0]) * (0.10 - 0.22 * t)
        way = unit_of(way + pull + spread + 0.015 * chance.normal(size=way.shape))
        line.append(line[-1] + way * (length / TAIL_STEPS)[:, None])
    at = np.round(np.linspace(0, TAIL_STEPS, style.nodes)).astype(int)
    return np.stack(line, 1)[:, at]


def _knot(style: HairStyle, band: Array, chance: np.random.Generator) -> Array:
    """[STRANDS, nodes, 3] mm: wound from the rim to the middle of half a ball."""
    t = np.linspace(0, 1, style.nodes)[None]
    start = chance.uniform(0, 2 * np.pi, (STRANDS, 1))
    rise = np.clip(chance.uniform(-0.35, 1.0, (STRANDS, 1)) + 0.35 * t, -0.35, 1.15)
    around = start + 2 * np.pi * TURNS * t * chance.uniform(0.7, 1.0, (STRANDS, 1))
    wave = 1 + 0.07 * np.sin(3 * around + 5 * rise)
    radius = KNOT * chance.uniform(0.86, 1.0, (STRANDS, 1)) * wave
    flat = np.cos(rise)
    way = np.stack([np.cos(around) * flat, np.sin(around) * flat, -0.8 * np.sin(rise)], -1)
    out = unit_of(band - _MIDDLE)
    right = np.array([1.0, 0.0, 0.0])
    axes = np.stack([right, np.cross(right, out), -out])
    return band + KNOT_STANDS * out + radius[..., None] * (way @ axes)


TAILS: Mapping[str, Callable[[HairStyle, Array, np.random.Generator], Array]] = {
    "tail": _falling_tail,
    "knot": _knot,
}
"""Of a style, of where its hair is tied, mm [3]."""
