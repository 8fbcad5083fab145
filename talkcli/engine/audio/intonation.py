"""Intonation: how loud, how high and how bright a voice is, and whether it sounds, frame by frame."""

from __future__ import annotations

import math
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.speech import SAMPLE_RATE

INTONATION = ("energy", "pitch", "pitch slope", "tilt", "voicing")
"""What each column of `intonation` says."""

_WINDOW, _SIZE = 640, 2048
"""Samples of a frame, 40 ms, and of its transform."""
_PITCHES_HERTZ = (60.0, 400.0)
_MIDDLE_HERTZ = 150.0
"""Of the scale of pitch, which counts octaves from there."""
_VOICED = 0.5
"""Autocorrelation at the period above which a frame has a pitch."""
_SHORTER = 0.08
"""Share of a likeness that the longest period loses against the shortest: of two alike the shorter counts."""
_CORNER_HERTZ = 1000.0
"""Between the low and the high sound of which tilt is the balance."""
_SILENCE_POWER = 1e-7
"""-70 dB of full scale."""
_FRAMES_AT_ONCE = 2000


def intonation(
    waveform: Float[Tensor, " samples"], start: int, stop: int, fps: Fraction | float
) -> Float[Tensor, "frames 5"]:
    """The columns of INTONATION at frames [start, stop), frame i at i / fps seconds; numbers of order 1.

    Energy in steps of 20 dB from -40 dB; pitch in octaves from 150 Hz and its slope in octaves over a tenth
    of a second, both 0 where nothing is voiced; tilt as the logarithm of power above 1 kHz over that below,
    in steps of 10 dB; voicing 0 to 1. A frame depends on the 40 ms around it and, by its slope, on its two
    neighbours.
    """
    low, high = start - 1, stop + 1
    parts = [
        _measured(waveform, torch.arange(first, min(first + _FRAMES_AT_ONCE, high)), fps)
        for first in range(low, high, _FRAMES_AT_ONCE)
    ]
    energy, pitch, tilt, voicing = torch.cat(parts).unbind(1)
    voiced = voicing > _VOICED
    pitch = torch.where(voiced, pitch, 0.0)
    both = voiced[2:] & voiced[:-2] & voiced[1:-1]
    slope = torch.where(both, (pitch[2:] - pitch[:-2]) * float(fps) / 20, 0.0).clamp(-2, 2)
    inner = slice(1, -1)
    return torch.stack([energy[inner], pitch[inner], slope, tilt[inner], voicing[inner]], 1)


def _measured(
    waveform: Float[Tensor, " samples"], frames: Float[Tensor, " frames"], fps: Fraction | float
) -> Float[Tensor, "frames 4"]:
    """Energy, pitch, tilt and voicing; beyond either end there is silence."""
    middles = (frames.double() * SAMPLE_RATE / float(fps)).round().long()
    first, last = int(middles[0]) - _WINDOW // 2, int(middles[-1]) + _WINDOW // 2
    sound = waveform[max(0, first) : max(0, last)]
    sound = F.pad(sound, (max(0, -first), 0))
    sound = F.pad(sound, (0, max(0, last - first - len(sound))))
    at = (middles - middles[0])[:, None] + torch.arange(_WINDOW)
    rows = sound.cpu()[at]
    rows = rows - rows.mean(1, keepdim=True)
    window = torch.hann_window(_WINDOW)
    spectrum = torch.fft.rfft(rows * window, _SIZE).abs().square()
    hertz = torch.fft.rfftfreq(_SIZE, 1 / SAMPLE_RATE)
    power = rows.square().mean(1)
    energy = (10 * (power + _SILENCE_POWER).log10() + 40) / 20
    low, high = spectrum[:, hertz < _CORNER_HERTZ].sum(1), spectrum[:, hertz >= _CORNER_HERTZ].sum(1)
    floor = _SILENCE_POWER * _WINDOW * _SIZE / 2
    tilt = ((high + floor) / (low + floor)).log10()
    pitch, voicing = _pitched(spectrum, window)
    sounding = (power > _SILENCE_POWER).float()
    return torch.stack([energy, pitch, tilt, voicing * sounding], 1)


def _pitched(
    spectrum: Float[Tensor, "frames bins"], window: Float[Tensor, " samples"]
) -> tuple[Float[Tensor, " frames"], Float[Tensor, " frames"]]:
    """Octaves from _MIDDLE_HERTZ and the autocorrelation there (Boersma 1993: over the window's own)."""
    own = torch.fft.irfft(torch.fft.rfft(window, _SIZE).abs().square())
    likeness = torch.fft.irfft(spectrum)
    shortest, longest = (math.floor(SAMPLE_RATE / hertz) for hertz in reversed(_PITCHES_HERTZ))
    periods = torch.arange(shortest, longest + 1)
    likeness = likeness / likeness[:, :1].clamp(min=1e-12) * own[0] / own.clamp(min=1e-3 * float(own[0]))
    candidates = likeness[:, periods]
    rising = candidates >= likeness[:, periods - 1]
    peak = rising & (candidates > likeness[:, periods + 1])
    preferred = torch.where(peak, candidates - _SHORTER * (periods - shortest) / (longest - shortest), -1.0)
    best = periods[preferred.argmax(1)]
    rows = torch.arange(len(best))
    before, at, after = (likeness[rows, best + step] for step in (-1, 0, 1))
    bend = (before - 2 * at + after).clamp(max=-1e-9)
    period = best + (0.5 * (before - after) / bend).clamp(-0.5, 0.5)
    voicing = torch.where(peak.any(1), at, 0.0).clamp(0, 1)
    return (SAMPLE_RATE / period / _MIDDLE_HERTZ).log2(), voicing
