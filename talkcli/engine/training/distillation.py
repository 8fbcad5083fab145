"""The stage in which a log-mel encoder of our own learns what a better ear hears: no words are needed.

The better ear hears each sound once, before; the student meets them over and over.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.logmel import features
from talkcli.engine.audio.logmel_encoder import LogMelEncoder
from talkcli.engine.audio.starter_ear import StarterEar
from talkcli.engine.clips import ClipSet, Example
from talkcli.engine.device import bfloat16_products
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.ahead import dice
from talkcli.engine.training.hearing import NOWHERE, SOUND_TICKS, sound_example
from talkcli.engine.training.stage import Losses, Stage, Update, cosine

TOGETHER = 16
"""Sounds that are heard, and learnt from, at a time."""


class Overheard(TensorStruct):
    """What a better ear hears in a sound, alone or stacked: probabilities, and where there is sound."""

    features: Float[Tensor, "*batch spectra bands"]
    wanted: Float[Tensor, "*batch ticks phones"]
    inside: Bool[Tensor, "*batch ticks"]


def overheard(teacher: StarterEar, clips: ClipSet, *, seed: int, number: int) -> Overheard:
    """TOGETHER of the sounds of `hearing_lessons`, in half precision, by these dice alone."""
    sounds = clips.batches(sound_example, TOGETHER, "people")(dice(seed, number))
    with torch.no_grad():
        wanted = teacher.eval().phones(sounds.sound).softmax(-1)
        return Overheard(features(sounds.sound).half(), wanted.half(), sounds.phones != NOWHERE)


def distillation(lessons: Overheard, *, steps: int = 2200) -> Stage[LogMelEncoder, Overheard]:
    """Cross entropy of the student's phones against the teacher's probabilities at every tick of a sound.

    TOGETHER of the lessons a step, AdamW at 1.5e-3, in bfloat16 where the device multiplies it.
    """

    def losses(student: LogMelEncoder, batch: Overheard, generator: torch.Generator) -> Losses:
        with bfloat16_products(batch.wanted.device):
            logits = student.phones(batch.features.float())[:, :SOUND_TICKS]
        return {"distance": distance(logits.float(), batch.wanted.float(), batch.inside)}

    def begin(student: LogMelEncoder, clips: ClipSet, generator: torch.Generator) -> Example[Overheard]:
        def example(clips: ClipSet, index: int, generator: torch.Generator) -> Overheard:
            row = int(torch.randint(len(lessons.inside), (), generator=generator))
            return lessons.map(lambda tensor: tensor[row])

        return example

    def weights(student: LogMelEncoder) -> Iterable[nn.Parameter]:
        return student.parameters()

    update = Update[LogMelEncoder, Overheard](weights, losses, 1.5e-3, weight_decay=0.02)
    return Stage((update,), begin, steps, batch=TOGETHER, ema=0.999, schedule=cosine)


def distance(
    logits: Float[Tensor, "batch ticks phones"],
    wanted: Float[Tensor, "batch ticks phones"],
    inside: Bool[Tensor, "batch ticks"],
) -> Tensor:
    """Mean cross entropy, nats a tick, over ticks inside a recording."""
    each = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(0, 1), reduction="none")
    return (each * inside.flatten()).sum() / inside.sum()
