"""The stage in which a log-mel encoder of our own learns what a better ear hears: no words are needed."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.logmel import features
from talkcli.engine.audio.logmel_encoder import LogMelEncoder
from talkcli.engine.audio.starter_ear import StarterEar
from talkcli.engine.clips import ClipSet, Example
from talkcli.engine.device import bfloat16_products
from talkcli.engine.training.hearing import NOWHERE, SOUND_TICKS, SoundExample, sound_example
from talkcli.engine.training.stage import Losses, Stage, Update, cosine


def distillation(teacher: StarterEar, *, steps: int = 10_000) -> Stage[LogMelEncoder, SoundExample]:
    """Cross entropy of the student's phones against the teacher's probabilities at every tick of a sound.

    16 examples a step, AdamW at 1.5e-3, in bfloat16 where the device multiplies it. Sounds are those of
    `hearing_lessons`; what was said in them is not asked.
    """

    def losses(student: LogMelEncoder, batch: SoundExample, generator: torch.Generator) -> Losses:
        with bfloat16_products(batch.sound.device):
            with torch.no_grad():
                wanted = teacher.phones(batch.sound).float().softmax(-1)
            logits = student.phones(features(batch.sound))[:, :SOUND_TICKS].float()
        return {"distance": distance(logits, wanted, batch.phones)}

    def begin(student: LogMelEncoder, clips: ClipSet, generator: torch.Generator) -> Example[SoundExample]:
        teacher.to(next(student.parameters()).device).eval()
        return sound_example

    def weights(student: LogMelEncoder) -> Iterable[nn.Parameter]:
        return student.parameters()

    update = Update[LogMelEncoder, SoundExample](weights, losses, 1.5e-3, weight_decay=0.02)
    return Stage((update,), begin, steps, batch=16, ema=0.999, schedule=cosine, drawn_by="people")


def distance(logits: Tensor, wanted: Tensor, phones: Tensor) -> Tensor:
    """Mean cross entropy, nats a tick, over ticks inside a recording."""
    inside = phones.flatten() != NOWHERE
    each = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(0, 1), reduction="none")
    return (each * inside).sum() / inside.sum()
