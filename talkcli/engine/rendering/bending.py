"""A picture bent as a membrane over it moves, and what is drawn laid over it."""

from __future__ import annotations

import numpy as np

from talkcli.engine.compiled import fast, inlined

ROUNDS = 8
"""Of the search for where a node of the bent picture comes from; every round leaves a third at most."""


@inlined
def offset_at(grid, x, y):
    """Of a grid [rows, columns, 2] at a place in its own units; beyond its border as there."""
    x = min(max(x, 0.0), grid.shape[1] - 1.001)
    y = min(max(y, 0.0), grid.shape[0] - 1.001)
    j, i = int(x), int(y)
    fx, fy = x - j, y - i
    a, b, c, d = (1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy
    return (
        a * grid[i, j, 0] + b * grid[i, j + 1, 0] + c * grid[i + 1, j, 0] + d * grid[i + 1, j + 1, 0],
        a * grid[i, j, 1] + b * grid[i, j + 1, 1] + c * grid[i + 1, j, 1] + d * grid[i + 1, j + 1, 1],
    )


@fast
def trace_back(moves, pitch, offsets):
    """Fill offsets [rows, columns, 2], pixels: from each node to what comes there when nodes have `moves`."""
    for i in range(moves.shape[0]):
        for j in range(moves.shape[1]):
            dx, dy = 0.0, 0.0
            for _ in range(ROUNDS):
                mx, my = offset_at(moves, j + dx / pitch, i + dy / pitch)
                dx, dy = -mx, -my
            offsets[i, j, 0], offsets[i, j, 1] = dx, dy


@fast
def lay_over(picture, offsets, pitch, drawing, here, out):
    """Fill out [height, width, 3] with a bent picture and what is drawn over it.

    picture [height, width, 4]: values 0..255, and how much of the drawing is shown there, 0..1, which bends
    along; offsets: see `trace_back`; drawing [height, width, 4]: bytes, and how much it covers, /255; here
    [columns, 2]: room for a row of offsets.
    """
    height, width, columns = picture.shape[0], picture.shape[1], offsets.shape[1]
    for y in range(height):
        for j in range(columns):
            here[j, 0], here[j, 1] = offset_at(offsets, float(j), (y + 0.5) / pitch)
        for x in range(width):
            at = min(np.float32((x + 0.5) / pitch), np.float32(columns - 1.001))
            j = int(at)
            fx = at - np.float32(j)
            dx = here[j, 0] + fx * (here[j + 1, 0] - here[j, 0])
            dy = here[j, 1] + fx * (here[j + 1, 1] - here[j, 1])
            column = min(max(np.float32(x) + dx, np.float32(0.0)), np.float32(width - 1.001))
            row = min(max(np.float32(y) + dy, np.float32(0.0)), np.float32(height - 1.001))
            j, i = int(column), int(row)
            fx, fy = column - np.float32(j), row - np.float32(i)
            both = fx * fy
            a, b, c, d = 1.0 - fx - fy + both, fx - both, fy - both, both
            upper, lower = picture[i], picture[i + 1]
            share = a * upper[j, 3] + b * upper[j + 1, 3] + c * lower[j, 3] + d * lower[j + 1, 3]
            share *= drawing[y, x, 3] * np.float32(1 / 255)
            for k in range(3):
                value = a * upper[j, k] + b * upper[j + 1, k] + c * lower[j, k] + d * lower[j + 1, k]
                out[y, x, k] = int(value + share * (drawing[y, x, k] - value) + np.float32(0.5))
