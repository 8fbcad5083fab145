"""UniGAHA speaks: numbers and their way back, what is told and what is masked, windows that go on."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from torch import Tensor, nn

from talkcli.engine.audio.logmel_encoder import LogMelEncoderConfig
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.expression_codes import expression_codes
from talkcli.engine.face.mouth_motion import importance, principal_motions, projected
from talkcli.engine.face.rigs import load_rig, talking_head
from talkcli.engine.generation.diffusion import solve
from talkcli.engine.methods.unigaha.config import CodeSampling, UnigahaConfig
from talkcli.engine.methods.unigaha.denoiser import Carried
from talkcli.engine.methods.unigaha.space import CodeNumbers
from talkcli.engine.methods.unigaha.talker import Unigaha
from talkcli.engine.motion import Coefficients
from talkcli.engine.speech import Speech

SHAPES = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthSmileLeft", "mouthSmileRight")
CONFIG = UnigahaConfig(
    rig_shapes=SHAPES,
    codes=50,
    diffused=4,
    ears=(LogMelEncoderConfig(width=8, depth=1),),
    reach=1,
    joined=True,
    lips=3,
    lip_features=8,
    lip_layers=1,
    lip_heads=2,
    lip_feed_forward=8,
    features=16,
    layers=1,
    heads=2,
    feed_forward=16,
    listening_layers=1,
    dropout=0.0,
    window=20,
    carried=6,
    steps=12,
    sampling=CodeSampling(steps=3),
)


def dice(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def tracks(count: int = 400) -> Tensor:
    """Weights that move in three ways: a jaw, rounding, a smile of both corners."""
    moves = torch.rand(count, 3, generator=dice(1)) * torch.tensor([0.8, 0.5, 0.05])
    mixing = torch.tensor([[1.0, 0, 0, 0, 0], [0, 0.6, 1.0, 0, 0], [0, 0, 0, 1.0, 1.0]])
    return moves @ mixing


def untaught(**changes: object) -> Unigaha:
    torch.manual_seed(0)
    talker = Unigaha(replace(CONFIG, **changes)).eval()  # type: ignore[arg-type]
    talker.space.learn([tracks()])
    with torch.no_grad():
        for block in talker.denoiser.blocks:
            block.told[1].weight.normal_(0, 0.1)  # type: ignore[union-attr]
    return talker


@pytest.fixture(scope="module")
def talker() -> Unigaha:
    return untaught()


@pytest.fixture(scope="module")
def speech() -> Speech:
    loud = torch.rand(90, generator=dice(2)).repeat_interleave(534)[:48_000]
    return Speech(0.2 * loud * torch.randn(48_000, generator=dice(3)))


def test_numbers_are_rotated_codes_over_the_root_of_their_deviation(talker):
    model, weights = load_rig("facekit"), tracks()
    numbers = talker.space.numbers(weights).double()
    codes = weights @ expression_codes(model, model.shape_names, 50).to_codes[model.columns(SHAPES)]
    spread = torch.linalg.svdvals((codes - codes.mean(0)).double()) / len(codes) ** 0.5
    covariance = numbers.T @ numbers / len(numbers)
    torch.testing.assert_close(covariance, covariance.diagonal().diag(), atol=1e-4, rtol=0)
    assert abs(float(numbers.mean())) < 1e-4
    torch.testing.assert_close(
        covariance.diagonal()[:3] / covariance[0, 0], (spread / spread[0])[:3], atol=1e-3, rtol=1e-2
    )
    assert float(covariance[3, 3]) == pytest.approx(0, abs=1e-6), "three ways to move: no fourth number"
    assert float(covariance.diagonal().mean()) == pytest.approx(1, abs=0.01)


def test_the_way_back_from_numbers_gives_the_weights_of_the_corpus(talker):
    torch.testing.assert_close(
        talker.space.weights(talker.space.numbers(tracks())), tracks(), atol=1e-3, rtol=0
    )


def test_lips_are_principal_motions_and_a_difference_of_numbers_is_one_of_lips(talker):
    space, weights = talker.space, tracks()
    form = importance(load_rig("facekit"), SHAPES)
    expected = projected(weights, principal_motions(weights, form, 3), form)
    torch.testing.assert_close(space.lips(weights), expected, atol=1e-4, rtol=1e-3)
    numbers = space.numbers(weights)
    seen = (numbers[1:] - numbers[:-1]) @ space.lips_of_numbers
    torch.testing.assert_close(seen, expected.diff(dim=0), atol=5e-3, rtol=1e-2)


def test_what_a_space_has_learnt_stays(talker):
    was = talker.space.turn.clone()
    talker.space.learn([torch.rand(50, 5)])
    assert torch.equal(talker.space.turn, was) and not bool(CodeNumbers(CONFIG).taught)


class Knowing(nn.Module):
    """A network that knows the clean numbers and says of them what it is asked."""

    def __init__(self, talker: Unigaha, clean: Tensor) -> None:
        super().__init__()
        self.talker, self.clean = talker, clean

    def forward(self, x: Tensor, t: Tensor, past: object, heard: object) -> Tensor:
        bar = self.talker.schedule.alpha_bars[t][:, None, None]
        noise = (x - bar.sqrt() * self.clean) / (1 - bar).sqrt()
        answers = {"x0": self.clean, "eps": noise, "v": bar.sqrt() * noise - (1 - bar).sqrt() * self.clean}
        return answers[self.talker.config.target]


@pytest.mark.parametrize("target", ["x0", "eps", "v"])
def test_whatever_is_predicted_the_clean_numbers_come_out(target):
    talker = untaught(target=target)
    clean, noise = torch.randn(2, 2, 20, 4, generator=dice())
    talker.denoiser = Knowing(talker, clean)  # type: ignore[assignment]
    denoise = talker.denoise(None, None)  # type: ignore[arg-type]
    for step in (1, 6, 9):
        t = torch.tensor([step, step])
        torch.testing.assert_close(
            denoise(talker.schedule.corrupt(clean, t, noise), t), clean, atol=1e-3, rtol=1e-3
        )
    if target == "x0":
        torch.testing.assert_close(solve(denoise, noise, talker.schedule, 4), clean)


@torch.no_grad()
def said(talker: Unigaha, heard: Tensor, lips: Tensor, deaf: bool) -> Tensor:
    x, past = torch.randn(1, 20, 4, generator=dice()), talker.carried(None, torch.zeros(1, 20, 4))
    window = talker.denoiser.listen(heard, lips, torch.tensor([deaf]))
    return talker.denoiser(x, torch.tensor([7]), past, window)


def test_masking_hides_speech_and_lips_together(talker):
    heard, lips = torch.randn(2, 1, 20, 120, generator=dice()), torch.randn(2, 1, 20, 3, generator=dice(1))
    assert torch.equal(said(talker, heard[0], lips[0], True), said(talker, heard[1], lips[1], True))
    plain = said(talker, heard[0], lips[0], False)
    assert not torch.allclose(plain, said(talker, heard[1], lips[0], False), atol=1e-4), "speech is heard"
    assert not torch.allclose(plain, said(talker, heard[0], lips[1], False), atol=1e-4), "lips are told"


def test_guidance_of_nought_hears_nothing_and_needs_a_mask(talker, speech):
    other = Speech(speech.waveform.flip(0))
    avatar = talking_head()
    deaf = untaught()
    deaf.sampling = CodeSampling(steps=2, guidance=0.0)
    heard = [deaf.ears.listened(each.waveform, 90, Fraction(30)) for each in (speech, other)]
    first, second = (torch.cat(list(deaf.drawn(each, 90, 0))) for each in heard)
    assert torch.equal(first, second)
    without = untaught(mask=0.0)
    without.sampling = CodeSampling(guidance=2.0)
    with pytest.raises(BadUsage, match="never learnt to speak without hearing"):
        without.animate(speech, avatar)
    with pytest.raises(BadUsage, match="temperature cannot be 11"):
        CodeSampling(temperature=11)


def test_same_seed_same_motion(talker, speech):
    avatar = talking_head()
    shares: list[float] = []
    first = talker.animate(speech, avatar, seed=3, progress=shares.append)
    again, other = (talker.animate(speech, avatar, seed=seed) for seed in (3, 4))
    faces = [motion.face for motion in (first, again, other)]
    assert all(isinstance(face, Coefficients) for face in faces)
    weights = [face.expression for face in faces if isinstance(face, Coefficients)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    assert len(first) == 90 and shares[-1] == 1.0 and shares == sorted(shares)
    moved = weights[0].amax(0) > 0
    assert weights[0].min() >= 0 and weights[0].max() <= 1
    names = load_rig("facekit").shape_names
    assert {name for name, moves in zip(names, moved.tolist(), strict=True) if moves} <= set(SHAPES)
    assert first.provenance["model"] == "unigaha" and first.provenance["synthetic"]


@pytest.mark.parametrize("steps", [0, 3])
def test_streaming_equals_the_whole(steps, speech):
    talker = untaught()
    talker.sampling = CodeSampling(steps=steps)
    heard = talker.ears.listened(speech.waveform, 90, Fraction(30))
    whole = torch.cat(list(talker.drawn(heard, 90, 1)))
    assert whole.shape == (90, 4)
    streamed, begun = talker.drawn(heard, 90, 1), 0
    for part in streamed:
        assert torch.equal(part, whole[begun : begun + len(part)])
        begun += len(part)
        if begun < 30:  # somebody else speaks in between
            list(talker.drawn(heard, 14, 9))
    assert begun == 90


def test_a_window_keeps_what_is_past_and_goes_on_from_it(talker):
    past = torch.randn(1, 6, 4, generator=dice())
    noise = torch.randn(1, 20, 4, generator=dice(1))
    heard = torch.randn(1, 20, 120, generator=dice(2))
    with torch.no_grad():
        begun = [talker.carried(each, noise) for each in (past, 2 * past, None)]
        windows = [talker._window([dice()], heard, it.numbers, it.known, noise) for it in begun]
    assert torch.equal(windows[0][:, :6], past) and torch.equal(windows[1][:, :6], 2 * past)
    assert not torch.allclose(windows[0][:, 6:], windows[1][:, 6:], atol=1e-4)
    carried = talker.carried(None, noise)
    assert isinstance(carried, Carried) and not carried.known.any() and not carried.numbers.any()


def test_a_face_of_another_rig_is_refused(talker, speech):
    with pytest.raises(BadInput):
        talker.animate(speech, replace(talking_head(), rig=""))
