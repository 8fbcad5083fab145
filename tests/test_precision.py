"""How exactly networks compute: one choice for all of them; what paints or repeats faster paints the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from fuzz.small import TEXTALKER
from torch import Tensor, nn

from talkcli.engine.assets import asset
from talkcli.engine.audio.emotion2vec import alibi
from talkcli.engine.audio.logmel import mel_power
from talkcli.engine.audio.whisper import whisper_spectra
from talkcli.engine.device import (
    PRECISIONS,
    bfloat16_products,
    exact_products,
    multiplies_bfloat16,
    painting_kind,
    set_precision,
)
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.geometry import vertices
from talkcli.engine.generation.diffusion import Schedule, solve
from talkcli.engine.generation.replay import Replay
from talkcli.engine.layers.attention import alignment_mask, padding_mask
from talkcli.engine.layers.positions import periodic
from talkcli.engine.layers.resampling import beside_neighbours, gathered_between, interpolated
from talkcli.engine.layers.rotary import rotary_turns
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.memorytalker.style import mel_decibels
from talkcli.engine.methods.textalker.autoencoder import Autoencoder, AutoencoderConfig
from talkcli.engine.methods.textalker.factors import Factors
from talkcli.engine.methods.textalker.map_blocks import Up
from talkcli.engine.methods.textalker.painter import Doubling
from talkcli.engine.methods.textalker.talker import TexTalker
from talkcli.engine.methods.textalker.winograd import Winograd
from talkcli.engine.motion import load_motion
from talkcli.engine.speech import load_speech

SMALL = AutoencoderConfig(size=32, width=32, multipliers=(1, 2, 2), attention=(8,), latent=4, codes=32)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What is decided for the process is undone."""
    backends = torch.backends
    before = backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32
    yield
    backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32 = before


def small() -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(SMALL).eval()


def normal(*size: int, key: int = 0) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(key))


def codes(count: int) -> Tensor:
    return normal(count, SMALL.latent, SMALL.grid, SMALL.grid)


def tf32() -> tuple[bool, bool]:
    return bool(torch.backends.cuda.matmul.allow_tf32), torch.backends.cudnn.allow_tf32


def test_full_allows_tf32_nowhere_and_fast_everywhere_but_where_products_must_be_exact():
    assert set_precision("full") == "full" and tf32() == (False, False)
    assert set_precision("fast") == "fast" and tf32() == (True, True)
    with exact_products():
        assert tf32() == (False, False)
    assert tf32() == (True, True)
    with pytest.raises(BadUsage, match="quick"):
        set_precision("quick")


def test_maps_are_painted_in_sixteen_bits_on_cuda_alone_and_only_when_asked():
    halves = [
        (device, precision)
        for device in ("cpu", "cuda", "mps")
        for precision in PRECISIONS
        if painting_kind(torch.device(device), precision) == torch.float16
    ]
    assert halves == [("cuda", "fast")]


def test_what_is_made_fast_says_so_and_on_a_cpu_it_is_the_same(talk, untaught, bare_face, hello, tmp_path):
    made = {}
    for precision in PRECISIONS:
        path = tmp_path / f"{precision}.motion"
        words = ("--model", untaught, "--avatar", bare_face, "--device", "cpu", "--no-life")
        talk("animate", hello, *words, "--precision", precision, "-o", path)
        made[precision] = load_motion(path)
    full, fast = made["full"].provenance, made["fast"].provenance
    assert fast["precision"] == "fast" and full == {k: v for k, v in fast.items() if k != "precision"}
    assert torch.equal(made["full"].face.weights, made["fast"].face.weights)


@torch.no_grad()
@pytest.mark.parametrize("name", ("3dxtalker", "unigaha"))
def test_on_a_cpu_that_multiplies_bfloat16_what_is_made_fast_is_the_same_to_a_third_of_a_millimetre(name):
    avatar, speech, made = load_avatar(asset("ada.avatar")), load_speech(asset("hello.wav")), {}
    for precision in PRECISIONS:
        talker = open_talker(name, "cpu", precision)
        made[precision] = vertices(talker.animate(speech, avatar), avatar)
    apart = (made["full"] - made["fast"]).norm(dim=2).max()
    assert (apart > 0) == multiplies_bfloat16(torch.device("cpu")) and apart < 0.0003


def test_a_precision_is_one_of_two(talk, hello):
    assert "neither full nor fast" in talk("animate", hello, "--precision", "half", code=2).output


def test_a_talker_is_opened_in_full_precision(untaught):
    set_precision("fast")
    assert open_talker(str(untaught)).precision == "full" and tf32() == (False, False)


MADE: dict[str, Callable[[torch.device], Tensor]] = {
    "log-mel bands": lambda device: mel_power(torch.zeros(1, 1600, device=device)),
    "Whisper's bands": lambda device: whisper_spectra(torch.zeros(1, 1600, device=device), 80),
    "bands of a style": lambda device: mel_decibels(torch.zeros(1, 1600, device=device)),
    "periodic places": lambda device: periodic(9, 4, 5, device),
    "turns": lambda device: rotary_turns(9, 4, device)[0],
    "slopes": lambda device: alibi(6, 4, device),
    "alignment": lambda device: alignment_mask(9, 2, device),
    "padding": lambda device: padding_mask(torch.tensor([3, 5]), 5, device),
    "neighbours": lambda device: beside_neighbours(torch.zeros(9, 4, device=device), 2, 5, 3),
}


@pytest.mark.parametrize("name", MADE)
def test_tables_and_masks_are_where_they_are_used(name):
    made, there = MADE[name], torch.device("meta")
    assert made(there).device == there and made(torch.device("cpu")).device.type == "cpu"


@torch.no_grad()
def test_many_maps_painted_at_a_time_are_those_painted_one_by_one():
    painter, given = small().painter(), codes(7)
    together = painter.painted(given)
    alone = torch.cat([painter.painted(one) for one in given.split(1)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_painter_paints_what_its_generator_generates():
    autoencoder, given = small(), codes(5)
    torch.testing.assert_close(
        autoencoder.painter().painted(given), autoencoder.generate(given), atol=1e-5, rtol=0
    )


@torch.no_grad()
def test_a_painter_follows_the_weights():
    autoencoder, given = small(), codes(1)
    before = autoencoder.painter()
    assert autoencoder.painter() is before
    autoencoder.last_weight.mul_(2)
    assert autoencoder.painter() is not before
    torch.testing.assert_close(
        autoencoder.painter().painted(given), autoencoder.generate(given), atol=1e-5, rtol=0
    )


@torch.no_grad()
def test_doubling_by_one_transposed_convolution_changes_nothing():
    torch.manual_seed(0)
    up, x = Up(8), normal(2, 8, 5, 7)
    torch.testing.assert_close(Doubling(up)(x), up(x), atol=1e-6, rtol=0)


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("count", [1, 7, 16, 31])
def test_gathering_between_ticks_is_interpolation(count, ends):
    x = normal(2, 16, 3)
    torch.testing.assert_close(
        gathered_between(x, count, ends=ends), interpolated(x, count, ends=ends), atol=1e-5, rtol=0
    )


def test_on_a_cpu_nothing_is_compiled_and_nothing_recorded():
    talker = TexTalker(TEXTALKER)
    talker.precision = "fast"
    assert talker.waits(1e6) == ""
    step = lambda x, t: x  # noqa: E731
    replay = Replay(talker)
    assert replay(lambda: step, (), torch.zeros(1, 1)) is replay(lambda: step, (), torch.zeros(1, 1)) is step


@torch.no_grad()
def test_a_convolution_of_few_products_is_that_convolution():
    torch.manual_seed(0)
    convolution, x = nn.Conv2d(24, 16, 3, padding=1), normal(2, 24, 12, 20)
    torch.testing.assert_close(Winograd(convolution)(x), convolution(x), atol=5e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("size", ((6, 10), (2, 4), (34, 26)))
def test_few_products_of_what_is_there_twice_are_doubling_and_convolving(size):
    torch.manual_seed(0)
    up, x = Up(24), normal(2, 24, *size)
    torch.testing.assert_close(Winograd(up.conv, twice=True)(x), up(x), atol=5e-5, rtol=0)


@torch.no_grad()
def test_a_wide_generator_on_one_core_is_painted_with_few_products():
    torch.manual_seed(0)
    autoencoder = Autoencoder(replace(SMALL, width=128, multipliers=(1, 1), attention=(16,))).eval()
    given, threads = normal(1, 4, 16, 16), torch.get_num_threads()
    torch.set_num_threads(1)
    painter = autoencoder.painter()
    torch.set_num_threads(threads)
    assert isinstance(painter._paint, nn.Module)
    kinds = [type(part) for part in painter._paint.modules()]
    assert kinds.count(Winograd) == 13 and nn.Conv2d in kinds and Doubling not in kinds
    torch.testing.assert_close(painter.painted(given), autoencoder.generate(given), atol=5e-5, rtol=0)


def test_numbers_of_a_schedule_are_read_again_when_they_change():
    schedule = Schedule(20)
    assert schedule.levels() is schedule.levels()
    schedule.alpha_bars.mul_(0.5)
    assert schedule.levels().alpha_bars == schedule.alpha_bars.tolist()


class Guess(nn.Module):
    """What a denoiser does, in little."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def prepare(self, heard: Tensor):
        told = self.layer(heard)
        return lambda x, t: torch.tanh(self.layer(x) + told + t[:, None, None] / 50)


@pytest.mark.gpu
@torch.no_grad()
def test_recorded_steps_are_those_that_are_taken():
    torch.manual_seed(0)
    guess, schedule = Guess().cuda(), Schedule(50).cuda()
    replay, x = Replay(guess), normal(1, 9, 8).cuda()
    windows = normal(5, 1, 9, 8, key=1).cuda()
    for heard in windows:
        plain = solve(guess.prepare(heard), x, schedule, 10)
        assert torch.equal(solve(replay(guess.prepare, (heard,), x), x, schedule, 10), plain)
    assert not replay.fault and replay._record is not None
    guess.layer.weight.data = guess.layer.weight.data.clone().mul_(2)
    for heard in windows:
        plain = solve(guess.prepare(heard), x, schedule, 10)
        assert torch.equal(solve(replay(guess.prepare, (heard,), x), x, schedule, 10), plain)


@pytest.mark.gpu
@torch.no_grad()
def test_sixteen_bits_and_compiled_painting_move_no_texel_by_more_than_a_level_and_a_half():
    set_precision("full")
    autoencoder, given = small().cuda(), codes(6).cuda()
    exact = autoencoder.painter("full").painted(given)
    torch.testing.assert_close(exact, autoencoder.generate(given), atol=1e-4, rtol=0)
    set_precision("fast")
    painter = autoencoder.painter("fast")
    assert float((painter.painted(given) - exact).abs().max()) <= 0.006
    painter.compile(4)
    assert painter.is_compiled and float((painter.painted(given) - exact).abs().max()) <= 0.006


@pytest.mark.gpu
def test_factors_are_found_where_the_frames_are():
    frames = (normal(60, 4) @ normal(4, 500, key=1)).cuda()
    factors = Factors(1e-3)
    factors.add(frames)
    assert factors.basis is not None and factors.basis.is_cuda and len(factors.basis) == 4
    torch.testing.assert_close(factors.weights() @ factors.basis, frames, atol=5e-3, rtol=0)


@pytest.mark.parametrize("whole", (False, True))
@pytest.mark.parametrize("wanted", (False, True))
def test_products_are_bfloat16_where_the_device_multiplies_it_or_a_step_is_so(whole: bool, wanted: bool):
    cpu, x = torch.device("cpu"), torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16, enabled=whole), bfloat16_products(cpu, wanted):
        kind = (x @ x).dtype
    assert (kind == torch.bfloat16) == (whole or (wanted and multiplies_bfloat16(cpu)))
