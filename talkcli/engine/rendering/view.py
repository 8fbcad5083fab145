"""What a camera sees of a mesh: which triangle, where on it and how far away, at every pixel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.rendering.rasterize import BOTH, LANES, ONE, band, project, rasterize, sheet

Places = NDArray[np.float64]


class View(NamedTuple):
    """Of a picture, [height, width]."""

    ids: NDArray[np.int64]
    """Triangle; -1 where none is"""
    shares: NDArray[np.float32]
    """[height, width, 3] barycentric, on the surface"""
    distance: NDArray[np.float32]
    """Metres along the optical axis; 0 where nothing is"""


def seen_at(places: Places, focal: float, size: tuple[int, int]) -> Places:
    """[..., 2] column and row of places [..., 3] in the camera's frame, in a picture of (width, height)."""
    x, y, z = np.moveaxis(places, -1, 0)
    return np.stack([size[0] / 2 - focal * x / z, size[1] / 2 + focal * y / z], -1)


def view_of(
    places: Places, faces: NDArray[np.integer], focal: float, size: tuple[int, int], both: bool = False
) -> View:
    """Vertices [V, 3] in the camera's frame, which looks along its -Z through the middle of a picture of
    (width, height); `both`: triangles are seen from behind too."""
    width, height = size
    snapped, near = np.zeros((len(places), 2), np.int64), np.zeros(len(places))
    project(places.astype(np.float32), np.eye(4), float(focal), width, height, snapped, near)
    triangles = np.ascontiguousarray(faces, np.uint32)
    sides, order = np.full(len(faces), BOTH if both else ONE, np.uint8), np.zeros(len(faces), np.uint32)
    starts, cursor, spans = np.zeros(2, np.int64), np.zeros(1, np.int64), np.zeros((len(faces), 2), np.int32)
    count = band(snapped, near, triangles, sides, height, height, starts, cursor, order, spans)
    ids, nearness = sheet(height, width)
    rasterize(snapped, near, triangles, sides, order[:count], 0, ids, nearness)
    ids, nearness = ids[:, :-LANES].astype(np.int64), nearness[:, :-LANES]
    there = ids >= 0
    shares = np.zeros((height, width, 3), np.float32)
    corners = triangles[ids[there]].astype(np.int64)
    middles = np.argwhere(there)[:, ::-1].astype(np.float64) + 0.5
    shares[there] = _shares(seen_at(places[corners], focal, size), middles, near[corners])
    distance = np.where(there, 1 / np.maximum(nearness, 1e-9), 0)
    return View(ids, shares, distance.astype(np.float32))


def _shares(corners: Places, point: Places, nearness: Places) -> Places:
    """Barycentric [n, 3] of what is seen at points [n, 2] of triangles [n, 3, 2], perspective-correct."""
    a, b, c = (corners[:, k] - point for k in range(3))
    areas = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], -1)
    flat = areas * nearness * np.sign(areas.sum(1, keepdims=True))
    flat = np.clip(flat, 0, None)
    return flat / np.maximum(flat.sum(1, keepdims=True), 1e-12)


def _cross(a: Places, b: Places) -> Places:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def read_at(image: NDArray[np.floating], spots: Places) -> NDArray[np.float32]:
    """An image [h, w, ...] at [n, 2] column and row, bilinear; the middle of the first pixel is 0.5, 0.5."""
    from scipy.ndimage import map_coordinates  # slow to load, for those who look

    height, width = image.shape[:2]
    planes = image.reshape(height, width, -1)
    at = [spots[:, 1] - 0.5, spots[:, 0] - 0.5]
    values = [map_coordinates(planes[..., k], at, order=1, mode="nearest") for k in range(planes.shape[2])]
    return np.stack(values, -1).reshape(len(spots), *image.shape[2:]).astype(np.float32)
