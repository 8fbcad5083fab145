"""Numbers of vertices drawn as pictures over a face's UV layout, and read back from them.

A texel (row, column) of a map of side `size` is centred on u = column / (size - 1), v = 1 - row / (size - 1):
row 0 is on top, where v is 1. Layout, coverage and arithmetic are those that published maps were drawn with
(Li et al. 2025, TexTalker), after the rasteriser of face3d.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.errors import BadInput


class UVMap(NamedTuple):
    """What every texel that a face covers is made of."""

    size: int
    texels: Int[Tensor, " n"]
    """row * size + column"""
    corners: Int[Tensor, "n 3"]
    """Vertices of the triangle that a texel lies in."""
    weights: Float[Tensor, "n 3"]
    """Barycentric."""

    def to(self, device: torch.device) -> UVMap:
        """The same for numbers that are on a device."""
        return UVMap(self.size, *(part.to(device) for part in self[1:]))


class UVReader(NamedTuple):
    """Which texels, in what parts, make up each vertex. A vertex on a seam has a sample on each side."""

    texels: Int[Tensor, "samples 4"]
    """row * size + column"""
    weights: Float[Tensor, "samples 4"]
    """Those of one vertex sum to 1."""
    samples: Int[Tensor, "verts most"]
    """Which are a vertex's; one past the last for no more."""

    def to(self, device: torch.device) -> UVReader:
        """To where maps are read."""
        return UVReader(*(part.to(device) for part in self))


def uv_map(
    faces: Int[Tensor, "faces 3"], uv: Float[Tensor, "uvs 2"], uv_faces: Int[Tensor, "faces 3"], size: int
) -> UVMap:
    """The first triangle that covers a texel keeps it."""
    place = uv.numpy().astype(np.float64) * (size - 1)
    x, y = place[:, 0].astype(np.float32), (size - 1 - place[:, 1]).astype(np.float32)
    px, py = x[uv_faces.numpy()], y[uv_faces.numpy()]
    left, right = _span(px, size)
    top, bottom = _span(py, size)
    columns, rows = (right - left + 1).clip(0), (bottom - top + 1).clip(0)
    face, nth = _counted(columns * rows)
    column, row = left[face] + nth % columns[face], top[face] + nth // columns[face]
    s, t = _barycentric(px, py, face, column.astype(np.float32), row.astype(np.float32))
    inside = (s >= 0) & (t >= 0) & (s + t < 1)
    texels, first = np.unique((row * size + column)[inside], return_index=True)
    s, t = s[inside][first], t[inside][first]
    return UVMap(
        size,
        torch.from_numpy(texels),
        faces[torch.from_numpy(face[inside][first])].long(),
        torch.from_numpy(np.stack([1 - s - t, t, s], 1)),
    )


def drawn(
    values: Float[Tensor, "*batch verts channels"], layout: UVMap
) -> Float[Tensor, "*batch channels size size"]:
    """Maps of numbers per vertex; where there is no face, 0."""
    a, b, c = layout.weights.to(values)[..., None].unbind(1)
    i, j, k = layout.corners.to(values.device).unbind(1)
    texels = a * values[..., i, :] + b * values[..., j, :] + c * values[..., k, :]
    maps = values.new_zeros(*values.shape[:-2], values.shape[-1], layout.size**2)
    maps[..., layout.texels.to(values.device)] = texels.mT
    return maps.unflatten(-1, (layout.size, layout.size))


def uv_reader(
    faces: Int[Tensor, "faces 3"],
    uv: Float[Tensor, "uvs 2"],
    uv_faces: Int[Tensor, "faces 3"],
    size: int,
    convention: Literal["511", "512"] = "511",
    *,
    verts: int,
) -> UVReader:
    """Bilinear reading of what `drawn` covers.

    By "511" a vertex lies where `drawn` put it, and texels that no face covers do not count; where all four
    are such, the covered texel nearest to them does. By "512", the published code's way, it lies up to a
    texel to the right and below, and its four texels step aside together until a face covers them all.
    """
    coverage = np.zeros(size * size, bool)
    coverage[uv_map(faces, uv, uv_faces, size).texels.numpy()] = True
    if not coverage.any():
        raise BadInput(f"no face covers any texel of a map of {size}", "use larger maps")
    coverage = coverage.reshape(size, size)
    corners = np.stack([faces.reshape(-1).numpy(), *uv[uv_faces.reshape(-1)].double().numpy().T], 1)
    vertex, u, v = np.unique(corners, axis=0).T
    published = convention == "512"
    x, y = (u % 1 * size, (1 - v % 1) * size) if published else (u * (size - 1), (1 - v) * (size - 1))
    x, y = x.clip(0, size - 1), y.clip(0, size - 1)
    left, top = x.astype(np.int64), y.astype(np.int64)
    columns = np.stack([left, left + 1, left, left + 1], 1).clip(max=size - 1)
    rows = np.stack([top, top, top + 1, top + 1], 1).clip(max=size - 1)
    right, below = x - left, y - top
    weights = np.stack(
        [(1 - right) * (1 - below), right * (1 - below), (1 - right) * below, right * below], 1
    )
    if published:
        columns, rows = _aside(coverage, columns, rows)
    else:
        weights = weights * coverage[rows, columns]
        empty = weights.sum(1) <= 0
        weights[empty] = [1, 0, 0, 0]
        from scipy.ndimage import distance_transform_edt  # slow to load, for those who paint

        nearest: Any = distance_transform_edt(~coverage, return_distances=False, return_indices=True)
        at = np.rint(y[empty]).astype(np.int64), np.rint(x[empty]).astype(np.int64)
        rows[empty], columns[empty] = nearest[0][at][:, None], nearest[1][at][:, None]
        weights /= weights.sum(1, keepdims=True)
    counts = np.bincount(vertex.astype(np.int64), minlength=verts)
    owner, nth = _counted(counts)
    weights /= counts[owner][:, None]
    samples = np.full((verts, counts.max()), len(owner))
    samples[owner, nth] = np.arange(len(owner))
    return UVReader(
        torch.from_numpy(rows * size + columns),
        torch.from_numpy(weights.astype(np.float32)),
        torch.from_numpy(samples),
    )


def read_maps(
    maps: Float[Tensor, "*batch channels size size"], reader: UVReader
) -> Float[Tensor, "*batch verts channels"]:
    """Numbers per vertex; 0 for a vertex that no face uses. Gathered, not scattered: in one order always."""
    reader = reader.to(maps.device)
    taps = maps.flatten(-2)[..., reader.texels]
    samples = F.pad((taps * reader.weights.to(maps)).sum(-1), (0, 1))
    return samples[..., reader.samples].sum(-1).mT


def _span(corners: NDArray[np.float32], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first and last texel centre between the corners of each triangle [faces, 3], in one direction."""
    first = np.ceil(corners.min(1)).clip(0, size).astype(np.int64)
    return first, np.floor(corners.max(1)).clip(-1, size - 1).astype(np.int64)


def _counted(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For counts (2, 0, 3): whose each is (0, 0, 2, 2, 2), and which of its owner's (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]


def _barycentric(
    px: NDArray[np.float32],
    py: NDArray[np.float32],
    face: NDArray[np.int64],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """(s, t) with P - p0 = s (p2 - p0) + t (p1 - p0), in float32; (0, 0) in a triangle without area."""
    ax, ay = px[:, 2] - px[:, 0], py[:, 2] - py[:, 0]
    bx, by = px[:, 1] - px[:, 0], py[:, 1] - py[:, 0]
    aa, ab, bb = ax * ax + ay * ay, ax * bx + ay * by, bx * bx + by * by
    area = aa * bb - ab * ab
    scale = (1 / np.where(area == 0, np.inf, area)).astype(np.float32)
    dx, dy = x - px[face, 0], y - py[face, 0]
    ad, bd = ax[face] * dx + ay[face] * dy, bx[face] * dx + by[face] * dy
    s = (bb[face] * ad - ab[face] * bd) * scale[face]
    return s, (aa[face] * bd - ab[face] * ad) * scale[face]


def _aside(
    covered: NDArray[np.bool_], columns: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Move each four texels [n, 4] by the first step, in squares that grow, to where all are covered."""
    last, columns, rows = len(covered) - 1, columns.copy(), rows.copy()
    left = np.flatnonzero(~covered[rows, columns].all(1))
    for reach in range(1, last + 1):
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1) if abs(dy) == reach else (-reach, reach):
                there = (columns[left] + dx).clip(0, last), (rows[left] + dy).clip(0, last)
                good = covered[there[1], there[0]].all(1)
                columns[left[good]], rows[left[good]] = there[0][good], there[1][good]
                left = left[~good]
                if not len(left):
                    return columns, rows
    return columns, rows
