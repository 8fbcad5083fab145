"""Rotary positions (Su et al. 2021): attention depends on how far apart two frames are, not on where."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

RotaryTurns = tuple[Float[Tensor, "frames half"], Float[Tensor, "frames half"]]
"""Cosines and sines by which queries and keys are turned."""


def rotary_turns(frames: int, width: int, device: torch.device) -> RotaryTurns:
    """Of frames 0, 1 ..., for heads of so many numbers."""
    rates = 10_000 ** (-torch.arange(width // 2, device=device) / (width // 2))
    angles = torch.arange(frames, device=device)[:, None] * rates
    return angles.cos(), angles.sin()


def turned_by(x: Float[Tensor, "batch heads frames width"], by: RotaryTurns) -> Tensor:
    """Each half of the numbers as one coordinate of points that are turned."""
    cosine, sine = (part.to(x.dtype) for part in by)
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cosine - right * sine, right * cosine + left * sine], dim=-1)
