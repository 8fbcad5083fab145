"""Log-mel features that hear alike a close microphone and a far one, a short word and an hour."""

from __future__ import annotations

import functools

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.device import exact_kind
from talkcli.engine.speech import SAMPLE_RATE

HOP = 160  # samples: 100 spectra a second
WINDOW = 400  # samples: 25 ms, Hann
FFT = 512
FINE_BANDS = 80
"""Triangles equally spaced in mel from 40 to 7600 Hz: the resolution at which augmentation bends spectra."""
MEL_BANDS = 40
"""Pairs of fine bands: too coarse for the harmonics of a voice, fine enough for its formants."""
FEATURES = 3 * MEL_BANDS
"""Level, slope and curvature of each band."""

REACH = 1500
"""Spectra on either side (15 s) that say how loud the recording is; and as many again, what colour it has."""
FLOOR_POWER = 10**-4.5
"""Power under the recording's mean that is taken for silence (45 dB)."""
_HUSH = 1e-9
"""Band power at which a recording is silent however quiet the rest of it is (about -80 dB of full scale)."""


@functools.cache
def _filters(device: torch.device) -> Tensor:
    """[FFT // 2 + 1, FINE_BANDS] on a device, each band summing to one.

    Not those of MemoryTalker's style encoder (peaks of one, 0 to 8000 Hz), which its published weights were
    taught on: here a band is a mean, so that white noise is flat, and neither hum nor the last 400 Hz count.
    """

    def hertz(mel: np.ndarray) -> np.ndarray:
        return 700 * (10 ** (mel / 2595) - 1)

    low, high = (2595 * np.log10(1 + f / 700) for f in (40, 7600))
    corners = hertz(np.linspace(low, high, FINE_BANDS + 2))
    bins = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)[:, None]
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    rows = np.clip(np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)), 0, None)
    return torch.tensor(rows / np.maximum(rows.sum(0), 1e-6), dtype=torch.float32).to(device)


def mel_power(waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch frames bands"]:
    """Power in FINE_BANDS, 100 a second; frame k is centred on sample k * HOP."""
    window = torch.hann_window(WINDOW, device=waveform.device)
    padded = F.pad(waveform, (FFT // 2, FFT // 2))
    spectrum = torch.stft(padded, FFT, HOP, WINDOW, window, center=False, return_complex=True)
    power = spectrum.real.square() + spectrum.imag.square()
    return power.transpose(1, 2) @ _filters(waveform.device)


def fold(power: Float[Tensor, "batch frames fine"]) -> Float[Tensor, "batch frames bands"]:
    """Fine bands to MEL_BANDS."""
    return power.unflatten(2, (MEL_BANDS, FINE_BANDS // MEL_BANDS)).mean(3)


def _around(values: Float[Tensor, "batch frames n"]) -> Float[Tensor, "batch frames n"]:
    """Sum over REACH frames on either side, as many as there are."""
    frames = values.shape[1]
    sums = F.pad(values.to(exact_kind(values.device)).cumsum(1), (0, 0, 1, 0))
    at = torch.arange(frames, device=values.device)
    return (sums[:, (at + REACH + 1).clamp(max=frames)] - sums[:, (at - REACH).clamp(min=0)]).to(values.dtype)


def normalise(
    power: Float[Tensor, "batch frames bands"], floor: float = FLOOR_POWER
) -> Float[Tensor, "batch frames bands"]:
    """Log power without level, room colour and noise floor.

    Level and colour are those of the 15 s on either side, so that an hour needs no more memory than a
    minute and a talker who walks away is followed. The colour is the mean spectrum of what is within about
    13 dB of the level: speech, not the pauses. One scale (2.5, the spread of speech in natural logarithms)
    for all bands keeps the shape of the spectrum.
    """
    level = _around(power.mean(2, keepdim=True)) / _around(torch.ones_like(power[..., :1]))
    logs = (power + (level * floor).clamp(min=_HUSH)).log()
    loud = torch.sigmoid((power.mean(2, keepdim=True) + _HUSH).log() - (level + _HUSH).log() + 3.0)
    colour = _around(logs * loud) / _around(loud).clamp(min=1e-3)
    return (logs - colour) / 2.5


def with_slopes(levels: Float[Tensor, "batch frames bands"]) -> Float[Tensor, "batch frames features"]:
    """Levels, their slope and their curvature over time."""

    def slope(x: Tensor) -> Tensor:
        return F.pad(x[:, 2:] - x[:, :-2], (0, 0, 1, 1))[:, : x.shape[1]]

    first = slope(levels)
    return torch.cat([levels, first, slope(first)], dim=2)


def features(waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch frames features"]:
    """What the log-mel encoder hears, 100 frames a second."""
    return with_slopes(normalise(fold(mel_power(waveform))))
