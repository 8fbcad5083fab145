"""Dressing: what an avatar wears as the renderer carries it: arrays made once, a kernel for every frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from talkcli.engine.compiled import fast
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.worn import WORN_KINDS, Worn
from talkcli.engine.rendering.strands import Ribbons, ribbons_of
from talkcli.engine.rendering.textures import linear

_Floats = NDArray[np.float32]


class Dressing(NamedTuple):
    """Of M vertices that are worn: first those of meshes, then those of ribbons of hair."""

    neutral: _Floats
    """[V, 3] the bare head that wears them, metres"""
    rest: _Floats
    """[M, 3] metres on it"""
    normals: _Floats
    """[M, 3] of ribbons, as hair is lit; meshes get theirs in every frame"""
    ways: _Floats
    """[M, 3] along the hair, unit; 0 on meshes"""
    row: NDArray[np.int32]
    """[M] which row of carriers"""
    thing: NDArray[np.int32]
    """[rows] which thing each row belongs to"""
    carriers: NDArray[np.int32]
    """[rows, k] vertices of the head"""
    shares: _Floats
    """[rows, k]"""
    anchors: NDArray[np.int64]
    starts: NDArray[np.int64]
    """[things + 1] where each thing's anchors begin"""
    meshes: int
    """How many of the M are of meshes"""


class DrawnDressing(NamedTuple):
    """A dressing, and its faces as they are drawn."""

    dressing: Dressing
    names: tuple[str, ...]
    """Of its things, in their order"""
    faces: NDArray[np.int64]
    """[F, 3] into the M vertices; those of meshes first"""
    uv: _Floats
    """[F, 3, 2], origin bottom left"""
    kinds: NDArray[np.int64]
    """[F] of WORN_KINDS"""
    hair: _Floats
    """[F, 3, 3] see `strands.WHICH`"""
    gloss: _Floats
    """[F, 2] strength and roughness; below 0 where the look says it"""
    colours: _Floats
    """[M, 3] linear"""
    mesh_faces: int


AREA = 0.04
"""Square metres of ribbons that are enough for hair in a small picture."""

MOST_LEFT_OUT = 4
"""Of how many strands at least one is drawn."""


def drawn_every(worn: Worn, coarseness: float) -> int:
    """Of how many strands one is drawn: of all at a coarseness of 0; at 1 the fewer, the more lie over each
    other."""
    if worn.widths is None or not len(worn.widths):
        return 1
    lines = worn.points.view(-1, worn.nodes, 3)
    length = (lines[:, 1:] - lines[:, :-1]).norm(dim=2).sum(1)
    area = float((length * worn.widths).sum())
    return min(max(1, round(coarseness * (area / AREA) ** 0.5)), MOST_LEFT_OUT)


def wardrobe_of(avatar: Avatar, coarseness: float) -> DrawnDressing:
    """Hair in fewer and wider ribbons the coarser, see `drawn_every`."""
    things = [worn for worn in avatar.worn if len(worn.points)]
    things.sort(key=lambda worn: worn.kind == "strands")
    neutral = avatar.neutral.numpy().astype(np.float32)
    pieces = [_drawn(worn, neutral, drawn_every(worn, coarseness), coarseness >= 1) for worn in things]
    width = max([worn.carriers.shape[1] for worn in things], default=1)
    firsts = np.cumsum([0, *(len(part.rest) for part in pieces)])
    rows = np.cumsum([0, *(len(worn.carriers) for worn in things)])
    counts = [len(part.faces) for part in pieces]
    solid = sum(worn.kind != "strands" for worn in things)

    def joined(values: list[NDArray], shape: tuple[int, ...], kind: type) -> NDArray:
        return np.concatenate([np.zeros((0, *shape), kind), *values]).astype(kind)

    def padded(values: torch.Tensor) -> NDArray:
        return np.pad(values.numpy(), ((0, 0), (0, width - values.shape[1])))

    dressing = Dressing(
        neutral,
        joined([part.rest for part in pieces], (3,), np.float32),
        joined([part.normals for part in pieces], (3,), np.float32),
        joined([part.ways for part in pieces], (3,), np.float32),
        joined([part.row + first for part, first in zip(pieces, rows, strict=False)], (), np.int32),
        joined([np.full(len(worn.carriers), i) for i, worn in enumerate(things)], (), np.int32),
        joined([padded(worn.carriers) for worn in things], (width,), np.int32),
        joined([padded(worn.shares) for worn in things], (width,), np.float32),
        joined([worn.anchors.numpy() for worn in things], (), np.int64),
        np.cumsum([0, *(len(worn.anchors) for worn in things)]).astype(np.int64),
        int(firsts[solid]),
    )
    kinds = [np.full(count, WORN_KINDS.index(w.kind)) for w, count in zip(things, counts, strict=True)]
    return DrawnDressing(
        dressing,
        tuple(worn.name for worn in things),
        joined([part.faces + first for part, first in zip(pieces, firsts, strict=False)], (3,), np.int64),
        joined([part.uv for part in pieces], (3, 2), np.float32),
        joined(kinds, (), np.int64),
        joined([part.hair for part in pieces], (3, 3), np.float32),
        joined([part.gloss for part in pieces], (2,), np.float32),
        joined([part.colours for part in pieces], (3,), np.float32),
        sum(counts[:solid]),
    )


class _Drawn(NamedTuple):
    rest: NDArray
    normals: NDArray
    ways: NDArray
    row: NDArray
    faces: NDArray
    uv: NDArray
    hair: NDArray
    gloss: NDArray
    colours: NDArray


def _drawn(worn: Worn, neutral: _Floats, every: int, small: bool) -> _Drawn:
    """One thing with its vertices numbered from 0; `row` of its own carriers."""
    count = len(worn.points)
    colours = linear(worn.colour.numpy())
    if worn.kind == "strands":  # each stands for those behind it that are left out
        colours = np.mean([np.roll(colours, -number, 0) for number in range(every)], 0)
    colours = colours.repeat(count // max(1, len(worn.colour)), 0)
    row = np.arange(len(worn.carriers)).repeat(count // len(worn.carriers))
    if worn.kind == "strands":
        ribbons: Ribbons = ribbons_of(worn, neutral, every, small)
        at = ribbons.point
        faces, uv, hair = ribbons.faces, np.zeros((len(ribbons.faces), 3, 2)), ribbons.hair
        rest, normals, ways = ribbons.vertices, ribbons.normals, ribbons.ways
        colours, row = colours[at] * ribbons.shade[:, None], row[at]
    else:
        faces, rest = worn.faces.numpy(), worn.points.numpy()
        uv = np.zeros((len(faces), 3, 2)) if worn.uv is None else worn.uv.numpy()
        hair, normals, ways = np.zeros((len(faces), 3, 3)), np.zeros_like(rest), np.zeros_like(rest)
    gloss = np.full((len(faces), 2), -1.0 if worn.uv is not None else worn.gloss)
    return _Drawn(rest, normals, ways, row, faces, uv, hair, gloss, colours)


def carried(
    dressing: Dressing, head: _Floats, drift: _Floats, vertices: _Floats, normals: _Floats, ways: _Floats
) -> tuple[_Floats, _Floats]:
    """Set the last M of vertices, and of the normals and ways of hair, to where a head [V, 3] carries them.

    `drift` [rows, 3] is scratch. The same as `worn_vertices`. Returns how each thing turns [things, 3, 3] and
    shifts [things, 3].
    """
    starts = dressing.starts
    turns, shifts = np.empty((len(starts) - 1, 3, 3), np.float32), np.empty((len(starts) - 1, 3), np.float32)
    for thing in range(len(turns)):
        own = dressing.anchors[starts[thing] : starts[thing + 1]]
        turns[thing], shifts[thing] = _rigid(dressing.neutral[own], head[own])
    beyond = np.empty((len(turns), *head.shape), np.float32)
    carry(dressing, head, turns, shifts, beyond, drift, vertices, normals, ways)
    return turns, shifts


def _rigid(before: _Floats, after: _Floats) -> tuple[NDArray, NDArray]:
    """As `rigid_motion` finds them for one frame."""
    if not len(before):
        return np.eye(3), np.zeros(3)
    first, then = before.astype(np.float64), after.astype(np.float64)
    middle, centre = first.mean(0), then.mean(0)
    u, _, v = np.linalg.svd((then - centre).T @ (first - middle))
    turn = u * np.array([1.0, 1.0, np.sign(np.linalg.det(u @ v))]) @ v
    return turn, centre - turn @ middle


@fast
def carry(dressing, head, turns, shifts, beyond, drift, vertices, normals, ways):
    carriers, shares, neutral = dressing.carriers, dressing.shares, dressing.neutral
    for thing in range(len(turns)):
        turn, shift = turns[thing], shifts[thing]
        for v in range(len(head)):
            x, y, z = neutral[v, 0], neutral[v, 1], neutral[v, 2]
            for axis in range(3):
                still = turn[axis, 0] * x + turn[axis, 1] * y + turn[axis, 2] * z + shift[axis]
                beyond[thing, v, axis] = head[v, axis] - still
    for r in range(len(carriers)):
        thing = dressing.thing[r]
        x, y, z = shifts[thing, 0], shifts[thing, 1], shifts[thing, 2]
        for k in range(carriers.shape[1]):
            share, v = shares[r, k], carriers[r, k]
            x += share * beyond[thing, v, 0]
            y += share * beyond[thing, v, 1]
            z += share * beyond[thing, v, 2]
        drift[r, 0], drift[r, 1], drift[r, 2] = x, y, z
    first = len(head)
    for i in range(len(dressing.rest)):
        r = dressing.row[i]
        turn = turns[dressing.thing[r]]
        for axis in range(3):
            a, b, c = turn[axis, 0], turn[axis, 1], turn[axis, 2]
            p, n, w = dressing.rest[i], dressing.normals[i], dressing.ways[i]
            vertices[first + i, axis] = a * p[0] + b * p[1] + c * p[2] + drift[r, axis]
            normals[first + i, axis] = a * n[0] + b * n[1] + c * n[2]
            ways[first + i, axis] = a * w[0] + b * w[1] + c * w[2]
