"""Noise into signal: whichever quantity a network predicts, and windows that continue each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from talkcli.engine.errors import BadUsage
from talkcli.engine.generation.diffusion import (
    Schedule,
    ancestral,
    denoise_of,
    denoise_of_velocity,
    solve,
)
from talkcli.engine.generation.flow import STAGES, between, integrate
from talkcli.engine.generation.guidance import bounded
from talkcli.engine.generation.noise import normal_noise, normals, philox
from talkcli.engine.generation.windows import continued
from talkcli.engine.training.ahead import dice


def normal(key: int, *size: int) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(key))


@pytest.mark.parametrize("method", sorted(STAGES))
@pytest.mark.parametrize("steps", [1, 7])
def test_a_straight_flow_leads_from_noise_to_the_data_in_any_number_of_steps(method, steps):
    noise, clean = normal(0, 2, 5, 3), normal(1, 2, 5, 3)

    def flow(x: Tensor, t: Tensor) -> Tensor:
        torch.testing.assert_close(x, between(noise, clean, t))
        return clean - noise

    torch.testing.assert_close(integrate(flow, noise, steps, method), clean)


def test_between_begins_with_noise_and_ends_with_the_data():
    noise, clean = normal(0, 2, 5, 3), normal(1, 2, 5, 3)
    ends = between(noise, clean, torch.tensor([0.0, 1.0]))
    assert torch.equal(ends[0], noise[0]) and torch.equal(ends[1], clean[1])


def test_a_field_that_turns_is_followed_to_first_and_second_order():
    """dx/dt = x grows by e: halving the step halves Euler's error and quarters the others'."""
    start = torch.ones(1, 1, 1, dtype=torch.float64)
    error = {
        method: [abs(float(integrate(lambda x, t: x, start, n, method)) - torch.e) for n in (20, 40)]
        for method in STAGES
    }
    for method, (coarse, fine) in error.items():
        assert coarse / fine == pytest.approx(2 if method == "euler" else 4, rel=0.06), method


def test_a_field_that_changes_with_time_is_asked_at_the_right_times():
    """dx/dt = 2 t leads to 1: midpoint and Heun are exact for it, Euler falls short by one step."""
    start = torch.zeros(1, 1, 1)
    flow = lambda x, t: 2 * t[:, None, None]  # noqa: E731
    reached = {method: float(integrate(flow, start, 10, method)) for method in STAGES}
    assert reached == pytest.approx({"euler": 0.9, "midpoint": 1.0, "heun": 1.0})


def test_an_unknown_way_and_no_steps_are_refused():
    with pytest.raises(BadUsage, match="eular"):
        integrate(lambda x, t: x, torch.zeros(1, 1, 1), 3, "eular")
    with pytest.raises(BadUsage, match="0 steps"):
        integrate(lambda x, t: x, torch.zeros(1, 1, 1), 0)


def test_the_data_come_back_whichever_quantity_is_predicted():
    schedule, clean, noise = Schedule(50), normal(1, 3, 4, 2).double(), normal(2, 3, 4, 2).double()
    t = torch.tensor([1, 25, 50])
    x = schedule.corrupt(clean, t, noise)
    bar = schedule.alpha_bars[t][:, None, None]
    velocity = bar.sqrt() * noise - (1 - bar).sqrt() * clean
    from_noise = denoise_of(lambda x, t: noise, schedule)(x, t)
    from_velocity = denoise_of_velocity(lambda x, t: velocity, schedule)(x, t)
    torch.testing.assert_close(from_noise, clean, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(from_velocity, clean, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("steps", [0, 8])
def test_samplers_end_in_the_same_place_whichever_quantity_is_predicted(steps):
    """One point of data: the ideal guess of each quantity is known."""
    schedule, clean, start = Schedule(50), normal(1, 1, 4, 2), normal(2, 1, 4, 2)

    def noise(x: Tensor, t: Tensor) -> Tensor:
        bar = schedule.alpha_bars[t][:, None, None]
        return (x - bar.sqrt() * clean) / (1 - bar).sqrt()

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        bar = schedule.alpha_bars[t][:, None, None]
        return (bar.sqrt() * x - clean) / (1 - bar).sqrt()

    for denoise in (denoise_of(noise, schedule), denoise_of_velocity(velocity, schedule)):
        dice = [torch.Generator().manual_seed(0)]
        made = solve(denoise, start, schedule, steps) if steps else ancestral(denoise, start, schedule, dice)
        torch.testing.assert_close(made, clean, atol=2e-4, rtol=1e-4)


def counted(start: int, past: Tensor | None) -> Tensor:
    """Four frames, each one more than the frame before it; the first is 1."""
    before = torch.zeros(1, 1) if past is None else past[:, -1:]
    return before + torch.arange(1.0, 5.0)[None]


@pytest.mark.parametrize("frames", [1, 4, 5, 11, 12])
@pytest.mark.parametrize("context", [1, 3, 4, 6])
def test_windows_continue_what_came_before(frames, context):
    seen: list[Tensor | None] = []

    def make(start: int, past: Tensor | None) -> Tensor:
        seen.append(past)
        return counted(start, past)

    whole = torch.cat(list(continued(make, frames, 4, context)), dim=1)
    assert torch.equal(whole, torch.arange(1.0, frames + 1)[None])
    assert seen[0] is None
    for number, past in enumerate(seen[1:], 1):
        assert past is not None and torch.equal(past, torch.arange(1.0, 4 * number + 1)[None, -context:])


def test_a_stream_is_the_whole_and_needs_nothing_that_comes_later():
    made: list[int] = []

    def make(start: int, past: Tensor | None) -> Tensor:
        made.append(start)
        return counted(start, past)

    stream = continued(make, 400, 4, 2)
    first = next(stream)
    assert made == [0]
    assert torch.equal(torch.cat([first, next(stream)], dim=1), torch.arange(1.0, 9.0)[None])
    assert made == [0, 4]


def test_no_gradient_passes_into_the_past():
    weight = torch.ones(1, requires_grad=True)
    *_, last = continued(lambda start, past: counted(start, past) * weight, 12, 4, 2)
    (slope,) = torch.autograd.grad(last.sum(), weight)
    assert float(slope) == sum(8 + n for n in (1, 2, 3, 4)), "only the last window's own weight counts"


def test_a_threshold_keeps_the_clean_signal_within_a_quantile_of_its_own():
    clean = normal(0, 2, 30, 5) * torch.tensor([3.0, 0.1])[:, None, None]
    guess = lambda x, t: clean  # noqa: E731
    made = bounded(guess, 0.9, 0.05, 20.0)(clean, torch.tensor([1, 1]))
    for one, cut in zip(clean, made, strict=True):
        bound = float(np.quantile(one.abs().numpy(), 0.9))
        torch.testing.assert_close(cut, one.clamp(-bound, bound))
    made = bounded(guess, 0.9, 1.0, 2.0)(clean, torch.tensor([1, 1]))
    assert float(made[0].abs().max()) == 2 and torch.equal(made[1], clean[1]), "never below 1, never above 2"
    assert bounded(guess, 0.0, 1.0, 4.0) is guess


@pytest.mark.parametrize("flexibility", [0.0, 0.3, 1.0])
def test_all_steps_are_the_ancestral_formula(flexibility):
    schedule, start = Schedule(6), torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(1))
    guess = lambda x, t: 0.5 * x.tanh() + 0.01 * t[:, None, None]  # noqa: E731
    dice, x = torch.Generator().manual_seed(2), start
    alpha, bar, beta = schedule.alphas, schedule.alpha_bars, schedule.betas
    for t in range(6, 0, -1):
        z = torch.randn(1, 4, 3, generator=dice) if t > 1 else torch.zeros(1, 4, 3)
        clean = guess(x, torch.tensor([t]))
        mean = alpha[t].sqrt() * (1 - bar[t - 1]) * x + (1 - alpha[t]) * bar[t - 1].sqrt() * clean
        lower, upper = ((1 - bar[t - 1]) / (1 - bar[t]) * beta[t]).sqrt(), beta[t].sqrt()
        x = mean / (1 - bar[t]) + ((1 - flexibility) * lower + flexibility * upper) * z
    made = ancestral(guess, start, schedule, [torch.Generator().manual_seed(2)], flexibility)
    torch.testing.assert_close(made, x, atol=1e-5, rtol=0)


def test_few_steps_come_to_where_the_exact_way_ends():
    """For normal data the best denoiser and the whole way from noise to signal are known in closed form."""
    mean, spread = 0.7, 0.3
    schedule = Schedule(500)
    start = torch.randn(1, 50, 4, generator=torch.Generator().manual_seed(0))

    def best(x: Tensor, t: Tensor) -> Tensor:
        bar = schedule.alpha_bars[t][:, None, None]
        variance = bar * spread**2 + 1 - bar
        return mean + spread**2 * bar.sqrt() / variance * (x - bar.sqrt() * mean)

    bar = schedule.alpha_bars[-1]
    exact = mean + spread * (start - bar.sqrt() * mean) / (bar * spread**2 + 1 - bar).sqrt()
    errors = [(solve(best, start, schedule, steps) - exact).abs().mean().item() for steps in (5, 10, 20, 80)]
    assert errors == sorted(errors, reverse=True)
    assert errors[2] < 0.05 * spread and errors[3] < 0.25 * errors[2]


KNOWN = [
    ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0xFFFFFFFF,) * 4,
        0xFFFFFFFFFFFFFFFF,
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        0x299F31D0_A4093822,
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
"""Answers that were published with Philox 4x32-10 (Random123, kat_vectors)."""


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_philox_gives_the_published_answers(counter, key, answer):
    words = philox([torch.tensor([word]) for word in counter], key)
    assert tuple(int(word) for word in words) == answer


def test_noise_is_the_same_however_much_of_it_is_asked_for_and_is_normal():
    whole = normals(99, 0, 200_003)
    assert torch.equal(torch.cat([normals(99, 0, 70_001), normals(99, 70_001, 130_002)]), whole)
    assert torch.equal(
        normal_noise((2, 100_001), dice(1), "cpu").flatten()[:9], normal_noise((9,), dice(1), "cpu")
    )
    assert not torch.isin(normals(98, 0, 1000), whole[:1000]).any()
    assert abs(float(whole.mean())) < 0.01 and abs(float(whole.std()) - 1) < 0.01
    assert float(whole.double().pow(4).mean()) == pytest.approx(3, abs=0.1)
    shares = [float((whole < limit).double().mean()) for limit in (-2, -1, 0, 1, 2)]
    assert shares == pytest.approx([0.02275, 0.15866, 0.5, 0.84134, 0.97725], abs=0.004)
    alone = torch.stack([whole[:200_000].view(-1, 4).T[place] for place in range(4)])
    assert (torch.corrcoef(alone) - torch.eye(4)).abs().max() < 0.02


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator is here")
def test_an_accelerator_makes_the_noise_of_the_cpu():
    torch.testing.assert_close(
        normals(7, 3, 100_000, "cuda").cpu(), normals(7, 3, 100_000), atol=2e-6, rtol=2e-6
    )
