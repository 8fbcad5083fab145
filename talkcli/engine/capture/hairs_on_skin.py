"""Hair that a picture shows on a face: beards and fringes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.atlas import Atlas
from talkcli.engine.capture.beard_places import beard_places
from talkcli.engine.capture.even_room import Texels
from talkcli.engine.capture.photographed_skin import SeenSkin

HAIRY_SKIN = 0.85
"""Median hairiness of a place from which on hair covers it. Of 33 studio people, by whom it was chosen,
cheeks, chin and upper lip have 1.0 and more where a beard grows, black or grey, 0.68 at most beside a goatee,
and 0.33 at most without; two foreheads have 1.5 and more under a fringe, and one without 0.1."""

_TRUSTED, _DARK = 0.4, 2e-3


def hairiness(seen: SeenSkin, own: Texels, maps: Atlas) -> NDArray[np.float32]:
    """[n] how much darker and how much less red a texel is than the cheeks below the eyes are, beside our own
    skin `own` [n, 3], linear; logarithms. NaN where the picture shows no face, and all over where it shows no
    cheek."""
    ratio = np.log(seen.light.clip(_DARK)) - np.log(own.clip(_DARK))
    dark = np.log(own.mean(1).clip(_DARK)) - np.log(seen.light.mean(1).clip(_DARK))
    grey = ratio[:, 2] - ratio[:, 0]
    known = maps.face & (seen.trust > _TRUSTED)
    cheeks = known & beard_places().skin
    if not cheeks.any():
        return np.full(len(dark), np.nan, np.float32)
    apart = [(part - np.median(part[cheeks])).clip(0) for part in (dark, grey)]
    return np.where(known, sum(apart), np.nan).astype(np.float32)
