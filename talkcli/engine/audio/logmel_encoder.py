"""A small speech encoder of our own: log-mel features to phones, trained on voices of the studio and on
real readers whose phones it aligned."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.ear import TICKS, Ear, Listened, sure_of_silence
from talkcli.engine.audio.logmel import FEATURES, HOP, REACH, features
from talkcli.engine.config import check_limits
from talkcli.engine.phones import PHONES
from talkcli.engine.speech import SAMPLE_RATE, TICK

EDGE_SPECTRA = 100
"""Spectra on either side of a chunk that the network hears with it."""
CHUNK_SAMPLES = 60 * SAMPLE_RATE
"""Samples heard at a time when not training: on a fixed grid, streaming equals offline bit for bit."""


@dataclass(frozen=True)
class LogMelEncoderConfig:
    width: int = 256
    depth: int = 8
    """Residual convolutions of three ticks; their dilations repeat 1 2 1 3 1 4 1 6."""
    dropout: float = 0.1
    kind: Literal["logmel"] = "logmel"

    def __post_init__(self) -> None:
        check_limits(self, width=(1, 65_536), depth=(0, 256), dropout=(0, 0.99))


class DilatedBlock(nn.Module):
    """One dilated convolution round which the signal may pass untouched."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "batch width ticks"]) -> Float[Tensor, "batch width ticks"]:
        return x + self.dropout(F.relu(self.norm(self.convolution(x))))


class LogMelEncoder(Ear):
    """Hears 16 kHz speech as phone logits.

    A time-delay network (Waibel et al. 1989; Peddinti et al. 2015) on 40 normalised mel bands. It looks
    0.46 s either way; level and colour of the sound come from 15 and 30 s either way (`logmel.normalise`).
    """

    hears_phones = True

    def __init__(self, config: LogMelEncoderConfig = LogMelEncoderConfig()) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.enter = nn.Conv1d(FEATURES, width, 5, padding=2)
        self.enter_norm = nn.BatchNorm1d(width)
        self.halve = nn.Conv1d(width, width, 5, stride=2, padding=2)
        self.halve_norm = nn.BatchNorm1d(width)
        dilations = [(1, 2, 1, 3, 1, 4, 1, 6)[i % 8] for i in range(config.depth)]
        self.blocks = nn.ModuleList([DilatedBlock(width, dilation, config.dropout) for dilation in dilations])
        self.leave = nn.Conv1d(width, len(PHONES), 1)

    @property
    def width(self) -> int:
        return len(PHONES)

    def phones(self, heard: Float[Tensor, "batch spectra features"]) -> Float[Tensor, "batch ticks phones"]:
        """Logits at 50 ticks a second from features at 100."""
        x = F.relu(self.enter_norm(self.enter(heard.transpose(1, 2))))
        x = F.relu(self.halve_norm(self.halve(x)))
        for block in self.blocks:
            x = block(x)
        return self.leave(x).transpose(1, 2)

    def listen(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch ticks phones"]:
        """Logits at TICKS a second, in chunks of constant memory when not training."""
        if self.training or waveform.shape[1] <= CHUNK_SAMPLES:
            return self.phones(features(waveform))
        size, context = CHUNK_SAMPLES // HOP, 2 * REACH + EDGE_SPECTRA
        pieces = []
        for start in range(0, waveform.shape[1] // HOP + 1, size):
            first, near = max(0, start - context), max(0, start - EDGE_SPECTRA)
            spectra = features(waveform[:, first * HOP : (start + size + context) * HOP])
            part = self.phones(spectra[:, near - first : start - first + size + EDGE_SPECTRA])
            skip = (start - near) // 2
            pieces.append(part[:, skip : skip + size // 2])
        return torch.cat(pieces, dim=1)[:, : waveform.shape[1] // TICK + 1]

    def forward(
        self, waveform: Float[Tensor, "batch samples"], frames: int, fps: Fraction | float
    ) -> Float[Tensor, "batch frames phones"]:
        """Logits at motion frames, frame i at i / fps seconds, between the two nearest ticks."""
        logits = self.listen(waveform)
        at = (torch.arange(frames, dtype=torch.float64) / float(fps) * TICKS).clamp(max=logits.shape[1] - 1)
        left = at.long()
        right = (left + 1).clamp(max=logits.shape[1] - 1)
        share = (at - left).to(logits)[None, :, None]
        return logits[:, left] * (1 - share) + logits[:, right] * share

    def listened(self, waveform: Float[Tensor, " samples"], frames: int, fps: Fraction | float) -> Listened:
        logits = self(waveform[None], frames, fps)[0]
        return sure_of_silence(lambda start, stop: logits[start:stop], waveform, frames)
