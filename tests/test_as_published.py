"""What paper size means: frames, schedules, optimisers, averages, latents and dropout as published."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from goldens import SMALL, numbers
from jaxtyping import Float
from paper_size import paper
from rig_clips import studio_clips
from torch import Tensor, nn

from talkcli.engine.audio.wav2vec import HubertConfig, wav2vec_body
from talkcli.engine.methods import load_method, memorytalker, textalker
from talkcli.engine.methods.memorytalker.stages import Triplet, UtteranceExample, VoiceExample, imitate
from talkcli.engine.methods.memorytalker.style import Style
from talkcli.engine.methods.textalker.encodings import pivots
from talkcli.engine.methods.textalker.frame_maps import frame_maps
from talkcli.engine.methods.textalker.hearing import HubertHearing
from talkcli.engine.methods.textalker.speech_windows import centred
from talkcli.engine.methods.textalker.talker import TexTalker
from talkcli.engine.speech import Speech
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.fit import fit
from talkcli.engine.training.stage import Stage, Update


class Recipe(NamedTuple):
    """Of one stage, as the authors' options have it."""

    lr: float
    betas: tuple[float, float]
    last: float
    """Share of the rate at the end of a cosine over the whole run."""
    rise: int
    """Iterations in which the rate climbs from 0."""
    ema: float
    steps: int
    batch: int
    at_once: int

    def rate(self, iteration: int, iterations: int) -> float:
        """At an iteration that is counted from 1: BasicSR's schedulers."""
        whole = iteration if self.rise == 0 else 1 + round((iteration - 1) / iterations * self.steps)
        if whole < self.rise:
            return self.lr * whole / self.rise
        low = self.lr * self.last
        return low + (self.lr - low) * (1 + math.cos(math.pi * (iteration - 1) / iterations)) / 2


RECIPES = {
    ("textalker", "motion"): Recipe(2e-5, (0.9, 0.99), 0.5, 0, 0.995, 500_000, 12, 3),
    ("textalker", "texture"): Recipe(2e-5, (0.9, 0.99), 3.0, 0, 0.995, 500_000, 12, 3),
    ("textalker", "diffuse"): Recipe(1e-4, (0.9, 0.99), 0.1, 5_000, 0.995, 120_000, 32, 8),
    ("memorytalker", "memorise"): Recipe(1e-4, (0.9, 0.999), 1.0, 0, 0.0, 32_000, 1, 0),
    ("memorytalker", "stylise"): Recipe(5e-5, (0.9, 0.999), 1.0, 0, 0.0, 32_000, 1, 0),
}
"""Tables 4.2 and 6.7 of the options of TexTalker's code; of MemoryTalker's, its command line's defaults."""


class Rows(TensorStruct):
    x: Float[Tensor, "batch 3"]


def rows(generator: torch.Generator) -> Rows:
    return Rows(torch.randn(6, 3, generator=generator))


def begin(network: nn.Module, clips: Any, generator: torch.Generator) -> Any:
    raise AssertionError("these tests bring their own batches")


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Any:
    return studio_clips(tmp_path_factory.mktemp("clips"))


@pytest.mark.parametrize(
    ("name", "stage_name", "place"),
    [(*names, 0) for names in RECIPES] + [("textalker", name, 1) for name in ("motion", "texture")],
)
def test_weights_go_where_the_published_optimiser_takes_them(name, stage_name, place, clips):
    """Adam without clipping, the published rate, the mean of all weights so far at a constant decay."""
    recipe, config = RECIPES[name, stage_name], paper(name, clips)
    stage = load_method(name).stages[stage_name](config)
    assert stage is not None and (stage.steps, stage.batch) == (recipe.steps, recipe.batch)
    assert stage.at_once == recipe.at_once, "what one of the authors' devices had of a batch"
    gradients = [[300.0, -0.1], [6.0, 80.0], [-0.2, 0.4], [0.0, 30.0], [0.1, 0.1]]
    weights = descended(stage, gradients, place)
    at, average, first, second = np.zeros((4, 2))
    for number, gradient in enumerate(np.array(gradients)):
        first = recipe.betas[0] * first + (1 - recipe.betas[0]) * gradient
        second = recipe.betas[1] * second + (1 - recipe.betas[1]) * gradient**2
        unbiased = [m / (1 - b ** (number + 1)) for m, b in zip((first, second), recipe.betas, strict=True)]
        at = at - recipe.rate(number + 1, len(gradients)) * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
        average = recipe.ema * average + (1 - recipe.ema) * at
    expected = torch.from_numpy(average if recipe.ema else at).float()
    torch.testing.assert_close(weights, expected, rtol=1e-5, atol=1e-12)


def descended(stage: Stage[Any, Any], gradients: Sequence[Sequence[float]], place: int) -> Tensor:
    """Where the optimiser of a stage takes two weights from 0 on."""
    slopes = iter(gradients)

    def slope(network: nn.Linear, batch: Rows, generator: torch.Generator) -> dict[str, Tensor]:
        return {"slope": (network.weight * torch.tensor(next(slopes))).sum()}

    network = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(network.weight)
    update: Any = replace(stage.updates[place], weights=nn.Module.parameters, losses=slope, start=0)
    alone: Any = replace(
        stage, updates=(update,), steps=len(gradients), at_once=0, awake=lambda n: (), end=lambda n: None
    )
    for _ in fit(network, alone, rows, seed=0):
        pass
    return network.weight[0].detach()


@pytest.mark.parametrize(
    ("stage_name", "theirs"), [("motion", "motion"), ("texture", "texture"), ("diffuse", "textalker")]
)
def test_learning_rates_are_those_that_the_published_code_prints(stage_name, theirs, clips):
    case, recipe = numbers(SMALL / "textalker.npz"), RECIPES["textalker", stage_name]
    stage = textalker.METHOD.stages[stage_name](paper("textalker", clips))
    assert stage is not None
    for iteration, rate in zip(
        case[f"lr_{theirs}_iters"].tolist(), case[f"lr_{theirs}"].tolist(), strict=True
    ):
        ours = stage.updates[0].lr * stage.schedule((iteration - 1) / stage.steps)
        assert ours == pytest.approx(rate, rel=1e-6), iteration
        assert recipe.rate(iteration, recipe.steps) == pytest.approx(rate, rel=1e-6), iteration


def test_a_batch_in_parts_teaches_the_same_as_a_whole_one():
    def loss(network: nn.Linear, batch: Rows, generator: torch.Generator) -> dict[str, Tensor]:
        sizes.append(len(batch.x))
        return {"square": (network(batch.x) - batch.x[:, :2]).square().mean()}

    taught = []
    for at_once in (0, 4, 1, 9):
        sizes: list[int] = []
        torch.manual_seed(0)
        network: Any = nn.Linear(3, 2)
        stage = Stage((Update(nn.Module.parameters, loss),), begin, steps=3, batch=6, at_once=at_once)
        steps = list(fit(network, stage, rows, seed=0, threads=0))
        assert sizes == 3 * {0: [6], 4: [4, 2], 1: [1] * 6, 9: [6]}[at_once]
        taught.append(torch.cat([network.weight.flatten(), torch.tensor([step.total for step in steps])]))
    for weights in taught[1:]:
        torch.testing.assert_close(weights, taught[0])


@pytest.mark.parametrize("samples", [1600, 16_000, 16_001, 32_000, 64_000, 99_999, 100_339, 160_799])
def test_frames_are_counted_as_published(samples):
    speech = Speech(torch.zeros(samples))
    assert speech.frames(30, "whole") == samples * 30 // 16_000
    pytest.importorskip("transformers")
    body = wav2vec_body(HubertConfig(hidden=16, layers=1, heads=2, feed_forward=16, convolution=4))
    with torch.no_grad():
        ticks = body.feature_extractor(speech.waveform[None]).shape[2]
    assert speech.frames(30, "heard") == int(ticks * 30 // 50) and speech.frames(25, "heard") == ticks // 2


def test_the_paper_size_counts_frames_as_published_and_a_starter_to_the_nearest(clips):
    two_thirds_of_a_frame = Speech(0.1 * torch.randn(16_000 + 400))
    avatar = clips.avatar(0)
    for name, frames in (("textalker", 30), ("memorytalker", 30)):
        pytest.importorskip("transformers")
        talker = load_method(name).build(paper(name, clips)).eval()
        if isinstance(talker, TexTalker):
            talker.sampling = replace(talker.sampling, steps=1)
        assert len(talker.animate(two_thirds_of_a_frame, avatar)) == frames
        starter = load_method(name).sizes["starter"](clips)
        assert two_thirds_of_a_frame.frames(30, starter.counted) == 31


def test_latents_are_what_the_encoder_makes_in_single_precision(clips):
    pytest.importorskip("transformers")
    torch.manual_seed(0)
    network = TexTalker(paper("textalker", clips)).eval()
    motions = frame_maps(network, clips, 64)
    network.low.fill_(-0.02)
    network.high.fill_(0.02)
    tracks = centred(network, clips, motions, motions)
    low, high = network.low, network.high
    with torch.no_grad():
        plain = [
            network.motion.encode(motions.motions(clip, 0, motions.frames[clip], low, high)).flatten(1)
            for clip in range(len(clips))
        ]
    own = pivots(plain, clips)
    for clip, track in enumerate(tracks):
        assert track.dtype == torch.float32
        expected = plain[clip] - own[clips.speaker(clip)]
        torch.testing.assert_close(track[:, :1024], expected, rtol=0, atol=1e-5)
    assert torch.equal(network.spread, torch.ones(2)) and network.motion_axes is None


def test_frozen_hubert_goes_on_with_its_dropout_where_texttalker_learns(clips):
    pytest.importorskip("transformers")
    config = paper("textalker", clips)
    torch.manual_seed(0)
    network = TexTalker(config)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    stage = textalker.METHOD.stages["diffuse"](config)
    assert stage is not None
    stage = replace(stage, steps=2, batch=2, ema=None)
    batches = clips.batches(stage.begin(network, clips, torch.Generator().manual_seed(0)), 2)
    hearing = network.hearing
    assert isinstance(hearing, HubertHearing)
    for _ in fit(network, stage, batches, seed=0):
        assert all(module.training for module in hearing.encoder.modules()), "dropout and layerdrop"
        assert not hearing.feature_extractor.training and not network.motion.training
        assert hearing.feature_projection.get_submodule("dropout").p == 0
    settings: Any = hearing.encoder.config
    shares = (settings.hidden_dropout, settings.attention_dropout, settings.activation_dropout)
    assert shares == (0.1, 0.1, 0.1) and settings.layerdrop == 0.1
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    heard = {name for name in changed if name.startswith("diffuser.audio_encoder.")}
    parts = ("masked_spec_embed", "encoder.pos_conv_embed.", "encoder.layer_norm.")
    assert heard and all(name.removeprefix("diffuser.audio_encoder.").startswith(parts) for name in heard)


def test_gains_begin_by_chance_as_published_and_near_one_in_a_starter(clips):
    assert paper("memorytalker", clips).first_gain == 0
    voices = torch.randn(50, 256, generator=torch.Generator().manual_seed(0))
    for first, low, high in ((0.0, -5, 5), (1.0, 0.9, 1.1), (2.0, 1.8, 2.2)):
        torch.manual_seed(0)
        style = Style(32, first)
        with torch.no_grad():
            gains = style.gain(style.to_style(voices))
        assert low < gains.min() and gains.max() < high
        assert bool(gains.min() < 0 < gains.max()) == (first == 0)
    torch.manual_seed(0)
    drawn = nn.init.xavier_uniform_(torch.empty(32, 256)).std()
    assert float(Style(32, 0.0).to_style.weight.detach().std()) == pytest.approx(float(drawn), rel=0.05)
    assert not Style(32, 0.0).to_style.bias.any()


def test_the_margin_is_how_much_farther_another_style_must_be(clips):
    config = paper("memorytalker", clips)
    pytest.importorskip("transformers")
    torch.manual_seed(0)
    talker = memorytalker.MemoryTalker(config).eval()
    clip = torch.randn(1, 16_000)
    voice = VoiceExample(clip, torch.tensor([16_000]))
    motion, frames = torch.zeros(1, 12, config.dims), torch.tensor([12])
    lips = torch.zeros(1, 2, dtype=torch.long)
    utterance = UtteranceExample(clip, torch.tensor([16_000]), None, motion, frames, None, lips)
    alike = Triplet(utterance, voice, voice, voice)
    with torch.no_grad():
        terms = {margin: float(imitate(talker, alike, margin)["style"]) for margin in (1.0, 5.0)}
    assert terms == pytest.approx({1.0: 0.01, 5.0: 0.05}), "three equal voices miss it by the margin"
    stylise = memorytalker.METHOD.stages["stylise"]
    drawn = {}
    for margin in (None, 5.0):
        stage = stylise(config, **({} if margin is None else {"margin": margin}))
        assert stage is not None
        with torch.no_grad():
            drawn[margin] = float(stage.updates[0].losses(talker, alike, torch.Generator())["style"])
    assert drawn == pytest.approx({None: 0.01, 5.0: 0.05})


def test_every_frame_counts_alike_at_paper_size(clips):
    pytest.importorskip("transformers")
    for published in (True, False):
        config = replace(paper("memorytalker", clips), published=published)
        talker = memorytalker.MemoryTalker(config)
        stage = memorytalker.METHOD.stages["memorise"](config)
        assert stage is not None
        example = stage.begin(talker, clips, torch.Generator())(clips, 0, torch.Generator())
        assert (example.weight is None) == published
    config = paper("textalker", clips)
    network = TexTalker(config)
    for name in ("motion", "texture"):
        stage = textalker.METHOD.stages[name](config, critic=-1)
        assert stage is not None
        frame = stage.begin(network, clips, torch.Generator())(clips, 0, torch.Generator().manual_seed(0))
        assert frame.importance is None
