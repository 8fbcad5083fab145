"""How the starter hears: phone logits of the log-mel encoder, each frame with its neighbours."""

from __future__ import annotations

from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor, nn

from talkcli.engine.audio.logmel_encoder import LogMelEncoder, LogMelEncoderConfig
from talkcli.engine.layers.resampling import spliced
from talkcli.engine.methods.textalker.denoiser import FPS
from talkcli.engine.methods.textalker.hearing import Listened
from talkcli.engine.phones import PHONES


class Letters(nn.Module):
    """An audio encoder in HuBERT's place; it is learnt beforehand and stays as it is."""

    def __init__(self, config: LogMelEncoderConfig, reach: int) -> None:
        super().__init__()
        self.reach = reach
        """Frames on either side that a frame hears as well."""
        self.logmel = LogMelEncoder(config)

    @property
    def width(self) -> int:
        return len(PHONES) * (2 * self.reach + 1)

    def forward(
        self, waveform: Float[Tensor, "batch samples"], frames: int
    ) -> Float[Tensor, "batch frames width"]:
        heard = [self.logmel.letters(sound, frames, Fraction(FPS)) for sound in waveform]
        return spliced(torch.stack(heard), self.reach)

    def listen(self, waveform: Float[Tensor, " samples"], frames: int, window: int) -> Listened:
        letters = self.logmel.letters(waveform, frames, Fraction(FPS))
        return lambda start, stop: among(letters, start, min(stop, frames), self.reach)[None]


def among(
    letters: Float[Tensor, "frames phones"], start: int, stop: int, reach: int
) -> Float[Tensor, "n width"]:
    """Frames [start, stop) beside their neighbours; past either end, its frame is held."""
    near = torch.arange(start - reach, stop + reach, device=letters.device).clamp(0, len(letters) - 1)
    return spliced(letters[near][None], reach)[0, reach : reach + stop - start]
