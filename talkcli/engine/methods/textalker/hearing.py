"""How TexTalker hears: HuBERT, run at two ticks a frame of 30 a second, as published, or ears of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.ear import Listened
from talkcli.engine.audio.ears import EarConfig, Ears
from talkcli.engine.audio.pretrained import Pretrained
from talkcli.engine.audio.wav2vec import HubertConfig, time_mask, wav2vec_body
from talkcli.engine.layers.resampling import beside_neighbours, interpolated, spliced
from talkcli.engine.methods.textalker.denoiser import FPS
from talkcli.engine.speech import FIELD, SAMPLE_RATE, TICK


class HubertHearing(Pretrained):
    """HuBERT's parts, under the names of the published checkpoints; waveforms come unnormalised."""

    kind = "hubert"
    features: None = None
    """Parts of it learn with the rest, so nothing of it is known beforehand."""

    def __init__(self, config: HubertConfig) -> None:
        super().__init__()
        hubert = wav2vec_body(config)
        hubert.feature_projection.dropout.p = 0.0
        self.config = config
        self.masked_spec_embed: nn.Parameter = hubert.masked_spec_embed
        self.feature_extractor: nn.Module = hubert.feature_extractor
        self.feature_projection: nn.Module = hubert.feature_projection
        self.encoder: nn.Module = hubert.encoder

    @property
    def body(self) -> nn.Module:
        return self

    @property
    def width(self) -> int:
        return self.config.hidden

    def forward(
        self, waveform: Float[Tensor, "batch samples"], frames: int
    ) -> Float[Tensor, "batch frames hidden"]:
        """Every frame hears the whole waveform: norm and attention span it."""
        ticks = stretched(self.convolve(waveform), 2 * frames)
        return stretched(self.transform(ticks), frames)

    def listened(self, waveform: Float[Tensor, " samples"], frames: int, window: int) -> Listened:
        """For `frames` frames in whole windows: silence follows the speech."""
        ticks = max(1, -(-frames // window)) * window
        padding = round(ticks * SAMPLE_RATE / FPS) - len(waveform)
        features = self(F.pad(waveform, (0, padding))[None], ticks)[0]
        return lambda start, stop: features[start:stop]

    def silence(self, features: Float[Tensor, "n hidden"]) -> Float[Tensor, " n"]:
        """It knows of none."""
        return features.new_zeros(len(features))

    def taught(self) -> list[nn.Parameter]:
        """What the paper's code trains: the positional convolution, its norm and the mask's embedding."""
        parts = [self.encoder.get_submodule("pos_conv_embed"), self.encoder.get_submodule("layer_norm")]
        return [self.masked_spec_embed, *(p for part in parts for p in part.parameters())]

    def awake(self) -> list[nn.Module]:
        """What stays in training mode beside them: dropout and dropped layers go on around frozen weights."""
        return [self.encoder]

    def convolve(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch ticks channels"]:
        """50 ticks a second."""
        return self.feature_extractor(padded(waveform)).transpose(1, 2)

    def transform(
        self, features: Float[Tensor, "batch ticks channels"]
    ) -> Float[Tensor, "batch ticks hidden"]:
        hidden = self.feature_projection(features)
        if self.training and self.config.time_mask > 0:
            spans = time_mask(hidden.shape[:2], self.config.time_mask).to(hidden.device, non_blocking=True)
            hidden = torch.where(spans[..., None], self.masked_spec_embed, hidden)
        return self.encoder(hidden).last_hidden_state


class EarHearing(nn.Module):
    """Ours, in HuBERT's place: ears that stay as they are, each frame with its neighbours."""

    def __init__(self, ears: Sequence[EarConfig], reach: int) -> None:
        super().__init__()
        self.reach = reach
        """Frames on either side that a frame hears as well."""
        self.ears = Ears(ears)

    @property
    def features(self) -> Ears:
        """What can be heard before anything is learnt."""
        return self.ears

    @property
    def width(self) -> int:
        return self.ears.width * (2 * self.reach + 1)

    def forward(
        self, waveform: Float[Tensor, "batch samples"], frames: int
    ) -> Float[Tensor, "batch frames width"]:
        features = [self.ears.heard(sound, frames, Fraction(FPS)) for sound in waveform]
        return spliced(torch.stack(features), self.reach)

    def listened(self, waveform: Float[Tensor, " samples"], frames: int, window: int) -> Listened:
        """Past the end of the speech nothing."""
        listened = self.ears.listened(waveform, frames, Fraction(FPS))

        def among(start: int, stop: int) -> Float[Tensor, "n width"]:
            low, high = max(0, start - self.reach), min(frames, stop + self.reach)
            return beside_neighbours(listened(low, high), start - low, min(stop, frames) - low, self.reach)

        return among

    def silence(self, features: Float[Tensor, "n width"]) -> Float[Tensor, " n"]:
        """Its probability in each frame."""
        own = self.reach * self.ears.width
        return self.ears.silence(features[:, own : own + self.ears.width])

    def taught(self) -> list[nn.Parameter]:
        return []

    def awake(self) -> list[nn.Module]:
        return []


def hearing(ears: Sequence[EarConfig], reach: int) -> HubertHearing | EarHearing:
    """HuBERT alone hears as published."""
    if len(ears) == 1 and isinstance(ears[0], HubertConfig):
        return HubertHearing(ears[0])
    return EarHearing(ears, reach)


def padded(waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch padded"]:
    """Enough on either side for one tick of the convolutions every 320 samples.

    Reflected twice by half of what is missing, as published: not the same as once by the whole.
    """
    length = waveform.shape[1]
    side = -((length - TICK * (length // TICK) - (FIELD - TICK)) // 2)
    if side <= 0:
        return waveform
    half = side // 2
    for _ in range(2):
        waveform = F.pad(waveform, (half, half), mode="reflect")
    return F.pad(waveform, (side % 2, side % 2), mode="replicate")


def stretched(x: Float[Tensor, "batch ticks features"], ticks: int) -> Float[Tensor, "batch ticks2 features"]:
    """Linear interpolation in which ticks are spans of time, each known at its middle."""
    return interpolated(x, ticks, ends=False)
