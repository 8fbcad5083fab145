"""The canvas: what lies under every texel of the atlas, so that paint can be a function of anatomy instead
of of pixels.

It is baked once from the template head. Because uv and rings are the same for every identity, paint made on
the template fits all of them: a brow painted over the template's brow ridge sits on everybody's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from talkcli.engine.compiled import making_arrays
from talkcli.engine.face.mesh_normals import mesh_normals
from talkcli.engine.studio.painted_parts import PARTS

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Canvas:
    """Fields over the n covered texels of a square atlas."""

    size: int
    texels: NDArray[np.int64]
    """[n] flat indices, row 0 at the top"""
    nearest: NDArray[np.int32]
    """[size * size] which of the n to show in a gutter"""
    part: NDArray[np.int8]
    """[n] index into PARTS"""
    position: Field
    """[n, 3] mm on the template"""
    normal: Field
    """[n, 3]"""
    right: Field
    """[n, 3] mm along the surface that one texel to the right moves"""
    down: Field
    """[n, 3] mm that one texel down moves"""
    lip: Field
    """[n] mouth ring fraction: 1 on the vermilion border, 0 on the slit, 3 far away, negative inside"""
    lip_u: Field
    """[n] -1 right corner .. 1 left corner"""
    lip_upper: Field
    """[n] 1 upper .. 0 lower"""
    lid: Field
    """[n] eye ring number: 0 orbit .. 8 hidden under the lid, -1 elsewhere"""
    lid_s: Field
    """[n] 0 inner .. 1 outer canthus"""
    lid_upper: Field
    """[n] 1 upper .. 0 lower"""

    def within(self, *parts: str) -> NDArray[np.bool_]:
        """[n] whether a texel belongs to one of the named parts."""
        return np.isin(self.part, [PARTS.index(name) for name in parts])

    def image(self, values: NDArray) -> NDArray:
        """[n, ...] -> [size, size, ...], gutters filled with their nearest texel."""
        return values[self.nearest].reshape(self.size, self.size, *values.shape[1:])

    @property
    def coarseness(self) -> Field:
        """[n] mm, the longer diagonal of a texel on the surface, even from triangle to triangle"""
        diagonals = np.stack([self.right + self.down, self.right - self.down])
        longer = np.linalg.norm(diagonals, axis=2).max(0)
        return gaussian_filter(self.image(longer), self.size / 128).ravel()[self.texels].astype(np.float32)

    @property
    def texel_size(self) -> Field:
        """[n] mm, the side of a texel on the surface"""
        return np.sqrt(np.linalg.norm(np.cross(self.right, self.down), axis=1) + 1e-9).astype(np.float32)


@making_arrays
def cover_texels(corners: NDArray, size: int) -> tuple[NDArray, NDArray]:  # pragma: no cover
    """For triangles [F, 3, 2] in texels: the face at every texel's centre or -1, and its barycentric
    weights."""
    face = np.full((size, size), -1, np.int32)
    weights = np.zeros((size, size, 3), np.float32)
    for f in range(corners.shape[0]):
        ax, ay, bx, by, cx, cy = (
            corners[f, 0, 0], corners[f, 0, 1], corners[f, 1, 0],
            corners[f, 1, 1], corners[f, 2, 0], corners[f, 2, 1],
        )  # fmt: skip
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-12:
            continue
        for y in range(max(0, int(min(ay, by, cy))), min(size, int(max(ay, by, cy)) + 1)):
            for x in range(max(0, int(min(ax, bx, cx))), min(size, int(max(ax, bx, cx)) + 1)):
                px, py = x + 0.5, y + 0.5
                v = ((px - ax) * (cy - ay) - (cx - ax) * (py - ay)) / area
                w = ((bx - ax) * (py - ay) - (px - ax) * (by - ay)) / area
                if v >= -1e-6 and w >= -1e-6 and v + w <= 1 + 1e-6:
                    face[y, x] = f
                    weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = 1 - v - w, v, w
    return face, weights


def canvas_of(
    points: NDArray, faces: NDArray, uv: NDArray, part: NDArray, fields: NDArray, size: int
) -> Canvas:
    """Bake what the vertices of a mesh know into its atlas: `points` [V, 3] mm on the template, `part` [V] of
    PARTS, `fields` [V, 6] lip, lip_u, lip_upper, lid, lid_s, lid_upper; `uv` [F, 3, 2] of faces' corners."""
    corners = uv * [size, -size] + [0, size]
    face, weights = cover_texels(np.ascontiguousarray(corners, np.float64), size)
    inside = face.ravel() >= 0
    texels = np.flatnonzero(inside)
    face, weights = face.ravel()[texels], weights.reshape(-1, 3)[texels]
    row, column = nearest_covered(inside.reshape(size, size))
    order = np.cumsum(inside) - 1
    nearest = order[(row * size + column).ravel()].astype(np.int32)

    triangle = faces[face]

    def bake(values: NDArray) -> Field:
        return np.einsum("nkc,nk->nc", values[triangle].astype(np.float32), weights)

    normal = bake(mesh_normals(points, faces).astype(np.float32))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    rings = bake(fields)
    right, down = _texel_steps(points[faces], corners)
    return Canvas(
        size=size,
        texels=texels,
        nearest=nearest,
        part=part[triangle].max(1),
        position=bake(points),
        normal=normal,
        right=right[face],
        down=down[face],
        lip=rings[:, 0],
        lip_u=rings[:, 1],
        lip_upper=rings[:, 2],
        lid=rings[:, 3],
        lid_s=rings[:, 4],
        lid_upper=rings[:, 5],
    )


def nearest_covered(covered: NDArray[np.bool_]) -> NDArray[np.int32]:
    """[2, h, w] row and column of the nearest covered texel."""
    indices = distance_transform_edt(~covered, return_distances=False, return_indices=True)
    assert isinstance(indices, np.ndarray)
    return indices


def _texel_steps(points: NDArray, corners: NDArray) -> tuple[Field, Field]:
    """For faces [F, 3, 3] mm at texels [F, 3, 2]: the mm that one texel right and one texel down move, each
    [F, 3]."""
    p, q = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)[:, None]
    right = (p * b[:, 1:] - q * a[:, 1:]) / area
    down = (q * a[:, :1] - p * b[:, :1]) / area
    return right.astype(np.float32), down.astype(np.float32)
