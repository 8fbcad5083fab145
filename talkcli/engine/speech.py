"""Speech: one voice, mono, 16 kHz."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from talkcli.engine.destinations import replacing
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.recordings import recordings_in
from talkcli.engine.sound import RECORD_AGAIN, Block, Sound, called, open_sound, seekable
from talkcli.engine.spilt import spilt
from talkcli.engine.struct import TensorStruct, magnitude
from talkcli.engine.voicing import Voicing, voicing_of

SAMPLE_RATE = 16_000
"""Hertz: what every speech encoder here hears."""

FIELD, TICK = 400, 320
"""Samples under one output of the convolutions of wav2vec 2.0 and its kin, and between two: 50 a second."""

Counted = Literal["nearest", "whole", "heard"]
"""How frames are counted: to the nearest, whole ones alone (TexTalker), or whole ones within the outputs of
the convolutions that hear (MemoryTalker, after FaceFormer)."""

SHORTEST_SECONDS = 0.1
"""Seconds: less than any sound of speech."""

MIX, LOUDEST = "mix", "loudest"
_SIDES = {"left": 1, "right": 2}
MOST_CHANNELS = 16
"""Channels in which a voice is looked for, one after the other."""

_CANCELLED = 0.1
"""Power of a mix below which its channels cancel each other; 1 is what channels leave that know nothing of
each other."""
_HARDLY_VOICED = 0.1
"""Share of voiced frames below which it is asked whether one channel has more."""

QUIETEST_VOICE, HEARD_VOICE = -45.0, -26.0
"""Decibels of full scale: a voice below the one is brought to the other, where networks learnt to hear."""
_AT_ONCE = 1 << 20
"""Samples that are made louder together."""


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


def load_speech(path: Path, name: str = "", channel: str = MIX) -> Speech:
    """The voice in any audio or video file, or in stdin (`-`), at SAMPLE_RATE; messages call it `name`.

    `channel`: all averaged (mix), left, right, a number from 1, or the one in which the voice is loudest.
    Where channels of opposite phase leave nothing of their mix, the loudest is taken. A voice that is too
    quiet to be heard as it was learnt is made louder. `notes` says so, and where no voice is heard, or one in
    a single channel only. BadInput as in `speech_as_recorded`; BadUsage for a channel that is not there.
    """
    name = name or called(path)
    with seekable(path) as there:
        with open_sound(there, name) as sound:
            channels = sound.channels
        if channel != MIX:
            number = _channel_number(channel, channels, name) or _loudest(there, name, channels)[0]
            return _audible(_one(there, name, number), name)
        speech, left = _mixed(there, name)
        if left < _CANCELLED:
            number, _ = _loudest(there, name, channels)
            note = f"{name}: its channels cancel each other; channel {number} is heard (--channel {number})."
            speech = _one(there, name, number)
            return _audible(dataclasses.replace(speech, notes=(*speech.notes, note)), name)
        share = _voicing(speech).share
        if channels > 1 and share < _HARDLY_VOICED:
            number, voicing = _loudest(there, name, channels)
            if voicing.share > 2 * max(share, _HARDLY_VOICED):
                note = (
                    f"{name}: in the mix of its channels the voice is far below noise; "
                    f"channel {number} has it (--channel {number})."
                )
                return dataclasses.replace(speech, notes=(*speech.notes, note))
        return _audible(speech, name)


def voice_in(source: Path, channel: str = MIX) -> Speech:
    """The speech in a recording, or in all recordings of a folder by name, one after the other."""
    if not source.is_dir():
        return load_speech(source, channel=channel)
    pieces = [load_speech(path, channel=channel) for path in recordings_in(source)]
    if not pieces:
        raise BadInput(f"{source} holds no recordings.", "Give a folder with recordings of one voice.")
    notes = tuple(note for piece in pieces for note in piece.notes)
    return Speech(torch.cat([piece.waveform for piece in pieces]), notes)


def _channel_number(channel: str, channels: int, name: str) -> int | None:
    """From 1; None for the loudest."""
    if channel == LOUDEST:
        return None
    number = _SIDES.get(channel, int(channel) if channel.isdecimal() and len(channel) < 6 else 0)
    if not number:
        raise BadUsage(f"'{channel}' is no channel.", "Give left, right, 1, 2 and so on, mix or loudest.")
    if number > channels:
        raise BadUsage(f"{name} has {channels} channel{'s' * (channels > 1)}.", "Give --channel mix.")
    return number


def _one(path: Path, name: str, number: int) -> Speech:
    """One channel, from 1."""
    with open_sound(path, name) as sound:
        return _taken(sound.only(number - 1))


def _mixed(path: Path, name: str) -> tuple[Speech, float]:
    """All channels averaged, and the power of that in shares of what strange channels would leave."""
    power = np.zeros(2)
    with open_sound(path, name) as sound:
        channels = sound.channels

        def weighed() -> Iterator[Block]:
            for block in sound.blocks:
                if channels > 1:
                    mix = np.square(block.mean(1), dtype=np.float64).sum()
                    power[:] += mix, np.square(block, dtype=np.float64).sum() / channels**2
                yield block

        speech = _taken(dataclasses.replace(sound, blocks=weighed()).mono())
    return speech, float(power[0] / power[1]) if power[1] else 1.0


def _loudest(path: Path, name: str, channels: int) -> tuple[int, Voicing]:
    """The channel in which the voice, or else the sound, is loudest, from 1, and its voicing."""
    loudest = (-1.0, -1.0, 0, Voicing(0.0, 0.0))
    for number in range(1, min(channels, MOST_CHANNELS) + 1):
        waveform = _one(path, name, number).waveform
        voicing = voicing_of(waveform.numpy(), SAMPLE_RATE)
        loudest = max(loudest, (voicing.level, float(waveform @ waveform), -number, voicing))
    return -loudest[2], loudest[3]


def _voicing(speech: Speech) -> Voicing:
    return voicing_of(speech.waveform.numpy(), SAMPLE_RATE)


def _audible(speech: Speech, name: str) -> Speech:
    """The speech, louder if its voice is very quiet, with what is to be said of it."""
    voicing = _voicing(speech)
    if not voicing.share:
        note = f"{name}: no voice is heard in it; it may be silence, noise or a whisper."
        return dataclasses.replace(speech, notes=(*speech.notes, note))
    if voicing.decibels >= QUIETEST_VOICE:
        return speech
    gain = min(10 ** ((HEARD_VOICE - voicing.decibels) / 20), 1 / magnitude(speech.waveform))
    note = f"{name} is very quiet: it is heard {20 * math.log10(gain):.0f} dB louder."
    louder = spilt((part * gain).numpy() for part in speech.waveform.split(_AT_ONCE))
    return Speech(torch.from_numpy(louder), (*speech.notes, note))


def speech_as_recorded(path: Path, name: str = "") -> Speech:
    """All channels of any audio or video file, or of stdin (`-`), averaged, at SAMPLE_RATE, and no more.

    Decoded and resampled block by block in a few megabytes; a long result, 64 kB a second, is `spilt`. A
    recording that breaks off is used up to there, and says so in `notes`. BadInput for what is no recording,
    is empty, is shorter than 0.1 s or holds samples that are not numbers; it is called `name` there.
    """
    with open_sound(path, name) as sound:
        return _taken(sound.mono())


def samples_of(path: Path) -> int:
    """How many samples `speech_as_recorded` gives, by the header of what `save_speech` wrote."""
    with _plain(path) as file:
        return len(speech_as_recorded(path)) if file is None else int(file.frames)


def part_of_speech(path: Path, start: int, stop: int) -> Float[Tensor, " n"]:
    """Samples [start, stop) of `speech_as_recorded`; of what `save_speech` wrote nothing else is read."""
    with _plain(path) as file:
        if file is None:
            return speech_as_recorded(path).waveform[start:stop]
        file.seek(min(start, file.frames))
        return torch.from_numpy(file.read(max(0, stop - start), dtype="float32"))


@contextmanager
def _plain(path: Path) -> Iterator[Any]:
    """A file in the form that `save_speech` gives; None for any other recording, and for what is none."""
    import soundfile

    try:
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, OSError):
        yield None
        return
    with file:
        form = file.format, file.subtype, file.samplerate, file.channels
        yield file if form == ("WAV", "PCM_16", SAMPLE_RATE, 1) and file.frames else None


def speech_of(samples: Float32[np.ndarray, " samples"], rate: int, name: str) -> Speech:
    """Speech from samples in [-1, 1] at any rate, called `name` in messages."""
    return _taken(Sound(name, rate, 1, iter([samples[:, None]]), []))


def _taken(sound: Sound) -> Speech:
    """The speech in a sound of one channel."""
    waveform = spilt(sound.resampled(SAMPLE_RATE).blocks)
    if not len(waveform):
        raise BadInput(f"{sound.name} holds no sound.", RECORD_AGAIN)
    if len(waveform) < SHORTEST_SECONDS * SAMPLE_RATE:
        length = f"{len(waveform) / SAMPLE_RATE * 1000:.1f} ms"
        raise BadInput(
            f"{sound.name} is too short to speak: {length}.", f"Give at least {SHORTEST_SECONDS:g} s."
        )
    return Speech(torch.from_numpy(waveform), tuple(sound.notes))


def save_speech(speech: Speech, path: Path) -> None:
    """A WAV file, 16-bit PCM at SAMPLE_RATE; louder than full scale is clipped."""
    import soundfile

    with replacing(path) as temporary:
        soundfile.write(temporary, speech.waveform.numpy(), SAMPLE_RATE, subtype="PCM_16", format="WAV")
