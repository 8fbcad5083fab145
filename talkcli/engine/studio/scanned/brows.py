"""Brows as hairs: a breath of shadow, fine hairs, and fewer thick ones over them that read from afar."""

from __future__ import annotations

import numpy as np

from talkcli.engine.studio import noise
from talkcli.engine.studio.paint.canvas import Canvas
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.paint.paint import Paint, Region
from talkcli.engine.studio.paint.painted_hair import brow_profile, lay
from talkcli.engine.studio.paint.pigment import hair_colour
from talkcli.engine.studio.paint.strands import grow, scatter

LAYERS = ((3.4, 0.085, 0.9, 0.25), (1.25, 0.15, 1.0, 0.35))
"""Hairs a square millimetre, their width in mm, how long they are, and how much they differ in brightness."""

_ALONG, _LIFT = (0, 0.08, 0.22, 0.5, 0.75, 1.0), (1.45, 1.15, 0.72, 0.30, 0.0, -0.40)
"""How far along the brow, from the nose, and the radians by which hairs rise there."""

_PLACES, LENGTHS = (8, 16, 30, 42, 50), (4.0, 6.6, 7.4, 6.2, 3.8)
"""mm from the midline, and how long hairs are there."""


def paint_brows(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """Hairs stand up beside the nose and lie down outwards, the upper edge combed down, the lower one up."""
    chance = np.random.default_rng([person.seed, 61])
    skin = Region.of(canvas, canvas.within("skin"))
    inside, across, along = brow_profile(skin, person)
    ragged = 1 + 0.45 * noise.octaves(skin.position / 2.2, 2, person.seed + 63)
    inside = np.clip(inside * ragged, 0, 1.2) * np.interp(along, [0, 0.12, 0.3, 1], [0.35, 0.75, 1.0, 0.9])
    side = np.sign(skin.position[:, 0])
    lift = np.interp(along, _ALONG, _LIFT) - 0.5 * np.clip(across, -1.2, 1.2)
    lift = lift + 0.15 * noise.octaves(skin.position / 4, 2, person.seed + 62)
    flow = np.zeros_like(canvas.position)
    flow[skin.texels] = np.stack([side * np.cos(lift), np.sin(lift), 0 * lift], 1)
    grey = person.hair_grey
    dark = min(1.0, 0.85 * person.hair_eumelanin + 0.2) * (1 - 0.2 * grey)
    colour = hair_colour(dark, 0.75 * person.hair_pheomelanin, 0.55 * grey)
    shadow = np.zeros(len(canvas.texels), np.float32)
    shadow[skin.texels] = inside * (0.17 + 0.18 * person.brow_density) * (1 - 0.4 * grey)
    lay(paint, canvas, shadow, np.ones_like(shadow), colour * 0.8 + 0.015, 0.0)
    for dense, width, reach, contrast in LAYERS:
        density = np.zeros(len(canvas.texels), np.float32)
        density[skin.texels] = dense * (0.45 + 0.9 * person.brow_density) * inside
        roots = scatter(canvas, density, chance)
        place = np.abs(canvas.position[roots, 0])
        length = reach * np.interp(place, _PLACES, LENGTHS) * chance.uniform(0.55, 1.15, len(roots))
        length *= 0.85 + 0.3 * person.male
        cover, shade = grow(
            canvas, roots, flow, length, width, chance, canvas.within("skin"), 0.16, 0.35, contrast
        )
        lay(paint, canvas, cover * 0.95, shade, colour, 0.15)
