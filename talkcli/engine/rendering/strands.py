"""Hair strand by strand: ribbons of hair thin out strand by strand towards their ends."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.compiled import exact, inlined
from talkcli.engine.face.worn import Worn
from talkcli.engine.rendering.rasterize import LANES, SHEER, edge, meets, root

STRAND = 0.00042
"""Metres across a strand: about as fine as a sample of a picture of 512 pixels can show."""

_FAR, MOST = np.float32(1e-6), np.float32(1 << 24)
"""Bounds of nearness and of strands' numbers: samples tested beside a face may be anywhere."""

WHICH, TO_END, CONTRAST = 0, 1, 2
"""Of a corner of a face: which strand; how far the ribbon's end is, 1 where it begins to thin; how plainly
one strand's shade differs from the next's, 1 where all strands are drawn."""

FINE_HAIR = 0.5
"""Of the median width: what is less is a hairline's."""

WIDER = 0.8
"""Power of how many times fewer strands are drawn, by which each is wider."""

CALMER = 0.35
"""Power of how many times fewer strands are drawn, by which their shades differ less."""

TIP = 0.028
"""Metres before its end at which a ribbon begins to thin, at most half of it."""

SPROUTING, SPROUTED = 0.016, 0.15
"""Metres from its root within which all strands of a hairline's ribbon have begun, at most a third of it;
how many begin there, of BODY."""

WHOLE, BODY = 1.16, 1.3
"""How far from a sheet's end all of its strands are there; how far a ribbon's body is."""

SLIM = ((0.0, 0.25, 0.7, 1.0), (0.75, 1.0, 0.9, 0.35))
"""Along a ribbon, and how wide it is there."""

SHORTEST = 0.003
"""Metres of a strand's piece, on average, that are three pixels of a small picture."""

FINE_RIBBON = 2 * STRAND
"""Metres across ribbons that are too fine for a small picture to show how their strands end."""

POINTED = ((0.0, 0.25, 0.65, 1.0), (0.75, 1.0, 0.92, 0.14))
"""The same of the wider ones of a coarse picture, which end as one."""

ROLL = 0.22
"""Radians that ribbons turn about themselves, standard deviation."""

DARK_ROOTS = ((0.0, 0.012, 0.045), (0.78, 0.86, 1.0))
"""Metres from the root, and how bright hair is there."""

BENDS = 0.45
"""Radians from one piece of a strand to the next, on average, above which no point is left out."""


class Ribbons(NamedTuple):
    """Ribbons laid along strands: two vertices for each point that is drawn."""

    vertices: NDArray[np.float64]
    normals: NDArray[np.float64]
    ways: NDArray[np.float64]
    point: NDArray[np.int64]
    """[M] which point of the strands each vertex stands beside"""
    faces: NDArray[np.int64]
    hair: NDArray[np.float64]
    """[F, 3, 3] see WHICH"""
    shade: NDArray[np.float64]
    """[M] how bright"""


def ribbons_of(worn: Worn, neutral: NDArray[np.float32], every: int, small: bool = False) -> Ribbons:
    """Every so many strands as ribbons that face away from the middle of the head; where some are left out,
    the fine ones of a hairline are, which would be scratches on a forehead when they are drawn wider. In
    a `small` picture two pieces that are SHORTEST are drawn as one, and fine ribbons end as one."""
    assert worn.widths is not None
    widths = worn.widths.double().numpy()
    least = FINE_HAIR * np.median(widths) if every > 1 else 0.0
    rows = np.flatnonzero(widths >= least)[::every]
    lines = worn.points.double().numpy().reshape(-1, worn.nodes, 3)[rows]
    nodes = _nodes(lines, every, small)
    lines = lines[:, nodes]
    count, length = lines.shape[:2]
    steps = np.linalg.norm(np.diff(lines, axis=1), axis=2)
    run = np.concatenate([np.zeros((count, 1)), np.cumsum(steps, 1)], 1)
    whole = np.maximum(run[:, -1:], 1e-6)
    t = run / whole
    ways = _unit(np.gradient(lines, axis=1))
    side, outward = across_of(lines, neutral)
    angle = ROLL * np.sqrt(12) * (chances(rows, 3) - 0.5)[:, None, None]
    side = np.cos(angle) * side + np.sin(angle) * outward
    pointed = every > 1 or (small and np.median(widths) < FINE_RIBBON)
    fine = np.minimum(widths[rows, None] / np.median(widths), 1)
    width = widths[rows, None] * every ** (WIDER * fine) * np.interp(t, *(POINTED if pointed else SLIM))
    vertices = lines[:, :, None] + side[:, :, None] * (width / 2)[..., None, None] * np.array([[-1.0], [1.0]])
    a = (np.arange(count)[:, None] * length + np.arange(length - 1)) * 2
    faces = np.stack([np.stack([a, a + 1, a + 2], -1), np.stack([a + 1, a + 3, a + 2], -1)], 2).reshape(-1, 3)
    number = np.ceil(width.max(1) / STRAND)
    first = 50 + np.concatenate([[0], np.cumsum(number + 8)[:-1]])
    which = np.stack([first, first + number], 1)[:, None].repeat(length, 1)
    tip = np.minimum(TIP / whole, 0.5)
    begun = np.minimum(SPROUTED + (1 - SPROUTED) * run / np.minimum(SPROUTING, whole / 3), 1)
    begun = np.where(widths[rows, None] < FINE_HAIR * np.median(widths), begun, 1.0)
    left = BODY * (np.ones_like(t) if pointed else np.minimum((1 - t) / tip, begun))[..., None].repeat(2, 2)
    hair = np.stack([which, left, np.full_like(left, every**-CALMER)], -1).reshape(-1, 3)[faces]
    lit = np.interp(run, *DARK_ROOTS)[..., None].repeat(2, 2)
    point = (rows[:, None] * worn.nodes + nodes)[..., None].repeat(2, 2)

    def twice(values: NDArray) -> NDArray:
        return values[:, :, None].repeat(2, 2).reshape(-1, 3)

    return Ribbons(
        vertices.reshape(-1, 3), twice(outward), twice(ways), point.ravel(), faces, hair, lit.ravel()
    )


def across_of(lines: NDArray, neutral: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
    """Unit vectors [..., 3] across lines [n, nodes, 3] along the head's surface, and away from its middle."""
    ways = _unit(np.gradient(lines, axis=1))
    outward = lines - _middle(neutral, lines)
    outward = _unit(outward - (outward * ways).sum(2, keepdims=True) * ways)
    return np.cross(ways, outward), outward


def _nodes(lines: NDArray, every: int, small: bool) -> NDArray[np.int64]:
    """Which points of the strands are drawn: every other one where the pieces are short, or where fewer
    strands are and they hardly bend."""
    nodes, steps = np.arange(lines.shape[1]), np.diff(lines, axis=1)
    short = small and len(nodes) > 3 and np.linalg.norm(steps, axis=2).mean() <= SHORTEST
    if not short:
        if every == 1 or len(nodes) < 6:
            return nodes
        ways = _unit(steps)
        bend = np.arccos(np.clip((ways[:, 1:] * ways[:, :-1]).sum(2), -1, 1)).mean()
        if bend > BENDS:
            return nodes
    return np.unique(np.append(nodes[::2], nodes[-1]))


def _middle(neutral: NDArray[np.float32], points: NDArray) -> NDArray:
    """For points [..., 3] the nearest of an upright line in the middle of a head, from its neck to where its
    crown is round."""
    low, high = neutral.min(0), neutral.max(0)
    x, z = float(low[0] + high[0]) / 2, float(np.median(neutral[:, 2]))
    top = high[1] - 0.095
    y = np.clip(points[..., 1], low[1], top)
    return np.stack([np.full_like(y, x), y, np.full_like(y, min(z, high[2] - 0.1))], -1)


def chances(numbers: NDArray[np.integer], kind: int) -> NDArray[np.float64]:
    """An even share 0..1 of each whole number's own, another for each kind."""
    x = (numbers.astype(np.uint64) * np.uint64(7) + np.uint64(kind)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return ((x ^ (x >> np.uint64(29))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _unit(vectors: NDArray) -> NDArray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


@inlined
def chance(number):
    """An even share 0..1 of a whole number's own."""
    x = np.uint32(np.uint32(number) * np.uint32(0x9E3779B1))
    x = np.uint32((x ^ (x >> np.uint32(15))) * np.uint32(0x85EBCA6B))
    return np.float32(np.int32(x >> np.uint32(8))) * np.float32(2.0**-24)


@inlined
def wave(across):
    """A soft line through the chances of neighbouring whole numbers."""
    number = np.int32(across)
    share = across - np.float32(number)
    share = share * share * (3.0 - 2.0 * share)
    return chance(number) * (1.0 - share) + chance(number + 1) * share


@inlined
def shows(across, left):
    """Whether hair covers a point of a sheet that thins out: every strand comes to a point of its own, near
    those of its neighbours."""
    number = np.int32(across)
    aside = abs(across - np.float32(number) - 0.5)
    return left > 0.3 * wave(across * 0.25) + 0.5 * chance(number + 7919) + 0.36 * aside


@inlined
def shade(across, plain):
    """How bright a strand is, with its neighbours."""
    return 1.0 + plain * (0.34 * wave(across * 0.27) + 0.2 * chance(np.int32(across)) - 0.27)


@exact
def rasterize_sheer(snapped, nearness, faces, sides, strands, order, top, ids, depth):
    """Add to what `rasterize` saw the strands of sheer faces that are nearer."""
    rows, width = ids.shape[0], ids.shape[1] - LANES
    for number in range(len(order)):
        f = order[number]
        if sides[f] != SHEER:
            continue
        b, c = 1, 2
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        if nearness[i] <= 0 or nearness[j] <= 0 or nearness[k] <= 0:
            continue
        ax, ay = snapped[i, 0], snapped[i, 1]
        bx, by = snapped[j, 0], snapped[j, 1]
        cx, cy = snapped[k, 0], snapped[k, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        if area < 0:
            bx, by, cx, cy, j, k, b, c, area = cx, cy, bx, by, k, j, c, b, -area
        na, nb, nc = nearness[i], nearness[j], nearness[k]
        x0, x1 = max(0, (min(ax, bx, cx) + 127) >> 8), min(width - 1, (max(ax, bx, cx) - 128) >> 8)
        y0, y1 = max(top, (min(ay, by, cy) + 127) >> 8), min(top + rows - 1, (max(ay, by, cy) - 128) >> 8)
        if x0 > x1 or y0 > y1:
            continue
        px, py = x0 * 256 + 128, y0 * 256 + 128
        ea, ea_x, ea_y = edge(bx, by, cx, cy, px, py)
        eb, eb_x, eb_y = edge(cx, cy, ax, ay, px, py)
        ec, ec_x, ec_y = edge(ax, ay, bx, by, px, py)
        na, nb, nc = na / area, nb / area, nc / area
        ua, ub, uc = (
            na * strands[f, 0, WHICH],
            nb * strands[f, b, WHICH],
            nc * strands[f, c, WHICH],
        )
        va, vb, vc = (
            na * strands[f, 0, TO_END],
            nb * strands[f, b, TO_END],
            nc * strands[f, c, TO_END],
        )
        near_x = np.float32(ea_x * na + eb_x * nb + ec_x * nc)
        across_x = np.float32(ea_x * ua + eb_x * ub + ec_x * uc)
        left_x = np.float32(ea_x * va + eb_x * vb + ec_x * vc)
        mine, last = np.int32(f), x1 - x0
        root_a, root_b, root_c = root(ea_x), root(eb_x), root(ec_x)
        for y in range(y0, y1 + 1):
            low, high = meets(ea, ea_x, root_a, *meets(eb, eb_x, root_b, *meets(ec, ec_x, root_c, 0, last)))
            nearest, owner = depth[y - top, x0:], ids[y - top, x0:]
            near_0 = np.float32(ea * na + eb * nb + ec * nc)
            across_0 = np.float32(ea * ua + eb * ub + ec * uc)
            left_0 = np.float32(ea * va + eb * vb + ec * vc)
            for first in range(low, high + 1, LANES):
                wins_any = False
                for i in range(first, first + LANES):
                    at = np.uint64(i)
                    near = near_0 + near_x * np.float32(i)
                    wins_any |= near > nearest[at]
                if not wins_any:
                    continue
                for i in range(first, first + LANES):
                    at, step = np.uint64(i), np.float32(i)
                    near = near_0 + near_x * step
                    whole = np.float32(1.0) / max(near, _FAR)
                    across = min(max((across_0 + across_x * step) * whole, np.float32(0.0)), MOST)
                    wins = (((ea + i * ea_x) | (eb + i * eb_x) | (ec + i * ec_x)) >= 0) & (near > nearest[at])
                    wins &= shows(across, (left_0 + left_x * step) * whole)
                    nearest[at] = near if wins else nearest[at]
                    owner[at] = mine if wins else owner[at]
            ea, eb, ec = ea + ea_y, eb + eb_y, ec + ec_y
