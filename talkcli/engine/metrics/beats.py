"""Beat alignment: does a head turn round where the voice has its onsets?"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks
from torch import Tensor

from talkcli.engine.audio.onsets import onsets
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
    beats = onsets(speech)
    beats = beats[beats < motion.seconds]
    if motion.head is None or not len(beats):
        return 0.0, len(beats)
    return beat_alignment(motion.head.rotation, motion.fps, beats) * len(beats), len(beats)


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
