"""Pauses: where one is heard, and how a face comes to rest where an ear is certain that nobody speaks."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.audio.ear import Listened, certain_silence, frame_powers
from talkcli.engine.phones import PHONE_INDEX, SILENCE

FrameValues = Callable[[int, int], Float[Tensor, " n"]]
"""Numbers of frames [start, stop)."""
_CERTAIN = 0.95
"""Probability of silence in a pause."""
_EASE = 0.1
"""Seconds of a face's way to rest, from where a pause begins, and from rest."""

_PERHAPS = 0.3
"""Probability of silence from which on a pause lasts that is certain within _LASTS."""
_LASTS = Fraction(1, 5)
"""Seconds on either side."""
_BREATH = Fraction(2, 15)
"""Seconds of what is faint, from which on it is a pause: a stop is shorter."""
_LOUD = [
    PHONE_INDEX[phone]
    for phone in (
        *("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"),
        *("L", "R", "W", "Y", "M", "N", "NG", "S", "Z", "SH", "ZH", "CH", "JH"),
    )
]
"""Phones that are said however faint they are, if they are likelier than not."""


def without_breaths(
    listened: Listened,
    waveform: Float[Tensor, " samples"],
    frames: int,
    fps: Fraction | float,
    decibels: float,
) -> Listened:
    """The same phones, but silence for as long as it is heard at all about where it is certain, and where the
    recording is fainter than its loudest frame by `decibels`. Window by window as in one."""
    power = frame_powers(waveform, frames).to(waveform.device)
    faint = power < power.amax() * 10 ** (-decibels / 10) if frames else power > 0
    lasts, breath = math.ceil(_LASTS * Fraction(fps)), max(1, math.ceil(_BREATH * Fraction(fps)))
    reach = lasts + breath - 1

    def between(start: int, stop: int) -> Float[Tensor, "n phones"]:
        low, high = max(0, start - reach), min(frames, stop + reach)
        logits = listened(low, high)
        heard = logits.softmax(1)
        silence, loud = heard[:, SILENCE], heard[:, torch.tensor(_LOUD, device=heard.device)].sum(1)
        paused = silence > _CERTAIN
        for _ in range(lasts):
            paused = _wider(paused, 1) & ((silence > _PERHAPS) | paused)
        still = F.pad(paused | (faint[low:high] & (loud < 0.5)), (breath - 1, breath - 1))
        begins = still.unfold(0, breath, 1).all(1)
        paused = paused | begins.unfold(0, breath, 1).any(1)
        spoken = torch.where(paused[:, None], certain_silence(logits), logits)
        return spoken[start - low : stop - low]

    return between


def _wider(mask: Bool[Tensor, " n"], frames: int) -> Bool[Tensor, " n"]:
    """True, too, that many frames on either side."""
    return F.max_pool1d(mask.float()[None, None], 2 * frames + 1, 1, frames)[0, 0] > 0


def rests(silence: FrameValues, frames: int, fps: Fraction | float) -> FrameValues:
    """How far a face is at rest: 0 where something may be said, 1 inside a pause, window by window as in one.

    `silence`: its probability, of any frames of a recording of `frames`. Before it and after it all is quiet.
    """
    rate = float(fps)
    reach = math.ceil(_EASE * rate)
    away = torch.arange(-reach, reach + 1).abs()

    def between(start: int, stop: int) -> Float[Tensor, " n"]:
        low, high = max(0, start - reach), min(frames, stop + reach)
        quiet = (silence(low, high) > _CERTAIN).cpu()
        quiet = F.pad(quiet, (reach - (start - low), reach - (high - stop)), value=True)
        nearest = torch.where(quiet.unfold(0, 2 * reach + 1, 1), reach + 1, away).amin(1)
        return (nearest / rate / _EASE).clamp(0, 1)

    return between
