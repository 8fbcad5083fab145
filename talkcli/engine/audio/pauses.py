"""Pauses: how a face comes to rest where an ear is certain that nobody speaks."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

FrameValues = Callable[[int, int], Float[Tensor, " n"]]
"""Numbers of frames [start, stop)."""
_CERTAIN = 0.95
"""Probability of silence in a pause."""
_EASE = 0.1
"""Seconds of a face's way to rest, from where a pause begins, and from rest."""


def rests(silence: FrameValues, frames: int, fps: Fraction | float) -> FrameValues:
    """How far a face is at rest: 0 where something may be said, 1 inside a pause, window by window as in one.

    `silence`: its probability, of any frames of a recording of `frames`. Before it and after it all is quiet.
    """
    rate = float(fps)
    reach = math.ceil(_EASE * rate)
    away = torch.arange(-reach, reach + 1).abs()

    def between(start: int, stop: int) -> Float[Tensor, " n"]:
        low, high = max(0, start - reach), min(frames, stop + reach)
        quiet = (silence(low, high) > _CERTAIN).cpu()
        quiet = F.pad(quiet, (reach - (start - low), reach - (high - stop)), value=True)
        nearest = torch.where(quiet.unfold(0, 2 * reach + 1, 1), reach + 1, away).amin(1)
        return (nearest / rate / _EASE).clamp(0, 1)

    return between
