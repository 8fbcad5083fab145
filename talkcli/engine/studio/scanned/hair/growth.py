"""Strands: guides are grown out of the scalp, over the skin, step by step; the hairs between follow them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from talkcli.engine.studio import noise
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scanned.hair.combing import WAYS, height
from talkcli.engine.studio.scanned.hair.roots import Roots, Skull, unit_of
from talkcli.engine.studio.scanned.hair.styles import PARTED, HairStyle

_STEP, _LONGEST = 11.0, 40
"""mm that hair that falls grows at a time, and how many times."""

RISE = 14.0
"""mm over which hair that falls leaves the scalp."""

CLOSE = 1.2
"""mm over the skin that every point of hair stays, but for its root."""

_FACE, TEMPLE = (28.0, -112.0, 64.0), 61.0
"""mm: in front of the first, between the heights of the others, hair stays further from the middle than
TEMPLE: it hides no eye."""

SIDEBURN = 25.0
"""mm: hair of sides that is longer does not hang before the ears."""

OVER_PARTING = 4.5
"""mm beyond the parting, standard deviation, from which hairs come: fewer show a bare stripe."""

_DOWN_WITHIN, _DOWN_AHEAD, _DOWN_LENGTH = 10.0, 4.0, (5.0, 17.0)
"""mm: how far inside the hairline those hairs are beside which short ones grow, how far before them, and how
long these are."""

_MIDDLE = (0.0, 100.0, -30.0)
"""mm: the hairline of the face runs around it."""

SHOULDERS = -92.0
"""mm: below, hair lies over clothes."""


@dataclass(frozen=True)
class Floor:
    """What hair lies on: the skin, ears where they are covered, clothes."""

    skull: Skull
    covers: bool

    def height(self, points: Array) -> tuple[Array, Array]:
        """mm over it [n], and the way up [n, 3]."""
        skull = self.skull
        near = skull.solid[skull.tree.query(points, k=3)[1]]
        up = unit_of(skull.normals[near].mean(1))
        rise = ((points[:, None] - skull.points[near]) * skull.normals[near]).sum(2).mean(1)
        rise -= 12.0 * np.clip((SHOULDERS - points[:, 1]) / 40, 0, 1)
        if self.covers:
            for (middle, half), sign in zip(skull.ears, (1, -1), strict=True):
                axes = half * [1.0, 0.95, 1.05]
                ray = (points - middle) / axes
                far = np.linalg.norm(ray, axis=1)
                out = unit_of(ray / axes)
                over = (far - 1) * np.linalg.norm(points - middle, axis=1) / np.maximum(far, 1e-6)
                out = unit_of(np.abs(out) * [sign, 0, 0] + out * [0, 1, 1])
                ear = (over < rise) & (far < 2) & (sign * (points - middle)[:, 0] > -0.4 * half[0])
                rise, up = np.where(ear, over, rise), np.where(ear[:, None], out, up)
        return rise, up


def grown(roots: Roots, style: HairStyle, skull: Skull, chance: np.random.Generator) -> Array:
    """[n, nodes, 3] mm on the skull, from root to tip."""
    floor = Floor(skull, style.covers)
    sides = _sides(roots, style, chance)
    guide_roots = np.sort(chance.permutation(len(roots.places))[: style.locks])
    guides = _guides(roots[guide_roots], sides[guide_roots], style, floor, chance)
    lines, locks = _between(roots, sides, guide_roots, guides, style, chance)
    lines = _styled(lines, roots, locks, style, chance)
    return _lifted(lines, floor)


def down_of(
    lines: Array, roots: Roots, style: HairStyle, skull: Skull, chance: np.random.Generator
) -> tuple[Array, Index]:
    """[n, nodes, 3] mm on the skull: hairs before the hairline of the face that never grow long; and which of
    the hairs [lines, nodes, 3] they grow beside."""
    places, nodes = roots.places, lines.shape[1]
    edge = np.flatnonzero((roots.inward < _DOWN_WITHIN) & (places[:, 2] > 0) & (places[:, 1] > 20))
    own = np.sort(chance.choice(edge, style.down))
    length = chance.uniform(*_DOWN_LENGTH, (len(own), 1, 1))
    run = np.linalg.norm(np.diff(lines[own], axis=1), axis=2).mean(1)
    ends = np.clip(length[:, 0, 0] / np.maximum(run, 0.1), 0.2, nodes - 1.0)
    ahead, up = places[own] - _MIDDLE, roots.normals[own]
    ahead = unit_of(ahead - (ahead * up).sum(1, keepdims=True) * up)[:, None]
    t = np.linspace(0, 1, nodes)[None, :, None]
    short = _resampled(lines[own], ends, nodes) + chance.uniform(0, _DOWN_AHEAD, length.shape) * ahead
    short += length * (0.22 * chance.normal(size=(len(own), 1, 3)) * t**1.5 + 0.12 * up[:, None] * t)
    return _lifted(short, Floor(skull, style.covers)), own


def _sides(roots: Roots, style: HairStyle, chance: np.random.Generator) -> Array:
    """[n] the side of the parting: a line that wanders a little, over which hairs of either side fall."""
    wander = 1.6 * np.sin(roots.places[:, 2] / 7.0) + chance.normal(size=len(roots.places)) * OVER_PARTING
    level = np.clip((roots.places[:, 1] - 40) / 60, 0, 1)
    return np.where(roots.places[:, 0] > style.part * level + wander, 1.0, -1.0)


def _lengths(roots: Roots, style: HairStyle) -> Array:
    top = height(roots.places, 50, 95)[:, 0]
    length = style.side + (style.top - style.side) * top
    sideburn = (roots.places[:, 1] < 45) & (roots.places[:, 2] > -12)
    return length * np.clip(0.35 + roots.inward / np.where(sideburn, 30, 18), 0.35, 1)


def _guides(roots: Roots, sides: Array, style: HairStyle, floor: Floor, chance: np.random.Generator) -> Array:
    """[g, nodes, 3]"""
    places, count = roots.places, len(roots.places)
    cut_heights = _cuts(roots, style, chance)
    falls = style.end is not None
    steps = _LONGEST if falls else 9
    length = np.full(count, _STEP * steps) if falls else _lengths(roots, style)
    top = height(places, 30, 112)[:, 0]
    own = style.volume * (style.sides + (1 - style.sides) * top) * chance.uniform(0.55, 1.0, count) + 0.8
    lock = _field(places, 17.0, 31)
    line = [places - 0.7 * roots.normals]
    stand = (
        style.stand * (0.7 * style.sides + (1 - 0.7 * style.sides) * top) * chance.uniform(0.75, 1.2, count)
    )
    stand = stand * (1 - 0.6 * _beside_parting(places, style, 26.0))
    way = _combed(places, sides, style)
    way = np.where(cut_heights[:, None] > 0, _forward(places), way) if style.fringe is not None else way
    way = unit_of(way + style.messy * lock)
    way = unit_of(way - (way * roots.normals).sum(1, keepdims=True) * roots.normals)
    for step in range(steps):
        t = step / steps
        here = line[-1]
        rise, up = floor.height(here)
        flow = _combed(here, sides, style) + style.messy * lock * (1 - t)
        flow = np.where(cut_heights[:, None] > 0, _forward(here), flow) if style.fringe is not None else flow
        if falls:
            free = np.clip((20 - here[:, 1:2]) / 60, 0, 1)
            flow = flow * (1 - free) + free * _hanging(here)
        flow = unit_of(
            flow - (flow * up).sum(1, keepdims=True) * up * np.clip((here[:, 1:2] + 15) / 40, 0, 1)
        )
        lean = (stand * ((1 - t) ** 1.2 if not falls else np.exp(-step * _STEP / RISE)))[:, None]
        way = unit_of(0.55 * way + 0.75 * flow) if falls else unit_of(0.35 * way + flow)
        there = here + unit_of(way * (1 - 0.5 * np.clip(lean, 0, 1)) + lean * up) * (length / steps)[:, None]
        ramp = min(1.0, (step + 1.0) / (4 if falls else 3))
        rise, up = floor.height(there)
        up = np.where(there[:, 1:2] < SHOULDERS, unit_of(up * [0.25, 0.2, 1.0]), up)
        least = CLOSE + own * ramp * _valley(there, style)
        push = np.maximum(least - rise, 0)
        if falls or style.stand < 0.5:
            lies = np.clip((there[:, 1] - 0) / 50, 0, 1) if falls else 1.0
            push = push - 0.5 * lies * np.clip(rise - least - 1.0, 0, 12)
        there = _off_the_face(there + up * push[:, None], cut_heights)
        way = unit_of(there - here)
        line.append(there)
    lines = np.stack(line, 1)
    if style.way == "gathered":
        return _resampled(lines, _reaching(lines, np.array(style.pole), 9.0), style.nodes)
    ends = np.full(count, steps, float) if not falls else _falling_to(lines, cut_heights)
    return _resampled(lines, ends, style.nodes)


def _combed(places: Array, sides: Array, style: HairStyle) -> Array:
    """[n, 3] the way of the style; short hair before the ears grows down."""
    way = WAYS[style.way](places, sides, style)
    if style.end is not None or style.side > SIDEBURN:
        return way
    down = np.clip((48 - places[:, 1:2]) / 14, 0, 1) * np.clip((places[:, 2:] + 14) / 8, 0, 1)
    return way * (1 - down) + down * np.array([0.0, -1.0, -0.1])


def _forward(here: Array) -> Array:
    """Over the forehead, fanned a little."""
    return unit_of(np.stack([0.004 * here[:, 0], np.full(len(here), -0.35), np.ones(len(here))], 1))


def _hanging(here: Array) -> Array:
    """Down, in towards the neck below the jaw; over the shoulders to the front or behind."""
    x, y, z = here.T[..., None]
    inward = np.clip((-35 - y) / 40, 0, 1) * np.clip((np.abs(x) - 40) / 30, 0, 1)
    aside = (
        np.clip((-70 - y) / 40, 0, 1) * np.where(z > -22, 0.55, -0.45) * np.clip((60 - np.abs(z)) / 30, 0, 1)
    )
    return np.concatenate([-0.25 * np.sign(x) * inward, np.full_like(x, -1.0), aside], 1)


def _valley(points: Array, style: HairStyle) -> Array:
    """[n] how much of its volume hair has: little along the parting."""
    return 1 - 0.9 * _beside_parting(points, style, 75.0) ** 2


def _beside_parting(points: Array, style: HairStyle, reach: float) -> Array:
    """[n] 1 at the parting of hair that has one .. 0 so many mm from it, and below the crown."""
    if style.way not in PARTED:
        return np.zeros(len(points))
    level = np.clip((points[:, 1] - 55) / 40, 0, 1)
    return level * (1 - np.clip(np.abs(points[:, 0] - style.part) / reach, 0, 1))


def _cuts(roots: Roots, style: HairStyle, chance: np.random.Generator) -> Array:
    """[n] the height, mm, at which hair that falls is cut."""
    end = -1e3 if style.end is None else style.end
    heights = end + style.layers * np.abs(chance.normal(size=len(roots.places)))
    if style.fringe is not None:
        over = _fringed(roots.places, style)
        heights[over] = style.fringe - 0.006 * np.maximum(np.abs(roots.places[over, 0]) - 22, 0) ** 2
    return heights


def _fringed(places: Array, style: HairStyle) -> NDArray[np.bool_]:
    """Which roots are of a fringe."""
    x, y, z = places.T
    within = (np.abs(x) < 50) & (z > 4) & (y > 60)
    return within if style.fringe is not None else np.zeros(len(places), bool)


def _off_the_face(points: Array, cut: Array) -> Array:
    """Hair that falls beside the face stays beside it; a fringe ends above the eyes."""
    near, low, high = _FACE
    x, y, z = points.T
    inside = (z > near) & (y > low) & (y < high) & (cut < 30)
    share = np.clip((high - y) / 14, 0, 1) * np.clip((z - near) / 10, 0, 1) * inside
    wide = np.maximum(np.abs(x), TEMPLE)
    out = points.copy()
    out[:, 0] = np.where(x < 0, -1, 1) * (np.abs(x) * (1 - share) + wide * share)
    return out


def _falling_to(lines: Array, cut: Array) -> Array:
    """[n] the step, with its fraction, at which a line first falls below its cut."""
    y = lines[..., 1]
    below = y < cut[:, None]
    below[:, -1] = True
    first = np.maximum(below.argmax(1), 1)
    rows = np.arange(len(lines))
    high, low = y[rows, first - 1], y[rows, first]
    return first - 1 + np.clip((high - cut) / np.maximum(high - low, 1e-6), 0.05, 1)


def _reaching(lines: Array, goal: Array, near: float) -> Array:
    """[n] the step at which a line comes near a goal, or nearest to it."""
    far = np.linalg.norm(lines - goal, axis=2)
    close = far < near
    first = np.where(close.any(1), close.argmax(1), far.argmin(1))
    return np.maximum(first, 2).astype(float)


def _resampled(lines: Array, ends: Array, nodes: int) -> Array:
    """Lines [n, s, 3] up to a step [n], in as many even parts."""
    at = np.linspace(0, 1, nodes)[None] * ends[:, None]
    low = np.minimum(at.astype(int), lines.shape[1] - 2)
    share = (at - low)[..., None]
    rows = np.arange(len(lines))[:, None]
    return lines[rows, low] * (1 - share) + lines[rows, low + 1] * share


def _field(places: Array, size: float, seed: int) -> Array:
    """[n, 3] about -1..1, smooth over so many mm."""
    points = (places / size).astype(np.float32)
    return np.stack([noise.octaves(points, 2, seed + k) for k in range(3)], 1).astype(np.float64)


def _between(
    roots: Roots, sides: Array, chosen: Index, guides: Array, style: HairStyle, chance: np.random.Generator
) -> tuple[Array, Index]:
    """Hairs from the three nearest guides of their side of the parting, towards the tip from the nearest; and
    which that is, [n]: hairs of one lock."""
    apart = 60.0 if style.way in PARTED else 0.0
    level = np.clip((roots.places[:, 1] - 40) / 50, 0, 1)
    fringed = 80.0 * _fringed(roots.places, style)
    key = np.concatenate(
        [roots.places, (apart * sides * level * (fringed == 0))[:, None], fringed[:, None]], 1
    )
    far, near = (np.asarray(answer) for answer in KDTree(key[chosen]).query(key, k=3))
    weight = 1 / (far + 1.5) ** 2
    weight /= weight.sum(1, keepdims=True)
    count, nodes = len(roots.places), style.nodes
    t = np.linspace(0, 1, nodes)
    longer = 1 + style.ragged * chance.normal(size=count).clip(-1.6, 1.2) - 0.6 * style.ragged
    part = guides - guides[:, :1]
    shapes = np.einsum("nk,nksc->nsc", weight, part[near])
    base = roots.places - 0.7 * roots.normals
    spread = base[:, None] + shapes
    meet = guides[near[:, 0]] + (base - guides[near[:, 0], 0])[:, None] * (1 - 0.75 * t**0.8)[None, :, None]
    lock = (style.lock * t**1.3)[None, :, None]
    lines = spread * (1 - lock) + meet * lock
    return _resampled(lines, np.clip(longer, 0.4, 1.0) * (nodes - 1), nodes), near[:, 0]


def _styled(lines: Array, roots: Roots, locks: Index, style: HairStyle, chance: np.random.Generator) -> Array:
    """Waves of locks, coils, and hairs that fly."""
    count = len(lines)
    run = np.concatenate(
        [np.zeros((count, 1)), np.cumsum(np.linalg.norm(np.diff(lines, axis=1), axis=2), 1)], 1
    )
    along = unit_of(np.gradient(lines, axis=1))
    out = lines - np.array([0.0, 20.0, -10.0])
    out = unit_of(out - (out * along).sum(2, keepdims=True) * along)
    side = np.cross(along, out)
    t = run / np.maximum(run[:, -1:], 1e-6)
    jitter = chance.normal(size=(count, 2)) * 0.035 * np.minimum(run[:, -1:], 60)
    fly = chance.random(count) < style.loose
    jitter *= np.where(fly, 2.6, 1.0)[:, None]
    lines = (
        lines
        + side * (jitter[:, :1] * t)[..., None]
        + out * (np.abs(jitter[:, 1:]) * t * fly[:, None])[..., None]
    )
    if style.wave:
        lock = _field(roots.places, 24.0, 71)
        phase = (
            2.2 * lock[:, :1] + 0.3 * chance.normal(size=(count, 1)) - 2 * np.pi * lines[..., 1] / style.pitch
        )
        grow = style.wave * np.clip((run - 40) / 90, 0, 1) * (0.8 + 0.3 * lock[:, 1:2])
        lines = lines + side * (0.7 * grow * np.sin(phase))[..., None]
        lines = lines + out * (0.45 * grow * (1 + np.cos(phase)))[..., None]
    if style.coil:
        own = chance.random((2, locks.max() + 1))[
            :, locks if style.end is not None else np.arange(count) % (locks.max() + 1)
        ]
        turn = 2 * np.pi * run / style.pitch * (0.8 + 0.45 * own[0])[:, None] + 2 * np.pi * own[1][:, None]
        turn = turn + 0.16 * chance.normal(size=(count, 1))
        size = style.coil * np.clip(run / 18, 0, 1) * chance.uniform(0.85, 1.1, (count, 1))
        lines = (
            lines + side * (size * np.cos(turn))[..., None] + out * (size * (0.6 + np.sin(turn)))[..., None]
        )
    return lines


def _lifted(lines: Array, floor: Floor) -> Array:
    """No point but the root lies in the skin, nor in an ear that is covered."""
    count, nodes = lines.shape[:2]
    flat = lines[:, 1:].reshape(-1, 3)
    rise, up = floor.height(flat)
    near = np.flatnonzero(rise < CLOSE)
    flat[near] += up[near] * (CLOSE - rise[near])[:, None]
    for _ in range(4):
        rise, up = Floor(floor.skull, False).height(flat[near])
        flat[near] += up * np.maximum(CLOSE - rise, 0)[:, None]
    out = lines.copy()
    out[:, 1:] = flat.reshape(count, nodes - 1, 3)
    return out
