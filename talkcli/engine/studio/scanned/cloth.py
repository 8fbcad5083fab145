"""Cloth in its boxes of the atlas: dye, threads, seams, ribbed bands, buttons, a tie's stripes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from talkcli.engine.errors import pick
from talkcli.engine.studio import noise
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint.canvas import cover_texels, nearest_covered
from talkcli.engine.studio.scanned.eyes_and_mouth import DIMMED
from talkcli.engine.studio.scanned.garments import CLOTH_PARTS, wardrobe
from talkcli.engine.studio.scanned.mesh import BOXES

Dye = tuple[float, float, float]
"""Linear reflectance."""

FABRICS: Mapping[str, tuple[str, str, str]] = {
    "t-shirt": ("jersey", "jersey", "jersey"),
    "top": ("jersey", "jersey", "jersey"),
    "jumper": ("knit", "knit", "knit"),
    "shirt": ("cotton", "cotton", "cotton"),
    "blouse": ("cotton", "cotton", "cotton"),
    "jacket": ("wool", "cotton", "silk"),
}
"""Of a garment's three dyes."""

_BANDS: Mapping[str, float] = {"t-shirt": 17.0, "jumper": 23.0, "top": 8.4, "blouse": 10.2}
"""mm of the ribbed or turned band at a neckline."""

_RIBS: Mapping[str, float] = {"t-shirt": 2.5, "jumper": 3.9}
"""mm from rib to rib of a knitted band."""

_WALE, _COURSE = 4.4, 3.7
"""mm across and down a knitted stitch."""

_STITCH = 2.8
"""mm from stitch to stitch of a seam."""

_LAYERS = (
    (("collar", "lapel", "placket"), ("body", "band")), (("tie", "knot"), ("body", "collar")),
    (("knot",), ("tie",)), (("button",), ("placket",)),
)  # fmt: skip
"""What lies upon what."""

_RIM = 0.0012
"""Metres from a free edge that shade."""

_HORN: Dye = (0.36, 0.33, 0.28)

_MATT, _SHINY = (0.08, 0.88), (0.16, 0.55)
"""Specular strength and roughness of cloth, of silk and buttons."""


@dataclass(frozen=True)
class Dress:
    """What somebody wears."""

    name: str
    dyes: tuple[Dye, Dye, Dye]
    """Of cloth, of what is seen beneath it, and of a tie."""


@dataclass(frozen=True)
class _Ground:
    """What lies under texels [k] of a box."""

    place: NDArray
    """[k, 3] mm"""
    grain: NDArray
    """[k, 2] mm"""
    part: NDArray
    """[k] of CLOTH_PARTS"""
    dye: NDArray
    """[k] which of the three"""

    def of(self, *parts: str) -> NDArray:
        return np.isin(self.part, [CLOTH_PARTS.index(part) for part in parts])


@dataclass
class _Coat:
    """What is painted: [k] a factor of the dye, mm of relief."""

    shade: NDArray
    height: NDArray

    def add(self, where: NDArray, shade: NDArray | float, height: NDArray | float) -> None:
        """`where` 0..1: as much of a change of both."""
        self.shade *= 1 + where * shade
        self.height += where * height


def paint_cloth(
    colour: NDArray, gloss: NDArray, height: NDArray, dress: Dress, seed: int, exposure: float
) -> None:
    """Into images [size, size, ...] of linear colour, gloss (strength, roughness) and height in mm."""
    for box in ("cloth", "trim"):
        rows, columns, ground = _ground(dress.name, len(colour), box)
        coat = _Coat(np.ones(len(rows)), np.zeros(len(rows)))
        fabrics = np.array(FABRICS[dress.name])[ground.dye]
        for fabric, weave in _WEAVES.items():
            own = (fabrics == fabric) & ~ground.of("button")
            weave(coat, ground, own * (0.35 + 0.65 * smooth(np.abs(ground.place[:, 0]), 185, 110)), seed)
        _sew(coat, ground, dress.name)
        _shade(coat, ground, dress.name)
        dye = np.array(dress.dyes)[ground.dye] * exposure**-DIMMED
        dye[ground.of("button")] = np.array(_HORN) * exposure**-DIMMED
        shiny = ((fabrics == "silk") | ground.of("button"))[:, None]
        colour[rows, columns] = np.clip(_striped(dye, ground) * coat.shade[:, None], 0.004, 0.75)
        gloss[rows, columns] = np.where(shiny, _SHINY, _MATT)
        height[rows, columns] = coat.height


def _threads(ground: _Ground, across: float, along: float, seed: int) -> NDArray:
    """Slubs that run down the cloth."""
    spread = np.stack(
        [ground.place[:, 0] / across, ground.place[:, 1] / along, ground.place[:, 2] / along], 1
    )
    return noise.octaves(spread, 1, seed)


def _jersey(coat: _Coat, ground: _Ground, where: NDArray, seed: int) -> None:
    fine, wales = noise.octaves(ground.place / 1.5, 1, seed + 502), _threads(ground, 1.4, 4.0, seed + 503)
    coat.add(
        where, 0.07 * fine + 0.05 * wales, 0.05 * fine + 0.03 * wales + 0.34 * _creases(ground, 26.0, seed)
    )


def _cotton(coat: _Coat, ground: _Ground, where: NDArray, seed: int) -> None:
    warp, weft = _threads(ground, 1.3, 12.0, seed + 504), _threads(ground, 12.0, 1.3, seed + 505)
    weave = 0.06 * warp + 0.06 * weft
    coat.add(where, weave, 0.4 * weave + 0.5 * _creases(ground, 22.0, seed))


def _wool(coat: _Coat, ground: _Ground, where: NDArray, seed: int) -> None:
    x, y, _ = ground.place.T
    twill = np.sin(2 * np.pi * (0.72 * x - 0.69 * y) / 2.3)
    fleck = noise.octaves(ground.place / np.array([1.4, 1.8, 1.8]), 2, seed + 506)
    coat.add(where, 0.03 * twill + 0.11 * fleck, 0.02 * twill + 0.04 * fleck)


def _silk(coat: _Coat, ground: _Ground, where: NDArray, seed: int) -> None:
    rep = np.sin(2 * np.pi * ground.grain[:, 1] / 1.9)
    coat.add(where, 0.05 * rep + 0.03 * noise.octaves(ground.place / 0.9, 1, seed + 507), 0.02 * rep)


def _knit(coat: _Coat, ground: _Ground, where: NDArray, seed: int) -> None:
    """Stockinette: columns of Vs."""
    x, y, z = ground.place.T
    wander = 0.10 * noise.octaves(ground.place / 14, 1, seed + 508)
    wale = x / _WALE + wander
    beside = np.abs(wale - np.round(wale))
    course = (y - np.abs(z + 38)) / _COURSE - 1.5 * beside + wander
    yarn = 0.5 + 0.5 * np.cos(2 * np.pi * course)
    gap = smooth(beside, 0.36, 0.5) + 0.7 * smooth(beside, 0.13, 0.0)
    rise = yarn * (1 - 0.7 * gap)
    fuzz = noise.octaves(ground.place / 0.9, 1, seed + 509)
    coat.add(where * ~ground.of("band"), 0.42 * (rise - 0.45), 0.55 * rise)
    coat.add(where, 0.07 * fuzz, 0.04 * fuzz)


_WEAVES = {"jersey": _jersey, "cotton": _cotton, "wool": _wool, "silk": _silk, "knit": _knit}


def _creases(ground: _Ground, size: float, seed: int) -> NDArray:
    """Small creases of cloth that was worn, 0..1."""
    bent = noise.octaves(ground.place / (2.4 * size), 1, seed + 510)
    spread = ground.place / np.array([size, 1.6 * size, size]) + 0.8 * bent[:, None]
    return np.sqrt(noise.octaves(spread, 1, seed + 511) ** 2 + 0.01)


def _sew(coat: _Coat, ground: _Ground, name: str) -> None:
    """Bands, seams and stitches."""
    along, across = ground.grain.T
    bodice = ground.of("body", "band") & (ground.dye == 0)
    band = _BANDS.get(name, 0.0)
    if band:
        rib = _RIBS.get(name)
        inside = bodice * smooth(across, band + 0.8, band - 0.8)
        if rib:
            wave = 0.5 + 0.5 * np.sin(2 * np.pi * along / rib)
            coat.add(inside, 0.26 * (wave - 0.45), 0.30 * (wave - 0.5))
        coat.add(bodice * _ridge(across - band, 0.9), -0.34, -0.25)
        if name in ("t-shirt", "top"):
            for off in (2.6, 5.2):
                _stitch(coat, bodice * _ridge(across - band - off, 0.7), along)
        coat.add(bodice * smooth(across, 1.0, -2.0), -0.22, 0.0)
    if name == "shirt":
        _stitch(coat, bodice * _ridge(across - 5.0, 0.7), along)
    coat.add(bodice * _seam_of_shoulder(ground), -0.24, -0.30)
    hole = _armhole(ground)
    coat.add(bodice * _ridge(hole, 1.9), -0.20, -0.30)
    coat.add(bodice * _ridge(hole + 4.0, 2.4), 0.0, 0.22)
    for part, off in (("collar", 5.0), ("placket", 4.5), ("lapel", 3.0)):
        own = ground.of(part)
        if own.any():
            _stitch(coat, own * _ridge(across - off, 0.7), along)
            coat.add(own * _ridge(across - off + 2.0, 1.6), 0.0, 0.12)
            coat.add(own * smooth(across, 1.2, 0.0), 0.05, 0.0)
    button = ground.of("button")
    if button.any():
        holes = np.min([np.hypot(along - x, across - y) for x in (-1.2, 1.2) for y in (-1.2, 1.2)], 0)
        coat.add(button * smooth(holes, 0.95, 0.45), -0.8, 0.0)


def _shade(coat: _Coat, ground: _Ground, name: str) -> None:
    """What lies beneath the edge of a collar, a lapel, a placket or a tie is darker close to it."""
    cloth = wardrobe()[name]
    corners, part = cloth.faces.long().numpy(), cloth.part.numpy()
    for above, below in _LAYERS:
        over = np.unique(corners[np.isin(part, [CLOTH_PARTS.index(kind) for kind in above])])
        over = over[cloth.grain.numpy()[over, 1] < _RIM] if "knot" not in above else over
        under = np.flatnonzero(ground.of(*below))
        if not len(over) or not len(under):
            continue
        distance = KDTree(cloth.points.double().numpy()[over] * 1000).query(ground.place[under])[0]
        where = np.zeros(len(coat.shade))
        where[under] = np.exp(-((distance / 5.5) ** 2))
        coat.add(where, -0.36, 0.0)


def _stitch(coat: _Coat, line: NDArray, along: NDArray) -> None:
    dash = smooth(np.cos(2 * np.pi * along / _STITCH), -0.6, 0.2)
    coat.add(line, -0.10 - 0.12 * (1 - dash), -0.16 + 0.14 * dash)


def _ridge(distance: NDArray, width: float) -> NDArray:
    return np.exp(-((distance / width) ** 2))


def _seam_of_shoulder(ground: _Ground) -> NDArray:
    """0..1 along the top of either shoulder, a little ahead."""
    x, y, z = ground.place.T
    side = np.abs(x)
    top = smooth(side, 40, 55) * smooth(_armhole(ground), 1.0, -1.0) * smooth(y, -205, -190)
    return top * _ridge(z + 16 + 0.06 * (side - 60), 1.3)


def _armhole(ground: _Ground) -> NDArray:
    """mm outside the seam of a sleeve."""
    x, y, _ = ground.place.T
    down = np.clip((-150 - y) / 130, 0, 1)
    return np.abs(x) - (163 - 17 * np.sin(np.pi * down))


def _striped(dye: NDArray, ground: _Ground) -> NDArray:
    """A tie's diagonal stripes, the knot's the other way."""
    x, y = ground.grain.T
    lean = np.where(ground.of("knot"), -x, x)
    wave = (0.7 * lean + 0.7 * y) / 13.0
    off = np.abs(wave - np.round(wave)) * 13.0
    stripe = smooth(off, 1.4, 0.7) * ground.of("tie", "knot")
    return dye + stripe[:, None] * (0.30 - dye) * 0.55


def _ground(name: str, size: int, box: str) -> tuple[NDArray, NDArray, _Ground]:
    """Rows and columns of the box's texels, and what lies under each or nearest to it."""
    cloth = wardrobe()[pick(name, wardrobe(), "garment")]
    corners = cloth.uv.double().numpy()[cloth.uv_faces.numpy()]
    left, bottom, right, top = BOXES[box]
    middle = corners.mean(1)
    inside = (
        np.abs(middle - [(left + right) / 2, (bottom + top) / 2]) < [(right - left) / 2, (top - bottom) / 2]
    ).all(1)
    own = np.flatnonzero(inside)
    face, weights = cover_texels(np.ascontiguousarray(corners[own] * [size, -size] + [0, size]), size)
    left, bottom, right, top = (round(edge * size) for edge in BOXES[box])
    window = slice(size - top, size - bottom), slice(left, right)
    if not len(own):
        none = np.zeros(0, int)
        return none, none, _Ground(np.zeros((0, 3)), np.zeros((0, 2)), none, none)
    face, weights = face[window], weights[window]
    near = nearest_covered(face >= 0)
    face, weights = own[face[near[0], near[1]].ravel()], weights[near[0], near[1]].reshape(-1, 3)
    triangle = cloth.faces.long().numpy()[face]
    row, column = np.mgrid[window]

    def under(values: NDArray) -> NDArray:
        return np.einsum("nk...,nk->n...", values[triangle], weights) * 1000

    ground = _Ground(
        under(cloth.points.numpy()),
        under(cloth.grain.numpy()),
        cloth.part.numpy()[face],
        cloth.colour.numpy()[face],
    )
    return row.ravel(), column.ravel(), ground
