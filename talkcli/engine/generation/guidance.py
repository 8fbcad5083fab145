"""Classifier-free guidance: away from what nobody asked for, and a bound on how far."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from jaxtyping import Float, Int
from torch import Tensor

from talkcli.engine.errors import BadUsage
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


def bounded(denoise: Denoise, ratio: float, least: float, most: float) -> Denoise:
    """Dynamic thresholding (Saharia et al. 2022, section 2.3): x_0 within a bound of its own.

    The bound is the quantile `ratio` of the magnitudes of each of a batch, kept within `least` and `most`.
    Ratio 0 bounds nothing.
    """
    if not (0 <= ratio <= 1 and 0 < least <= most):
        raise BadUsage(
            f"A threshold of {ratio} between {least} and {most} is none.", "Give 0 to 1, and bounds in order."
        )
    if ratio == 0:
        return denoise

    def within(
        x: Float[Tensor, "batch frames dims"], t: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch frames dims"]:
        clean = denoise(x, t)
        limit = clean.abs().flatten(1).quantile(ratio, dim=1).clamp(least, most)[:, None, None]
        return clean.clamp(-limit, limit)

    return within
