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
    if x.shape[1] == frames:
        return x
    return F.interpolate(x.transpose(1, 2), size=frames, mode="linear", align_corners=True).transpose(1, 2)


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
