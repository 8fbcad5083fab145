"""Brows and lashes as hairs of their own, in place of painted ones and of blades that stand for several."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkcli.engine.face.look import Look
from talkcli.engine.face.topology import MATERIALS, Topology, landmark_points
from talkcli.engine.face.worn import Worn
from talkcli.engine.rendering.colours import srgb_of
from talkcli.engine.rendering.lashes import BLADE, lash_colours, looked_up

_Floats = NDArray[np.float64]

LASH_POINTS, HAIR_POINTS = 7, 6

UPPER_LASH, LOWER_LASH, LASH_WIDTHS, LASHES_OF = 0.0098, 0.0046, (0.0002, 0.00013), 3
"""Metres long and, upper and lower, wide; upper ones of each of the rig's blades."""

LOWER_BLADE = 0.0035
"""Metres up to which the rig's blades are those of lower lids."""

LASH_LEAVES, LASH_TURNS = -0.25, (1.35, -0.75)
"""Radians: over the horizon, at which lashes leave the lid; which upper and lower ones turn up to the tip."""

LASH_FAN, HALF_EYE = 0.55, 0.013
"""How far lashes point aside at an eye's corners, of how far ahead; metres from its middle."""

LASH_DARK = 0.6
"""How bright one lash is beside a blade that shows skin between several."""

BROW_MARKS = slice(17, 22), slice(22, 27)
"""Of the right and left brow in iBUG's 68 points."""

NEAR_BROW, BROW_DENSITY, TRIED = 0.012, 1.0e6, 20_000
"""Metres from them within which brows are painted; hairs a square metre where they are densest; places that
are tried."""

BROW_WIDTH, BROW_BRIGHTER = 0.00011, 0.25
"""Metres; quantile of what is painted of brows that is their hairs' colour."""

HARDLY_PAINTED, WHOLLY_PAINTED = 0.22, 0.72
"""Share of the skin's light that a painted brow lacks where no hair stands yet, and where all do."""

_ALONG, _LIFTS = (0, 0.08, 0.22, 0.5, 0.75, 1.0), (1.35, 1.1, 0.72, 0.30, 0.0, -0.40)
"""How far along the brow, from the nose, and the radians by which hairs rise there."""

_AT, _LENGTHS = (0, 0.2, 0.5, 0.8, 1.0), (0.0048, 0.0070, 0.0076, 0.0064, 0.0042)
"""The same, and metres of their length."""

HALF_BROW = 0.003
"""Metres from the middle of a brow to its edges, where hairs are combed together."""

HEM, RISING = 0.00012, (0.00022, 0.0004)
"""Metres over the skin at which hairs of brows begin, and how much higher their middle is, at least and by
chance."""


def lash_hairs(vertices: NDArray[np.float32], topology: Topology, look: Look) -> Worn | None:
    """Lashes where a rig [V, 3] has blades, which they hide: they leave the lid ahead and curl away from the
    eye, each carried by its blade, so that they shut with the lid. None without blades."""
    if "lashes" not in topology.regions:
        return None
    chance = np.random.default_rng(1)
    own, colours = lash_colours(vertices, topology, look)
    blades, number = vertices[own].astype(np.float64).reshape(-1, BLADE, 3), own.reshape(-1, BLADE)
    roots = blades[:, :2].mean(1)
    upper = np.linalg.norm(blades[:, -1] - roots, axis=1) > LOWER_BLADE
    blade = np.repeat(np.arange(len(blades)), np.where(upper, LASHES_OF, 1))
    place = np.arange(len(blade)) - np.searchsorted(blade, blade)
    up, count = upper[blade], len(blade)
    beside = (place / LASHES_OF + chance.uniform(-0.5, 0.5, count))[:, None]
    root = roots[blade] + beside * (blades[blade, 1] - blades[blade, 0])
    outside = np.abs(root[:, 0]) - np.abs(roots[:, 0]).mean()
    fan = LASH_FAN * np.sign(root[:, 0]) * outside / HALF_EYE + 0.12 * chance.standard_normal(count)
    ahead = _unit(np.stack([fan, np.zeros(count), np.full(count, 0.9)], 1))
    length = np.where(up, UPPER_LASH, LOWER_LASH) * chance.uniform(0.62, 1.05, count)
    length *= 1 - 0.25 * np.clip(-outside / HALF_EYE, 0, 1)
    t = np.linspace(0, 1, LASH_POINTS)
    angle = (LASH_LEAVES + 0.1 * chance.standard_normal(count))[:, None]
    angle = angle + (np.where(up, *LASH_TURNS) + 0.12 * chance.standard_normal(count))[:, None] * t
    ways = np.cos(angle)[..., None] * ahead[:, None] + np.sin(angle)[..., None] * np.array([0.0, 1.0, 0.0])
    along = np.interp(t, [0, 0.35, 1], [0, 1, 2])
    low = np.minimum(along.astype(int), 1)
    stations = number[:, [0, 2, 4]][blade]
    carriers = np.stack([stations[:, low], stations[:, low + 1]], -1).reshape(-1, 2)
    shares = np.tile(np.stack([1 - (along - low), along - low], -1), (count, 1))
    colour = LASH_DARK * colours.reshape(-1, BLADE, 3)[blade, 0]
    wide = np.where(up, *LASH_WIDTHS) * chance.uniform(0.8, 1.2, count)
    hides = (topology.materials == MATERIALS.index("lash")).nonzero()[:, 0]
    return _hairs("lashes", topology, _runs(root, ways, length), carriers, shares, colour, wide, hides)


class _Patch(NamedTuple):
    """Places of one brow's hairs."""

    face: NDArray[np.int64]
    mix: _Floats
    """[n, 3] where in it"""
    root: _Floats
    normal: _Floats
    colour: _Floats
    """[3] linear, of its hairs"""


def brow_hairs(vertices: NDArray[np.float32], topology: Topology, look: Look) -> Worn | None:
    """Hairs where a look has painted brows, which stay as the shadow beneath; None where it has none, or the
    rig no landmarks."""
    if "ibug68" not in topology.landmarks:
        return None
    chance, places = np.random.default_rng(2), vertices.astype(np.float64)
    marks = landmark_points(torch.from_numpy(places), topology, "ibug68").numpy()
    patches = [_patch(places, marks[part], topology, look, chance) for part in BROW_MARKS]
    lines, carriers, shares, colours = [], [], [], []
    for patch in (patch for patch in patches if len(patch.root)):
        lines.append(_combed(patch, chance))
        carriers.append(topology.faces.numpy()[patch.face])
        shares.append(patch.mix)
        colours.append(patch.colour * np.exp(0.25 * chance.standard_normal(len(patch.root)))[:, None])
    if not lines:
        return None
    count = sum(map(len, lines))
    return _hairs(
        "brows", topology, np.concatenate(lines), np.concatenate(carriers), np.concatenate(shares),
        np.concatenate(colours), BROW_WIDTH * chance.uniform(0.75, 1.25, count),
    )  # fmt: skip


def _patch(
    places: _Floats, marks: _Floats, topology: Topology, look: Look, chance: np.random.Generator
) -> _Patch:
    """Where hairs stand: even chances on the skin near a brow's marks, by how dark it is painted there."""
    faces, skin = topology.faces.numpy(), topology.materials.numpy() == MATERIALS.index("skin")
    at = np.linspace(0, len(marks) - 1, 40)
    line = np.stack([np.interp(at, np.arange(len(marks)), marks[:, k]) for k in range(3)], 1)
    away = np.linalg.norm(places[faces].mean(1)[:, None] - line, axis=2).min(1)
    own = np.flatnonzero((away < NEAR_BROW) & skin)
    a, b, c = places[faces[own]].transpose(1, 0, 2)
    across = np.cross(b - a, c - a)
    area = np.linalg.norm(across, axis=1)
    face = chance.choice(len(own), TRIED, p=area / area.sum())
    mix = chance.dirichlet([1, 1, 1], TRIED)
    uv = topology.uv.numpy()[topology.uv_faces.numpy()[own[face]]]
    seen = looked_up(look, (mix[..., None] * uv).sum(1).astype(np.float32)).astype(np.float64)
    light = seen @ np.array([0.2126, 0.7152, 0.0722])
    lacking = 1 - light / np.quantile(light, 0.8)
    likely = np.clip((lacking - HARDLY_PAINTED) / (WHOLLY_PAINTED - HARDLY_PAINTED), 0, 1)
    most = int(BROW_DENSITY * likely.mean() * area.sum() / 2)
    stands = np.flatnonzero(chance.random(TRIED) < likely)[:most]
    dark = seen[likely > 0.6]
    colour = np.quantile(dark, BROW_BRIGHTER, axis=0) if len(dark) else np.zeros(3)
    root = (mix[stands][..., None] * places[faces[own[face[stands]]]]).sum(1)
    return _Patch(own[face[stands]], mix[stands], root, _unit(across)[face[stands]], colour)


def _combed(patch: _Patch, chance: np.random.Generator) -> _Floats:
    """[n, HAIR_POINTS, 3] hairs that stand up beside the nose and lie down outwards, the upper edge combed
    down, the lower one up."""
    root, count, t = patch.root, len(patch.root), np.linspace(0, 1, HAIR_POINTS)
    x = np.abs(root[:, 0])
    first, last = np.quantile(x, [0.02, 0.98])
    along = np.clip((x - first) / (last - first), 0, 1)
    middle = np.polynomial.Polynomial.fit(x, root[:, 1], 4)(x)
    lift = np.interp(along, _ALONG, _LIFTS) - 0.45 * np.clip((root[:, 1] - middle) / HALF_BROW, -1.2, 1.2)
    lift += 0.16 * chance.standard_normal(count)
    bend = -0.35 * np.clip(lift, -1, 1) + 0.1 * chance.standard_normal(count)
    angle = lift[:, None] + bend[:, None] * t
    ways = np.stack([np.sign(root[:, :1]) * np.cos(angle), np.sin(angle), np.zeros_like(angle)], -1)
    normal = patch.normal[:, None]
    ways = _unit(ways - (ways * normal).sum(2, keepdims=True) * normal)
    length = np.interp(along, _AT, _LENGTHS) * chance.uniform(0.55, 1.1, count)
    off = HEM + (RISING[0] + RISING[1] * chance.random(count))[:, None] * np.sin(0.8 * np.pi * t)
    return _runs(root, ways, length) + off[..., None] * normal


def _runs(root: _Floats, ways: _Floats, length: _Floats) -> _Floats:
    """[n, points, 3] lines of these lengths from roots [n, 3] along unit ways [n, points, 3]."""
    steps = ways[:, :-1] * (length / (ways.shape[1] - 1))[:, None, None]
    return root[:, None] + np.concatenate([np.zeros_like(steps[:, :1]), np.cumsum(steps, 1)], 1)


def _hairs(
    name: str, topology: Topology, lines: _Floats, carriers: NDArray[np.integer], shares: _Floats,
    colour: NDArray[np.floating], widths: _Floats, hides: Tensor | None = None,
) -> Worn:  # fmt: skip
    skull = topology.regions.get("scalp", torch.zeros(0, dtype=torch.long))
    tint = np.clip(srgb_of(colour.astype(np.float32)) + 0.5, 0, 255)
    return Worn(
        name=name, kind="strands", points=torch.from_numpy(lines.reshape(-1, 3)).float(),
        carriers=torch.from_numpy(carriers), shares=torch.from_numpy(shares).float(), anchors=skull,
        colour=torch.from_numpy(tint.astype(np.uint8)), faces=torch.zeros(0, 3, dtype=torch.long),
        nodes=lines.shape[1], widths=torch.from_numpy(widths).float(), hides=hides,
    )  # fmt: skip


def _unit(vectors: _Floats) -> _Floats:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
