"""The face of a photograph for studio light: its skin without the picture's light, in a likely tone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.atlas import Atlas
from talkcli.engine.capture.beard_places import beard_places
from talkcli.engine.capture.even_room import Texels, shown_by_even_room
from talkcli.engine.capture.photographed_skin import (
    IRIS_CHANGE,
    SeenSkin,
    albedo_bytes,
    eye_ratios,
    flattened_relief,
    iris_share,
    merged_albedo,
    own_skin,
    printed_where_seen,
)
from talkcli.engine.capture.picture_light import light_on_eyes, without_light
from talkcli.engine.face.look import Look
from talkcli.engine.studio.arrays import Array

LIGHTER, METERED, HUE = 0.5, 0.8, 0.2
"""Of the logarithm of the tone, how much the picture may change of our skin's at most: where its exposure is
not known, where the eyes tell it, and in hue, since the colour of its light is not known."""

_FOREHEAD, _ASIDE = (50.0, 62.0), 35.0
"""mm on the painters' head: heights between which foreheads are skin, and how far from the middle."""

_SURE = 0.7
"""Trust from which on a texel of cheeks or forehead says what tone the picture gives to the face."""


def studio_skin(
    base: Look, seen: SeenSkin, shelter: Texels, normals: Array, tone: Texels, maps: Atlas, bald: bool
) -> Look:
    """The base's look with the picture's skin where it is trusted, without the picture's light, and its own
    elsewhere, both in the tone that the face has beside the whites of its eyes, or else in the one [3],
    linear, that it has in its picture; with the picture's irises, in the studio's light. `shelter` [n]: share
    of the room's light that each texel gets; `normals` [n, 3]."""
    own, skin = own_skin(base, maps, bald)
    ratios = eye_ratios(seen.light, seen.trust, own, maps)
    plain = _plain_skin(maps)
    middle, sure, most = np.median(own[plain], 0), plain & (seen.trust > _SURE), LIGHTER
    even = without_light(seen, shown_by_even_room(own, shelter), normals, maps)
    photo, lit = printed_where_seen(even, shelter), light_on_eyes(seen, shelter, maps)
    if lit is not None and sure.any():
        tone, most = np.median(photo[sure], 0) / lit, METERED
    change = np.log(tone.clip(1e-3) / (middle * base.exposure))
    level = np.clip(change.mean(), -most, most)
    tinted = middle * np.exp(level + np.clip(change - change.mean(), -HUE, HUE))
    if sure.any():
        photo *= tinted / np.median(photo[sure], 0)
    else:
        photo = own * (tinted / middle)
    out, firm = merged_albedo(SeenSkin(photo, seen.trust), own, skin, maps, bald)
    if ratios is not None:
        iris = np.clip(ratios[0] - ratios[1].mean(), -IRIS_CHANGE, IRIS_CHANGE)
        out[maps.eyes] *= np.exp(iris * iris_share(maps))
    relief = flattened_relief(base, firm, maps)
    albedo = albedo_bytes(out.clip(0, 1), base, maps)
    return replace(base, albedo=albedo, relief=relief, light="studio")


def _plain_skin(maps: Atlas) -> NDArray[np.bool_]:
    """[n] cheeks and forehead, where nothing grows and little is in shade."""
    (low, high), height, aside = _FOREHEAD, maps.canvas.position[:, 1], np.abs(maps.canvas.position[:, 0])
    return beard_places().skin | (maps.face & (height > low) & (height < high) & (aside < _ASIDE))
