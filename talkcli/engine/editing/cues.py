"""Cues of a voice that a head's movement may follow: loudness, onsets, beats."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.audio.onsets import beats, onsets
from talkcli.engine.editing.prosody import TICKS_A_SECOND, averaged, prosody_of
from talkcli.engine.editing.strokes import Pulse, pulsed
from talkcli.engine.editing.trajectories import Envelope
from talkcli.engine.errors import BadInput
from talkcli.engine.speech import Speech

PULSE_RISE, PULSE_FALL = 0.15, 0.35
"""Seconds of a pulse on an onset or a beat."""

LOUDNESS_SECONDS = 0.25
"""Width of the mean of loudness: heads are slower than syllables."""

_TOLD = 60
"""Onsets and beats that are told, and values of loudness."""


@dataclass(frozen=True)
class Cues:
    """Of one recording, for a motion of so many frames."""

    speech: Speech | None
    frames: int
    fps: Fraction

    def envelope(self, kind: Envelope) -> Float[Tensor, " frames"]:
        """How much of a wave there is, 0 to 1. BadInput where it follows a voice, and there is none."""
        if kind == "const":
            return torch.ones(self.frames)
        if self.speech is None:
            raise BadInput(
                f"A head that follows the voice ({kind}) needs the recording.", "Give it with --audio FILE."
            )
        if kind == "rms":
            prosody = prosody_of(self.speech)
            loudness = averaged(prosody.voice, LOUDNESS_SECONDS * TICKS_A_SECOND)
            return prosody.at_frames(loudness, self.frames, self.fps)
        moments = _onsets(self.speech) if kind == "onset" else _beats(self.speech)
        pulses = [Pulse(second, PULSE_RISE, PULSE_FALL, (1.0,)) for second in moments]
        return pulsed(pulses, 1, self.frames, float(self.fps))[:, 0].clamp(max=1)

    @property
    def as_json(self) -> dict[str, Any]:
        """What a language model is told of the recording: numbers, never the sound."""
        seconds = round(float(self.frames / self.fps), 2)
        if self.speech is None:
            return {"duration_s": seconds}
        loudness = self.envelope("rms")
        step = max(1, -(-len(loudness) // _TOLD))
        return {
            "duration_s": seconds,
            "rms": {
                "every_s": round(step / float(self.fps), 3),
                "values": _rounded(loudness[::step].tolist()),
            },
            "onsets_s": _rounded(_onsets(self.speech)[:_TOLD]),
            "beats_s": _rounded(_beats(self.speech)[:_TOLD]),
        }


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 2) for value in values]


@functools.lru_cache(maxsize=2)
def _onsets(speech: Speech) -> list[float]:
    return onsets(speech).tolist()


@functools.lru_cache(maxsize=2)
def _beats(speech: Speech) -> list[float]:
    return beats(speech).tolist()
