"""The dental arches of the scanned head as walls that lips slide on."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import grey_closing, grey_opening

from talkcli.engine.face.teeth_contact import WIDEST, DentalArch
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.mesh import ScannedMesh

ROWS, ANGLES = 28, 65

AXIS = 0.35
"""Of an arch's depth, from behind, where its axis stands."""

GUMS = 9.0
"""mm of gum beyond the teeth that belong to the wall."""

MARKS = 120

BETWEEN = 5
"""Angles over which what lies between teeth is filled."""


def make_arch(mesh: ScannedMesh, points: Array, jaw: Array, upper: bool) -> DentalArch:
    """`points` [V, 3] mm of the mean face, `jaw` [V] shares of the jaw."""
    teeth = mesh.parts["upper_teeth" if upper else "lower_teeth"]
    own = np.zeros(len(points), bool)
    own[mesh.parts["gums"]] = (jaw[mesh.parts["gums"]] < 0.5) == upper
    own[teeth] = True
    _, y, z = points[teeth].T
    axis = np.array([0.0, np.median(y), z.min() + AXIS * np.ptp(z)])
    low, high = (y.min(), y.max() + GUMS) if upper else (y.min() - GUMS, y.max())
    heights = np.linspace(low, high, ROWS)
    angles = np.linspace(-WIDEST, WIDEST, ANGLES)
    triangles = points[mesh.faces[own[mesh.faces].all(1)]]
    wall = np.stack([_reach(triangles, axis, height, angles) for height in heights])
    wall = grey_closing(wall, (1, BETWEEN))
    firm = points[mesh.faces[np.isin(mesh.faces, teeth).all(1)]]
    hit = np.stack([_reach(firm, axis, height, angles) > 0 for height in heights])
    ends = heights[hit.argmax(0)] if upper else heights[::-1][hit[::-1].argmax(0)]
    ends = grey_opening(ends, BETWEEN) if upper else grey_closing(ends, BETWEEN)
    return DentalArch(
        marks=torch.from_numpy(teeth[:: max(1, len(teeth) // MARKS)].astype(np.int64)),
        axis=_metres(axis),
        heights=_metres(np.array([low, high]) - axis[1]),
        wall=_metres(wall),
        edge=_metres(ends - axis[1]),
        upper=upper,
    )


def _reach(triangles: Array, axis: Array, height: float, angles: Array) -> Array:
    """[angles] mm from the axis to the outermost of the triangles at a height; 0 where there is none."""
    near = (triangles[..., 1].min(1) <= height) & (triangles[..., 1].max(1) >= height)
    a, b, c = triangles[near].transpose(1, 0, 2)
    origin = np.array([axis[0], height, axis[2]])
    ways = np.stack([np.sin(angles), np.zeros_like(angles), np.cos(angles)], 1)
    first, second = b - a, c - a
    normal = np.cross(ways[:, None], second)
    area = (normal * first).sum(-1)
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    u = (normal * (origin - a)).sum(-1) / area
    beside = np.cross(origin - a, first)
    v = (ways[:, None] * beside).sum(-1) / area
    far = (second * beside).sum(-1) / area
    hit = (u >= -1e-6) & (v >= -1e-6) & (u + v <= 1 + 1e-6) & (far > 0)
    return np.where(hit, far, 0.0).max(1, initial=0.0)


def _metres(values: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values / 1000, dtype=np.float32))
