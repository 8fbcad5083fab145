"""The mood of a recording by its intonation as a whole: how loud, high, lively and bright the voice is."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.assets import asset
from talkcli.engine.audio.intonation import intonation
from talkcli.engine.files import load_struct
from talkcli.engine.speech import Speech
from talkcli.engine.struct import TensorStruct

MOOD_EAR = "moods_heard.safetensors"
_FPS = Fraction(30)
_ENDS = (0.1, 0.9)
"""Quantiles between which a track mostly lies."""


class MoodEar(TensorStruct):
    """A linear reading of `tone` of the logits of moods."""

    moods: tuple[str, ...]
    weights: Float[Tensor, "numbers moods"]
    bias: Float[Tensor, " moods"]

    def heard(self, speech: Speech) -> Mapping[str, float]:
        """The probability of each mood."""
        shares = (tone(speech) @ self.weights + self.bias).softmax(0)
        return dict(zip(self.moods, shares.tolist(), strict=True))


def tone(speech: Speech) -> Float[Tensor, " numbers"]:
    """Mean, deviation and ends of every track of INTONATION."""
    tracks = intonation(speech.waveform, 0, speech.frames(_FPS), _FPS)
    low, high = (tracks.quantile(end, 0) for end in _ENDS)
    return torch.cat([tracks.mean(0), tracks.std(0), low, high])


@functools.cache
def load_mood_ear() -> MoodEar:
    """The one that ships; MissingAsset where it is gone."""
    return load_struct(asset(MOOD_EAR), (MoodEar,))
