"""How the published TexTalker hears: HuBERT, run at two ticks a frame of 30 a second."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.encoder import FIELD, HubertConfig, HubertEncoder, time_mask
from talkcli.engine.methods.textalker.denoiser import FPS
from talkcli.engine.speech import SAMPLE_RATE

Listened = Callable[[int, int], Float[Tensor, "1 n width"]]
"""What is heard at frames [start, stop), or less where the speech ends."""

HOP = 320
"""Samples between outputs of HuBERT's convolutions."""


class Hearing(nn.Module):
    """HuBERT's parts, under the names of the published checkpoints; waveforms come unnormalised."""

    def __init__(self, config: HubertConfig) -> None:
        super().__init__()
        hubert = HubertEncoder(config).hubert
        hubert.feature_projection.dropout.p = 0.0
        self.config = config
        self.masked_spec_embed: nn.Parameter = hubert.masked_spec_embed
        self.feature_extractor: nn.Module = hubert.feature_extractor
        self.feature_projection: nn.Module = hubert.feature_projection
        self.encoder: nn.Module = hubert.encoder

    def forward(
        self, waveform: Float[Tensor, "batch samples"], frames: int
    ) -> Float[Tensor, "batch frames hidden"]:
        """Every frame hears the whole waveform: norm and attention span it."""
        ticks = stretched(self.convolve(waveform), 2 * frames)
        return stretched(self.transform(ticks), frames)

    def listen(self, waveform: Float[Tensor, " samples"], frames: int, window: int) -> Listened:
        """For `frames` frames in whole windows: silence follows the speech."""
        ticks = max(1, -(-frames // window)) * window
        heard = self(F.pad(waveform, (0, round(ticks * SAMPLE_RATE / FPS) - len(waveform)))[None], ticks)
        return lambda start, stop: heard[:, start:stop]

    def convolve(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch ticks channels"]:
        """50 ticks a second."""
        return self.feature_extractor(padded(waveform)).transpose(1, 2)

    def transform(
        self, features: Float[Tensor, "batch ticks channels"]
    ) -> Float[Tensor, "batch ticks hidden"]:
        hidden = self.feature_projection(features)
        if self.training and self.config.time_mask > 0:
            spans = time_mask(hidden.shape[:2], self.config.time_mask).to(hidden.device)
            hidden = torch.where(spans[..., None], self.masked_spec_embed, hidden)
        return self.encoder(hidden).last_hidden_state


def trained_hearing(hearing: Hearing) -> list[nn.Parameter]:
    """What the paper's code trains of HuBERT: positional convolution, its norm and the mask's embedding."""
    encoder = hearing.encoder
    parts = [encoder.get_submodule("pos_conv_embed"), encoder.get_submodule("layer_norm")]
    return [hearing.masked_spec_embed, *(p for part in parts for p in part.parameters())]


def padded(waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch padded"]:
    """Enough on either side for one tick of the convolutions every 320 samples.

    Reflected twice by half of what is missing, as published: not the same as once by the whole.
    """
    length = waveform.shape[1]
    side = -((length - HOP * (length // HOP) - (FIELD - HOP)) // 2)
    if side <= 0:
        return waveform
    half = side // 2
    for _ in range(2):
        waveform = F.pad(waveform, (half, half), mode="reflect")
    return F.pad(waveform, (side % 2, side % 2), mode="replicate")


def stretched(x: Float[Tensor, "batch ticks features"], ticks: int) -> Float[Tensor, "batch ticks2 features"]:
    """Linear interpolation in which ticks are spans of time, each known at its middle."""
    return F.interpolate(x.transpose(1, 2), size=ticks, mode="linear").transpose(1, 2)
