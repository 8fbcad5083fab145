"""Lashes along the lid margins and short hair over the scalp."""

import numpy as np

from talkcli.engine.studio.domain import CENTRE
from talkcli.engine.studio.patch import Array, Index, Patch, grid
from talkcli.engine.studio.rings import Loops
from talkcli.engine.studio.sdf import march

LASH_LENGTH = {True: 8.0, False: 4.2}
"""upper, lower, mm"""


def lashes(eye: Loops, margin: int) -> tuple[Patch, Index]:
    """The left eye's lashes, five-point blades curling off the margin ring; and for each vertex (margin column, percent of its length)."""
    points, upper, s = eye.points[margin], eye.upper, eye.along
    columns = [j for j in range(len(s)) if 0.05 < s[j] < 0.985]
    vertices, faces, roots = [], [], []
    rng = np.random.default_rng(7)
    centre = points.mean(0)
    for j in columns:
        k = (j + 1) % len(s)
        if upper[j] != upper[k] and 0.05 < s[j] < 0.95:
            continue
        for part in (0.25, 0.75) if upper[j] else (0.5,):
            base = points[j] * (1 - part) + points[k] * part
            along = points[k] - points[j]
            along /= np.linalg.norm(along) + 1e-9
            fan = (base[0] - centre[0]) / 15.0
            size = LASH_LENGTH[bool(upper[j])] * (0.75 + 0.3 * s[j]) * rng.uniform(0.85, 1.1)
            lift = 1.0 if upper[j] else -1.0
            out = np.array([0.45 * fan + rng.uniform(-0.12, 0.12), 0.1 * lift, 1.0])
            rise = np.array([0.3 * fan, 0.95 * lift, 0.1])
            first = len(vertices)
            for t, half in ((0.0, 0.2), (0.55, 0.12)):
                spine = base + size * (t * 0.72 * out + t**2 * 0.62 * rise) - [0, 0, 0.35 * (t == 0)]
                vertices += [spine - half * along, spine + half * along]
            vertices.append(base + size * (0.72 * out + 0.62 * rise))
            roots += [(j, 0), (j, 0), (j, 55), (j, 55), (j, 100)]
            faces += [(first, first + 1, first + 2), (first + 2, first + 1, first + 3), (first + 2, first + 3, first + 4)]
    count = len(vertices) // 5
    cell = np.array([[0.05, 0], [0.8, 0], [0.1, 0.55], [0.7, 0.55], [0.4, 1.0]])
    uv = np.concatenate([(cell + [i, 0]) / [count, 1] for i in range(count)])
    index = np.array(faces)
    return Patch(np.array(vertices), index, uv, index), np.array(roots)


def hairline(azimuth: Array) -> Array:
    """Elevation (radians) where the hair ends, by azimuth from the front."""
    a = np.abs(azimuth)
    knots = np.array([0, 0.35, 0.75, 1.05, 1.3, 1.55, 1.9, 2.5, np.pi])
    return np.deg2rad(np.interp(a, knots, [47, 46, 42, 27, 2, -6, -12, -30, -33]))


def cap(rows: Array) -> Patch:
    """A thin shell of hair over the scalp that dips into the skin at the hairline."""
    columns, bands = 56, 14
    azimuth = np.arange(columns) / columns * 2 * np.pi
    signed = (azimuth + np.pi) % (2 * np.pi) - np.pi
    edge = hairline(signed)
    rings = []
    for t in (np.arange(bands) + 1) / bands:
        elevation = np.pi / 2 + (edge - np.pi / 2) * t
        ray = np.stack([np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)], 1)
        rings.append(march(rows, CENTRE, ray, 190.0) + ray * (9.0 * np.clip((1 - t) * 4, 0, 1) ** 0.6 - 1.2))
    return grid(np.stack(rings), closed=True, first_pole=True)
