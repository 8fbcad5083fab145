"""Beat alignment: does a head turn round where the voice has its onsets?"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks
from torch import Tensor

from talkcli.engine.audio.logmel import HOP, fold, mel_power, normalise
from talkcli.engine.speech import SAMPLE_RATE, Speech

BEAT_SIGMA, SPEED_SIGMA = 0.050, 0.083
"""Seconds: how near a turning point has to be, and over how long the head's speed is smoothed. Bailando's 3
and 5 frames of 60 a second."""

_ONSET_SIGMA, _ONSET_INTERVAL = 0.02, 0.12
"""Seconds: how far the rise of the bands is smoothed, and how near onsets may be to each other."""

_PROMINENCE = 0.5
"""Of the deviation of that rise: less is no onset."""


def onsets(speech: Speech) -> Float[np.ndarray, " onsets"]:
    """Seconds at which many bands of a voice grow louder at once: peaks of the mean rise of log-mel bands."""
    bands = normalise(fold(mel_power(speech.waveform[None])))[0].numpy()
    rise = np.clip(np.diff(bands, axis=0, prepend=bands[:1]), 0, None).mean(1)
    rate = SAMPLE_RATE / HOP
    rise = gaussian_filter1d(rise, _ONSET_SIGMA * rate)
    return find_peaks(rise, distance=_ONSET_INTERVAL * rate, prominence=_PROMINENCE * rise.std())[0] / rate


def beat_alignment(
    rotation: Float[Tensor, "frames 3"], fps: Fraction, beats: Float[np.ndarray, " onsets"]
) -> float:
    """mean over beats b of exp(-min over m of (b - m)^2 / (2 BEAT_SIGMA^2)), m of its smooth speed's minima

    Bailando's measure on a head's rotation. 0 where it never turns round; not-a-number without beats.
    """
    rate = float(fps)
    speed = np.linalg.norm(np.diff(rotation.double().numpy(), axis=0), axis=1) * rate
    turning = (find_peaks(-gaussian_filter1d(speed, SPEED_SIGMA * rate))[0] + 0.5) / rate
    if not len(beats) or not len(turning):
        return 0.0 if len(beats) else float("nan")
    nearest = np.abs(beats[:, None] - turning).min(1)
    return float(np.exp(-(nearest**2) / (2 * BEAT_SIGMA**2)).mean())
