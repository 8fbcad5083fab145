"""Which beard a picture shows: a skin seen from the front shows it on the front alone."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.atlas import Atlas
from talkcli.engine.capture.beard_places import beard_densities, beard_places
from talkcli.engine.capture.detector import Photo
from talkcli.engine.capture.even_room import Texels
from talkcli.engine.capture.hairs_on_skin import HAIRY_SKIN
from talkcli.engine.capture.landmark_sets import CHIN, EYE_CORNERS
from talkcli.engine.capture.photographed_skin import SeenSkin, albedo_bytes
from talkcli.engine.face.look import Look
from talkcli.engine.rendering.textures import linear
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.looks import ROOTS

LONG_BEARD, CROPPED_BEARD, CHIN_BEARD, LIP_BEARD = "full", "short-beard", "goatee", "moustache"
"""Of BEARD_STYLES."""

MOUSTACHE = 1.3
"""Median hairiness of an upper lip from which on hair covers it where the cheeks are shaven and it is as red
as skin: of those who smile, whom their own shade darkens, lips have 1.15 at most (nine real photographs), and
two real moustaches 1.8 and 2.1."""

_GREYER = 0.3
"""Of the logarithm of red in blue, by how much hair is less red than skin whose own shade darkens it."""

_BETWEEN_EYES, _BELOW_CHIN = 62.0, (15.0, 16.5, 18.0)
"""mm between the middles of both eyes, and below the chin where a long beard still hangs."""

_PLAIN = 0.7
"""Logarithm of light by which a beard is darker than skin whose length is told; a grey one is short."""

_BENEATH = 0.65
"""Share of the skin that a beard hides where it is densest."""

_STRAY = 0.5
"""Hairiness from which on a texel about a beard is its hair."""

_DARK = 3e-3
"""Of white: what is darker differs little."""


class SeenBeard(NamedTuple):
    style: str
    """Of BEARD_STYLES"""
    light: Texels
    """[3] linear, as the picture shows its hair"""


def beard_seen(seen: SeenSkin, hairy: NDArray[np.float32], picture: Photo, points: Array) -> SeenBeard | None:
    """The beard that a picture shows; None where it shows none. `hairy` [n]: `hairiness` of the skin; points
    [points, 2] of the detector."""
    places, known = beard_places(), np.isfinite(hairy)
    parts = places.cheeks & known, places.chin & known, places.lip & known
    if not all(part.any() for part in parts):
        return None
    cheeks, chin, lip = (bool(np.median(hairy[part]) > HAIRY_SKIN) for part in parts)
    if not lip or (cheeks and not chin):
        return None
    part = parts[1] if chin else parts[2]
    light = np.median(seen.light[part & (hairy >= np.median(hairy[part]))], 0)
    skin = np.median(seen.light[places.skin & known], 0)
    if not cheeks and np.median(hairy[parts[2]]) < MOUSTACHE and _redness(skin) - _redness(light) < _GREYER:
        return None
    if not cheeks:
        return SeenBeard(CHIN_BEARD if chin else LIP_BEARD, light)
    return SeenBeard(LONG_BEARD if _hangs(picture, points, light, skin) else CROPPED_BEARD, light)


def without_beard(seen: SeenSkin, hairy: NDArray[np.float32], beard: SeenBeard) -> SeenSkin:
    """The same, not trusted where the beard grows, nor where its hair is seen: it is worn, not painted."""
    grown = beard_densities()
    about = (grown["full"] > 0) | (grown["moustache"] > 0)
    hidden = np.maximum(grown[beard.style], about & (np.nan_to_num(hairy) > _STRAY))
    return seen._replace(trust=(seen.trust * (1 - hidden)).astype(np.float32))


def beneath_beard(look: Look, style: str, colour: Texels, maps: Atlas) -> Look:
    """The look of skin with what is seen between the hairs of a beard in the colour [3], linear."""
    albedo = linear(look.albedo.numpy()).reshape(-1, 3)[maps.canvas.texels]
    share = (_BENEATH * beard_densities()[style] ** 2)[:, None]
    shaded = albedo * (1 - share) + ROOTS * colour * share
    return replace(look, albedo=albedo_bytes(shaded.astype(np.float32), look, maps))


def _redness(light: Texels) -> float:
    return float(np.log((light[0] + _DARK) / (light[2] + _DARK)))


def _hangs(picture: Photo, points: Array, hair: Texels, skin: Texels) -> bool:
    """Whether what is seen below the chin is nearer to the hair of a dark beard [3] than to skin [3]."""
    left, right = (points[list(corners)].mean(0) for corners in EYE_CORNERS.values())
    down = points[CHIN] - (left + right) / 2
    down /= np.linalg.norm(down)
    unit = np.linalg.norm(left - right) / _BETWEEN_EYES
    height, width = picture.shape[:2]
    places = [(points[CHIN] + down * unit * below).astype(int) for below in _BELOW_CHIN]
    light = [
        linear(picture[y - 1 : y + 2, x - 1 : x + 2]).mean()
        for x, y in places
        if 1 <= x < width - 1 and 1 <= y < height - 1
    ]
    if not light:
        return False
    dark, bright = (float(np.log(each.mean() + _DARK)) for each in (hair, skin))
    return bright - dark > _PLAIN and float(np.mean(np.log(np.array(light) + _DARK))) < (dark + bright) / 2
