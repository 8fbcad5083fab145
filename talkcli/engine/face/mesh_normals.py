"""Which way the surface of a mesh looks at its vertices."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray


def mesh_normals(
    vertices: Float[NDArray, "verts 3"], faces: Int[NDArray, "faces 3"]
) -> Float[NDArray, "verts 3"]:
    """Unit normals in the precision of the vertices, faces counting by their area; 0 where a vertex has no
    face."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    across, total = np.cross(b - a, c - a), np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(total, faces[:, corner], across)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-20)
