"""Terms that stages minimise: means over what is there, never over padding."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def present(
    frames: Int[Tensor, " batch"], longest: int, device: torch.device | None = None
) -> Bool[Tensor, "batch longest"]:
    """True for the frames that a padded clip has; on a device, or where the counts are."""
    counts = frames if device is None else frames.to(device, non_blocking=True)
    return torch.arange(longest, device=counts.device) < counts[:, None]


def mean_square(
    error: Float[Tensor, "batch frames dims"],
    frames: Int[Tensor, " batch"],
    weight: Float[Tensor, "batch frames"] | None = None,
) -> Float[Tensor, ""]:
    """Over every number of every frame that is there, some frames weighing more than others."""
    there = present(frames, error.shape[1], error.device)
    share = there if weight is None else there * weight
    return (error.square().sum(-1) * share).sum() / (share.sum() * error.shape[-1])


def velocity(error: Float[Tensor, "batch frames dims"], frames: Int[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Mean square of the first differences."""
    return mean_square(error.diff(dim=1), (frames - 1).clamp(min=1))


def triplet(
    anchor: Float[Tensor, "batch features"],
    same: Float[Tensor, "batch features"],
    other: Float[Tensor, "batch features"],
    margin: float,
) -> Float[Tensor, ""]:
    """Another's must lie farther than one's own, by a margin (Schroff et al. 2015, distances unsquared)."""
    return torch.nn.functional.triplet_margin_loss(anchor, same, other, margin=margin)
