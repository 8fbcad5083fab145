"""Masks for attention: True where a query may not look, as torch.nn wants them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def alignment_mask(frames: int, memories: int) -> Bool[Tensor, "frames frames*memories"]:
    """Frame i sees only its own `memories` memories (FaceFormer, section 3.3)."""
    owner = torch.arange(frames * memories) // memories
    return owner != torch.arange(frames)[:, None]


def padding_mask(counts: Int[Tensor, " batch"], longest: int) -> Bool[Tensor, "batch longest"]:
    """Nobody sees what lies past the end of a sequence."""
    return torch.arange(longest, device=counts.device) >= counts[:, None]
