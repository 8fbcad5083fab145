"""Triangles for the skin between the loops: a symmetric, graded Delaunay mesh in a stereographic plane that
sees the whole head but the neck."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, KDTree

from talkcli.engine.compiled import making_arrays
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scalp import SKIN_RADIUS, directions

NECK_COLUMNS = 64
POLE = np.array([0.0, -1.0, -0.35]) / np.hypot(1.0, 0.35)
"""The direction the plane does not show: down the neck."""
_AXES = np.stack([[1.0, 0, 0], np.cross(-POLE, [1.0, 0, 0]), -POLE])


def to_plane(direction: Array) -> Array:
    """[..., 2] conformal image of unit directions [..., 3]; the neck is at infinity."""
    local = direction @ _AXES.T
    return 2 * local[..., :2] / (1 + local[..., 2:] + 1e-9)


def from_plane(plane: Array) -> Array:
    """The inverse of `to_plane`."""
    square = (plane**2).sum(-1, keepdims=True) / 4
    height = (1 - square) / (1 + square)
    return np.concatenate([plane * (1 + height) / 2, height], -1) @ _AXES


def neck_directions() -> Array:
    """[NECK_COLUMNS, 3] the loop under jaw and skull where the neck begins, from the back (right side first)
    round the front."""
    angle = (np.arange(NECK_COLUMNS) + 0.5) / NECK_COLUMNS * 2 * np.pi - np.pi
    dip = neck_dip(angle)
    return np.stack([np.sin(angle) * np.cos(dip), np.sin(dip), np.cos(angle) * np.cos(dip)], 1)


def neck_dip(angle: Array) -> Array:
    """Elevation (radians, negative) of the neck loop at an azimuth from the front."""
    front = (0.5 + 0.5 * np.cos(angle)) ** 0.45
    return np.deg2rad(-66 * front - 32 * (1 - front))


@making_arrays
def _contains(loop: Array, points: Array) -> NDArray[np.bool_]:  # pragma: no cover
    result = np.zeros(points.shape[0], np.bool_)
    for i in range(points.shape[0]):
        x, y = points[i]
        inside = False
        k = loop.shape[0] - 1
        for j in range(loop.shape[0]):
            if (loop[j, 1] > y) != (loop[k, 1] > y) and x < (loop[k, 0] - loop[j, 0]) * (y - loop[j, 1]) / (
                loop[k, 1] - loop[j, 1]
            ) + loop[j, 0]:
                inside = not inside
            k = j
        result[i] = inside
    return result


@making_arrays
def _throw(candidates: Array, reach: Array, taken: Array) -> NDArray[np.bool_]:  # pragma: no cover
    kept = np.zeros(candidates.shape[0], np.bool_)
    chosen = np.empty((candidates.shape[0] + taken.shape[0], 3))
    chosen[: taken.shape[0]] = taken
    count = taken.shape[0]
    for i in range(candidates.shape[0]):
        limit = reach[i] ** 2
        free = True
        for j in range(count):
            a = chosen[j, 0] - candidates[i, 0]
            b = chosen[j, 1] - candidates[i, 1]
            c = chosen[j, 2] - candidates[i, 2]
            if a * a + b * b + c * c < limit:
                free = False
                break
        if free:
            chosen[count] = candidates[i]
            count += 1
            kept[i] = True
    return kept


@dataclass(frozen=True)
class Domain:
    """Directions of the free skin vertices and the triangles that join them to the fixed loops."""

    free: Array
    """[n, 3] unit directions: those on the midline, then the left half, then its mirror image"""
    midline: int
    triangles: Index
    """[t, 3] into free, then the loops in order, then the neck loop; counter-clockwise from outside"""


def triangulate(loops: list[Array], size: Callable[[Array], Array], seed: int = 0) -> Domain:
    """A graded mesh between `loops` (closed, points [n, 3], pairwise mirrored) and the neck; `size` gives
    edge lengths in mm at directions."""
    rng = np.random.default_rng(seed)
    rims = [directions(loop) for loop in loops] + [neck_directions()]
    fixed = np.concatenate(rims)
    holes = [to_plane(rim) for rim in rims[:-1]]
    outer = to_plane(rims[-1])

    def free_of_loops(direction: Array, margin: float) -> NDArray[np.bool_]:
        plane = to_plane(direction)
        outside = ~_contains(outer, plane)
        for hole in holes:
            outside |= _contains(hole, plane)
        return ~outside & (KDTree(fixed).query(direction)[0] > margin * size(direction) / SKIN_RADIUS)

    midline, angle = [], np.deg2rad(-64)
    while angle < np.deg2rad(180 + 28):
        point = np.array([[0, np.sin(angle), np.cos(angle)]])
        midline.append(point[0])
        angle += size(point)[0] * 0.93 / SKIN_RADIUS
    middle = np.array(midline)
    middle = middle[free_of_loops(middle, 0.6)]

    everywhere = rng.normal(size=(150_000, 3))
    front = rng.normal(size=(250_000, 3)) * [0.45, 0.5, 0.25] + [0, -0.1, 0.9]
    candidates = np.concatenate([everywhere, front])
    candidates /= np.linalg.norm(candidates, axis=1, keepdims=True)
    candidates[:, 0] = np.abs(candidates[:, 0])
    spacing = size(candidates) / SKIN_RADIUS
    candidates = candidates[free_of_loops(candidates, 0.72) & (candidates[:, 0] > 0.42 * spacing)]
    half = candidates[_throw(candidates, 0.8 * size(candidates) / SKIN_RADIUS, middle)]
    free = np.concatenate([middle, half, half * [-1, 1, 1]])
    for _ in range(30):
        free = _keep_clear(free, rims, holes, len(middle))
        triangles = _delaunay(free, fixed, holes, outer)
        free = _relax(free, fixed, triangles, size, len(middle))
    free = _keep_clear(free, rims, holes, len(middle))
    return Domain(free, len(middle), _delaunay(free, fixed, holes, outer))


def _symmetric(free: Array, midline: int) -> Array:
    """Average of the two halves; midline points stay on it; unit length."""
    free = free.copy()
    half = (len(free) - midline) // 2
    free[:midline, 0] = 0
    mean = (free[midline : midline + half] + free[midline + half :] * [-1, 1, 1]) / 2
    mean[:, 0] = np.abs(mean[:, 0])
    free[midline : midline + half], free[midline + half :] = mean, mean * [-1, 1, 1]
    return free / np.linalg.norm(free, axis=1, keepdims=True)


def _keep_clear(free: Array, rims: list[Array], holes: list[Array], midline: int) -> Array:
    """Points pushed out of the circles over the loops' edges, so that every such edge is Delaunay."""
    plane = to_plane(free)
    closed = [to_plane(rim) for rim in rims]
    start, stop = np.concatenate(closed), np.concatenate([np.roll(rim, -1, 0) for rim in closed])
    centre, radius = (start + stop) / 2, np.linalg.norm(stop - start, axis=1) / 2 * 1.12
    tree = KDTree(centre)
    for _ in range(3):
        for i, near in enumerate(tree.query_ball_point(plane, radius.max())):
            for j in near:
                offset = plane[i] - centre[j]
                if np.hypot(*offset) >= radius[j]:
                    continue
                edge = stop[j] - start[j]
                normal = np.array([-edge[1], edge[0]]) / (np.hypot(*edge) + 1e-12)
                if offset @ normal < 0:
                    normal = -normal
                if any(_contains(hole, (centre[j] + normal * radius[j])[None])[0] for hole in holes):
                    normal = -normal
                plane[i] = centre[j] + normal * radius[j] + 0.9 * (offset - (offset @ normal) * normal)
    return _symmetric(from_plane(plane), midline)


def _delaunay(free: Array, fixed: Array, holes: list[Array], outer: Array) -> Index:
    """Triangles inside the neck loop and outside the holes."""
    plane = to_plane(np.concatenate([free, fixed]))
    triangles = Delaunay(plane).simplices.astype(np.int64)
    middle = plane[triangles].mean(1)
    keep = _contains(outer, middle)
    for hole in holes:
        keep &= ~_contains(hole, middle)
    triangles = triangles[keep]
    a, b, c = (plane[triangles[:, i]] for i in range(3))
    turned = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]) < 0
    triangles[turned] = triangles[turned][:, [0, 2, 1]]
    return triangles


def _relax(
    free: Array, fixed: Array, triangles: Index, size: Callable[[Array], Array], midline: int
) -> Array:
    """One half step towards the mean of the neighbours, long edges (for their place) pulling harder."""
    points = np.concatenate([free, fixed])
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    ends = points[edges[:, 0]], points[edges[:, 1]]
    pull = np.linalg.norm(ends[0] - ends[1], axis=1) / (size((ends[0] + ends[1]) / 2) / SKIN_RADIUS)
    total, weight = np.zeros_like(points), np.zeros(len(points))
    for here, there in ((0, 1), (1, 0)):
        np.add.at(total, edges[:, here], points[edges[:, there]] * pull[:, None])
        np.add.at(weight, edges[:, here], pull)
    moved = total[: len(free)] / np.maximum(weight[: len(free)], 1e-9)[:, None]
    return _symmetric(0.5 * (free + moved), midline)
