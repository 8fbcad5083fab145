"""Photograph: a picture of somebody, and where their head was in it."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from talkcli.engine.struct import TensorStruct

_FARTHEST = 1e6
"""Pixels of a lens, and metres between head and camera."""
_STRONGEST = 100.0
"""Weight of a shape; a face has one of 1."""


class Photograph(TensorStruct):
    picture: UInt8[Tensor, "height width 3"]
    """sRGB, upright."""
    person: UInt8[Tensor, "rows columns"]
    """How surely each cell of the picture is the person's, /255; as wide and high as it, in fewer cells."""
    lens: Float[Tensor, " 4"]
    """Pixels: focal length across and down; where the axis meets the picture, from its upper left corner."""
    view: Float[Tensor, "4 4"]
    """Head to camera, metres: X to the right, Y up, looking along -Z."""
    weights: Float[Tensor, " shapes"]
    """The expression, in weights of the avatar's rig."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(*self.picture.shape[:2], *self.person.shape) < 1:
            raise ValueError("Photograph.picture, or Photograph.person, is empty")
        if float(self.lens[:2].min()) <= 0 or float(self.lens.abs().max()) > _FARTHEST:
            raise ValueError(f"Photograph.lens is {self.lens.tolist()}")
        turn = self.view[:3, :3].double()
        turns = torch.allclose(turn @ turn.T, torch.eye(3).double(), atol=1e-3)
        if not turns or float(self.view[:3, 3].abs().max()) > _FARTHEST:
            raise ValueError("Photograph.view is not where a camera stands")
        if len(self.weights) and float(self.weights.abs().max()) > _STRONGEST:
            raise ValueError(f"Photograph.weights are stronger than {_STRONGEST}")
