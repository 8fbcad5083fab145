"""Masks for attention: True where a query may not look, as torch.nn wants them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def alignment_mask(
    frames: int, memories: int, device: torch.device | None = None
) -> Bool[Tensor, "frames frames*memories"]:
    """Frame i sees only its own `memories` memories (FaceFormer, section 3.3)."""
    owner = torch.arange(frames * memories, device=device) // memories
    return owner != torch.arange(frames, device=device)[:, None]


def padding_mask(
    counts: Int[Tensor, " batch"], longest: int, device: torch.device
) -> Bool[Tensor, "batch longest"]:
    """Nobody sees what lies past the end of a sequence."""
    ends = counts.to(device, non_blocking=True)
    return torch.arange(longest, device=device) >= ends[:, None]
