"""Whether hair falls over the forehead of a picture, and the skin without it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.atlas import Atlas
from talkcli.engine.capture.hairs_on_skin import HAIRY_SKIN
from talkcli.engine.capture.photographed_skin import SeenSkin

_BAND, _ASIDE = (50.0, 65.0), 40.0
"""mm on the painters' head: heights between which foreheads are bare without a fringe, and how far from the
middle it is looked for."""

_BROWS = 42.0, 48.0
"""mm: heights over which skin that hair may hide begins."""


_BETWEEN, _TIP = (10.0, 30.0), 0.4
"""mm from the middle within which, and height above which, skin is between brows; hairiness from which on a
texel there is the end of a fringe."""


def fringe_seen(hairy: NDArray[np.float32], maps: Atlas) -> bool:
    """`hairy` [n]: `hairiness` of the skin."""
    at, (low, high) = maps.canvas.position, _BAND
    there = np.isfinite(hairy) & (at[:, 1] > low) & (at[:, 1] < high) & (np.abs(at[:, 0]) < _ASIDE)
    return bool(there.any() and np.median(hairy[there]) > HAIRY_SKIN)


def without_fringe(seen: SeenSkin, hairy: NDArray[np.float32], maps: Atlas) -> SeenSkin:
    """The same, not trusted above the brows, nor where hair hangs between them."""
    at, (low, high) = maps.canvas.position, _BROWS
    below = np.clip((high - at[:, 1]) / (high - low), 0, 1)
    tips = (np.abs(at[:, 0]) < _BETWEEN[0]) & (at[:, 1] > _BETWEEN[1]) & (np.nan_to_num(hairy) > _TIP)
    return seen._replace(trust=(seen.trust * np.where(maps.face, below * ~tips, 1)).astype(np.float32))
