"""Which triangles of a mesh cut each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree


def crossings(points: NDArray, faces: NDArray, depth: float) -> NDArray[np.int64]:
    """Pairs [n, 2] of triangles without a common vertex that pierce each other deeper than `depth`."""
    corners = points[faces]
    middles = corners.mean(1)
    radii = np.linalg.norm(corners - middles[:, None], axis=2).max(1)
    first, second = KDTree(middles).query_pairs(2 * radii.max(), output_type="ndarray").T
    near = np.linalg.norm(middles[first] - middles[second], axis=1) < radii[first] + radii[second]
    low, high = corners.min(1), corners.max(1)
    near &= ((low[first] <= high[second]) & (low[second] <= high[first])).all(1)
    shared = (faces[first][:, :, None] == faces[second][:, None, :]).any((1, 2))
    first, second = first[near & ~shared], second[near & ~shared]
    hit = np.zeros(len(first), bool)
    for one, other in ((first, second), (second, first)):
        for k in range(3):
            start, end = corners[one][:, k], corners[one][:, (k + 1) % 3]
            hit |= _pierces(start, end, corners[other], depth)
    return np.stack([first[hit], second[hit]], 1)


def _pierces(start: NDArray, end: NDArray, triangle: NDArray, depth: float) -> NDArray[np.bool_]:
    origin, a, b = triangle[:, 0], triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]
    normal = np.cross(a, b)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-15
    above, below = ((start - origin) * normal).sum(1), ((end - origin) * normal).sum(1)
    through = (above * below < 0) & (np.minimum(np.abs(above), np.abs(below)) > depth)
    at = start + (end - start) * (above / (above - below + 1e-30))[:, None] - origin
    aa, ab, bb = (a * a).sum(1), (a * b).sum(1), (b * b).sum(1)
    pa, pb = (at * a).sum(1), (at * b).sum(1)
    area = aa * bb - ab * ab + 1e-30
    u, v = (bb * pa - ab * pb) / area, (aa * pb - ab * pa) / area
    return through & (u > 1e-3) & (v > 1e-3) & (u + v < 1 - 1e-3)
