"""Cloth in its box of the atlas: dye, weave, the band and the seam of a neckline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.errors import pick
from talkcli.engine.studio import noise
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint.canvas import cover_texels, nearest_covered
from talkcli.engine.studio.scanned.eyes_and_mouth import DIMMED
from talkcli.engine.studio.scanned.garments import wardrobe
from talkcli.engine.studio.scanned.mesh import BOXES, boxed

Dye = tuple[float, float, float]
"""Linear reflectance."""

BANDS = {"t-shirt": 17.0, "jumper": 24.0, "top": 9.0}
"""mm of the ribbed or turned band at a neckline."""

RIB = 2.6
"""mm from rib to rib of a knitted band."""

KNIT = ("jumper",)
"""Cloth that is knitted all over."""

_MATT = (0.10, 0.85)
"""Specular strength and roughness."""


@dataclass(frozen=True)
class Dress:
    """What somebody wears."""

    name: str
    dyes: tuple[Dye, Dye, Dye]
    """Of cloth, of what is seen beneath it, and of a tie."""


@dataclass(frozen=True)
class _Ground:
    """What lies under texels [k] of the cloth's box."""

    place: NDArray
    """[k, 3] mm"""
    edge: NDArray
    """[k] mm to the neckline"""
    dye: NDArray
    """[k] which of the three"""


def paint_cloth(
    colour: NDArray, gloss: NDArray, height: NDArray, dress: Dress, seed: int, exposure: float
) -> None:
    """Into images [size, size, ...] of linear colour, gloss (strength, roughness) and height in mm."""
    size = len(colour)
    rows, columns, ground = _ground(dress.name, size)
    place = ground.place.astype(np.float32)
    fine = noise.octaves(place / 1.3, 2, seed + 502)
    wear = noise.octaves(place / np.array([34, 60, 34], np.float32), 2, seed + 501)
    band = BANDS.get(dress.name, 0.0)
    inside = smooth(ground.edge, band + 1.2, band - 1.2) * (band > 0)
    seam = np.exp(-(((ground.edge - max(band, 5.0)) / 1.6) ** 2))
    around = np.arctan2(place[:, 0], place[:, 2] + 14.0) * 70.0
    rib = 0.5 + 0.5 * np.sin(2 * np.pi * around / RIB)
    knit = 0.5 + 0.5 * np.sin(2 * np.pi * place[:, 0] / (2 * RIB)) if dress.name in KNIT else 0.5
    rib = inside * rib + (1 - inside) * knit
    shade = 1 + 0.07 * fine + 0.04 * wear - 0.22 * seam - 0.05 * inside + 0.10 * (rib - 0.5)
    dye = np.array(dress.dyes)[ground.dye] * exposure**-DIMMED
    colour[rows, columns] = np.clip(dye * shade[:, None], 0.004, 0.75)
    gloss[rows, columns] = _MATT
    height[rows, columns] = 0.05 * fine + 0.4 * inside - 0.35 * seam + 0.25 * (rib - 0.5)


def _ground(name: str, size: int) -> tuple[NDArray, NDArray, _Ground]:
    """Rows and columns of the box's texels, and what lies under each or nearest to it."""
    cloth = wardrobe()[pick(name, wardrobe(), "garment")]
    corners = boxed(cloth.uv.double().numpy(), "cloth")[cloth.uv_faces.numpy()]
    face, weights = cover_texels(np.ascontiguousarray(corners * [size, -size] + [0, size]), size)
    left, bottom, right, top = (round(edge * size) for edge in BOXES["cloth"])
    box = slice(size - top, size - bottom), slice(left, right)
    face, weights = face[box], weights[box]
    near = nearest_covered(face >= 0)
    face, weights = face[near[0], near[1]].ravel(), weights[near[0], near[1]].reshape(-1, 3)
    triangle = np.minimum(cloth.faces.long().numpy(), len(cloth.points) - 1)[face]
    row, column = np.mgrid[box]

    def under(values: NDArray) -> NDArray:
        return np.einsum("nk...,nk->n...", values[triangle], weights)

    ground = _Ground(
        under(cloth.points.numpy() * 1000), under(cloth.from_edge.numpy() * 1000), cloth.colour.numpy()[face]
    )
    return row.ravel(), column.ravel(), ground
