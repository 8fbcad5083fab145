"""One ear: whatever turns 16 kHz speech into one row of numbers a frame."""

from __future__ import annotations

import functools
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.phones import SILENCE
from talkcli.engine.speech import SAMPLE_RATE, TICK
from talkcli.engine.spilt import let_go

TICKS = SAMPLE_RATE // TICK
"""Ticks a second; tick k of what hears phones stands at k / TICKS seconds."""

_FRAMES_AT_ONCE = 1024
"""Whose loudness is worked out together."""
_HUSH_RMS = 10**-3.5
"""Root mean square of full scale (-70 dB) below which there is nothing to hear, whatever a recogniser of
phones, which is deaf to level, makes of it."""
CERTAIN = 8.0
"""Logit of silence there; a trained encoder's own are about as sure."""
_SURELY, _PERHAPS, _PAUSE = 0.7, 0.3, 6
"""Probabilities of silence, and ticks: a pause is heard surely for _PAUSE, and lasts while it is heard at
all. Chosen on people from whom nothing learnt: lips then rest in 0.98 of their pauses (0.96 without it)."""

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

    def heard_at_ticks(self, waveform: Float[Tensor, " samples"]) -> Float[Tensor, "ticks width"]:
        """What is heard of a whole recording at every tick."""
        return self.heard(waveform, len(waveform) // TICK + 1, TICKS)


class PiecewiseEar(Ear):
    """An ear of 50 ticks a second, TICK samples apart; between two ticks it is their mixture.

    It hears pieces of `longest` ticks. Two thirds of each are kept, those that have a sixth of it on either
    side; on a fixed grid, so that windows are the whole.
    """

    longest: int
    first: float
    """Ticks from the start of a sound to the middle of what its first output hears."""

    @abstractmethod
    def ticks(self, sound: Float[Tensor, " samples"]) -> Float[Tensor, "ticks width"]:
        """What is heard of at most `longest` ticks of sound."""

    def listened(self, waveform: Float[Tensor, " samples"], frames: int, fps: Fraction | float) -> Listened:
        margin = self.longest // 6
        middle = self.longest - 2 * margin
        pieces = max(1, math.ceil(len(waveform) / (middle * TICK)))
        rate = Fraction(fps) * TICK / SAMPLE_RATE
        """Frames a tick."""
        bounds = [min(math.ceil(number * middle * rate), frames) for number in range(pieces)] + [frames]

        @functools.lru_cache(maxsize=4)
        def piece(number: int) -> Float[Tensor, "n width"]:
            begin = max(0, number * middle - margin)
            ticks = self.ticks(waveform[begin * TICK : ((number + 1) * middle + margin) * TICK])
            let_go(waveform)
            at = torch.arange(bounds[number], bounds[number + 1], dtype=torch.float64)
            at = (at / float(rate) - begin - self.first).clamp(0, len(ticks) - 1)
            left = at.long()
            share = (at - left).to(ticks)[:, None]
            return ticks[left] * (1 - share) + ticks[(left + 1).clamp(max=len(ticks) - 1)] * share

        def between(start: int, stop: int) -> Float[Tensor, "n width"]:
            parts = [waveform.new_zeros(0, self.width)]
            for number, (low, high) in enumerate(itertools.pairwise(bounds)):
                if low < stop and high > start:
                    parts.append(piece(number)[max(start - low, 0) : stop - low])
            return torch.cat(parts)

        return between


def silenced_pauses(logits: Float[Tensor, "ticks phones"]) -> Float[Tensor, "ticks phones"]:
    """The same phones, but silence throughout each pause: no breath moves lips, no sound that fades."""
    silence = logits.detach().softmax(1)[:, SILENCE].cpu().numpy()
    paused = np.zeros(len(silence), dtype=bool)
    edges = np.flatnonzero(np.diff(silence > _PERHAPS, prepend=False, append=False))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        paused[start:stop] = (silence[start:stop] > _SURELY).sum() >= _PAUSE
    return torch.where(torch.from_numpy(paused).to(logits.device)[:, None], certain_silence(logits), logits)


def sure_of_silence(listened: Listened, waveform: Float[Tensor, " samples"], frames: int) -> Listened:
    """The same phones, but silence where the recording is too quiet to hear anything."""
    quiet = hushed(waveform, frames)

    def between(start: int, stop: int) -> Float[Tensor, "n phones"]:
        logits = listened(start, stop)
        return torch.where(quiet[start:stop, None], certain_silence(logits), logits)

    return between


def certain_silence(logits: Float[Tensor, "n phones"]) -> Float[Tensor, " phones"]:
    """Logits of nothing but silence."""
    return (CERTAIN * F.one_hot(torch.tensor(SILENCE, device=logits.device), logits.shape[1])).to(logits)


def hushed(waveform: Float[Tensor, " samples"], frames: int) -> Bool[Tensor, " frames"]:
    """Frames whose surroundings of three frames are below _HUSH_RMS."""
    loudest = F.max_pool1d(frame_powers(waveform, frames)[None, None], 3, stride=1, padding=1)[0, 0]
    return (loudest < _HUSH_RMS**2).to(waveform.device)


def frame_powers(waveform: Float[Tensor, " samples"], frames: int) -> Float[Tensor, " frames"]:
    """Mean square of the samples of each frame, in double precision; in constant memory beside the sound."""
    ends = torch.arange(frames + 1) * len(waveform)
    starts, stops = ends[:-1] // frames, -(-ends[1:] // frames)
    power = torch.empty(frames, dtype=torch.float64)
    for some in torch.arange(frames).split(_FRAMES_AT_ONCE):
        first, last = int(starts[some[0]]), int(stops[some[-1]])
        sums = F.pad(waveform[first:last].cpu().double().square().cumsum(0), (1, 0))
        counts = stops[some] - starts[some]
        let_go(waveform)
        power[some] = (sums[stops[some] - first] - sums[starts[some] - first]) / counts.clamp(min=1)
    return power
