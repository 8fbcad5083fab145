"""Whether a picture shows a full beard, which a skin seen from the front shows on the front alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from talkcli.engine.capture.atlas import Atlas
from talkcli.engine.capture.photographed_skin import SeenSkin, Texels
from talkcli.engine.studio.scanned.hair.beard_styles import BEARD_STYLES, beard_density

WORN_BEARD = "short-beard"
"""Of BEARD_STYLES: how long hair is, one picture hardly tells."""

_GROWN, _BARE = 0.6, 0.03
"""Density of a style from which on a place is its own, and up to which it is not."""

_BELOW_EYES, _ASIDE = 0.0, 12.0
"""mm on the painters' head: height below which, and way from the middle beyond which, cheeks are skin."""

_TRUSTED = 0.4
_BEARDED = -1.0
"""Median logarithm of the light of cheeks, chin and upper lip, beside our own skin's and the upper cheeks',
below which all three are hair. Of eleven studio people one with a full beard has -1.7 to -2.2; without one a
face in shade has -1.0 on a cheek, but -0.5 on the chin."""


class _Places(NamedTuple):
    """[n] texels of the face each."""

    parts: tuple[np.ndarray, ...]
    """Cheeks, chin, upper lip"""
    skin: np.ndarray


def beard_seen(seen: SeenSkin, own: Texels, maps: Atlas) -> Texels | None:
    """Linear light [3] of the full beard that a picture shows; None where it shows none. `own` [n, 3]: our
    own skin, linear."""
    places = _places(maps)
    ratio = np.log(seen.light.mean(1).clip(2e-3) / own.mean(1).clip(2e-3))
    known = maps.face & (seen.trust > _TRUSTED)
    if not all((part & known).any() for part in (*places.parts, places.skin)):
        return None
    middle = np.median(ratio[places.skin & known])
    if any(np.median(ratio[part & known]) - middle > _BEARDED for part in places.parts):
        return None
    return np.median(seen.light[places.parts[1] & known], 0)


def _places(maps: Atlas) -> _Places:
    canvas = maps.canvas
    at = canvas.position.astype(np.float64)
    whole, chin, lip = (
        beard_density(at, canvas.lip, canvas.lip_upper, BEARD_STYLES[name])
        for name in ("full", "goatee", "moustache")
    )
    cheeks = (whole > _GROWN) & (chin < _BARE) & (lip < _BARE)
    bare = (whole < _BARE) & (lip < _BARE) & (canvas.lip > 2)
    skin = maps.face & bare & (at[:, 1] < _BELOW_EYES) & (np.abs(at[:, 0]) > _ASIDE)
    parts = cheeks, (chin > _GROWN) & (lip < _BARE), lip > _GROWN
    return _Places(tuple(maps.face & part for part in parts), skin)
