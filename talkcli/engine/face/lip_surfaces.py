"""Lips as two surfaces of triangles: where one has come through the other, both give way until they part."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from talkcli.engine.compiled import exact

_ROUNDS = 12

_STILL = 1e-7
"""Metres: lips that are nearer than this to where they belong are there."""

_BEND = 2
"""Columns from a corner, of both lips together, over which lips grow apart to their full distance."""

_BINS = 64


def part_lips(lips: Float[NDArray, "frames rings columns 3"], corner: int, air: float) -> None:
    """In place: every vertex of one lip at least `air` metres above, or below, the triangles of the other.

    Vertical distances; columns 0 and `corner` are the corners, those between them the upper lip.
    """
    frames, rings, columns, _ = lips.shape
    count = rings * columns
    _part(
        lips.reshape(frames, count, 3),
        rings,
        columns,
        corner,
        air,
        np.empty((2, count)),
        np.empty(_BINS + 1, np.int64),
        np.empty(2 * count, np.int64),
    )


@exact
def _part(frames, rings, columns, corner, air, push, starts, order):
    for points in frames:
        for _ in range(_ROUNDS):
            push[:] = 0.0
            deepest = 0.0
            for upper in range(2):
                deepest = max(
                    deepest, _against(points, rings, columns, corner, air, upper, push, starts, order)
                )
            if deepest < _STILL:
                break
            for v in range(rings * columns):
                points[v, 1] += push[0, v] - push[1, v]


@exact
def _against(points, rings, columns, corner, air, upper, push, starts, order):
    """Pushes [up or down, vertices] of the vertices of one lip, sorted by x, and of the other's triangles."""
    first, last = (0, corner) if upper else (corner, columns)
    low, high = points[0, 0], points[0, 0]
    for v in range(rings * columns):
        low, high = min(low, points[v, 0]), max(high, points[v, 0])
    scale = _BINS / (high - low + 1e-9)
    starts[:] = 0
    for ring in range(rings):
        for k in range(first, last + 1):
            v = ring * columns + k % columns
            starts[min(int((points[v, 0] - low) * scale), _BINS - 1) + 1] += 1
    for b in range(_BINS):
        starts[b + 1] += starts[b]
    for ring in range(rings):
        for k in range(first, last + 1):
            v = ring * columns + k % columns
            b = min(int((points[v, 0] - low) * scale), _BINS - 1)
            starts[b] += 1
            order[starts[b] - 1] = v
    for b in range(_BINS, 0, -1):
        starts[b] = starts[b - 1]
    starts[0] = 0
    deepest = 0.0
    sign = 1.0 if upper else -1.0
    begin, end = (corner - 1, columns + 1) if upper else (-1, corner + 1)
    for ring in range(rings - 1):
        for at in range(begin, end):
            k = at % columns
            a, b = ring * columns + k, ring * columns + (k + 1) % columns
            for half in range(2):
                p, q, r = (a, b, b + columns) if half else (a, b + columns, a + columns)
                ax, az = points[p, 0], points[p, 2]
                bx, bz = points[q, 0] - ax, points[q, 2] - az
                cx, cz = points[r, 0] - ax, points[r, 2] - az
                area = bx * cz - cx * bz
                if abs(area) < 1e-12:
                    continue
                west, east = ax + min(0.0, bx, cx), ax + max(0.0, bx, cx)
                back, front = az + min(0.0, bz, cz), az + max(0.0, bz, cz)
                most = max(points[p, 1], points[q, 1], points[r, 1])
                least = min(points[p, 1], points[q, 1], points[r, 1])
                left = max(0, int((west - low) * scale))
                right = min(_BINS - 1, int((east - low) * scale))
                for place in range(starts[left], starts[right + 1]):
                    v = order[place]
                    if (upper and points[v, 1] > most + air) or (not upper and points[v, 1] < least - air):
                        continue
                    if points[v, 2] < back or points[v, 2] > front:
                        continue
                    x, z = points[v, 0] - ax, points[v, 2] - az
                    second, third = (x * cz - cx * z) / area, (bx * z - x * bz) / area
                    one = 1.0 - second - third
                    if second < 0.0 or third < 0.0 or one < 0.0:
                        continue
                    column = v % columns
                    off = min(abs(column - corner), column, columns - column) + min(
                        abs(k - corner), k, columns - k, abs(k + 1 - corner), columns - k - 1
                    )
                    height = one * points[p, 1] + second * points[q, 1] + third * points[r, 1]
                    depth = air * min(1.0, off / _BEND) - sign * (points[v, 1] - height)
                    if depth <= 0.0 or off < 2:
                        continue
                    deepest = max(deepest, depth)
                    mine, theirs = (0, 1) if upper else (1, 0)
                    push[mine, v] = max(push[mine, v], depth / 2)
                    whole = depth / 2 / (one * one + second * second + third * third)
                    push[theirs, p] = max(push[theirs, p], whole * one)
                    push[theirs, q] = max(push[theirs, q], whole * second)
                    push[theirs, r] = max(push[theirs, r], whole * third)
    return deepest
