"""Beard styles: the numbers that each follows from, and where on a face it grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.studio import noise
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.noise import smooth

CHEEK_LINE = ([0, 8, 16, 24, 34, 50, 64, 70], [-24, -24, -26, -29, -31, -25, 20, 26])
"""mm on the painters' head: above these heights, at these distances from the middle, no beard grows."""

MOUSTACHE_LINE = ([0, 15, 22, 33], [-46, -47, -62, -68])
"""mm likewise: a moustache grows above these heights, beside the mouth down to the beard."""


@dataclass(frozen=True)
class BeardStyle:
    count: int
    chin: float
    """mm that hair is long at the chin; less on the cheeks."""
    cheek: float
    moustache: float
    """mm at the ends of the moustache; 0 for none."""
    reach: float
    """mm from the middle to which hair grows on chin and jaw; 0 for a moustache alone."""


BEARD_STYLES: Mapping[str, BeardStyle] = {
    "full": BeardStyle(9500, 19.0, 7.0, 9.0, 99.0),
    "short-beard": BeardStyle(6800, 7.0, 4.0, 5.0, 99.0),
    "goatee": BeardStyle(2800, 14.0, 7.0, 9.0, 21.0),
    "moustache": BeardStyle(1400, 0.0, 0.0, 11.0, 0.0),
}


def under_the_nose(x: Array, lips: NDArray[np.floating], upper: NDArray[np.floating]) -> NDArray[np.bool_]:
    """[n] whether places so far, mm, from the middle, and on the lips' side told by `beard_density`, are a
    moustache's."""
    return (upper > 0.5) & (x < 33) & (lips < 2.6)


def beard_density(
    places: Array, lips: NDArray[np.floating], upper: NDArray[np.floating], style: BeardStyle
) -> Array:
    """[n] 0..1, how densely a beard grows at places [n, 3] mm on the painters' head; `lips` [n] is 1 on their
    border and more beyond, `upper` [n] 1 on the upper lip's side."""
    x, y, z = np.abs(places[:, 0]), places[:, 1], places[:, 2]
    wander = 3 * noise.octaves((places / 12).astype(np.float32), 2, 72)
    wander += 2 * noise.octaves((places / 3.5).astype(np.float32), 2, 73)
    above = np.interp(x, *CHEEK_LINE)
    off_lips = smooth(lips + 0.04 * wander, 1.02, 1.5)
    whole = (
        smooth(y + 0.9 * wander, above + 9, above - 20) * smooth(y + wander, -124, -104) * smooth(z, -4, 14)
    )
    near_lip = under_the_nose(x, lips, upper)
    jaw = smooth(x, style.reach, style.reach - 6) if style.reach else np.zeros_like(x)
    bare = 1 - 0.8 * np.exp(-((x / 8) ** 2) - ((y + 60) / 3) ** 2)
    below = np.interp(x, *MOUSTACHE_LINE)
    moustache = near_lip * smooth(x, 34, 31) * smooth(y, below - 6, below) if style.moustache else 0.0
    joins = near_lip * (smooth(x, 28, 18) if style.moustache else 1.0)
    return np.asarray(off_lips * np.maximum(whole * jaw * bare * (1 - joins), moustache), np.float64)
