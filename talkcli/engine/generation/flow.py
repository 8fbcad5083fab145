"""Flow matching: from noise at time 0 to signal at time 1 along velocities (Lipman et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.errors import BadUsage, pick

Flow = Callable[[Tensor, Tensor], Tensor]
"""x_t [batch, frames, dims] and its time t [batch] to dx/dt, as the network guesses it."""

STAGES = {"euler": (), "midpoint": (0.5,), "heun": (1.0,)}
"""Where in a step the velocity is asked again: Runge-Kutta methods of order 1, 2 and 2."""


def between(
    noise: Float[Tensor, "batch frames dims"],
    clean: Float[Tensor, "batch frames dims"],
    t: Float[Tensor, " batch"],
) -> Float[Tensor, "batch frames dims"]:
    """x_t = (1 - t) noise + t clean: the straight way, whose velocity is clean - noise throughout."""
    share = t[:, None, None]
    return (1 - share) * noise + share * clean


def integrate(
    flow: Flow, noise: Float[Tensor, "batch frames dims"], steps: int, method: str = "euler"
) -> Float[Tensor, "batch frames dims"]:
    """Signal from noise in even steps; `midpoint` and `heun` ask the network twice a step."""
    if steps < 1:
        raise BadUsage(f"{steps} steps lead nowhere.", "Give 1 or more.")
    again = STAGES[pick(method, STAGES, "way to integrate")]
    x, stride = noise, 1 / steps
    for step in range(steps):
        velocity = flow(x, _at(step * stride, x))
        for share in again:
            later = flow(x + share * stride * velocity, _at((step + share) * stride, x))
            velocity = later if share < 1 else (velocity + later) / 2
        x = x + stride * velocity
    return x


def _at(time: float, x: Tensor) -> Float[Tensor, " batch"]:
    return torch.full((len(x),), time, device=x.device, dtype=x.dtype)
