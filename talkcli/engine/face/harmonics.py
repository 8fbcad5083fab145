"""Colour by direction: real spherical harmonics up to the third degree, in the order and signs of 3DGS."""

from __future__ import annotations

import functools

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

_AXES, _SIGNS = [1, 2, 0], [-1.0, 1.0, -1.0]
"""Which axis each harmonic of the first degree lies along, and which way."""
BASES = (1, 4, 9, 16)
"""How many harmonics a colour may have: all up to a degree."""


def harmonics(directions: Float[Tensor, "*batch 3"], bases: int) -> Float[Tensor, "*batch bases"]:
    """The first so many of BASES in unit directions. The first is 1: the colour from anywhere."""
    x, y, z = directions.unbind(-1)
    values = [torch.ones_like(x)]
    if bases > 1:
        values += [-0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x]
    if bases > 4:
        values += [
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (2 * z * z - x * x - y * y),
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (x * x - y * y),
        ]
    if bases > 9:
        values += [
            -0.5900435899266435 * y * (3 * x * x - y * y),
            2.890611442640554 * x * y * z,
            -0.4570457994644658 * y * (4 * z * z - x * x - y * y),
            0.3731763325901154 * z * (2 * z * z - 3 * x * x - 3 * y * y),
            -0.4570457994644658 * x * (4 * z * z - x * x - y * y),
            1.445305721320277 * z * (x * x - y * y),
            -0.5900435899266435 * x * (x * x - 3 * y * y),
        ]
    return torch.stack(values, -1)


def turned_harmonics(
    colour: Float[Tensor, "*#batch bases 3"], turns: Float[Tensor, "*#batch 3 3"]
) -> Float[Tensor, "*batch bases 3"]:
    """The colours of things that turned: from a direction R d they look as before from d."""
    bases = colour.shape[-2]
    if bases == 1:
        return colour
    turning = turning_of(turns, bases)
    return F.linear(colour.mT, turning).mT if turning.ndim == 2 else turning @ colour


def turning_of(turns: Float[Tensor, "*batch 3 3"], bases: int) -> Float[Tensor, "*batch bases bases"]:
    """What makes the colours of things that turned: it times the harmonics that they had. It leaves the first
    alone, and mixes no degree with another."""
    if bases == 4:  # the first degree turns as vectors do: in closed form, for clouds of thousands of turns
        turning = turns.new_zeros(*turns.shape[:-2], 4, 4)
        turning[..., 0, 0] = 1
        turning[..., 1:, 1:] = turns[..., _AXES, :][..., _AXES] * (
            turns.new_tensor(_SIGNS).outer(turns.new_tensor(_SIGNS))
        )
        return turning
    samples, solved = _samples(bases)
    return solved.to(turns) @ harmonics(samples.to(turns) @ turns, bases)  # rows R^T d


def lobes_of(colour: Float[Tensor, "*batch bases 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The first degree of a colour as vectors, by channels: they turn as what it is of."""
    first = colour[..., 1:4, :] * colour.new_tensor(_SIGNS)[:, None]
    return first[..., [_AXES.index(axis) for axis in range(3)], :]


@functools.cache
def _samples(bases: int) -> tuple[Float[Tensor, "samples 3"], Float[Tensor, "bases samples"]]:
    """Directions all over a sphere (a Fibonacci lattice), and what solves for harmonics by values there."""
    count = 2 * bases
    height = 1 - (2 * torch.arange(count, dtype=torch.float64) + 1) / count
    angle = torch.pi * (3 - 5**0.5) * torch.arange(count, dtype=torch.float64)
    radius = (1 - height**2).sqrt()
    directions = torch.stack([radius * angle.cos(), radius * angle.sin(), height], 1)
    return directions, torch.linalg.pinv(harmonics(directions, bases))
