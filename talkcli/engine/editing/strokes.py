"""Strokes: smooth ways from one place to another, and there and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Stride(NamedTuple):
    """A way to somewhere, from a second on, in so many seconds."""

    second: float
    lasts: float
    change: tuple[float, ...]


class Pulse(NamedTuple):
    """A way there and back."""

    second: float
    """When it is furthest."""
    rise: float
    """Seconds."""
    fall: float
    height: tuple[float, ...]


def eased(share: Tensor) -> Tensor:
    """From 0 to 1 without a jerk at either end."""
    return share * share * (3 - 2 * share)


def stepped(steps: Sequence[Stride], axes: int, frames: int, rate: float) -> Float[Tensor, "frames axes"]:
    """Where the steps, each on top of the ones before, have led to at each frame."""
    increments = torch.zeros(frames, axes, dtype=torch.float64)
    for step in steps:
        first = min(frames, max(0, math.floor(step.second * rate)))
        last = min(frames, max(first, math.ceil((step.second + step.lasts) * rate)) + 1)
        times = torch.arange(first, last, dtype=torch.float64) / rate
        share = eased(((times - step.second) / step.lasts).clamp(0, 1))
        change = torch.tensor(step.change, dtype=torch.float64)
        increments[first:last] += share.diff(prepend=share.new_zeros(1))[:, None] * change
    return increments.cumsum(0).float()


def pulsed(pulses: Sequence[Pulse], axes: int, frames: int, rate: float) -> Float[Tensor, "frames axes"]:
    """The sum of the pulses at each frame."""
    track = torch.zeros(frames, axes)
    for pulse in pulses:
        first = min(frames, max(0, math.floor((pulse.second - pulse.rise) * rate)))
        last = min(frames, max(first, math.ceil((pulse.second + pulse.fall) * rate) + 1))
        time = torch.arange(first, last) / rate - pulse.second
        rising, falling = (
            eased((time / pulse.rise + 1).clamp(0, 1)),
            eased((1 - time / pulse.fall).clamp(0, 1)),
        )
        track[first:last] += torch.where(time < 0, rising, falling)[:, None] * torch.tensor(pulse.height)
    return track
