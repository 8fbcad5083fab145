"""Pores and the fine furrows between them, finer than a look keeps: what breaks the gloss of skin near by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from talkcli.engine.face.look import Look
from talkcli.engine.face.topology import MATERIALS, Topology

_Floats = NDArray[np.float32]

PORED = 2048
"""Texels along a side of a look with pores: a fifth of a millimetre each on the built-in head."""

PIT, FURROW = 4.5, 1.6
"""How deep they are, in RELIEF_UNIT: 30 to 60 and 15 micrometres."""

OTHERWISE = "lips", "scalp"
"""Regions whose skin is creased, and painted with hair."""

PIT_BAND, FURROW_BAND = (1.1, 2.4), (1.6, 4.0)
"""Texels between which their noise lies: half a millimetre, and a whole one."""

OILY, OIL = 60, (0.5, 1.7)
"""Specular strength, /255, of skin with usual pores; how much deeper pores are at least and at most."""

SHINIER, PIT_SHINE, SMOOTHER = 0.3, 0.45, 12
"""Skin of which the relief is drawn reflects so much more than skin that is smoothed, less in pores; its
roughness, /255, is so much less."""


CREASED, UNDER_HAIR = 0.7, 0.3
"""How deep the folds of a look are beside how it draws them for small pictures; how glossy skin is
between hair."""


_NONE = torch.zeros(0, dtype=torch.long)


def pored(look: Look, topology: Topology, rooted: NDArray[np.integer], seed: int = 0) -> Look:
    """A look whose skin, but for OTHERWISE, has pores, the deeper the oilier it is, and softer folds; with
    less gloss where hair is `rooted`, between these vertices. Colours stay."""
    chance, named = np.random.default_rng(seed), [topology.regions.get(name, _NONE) for name in OTHERWISE]
    skin = _skin(topology, [region.numpy() for region in named])
    hairy = _skin(topology, []) - _skin(topology, [rooted])
    pits = np.clip(_banded(chance, *PIT_BAND) - 0.7, 0, 2)
    furrows = _banded(chance, *FURROW_BAND)
    gloss = np.stack([_sized(look.gloss[..., k].numpy().astype(np.float32)) for k in (0, 1)], -1)
    oil = _sized(gaussian_filter(look.gloss[..., 0].numpy().astype(np.float32), 4))
    depth = np.clip(oil / OILY, *OIL) * (PIT * pits + FURROW * np.abs(furrows))
    relief = _sized(look.relief.numpy().astype(np.float32)) * (1 - (1 - CREASED) * skin) - skin * depth
    gloss[..., 0] *= 1 + skin * (SHINIER - PIT_SHINE * np.clip(pits, 0, 1) + 0.12 * furrows)
    gloss[..., 0] *= 1 - (1 - UNDER_HAIR) * hairy
    gloss[..., 1] -= skin * SMOOTHER
    return replace(
        look,
        relief=torch.from_numpy(np.clip(np.rint(relief), -127, 127).astype(np.int8)),
        gloss=torch.from_numpy(np.clip(np.rint(gloss), 0, 255).astype(np.uint8)),
    )


def _banded(chance: np.random.Generator, fine: float, coarse: float) -> _Floats:
    """Noise [PORED, PORED] of deviation 1 between two sizes, texels."""
    noise = chance.standard_normal((PORED, PORED), np.float32)
    band = gaussian_filter(noise, fine) - gaussian_filter(noise, coarse)
    return band / band.std()


def _sized(image: NDArray[np.floating]) -> _Floats:
    return np.asarray(Image.fromarray(image).resize((PORED, PORED), Image.Resampling.BICUBIC))


def _skin(topology: Topology, without: list[NDArray[np.integer]]) -> _Floats:
    """[PORED, PORED] 1 where skin is that lies in none of these sets of vertices, with a soft border."""
    side = PORED // 4
    corners = topology.uv.numpy()[topology.uv_faces.numpy()] * [side, -side] + [0, side]
    skin = topology.materials.numpy() == MATERIALS.index("skin")
    other = np.zeros(int(topology.faces.max()) + 1, bool)
    faces, apart = topology.faces.numpy(), np.zeros(len(topology.faces), bool)
    for region in without:
        other[:] = False
        other[region] = True
        apart |= other[faces].all(1)
    page = Image.new("L", (side, side))
    pencil = ImageDraw.Draw(page)
    for some, value in ((skin & ~apart, 255), (skin & apart, 0)):
        for triangle in corners[some]:
            pencil.polygon([(x, y) for x, y in triangle], value)
    return _sized(gaussian_filter(np.asarray(page, np.float32) / 255, 2))
