"""What the two kinds of map hold: offsets between two bounds, and texture as a ratio of the neutral one."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

PUBLISHED_LOW = (-0.07636799999999999, -0.122505, -0.148366)
PUBLISHED_HIGH = (0.070912, 0.18024600000000002, 0.172892)
"""Offsets along x, y and z that the published motion maps draw as 0 and 1, in the units of its meshes."""
EPSILON = 1e-8
FAINTEST = 0.02
"""The least ratio that a map is read as, so that its logarithm is finite."""


def normalised_offsets(
    values: Float[Tensor, "*b 3"], low: Float[Tensor, " 3"], high: Float[Tensor, " 3"]
) -> Float[Tensor, "*b 3"]:
    """Offsets with `low` as 0 and `high` as 1."""
    return (values - low) / (high - low)


def denormalised_offsets(
    maps: Float[Tensor, "*b 3 h w"], low: Float[Tensor, " 3"], high: Float[Tensor, " 3"]
) -> Float[Tensor, "*b 3 h w"]:
    """Offsets that a motion map stands for, metres."""
    low, high = low[:, None, None], high[:, None, None]
    return maps * (high - low) + low


def wrinkle(
    frame: UInt8[Tensor, "*frames h w 3"], neutral: UInt8[Tensor, "h w 3"], contrast: float = 1.0
) -> Float[Tensor, "*frames 3 h w"]:
    """The wrinkle map of a texture, or of several: 2 sigmoid((I_f / I_1) ** contrast) - 1, in [0, 1)."""
    frame, neutral = (image.movedim(-1, -3).float() / 255 for image in (frame, neutral))
    return wrinkle_of((frame / (neutral + EPSILON)) ** contrast)


def wrinkle_of(ratio: Float[Tensor, " ..."]) -> Float[Tensor, " ..."]:
    """2 sigmoid(r) - 1: 0.462 where nothing changes."""
    return torch.tanh(ratio / 2)


def ratio_of(wrinkle: Float[Tensor, " ..."]) -> Float[Tensor, " ..."]:
    """The ratio that a wrinkle map stands for: the inverse of `wrinkle_of`, at least FAINTEST."""
    share = wrinkle / 2 + 0.5
    return ((share + EPSILON) / (1 - share + EPSILON)).log().clamp(min=FAINTEST)
