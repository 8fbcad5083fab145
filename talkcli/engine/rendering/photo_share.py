"""How much of a drawn face is shown in its photograph: where it shows what the photograph does, and where
eyes and lips open. Elsewhere the photograph bends along, with what the head has not, or not there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

Shares = NDArray[np.float64]
Mask = NDArray[np.bool_]

OUTLINE, SEAM = 0.003, 0.014
"""Metres inside the outline of the face where the drawn one begins, and over which it takes over."""

NOSE_SEAM = 0.008
"""Metres beside the nose over which the drawn face takes over: nostrils are the photograph's."""

SPOT, UNLIKE = 0.003, (6.0, 18.0)
"""Metres over which both are compared, and levels apart between which the drawn face gives way: lids, glare
and hair are not as the head has them."""

EYES_OPEN, LIPS_OPEN, BARED = (0.0005, 0.0025), (0.003, 0.005), (0.014, 0.006)
"""Metres about eyes, lips and where a frame was, with its shadow, that are drawn whatever the photograph
shows, and over which that ends."""

SURELY_DRAWN = 250
"""Cover of the drawing, of 255, from which on it is compared."""


class PartsSeen(NamedTuple):
    """[h, w] which pixels show what of the head."""

    nose: Mask
    eyes: Mask
    mouth: Mask
    """Lips and what is behind them"""
    frame: Mask
    """Points of glasses"""


def outline_share(face: Mask, metre: float) -> Shares:
    """[h, w] 0 outside the face, 1 inside; `metre`: pixels."""
    away = np.asarray(distance_transform_edt(np.pad(face, 1)))[1:-1, 1:-1]
    return _risen(away, metre, OUTLINE, SEAM)


def kept_share(
    picture: NDArray[np.float32], drawing: NDArray[np.uint8], parts: PartsSeen, metre: float
) -> Shares:
    """[h, w] of a picture [h, w, 3] and of what is drawn there of the same moment [h, w, 4], 0..255."""
    apart = (drawing[..., :3] - picture) * (drawing[..., 3:] > SURELY_DRAWN)
    spot = SPOT * metre
    levels = np.abs(gaussian_filter(apart, (spot, spot, 0))).max(-1)
    share = 1 - _smooth((levels - UNLIKE[0]) / (UNLIKE[1] - UNLIKE[0]))
    share = np.minimum(share, _beside(parts.nose, metre, 0.0, NOSE_SEAM))
    drawn = (parts.eyes, EYES_OPEN), (parts.mouth, LIPS_OPEN), (parts.frame, BARED)
    for part, (begin, seam) in drawn:
        share = np.maximum(share, 1 - _beside(part, metre, begin, seam))
    return share


def _beside(part: Mask, metre: float, begin: float, seam: float) -> Shares:
    """[h, w] 0 on a part and up to `begin` metres beside it, 1 a seam further; 1 where it is not seen."""
    if not part.any():
        return np.ones(part.shape)
    return _risen(np.asarray(distance_transform_edt(~part)), metre, begin, seam)


def _risen(pixels: Shares, metre: float, begin: float, seam: float) -> Shares:
    return _smooth((pixels / metre - begin) / seam)


def _smooth(share: Shares) -> Shares:
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)
