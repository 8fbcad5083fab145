"""Loops round the mouth and the eyes, found by walking along the edges of FaceKit's polygons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scanned.source import MULTI_PIE, RANGES, Source

LIP_LOOPS, MOUTH_COLUMNS = 16, 74
"""Closed loops of as many vertices from the mouth's lining outwards; lips meet at SLIT."""

_SLIT = 8

LID_EDGE, LID_COLUMNS = 2, 42
"""The loop of a lid that lies on the eyeball, and its vertices."""

MARGINS, _PAIRS = 4, 17
"""Loops beyond the edge on which lids may touch, and the columns between the canthi."""

LID_LOOPS = 13
"""From the eye's lining outwards, over the margin (loop 4) to lid, crease and brow."""

FACE = RANGES["face"][1]


@dataclass(frozen=True)
class EyeLoops:
    edge: Index
    """[LID_COLUMNS] from the outer canthus over the upper lid to the inner one, 21, and back"""
    ring: Index
    """[FACE] how many edges each vertex lies from the eye's lining; -1 beyond LID_LOOPS"""
    over: Index
    """[MARGINS, PAIRS] loops beyond the edge, column by column from the outer canthus: of the upper lid"""
    under: Index
    """And of the lower one"""
    outer: Index
    """[MARGINS] the outer canthus's vertex of each of them"""
    columns: Array
    """[FACE, LID_COLUMNS] which columns of the edge each vertex stands over; all 0 beyond LID_LOOPS"""


def neighbours(source: Source) -> list[Index]:
    """Of every vertex, along the edges of the polygons: the diagonals of a fan of triangles are left out."""
    faces, count = source.faces, len(source.base)
    fan = source.polygons[:-1] == source.polygons[1:]
    diagonals = np.sort(faces[:-1][fan][:, [0, 2]], 1)
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    keys = np.unique(np.sort(sides, 1) @ [count, 1])
    edges = np.stack(np.divmod(np.setdiff1d(keys, diagonals @ [count, 1]), count), 1)
    both = np.concatenate([edges, edges[:, ::-1]])
    both = both[both[:, 0].argsort(kind="stable")]
    return np.split(both[:, 1], np.cumsum(np.bincount(both[:, 0], minlength=count))[:-1])


def rings(near: list[Index], lining: Iterable[int]) -> Index:
    """[FACE] how many edges each vertex of the face lies from the first that touches a lining."""
    inside = set(lining)
    front = [v for v in range(FACE) if not inside.isdisjoint(near[v].tolist())]
    steps = np.full(FACE, -1)
    steps[front] = 0
    step = 0
    while front:
        step += 1
        front = sorted({int(w) for v in front for w in near[v] if w < FACE and steps[w] < 0})
        steps[front] = step
    return steps


def mouth_loops(source: Source, near: list[Index]) -> Index:
    """[LIP_LOOPS, MOUTH_COLUMNS] from the left corner over the lower lip to the right corner, column 37, and
    back over the upper one."""
    ring = rings(near, range(*RANGES["cavity"]))
    start = MULTI_PIE[64]
    below = min((int(w) for w in near[start] if ring[w] == _SLIT), key=lambda w: source.base[w, 1])
    loop = _walk(near, np.flatnonzero(ring[:FACE] == _SLIT), start, below)
    loops = {_SLIT: loop}
    for number in (*range(_SLIT + 1, LIP_LOOPS), *range(_SLIT - 1, -1, -1)):
        before = loops[number - 1 if number > _SLIT else number + 1]
        loops[number] = [next(int(w) for w in near[v] if w < FACE and ring[w] == number) for v in before]
    return np.array([loops[number] for number in range(LIP_LOOPS)])


def eye_loops(source: Source, near: list[Index], side: str) -> EyeLoops:
    ring = rings(near, range(*RANGES[f"{side}_socket"]))
    ring[ring >= LID_LOOPS] = -1
    on_edge = np.flatnonzero(ring == LID_EDGE)
    outwards = 1 if side == "left" else -1
    start = int(on_edge[(source.base[on_edge, 0] * outwards).argmax()])
    above = max((int(w) for w in near[start] if w in on_edge), key=lambda w: source.base[w, 1])
    edge = np.array(_walk(near, on_edge, start, above))
    columns = np.zeros((FACE, LID_COLUMNS))
    columns[edge] = np.eye(LID_COLUMNS)
    for number in (*range(LID_EDGE - 1, -1, -1), *range(LID_EDGE + 1, LID_LOOPS)):
        before = number + 1 if number < LID_EDGE else number - 1
        for v in np.flatnonzero(ring == number):
            columns[v] = columns[[w for w in near[v] if w < FACE and ring[w] == before]].mean(0)
    over, under = (
        [_outwards(way * source.base[:, 1], near, ring, int(edge[way * (k + 1)])) for k in range(_PAIRS)]
        for way in (1, -1)
    )
    outer = _outwards(source.base[:, 0] * outwards, near, ring, int(edge[0]))
    return EyeLoops(edge, ring, np.array(over).T, np.array(under).T, np.array(outer), columns)


def _outwards(reach: Array, near: list[Index], ring: Index, start: int) -> list[int]:
    """From the edge of a lid over its margin, to the vertex that reaches furthest where there is a choice."""
    path = [start]
    for number in range(LID_EDGE + 1, LID_EDGE + 1 + MARGINS):
        further = [int(w) for w in near[path[-1]] if w < FACE and ring[w] == number]
        path.append(max(further, key=lambda w: reach[w]))
    return path[1:]


def _walk(near: list[Index], loop: Index, start: int, second: int) -> list[int]:
    """The vertices of a closed loop in order."""
    inside = set(loop.tolist())
    path = [start, second]
    while len(path) < len(inside):
        path.append(next(int(w) for w in near[path[-1]] if int(w) in inside and w != path[-2]))
    return path
