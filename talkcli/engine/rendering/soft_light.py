"""What a coarse shadow says of points of hair and cloth, as those around them see it together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float32]

LIT_ALIKE = 0.003, 0.0045
"""Metres across the cubes in which hair is lit alike; their borders fall elsewhere for each."""


def among_hair(points: _Floats, seen: _Floats) -> _Floats:
    """The share [n] of a light that each point [n, 3] of hair sees, as those around it see it on average."""
    for size in LIT_ALIKE if len(points) else ():
        cell = ((points - points.min(0)) / size).astype(np.int64)
        _, rows, layers = cell.max(0) + 1
        number = (cell[:, 0] * rows + cell[:, 1]) * layers + cell[:, 2]
        _, own, count = np.unique(number, return_inverse=True, return_counts=True)
        seen = (np.bincount(own, seen) / count)[own].astype(np.float32)
    return seen


_ROUNDS = 3
"""Times that a point of cloth takes the mean of itself and its neighbours."""


class ClothLight:
    """Softens the shadow on a mesh over its edges."""

    def __init__(self, faces: NDArray[np.integer], first: int, count: int) -> None:
        """`faces` whose vertices are among `count` from `first` on."""
        edges = (
            np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64) - first
        )
        self._ends = np.concatenate([edges, edges[:, ::-1]]).T.copy()
        self._around = 1.0 + np.bincount(self._ends[0], minlength=count)

    def softened(self, seen: _Floats) -> _Floats:
        """The share [count] of a light that each vertex sees, without steps from one to the next."""
        here, there = self._ends
        for _ in range(_ROUNDS):
            seen = ((seen + np.bincount(here, seen[there], len(seen))) / self._around).astype(np.float32)
        return seen
