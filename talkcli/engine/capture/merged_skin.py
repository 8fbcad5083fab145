"""One skin from several pictures of one person: each texel as the pictures agree that look at it best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.even_room import Texels
from talkcli.engine.capture.photographed_skin import SeenSkin

KNOWN = 0.6
"""Trust in both of two pictures from which on texels say how bright one is beside the other."""

FEW_TEXELS = 500
"""So few texels say nothing of that."""

PICKY = 3.0
"""Power of trust: what is seen steeply counts little beside what is seen from the front."""

DISAGREED = 0.25
"""Of the logarithm of light, how far from the middle of all a picture is believed: highlights, lashes and
moved shadows are further off."""

DARK = 0.01
"""Linear light below which logarithms would be noise."""


def merged_skin(seen: Sequence[SeenSkin], face: NDArray[np.bool_]) -> SeenSkin:
    """Of several pictures, each brought to the exposure and colour that the first has of the face [n]."""
    if len(seen) == 1:
        return seen[0]
    trust = np.stack([each.trust for each in seen])
    light = np.stack([each.light / _brightness(each, seen[0], face) for each in seen])
    weight = trust**PICKY
    logs = np.log(light + DARK)
    middle = _weighted_median(logs.mean(-1), weight)
    near = 1 / (1 + ((logs.mean(-1) - middle) / DISAGREED) ** 2) ** 2
    share = weight * near
    whole = share.sum(0).clip(1e-9)
    merged = np.exp((logs * share[..., None]).sum(0) / whole[:, None]) - DARK
    nobody = trust.max(0) < 1e-3
    merged[nobody] = light[0][nobody]
    return SeenSkin(merged.clip(0).astype(np.float32), trust.max(0))


def _brightness(one: SeenSkin, other: SeenSkin, face: NDArray[np.bool_]) -> Texels:
    """[3] how much brighter the face is in one picture than in the other."""
    both = face & (np.minimum(one.trust, other.trust) > KNOWN)
    if both.sum() < FEW_TEXELS:
        return np.ones(3, np.float32)
    ratio = np.log(one.light[both] + DARK) - np.log(other.light[both] + DARK)
    return np.exp(np.median(ratio, 0)).astype(np.float32)


def _weighted_median(values: Texels, weight: Texels) -> Texels:
    """[n] of [pictures, n]."""
    order = np.argsort(values, 0)
    sums = np.cumsum(np.take_along_axis(weight, order, 0), 0)
    at = (sums < 0.5 * sums[-1]).sum(0).clip(max=len(values) - 1)
    return np.take_along_axis(np.take_along_axis(values, order, 0), at[None], 0)[0]
