"""Diffusion: a cosine schedule, two ways back from noise, and what a network predicts as clean signal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from talkcli.engine.errors import BadUsage

Denoise = Callable[[Tensor, Tensor], Tensor]
"""x_t [batch, frames, dims] and its step t [batch] to the clean signal x_0 as the network guesses it."""


class Levels(NamedTuple):
    """The numbers of a schedule, of steps 0..T."""

    alphas: list[float]
    alpha_bars: list[float]
    sigmas_flex: list[float]
    sigmas_inflex: list[float]


class Schedule(nn.Module):
    """How much noise there is at steps 0..T: a cosine (Nichol and Dhariwal 2021, eq. 17).

    s = 0.008, beta is kept in [1e-4, 0.999] and the buffers have the names of those in TexTalker, so that its
    checkpoints fit.
    """

    betas: Float[Tensor, " steps+1"]
    alphas: Float[Tensor, " steps+1"]
    alpha_bars: Float[Tensor, " steps+1"]
    sigmas_flex: Float[Tensor, " steps+1"]
    """sqrt(beta): the posterior's deviation, its upper bound."""
    sigmas_inflex: Float[Tensor, " steps+1"]
    """The posterior's deviation, its lower bound: what sampling adds unless it is told to be flexible."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        raw = torch.cos((torch.arange(steps + 1) / steps + 0.008) / 1.008 * math.pi / 2) ** 2
        raw = raw / raw[0]
        betas = torch.cat([torch.zeros(1), (1 - raw[1:] / raw[:-1]).clamp(1e-4, 0.999)])
        alphas = 1 - betas
        bars = alphas.log().cumsum(0).exp()
        lower = torch.zeros(steps + 1)
        lower[1:] = ((1 - bars[:-1]) / (1 - bars[1:]) * betas[1:]).sqrt()
        self.register_buffer("betas", betas)
        self.register_buffer("alphas", alphas)
        self.register_buffer("alpha_bars", bars)
        self.register_buffer("sigmas_flex", betas.sqrt())
        self.register_buffer("sigmas_inflex", lower)
        self._levels: tuple[tuple[tuple[int, int], ...], Levels] | None = None

    def levels(self) -> Levels:
        """Read from the device once: a network that waits for them at every step waits for all before it."""
        state = tuple((buffer.data_ptr(), buffer._version) for buffer in self.buffers())
        if self._levels is None or self._levels[0] != state:
            names = ("alphas", "alpha_bars", "sigmas_flex", "sigmas_inflex")
            self._levels = state, Levels(*(self.get_buffer(name).tolist() for name in names))
        return self._levels[1]

    def corrupt(
        self,
        clean: Float[Tensor, "batch frames dims"],
        t: Int[Tensor, " batch"],
        noise: Float[Tensor, "batch frames dims"],
    ) -> Float[Tensor, "batch frames dims"]:
        """x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise."""
        bar = self.alpha_bars[t][:, None, None]
        return bar.sqrt() * clean + (1 - bar).sqrt() * noise


Predict = Callable[[Tensor, Tensor], Tensor]
"""x_t and its step t to what a network predicts that is not x_0."""


def denoise_of(predict_noise: Predict, schedule: Schedule) -> Denoise:
    """Where it predicts the noise: x_0 = (x_t - sqrt(1 - abar_t) noise) / sqrt(abar_t) (Ho et al. 2020)."""

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        bar = schedule.alpha_bars[t][:, None, None]
        return (x - (1 - bar).sqrt() * predict_noise(x, t)) / bar.sqrt()

    return denoise


def denoise_of_velocity(predict_velocity: Predict, schedule: Schedule) -> Denoise:
    """Where it predicts v = sqrt(abar_t) noise - sqrt(1 - abar_t) x_0 (Salimans and Ho 2022, appendix D)."""

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        bar = schedule.alpha_bars[t][:, None, None]
        return bar.sqrt() * x - (1 - bar).sqrt() * predict_velocity(x, t)

    return denoise


def ancestral(
    denoise: Denoise,
    x: Float[Tensor, "batch frames dims"],
    schedule: Schedule,
    dice: Sequence[torch.Generator],
    flexibility: float = 0.0,
) -> Float[Tensor, "batch frames dims"]:
    """All T steps from noise to signal, fresh noise at each but the last (Ho et al. 2020, eq. 7).

    `dice`: a generator for each of the batch. `flexibility` 0 to 1 leads from the lower bound of that noise's
    deviation to the upper one. It is drawn on the CPU, so that a seed means the same on every device.
    """
    if not 0 <= flexibility <= 1:
        raise BadUsage(f"A flexibility of {flexibility} is not between 0 and 1.", "Give 0 to 1.")
    alphas, bars, upper, lower = schedule.levels()
    sigmas = torch.tensor(lower).lerp(torch.tensor(upper), flexibility).tolist()
    for t in range(schedule.steps, 0, -1):
        clean = denoise(x, _at(t, x))
        keep = math.sqrt(alphas[t]) * (1 - bars[t - 1]) / (1 - bars[t])
        take = (1 - alphas[t]) * math.sqrt(bars[t - 1]) / (1 - bars[t])
        x = keep * x + take * clean
        if t > 1:
            fresh = [torch.randn(x.shape[1:], generator=generator) for generator in dice]
            x = x + sigmas[t] * _sent(torch.stack(fresh), x)
    return x


def solve(
    denoise: Denoise, x: Float[Tensor, "batch frames dims"], schedule: Schedule, steps: int
) -> Float[Tensor, "batch frames dims"]:
    """The same way in few steps and without fresh noise: DPM-Solver++(2M) (Lu et al. 2022, algorithm 2).

    Steps are evenly spaced in t; the last one, to t = 0, is of first order and gives x_0 itself.
    """
    if not 1 <= steps <= schedule.steps:
        raise BadUsage(
            f"{steps} steps are not among the {schedule.steps} of training.",
            "Give 10 to 25, or 0 for all of them with fresh noise.",
        )
    grid = torch.linspace(schedule.steps, 0, steps + 1).round().long().tolist()
    bars = [schedule.levels().alpha_bars[t] for t in grid[:-1]] + [1.0]
    scale, sigma = [math.sqrt(bar) for bar in bars], [math.sqrt(1 - bar) for bar in bars]
    half_log_snr = [math.log(a / s) for a, s in zip(scale[:-1], sigma[:-1], strict=True)]
    before = x
    for i, t in enumerate(grid[:-1]):
        clean = denoise(x, _at(t, x))
        if i + 1 == steps:
            return clean
        stride = half_log_snr[i + 1] - half_log_snr[i]
        toward = clean
        if i > 0:
            ratio = (half_log_snr[i] - half_log_snr[i - 1]) / stride
            toward = clean + (clean - before) / (2 * ratio)
        x = sigma[i + 1] / sigma[i] * x - scale[i + 1] * math.expm1(-stride) * toward
        before = clean
    return x


def _sent(noise: Tensor, x: Tensor) -> Tensor:
    """To where x is, without waiting for what is on its way there."""
    return (noise.pin_memory() if x.is_cuda else noise).to(x, non_blocking=True)


def _at(t: int, x: Tensor) -> Int[Tensor, " batch"]:
    return torch.full((len(x),), t, device=x.device)
