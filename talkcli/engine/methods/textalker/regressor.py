"""A rig's weights straight from latents, without a map painted and solved for them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

_FLAT, _RIDGE = 1e-4, 1e-4
"""The least deviation that a number is divided by; of the mean square of one, in the least squares."""


class Regressor(nn.Module):
    """Latents to numbers: an affine map, and what one hidden layer adds to it."""

    centre: Tensor
    scale: Tensor
    """[dims]: mean and deviation of the latents."""

    def __init__(self, dims: int, hidden: int, numbers: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(dims))
        self.register_buffer("scale", torch.ones(dims))
        self.affine = nn.Linear(dims, numbers)
        self.enter, self.leave = nn.Linear(dims, hidden), nn.Linear(hidden, numbers)

    def forward(self, latents: Float[Tensor, "frames dims"]) -> Float[Tensor, "frames numbers"]:
        x = (latents - self.centre) / self.scale
        return self.affine(x) + self.leave(F.gelu(self.enter(x)))

    @torch.no_grad()
    def begin_with_least_squares(
        self, latents: Float[Tensor, "frames dims"], numbers: Float[Tensor, "frames numbers"]
    ) -> None:
        """The affine map that fits best; the hidden layer adds nothing yet."""
        self.centre.copy_(latents.mean(0))
        self.scale.copy_(latents.std(0).clamp(min=_FLAT))
        x = (latents - self.centre.to(latents)) / self.scale.to(latents)
        x = F.pad(x, (0, 1), value=1.0).double()
        ridge = _RIDGE * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
        solution = torch.linalg.solve(x.T @ x + ridge, x.T @ numbers.double())
        self.affine.weight.copy_(solution[:-1].T)
        self.affine.bias.copy_(solution[-1])
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
