"""TexTalker's diffusion: equality with the published code, and what theirs does not promise but ours does."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import goldens
import pytest
import torch
from textalker_golden import close, drawn, golden, published
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.ear import Listened
from talkcli.engine.audio.pretrained import modern
from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.errors import BadUsage
from talkcli.engine.generation.diffusion import ancestral
from talkcli.engine.generation.guidance import guide
from talkcli.engine.methods.textalker.denoiser import Denoiser, DenoiserConfig
from talkcli.engine.methods.textalker.diffuser import (
    Diffuser,
    Readout,
    WindowDice,
    diffusion_losses,
    draw,
    drawn_losses,
)
from talkcli.engine.methods.textalker.hearing import HubertHearing

SMALL = DenoiserConfig(
    features=32, window=8, context=2, steps=20, layers=2, heads=4, feed_forward=64, motion=6, texture=4
)
WIDTH = 5
"""Of the audio features that the small diffuser takes."""


class Loudness(nn.Module):
    """An audio encoder whose every feature is the mean of a frame's samples, times 1, 2, ..."""

    def forward(self, waveform: Tensor, frames: int) -> Tensor:
        means = F.adaptive_avg_pool1d(waveform[:, None], frames)[:, 0]
        return means[..., None] * torch.arange(1.0, WIDTH + 1)


@pytest.fixture
def diffuser() -> Diffuser:
    torch.manual_seed(0)
    return Diffuser(SMALL, Loudness(), WIDTH).eval()


def known(heard: Tensor) -> Listened:
    """What is known beforehand, as an encoder would answer."""
    return lambda start, stop: heard[0, start:stop]


def seed(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def plain(
    net: Denoiser, x: Tensor, audio: Tensor, past: Tensor, past_audio: Tensor, t: Tensor, present: Tensor
):
    """The denoiser by the book: torch's own layers with a mask."""
    config = net.config
    step = net.diff_step_map(net.TE.pe[0, t])[:, None]
    flags = torch.cat([torch.zeros(len(x), config.context), present], dim=1)
    frames = net.feature_proj(torch.cat([torch.cat([past, x], dim=1), flags[..., None]], dim=-1))
    h = torch.cat([step, frames], dim=1) + net.PE
    memory = torch.cat([past_audio, audio], dim=1)
    for layer in net.transformer.layers:
        assert isinstance(layer, nn.TransformerDecoderLayer)
        h = layer(h, memory, memory_mask=net.alignment_mask)
    return net.motion_dec(h[:, 1:])


def window_of(config: DenoiserConfig, batch: int) -> tuple[Tensor, ...]:
    """Everything that a denoiser takes."""
    dice, width = seed(3), config.features
    sizes = [(config.window, config.dims), (config.window, width), (config.context, config.dims)]
    x, audio, past, past_audio = (
        torch.randn(batch, *size, generator=dice) for size in [*sizes, (config.context, width)]
    )
    t = torch.randint(1, config.steps + 1, (batch,), generator=dice)
    present = (
        torch.arange(config.window) < torch.tensor([config.window - 3, config.window])[:, None]
    ).float()
    return x, audio, past, past_audio, t, present[:batch]


def test_a_denoiser_drawn_from_a_seed_gives_published_numbers():
    """The whole of it, compared at every 64th number of the result."""
    diffuser, case = drawn()
    net, condition = (
        diffuser.denoising_net,
        (case["input.audio"], case["input.prev_feat"], case["input.prev_audio"]),
    )
    with torch.no_grad():
        whole = net(case["input.feat"], *condition, case["den.step"], case["den.indicator"])
        fast = net.prepare(*condition, case["den.indicator"])(case["input.feat"], case["den.step"])
    close(whole[..., ::64], case["den.out"])
    close(fast[..., ::64], case["den.out"][:, 3:])


@pytest.mark.whole
def test_the_denoiser_is_the_published_one():
    case, net = golden("denoiser_small"), published().denoising_net
    condition = (case["audio"], case["prev_feat"], case["prev_audio"])
    with torch.no_grad():
        whole = net(case["feat"], *condition, case["step"], case["indicator"])
        fast = net.prepare(*condition, case["indicator"])(case["feat"], case["step"])
    close(whole, case["out"])
    close(fast, case["out"][:, 3:])


def test_every_published_tensor_finds_its_place():
    rows = goldens.keys("keys_textalker")
    theirs = {modern(name): (shape.replace(" ", ""), kind) for name, shape, kind in rows}
    with torch.device("meta"):
        state = Diffuser(DenoiserConfig(), HubertHearing(HubertConfig()), 768).state_dict()
    ours = {
        name: (str(tuple(value.shape)).replace(" ", ""), str(value.dtype).removeprefix("torch."))
        for name, value in state.items()
    }
    assert ours == theirs


def test_the_short_way_through_the_denoiser_is_the_long_one(diffuser):
    net = diffuser.denoising_net
    x, audio, past, past_audio, t, present = window_of(SMALL, 2)
    with torch.no_grad():
        expected = plain(net, x, audio, past, past_audio, t, present)
        close(net(x, audio, past, past_audio, t, present), expected, 2e-6)
        close(net.prepare(audio, past, past_audio, present)(x, t), expected[:, SMALL.context :], 2e-6)


def test_a_frame_is_dropped_by_the_head_in_training(diffuser):
    """Dropout of its one attention weight, as torch's own layer has it: in expectation nothing changes."""
    layer = next(iter(diffuser.denoising_net.transformer))
    memory = torch.randn(1, 2000, SMALL.features, generator=seed())
    silent = layer.hear(memory).told
    torch.manual_seed(0)
    layer.train()
    told = layer.hear(memory).told
    unit = layer.multihead_attn.out_proj
    values = torch.linalg.solve(unit.weight, (told - unit.bias)[0].T).T.unflatten(1, (SMALL.heads, -1))
    whole = torch.linalg.solve(unit.weight, (silent - unit.bias)[0].T).T.unflatten(1, (SMALL.heads, -1))
    ratio = (values * whole).sum(-1) / whole.square().sum(-1)
    dropped = ratio.abs() < 0.01
    assert torch.allclose(ratio[~dropped], torch.tensor(1 / 0.9), atol=0.01)
    assert dropped.float().mean().item() == pytest.approx(0.1, abs=0.01)


def test_a_batch_is_denoised_as_its_clips_alone(diffuser):
    net = diffuser.denoising_net
    x, audio, past, past_audio, t, present = window_of(SMALL, 2)
    with torch.no_grad():
        both = net(x, audio, past, past_audio, t, present)
        for i in range(2):
            one = slice(i, i + 1)
            alone = net(x[one], audio[one], past[one], past_audio[one], t[one], present[one])
            close(both[one], alone, 2e-6)


@pytest.mark.parametrize(
    "options", [{"steps": 2, "flexibility": 1.0}, {"flexibility": 2.0}, {"threshold": (2.0, 1.0, 4.0)}]
)
def test_ways_of_drawing_that_mean_nothing_are_refused(diffuser, options):
    with pytest.raises(BadUsage):
        next(diffuser.latents(known(torch.zeros(1, 8, WIDTH)), 8, seed(), **options))


def test_a_threshold_and_flexibility_are_heeded_in_every_window(diffuser):
    def drawn(**options: Any) -> Tensor:
        parts = diffuser.latents(known(torch.zeros(1, 16, WIDTH)), 16, seed(), **options)
        return torch.cat(list(parts), dim=1)

    assert drawn().abs().max() > 0.05 > 0.0401 > drawn(threshold=(0.5, 0.01, 0.04)).abs().max()
    assert not torch.allclose(drawn(), drawn(flexibility=1.0))


def test_nothing_is_left_to_chance_at_temperature_0(diffuser):
    heard = known(torch.randn(1, 16, WIDTH, generator=seed(1)))

    def made(dice: int, temperature: float) -> Tensor:
        parts = diffuser.latents(heard, 16, seed(dice), steps=4, temperature=temperature)
        return torch.cat(list(parts), dim=1)

    assert torch.equal(made(0, 0.0), made(1, 0.0))
    apart = [(made(0, warm) - made(1, warm)).square().mean() for warm in (0.0, 0.5, 1.0)]
    assert apart[0] < apart[1] < apart[2]


def test_a_temperature_below_0_is_refused(diffuser):
    with pytest.raises(BadUsage, match="below 0"):
        next(diffuser.latents(known(torch.zeros(1, 8, WIDTH)), 8, seed(), temperature=-0.5))


@pytest.mark.parametrize("steps", [-3, 21])
def test_steps_that_training_never_saw_are_refused(diffuser, steps):
    with pytest.raises(BadUsage, match=f"{steps} steps"):
        next(diffuser.latents(known(torch.zeros(1, 8, WIDTH)), 8, seed(), steps=steps))


def test_guidance_leaves_the_null_alone_where_it_cancels():
    prepared: list[float] = []

    def predict(condition: float):
        prepared.append(condition)
        return lambda x, t: x * condition

    x, t = torch.ones(1, 2, 2), torch.ones(1, dtype=torch.long)
    assert torch.equal(guide(predict, 3.0, 1.0, 1.0)(x, t), 3 * x) and prepared == [3.0]
    assert torch.equal(guide(predict, 3.0, 1.0, 0.0)(x, t), x)
    assert torch.equal(guide(predict, 3.0, 1.0, 2.5)(x, t), 6 * x)


@pytest.mark.parametrize("guidance", [1.0, 1.7])
def test_windows_continue_each_other_as_published(diffuser, guidance):
    """By the book: one start noise, the last frames and features of the window before, a flag on the tail."""
    net, frames, schedule = diffuser.denoising_net, 20, diffuser.diffusion_sched
    heard, dice = torch.randn(1, frames, WIDTH, generator=seed(1)), seed(5)
    start = torch.randn(1, 8, SMALL.dims, generator=dice)
    past, past_audio, made = diffuser.start, diffuser.start_audio_feat, []
    null = diffuser.null_audio_feat.expand(-1, 8, -1)
    silenced = F.pad(heard, (0, 0, 0, 4))
    with torch.no_grad():
        for k in range(3):
            audio = diffuser.audio_feature_map(silenced[:, 8 * k : 8 * k + 8])
            present = (torch.arange(8 * k, 8 * k + 8) < frames).float()[None]

            def guess(x: Tensor, t: Tensor, audio=audio, past=past, past_audio=past_audio, present=present):
                given, unheard = (
                    plain(net, x, sound, past, past_audio, t, present)[:, 2:] for sound in (audio, null)
                )
                return unheard + guidance * (given - unheard)

            made.append(ancestral(guess, start, schedule, [dice]))
            past, past_audio = made[-1][:, -2:], audio[:, -2:]
    ours = torch.cat(list(diffuser.latents(known(heard), frames, seed(5), guidance=guidance)), dim=1)
    close(ours, torch.cat(made, dim=1)[:, :frames], 1e-4)


@pytest.mark.parametrize("steps", [0, 4])
def test_the_beginning_does_not_depend_on_what_follows(diffuser, steps):
    heard = torch.randn(1, 60, WIDTH, generator=seed(1))
    long = list(diffuser.latents(known(heard), 60, seed(), steps=steps))
    short = list(diffuser.latents(known(heard[:, :16]), 16, seed(), steps=steps))
    assert [part.shape[1] for part in long] == [8] * 7 + [4]
    assert all(torch.equal(a, b) for a, b in zip(short, long, strict=False))
    first = next(diffuser.latents(known(heard), 60, seed(), steps=steps))
    assert torch.equal(first, long[0])


def by_the_book(
    diffuser: Diffuser, audio: Tensor, latents: Tensor, first: WindowDice, second: WindowDice
) -> Tensor:
    """The training loss window by window, clip by clip."""
    net, w, c = diffuser.denoising_net, SMALL.window, SMALL.context
    samples = audio.shape[1] // 2

    def cut(sound: Tensor, ends: Tensor, start: int) -> Tensor:
        sound = sound.clone()
        for clip, end in enumerate(ends.tolist()):
            sound[clip, start + round(end * 16000 / 30) :] = 0
        return sound

    heard = diffuser.hear(audio, 2 * w)
    features = [heard[:, :w], heard[:, w:]]
    if first.ends is not None:
        features[0] = diffuser.hear(cut(audio[:, :samples], first.ends, 0), w)
    if second.ends is not None:
        features[1] = diffuser.hear(cut(audio, second.ends, samples), 2 * w)[:, w:]
    total = torch.zeros(())
    for number, (dice, context) in enumerate([(first, 0), (second, c)]):
        clean = latents[:, number * w : number * w + w].clone()
        present = torch.ones(len(latents), w)
        if dice.ends is not None:
            for clip, end in enumerate(dice.ends.tolist()):
                clean[clip, end:], present[clip, end:] = 0, 0
        sound = torch.where(dice.deaf[:, None, None], diffuser.null_audio_feat, features[number])
        past = latents[:, w - c : w] if number else diffuser.start.expand(len(latents), -1, -1)
        past_audio = heard[:, w - c : w] if number else diffuser.start_audio_feat.expand(len(latents), -1, -1)
        noisy = diffuser.diffusion_sched.corrupt(clean, dice.t, dice.noise)
        guess = plain(net, noisy, sound, past, past_audio, dice.t, present)
        valid = torch.cat([torch.full((len(latents), c), float(context > 0)), present], dim=1).bool()
        target = torch.cat([past, clean], dim=1)
        total = total + F.mse_loss(guess[valid], target[valid])
    return total


def lesson() -> tuple[Tensor, Tensor]:
    """A waveform of two windows, and its latents."""
    samples = 2 * round(SMALL.window * 16000 / 30)
    return torch.randn(3, samples, generator=seed(1)), torch.randn(3, 16, SMALL.dims, generator=seed(2))


@pytest.mark.parametrize("truncate", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_the_training_loss_is_the_published_one(diffuser, truncate):
    audio, latents = lesson()
    first, second = (draw(SMALL, 3, seed(7 + i), share) for i, share in enumerate(truncate))
    second = replace(second, deaf=torch.tensor([True, False, False]))
    ours = drawn_losses(diffuser, audio, latents, first, second)["mse"]
    close(ours, by_the_book(diffuser, audio, latents, first, second), 1e-6)


def test_the_carried_audio_teaches_no_ear(diffuser):
    """Where both windows are deaf, sound comes in through the context alone, and no gradient goes out."""
    audio, latents = lesson()
    deaf = torch.ones(3, dtype=torch.bool)
    first, second = (replace(draw(SMALL, 3, seed(7 + i), 0.0), deaf=deaf) for i in range(2))
    drawn_losses(diffuser, audio, latents, first, second)["mse"].backward()
    gradient = diffuser.audio_feature_map.weight.grad
    assert gradient is None or not gradient.any()


def test_ready_features_teach_what_their_waveform_does(diffuser):
    audio, latents = lesson()
    ready = diffuser.audio_encoder(audio, 16)
    dice = [draw(SMALL, 3, seed(i), 0.0) for i in range(2)]
    close(
        drawn_losses(diffuser, ready, latents, *dice)["mse"],
        drawn_losses(diffuser, audio, latents, *dice)["mse"],
        1e-6,
    )


def test_what_is_cut_off_teaches_nothing(diffuser):
    audio, latents = lesson()
    ready = diffuser.audio_encoder(audio, 16)
    ends = torch.tensor([5, 5, 5])
    first, second = (replace(draw(SMALL, 3, seed(i), 0.0), ends=ends) for i in range(2))
    said = drawn_losses(diffuser, ready, latents, first, second)["mse"]
    tails = torch.tensor([13, 14, 15])
    latents[:, tails], ready[:, tails] = 100.0, 100.0
    assert torch.equal(drawn_losses(diffuser, ready, latents, first, second)["mse"], said)


def test_a_seed_fixes_the_lesson(diffuser):
    audio, latents = lesson()
    terms = [diffusion_losses(diffuser, audio, latents, seed(number))["mse"] for number in (4, 4, 5)]
    assert torch.equal(terms[0], terms[1]) and not torch.equal(terms[0], terms[2])


def test_blind_windows_begin_from_noise():
    longer = replace(SMALL, steps=500)
    t = draw(longer, 400, seed(0), 0.0, blind=0.5).t
    assert int(t.min()) >= 1 and int(t.max()) <= 500
    assert 0.55 < float((t >= 400).float().mean()) < 0.65


def test_weights_choose_frames_and_a_readout_chooses_numbers(diffuser):
    audio, latents = lesson()
    dice = [draw(SMALL, 3, seed(i), 0.0) for i in range(2)]
    even = drawn_losses(diffuser, audio, latents, *dice, weight=torch.full((3, 16), 7.0))
    close(even["mse"], drawn_losses(diffuser, audio, latents, *dice)["mse"], 1e-6)
    everything = Readout(torch.eye(SMALL.dims), 2.0)
    both = drawn_losses(diffuser, audio, latents, *dice, readout=everything)
    close(both["readout"], 2 * both["mse"], 1e-6)
    once = drawn_losses(diffuser, audio, latents, *dice, readout=Readout(torch.eye(SMALL.dims), 1.0))
    close(both["velocity"], 2 * once["velocity"], 1e-6)
    nothing = Readout(torch.zeros(SMALL.dims, 1), 2.0)
    assert drawn_losses(diffuser, audio, latents, *dice, readout=nothing)["velocity"] == 0

    def of(*frames: int) -> Tensor:
        weight = F.one_hot(torch.tensor(frames), 16).sum(0).float().expand(3, -1)
        return drawn_losses(diffuser, audio, latents, *dice, weight=weight)["mse"]

    close(of(0, 1, 8), (of(0, 8) + of(1, 8)) / 2, 1e-6)
    assert not torch.equal(of(0, 8), of(1, 8))


def test_every_weight_is_taught(diffuser):
    audio, latents = lesson()
    dice = [replace(draw(SMALL, 3, seed(i), 0.0), deaf=torch.tensor([True, False, False])) for i in range(2)]
    drawn_losses(diffuser, audio, latents, *dice)["mse"].backward()
    for name, parameter in diffuser.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_it_learns_to_follow_its_audio():
    """Latents that are a linear function of the audio are found again from noise, in 6 steps."""
    torch.manual_seed(0)
    diffuser = Diffuser(replace(SMALL, dropout=0.0), nn.Identity(), WIDTH)
    rule, dice = torch.randn(WIDTH, SMALL.dims, generator=seed(9)) / math.sqrt(WIDTH), seed()
    optimiser = torch.optim.Adam(diffuser.parameters(), lr=5e-3)
    for _ in range(50):
        audio = torch.randn(8, 16, WIDTH, generator=dice)
        loss = diffusion_losses(diffuser, audio, audio @ rule, dice)["mse"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    heard = torch.randn(1, 40, WIDTH, generator=seed(11))
    made = torch.cat(list(diffuser.eval().latents(known(heard), 40, seed(), steps=6)), dim=1)
    assert F.mse_loss(made, heard @ rule) < 0.25 * (heard @ rule).square().mean()
