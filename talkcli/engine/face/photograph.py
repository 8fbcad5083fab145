"""Photograph: a picture of somebody, and where their head was in it."""

from __future__ import annotations

from jaxtyping import Float, UInt8
from torch import Tensor

from talkcli.engine.struct import TensorStruct


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
