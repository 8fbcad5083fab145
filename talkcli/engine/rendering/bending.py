"""A picture bent as a membrane over it moves, and what is drawn laid over it."""

from __future__ import annotations

import numpy as np

from talkcli.engine.compiled import fast, inlined
from talkcli.engine.rendering.point_rows import lay_pixel

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
def lay_over(picture, offsets, pitch, drawing, here, width, out):
    """Fill out [height * width * 3 + 1] with a bent picture and what is drawn over it; the last is scratch.

    picture [height * width, 4]: values 0..255, and how much of the drawing is shown there, 0..1, which bends
    along; offsets: see `trace_back`; drawing [height * width, 4]: bytes, and how much it covers, /255; here
    [columns, 2]: room for a row of offsets. Between two nodes all that changes along a row does so evenly.
    """
    height, columns = len(picture) // width, offsets.shape[1]
    right, low = np.float32(width - 1.001), np.float32(height - 1.001)
    for y in range(height):
        for j in range(columns):
            here[j, 0], here[j, 1] = offset_at(offsets, float(j), (y + 0.5) / pitch)
        begin = 0
        for j in range(columns - 1):
            end = width if j == columns - 2 else min(width, int((j + 1) * pitch + 0.5))
            dx, dy = (here[j + 1, 0] - here[j, 0]) / pitch, (here[j + 1, 1] - here[j, 1]) / pitch
            x0, y0 = here[j, 0] + dx * (0.5 - j * pitch), here[j, 1] + dy * (0.5 - j * pitch) + y
            for x in range(begin, end):
                along = np.float32(x)
                column = min(max(np.float32(x0) + along * np.float32(1 + dx), np.float32(0.0)), right)
                row = min(max(np.float32(y0) + along * np.float32(dy), np.float32(0.0)), low)
                i, k = np.int32(row), np.int32(column)
                above, fx, fy = np.int64(i) * width + k, column - np.float32(k), row - np.float32(i)
                lay_pixel(picture, above, above + width, fx, fy, drawing, np.int64(y) * width + x, out)
            begin = end
