"""Speech: one voice, mono, 16 kHz."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.errors import BadInput
from talkcli.engine.files import replacing
from talkcli.engine.sound import CONVERT, open_sound
from talkcli.engine.struct import TensorStruct

SAMPLE_RATE = 16_000
"""Hertz: what every speech encoder here hears."""

FIELD, TICK = 400, 320
"""Samples under one output of the convolutions of wav2vec 2.0 and its kin, and between two: 50 a second."""

Counted = Literal["nearest", "whole", "heard"]
"""How frames are counted: to the nearest, whole ones alone (TexTalker), or whole ones within the outputs of
the convolutions that hear (MemoryTalker, after FaceFormer)."""

_SHORTEST_SECONDS = 0.1
"""Seconds: less than any sound of speech."""


class Speech(TensorStruct):
    waveform: Float[Tensor, " samples"]
    """Mono, at SAMPLE_RATE; 1 is full scale."""
    notes: tuple[str, ...] = ()
    """What was wrong with the recording and could be mended."""

    def __len__(self) -> int:
        return len(self.waveform)

    @property
    def seconds(self) -> float:
        return len(self) / SAMPLE_RATE

    def frames(self, fps: Fraction | int, counted: Counted = "nearest") -> int:
        """How many animation frames this speech fills, at least one: the only place that counts them."""
        samples = len(self)
        if counted == "heard":
            samples = ((samples - FIELD) // TICK + 1) * TICK
        frames = Fraction(samples, SAMPLE_RATE) * Fraction(fps)
        return max(1, round(frames) if counted == "nearest" else math.floor(frames))


def load_speech(path: Path, name: str = "") -> Speech:
    """The sound of any audio or video file, or of stdin (`-`): all channels averaged, at SAMPLE_RATE.

    Decoded and resampled block by block: beyond the result's own 64 kB a second it needs a few megabytes. A
    recording that breaks off is used up to there, and says so in `notes`. BadInput for what is no recording,
    is empty, is shorter than 0.1 s or holds samples that are not numbers; it is called `name` there.
    """
    samples = bytearray()
    with open_sound(path, name) as sound:
        for block in sound.mono().resampled(SAMPLE_RATE).blocks:
            samples += block.tobytes()
    waveform = np.frombuffer(samples, np.float32)
    if not len(waveform):
        raise BadInput(f"{sound.name} holds no sound.", CONVERT)
    if len(waveform) < _SHORTEST_SECONDS * SAMPLE_RATE:
        length = f"{len(waveform) / SAMPLE_RATE * 1000:.1f} ms"
        raise BadInput(
            f"{sound.name} is too short to speak: {length}.", f"Give at least {_SHORTEST_SECONDS:g} s."
        )
    return Speech(torch.from_numpy(waveform), tuple(sound.notes))


def save_speech(speech: Speech, path: Path) -> None:
    """A WAV file, 16-bit PCM at SAMPLE_RATE; louder than full scale is clipped."""
    import soundfile

    with replacing(path) as temporary:
        soundfile.write(temporary, speech.waveform.numpy(), SAMPLE_RATE, subtype="PCM_16", format="WAV")
