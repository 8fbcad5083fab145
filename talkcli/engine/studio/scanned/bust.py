"""The form that garments are cut on: chest and shoulders as a tailor's dummy, grown around the neck of the
mean head. All in mm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import KDTree

from talkcli.engine.studio.arrays import Array

CORE = np.array([0.0, -230.0, -25.0])
"""From here the whole form is seen."""

_OFF = 4.0
"""That cloth keeps from the skin."""

BOTTOM = -300.0
"""Where cloth ends: lower than portraits show."""

_START = -86.0
"""Where the neck is left, below the chin."""

_TOP = np.deg2rad(72.0)
"""Elevation at which the form is looked for first."""

_COLUMNS, _RISES, _ROWS = 240, 160, 240
"""Directions, elevations and places along each direction."""

_LOWEST = np.deg2rad(-42.0)

_Point = tuple[float, float, float]
"""x, y, z."""

_TORSO: tuple[_Point, _Point] = ((0.0, -300.0, -28.0), (176.0, 150.0, 100.0))
"""Middle and half axes of an ellipsoid."""

_LIMBS: tuple[tuple[_Point, _Point, float, float], ...] = (
    ((0.0, -40.0, -10.0), (0.0, -175.0, -32.0), 54.0, 58.0),
    ((40.0, -165.0, -48.0), (172.0, -218.0, -38.0), 38.0, 36.0),
    ((172.0, -222.0, -36.0), (192.0, -420.0, -28.0), 41.0, 43.0),
)
"""Neck, shoulder and upper arm: two ends and the radius at each."""

_BLEND = 34.0
"""Over which they melt into one another."""


@dataclass(frozen=True)
class Bust:
    angles: Array
    """[columns] about the neck, 0 ahead, towards the left shoulder; evenly spaced over the circle"""
    places: Array
    """[columns, rows, 3] from the neck down to BOTTOM, evenly spaced in each column"""
    outward: Array
    """[columns, rows, 3] unit normals"""
    lengths: Array
    """[columns] of each column"""

    def at(self, angle: Array, length: Array) -> tuple[Array, Array]:
        """Places and normals [n, 3] so many mm down the column of each angle."""
        column = (angle - self.angles[0]) / (2 * np.pi) * len(self.angles)
        whole = np.interp(angle, self.angles, self.lengths, period=2 * np.pi)
        row = length / whole * (self.places.shape[1] - 1)
        spots = np.stack([column, row])
        place, normal = (
            np.stack([_lerp(values[..., axis], spots) for axis in range(3)], -1)
            for values in (self.places, self.outward)
        )
        return place, normal / np.linalg.norm(normal, axis=-1, keepdims=True)

    def down_to(self, angle: Array, height: Array) -> Array:
        """[n] mm down the column of each angle to a height."""
        column = (angle - self.angles[0]) / (2 * np.pi) * len(self.angles)
        first = np.floor(column).astype(int)
        part = (column - first)[:, None]
        here, there = first % len(self.angles), (first + 1) % len(self.angles)
        heights = (1 - part) * self.places[here, :, 1] + part * self.places[there, :, 1]
        whole = (1 - part[:, 0]) * self.lengths[here] + part[:, 0] * self.lengths[there]
        rows = np.arange(heights.shape[1])
        row = [np.interp(-level, -line, rows) for level, line in zip(height, heights, strict=True)]
        return np.array(row) / (heights.shape[1] - 1) * whole

    def on(self, angle: Array, height: Array) -> tuple[Array, Array]:
        """Places and normals [n, 3] at a height in each direction."""
        return self.at(angle, self.down_to(angle, height))

    def towards(self, x: Array, height: Array) -> Array:
        """[n] angles in which the front of the form has such an x at a height."""
        angle = np.arctan2(x, 80.0)
        for _ in range(12):
            place, _ = self.on(angle, height)
            angle = np.arctan2(x, place[:, 2] - CORE[2])
        return angle

    def spanned(self, level: Array, share: float) -> Bust:
        """What cloth makes of the form: below heights [columns] it spans the hollows by a share, 0..1."""
        start = self.down_to(self.angles, level)
        ray = self.places - CORE
        far = np.hypot(ray[..., 0], ray[..., 2])
        lines = np.stack([far, self.places[..., 1]], -1)
        rows = self.places.shape[1]
        move = np.zeros_like(lines)
        for column, line in enumerate(lines):
            first = int(start[column] / self.lengths[column] * (rows - 1))
            move[column, first:] = _hull(line[first:]) - line[first:]
        move = share * gaussian_filter1d(gaussian_filter1d(move, 4.0, axis=0, mode="wrap"), 10.0, axis=1)
        way = ray[..., [0, 2]] / np.maximum(far[..., None], 1e-9)
        places = self.places + np.stack(
            [way[..., 0] * move[..., 0], move[..., 1], way[..., 1] * move[..., 0]], -1
        )
        lengths = np.linalg.norm(np.diff(places, axis=1), axis=-1).sum(1)
        return Bust(self.angles, places, _outward(places), lengths)

    def clear(self, points: Array, gap: Array) -> Array:
        """Points moved out to stand at least `gap` off the form."""
        ray = points - CORE
        angle = np.arctan2(ray[:, 0], ray[:, 2])
        for _ in range(3):
            length = self.down_to(angle, points[:, 1])
            place, normal = self.at(angle, length)
            depth = ((points - place) * normal).sum(1)
            points = points + np.clip(gap - depth, 0, 30)[:, None] * normal
        return points


def make_bust(skin: Array, normals: Array) -> Bust:
    """Around vertices [n, 3] of the mean head's skin and their unit normals."""
    angles = np.linspace(-np.pi, np.pi, _COLUMNS, endpoint=False)
    rises = np.linspace(_TOP, _LOWEST, _RISES)
    wide, high = np.meshgrid(angles, rises, indexing="ij")
    ways = np.stack([np.sin(wide) * np.cos(high), np.sin(high), np.cos(wide) * np.cos(high)], -1)
    radius = _traced(ways.reshape(-1, 3), _form(skin, normals)).reshape(wide.shape)
    radius = gaussian_filter1d(gaussian_filter1d(radius, 1.5, axis=0, mode="wrap"), 1.5, axis=1)
    lines = CORE + radius[..., None] * ways
    places, lengths = np.empty((_COLUMNS, _ROWS, 3)), np.empty(_COLUMNS)
    for column, line in enumerate(lines):
        line = line[(line[:, 1] < _START) & (line[:, 1] > BOTTOM - 4)]
        step = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
        lengths[column] = step[-1]
        even = np.linspace(0, step[-1], _ROWS)
        places[column] = np.stack([np.interp(even, step, line[:, axis]) for axis in range(3)], 1)
    return Bust(angles, places, _outward(places), lengths)


def _outward(places: Array) -> Array:
    """[columns, rows, 3] unit normals."""
    around = np.roll(places, -1, 0) - np.roll(places, 1, 0)
    outward = np.cross(np.gradient(places, axis=1), around)
    return outward / np.linalg.norm(outward, axis=-1, keepdims=True)


def _hull(line: Array) -> Array:
    """[n, 2] a line that runs outwards and down, drawn taut over its hollows."""
    kept: list[int] = []
    for i in range(len(line)):
        while len(kept) > 1:
            a, b = line[kept[-1]] - line[kept[-2]], line[i] - line[kept[-2]]
            if a[0] * b[1] - a[1] * b[0] <= 0:
                break
            kept.pop()
        kept.append(i)
    step = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    return np.stack([np.interp(step, step[kept], line[kept, axis]) for axis in range(2)], 1)


def _lerp(values: Array, spots: Array) -> Array:
    """Values [columns, rows] at fractional places; columns go round."""
    column, row = spots
    row = np.clip(row, 0, values.shape[1] - 1.0001)
    i, j = np.floor(column).astype(int), np.floor(row).astype(int)
    a, b = column - i, row - j
    i, k = i % len(values), (i + 1) % len(values)
    return (1 - a) * ((1 - b) * values[i, j] + b * values[i, j + 1]) + a * (
        (1 - b) * values[k, j] + b * values[k, j + 1]
    )


def _form(skin: Array, normals: Array) -> Callable[[Array], Array]:
    """Signed distance [n] to the form, mm."""
    throat = (skin[:, 1] < -100) | (skin[:, 2] < 30)
    skin, normals = skin[throat], normals[throat]
    tree = KDTree(skin)

    def distance(points: Array) -> Array:
        mirrored = np.abs(points) * [1, 0, 0] + points * [0, 1, 1]
        middle, axes = (np.array(three) for three in _TORSO)
        scaled, steep = (mirrored - middle) / axes, (mirrored - middle) / axes**2
        size = np.linalg.norm(scaled, axis=1)
        total = size * (size - 1) / np.maximum(np.linalg.norm(steep, axis=1), 1e-9)
        for start, stop, first, last in _LIMBS:
            axis = np.array(stop) - start
            share = np.clip((mirrored - start) @ axis / (axis @ axis), 0, 1)
            limb = np.linalg.norm(mirrored - start - share[:, None] * axis, axis=1)
            total = _melted(total, limb - first - share * (last - first), _BLEND)
        far, near = tree.query(points, k=6)
        depth = ((points[:, None] - skin[near]) * normals[near]).sum(-1).mean(1) - _OFF
        depth = np.where(far[:, 0] > 40, far[:, 0], depth)
        outer = np.maximum(mirrored[:, 0] - 85, 0) + np.maximum(-170 - points[:, 1], 0)
        return _melted(total, depth + 0.7 * outer, 10.0)

    return distance


def _melted(first: Array, second: Array, width: float) -> Array:
    """The smaller of two distances, with the crease between them filled."""
    close = np.maximum(width - np.abs(first - second), 0)
    return np.minimum(first, second) - close**2 / (4 * width)


def _traced(ways: Array, distance: Callable[[Array], Array]) -> Array:
    """[n] how far from CORE the form ends in each direction."""
    radius = np.full(len(ways), 420.0)
    for _ in range(60):
        radius = np.clip(radius - 0.8 * distance(CORE + radius[:, None] * ways), 10, 420)
    return radius
