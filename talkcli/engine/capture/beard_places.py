"""Where beards grow on the built-in head's skin, and that skin shaven."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.atlas import skin_atlas
from talkcli.engine.once import once
from talkcli.engine.studio.scanned.hair.beard_styles import BEARD_STYLES, beard_density

_HIGHEST = 30.0
"""mm: height on the painters' head above which no beard grows."""

_GROWN, _BARE = 0.6, 0.03
"""Density of a style from which on a place is its own, and up to which it is not."""

_BELOW_EYES, _ASIDE = 0.0, 12.0
"""mm on the painters' head: height below which, and way from the middle beyond which, cheeks are skin."""

_DARK = 2e-3
"""Of white: what is darker differs little."""


class BeardPlaces(NamedTuple):
    """[n] texels of the face each."""

    cheeks: NDArray[np.bool_]
    chin: NDArray[np.bool_]
    lip: NDArray[np.bool_]
    """The upper one"""
    skin: NDArray[np.bool_]
    """Where none grows"""


@once
def beard_densities() -> Mapping[str, NDArray[np.float32]]:
    """Of BEARD_STYLES, [n] 0..1 how densely each grows on texels of face and neck."""
    maps = skin_atlas()
    canvas = maps.canvas
    there = np.flatnonzero((maps.face | maps.flesh) & (canvas.position[:, 1] < _HIGHEST))
    at, out = canvas.position[there].astype(np.float64), {}
    for name, style in BEARD_STYLES.items():
        out[name] = np.zeros(len(canvas.texels), np.float32)
        out[name][there] = beard_density(at, canvas.lip[there], canvas.lip_upper[there], style)
    return out


@once
def beard_places() -> BeardPlaces:
    maps, grown = skin_atlas(), beard_densities()
    canvas = maps.canvas
    whole, chin, lip = (grown[name] for name in ("full", "goatee", "moustache"))
    bare = maps.face & (whole < _BARE) & (lip < _BARE) & (canvas.lip > 2)
    height, aside = canvas.position[:, 1], np.abs(canvas.position[:, 0])
    return BeardPlaces(
        maps.face & (whole > _GROWN) & (chin < _BARE) & (lip < _BARE),
        maps.face & (chin > _GROWN) & (lip < _BARE),
        maps.face & (lip > _GROWN),
        bare & (height < _BELOW_EYES) & (aside > _ASIDE),
    )


def shaven(own: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear skin [n, 3] of ours, as light where beards grow as on the cheeks above."""
    level, places = np.log(own.mean(1).clip(_DARK)), beard_places()
    shade = np.median(level[places.skin]) - np.median(level[places.cheeks | places.chin])
    return own * np.exp(max(shade, 0.0) * beard_densities()["full"])[:, None]
