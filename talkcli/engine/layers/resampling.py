"""Features at another rate, and features that know their neighbours."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def resampled(
    x: Float[Tensor, "batch ticks features"], frames: int
) -> Float[Tensor, "batch frames features"]:
    """Linear interpolation with the first and the last tick kept."""
    return x if x.shape[1] == frames else interpolated(x, frames, ends=True)


def interpolated(
    x: Float[Tensor, "batch ticks features"], count: int, *, ends: bool
) -> Float[Tensor, "batch count features"]:
    """Linear interpolation: first and last tick kept (`ends`), or of spans of time known at their middles.

    On CUDA torch's own adds gradients in whatever order; there they are gathered, so that a seed repeats.
    """
    if x.is_cuda and x.requires_grad:
        return gathered_between(x, count, ends=ends)
    return F.interpolate(x.transpose(1, 2), size=count, mode="linear", align_corners=ends).transpose(1, 2)


def gathered_between(
    x: Float[Tensor, "batch ticks features"], count: int, *, ends: bool
) -> Float[Tensor, "batch count features"]:
    """What `interpolated` gives, but for rounding."""
    ticks, at = x.shape[1], torch.arange(count, device=x.device, dtype=torch.float32)
    at = at * ((ticks - 1) / max(1, count - 1)) if ends else (at + 0.5) * (ticks / count) - 0.5
    at = at.clamp(0, ticks - 1)
    left = at.long()
    return x[:, left].lerp(x[:, (left + 1).clamp(max=ticks - 1)], (at - left)[:, None].to(x))


def fitted(x: Float[Tensor, "batch ticks features"], ticks: int) -> Float[Tensor, "batch fitted features"]:
    """Exactly `ticks` ticks: cut, or the last one held."""
    if x.shape[1] >= ticks:
        return x[:, :ticks]
    return F.pad(x.transpose(1, 2), (0, ticks - x.shape[1]), mode="replicate").transpose(1, 2)


def spliced(x: Float[Tensor, "batch frames features"], reach: int) -> Float[Tensor, "batch frames spliced"]:
    """Each frame beside its `reach` neighbours on either side (Peddinti et al. 2015); ends are held."""
    if reach == 0:
        return x
    wide = F.pad(x.transpose(1, 2), (reach, reach), mode="replicate")
    return wide.unfold(2, 2 * reach + 1, 1).permute(0, 2, 3, 1).flatten(2)


def beside_neighbours(
    heard: Float[Tensor, "frames width"], start: int, stop: int, reach: int
) -> Float[Tensor, "n spliced"]:
    """Frames [start, stop) beside their neighbours; past either end, its frame is held."""
    near = torch.arange(start - reach, stop + reach, device=heard.device).clamp(0, len(heard) - 1)
    return spliced(heard[near][None], reach)[0, reach : reach + stop - start]
