"""Classifier-free guidance: away from what nobody asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from jaxtyping import Float, Int
from torch import Tensor

from talkcli.engine.generation.diffusion import Denoise

_Condition = TypeVar("_Condition")


def guide(
    predict: Callable[[_Condition], Denoise], condition: _Condition, null: _Condition, scale: float
) -> Denoise:
    """null + scale (conditional - null) (Ho and Salimans 2022, in the form of x_0).

    `predict` prepares a denoiser for one condition. At scale 1 the null cancels and is never run, nor is the
    condition at scale 0.
    """
    if scale == 1:
        return predict(condition)
    unguided = predict(null)
    if scale == 0:
        return unguided
    conditional = predict(condition)

    def denoise(
        x: Float[Tensor, "batch frames dims"], t: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch frames dims"]:
        low = unguided(x, t)
        return low + scale * (conditional(x, t) - low)

    return denoise
