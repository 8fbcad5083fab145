"""Hair of a person: grown on their own neutral face, in a style and a colour."""

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
from talkcli.engine.studio.paint.pigment import to_srgb
from talkcli.engine.studio.scanned.hair.growth import down_of, grown
from talkcli.engine.studio.scanned.hair.roots import Roots, scattered, skull_of
from talkcli.engine.studio.scanned.hair.styles import HAIR_STYLES, PARTED, HairStyle
from talkcli.engine.studio.scanned.hair.tails import BAND, TAILS

ANCHORS = 160
"""Vertices of the skull whose motion hair follows."""

_SPREAD = 0.15
"""How much hairs differ in brightness, standard deviation of the logarithm."""

_BORDER = 14.0
"""mm over which hair grows from none to dense."""

DOWN, DOWN_LIGHTER = 0.22, 2.2
"""mm across hairs that never grow long, and how much lighter these are."""

_FAINT, SHINING = 7.0, np.array([0.014, 0.009, 0.006])
"""mm inside the hairline over which hair is so fine that skin shines through; what that adds to it."""


def hair_of(
    style: str, colour: Float[Tensor, " 3"], neutral: Float[Tensor, "verts 3"], seed: int = 0
) -> Worn:
    """Hair of one of HAIR_STYLES, of a colour in linear light (`pigment.hair_colour`), on a neutral face in
    metres. The same numbers give the same hair."""
    look, chance = HAIR_STYLES[pick(style, HAIR_STYLES, "hair style")], np.random.default_rng([seed, 101])
    skull = skull_of(neutral)
    part = look.part if look.way in PARTED else None
    roots = scattered(look.count, skull, chance, part) if look.count else None
    if roots is None:
        return _worn(style, np.zeros((0, 2, 3)), np.zeros(0, int), np.zeros(0), np.zeros((0, 3)))
    roots = roots[_kept(roots, look, chance)]
    lines, least = grown(roots, look, skull, chance), 0.2
    widths = (
        look.width * chance.uniform(0.75, 1.25, len(lines)) * np.clip(least + roots.inward / 20, least, 1)
    )
    carriers = roots.faces[np.arange(len(lines)), roots.shares.argmax(1)]
    colours = _colours(colour, roots, chance)
    if look.down:
        short, own = down_of(lines, roots, look, skull, chance)
        lines, widths = np.concatenate([lines, short]), np.concatenate([widths, np.full(len(own), DOWN)])
        carriers = np.concatenate([carriers, carriers[own]])
        colours = np.concatenate([colours, DOWN_LIGHTER * colours[own] + SHINING])
    if look.tail:
        near = skull.solid[skull.tree.query(np.array(look.pole))[1]]
        tied = TAILS[look.tail](look, skull.points[near] + BAND * skull.normals[near], chance)
        picks = chance.integers(0, len(lines), len(tied))
        lines, widths = (
            np.concatenate([lines, tied]),
            np.concatenate([widths, look.width + 0 * tied[:, 0, 0]]),
        )
        carriers = np.concatenate([carriers, np.full(len(tied), near)])
        colours = np.concatenate([colours, colours[picks]])
    return _worn(style, skull.back(lines), carriers, widths, colours)


def _kept(roots: Roots, style: HairStyle, chance: np.random.Generator) -> Index:
    """Which roots grow: none outside the hairline, ever more inside it; fewer where hair recedes."""
    places = roots.places
    inward = roots.inward + 2.2 * noise.octaves((places / 6).astype(np.float32), 2, 5)
    inward += 2.5 * noise.octaves((places / 22).astype(np.float32), 1, 6)
    ahead = np.clip((places[:, 2] - 20) / 50, 0, 1)
    temple = np.exp(-(((np.abs(places[:, 0]) - 42) / 20) ** 2)) * ahead
    inward = inward - style.recede * (0.45 * ahead + 1.1 * temple)
    sideburn = (places[:, 1] < 45) & (places[:, 2] > -12)
    keep = inward > chance.uniform(-0.1, 1.0, len(inward)) * np.where(sideburn, 0.5, 1.0) * _BORDER
    if style.recede:
        crown = np.exp(-((np.linalg.norm((places - [0, 128, -35]) / [30, 25, 38], axis=1)) ** 2))
        keep &= chance.random(len(inward)) > style.recede / 14 * (0.6 * crown + 0.3 * ahead)
    return np.flatnonzero(keep)


def _colours(colour: Tensor, roots: Roots, chance: np.random.Generator) -> Array:
    """[n, 3] linear: locks and hairs differ in brightness."""
    locks = 0.3 * noise.octaves((roots.places / 7).astype(np.float32), 2, 17)
    thin = np.clip(1 - roots.inward / _FAINT, 0, 1)[:, None]
    tone = np.exp(_SPREAD * chance.normal(size=len(roots.places)) + locks)[:, None]
    return colour.double().numpy() * tone * (1 + 0.4 * thin) + thin * SHINING


@functools.cache
def skull_anchors() -> Tensor:
    model = load_face_model()
    scalp = model.topology.regions["scalp"].long()
    above = scalp[model.template[scalp, 1] > 0.02]
    return above[:: max(1, len(above) // ANCHORS)]


def _worn(name: str, lines: Array, carriers: Index, widths: Array, colours: Array) -> Worn:
    """Strands from metres, mm across and linear colours."""
    count, nodes = lines.shape[:2]
    return Worn(
        name=name,
        kind="strands",
        points=torch.from_numpy(lines.reshape(-1, 3)).float(),
        carriers=torch.from_numpy(carriers.reshape(count, 1).astype(np.int32)),
        shares=torch.ones(count, 1),
        anchors=skull_anchors(),
        colour=torch.from_numpy(to_srgb(colours)),
        faces=torch.zeros(0, 3, dtype=torch.int32),
        nodes=nodes,
        widths=torch.from_numpy(widths / 1000).float(),
    )
