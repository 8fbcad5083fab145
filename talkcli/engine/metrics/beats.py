"""Beat alignment: does a head turn round where the voice has its onsets?"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks
from torch import Tensor

from talkcli.engine.audio.onsets import beats, onsets
from talkcli.engine.metrics.articulation import Tally
from talkcli.engine.motion import Motion
from talkcli.engine.speech import Speech

BEAT_SIGMA, SPEED_SIGMA = 0.050, 0.083
"""Seconds: how near a turning point has to be, and over how long the head's speed is smoothed. Bailando's 3
and 5 frames of 60 a second."""


def ba(motion: Motion, speech: Speech) -> Tally:
    """mean over onsets of the voice of exp(-d^2 / (2 (50 ms)^2)), d to where the head next turns round

    Where it turns: minima of the rotation's speed, smoothed by 83 ms. A head that never turns scores 0.
    """
    return _tally(motion, onsets(speech), BEAT_SIGMA, SPEED_SIGMA)


def ba_onsets_5_9(motion: Motion, speech: Speech) -> Tally:
    """ba with exp(-d^2 / (2 * 9)), d in frames of the motion, of its speed smoothed by 5 frames"""
    return _by_frames(motion, onsets(speech), 5, 9)


def ba_beats_3_7(motion: Motion, speech: Speech) -> Tally:
    """mean over beats of the voice of exp(-d^2 / (2 * 7)), d in frames, of speed smoothed by 3 frames"""
    return _by_frames(motion, beats(speech), 3, 7)


def ba_beats_2_8(motion: Motion, speech: Speech) -> Tally:
    """mean over beats of the voice of exp(-d^2 / (2 * 8)), d in frames, of speed smoothed by 2 frames"""
    return _by_frames(motion, beats(speech), 2, 8)


def _by_frames(motion: Motion, times: Float[np.ndarray, " beats"], smoothing: int, variance: int) -> Tally:
    rate = float(motion.fps)
    return _tally(motion, times, variance**0.5 / rate, smoothing / rate)


def _tally(motion: Motion, times: Float[np.ndarray, " beats"], near: float, smoothing: float) -> Tally:
    times = times[times < motion.seconds]
    if motion.head is None or not len(times):
        return 0.0, len(times)
    return beat_alignment(motion.head.rotation, motion.fps, times, near, smoothing) * len(times), len(times)


def beat_alignment(
    rotation: Float[Tensor, "frames 3"],
    fps: Fraction,
    times: Float[np.ndarray, " beats"],
    near: float = BEAT_SIGMA,
    smoothing: float = SPEED_SIGMA,
) -> float:
    """mean over beats b of exp(-min over m of (b - m)^2 / (2 near^2)), m of its smooth speed's minima

    Bailando's measure on a head's rotation, seconds. 0 where it never turns round; not-a-number without
    beats.
    """
    rate = float(fps)
    speed = np.linalg.norm(np.diff(rotation.double().numpy(), axis=0), axis=1) * rate
    turning = (find_peaks(-gaussian_filter1d(speed, smoothing * rate))[0] + 0.5) / rate
    if not len(times) or not len(turning):
        return 0.0 if len(times) else float("nan")
    nearest = np.abs(times[:, None] - turning).min(1)
    return float(np.exp(-(nearest**2) / (2 * near**2)).mean())
