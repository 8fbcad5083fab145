"""Onsets and beats: where a voice grows louder at once, and the pulse that goes best with it."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from talkcli.engine.audio.logmel import HOP, fold, mel_power, normalise
from talkcli.engine.speech import SAMPLE_RATE, Speech

ONSET_RATE = SAMPLE_RATE / HOP
"""Onset strengths a second."""

_ONSET_SIGMA, _ONSET_INTERVAL = 0.02, 0.12
"""Seconds: how far the rise of the bands is smoothed, and how near onsets may be to each other."""

_PROMINENCE = 0.5
"""Of the deviation of that rise: less is no onset."""

_TEMPO, _TEMPO_OCTAVES, _TEMPOS = 0.5, 1.0, (0.25, 1.5)
"""Seconds from beat to beat that are likeliest, octaves that they deviate, the least and the most seconds."""

_TIGHTNESS = 100.0
"""How much a beat that comes early or late costs, for the square of the logarithm of the interval's error."""


def onset_strength(speech: Speech) -> Float[np.ndarray, " ticks"]:
    """ONSET_RATE times a second: the mean rise of log-mel bands, smoothed."""
    from scipy.ndimage import gaussian_filter1d  # slow to load, for those who listen for onsets

    bands = normalise(fold(mel_power(speech.waveform[None])))[0].numpy()
    rise = np.clip(np.diff(bands, axis=0, prepend=bands[:1]), 0, None).mean(1)
    return gaussian_filter1d(rise, _ONSET_SIGMA * ONSET_RATE)


def onsets(speech: Speech) -> Float[np.ndarray, " onsets"]:
    """Seconds at which many bands of a voice grow louder at once: peaks of the onset strength."""
    from scipy.signal import find_peaks

    rise = onset_strength(speech)
    apart, prominence = _ONSET_INTERVAL * ONSET_RATE, _PROMINENCE * rise.std()
    return find_peaks(rise, distance=apart, prominence=prominence)[0] / ONSET_RATE


def beats(speech: Speech) -> Float[np.ndarray, " beats"]:
    """Seconds of an even pulse that meets the onsets best, by dynamic programming (Ellis 2007).

    None in a recording without onsets, or shorter than two beats.
    """
    rise = onset_strength(speech)
    if rise.std() < 1e-6 or len(rise) < 2 * _TEMPOS[1] * ONSET_RATE:
        return np.zeros(0)
    strength, period = rise / rise.std(), _period(rise - rise.mean())
    near, far = max(1, round(period / 2)), round(2 * period)
    cost = _TIGHTNESS * np.log(np.arange(near, far + 1) / period) ** 2
    total, before = strength.copy(), np.full(len(strength), -1)
    for tick in range(near, len(strength)):
        reach = min(far, tick)
        scores = total[tick - reach : tick - near + 1][::-1] - cost[: reach - near + 1]
        best = int(scores.argmax())
        if scores[best] > 0:
            total[tick] += scores[best]
            before[tick] = tick - near - best
    last = len(total) - far + int(total[-far:].argmax())
    ticks = [last]
    while before[ticks[-1]] >= 0:
        ticks.append(int(before[ticks[-1]]))
    return np.array(ticks[::-1]) / ONSET_RATE


def _period(rise: Float[np.ndarray, " ticks"]) -> float:
    """Ticks from beat to beat: where the strength is most like itself, near _TEMPO."""
    low, high = (round(seconds * ONSET_RATE) for seconds in _TEMPOS)
    size = 1 << (2 * len(rise) - 1).bit_length()
    likeness = np.fft.irfft(np.abs(np.fft.rfft(rise, size)) ** 2)[low : high + 1]
    octaves = np.log(np.arange(low, high + 1) / (_TEMPO * ONSET_RATE)) / math.log(2)
    return float(low + int((likeness * np.exp(-0.5 * (octaves / _TEMPO_OCTAVES) ** 2)).argmax()))
