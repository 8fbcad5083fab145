"""Chance that is the same for the same recording, seed and part of the face."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import TypeVar

import torch

_T = TypeVar("_T")


class Dice:
    """One stream of chance, thrown in the order of time: a longer recording begins like a shorter one."""

    def __init__(self, digest: int, seed: int, part: str) -> None:
        name = f"{digest} {seed} {part}"
        self.generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=self.generator).item()

    def normal(self) -> float:
        return torch.randn((), generator=self.generator).item()

    def lognormal(self, median: float, spread: float) -> float:
        """Log-normal: `spread` is the standard deviation of the logarithm."""
        return median * math.exp(spread * self.normal())

    def happens(self, chance: float) -> bool:
        return self.between(0, 1) < chance

    def choice(self, things: Sequence[_T], shares: Sequence[float] | None = None) -> _T:
        """One of them, all alike or by their shares."""
        weights = torch.ones(len(things)) if shares is None else torch.tensor(shares)
        return things[int(torch.multinomial(weights, 1, generator=self.generator))]
