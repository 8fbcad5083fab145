"""How light goes through hair: what a shadow says of single hairs is true of those around them together."""

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
