"""The style encoder: how a voice speaks, heard as one gain for each memory slot (paper, section 3.3)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.speech import SAMPLE_RATE

MELS, _WINDOW, _HOP = 80, 400, 160
CHUNK = 30 * SAMPLE_RATE
"""Samples heard at once when not training: the mean over time is taken in parts, in constant memory."""
_SHORTEST = SAMPLE_RATE
"""Shorter voices are repeated up to this many samples; the convolutions need some context to reflect."""


class SpeakerEncoder(nn.Module):
    """AdaIN-VC's (Chou et al. 2019): a bank of convolutions, residual blocks, the mean over time."""

    def __init__(self, width: int = 128, bank: int = 8, blocks: int = 6, features: int = 256) -> None:
        super().__init__()
        self.bank = nn.ModuleList([nn.Conv1d(MELS, width, k) for k in range(1, bank + 1)])
        self.enter = nn.Conv1d(MELS + bank * width, width, 1)
        self.first_convolutions = nn.ModuleList([nn.Conv1d(width, width, 5) for _ in range(blocks)])
        self.second_convolutions = nn.ModuleList(
            [nn.Conv1d(width, width, 5, stride=1 + block % 2) for block in range(blocks)]
        )
        self.first_linears = nn.ModuleList([nn.Linear(width, width) for _ in range(blocks)])
        self.second_linears = nn.ModuleList([nn.Linear(width, width) for _ in range(blocks)])
        self.leave = nn.Linear(width, features)

    def over_time(self, mel: Float[Tensor, "batch mels spectra"]) -> Float[Tensor, "batch width ticks"]:
        x = torch.cat([F.relu(_reflected(mel, layer)) for layer in self.bank] + [mel], dim=1)
        x = F.relu(self.enter(x))
        for block, (first, second) in enumerate(
            zip(self.first_convolutions, self.second_convolutions, strict=True)
        ):
            y = F.relu(_reflected(F.relu(_reflected(x, first)), second))
            x = y + (F.avg_pool1d(x, 2, ceil_mode=True) if block % 2 else x)
        return x

    def forward(self, pooled: Float[Tensor, "batch width"]) -> Float[Tensor, "batch features"]:
        x = pooled
        for first, second in zip(self.first_linears, self.second_linears, strict=True):
            x = x + F.relu(second(F.relu(first(x))))
        return self.leave(x)


class Style(nn.Module):
    """Waveform -> f_s -> w_s."""

    learnt: Tensor
    """Whether stage 2 has begun: until then there is no style, and all gains are one."""

    def __init__(self, slots: int, first_gain: float) -> None:
        super().__init__()
        self.register_buffer("learnt", torch.tensor(False))
        self.speaker = SpeakerEncoder()
        self.to_style = nn.Linear(256, slots)
        self.to_scale = nn.Linear(slots, 1, bias=False)
        self.compare = nn.Sequential(nn.Linear(slots, slots), nn.ReLU(), nn.Linear(slots, slots))
        """The space in which voices are told apart; only the triplet loss uses it."""
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if first_gain:
            self._begin_at(first_gain)

    @torch.no_grad()
    def _begin_at(self, gain: float) -> None:
        """Every voice begins with gains near this one."""
        self.to_style.weight.mul_(0.01)
        self.to_style.bias.fill_(1.0)
        self.to_scale.weight.fill_(gain * (1.0 + math.exp(-1.0)) / self.to_style.out_features)

    def hear(
        self, waveform: Float[Tensor, "batch samples"], samples: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch slots"]:
        """f_s; each voice by itself, so that padding and company make no difference."""
        pooled = torch.cat([self._pooled(w[:n]) for w, n in zip(waveform, samples.tolist(), strict=True)])
        return self.to_style(self.speaker(pooled))

    def hear_long(
        self, voice: Float[Tensor, " samples"], ready: Callable[[Tensor], Tensor]
    ) -> Float[Tensor, "1 slots"]:
        """f_s of one voice of any length; `ready` makes of each part of it, and of no more, what is heard."""
        return self.to_style(self.speaker(self._pooled(voice, ready)))

    def gain(self, f_s: Float[Tensor, "batch slots"]) -> Float[Tensor, "batch slots"]:
        """w_s = sigmoid(f_s) times one scalar of either sign."""
        return f_s.sigmoid() * self.to_scale(f_s)

    def _pooled(
        self, voice: Float[Tensor, " samples"], ready: Callable[[Tensor], Tensor] = lambda part: part
    ) -> Float[Tensor, "1 width"]:
        if len(voice) < _SHORTEST:
            voice = voice.repeat(math.ceil(_SHORTEST / max(1, len(voice))))[:_SHORTEST]
        if self.training:
            return self._mean(ready(voice))
        parts = _parts(voice)
        means = torch.stack([self._mean(ready(part)) for part in parts])
        shares = torch.tensor([len(part) / len(voice) for part in parts], device=means.device)
        return (means * shares[:, None, None]).sum(0)

    def _mean(self, part: Float[Tensor, " samples"]) -> Float[Tensor, "1 width"]:
        return self.speaker.over_time(mel_decibels(part[None])).mean(2)


def _parts(voice: Float[Tensor, " samples"]) -> list[Float[Tensor, " samples"]]:
    """Pieces of CHUNK, the last one longer rather than too short."""
    count = max(1, len(voice) // CHUNK)
    return [voice[i * CHUNK : None if i == count - 1 else (i + 1) * CHUNK] for i in range(count)]


def _reflected(x: Float[Tensor, "batch width ticks"], layer: nn.Module) -> Tensor:
    kernel: int = layer.kernel_size[0]  # type: ignore[index]
    return layer(F.pad(x, (kernel // 2, kernel // 2 - (kernel % 2 == 0)), mode="reflect"))


@functools.cache
def _mel_filters(device: torch.device) -> Tensor:
    """[bins, MELS] triangles equally spaced on the HTK mel scale from 0 to 8000 Hz, peaks of one.

    As the published weights were taught; the log-mel encoder's are others, for reasons of its own (`logmel`).
    """

    def to_mel(hertz: float) -> float:
        return 2595.0 * math.log10(1.0 + hertz / 700.0)

    mels = torch.linspace(0.0, to_mel(SAMPLE_RATE / 2), MELS + 2)
    corners = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    slopes = corners[None] - torch.linspace(0, SAMPLE_RATE / 2, _WINDOW // 2 + 1)[:, None]
    widths = corners.diff()
    return torch.minimum(-slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]).clamp(min=0).to(device)


@functools.cache
def _window(device: torch.device) -> Tensor:
    return torch.hann_window(_WINDOW).to(device)


def mel_decibels(waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch mels spectra"]:
    """Power in MELS bands, 100 a second, in decibels with a floor at -100."""
    window = _window(waveform.device).to(waveform)
    spectrum = torch.stft(
        waveform, _WINDOW, _HOP, window=window, center=True, pad_mode="reflect", return_complex=True
    )
    power = spectrum.abs().square().transpose(1, 2) @ _mel_filters(waveform.device).to(waveform)
    return 10.0 * power.clamp(min=1e-10).log10().transpose(1, 2)
