"""Beards: short strands out of chin, cheeks and upper lip, each carried by the skin that it grows from."""

from __future__ import annotations

import functools

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.errors import pick
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.worn import Worn
from talkcli.engine.studio import noise
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint.pigment import to_srgb
from talkcli.engine.studio.scanned.hair.beard_styles import (
    BEARD_STYLES,
    BeardStyle,
    beard_density,
    under_the_nose,
)
from talkcli.engine.studio.scanned.hair.growth import Floor
from talkcli.engine.studio.scanned.hair.roots import Roots, Skull, rooted, skull_of, unit_of
from talkcli.engine.studio.scanned.looks import read_fields
from talkcli.engine.studio.scanned.source import SKIN_VERTS

NODES, _STEPS = 4, 3

WIDTH = 0.30
"""mm across a ribbon."""

_CONTRAST = 0.35
"""How much hairs differ in brightness, standard deviation of the logarithm."""

LIP = 4.5
"""mm that hairs right above the lip are long; they hide no mouth."""


SHORTER = 1.5
"""How much denser hair grows above the lip, where it is short and covers little."""


@functools.cache
def _chart() -> tuple[Index, Array, Array, Array]:
    """Faces [f, 3] of the face; places [n, 3] mm on the painters' head; how far off the lips [n], 1 at
    their border; and whether on the upper lip's side."""
    fields, model = read_fields(), load_face_model()
    faces = model.topology.faces.long().numpy()
    faces = faces[(faces < SKIN_VERTS).all(1)]
    places = fields.places[:SKIN_VERTS].double().numpy() * 1000
    faces = faces[(places[faces][..., 2].mean(1) > -10) & (places[faces][..., 1].mean(1) < 15)]
    rings = fields.rings[:SKIN_VERTS].double().numpy()
    return faces, places, rings[:, 0], rings[:, 2]


def beard_of(
    style: str, colour: Float[Tensor, " 3"], neutral: Float[Tensor, "verts 3"], seed: int = 0
) -> Worn:
    """A beard of one of BEARD_STYLES, of a colour in linear light, on a neutral face in metres."""
    look, chance = BEARD_STYLES[pick(style, BEARD_STYLES, "beard")], np.random.default_rng([seed, 103])
    skull = skull_of(neutral)
    roots, places, lips, upper = _roots(look, skull, chance)
    lines = _grown(roots, places, lips, upper, look, skull, chance)
    count = len(lines)
    tone = np.exp(
        _CONTRAST * chance.normal(size=count) + 0.12 * noise.octaves((places / 7).astype(np.float32), 2, 19)
    )
    edge = np.clip(beard_density(places, lips, upper, look) * 1.3, 0.4, 1)
    return Worn(
        name=style,
        kind="strands",
        points=torch.from_numpy(skull.back(lines).reshape(-1, 3)).float(),
        carriers=torch.from_numpy(roots.faces.astype(np.int32)),
        shares=torch.from_numpy(roots.shares).float(),
        anchors=torch.zeros(0, dtype=torch.int32),
        colour=torch.from_numpy(to_srgb(colour.double().numpy() * tone[:, None])),
        faces=torch.zeros(0, 3, dtype=torch.int32),
        nodes=NODES,
        widths=torch.from_numpy(WIDTH * edge * chance.uniform(0.75, 1.25, count) / 1000).float(),
    )


def _roots(style: BeardStyle, skull: Skull, chance: np.random.Generator) -> tuple[Roots, Array, Array, Array]:
    """Roots, and what the chart knows of each."""
    faces, places, lips, upper = _chart()
    p = load_face_model().template.double().numpy()[faces] * 1000
    area = np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1)
    middles, off, above = places[faces].mean(1), lips[faces].mean(1), upper[faces].mean(1)
    density = area * beard_density(middles, off, above, style)
    density *= 1 + SHORTER * under_the_nose(np.abs(middles[:, 0]), off, above)
    picked = chance.choice(len(faces), style.count, p=density / density.sum())
    roots = rooted(faces[picked], chance.dirichlet((1, 1, 1), style.count), lips, skull)

    def blended(values: Array) -> Array:
        return np.einsum("nk...,nk->n...", values[roots.faces], roots.shares)

    return roots, blended(places), blended(lips), blended(upper)


def _grown(
    roots: Roots, places: Array, lips: Array, upper: Array, style: BeardStyle, skull: Skull,
    chance: np.random.Generator,
) -> Array:  # fmt: skip
    """[n, NODES, 3] mm on the skull: down, aside on the cheeks and under the nose."""
    count, side = len(places), np.sign(places[:, 0])
    x, y = np.abs(places[:, 0]), places[:, 1]
    lip = (under_the_nose(x, lips, upper) & (x < 26) & (y > -52))[:, None]
    chin = np.clip((-48 - y) / 25, 0, 1) * smooth(x, 42, 18)
    length = style.cheek + (style.chin - style.cheek) * chin
    ends = LIP + (style.moustache - LIP) * np.clip(x / 22, 0, 1) * np.clip((lips - 1.0) / 0.6, 0.25, 1)
    length = np.where(lip[:, 0], ends, length) * chance.uniform(0.65, 1.1, count)
    length = length * np.clip(0.4 + beard_density(places, lips, upper, style), 0.4, 1)
    zero, one = np.zeros(count), np.ones(count)
    down = np.stack([0.35 * side * smooth(x, 4, 40) * (1 - chin), -one, 0.35 * chin], 1)
    aside = np.stack([side * (0.35 + 0.65 * np.clip(x / 10, 0, 1)), -0.62 * one, zero], 1)
    lock = np.stack([noise.octaves((places / 8).astype(np.float32), 2, 41 + k) for k in range(3)], 1)
    way = unit_of(np.where(lip, aside, down) + 0.35 * lock + 0.22 * chance.normal(size=(count, 3)))
    floor = Floor(skull, False)
    line = [roots.places - 0.4 * roots.normals]
    up = roots.normals
    lean = np.where(lip[:, 0], 0.22, 0.34 + 0.25 * chin) * chance.uniform(0.6, 1.4, count)
    for step in range(_STEPS):
        flat = unit_of(way - (way * up).sum(1, keepdims=True) * up)
        there = (
            line[-1] + unit_of(flat + (lean * (1 - step / _STEPS))[:, None] * up) * (length / _STEPS)[:, None]
        )
        rise, up = floor.height(there)
        line.append(there + up * np.maximum(0.4 - rise, 0)[:, None])
    return np.stack(line, 1)
