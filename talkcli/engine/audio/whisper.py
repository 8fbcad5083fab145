"""Whisper's encoder (Radford et al. 2022): log-mel spectra, two convolutions, blocks of a transformer."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.pretrained import LONGEST, PretrainedEar, settings_in, sized_as_told
from talkcli.engine.config import check_limits
from talkcli.engine.errors import reading
from talkcli.engine.speech import SAMPLE_RATE, TICK

_WINDOW, _HOP = 400, 160
"""Samples of its spectra."""
_PITCH_STEP, _CORNER_HERTZ = 200 / 3, 1000.0
"""Slaney's mel scale: so many hertz a mel up to the corner, 27 mels for a ratio of 6.4 above it."""


@dataclass(frozen=True)
class WhisperConfig:
    """`base` by default."""

    hidden: int = 512
    layers: int = 6
    heads: int = 8
    feed_forward: int = 2048
    mels: int = 80
    ticks: int = LONGEST
    """That it hears at a time at most."""
    kind: Literal["whisper"] = "whisper"

    def __post_init__(self) -> None:
        check_limits(self, hidden=(2, 65_536), layers=(1, 256), heads=(1, 1024), feed_forward=(1, 1 << 20))
        check_limits(self, mels=(1, 1024), ticks=(1, 100_000))
        if self.hidden % self.heads or self.hidden % 2:
            raise ValueError(f"hidden is {self.hidden}, not an even multiple of {self.heads} heads")


class WhisperAttention(nn.Module):
    """Every tick attends to all; parts are named as in the published checkpoints, here and below."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.v_proj = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.k_proj, self.out_proj = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, hidden)

    def forward(self, x: Float[Tensor, "batch ticks hidden"]) -> Float[Tensor, "batch ticks hidden"]:
        q, k, v = (
            part(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class WhisperBlock(nn.Module):
    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.self_attn = WhisperAttention(config.hidden, config.heads)
        self.self_attn_layer_norm = nn.LayerNorm(config.hidden)
        self.fc1 = nn.Linear(config.hidden, config.feed_forward)
        self.fc2 = nn.Linear(config.feed_forward, config.hidden)
        self.final_layer_norm = nn.LayerNorm(config.hidden)

    def forward(self, x: Float[Tensor, "batch ticks hidden"]) -> Float[Tensor, "batch ticks hidden"]:
        x = x + self.self_attn(self.self_attn_layer_norm(x))
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))


class WhisperBlocks(nn.Module):
    """Waveforms to the states after the last of its blocks, 50 ticks a second, tick k at k / 50 seconds."""

    places: Tensor

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.mels = config.mels
        self.conv1 = nn.Conv1d(config.mels, config.hidden, 3, padding=1)
        self.conv2 = nn.Conv1d(config.hidden, config.hidden, 3, stride=2, padding=1)
        self.layers = nn.ModuleList([WhisperBlock(config) for _ in range(config.layers)])
        self.register_buffer("places", whisper_places(config.ticks, config.hidden), persistent=False)

    def forward(self, sound: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch ticks hidden"]:
        x = F.gelu(self.conv2(F.gelu(self.conv1(whisper_spectra(sound, self.mels))))).transpose(1, 2)
        x = x + self.places[: x.shape[1]]
        for block in self.layers:
            x = block(x)
        return x


class WhisperEncoder(WhisperBlocks):
    """The whole encoder: its last hidden state is normed."""

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__(config)
        self.layer_norm = nn.LayerNorm(config.hidden)

    def forward(self, sound: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch ticks hidden"]:
        return self.layer_norm(super().forward(sound))


class WhisperEar(PretrainedEar):
    """The encoder's last hidden state; silence follows a shorter sound, as it was taught."""

    kind = "whisper"
    first = 0.0

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.config, self.longest = config, config.ticks
        self.model = WhisperEncoder(config)

    @property
    def body(self) -> nn.Module:
        return self.model

    @property
    def width(self) -> int:
        return self.config.hidden

    def ticks(self, sound: Float[Tensor, " samples"]) -> Float[Tensor, "ticks width"]:
        real = max(1, -(-len(sound) // TICK))
        return self.model(F.pad(sound, (0, self.longest * TICK - len(sound)))[None])[0, :real]


def whisper_places(count: int, width: int) -> Float[Tensor, "count width"]:
    """Sines, then cosines, of periods from 2 pi to 20,000 pi ticks, both included; nobody taught them."""
    rates = torch.exp(-math.log(10_000) / max(1, width // 2 - 1) * torch.arange(width // 2))
    turns = torch.arange(count)[:, None] * rates
    return torch.cat([turns.sin(), turns.cos()], dim=1)


def whisper_spectra(sound: Float[Tensor, "batch samples"], mels: int) -> Float[Tensor, "batch mels spectra"]:
    """Its log-mel spectra, 100 a second, 80 dB deep, as it was taught on them."""
    window = torch.hann_window(_WINDOW, device=sound.device)
    spectra = torch.stft(sound, _WINDOW, _HOP, window=window, return_complex=True)[..., :-1]
    logs = (_filters(mels, sound.device).to(sound) @ spectra.abs().square()).clamp(min=1e-10).log10()
    return (logs.maximum(logs.amax((1, 2), keepdim=True) - 8.0) + 4.0) / 4.0


@functools.cache
def _filters(mels: int, device: torch.device) -> Float[Tensor, "mels bins"]:
    """Slaney's triangles of equal area, from 0 to 8,000 Hz, on a device."""
    corner, ratio = _CORNER_HERTZ / _PITCH_STEP, math.log(6.4) / 27
    top = corner + math.log(SAMPLE_RATE / 2 / _CORNER_HERTZ) / ratio
    mel = torch.linspace(0, top, mels + 2, dtype=torch.float64)
    hertz = torch.where(mel < corner, mel * _PITCH_STEP, _CORNER_HERTZ * torch.exp((mel - corner) * ratio))
    bins = torch.linspace(0, SAMPLE_RATE / 2, _WINDOW // 2 + 1, dtype=torch.float64)
    left, middle, right = (hertz[start : start + mels, None] for start in range(3))
    rows = torch.minimum((bins - left) / (middle - left), (right - bins) / (right - middle)).clamp(min=0)
    return (rows * 2 / (right - left)).float().to(device)


def whisper_config(folder: Path) -> WhisperConfig:
    """Sizes of the encoder in a transformers folder."""
    settings = settings_in(folder)
    with reading(folder, "a Whisper", "Give another folder."):
        values = {
            "hidden": settings["d_model"],
            "layers": settings["encoder_layers"],
            "heads": settings["encoder_attention_heads"],
            "feed_forward": settings["encoder_ffn_dim"],
            "mels": settings["num_mel_bins"],
            "ticks": settings["max_source_positions"],
        }
        return sized_as_told(WhisperConfig, values)
