"""One ear: whatever turns 16 kHz speech into one row of numbers a frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

Listened = Callable[[int, int], Float[Tensor, "n width"]]
"""What is heard at frames [start, stop)."""


class Ear(nn.Module, ABC):
    """Frame i is heard at i / fps seconds, in constant memory however long the recording is.

    Each recording is heard by itself, and its windows are the whole of it bit for bit. Where it ends before
    its frames do, its end is held.
    """

    hears_phones: ClassVar[bool] = False
    """Whether what it hears are logits of `phones.PHONES`."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Numbers a frame."""

    @abstractmethod
    def listened(self, waveform: Float[Tensor, " samples"], frames: int, fps: Fraction | float) -> Listened:
        """What is heard of a recording, window by window."""

    def heard(
        self, waveform: Float[Tensor, " samples"], frames: int, fps: Fraction | float
    ) -> Float[Tensor, "frames width"]:
        """What is heard of a whole recording."""
        return self.listened(waveform, frames, fps)(0, frames)
