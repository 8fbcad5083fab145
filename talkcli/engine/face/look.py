"""Look: what a head is painted with; Wrinkles: how its skin acts when it moves."""

from __future__ import annotations

import math

from jaxtyping import Float, Int8, UInt8
from torch import Tensor

from talkcli.engine.struct import TensorStruct

RELIEF_UNIT = 1e-5
"""Metres of height per unit of a relief map."""
HAEMOGLOBIN = (0.20, 1.0, 0.86)
"""Absorption of blood in red, green and blue: albedo changes by exp(-HAEMOGLOBIN * blood) in linear light."""


FULL = 1.2
"""The most that a wrinkle map is on."""

LIGHTS = ("studio", "even", "portrait")
"""What Look.light may name: a photographer's soft lamps, a white room for pictures that hold their light, or
lamps that show form."""


class Look(TensorStruct):
    """Textures in the topology's UV layout, row 0 at the top (v = 1)."""

    albedo: UInt8[Tensor, "height width 3"]
    """sRGB."""
    gloss: UInt8[Tensor, "rows columns 2"]
    """Specular strength and roughness, both /255."""
    relief: Int8[Tensor, "rows columns"]
    """Static height: pores and age lines, in RELIEF_UNIT."""
    light: str | Float[Tensor, "9 3"] = "studio"
    """What it is to be seen in: one of LIGHTS, or the linear light that a white matte surface shows, in
    harmonics of its normal: 1, x, y, z, xy, xz, yz, x^2 - y^2, 3 z^2 - 1."""
    exposure: float = 1.0
    """Factor of all light: a photographer gives dark skin more of it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, picture in (("albedo", self.albedo), ("gloss", self.gloss)):
            if not picture.numel():
                raise ValueError(f"Look.{name} is empty")
        if isinstance(self.light, str) and self.light not in LIGHTS:
            raise ValueError(f"Look.light is {self.light}, not one of {', '.join(LIGHTS)}")
        if not 0 < self.exposure < math.inf:
            raise ValueError(f"Look.exposure is {self.exposure}: light is more than nothing")


class Wrinkles(TensorStruct):
    """Skin that acts: maps blended by expression."""

    names: tuple[str, ...]
    height: Int8[Tensor, "maps rows columns"]
    """Added relief at activation 1, in RELIEF_UNIT."""
    blood: Int8[Tensor, "maps blood_rows blood_columns"]
    """Added haemoglobin at activation 1, /127: reddens where positive, pales where negative. It is smooth,
    so a quarter of the height maps' size is enough; read it with linear interpolation."""
    drivers: Float[Tensor, "maps shapes"]
    """Activation = clip(drivers @ shape weights, 0, FULL)."""


def activations(wrinkles: Wrinkles, weights: Float[Tensor, "frames shapes"]) -> Float[Tensor, "frames maps"]:
    """How far each wrinkle map is on, from the rig's shape weights."""
    return (weights @ wrinkles.drivers.mT).clamp(0, FULL)
