"""What a head moves a picture by, known at its points and spread over the rest like a membrane's, which is
stiff where the person is and soft behind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu

from talkcli.engine.rendering.view import Places

HOLD = 300.0
"""How firmly the points of one cell hold it, of the stiffness between two cells behind the person."""

PINNED = 3000.0
"""The same of what is kept in its place."""


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
