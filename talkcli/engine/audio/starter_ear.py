"""The starters' ear: the first blocks of somebody's encoder, which stay as they are, under a head of ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import torch
from jaxtyping import Float, Int8
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from talkcli.engine.audio.ear import Listened, PiecewiseEar, silenced_pauses, sure_of_silence
from talkcli.engine.audio.logmel_encoder import DilatedBlock
from talkcli.engine.audio.wav2vec import AnyWav2VecConfig, Wav2VecStates
from talkcli.engine.audio.whisper import WhisperBlocks, WhisperConfig
from talkcli.engine.config import check_limits
from talkcli.engine.phones import PHONES
from talkcli.engine.speech import TICK

THREE_OF_TINY = WhisperConfig(384, 3, 6, 1536, ticks=300)
"""Three blocks of Whisper tiny; at a time they hear 4 s that are kept, and 1 s on either side."""
PIECE_TICKS = 300
"""What an encoder that hears any length is given at a time."""
EncoderConfig = WhisperConfig | AnyWav2VecConfig
_STEPS = 127
"""Whole steps from 0 to the largest number of a row."""


@dataclass(frozen=True)
class StarterEarConfig:
    encoder: EncoderConfig = THREE_OF_TINY
    inner: int = 160
    """Width of the head."""
    dropout: float = 0.1
    firmness: float = 0.0
    """Of closures: see `closures.crested`."""
    faint: float = 0.0
    """Decibels below the loudest frame where breath is no speech (`pauses.without_breaths`); 0: not asked."""
    kind: Literal["starter"] = "starter"

    def __post_init__(self) -> None:
        check_limits(self, inner=(1, 65_536), dropout=(0, 0.99), firmness=(0, 10), faint=(0, 200))


class StarterEar(PiecewiseEar):
    """Hears 16 kHz speech as phone logits, 50 ticks a second, no sound padded to 30 s.

    The encoder is frozen; Whisper's is kept in bytes and computed in float. The head, two dilated
    convolutions of three ticks, is what learns.
    """

    hears_phones = True
    first = 0.0

    def __init__(self, config: StarterEarConfig = StarterEarConfig()) -> None:
        super().__init__()
        self.config = config
        self.longest = config.encoder.ticks if isinstance(config.encoder, WhisperConfig) else PIECE_TICKS
        self.encoder = frozen(encoder_of(config.encoder))
        self.norm = nn.LayerNorm(config.encoder.hidden)
        self.enter, self.enter_norm = (
            nn.Linear(config.encoder.hidden, config.inner),
            nn.BatchNorm1d(config.inner),
        )
        self.blocks = nn.ModuleList([DilatedBlock(config.inner, d, config.dropout) for d in (1, 2)])
        self.leave = nn.Linear(config.inner, len(PHONES))

    @property
    def width(self) -> int:
        return len(PHONES)

    def taught(self) -> Iterator[nn.Parameter]:
        """The head's weights."""
        for part in (self.norm, self.enter, self.enter_norm, self.blocks, self.leave):
            yield from part.parameters()

    def phones(self, sound: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch ticks phones"]:
        """Logits at every tick of `longest` ticks of sound at most."""
        with torch.no_grad():
            states = self.encoder(F.pad(sound, (0, -sound.shape[1] % TICK)))
        x = F.relu(self.enter_norm(self.enter(self.norm(states)).transpose(1, 2)))
        for block in self.blocks:
            x = block(x)
        return self.leave(x.transpose(1, 2))

    def ticks(self, sound: Float[Tensor, " samples"]) -> Float[Tensor, "ticks phones"]:
        return silenced_pauses(self.phones(sound[None])[0])

    def listened(self, waveform: Float[Tensor, " samples"], frames: int, fps: Fraction | float) -> Listened:
        return sure_of_silence(super().listened(waveform, frames, fps), waveform, frames)


class ByteRows(nn.Module):
    """A weight in whole steps of its rows; it is worked out again only when they have changed."""

    def __init__(self) -> None:
        super().__init__()
        self._of: tuple[object, ...] = ()
        self._weight: Tensor | None = None

    def forward(self, codes: Int8[Tensor, "rows ..."], step: Float[Tensor, "rows ..."]) -> Tensor:
        state = *(each for part in (codes, step) for each in (part.data_ptr(), part._version)), step.dtype
        if self._weight is None or state != self._of:
            self._of, self._weight = state, codes.to(step.dtype).mul_(step)
        return self._weight

    def right_inverse(self, weight: Float[Tensor, "rows ..."]) -> tuple[Tensor, Tensor]:
        step = weight.abs().flatten(1).amax(1).clamp(min=1e-12).view(-1, *[1] * (weight.ndim - 1)) / _STEPS
        return (weight / step).round().to(torch.int8), step


def encoder_of(config: EncoderConfig) -> WhisperBlocks | Wav2VecStates:
    """An untaught one: waveforms to states, tick k at k / TICKS seconds."""
    return WhisperBlocks(config) if isinstance(config, WhisperConfig) else Wav2VecStates(config)


def frozen(encoder: WhisperBlocks | Wav2VecStates) -> nn.Module:
    """The same encoder, as an ear keeps it."""
    return in_bytes(encoder) if isinstance(encoder, WhisperBlocks) else encoder.requires_grad_(False)


def in_bytes(network: WhisperBlocks) -> WhisperBlocks:
    """The same network, frozen, each matrix in bytes."""
    for part in list(network.requires_grad_(False).modules()):
        if isinstance(part, nn.Linear | nn.Conv1d):
            parametrize.register_parametrization(part, "weight", ByteRows())
    return network


def without_matrices(ear: StarterEar) -> dict[str, Tensor]:
    """The weights of an ear, but the matrices of its encoder: the head, and by what the encoder is known."""
    state = ear.state_dict().items()
    return {name: tensor for name, tensor in state if tensor.ndim < 2 or not name.startswith("encoder.")}
