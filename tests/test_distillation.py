"""A log-mel encoder learns what a better ear hears, and nothing of where a recording has ended."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from talkcli.engine.audio.logmel_encoder import LogMelEncoder, LogMelEncoderConfig
from talkcli.engine.audio.starter_ear import StarterEar, StarterEarConfig
from talkcli.engine.audio.whisper import WhisperConfig
from talkcli.engine.speech import TICK
from talkcli.engine.training.distillation import distance, distillation
from talkcli.engine.training.fit import fit
from talkcli.engine.training.hearing import NOWHERE, SOUND_TICKS, SoundExample


def test_the_distance_is_least_at_the_teachers_own_answer_and_blind_past_the_end() -> None:
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randn(2, 5, 40, generator=generator).softmax(-1)
    phones = torch.zeros(2, 5, dtype=torch.long)
    entropy = -(wanted * wanted.log()).sum(-1)
    assert float(distance(wanted.log(), wanted, phones)) == pytest.approx(float(entropy.mean()), abs=1e-5)
    other = wanted.log() + 0.1 * torch.randn(2, 5, 40, generator=generator)
    assert distance(other, wanted, phones) > entropy.mean()
    phones[1, 3:] = NOWHERE
    other[1, 3:] = 99 * torch.randn(2, 40, generator=generator)
    other[phones != NOWHERE] = wanted.log()[phones != NOWHERE]
    inside = entropy[phones != NOWHERE].mean()
    assert float(distance(other, wanted, phones)) == pytest.approx(float(inside), abs=1e-5)


def test_a_student_comes_nearer_to_its_teacher_who_stays_as_it_is() -> None:
    torch.manual_seed(0)
    teacher = StarterEar(StarterEarConfig(WhisperConfig(32, 1, 4, 48, ticks=SOUND_TICKS), inner=8)).eval()
    student = LogMelEncoder(LogMelEncoderConfig(width=16, depth=1))
    with torch.no_grad():
        teacher.leave.bias[7] += 4
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    sound = 0.1 * torch.randn(2, SOUND_TICKS * TICK) * torch.linspace(0, 1, 2)[:, None]
    example = SoundExample(sound, torch.zeros(2, SOUND_TICKS, dtype=torch.long))
    stage = distillation(teacher, steps=15)
    stage = replace(stage, updates=(replace(stage.updates[0], lr=0.03),))
    steps = fit(student, stage, lambda generator: example, seed=0, threads=0)
    losses = [step.losses["distance"] for step in steps]
    assert losses[-1] < 0.6 * losses[0]
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())
