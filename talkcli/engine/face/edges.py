"""Two edges that face each other round an opening: where the other one is."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def facing(
    x: Float[Tensor, "frames columns"],
    values: Float[Tensor, "frames columns k"],
    upper: Bool[Tensor, " columns"],
    corner: Bool[Tensor, " columns"],
) -> Float[Tensor, "frames columns k"]:
    """What `values` are on the other edge at each column's own x; the corners belong to both edges."""
    return torch.where(
        upper[:, None],
        _along(x, x[:, ~upper | corner], values[:, ~upper | corner]),
        _along(x, x[:, upper | corner], values[:, upper | corner]),
    )


def _along(x: Tensor, knots: Tensor, values: Tensor) -> Tensor:
    """Piecewise linear through (knots [frames, n], values [frames, n, k]) at x [frames, columns]."""
    knots, order = knots.sort(dim=1)
    values = torch.gather(values, 1, order[..., None].expand_as(values))
    right = torch.searchsorted(knots.contiguous(), x.contiguous()).clamp(1, knots.shape[1] - 1)
    low, high = torch.gather(knots, 1, right - 1), torch.gather(knots, 1, right)
    part = ((x - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)[..., None]
    index = right[..., None].expand(-1, -1, values.shape[2])
    return torch.lerp(torch.gather(values, 1, index - 1), torch.gather(values, 1, index), part)
