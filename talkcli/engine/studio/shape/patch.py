"""A patch: one piece of the head with its own vertices, triangles and UV square; pieces are packed into one
mesh and one atlas."""

from dataclasses import dataclass

import numpy as np

from talkcli.engine.studio.arrays import Array, Index


@dataclass(frozen=True)
class Patch:
    """Vertices [v, 3] mm, faces [f, 3], uv [t, 2] filling the unit square, uv_faces [f, 3]."""

    vertices: Array
    faces: Index
    uv: Array
    uv_faces: Index

    def mirrored(self) -> "Patch":
        """The same piece on the other side of the head."""
        return Patch(
            self.vertices * [-1, 1, 1],
            self.faces[:, [0, 2, 1]],
            self.uv * [-1, 1] + [1, 0],
            self.uv_faces[:, [0, 2, 1]],
        )


def join(patches: list[Patch]) -> Patch:
    """Several patches as one, their UV squares left where they are."""
    vertex_start = np.cumsum([0] + [len(p.vertices) for p in patches])
    uv_start = np.cumsum([0] + [len(p.uv) for p in patches])
    return Patch(
        np.concatenate([p.vertices for p in patches]),
        np.concatenate([p.faces + start for p, start in zip(patches, vertex_start, strict=False)]),
        np.concatenate([p.uv for p in patches]),
        np.concatenate([p.uv_faces + start for p, start in zip(patches, uv_start, strict=False)]),
    )


def placed(patch: Patch, box: tuple[float, float, float, float], margin: float = 0.004) -> Patch:
    """The patch with its UV square moved into a box (left, bottom, right, top) less a margin."""
    low, high = np.array(box[:2]) + margin, np.array(box[2:]) - margin
    return Patch(patch.vertices, patch.faces, low + patch.uv * (high - low), patch.uv_faces)


def grid(points: Array, closed: bool, first_pole: bool = False, last_pole: bool = False) -> Patch:
    """A patch from points [rows, columns, 3]; seen from outside rows run down and columns to the right.
    `closed` joins the last column to the first (with a UV seam); a pole closes the first or last row by one
    vertex at its mean."""
    rows, columns = points.shape[:2]
    wide = columns + 1 if closed else columns
    row, column = (a.ravel() for a in np.meshgrid(np.arange(rows - 1), np.arange(wide - 1), indexing="ij"))

    def quads(width: int) -> Index:
        a, b = row * width + column, row * width + (column + 1) % width
        below = width
        return np.concatenate([np.stack([a, a + below, b], 1), np.stack([b, a + below, b + below], 1)])

    vertices, faces, uv_faces = points.reshape(-1, 3), quads(columns), quads(wide)
    u, v = np.meshgrid(
        np.arange(wide) / (wide - 1), 1 - (np.arange(rows) + first_pole) / (rows - 1 + first_pole + last_pole)
    )
    uv = np.stack([u.ravel(), v.ravel()], 1)
    around, step = np.arange(wide - 1), np.arange(1, wide)
    middle = (around + 0.5) / (wide - 1)
    if first_pole:
        pole = len(vertices)
        vertices = np.concatenate([vertices, points[0].mean(0, keepdims=True)])
        faces = np.concatenate([faces, np.stack([np.full(wide - 1, pole), around, step % columns], 1)])
        uv_faces = np.concatenate([uv_faces, np.stack([len(uv) + around, around, step], 1)])
        uv = np.concatenate([uv, np.stack([middle, np.ones(wide - 1)], 1)])
    if last_pole:
        pole, start, uv_start = len(vertices), (rows - 1) * columns, (rows - 1) * wide
        vertices = np.concatenate([vertices, points[-1].mean(0, keepdims=True)])
        faces = np.concatenate(
            [faces, np.stack([np.full(wide - 1, pole), start + step % columns, start + around], 1)]
        )
        uv_faces = np.concatenate(
            [uv_faces, np.stack([len(uv) + around, uv_start + step, uv_start + around], 1)]
        )
        uv = np.concatenate([uv, np.stack([middle, np.zeros(wide - 1)], 1)])
    return Patch(vertices, faces, uv, uv_faces)
