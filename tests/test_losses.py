"""What each loss term and each training option comes to, in closed form."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from rig_clips import studio_clips

from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.mouth_motion import PRESSED_WEIGHT, SHUT_WEIGHT, attention_to
from talkcli.engine.layers.resampling import resampled
from talkcli.engine.methods.memorytalker import METHOD as MEMORYTALKER
from talkcli.engine.methods.memorytalker.stages import (
    Triplet,
    UtteranceExample,
    VoiceExample,
    at_lips,
    imitate,
    remember,
    utterances,
)
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig
from talkcli.engine.methods.textalker import METHOD as TEXTALKER
from talkcli.engine.methods.textalker.autoencoder import Quantiser
from talkcli.engine.methods.textalker.diffuser import TRUNCATE, draw
from talkcli.engine.training.losses import mean_square, triplet, velocity
from talkcli.engine.training.stage import cosine

VERTS, FRAMES = 10, 30


def resting() -> MemoryTalker:
    """It says 0 in every number of every frame."""
    torch.manual_seed(0)
    hubert = HubertConfig(
        hidden=48, layers=1, heads=4, feed_forward=96, convolution=32, position_kernel=16, position_groups=4
    )
    return MemoryTalker(MemoryTalkerConfig(verts=VERTS, ears=(hubert,), features=16, feed_forward=32)).eval()


def utterance(motion: torch.Tensor) -> UtteranceExample:
    sound = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(1))
    one = torch.tensor([FRAMES])
    return UtteranceExample(
        sound, torch.tensor([16_000]), None, motion[None], one, None, torch.tensor([[1, 2]])
    )


def told(motion: torch.Tensor) -> dict[str, float]:
    losses = remember(resting(), utterance(motion), torch.Generator())
    return {name: term.item() for name, term in losses.items()}


def imitated(motion: torch.Tensor) -> dict[str, float]:
    voice = VoiceExample(
        torch.randn(1, 8_000, generator=torch.Generator().manual_seed(2)), torch.tensor([8_000])
    )
    losses = imitate(resting(), Triplet(utterance(motion), voice, voice, voice), 1.0)
    return {name: term.item() for name, term in losses.items()}


def test_an_error_of_a_millimetre_at_one_vertex_is_counted_where_it_is():
    """Vertex 1 lies 1 mm aside from frame 10 on: 20 of 30 frames, one step, 1 of 30 numbers; vertex 1 is one
    of two lip vertices."""
    motion = torch.zeros(FRAMES, 3 * VERTS)
    motion[10:, 3] = 1e-3
    square, step = 1e-6 * 20 / 30 / 30, 1e-6 * 1 / 29 / 30
    memory = told(motion)
    assert memory["mse"] == pytest.approx(2 * square), "from speech and from motion"
    assert memory["vel"] == pytest.approx(2 * step)
    manner = imitated(motion)
    assert (manner["mse"], manner["vel"]) == (pytest.approx(square), pytest.approx(step))
    assert manner["lip"] == pytest.approx(0.01 * 1e-6 * 20 / 30 / 6)
    assert manner["style"] == pytest.approx(0.01), "equal voices are a margin apart from no one"


@pytest.mark.parametrize("vertex", range(VERTS))
def test_the_lip_term_reads_the_lips_and_nothing_else(vertex):
    motion = torch.zeros(FRAMES, VERTS, 3)
    motion[:, vertex] = 1e-3
    expected = 0.01 * 1e-6 / 2 if vertex in (1, 2) else 0.0
    assert imitated(motion.flatten(1))["lip"] == pytest.approx(expected)


def test_terms_are_means_over_what_is_there():
    error = torch.zeros(2, 4, 3)
    error[0, 1, 2], error[1, 3, 0] = 3.0, 100.0
    frames = torch.tensor([4, 3])
    assert float(mean_square(error, frames)) == pytest.approx(9 / 21)
    assert float(velocity(error, frames)) == pytest.approx(18 / 15)
    weight = torch.ones(2, 4)
    weight[0, 1] = 5.0
    assert float(mean_square(error, frames, weight)) == pytest.approx(45 / (11 * 3))
    near, far = torch.tensor([[0.0, 3.0]]), torch.tensor([[4.0, 0.0]])
    assert float(triplet(torch.zeros(1, 2), near, far, 1.0)) == pytest.approx(0, abs=1e-5)
    assert float(triplet(torch.zeros(1, 2), far, near, 1.0)) == pytest.approx(2, abs=1e-5)


def test_latents_are_pulled_to_their_codes_and_codes_a_quarter_as_hard():
    """VQ-VAE (van den Oord et al. 2017): the terms' sum is one number; only its pulls tell them apart."""
    quantiser = Quantiser(2, 1, 0.0)
    with torch.no_grad():
        quantiser.embedding.weight.copy_(torch.tensor([[0.0], [10.0]]))
    latents = torch.full((1, 1, 2, 2), 2.0, requires_grad=True)
    loss = quantiser(latents).loss
    assert loss.item() == pytest.approx(1.25 * 4)
    loss.backward()
    assert latents.grad is not None and quantiser.embedding.weight.grad is not None
    assert latents.grad.flatten().tolist() == pytest.approx([2 * 2 / 4] * 4)
    assert quantiser.embedding.weight.grad[:, 0].tolist() == pytest.approx([-0.25 * 2 * 2, 0])


def test_shut_lips_weigh_five_and_pressed_lips_thirty_times():
    assert attention_to(torch.tensor([5e-3, 5e-4, -1e-3])).tolist() == [1, SHUT_WEIGHT, PRESSED_WEIGHT]
    assert (SHUT_WEIGHT, PRESSED_WEIGHT) == (5, 30)


def test_first_windows_are_cut_short_in_three_of_ten_steps_and_second_ones_in_four():
    config = TEXTALKER.config().denoiser
    config = replace(config, window=8, motion=1, texture=1)
    dice, count = torch.Generator().manual_seed(0), 1000
    shares = [
        sum(draw(config, 1, dice, truncate).ends is not None for _ in range(count)) / count
        for truncate in TRUNCATE
    ]
    assert shares == pytest.approx([0.3, 0.4], abs=4 * (0.24 / count) ** 0.5)


def test_two_letters_a_frame_become_one_by_lines_between_the_first_and_the_last():
    """BIWI: 50 letters a second, 25 frames; tick i of n stands at (i (m - 1) / (n - 1)) of m frames."""
    ticks = torch.arange(9.0).square()[None, :, None]
    places = torch.linspace(0, 8, 4).double()
    below = places.floor().clamp(max=7)
    lines = below**2 + (places - below) * ((below + 1) ** 2 - below**2)
    torch.testing.assert_close(resampled(ticks, 4)[0, :, 0].double(), lines, atol=1e-4, rtol=0)


def test_the_rate_rises_over_a_fiftieth_and_falls_along_half_a_cosine():
    assert [cosine(x) for x in (0, 0.01, 0.02)] == pytest.approx([0.01, 0.505, 1])
    assert [cosine(0.02 + 0.98 * x) for x in (0.25, 0.5, 1)] == pytest.approx(
        [0.01 + 0.99 * (0.5 + 0.5 * 0.5**0.5), 0.505, 0.01]
    )


def test_textalkers_stages_use_the_published_optimiser():
    """Learning rates, Adam's betas and maps or passages a step, as the authors' configs have them."""
    config = TEXTALKER.config()
    published = {"motion": (2e-5, 12), "texture": (2e-5, 12), "diffuse": (1e-4, 32)}
    for name, (rate, batch) in published.items():
        stage = TEXTALKER.stages[name](config)
        assert stage is not None and stage.batch == batch
        for update in stage.updates:
            assert (update.lr, update.betas) == (rate, (0.9, 0.99))


def test_memorytalker_mishears_by_as_much_as_asked(tmp_path):
    clips = studio_clips(tmp_path)
    torch.manual_seed(0)
    talker = MemoryTalker(MEMORYTALKER.sizes["starter"](clips))
    heard = []
    for mishear in (0.0, 2.0):
        cut = utterances(talker, clips, 30, 0, mishear)
        draws = [cut(clips, 0, torch.Generator().manual_seed(number)).features for number in range(40)]
        heard.append(torch.stack([draw for draw in draws if draw is not None]))
    spread = (heard[1] - heard[0]).square().mean((1, 2)).sqrt()
    assert spread.max() <= 2.3 and spread.mean() == pytest.approx(1.0, abs=0.3), "0 to 2, evenly"
    assert spread.std() > 0.3


def test_an_error_of_the_rig_is_seen_at_its_lips_in_millimetres(tmp_path):
    torch.manual_seed(0)
    clips = studio_clips(tmp_path)
    talker = MemoryTalker(MEMORYTALKER.sizes["starter"](clips))
    model, lips = load_face_model(), clips.avatar(0).lips
    error = torch.zeros(1, 1, talker.config.dims)
    error[0, 0, 0] = 0.5
    shapes = model.shapes[[model.shape_names.index(name) for name in talker.config.rig_shapes]]
    moved = torch.einsum("s, svc -> vc", 0.5 * talker.mixing[0], shapes)[lips]
    torch.testing.assert_close(at_lips(talker, error, lips[None])[0, 0], 1000 * moved.flatten())
