"""Whisper's encoder (Radford et al. 2022), through transformers."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.pretrained import LONGEST, PretrainedEar, settings_in, transformers
from talkcli.engine.config import check_limits
from talkcli.engine.errors import reading
from talkcli.engine.speech import TICK

_WINDOW, _HOP = 400, 160
"""Samples of its spectra."""


@dataclass(frozen=True)
class WhisperConfig:
    """`base` by default."""

    hidden: int = 512
    layers: int = 6
    heads: int = 8
    feed_forward: int = 2048
    mels: int = 80
    ticks: int = LONGEST
    """That it hears at a time, silence after a shorter sound included."""
    kind: Literal["whisper"] = "whisper"

    def __post_init__(self) -> None:
        check_limits(self, hidden=(2, 65_536), layers=(1, 256), heads=(1, 1024), feed_forward=(1, 1 << 20))
        check_limits(self, mels=(1, 1024), ticks=(1, 100_000))


class WhisperEar(PretrainedEar):
    """The encoder's last hidden state."""

    kind = "whisper"
    first = 0.0

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.config, self.longest = config, config.ticks
        library = transformers(self.kind)
        settings = library.WhisperConfig(
            d_model=config.hidden,
            encoder_layers=config.layers,
            encoder_attention_heads=config.heads,
            encoder_ffn_dim=config.feed_forward,
            num_mel_bins=config.mels,
            max_source_positions=config.ticks,
        )
        self.model: Any = library.models.whisper.modeling_whisper.WhisperEncoder(settings)

    @property
    def body(self) -> nn.Module:
        return self.model

    @property
    def width(self) -> int:
        return self.config.hidden

    def ticks(self, sound: Float[Tensor, " samples"]) -> Float[Tensor, "ticks width"]:
        real = max(1, -(-len(sound) // TICK))
        spectra = whisper_spectra(F.pad(sound, (0, self.longest * TICK - len(sound))), self.config.mels)
        return self.model(spectra[None]).last_hidden_state[0, :real]


def whisper_spectra(sound: Float[Tensor, " samples"], mels: int) -> Float[Tensor, "mels spectra"]:
    """Its log-mel spectra, 100 a second, 80 dB deep, as it was taught on them."""
    window = torch.hann_window(_WINDOW, device=sound.device)
    power = torch.stft(sound, _WINDOW, _HOP, window=window, return_complex=True)[:, :-1].abs().square()
    logs = (_filters(mels).to(sound) @ power).clamp(min=1e-10).log10()
    return (logs.maximum(logs.max() - 8.0) + 4.0) / 4.0


@functools.cache
def _filters(mels: int) -> Float[Tensor, "mels bins"]:
    """Slaney's triangles of equal area."""
    audio = transformers("whisper").audio_utils
    rows = audio.mel_filter_bank(
        _WINDOW // 2 + 1, mels, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney"
    )
    return torch.from_numpy(rows.T).float()


def whisper_config(folder: Path) -> WhisperConfig:
    """Sizes of the encoder in a transformers folder."""
    settings = settings_in(folder)
    with reading(folder, "a Whisper", "Give another folder."):
        return WhisperConfig(
            hidden=settings["d_model"],
            layers=settings["encoder_layers"],
            heads=settings["encoder_attention_heads"],
            feed_forward=settings["encoder_ffn_dim"],
            mels=settings["num_mel_bins"],
            ticks=settings["max_source_positions"],
        )
