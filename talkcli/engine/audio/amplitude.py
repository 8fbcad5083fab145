"""Amplitude: the envelope of a voice, one number a frame."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.speech import SAMPLE_RATE
from talkcli.engine.spilt import let_go

PIECE_SAMPLES, EDGE_SAMPLES = 30 * SAMPLE_RATE, SAMPLE_RATE
"""Samples whose envelope is worked out at a time, and those on either side that are taken into account."""


def amplitude(
    waveform: Float[Tensor, " samples"], frames: int, fps: Fraction | float
) -> Float[Tensor, " frames"]:
    """Mean of the Hilbert envelope over the samples of each frame; 0 where the sound is over.

    A recording of up to 30 s is transformed as a whole, a longer one in pieces that know a second of their
    neighbours, in constant memory.
    """
    sums, counts = (torch.zeros(frames + 1, dtype=torch.float64) for _ in range(2))
    frames_a_sample = Fraction(fps) / SAMPLE_RATE
    for start in range(0, len(waveform), PIECE_SAMPLES):
        first, stop = max(0, start - EDGE_SAMPLES), min(len(waveform), start + PIECE_SAMPLES)
        whole = len(waveform) <= PIECE_SAMPLES
        heard = (waveform if whole else waveform[first : stop + EDGE_SAMPLES]).cpu().double()
        own = torch.from_numpy(envelope(heard.numpy())[start - first : stop - first])
        at = torch.arange(start, stop) * frames_a_sample.numerator // frames_a_sample.denominator
        at = at.clamp(max=frames)
        sums.index_add_(0, at, own)
        counts.index_add_(0, at, torch.ones_like(own))
        let_go(waveform)
    return (sums / counts.clamp(min=1))[:frames].float().to(waveform.device)


def envelope(wave: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " samples"]:
    """Of Hilbert's: the modulus of the signal that has no negative frequencies, and of the others twice."""
    count = len(wave)
    spectrum = np.zeros(count, complex)
    spectrum[: count // 2 + 1] = np.fft.rfft(wave)
    spectrum[1 : (count + 1) // 2] *= 2
    return np.abs(np.fft.ifft(spectrum))
