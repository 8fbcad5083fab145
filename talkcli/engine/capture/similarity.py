"""Two shapes laid onto each other by turn, shift and scale."""

from __future__ import annotations

import numpy as np

from talkcli.engine.studio.arrays import Array


def aligned_shape(points: Array, onto: Array) -> Array:
    """Points [n, 3] brought nearest to others by a similarity, in least squares (Umeyama 1991)."""
    middle, there = points.mean(0), onto.mean(0)
    centred = points - middle
    u, s, v = np.linalg.svd(centred.T @ (onto - there))
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ v))])
    return (s * flip).sum() / (centred**2).sum() * centred @ (u * flip @ v) + there
