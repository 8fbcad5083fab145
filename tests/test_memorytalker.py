"""MemoryTalker: equality with the published code, and what theirs does not promise but ours does."""

import json
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from talkcli.engine.audio.encoder import HubertConfig
from talkcli.engine.errors import BadInput, Untrusted
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.methods.memorytalker.original import config_of, from_original, read_original
from talkcli.engine.methods.memorytalker.stages import (
    Lesson,
    Triplet,
    Voice,
    imitate,
    remember,
    taught_weights,
)
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig
from talkcli.engine.motion import Shapes
from talkcli.engine.speech import Speech

GOLDEN = Path(os.environ.get("TALK_SHARED", Path(__file__).parents[2] / "shared")) / "golden" / "memorytalker"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden numbers are not here")


def golden(name: str):
    return torch.load(GOLDEN / f"{name}.pt", weights_only=False)


def small(stage: int) -> MemoryTalker:
    """The golden cases' weights; their HuBERT has 4 heads, which no weight tells."""
    path = GOLDEN / f"stage{stage}_small_v100_state.pt"
    config = config_of(torch.load(path, weights_only=True))
    return read_original(path, replace(config, hubert=replace(config.hubert, heads=4)))


def one(value: int) -> torch.Tensor:
    return torch.tensor([value])


def seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@needs_golden
@pytest.mark.parametrize("stage", [1, 2])
def test_the_authors_weights_speak_as_in_the_authors_code(stage):
    case = golden(f"s{stage}_voca_infer")
    talker = small(stage)
    audio, inner = case["inputs"]["audio"], case["inner"]
    samples, frames = one(audio.shape[1]), one(case["outputs"]["pred"].shape[1])
    with torch.no_grad():
        letters, _ = talker.letters(audio, samples, frames)
        gain = talker.style.gain(talker.style.hear(audio, samples)) if stage == 2 else None
        motion = talker(audio, samples, frames, gain)
    torch.testing.assert_close(letters, inner["txt_logits"], atol=1e-5, rtol=0)
    torch.testing.assert_close(motion, inner["residual"], atol=1e-5, rtol=0)
    torch.testing.assert_close(
        motion + case["inputs"]["template"], case["outputs"]["pred"], atol=1e-5, rtol=0
    )
    if gain is not None:
        torch.testing.assert_close(gain, inner["w_s"], atol=1e-5, rtol=0)


@needs_golden
@pytest.mark.parametrize("stage", [1, 2])
def test_losses_and_gradients_are_those_of_the_authors_code(stage):
    case = golden(f"s{stage}_voca_train")
    talker, given, expected = (
        small(stage),
        case["inputs"],
        case["outputs"],
    )
    m = given["vertice"] - given["template"]
    lips = given.get("lip_indices", torch.zeros(0, dtype=torch.long))[None]
    audio = given["audio"]
    lesson = Lesson(audio, one(audio.shape[1]), None, m, one(m.shape[1]), lips)
    trained = list(taught_weights(talker)) if stage == 1 else list(talker.style.parameters())
    for parameter in talker.parameters():
        parameter.requires_grad_(any(parameter is p for p in trained))
    if stage == 1:
        losses = remember(talker, lesson, seed())
        named = {"mem": "loss_mem", "align": "loss_align"}
    else:
        voices = [
            Voice(given[name], one(given[name].shape[1])) for name in ("audio", "audio_pos", "audio_neg")
        ]
        losses = imitate(talker, Triplet(lesson, *voices), seed())
        named = {"lip": "loss_last", "style": "loss_style"}
    for ours, theirs in {"mse": "loss_mse", "vel": "loss_vel"}.items():
        torch.testing.assert_close(losses[ours], expected[theirs], atol=1e-5, rtol=1e-5)
    for ours, theirs in named.items():
        torch.testing.assert_close(losses[ours] / 0.01, expected[theirs], atol=1e-5, rtol=1e-5)
    total = torch.stack(list(losses.values())).sum()
    torch.testing.assert_close(total, case["total_loss"], atol=1e-5, rtol=1e-5)
    total.backward()
    theirs = from_names(case["grad_norm"])
    for name, parameter in talker.named_parameters():
        norm = None if parameter.grad is None else parameter.grad.norm().item()
        expected_norm = theirs.get(name)
        if not norm and not expected_norm:
            continue
        assert norm == pytest.approx(expected_norm, rel=1e-3, abs=1e-7), name


def from_names(norms):
    from talkcli.engine.methods.memorytalker.original import renamed

    return {renamed(key): value for key, value in norms.items()}
