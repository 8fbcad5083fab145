"""A log-mel encoder learns what a better ear hears, and nothing of where a recording has ended."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from talkcli.engine.assets import asset
from talkcli.engine.audio.logmel_encoder import LogMelEncoder, LogMelEncoderConfig
from talkcli.engine.audio.starter_ear import StarterEar, StarterEarConfig
from talkcli.engine.audio.whisper import WhisperConfig
from talkcli.engine.clips import ClipSet
from talkcli.engine.training.distillation import TOGETHER, distance, distillation, overheard
from talkcli.engine.training.fit import fit
from talkcli.engine.training.hearing import SOUND_TICKS


def test_the_distance_is_least_at_the_teachers_own_answer_and_blind_past_the_end() -> None:
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randn(2, 5, 40, generator=generator).softmax(-1)
    inside = torch.ones(2, 5, dtype=torch.bool)
    entropy = -(wanted * wanted.log()).sum(-1)
    assert float(distance(wanted.log(), wanted, inside)) == pytest.approx(float(entropy.mean()), abs=1e-5)
    other = wanted.log() + 0.1 * torch.randn(2, 5, 40, generator=generator)
    assert distance(other, wanted, inside) > entropy.mean()
    inside[1, 3:] = False
    other[1, 3:] = 99 * torch.randn(2, 40, generator=generator)
    other[inside] = wanted.log()[inside]
    assert float(distance(other, wanted, inside)) == pytest.approx(float(entropy[inside].mean()), abs=1e-5)


def test_a_student_comes_nearer_to_its_teacher_who_hears_the_same_once_more_and_stays_as_it_is() -> None:
    torch.manual_seed(0)
    teacher = StarterEar(StarterEarConfig(WhisperConfig(32, 1, 4, 48, ticks=SOUND_TICKS), inner=8)).eval()
    student = LogMelEncoder(LogMelEncoderConfig(width=16, depth=1))
    with torch.no_grad():
        teacher.leave.bias[7] += 4
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    clips = ClipSet(asset("clips"), "test")
    lessons, again, others = (overheard(teacher, clips, seed=3, number=number) for number in (0, 0, 1))
    assert all(
        torch.equal(one, other)
        for one, other in zip(vars(lessons).values(), vars(again).values(), strict=True)
    )
    assert not torch.equal(lessons.features, others.features) and len(lessons.inside) == TOGETHER
    stage = distillation(lessons, steps=15)
    stage = replace(stage, updates=(replace(stage.updates[0], lr=0.03),))
    draw = clips.batches(stage.begin(student, clips, torch.Generator()), stage.batch)
    losses = [step.losses["distance"] for step in fit(student, stage, draw, seed=0, threads=0)]
    assert losses[-1] < 0.6 * losses[0]
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())
