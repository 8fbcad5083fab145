"""Deformer: skin and mouth lining as one elastic sheet; a few places are moved and the rest follows smoothly.

Displacements are biharmonic (thin plate): they minimise the squared graph Laplacian under the given values,
after Botsch and Kobbelt 2004.
"""

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import SuperLU, splu
from scipy.spatial import KDTree

from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.shape.head_mesh import HeadMesh

Mask = NDArray[np.bool_]
RED = ("rim", "border", "red_outer", "red_middle", "red_inner", "slit")
"""Mouth loops that a lip shape sets; the loops further out are left free."""
LINING = {"behind": 0.95, "vestibule": 0.7, "gutter": 0.35, "cheek_inside": 0.15, "throat": 0.0}
"""How much of the slit's movement the lining of the mouth follows."""


def ramp(x: Array, start: float, end: float) -> Array:
    """0 before start, 1 after end, smooth between."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True)
class Deformer:
    """Everything a shape is sculpted with. All arrays are over all vertices of the head, [V]; millimetres."""

    mesh: HeadMesh
    sheet: Index
    """vertices of skin and lining"""
    plate: sparse.csc_matrix
    """the squared Laplacian over all vertices"""
    membrane: sparse.csc_matrix
    """the Laplacian"""
    lip: Mask
    """the mouth's loops from `near` inwards"""
    lid: Mask
    """the eyes' loops from `crease` inwards"""
    _factors: dict[bytes, SuperLU] = field(default_factory=dict)

    @property
    def points(self) -> Array:
        """[V, 3]"""
        return self.mesh.vertices

    def solve(self, held: Mask, values: Array, stiff: bool = True) -> Array:
        """Displacements [V, k]: `values` where `held`, smooth elsewhere on the sheet, 0 off it."""
        system = self.plate if stiff else self.membrane
        on_sheet = np.zeros(len(held), bool)
        on_sheet[self.sheet] = True
        fixed, free = np.flatnonzero(held & on_sheet), np.flatnonzero(~held & on_sheet)
        key = held.tobytes() + bytes([stiff])
        if key not in self._factors:
            matrix = system[free][:, free] + 1e-9 * sparse.eye(len(free))
            self._factors[key] = splu(matrix.tocsc())
        out = np.zeros_like(values)
        out[fixed] = values[fixed]
        out[free] = self._factors[key].solve(-(system[free][:, fixed] @ values[fixed]))
        return out

    def moved(self, handles: list[tuple[Mask, Array]], still: Mask) -> Array:
        """Displacements [V, 3] where handles (mask, values [3] or [V, 3]) move and `still` stays."""
        held, values = still.copy(), np.zeros_like(self.points)
        for mask, value in handles:
            held = held | mask
            values[mask] = np.broadcast_to(value, values.shape)[mask]
        return self.solve(held, values)

    def ridden(self, displacement: Array, part: str, count: int = 4) -> Array:
        """Displacements of a part that lies on the skin, from the nearest skin vertices."""
        skin, own = self.mesh.parts["skin"], self.mesh.parts[part]
        distance, nearest = KDTree(self.points[skin]).query(self.points[own], k=count)
        share = 1 / (distance + 0.5)
        return (displacement[skin[nearest]] * (share / share.sum(1, keepdims=True))[..., None]).sum(1)


def deformer(mesh: HeadMesh) -> Deformer:
    """The sheet of a head with its loops."""
    sheet = np.concatenate([mesh.parts["skin"], mesh.parts["cavity"]])
    count = len(mesh.vertices)
    inside = np.zeros(count, bool)
    inside[sheet] = True
    faces = mesh.faces[inside[mesh.faces].all(1)]
    edges = np.unique(
        np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1), axis=0
    )
    a, b = edges.T
    stiffness = 1 / np.maximum(np.linalg.norm(mesh.vertices[a] - mesh.vertices[b], axis=1), 0.6)
    graph = sparse.coo_matrix(
        (np.r_[stiffness, stiffness], (np.r_[a, b], np.r_[b, a])), (count, count)
    ).tocsr()
    degree = np.asarray(graph.sum(1)).ravel()
    membrane = (sparse.diags(degree) - graph).tocsc()
    mass = sparse.diags(1 / np.maximum(degree, 1e-9))
    lip, lid = np.zeros(count, bool), np.zeros(count, bool)
    lip[mesh.mouth.rings[mesh.mouth.names.index("near") :]] = True
    lip[mesh.parts["cavity"]] = True
    for eye in mesh.eyes.values():
        lid[eye.rings[eye.names.index("crease") :]] = True
    return Deformer(mesh, sheet, (membrane.T @ mass @ membrane).tocsc(), membrane, lip, lid)
