"""Prosody: how loud a voice is, where it stresses, where its phrases begin and end."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv1d, pad

from talkcli.engine.speech import SAMPLE_RATE, Speech
from talkcli.engine.spilt import let_go

TICKS_A_SECOND = 100

_AT_ONCE = 10_000
"""Ticks whose loudness is worked out together."""

QUIETEST = -50.0
"""Decibels of full scale: nobody speaks in a recording that stays below."""

RANGE = 35.0
"""Decibels from the loudest speech down to what counts as silence."""

_QUIET = 0.25
"""Voice below which there is a pause, if it lasts."""

_SHORTEST_PAUSE, _SHORTEST_PHRASE = 0.18, 0.25
"""Seconds: shorter ones are closures of consonants, and noises."""

_SYLLABLE, _SURROUNDINGS = 0.04, 0.8
"""Seconds, widths of the means by which a syllable is seen, and its neighbours."""

_STRESSED, _STRONGEST = 0.08, 0.30
"""By how much of RANGE a syllable is louder than its surroundings where it is stressed at all, and fully."""

_FASTEST = 0.20
"""Seconds between two stresses, at least: of two that are closer the stronger counts."""

_RISE = 0.15
"""Seconds before its peak in which a syllable begins."""


class Stress(NamedTuple):
    second: float
    """Where the syllable's vowel begins: where the voice rises most quickly."""
    strength: float
    """0 to 1."""


@dataclass(frozen=True)
class Prosody:
    voice: Float[Tensor, " ticks"]
    """How loudly somebody speaks: 0 in silence to 1, against the recording's own level."""
    stresses: tuple[Stress, ...]
    phrases: tuple[tuple[float, float], ...]
    """Seconds from where to where it is spoken without a pause."""
    digest: int
    """Of the first second that is heard, so that a longer recording begins like a shorter one."""

    @property
    def seconds(self) -> float:
        return len(self.voice) / TICKS_A_SECOND

    def at_frames(
        self, track: Float[Tensor, " ticks"], frames: int, fps: Fraction
    ) -> Float[Tensor, " frames"]:
        """A track of ticks at each frame."""
        at = (torch.arange(frames) * (TICKS_A_SECOND / float(fps))).long()
        return track[at.clamp(max=len(track) - 1)]


def prosody_of(speech: Speech) -> Prosody:
    """Of any speech: syllables are peaks of loudness, pauses are where there is little of it for a while."""
    level = _voice(speech)
    voice = averaged(level, _SYLLABLE * TICKS_A_SECOND)
    return Prosody(voice, _stresses(voice), _phrases(voice), _digest(speech.waveform))


def speaking(speech: Speech, frames: int, fps: Fraction) -> Float[Tensor, " frames"]:
    """How loudly somebody speaks at each frame: 0 in silence to 1, against the recording's own level."""
    prosody = prosody_of(speech)
    return prosody.at_frames(prosody.voice, frames, fps)


def averaged(track: Float[Tensor, " samples"], width: float) -> Float[Tensor, " samples"]:
    """A Gaussian mean, `width` samples of standard deviation, the ends held."""
    reach = max(1, math.ceil(3 * width))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / width) ** 2)
    padding = torch.cat([track[:1].expand(reach), track, track[-1:].expand(reach)])
    return conv1d(padding[None, None], (kernel / kernel.sum())[None, None])[0, 0]


def _voice(speech: Speech) -> Float[Tensor, " ticks"]:
    hop = SAMPLE_RATE // TICKS_A_SECOND
    power = torch.empty(-(-len(speech) // hop))
    for part, own in zip(speech.waveform.split(hop * _AT_ONCE), power.split(_AT_ONCE), strict=True):
        torch.mean(pad(part, (0, -len(part) % hop)).unflatten(0, (-1, hop)).square(), 1, out=own)
        let_go(part)
    level = 10 * torch.log10(power + 1e-10)
    loudest = max(level.quantile(0.95).item(), QUIETEST)
    return ((level - loudest) / RANGE + 1).clamp(0, 1)


def _stresses(voice: Float[Tensor, " ticks"]) -> tuple[Stress, ...]:
    """Peaks above what is spoken around them, each where its rise is steepest."""
    spoken, width = (voice > _QUIET).float(), _SURROUNDINGS * TICKS_A_SECOND
    around = averaged(voice * spoken, width) / averaged(spoken, width).clamp(min=1e-3)
    above = voice - around
    reach = round(_FASTEST * TICKS_A_SECOND)
    highest = torch.nn.functional.max_pool1d(above[None, None], 2 * reach + 1, 1, reach)[0, 0]
    peaks = torch.nonzero((above == highest) & (above > _STRESSED) & (voice > _QUIET))[:, 0].tolist()
    slope, before = voice.diff(prepend=voice[:1]), round(_RISE * TICKS_A_SECOND)
    stresses: list[Stress] = []
    for peak in peaks:
        first = max(0, peak - before)
        rise = first + int(slope[first : peak + 1].argmax())
        strength = (above[peak].item() - _STRESSED) / (_STRONGEST - _STRESSED)
        stress = Stress(rise / TICKS_A_SECOND, min(1.0, strength))
        if not stresses or stress.second - stresses[-1].second > 1 / TICKS_A_SECOND:
            stresses.append(stress)
    return tuple(stresses)


def _phrases(voice: Float[Tensor, " ticks"]) -> tuple[tuple[float, float], ...]:
    """Runs of voice; pauses that are too short join them, phrases that are too short are none."""
    loud = torch.cat([torch.zeros(1), (voice >= _QUIET).float(), torch.zeros(1)])
    edges = torch.nonzero(loud.diff())[:, 0].tolist()
    runs: list[list[int]] = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if runs and start - runs[-1][1] < _SHORTEST_PAUSE * TICKS_A_SECOND:
            runs[-1][1] = stop
        else:
            runs.append([start, stop])
    return tuple(
        (start / TICKS_A_SECOND, stop / TICKS_A_SECOND)
        for start, stop in runs
        if stop - start >= _SHORTEST_PHRASE * TICKS_A_SECOND
    )


def _digest(waveform: Float[Tensor, " samples"]) -> int:
    """Of what is heard first: silence of nothing but zeros before it tells no recording from another."""
    heard = torch.nonzero(waveform[: 60 * SAMPLE_RATE])
    first = int(heard[0]) if len(heard) else 0
    second = waveform[first : first + SAMPLE_RATE].clamp(-1, 1)
    return zlib.crc32((second * 32767).round().short().numpy().tobytes())
