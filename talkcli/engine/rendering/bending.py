"""A picture bent as a head carries it: what the head moves by is known at its points and spread over the rest
like a membrane's, which is stiff where the person is and soft behind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu

from talkcli.engine.compiled import fast, inlined
from talkcli.engine.rendering.view import Places

HOLD = 300.0
"""How firmly the points of one cell hold it, of the stiffness between two cells behind the person."""

PINNED = 3000.0
"""The same of what is kept in its place."""

ROUNDS = 8
"""Of the search for where a node of the bent picture comes from; every round leaves a third at most."""


class Membrane:
    """Over a grid of nodes, `pitch` pixels apart from the picture's upper left corner on. Not for two threads
    at once.

    points [n, 2]: column and row, pixels, where displacements will be known; stiffness [rows, columns] of the
    nodes, 1 behind the person; pull [rows, columns]: how firmly each is kept in its place.
    """

    def __init__(
        self, points: Places, stiffness: NDArray[np.float64], pull: NDArray[np.float64], pitch: float
    ) -> None:
        rows, columns = stiffness.shape
        self.shape = rows, columns
        shares = _bilinear(points / pitch, self.shape)
        cell = np.floor(points / pitch).astype(int) @ [1, 1 << 20]
        _, which, counts = np.unique(cell, return_inverse=True, return_counts=True)
        self._gather = csr_matrix(shares.T @ diags(HOLD / counts[which]))
        system = self._gather @ shares + _springs(stiffness) + diags(pull.ravel())
        self._solve = splu(system.tocsc()).solve

    def spread(self, moves: Places) -> Places:
        """[rows, columns, 2] pixels that each node moves by where the points do by `moves` [n, 2]."""
        return self._solve(self._gather @ moves).reshape(*self.shape, 2)


def _bilinear(places: Places, shape: tuple[int, int]) -> csr_matrix:
    """[n, nodes] shares of the four nodes round each place, in units of the grid."""
    rows, columns = shape
    column, row = (np.clip(places[:, k], 0, (columns, rows)[k] - 1.001) for k in (0, 1))
    i, j = row.astype(int), column.astype(int)
    fi, fj = row - i, column - j
    nodes = [i * columns + j, i * columns + j + 1, (i + 1) * columns + j, (i + 1) * columns + j + 1]
    shares = [(1 - fi) * (1 - fj), (1 - fi) * fj, fi * (1 - fj), fi * fj]
    at = np.tile(np.arange(len(places)), 4)
    return csr_matrix((np.concatenate(shares), (at, np.concatenate(nodes))), (len(places), rows * columns))


def _springs(stiffness: NDArray[np.float64]) -> csr_matrix:
    """The Laplacian of a grid whose neighbours are joined as firmly as both are stiff on average."""
    count, number = stiffness.size, np.arange(stiffness.size).reshape(stiffness.shape)
    flat, system = stiffness.ravel(), csr_matrix((stiffness.size, stiffness.size))
    for one, other in ((number[1:], number[:-1]), (number[:, 1:], number[:, :-1])):
        a, b = one.ravel(), other.ravel()
        firm = (flat[a] + flat[b]) / 2
        values, at = np.concatenate([firm, firm, -firm, -firm]), np.concatenate([a, b, a, b])
        system = system + coo_matrix((values, (at, np.concatenate([a, b, b, a]))), (count, count))
    return csr_matrix(system)


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
