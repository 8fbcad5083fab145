"""Voicing: whether there is a voice in a recording, and how loud it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

_FRAME_SECONDS = 0.04
_HOP_SECONDS = 0.01
_MOST_FRAMES = 600
"""Frames that are looked at, evenly spread: a few milliseconds of work, however long the recording is."""
_PITCHES = (60, 400)
"""Hertz of a voice."""
_PERIODIC = 0.5
"""Autocorrelation at the period above which a frame is voiced; noise stays below 0.4."""
_HIGHEST_HERTZ = 2000
"""Above it hiss drowns a voice first."""
_IN_THE_MIDDLE = 0.1
"""Share of a frame's power that its window leaves; less is a click at its edge."""
_HARDLY_MOVING = 0.01
"""Of a frame's level: what changes by less from sample to sample is a slope; a voice of 90 Hz changes by
0.035 at least."""
_FEWEST_FRAMES = 3
_STEADY = 3.0
"""Decibels between the quietest and the loudest frames of a tone or a hum; a voice moves more."""
_VOWEL_SECONDS, _VOWEL_SHARE = 1.0, 0.8
"""How long a vowel alone may be as steady as a tone, and how much of it is voiced; of noise less is."""


@dataclass(frozen=True)
class Voicing:
    share: float
    """Of the frames: a half or so in speech; 0 where there is no voice."""
    level: float
    """Root mean square of the voiced frames, 1 is full scale."""

    @property
    def decibels(self) -> float:
        return float(20 * np.log10(self.level + 1e-12))


def voicing_of(waveform: Float32[np.ndarray, " samples"], rate: int) -> Voicing:
    """How much of a recording is voice, and how loud that is."""
    size, hop = round(_FRAME_SECONDS * rate), round(_HOP_SECONDS * rate)
    if len(waveform) < size:
        return Voicing(0.0, 0.0)
    windows = np.lib.stride_tricks.sliding_window_view(waveform, size)[::hop]
    frames = windows[np.linspace(0, len(windows) - 1, min(len(windows), _MOST_FRAMES)).astype(int)]
    frames = frames - frames.mean(1, keepdims=True)
    levels = np.sqrt(np.square(frames, dtype=np.float64).mean(1))
    voiced = _periodicity(frames, rate) > _PERIODIC
    may_be_vowel = len(waveform) <= _VOWEL_SECONDS * rate and voiced.mean() > _VOWEL_SHARE
    if voiced.sum() < _FEWEST_FRAMES or (_is_steady(levels) and not may_be_vowel):
        return Voicing(0.0, 0.0)
    return Voicing(float(voiced.mean()), float(np.sqrt(np.square(levels[voiced]).mean())))


def _periodicity(frames: Float32[np.ndarray, "frames samples"], rate: int) -> Float32[np.ndarray, " frames"]:
    """The highest autocorrelation of each frame at the period of a voice, 0 to about 1."""
    brightened = np.diff(frames, axis=1)  # else rumble looks like a voice
    window = np.hanning(brightened.shape[1])
    size = 1 << (brightened.shape[1] * 3 // 2 - 1).bit_length()
    first, last = (rate // pitch for pitch in reversed(_PITCHES))
    hissing = np.fft.rfftfreq(size, 1 / rate) > _HIGHEST_HERTZ

    def correlations(rows: np.ndarray) -> np.ndarray:
        power = np.abs(np.fft.rfft(rows, size)) ** 2
        power[:, hissing] = 0
        return np.fft.irfft(power)[:, : last + 1]

    own, windows = correlations(brightened * window), correlations(window[None])
    likeness = (own / np.maximum(own[:, :1], 1e-20) * (windows[:, :1] / windows))[:, first:].max(1)
    power = np.square(brightened).sum(1)
    spread = np.square(brightened * window).sum(1) > _IN_THE_MIDDLE * power
    moving = power > _HARDLY_MOVING**2 * np.square(frames).sum(1)
    return np.where(spread & moving, likeness, 0)


def _is_steady(levels: np.ndarray) -> bool:
    low, high = np.quantile(levels, (0.05, 0.95))
    return bool(20 * np.log10((high + 1e-12) / (low + 1e-12)) < _STEADY)
