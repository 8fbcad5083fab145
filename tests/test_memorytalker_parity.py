"""MemoryTalker: equality with the published code, whose golden weights are drawn again or in a file."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from goldens import SMALL, WHOLE, by_name, listed, numbers
from test_memorytalker import near, one, seed

from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.methods.memorytalker.original import config_of, read_original, renamed
from talkcli.engine.methods.memorytalker.stages import (
    Triplet,
    UtteranceExample,
    VoiceExample,
    imitate,
    remember,
    taught_weights,
)
from talkcli.engine.methods.memorytalker.talker import MemoryTalker
from talkcli.engine.training.losses import triplet

GOLDEN = WHOLE / "memorytalker"


def golden(name: str):
    return torch.load(GOLDEN / f"{name}.pt", weights_only=False)


def small(stage: int) -> MemoryTalker:
    """The golden cases' weights; their HuBERT has 4 heads, which no weight tells."""
    path = GOLDEN / f"stage{stage}_small_v100_state.pt"
    config = config_of(torch.load(path, weights_only=True))
    assert isinstance(config.ears[0], HubertConfig)
    return read_original(path, replace(config, ears=(replace(config.ears[0], heads=4),)))


def drawn() -> tuple[MemoryTalker, dict[str, torch.Tensor]]:
    """The golden cases' weights, from the names that they came from, and the cases' numbers."""
    path = SMALL / "memorytalker.npz"
    case = numbers(path)
    weights = by_name((name, shape) for name, shape in listed(path, "weights"))
    weights |= {name.removeprefix("rest."): case[name] for name in case if name.startswith("rest.")}
    config = config_of(weights)
    assert isinstance(config.ears[0], HubertConfig)
    talker = MemoryTalker(replace(config, ears=(replace(config.ears[0], heads=4),))).eval()
    talker.load_state_dict({"style.learnt": torch.tensor(True)} | {renamed(k): v for k, v in weights.items()})
    return talker, case | {"motion": (case["m_weights"] @ case["m_shapes"]).float()[None]}


def utterance_of(case: dict[str, torch.Tensor]) -> UtteranceExample:
    audio, motion = case["audio"], case["motion"]
    lips = case["lip_indices"][None]
    return UtteranceExample(audio, one(audio.shape[1]), None, motion, one(motion.shape[1]), None, lips)


@torch.no_grad()
def test_weights_drawn_from_their_names_speak_as_in_the_authors_code():
    """The whole network on two seconds of sound, compared at every tenth number of the motion."""
    talker, case = drawn()
    audio, frames = case["audio"], one(case["motion"].shape[1])
    letters, _ = talker.encoder(audio, one(audio.shape[1]), frames)
    near(letters[0], case["letters"])
    near(talker(audio, one(audio.shape[1]), frames)[0, :, ::10], case["s1.residual"])
    f_s = talker.style.hear(audio, one(audio.shape[1]))
    near(f_s[0], case["f_s"][0])
    near(talker.style.to_style(case["style_256"]), case["f_s"])
    gain = talker.style.gain(f_s)
    near(gain[0], case["w_s"])
    near(talker(audio, one(audio.shape[1]), frames, gain)[0, :, ::10], case["s2.residual"])


def test_losses_of_stage_1_and_their_gradients_are_the_authors():
    talker, case = drawn()
    for parameter in talker.parameters():
        parameter.requires_grad_(any(parameter is p for p in taught_weights(talker)))
    losses = remember(talker, utterance_of(case), seed())
    near(losses["mse"], case["s1.loss_mse"])
    near(losses["vel"], case["s1.loss_vel"])
    near(losses["mem"] / 0.01, case["s1.loss_mem"])
    near(losses["align"] / 0.01, case["s1.loss_align"])
    total = torch.stack(list(losses.values())).sum()
    near(total, case["s1.total"])
    total.backward()
    (names,) = zip(*listed(SMALL / "memorytalker.npz", "s1.grad_names"), strict=True)
    theirs = dict(zip(map(renamed, names), case["s1.grad_norms"].tolist(), strict=True))
    compared = 0
    for name, parameter in talker.named_parameters():
        if parameter.grad is not None:
            assert parameter.grad.norm().item() == pytest.approx(theirs[name], rel=1e-4, abs=1e-8), name
            compared += 1
        else:
            assert not theirs.get(name), name
    assert compared > 50


@torch.no_grad()
def test_loss_terms_of_stage_2_are_the_authors():
    talker, case = drawn()
    voice = VoiceExample(case["audio"], one(case["audio"].shape[1]))
    losses = imitate(talker, Triplet(utterance_of(case), voice, voice, voice), 1.0)
    near(losses["mse"], case["s2.loss_mse"])
    near(losses["vel"], case["s2.loss_vel"])
    near(losses["lip"] / 0.01, case["s2.loss_last"])
    anchor, other, same = talker.style.compare(case["f_s"])[:, None]
    near(triplet(anchor, same, other, 1.0), case["s2.loss_style"])


@pytest.mark.whole
@pytest.mark.parametrize("stage", [1, 2])
def test_the_authors_weights_speak_as_in_the_authors_code(stage):
    case = golden(f"s{stage}_voca_infer")
    talker = small(stage)
    audio, inner = case["inputs"]["audio"], case["inner"]
    samples, frames = one(audio.shape[1]), one(case["outputs"]["pred"].shape[1])
    with torch.no_grad():
        letters, _ = talker.encoder(audio, samples, frames)
        gain = talker.style.gain(talker.style.hear(audio, samples)) if stage == 2 else None
        motion = talker(audio, samples, frames, gain)
    torch.testing.assert_close(letters, inner["txt_logits"], atol=1e-5, rtol=0)
    torch.testing.assert_close(motion, inner["residual"], atol=1e-5, rtol=0)
    torch.testing.assert_close(
        motion + case["inputs"]["template"], case["outputs"]["pred"], atol=1e-5, rtol=0
    )
    if gain is not None:
        torch.testing.assert_close(gain, inner["w_s"], atol=1e-5, rtol=0)


@pytest.mark.whole
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
    utterance = UtteranceExample(audio, one(audio.shape[1]), None, m, one(m.shape[1]), None, lips)
    trained = list(taught_weights(talker)) if stage == 1 else list(talker.style.parameters())
    for parameter in talker.parameters():
        parameter.requires_grad_(any(parameter is p for p in trained))
    if stage == 1:
        losses = remember(talker, utterance, seed())
        named = {"mem": "loss_mem", "align": "loss_align"}
    else:
        voices = [
            VoiceExample(given[name], one(given[name].shape[1]))
            for name in ("audio", "audio_pos", "audio_neg")
        ]
        losses = imitate(talker, Triplet(utterance, *voices), 1.0)
        named = {"lip": "loss_last", "style": "loss_style"}
    for ours, theirs in {"mse": "loss_mse", "vel": "loss_vel"}.items():
        torch.testing.assert_close(losses[ours], expected[theirs], atol=1e-5, rtol=1e-5)
    for ours, theirs in named.items():
        torch.testing.assert_close(losses[ours] / 0.01, expected[theirs], atol=1e-5, rtol=1e-5)
    total = torch.stack(list(losses.values())).sum()
    torch.testing.assert_close(total, case["total_loss"], atol=1e-5, rtol=1e-5)
    total.backward()
    theirs = {renamed(key): value for key, value in case["grad_norm"].items()}
    for name, parameter in talker.named_parameters():
        norm = None if parameter.grad is None else parameter.grad.norm().item()
        expected_norm = theirs.get(name)
        if not norm and not expected_norm:
            continue
        assert norm == pytest.approx(expected_norm, rel=1e-4, abs=1e-8), name
