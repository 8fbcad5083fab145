"""Paint: what a texel is given, and the few ways of laying it on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.studio.paint.canvas import Canvas, Field


@dataclass
class Paint:
    """What the painters fill in, one row a covered texel. Painters change it in place."""

    colour: Field
    """[n, 3] linear reflectance"""
    strength: Field
    """[n] specular, 0..1"""
    roughness: Field
    """[n] 0..1"""
    height: Field
    """[n] mm"""

    @classmethod
    def blank(cls, count: int) -> "Paint":
        """A dull grey."""
        return cls(
            colour=np.full((count, 3), 0.3, np.float32),
            strength=np.full(count, 0.3, np.float32),
            roughness=np.full(count, 0.6, np.float32),
            height=np.zeros(count, np.float32),
        )

    def cover(self, texels: NDArray[np.int64], colour: NDArray, amount: NDArray) -> None:
        """Lay `colour` [3] or [k, 3] over texels [k] by `amount` [k] in 0..1."""
        amount = amount[:, None]
        self.colour[texels] = self.colour[texels] * (1 - amount) + colour * amount

    def finish(self, texels: NDArray[np.int64], strength: float, roughness: float, amount: NDArray) -> None:
        """Bring the gloss of texels [k] towards `strength` and `roughness` by `amount` [k]."""
        self.strength[texels] += (strength - self.strength[texels]) * amount
        self.roughness[texels] += (roughness - self.roughness[texels]) * amount


@dataclass(frozen=True)
class Region:
    """Some texels of a canvas with the coordinates that painters ask for most."""

    texels: NDArray[np.int64]
    """[k]"""
    position: Field
    """[k, 3] mm"""
    x: Field
    """[k] distance from the midline, mm"""
    y: Field
    z: Field

    @classmethod
    def of(cls, canvas: Canvas, chosen: NDArray[np.bool_]) -> "Region":
        """The chosen [n] texels."""
        texels = np.flatnonzero(chosen)
        position = canvas.position[texels]
        return cls(texels, position, np.abs(position[:, 0]), position[:, 1], position[:, 2])

    def blob(self, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Field:
        """[k] a Gaussian about a point and its mirror image; a radius is where it falls to 1/e."""
        x, y, z = (
            (value - c) / r for value, c, r in zip((self.x, self.y, self.z), centre, radii, strict=True)
        )
        return np.exp(-(x * x + y * y + z * z))
