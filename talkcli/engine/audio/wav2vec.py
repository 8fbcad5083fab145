"""HuBERT, WavLM and wav2vec 2.0: seven convolutions and a transformer, through transformers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.pretrained import PretrainedEar, settings_in, sized_as_told, transformers
from talkcli.engine.config import check_limits
from talkcli.engine.errors import reading
from talkcli.engine.speech import FIELD, TICK


@dataclass(frozen=True)
class Wav2VecConfig:
    """The base models by default (Baevski et al. 2020; Hsu et al. 2021; Chen et al. 2022)."""

    hidden: int = 768
    layers: int = 12
    heads: int = 12
    feed_forward: int = 3072
    convolution: int = 512
    """Channels of the seven convolutions."""
    position_kernel: int = 128
    position_groups: int = 16
    dropout: float = 0.1
    """Everywhere in the transformer, and the share of layers dropped, where it is trained."""
    time_mask: float = 0.05
    """Share of the ticks where a masked span of 10 begins in training (SpecAugment)."""
    large: bool = False
    """As in the large models: layer norms in the convolutions, which have biases, and before each block."""
    normalise: bool = True
    """Whether it wants waveforms of zero mean and unit variance (`do_normalize` of its preprocessor)."""

    def __post_init__(self) -> None:
        check_limits(self, hidden=(2, 65_536), layers=(1, 256), heads=(1, 1024), feed_forward=(1, 1 << 20))
        check_limits(self, convolution=(1, 65_536), position_kernel=(1, 4096), position_groups=(1, 4096))
        check_limits(self, dropout=(0, 0.99), time_mask=(0, 1))
        if self.hidden % self.heads or self.hidden % self.position_groups:
            raise ValueError(f"hidden is {self.hidden}, no multiple of its heads and groups")


@dataclass(frozen=True)
class HubertConfig(Wav2VecConfig):
    kind: Literal["hubert"] = "hubert"


@dataclass(frozen=True)
class WavlmConfig(Wav2VecConfig):
    normalise: bool = False
    kind: Literal["wavlm"] = "wavlm"


@dataclass(frozen=True)
class Wav2Vec2Config(Wav2VecConfig):
    kind: Literal["wav2vec2"] = "wav2vec2"


AnyWav2VecConfig = HubertConfig | WavlmConfig | Wav2Vec2Config
KINDS: dict[str, type[HubertConfig] | type[WavlmConfig] | type[Wav2Vec2Config]] = {
    "hubert": HubertConfig,
    "wavlm": WavlmConfig,
    "wav2vec2": Wav2Vec2Config,
}
_CLASSES = {"hubert": "Hubert", "wavlm": "WavLM", "wav2vec2": "Wav2Vec2"}
"""How transformers spells them."""


class Wav2VecEar(PretrainedEar):
    """The last hidden state of one of them. It hears whole pieces of sound: norm and attention span them."""

    first = FIELD / 2 / TICK

    def __init__(self, config: AnyWav2VecConfig) -> None:
        super().__init__()
        self.config, self.kind = config, config.kind
        self.model = wav2vec_body(config)

    @property
    def body(self) -> nn.Module:
        return self.model

    @property
    def width(self) -> int:
        return self.config.hidden

    def ticks(self, sound: Float[Tensor, " samples"]) -> Float[Tensor, "ticks width"]:
        sound = normalised(sound) if self.config.normalise else sound
        return self.model(long_enough(sound[None])).last_hidden_state[0]


class Wav2VecStates(nn.Module):
    """The last hidden state of one of them, tick k at k / 50 seconds, of waveforms in a batch."""

    def __init__(self, config: AnyWav2VecConfig) -> None:
        super().__init__()
        self.normalise = config.normalise
        self.model = wav2vec_body(config)

    def forward(self, sound: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch ticks hidden"]:
        sound = torch.stack([normalised(wave) for wave in sound]) if self.normalise else sound
        return self.model(F.pad(sound, (FIELD // 2, 0))).last_hidden_state


def wav2vec_body(config: AnyWav2VecConfig) -> Any:
    """The transformers model, untaught; its convolutions are never trained."""
    library, name = transformers(config.kind), _CLASSES[config.kind]
    settings = getattr(library, f"{name}Config")(
        hidden_size=config.hidden,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.feed_forward,
        conv_dim=(config.convolution,) * 7,
        conv_bias=config.large,
        feat_extract_norm="layer" if config.large else "group",
        do_stable_layer_norm=config.large,
        num_conv_pos_embeddings=config.position_kernel,
        num_conv_pos_embedding_groups=config.position_groups,
        hidden_dropout=config.dropout,
        attention_dropout=config.dropout,
        activation_dropout=config.dropout,
        feat_proj_dropout=config.dropout,
        layerdrop=config.dropout,
        mask_time_prob=config.time_mask,
    )
    model: Any = getattr(library, f"{name}Model")(settings)
    model.feature_extractor._freeze_parameters()
    return model


def wav2vec_config(folder: Path) -> AnyWav2VecConfig:
    """Sizes of the model in a transformers folder."""
    settings = settings_in(folder)
    with reading(folder, "a model that is known here", "Give another folder."):
        kind = KINDS[settings["model_type"]]
        channels = set(settings["conv_dim"])
        large = bool(settings.get("do_stable_layer_norm", False))
        if len(channels) != 1 or (settings.get("feat_extract_norm", "group") == "layer") != large:
            raise ValueError("its convolutions are of another kind")
        normalise = settings.get("do_normalize")
        values = {
            "hidden": settings["hidden_size"],
            "layers": settings["num_hidden_layers"],
            "heads": settings["num_attention_heads"],
            "feed_forward": settings["intermediate_size"],
            "convolution": channels.pop(),
            "position_kernel": settings["num_conv_pos_embeddings"],
            "position_groups": settings["num_conv_pos_embedding_groups"],
            "large": large,
            "normalise": kind.normalise if normalise is None else normalise,
        }
        return sized_as_told(kind, values)


def normalised(waveform: Float[Tensor, " samples"]) -> Float[Tensor, " samples"]:
    """Zero mean, unit variance, as the models' own preprocessor makes it."""
    mean, deviation = mean_and_deviation(waveform)
    return (waveform - mean) / deviation


def mean_and_deviation(waveform: Float[Tensor, " samples"]) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """What `normalised` subtracts, and then divides by: where parts of a recording are enough."""
    return waveform.mean(), torch.sqrt(waveform.var(correction=0) + 1e-7)


def long_enough(waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch samples2"]:
    """At least one tick's worth."""
    return F.pad(waveform, (0, max(0, FIELD - waveform.shape[1])))


def time_mask(shape: torch.Size, share: float, span: int = 10) -> Tensor:
    """[batch, ticks] True in random spans, two at least; nothing where a clip is too short for one."""
    batch, ticks = shape
    if ticks <= span:
        return torch.zeros(batch, ticks, dtype=torch.bool)
    count = max(2, int(share * ticks / span + torch.rand(()).item()))
    starts = torch.randint(ticks - span + 1, (batch, count))
    at = torch.arange(ticks)
    return ((at >= starts[..., None]) & (at < starts[..., None] + span)).any(1)
