"""Affect: the feeling in a voice, heard from its intonation alone."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.ear import Ear, Listened
from talkcli.engine.audio.intonation import INTONATION, intonation
from talkcli.engine.audio.logmel_encoder import DilatedBlock
from talkcli.engine.config import check_limits

DILATIONS = (1, 2, 4, 8, 16, 32)
"""Frames between the three that each convolution sees."""
RADIUS = 1 + sum(DILATIONS)
"""Frames on either side that a frame depends on."""


@dataclass(frozen=True)
class AffectConfig:
    hidden: int = 48
    """Numbers a frame, which a talker hears."""
    moods: tuple[str, ...] = ("neutral",)
    """That it tells apart."""
    dropout: float = 0.1
    kind: Literal["affect"] = "affect"

    def __post_init__(self) -> None:
        check_limits(self, hidden=(1, 65_536), dropout=(0, 0.99))
        if not self.moods or not all(isinstance(mood, str) for mood in self.moods):
            raise ValueError("moods are no names")


class AffectEar(Ear):
    """Dilated convolutions over intonation, four seconds wide; what it hears are states, not moods."""

    def __init__(self, config: AffectConfig) -> None:
        super().__init__()
        self.config = config
        self.enter = nn.Conv1d(len(INTONATION), config.hidden, 3, padding=1)
        self.blocks = nn.ModuleList(
            [DilatedBlock(config.hidden, dilation, config.dropout) for dilation in DILATIONS]
        )
        self.leave = nn.Linear(config.hidden, len(config.moods))

    @property
    def width(self) -> int:
        return self.config.hidden

    def forward(self, tracks: Float[Tensor, "batch frames 5"]) -> Float[Tensor, "batch frames hidden"]:
        """States from INTONATION."""
        x = F.relu(self.enter(tracks.transpose(1, 2)))
        for block in self.blocks:
            x = block(x)
        return x.transpose(1, 2)

    def mood_logits(
        self, tracks: Float[Tensor, "batch frames 5"], present: Float[Tensor, "batch frames"]
    ) -> Float[Tensor, "batch moods"]:
        """Of whole utterances, from the mean state of the frames that are present."""
        states = self(tracks) * present[..., None]
        return self.leave(states.sum(1) / present.sum(1, keepdim=True).clamp(min=1))

    def listened(self, waveform: Float[Tensor, " samples"], frames: int, fps: Fraction | float) -> Listened:
        def between(start: int, stop: int) -> Float[Tensor, "n hidden"]:
            low, high = max(0, start - RADIUS), min(frames, stop + RADIUS)
            tracks = intonation(waveform, low, high, fps).to(self.leave.weight)
            return self(tracks[None])[0, start - low : stop - low]

        return between
