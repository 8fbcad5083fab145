"""Positional encodings: where in time a frame stands."""

from __future__ import annotations

import functools
import math

import torch
from jaxtyping import Float
from torch import Tensor


def sinusoids(positions: int, features: int) -> Float[Tensor, "positions features"]:
    """Sines in even columns, cosines in odd ones (Vaswani et al. 2017, section 3.5)."""
    rates = torch.exp(torch.arange(0, features, 2) * (-math.log(10_000) / features))
    angles = torch.arange(positions)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :features]


def periodic(
    frames: int, features: int, period: int, device: torch.device | None = None
) -> Float[Tensor, "frames features"]:
    """Sinusoids that begin again every `period` frames (FaceFormer, eq. 4): of any length."""
    return _brought(features, period, device)[torch.arange(frames, device=device) % period]


@functools.lru_cache(maxsize=4)
def _brought(features: int, period: int, device: torch.device | None) -> Float[Tensor, "period features"]:
    """Made on the CPU and brought to a device once."""
    return sinusoids(period, features).to(device)
