"""The stage that teaches the head of a starter ear to name phones, over an encoder that stays as it is."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.augment import Wave, at_pitch, elsewhere, wordless
from talkcli.engine.audio.company import in_company, nobody_near, on_telephone
from talkcli.engine.audio.ear import TICKS
from talkcli.engine.audio.starter_ear import StarterEar
from talkcli.engine.clips import ClipSet, Example
from talkcli.engine.device import bfloat16_products
from talkcli.engine.errors import BadInput
from talkcli.engine.phones import SILENCE
from talkcli.engine.speech import TICK
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.stage import Losses, Stage, Update, cosine

SOUND_TICKS = 5 * TICKS
"""Ticks of an example."""
NOWHERE = -1
"""The phone of a tick past the end of a recording."""


class SoundExample(TensorStruct):
    """A sound and what the near voice says in it, alone or stacked."""

    sound: Float[Tensor, "*batch samples"]
    phones: Int[Tensor, "*batch ticks"]


def sound_example(clips: ClipSet, index: int, generator: torch.Generator) -> SoundExample:
    """A stretch of a clip elsewhere: another pace, pitch, room or microphone, in company, on a telephone.

    One in twelve is what is heard where nobody is near.
    """
    phones = clips.phones(index)
    if phones is None:
        raise BadInput(f"{clips.names[index]} has no phones.", "Hearing is learnt from clips that know them.")
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    pace = float(np.exp(rng.normal(0, 0.12)).clip(0.75, 1.4)) if rng.random() < 0.5 else 1.0
    length = SOUND_TICKS * TICK
    first = int(rng.integers(max(0, int(clips.samples(index) / pace) - length) // TICK + 1))
    wave = _at_pace(clips, index, first * TICK, length, pace)
    labels = phones.frames(TICKS / pace, first + SOUND_TICKS)[first:].numpy()
    labels[-(-len(wave) // TICK) :] = NOWHERE
    if pace != 1.0 and rng.random() < 0.7:
        wave = at_pitch(wave, 1 / pace)
    elif rng.random() < 0.3:
        wave = at_pitch(wave, float(np.exp(rng.normal(0, 0.15)).clip(0.7, 1.4)))
    chance = rng.random()
    if chance < 0.08:
        wave = nobody_near(_others(clips, rng), length, rng) if chance < 0.05 else wordless(length, rng)
        labels = np.full(SOUND_TICKS, SILENCE)
    elif chance < 0.45:
        wave = in_company(wave, _others(clips, rng), rng)
    if rng.random() < 0.08:
        wave = on_telephone(wave, rng)
    if rng.random() < 0.7:
        wave = elsewhere(wave, rng)
    sound = F.pad(torch.from_numpy(wave.astype(np.float32)), (0, length - len(wave)))
    return SoundExample(sound, torch.from_numpy(labels))


def _at_pace(clips: ClipSet, index: int, start: int, length: int, pace: float) -> Wave:
    """So many samples, or what is left, from `start` of a clip played `pace` times faster."""
    stop = min(start + length, int(clips.samples(index) / pace))
    if pace == 1.0:
        return clips.sound(index, start, stop).numpy()
    first = int(start * pace)
    wave = clips.sound(index, first, math.ceil(stop * pace) + 1).numpy()
    places = np.arange(start, stop) * pace - first
    return np.interp(places, np.arange(len(wave)), wave).astype(np.float32)


def _others(clips: ClipSet, rng: np.random.Generator) -> list[Wave]:
    """One to six other recordings."""
    return [
        clips.speech(int(index)).waveform.numpy()
        for index in rng.integers(len(clips), size=int(rng.choice([1, 2, 3, 4, 6])))
    ]


def hearing_lessons(*, steps: int = 1000) -> Stage[StarterEar, SoundExample]:
    """Cross entropy of the phone at every tick, labels smoothed by 0.05; only the head learns.

    16 examples a step, AdamW at 2e-3, in bfloat16 where the device multiplies it.
    """

    def losses(ear: StarterEar, batch: SoundExample, generator: torch.Generator) -> Losses:
        with bfloat16_products(batch.sound.device):
            logits = ear.phones(batch.sound)
        flat = logits.float().flatten(0, 1)
        loss = F.cross_entropy(flat, batch.phones.flatten(), ignore_index=NOWHERE, label_smoothing=0.05)
        return {"phones": loss}

    def begin(ear: StarterEar, clips: ClipSet, generator: torch.Generator) -> Example[SoundExample]:
        return sound_example

    def weights(ear: StarterEar) -> Iterable[nn.Parameter]:
        return ear.taught()

    update = Update[StarterEar, SoundExample](weights, losses, 2e-3, weight_decay=0.02)
    return Stage((update,), begin, steps, batch=16, ema=0.995, schedule=cosine, drawn_by="people")
