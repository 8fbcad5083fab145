"""The face of a photograph as we paint it: our own skin for studio light, in the tone of a picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from talkcli.engine.capture.atlas import Atlas
from talkcli.engine.capture.photographed_skin import (
    IRIS_ENDS,
    SeenSkin,
    Texels,
    albedo_bytes,
    eye_ratios,
    own_skin,
)
from talkcli.engine.face.look import Look

LIGHTER, HUE = 0.5, 0.2
"""Of the logarithm of the tone, how much the picture may change of our skin's at most: its exposure and the
colour of its light are not known."""

IRIS_CHANGE = 1.2
"""The same of irises beside the whites, which share their light."""


def studio_skin(base: Look, seen: SeenSkin, tone: Texels, maps: Atlas, bald: bool) -> Look:
    """The base's look in the tone [3], linear, that a face has in its picture, with the picture's irises."""
    own, skin = own_skin(base, maps, bald)
    change = np.log(tone.clip(1e-3) / (np.median(own[maps.face], 0) * base.exposure))
    level = np.clip(change.mean(), -LIGHTER, LIGHTER)
    out = own.copy()
    out[skin] *= np.exp(level + np.clip(change - change.mean(), -HUE, HUE))
    ratios = eye_ratios(seen.light, seen.trust, own, maps)
    if ratios is not None:
        iris = np.clip(ratios[0] - ratios[1].mean(), -IRIS_CHANGE, IRIS_CHANGE)
        inside = 1 - np.clip((maps.off_axis[maps.eyes] - IRIS_ENDS) / 0.1, 0, 1)[:, None]
        out[maps.eyes] *= np.exp(iris * inside)
    return replace(base, albedo=albedo_bytes(out, base, maps))
