"""The scalp: where hair begins and which way it lies, by directions from the middle of the head.

Places are those of the head that the painters know (mm; `scanned.fields` has where each vertex lies on it).
"""

import numpy as np
from scipy.spatial import KDTree

from talkcli.engine.studio.arrays import Array

CENTRE = np.array([0.0, 5.0, 15.0])
"""mm: from where the scalp is seen."""

SKIN_RADIUS = 92.0
"""Mean distance of the skin from CENTRE: turns lengths into angles."""


def directions(points: Array) -> Array:
    """Unit directions [..., 3] of points as seen from CENTRE."""
    way = points - CENTRE
    return way / np.linalg.norm(way, axis=-1, keepdims=True)


AZIMUTHS = (
    0, 0.3, 0.55, 0.72, 0.85, 0.96, 1.06, 1.15, 1.22, 1.27, 1.34, 1.4, 1.75, 1.9, 2.06, 2.25, 2.6, np.pi,
)  # fmt: skip
_HAIRLINE = (55.5, 55.5, 54.5, 52, 48, 42.5, 35, 25, 12, 0, -4, -3, 15.5, 17, -4, -17, -22, -23)
"""the hairline: elevation in degrees from CENTRE by azimuth from the front: forehead, temple, sideburn, ear,
nape"""


def hairline(azimuth: Array) -> Array:
    """Elevation (radians) where the hair ends, by azimuth from the front."""
    return np.deg2rad(np.interp(np.abs(azimuth), AZIMUTHS, _HAIRLINE))


def ray(azimuth: Array, elevation: Array) -> Array:
    """Unit directions [..., 3]."""
    flat = np.cos(elevation)
    return np.stack([np.sin(azimuth) * flat, np.sin(elevation), np.cos(azimuth) * flat], -1)


def border(count: int) -> Array:
    """[count, 3] unit directions of the hairline, evenly spaced from the back by the right side."""
    azimuth = np.linspace(-np.pi, np.pi, 4001)
    way = ray(azimuth, hairline(azimuth))
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
    azimuth = np.interp((np.arange(count) + 0.5) / count * length[-1], length, azimuth)
    return ray(azimuth, hairline(azimuth))


WHORL = np.array([0.12, 0.86, -0.5]) / np.linalg.norm([0.12, 0.86, -0.5])
"""where the hair's flow starts, behind the crown"""


def bearing(way: Array) -> Array:
    """[n] radians round the whorl of unit directions [n, 3]."""
    right = np.cross([0.0, 1.0, 0.0], WHORL)
    return np.arctan2(way @ right, way @ np.cross(WHORL, right))


def ends(way: Array) -> Array:
    """[n, 3] where on the hairline great circles from the whorl through unit directions [n, 3] end."""
    edge = border(1000)
    end = np.stack([np.interp(bearing(way), bearing(edge), axis, period=2 * np.pi) for axis in edge.T], 1)
    return end / np.linalg.norm(end, axis=1, keepdims=True)


def reach(way: Array) -> Array:
    """[n] mm over the skin from the whorl to unit directions [n, 3]."""
    return np.arccos(np.clip(way @ WHORL, -1, 1)) * SKIN_RADIUS


def inside(way: Array, farthest: float = np.inf) -> Array:
    """[n] mm from unit directions [n, 3] to the nearest of the hairline, negative on face and neck. What is
    `farthest` mm away or more is as far as can be: it is not looked for."""
    chord = 2 * np.sin(min(farthest / SKIN_RADIUS, np.pi) / 2)
    near = np.minimum(KDTree(border(2000)).query(way, distance_upper_bound=chord)[0], 2)
    return np.sign(reach(ends(way)) - reach(way)) * SKIN_RADIUS * 2 * np.arcsin(near / 2)


def inwards(edge: Array, inward: Array) -> Array:
    """Unit directions [n, 3] `inward` mm [n] from places of the hairline to the whorl."""
    left = inward / SKIN_RADIUS
    way = WHORL * np.sin(left)[:, None] + edge * np.sin(reach(edge) / SKIN_RADIUS - left)[:, None]
    return way / np.linalg.norm(way, axis=1, keepdims=True)


def comb(way: Array) -> Array:
    """[n, 3] the way hair lies at unit directions: up and back from the forehead, back at the temples, else
    down from the whorl."""
    aside = np.abs(np.arctan2(way[:, 0], way[:, 2]))[:, None]
    front = 1 / (1 + np.exp((aside - 1.0) / 0.12))
    back = np.exp(-(((aside - 1.05) / 0.3) ** 2))
    flow = (way - WHORL) * (1 - 2 * front) + [0.25, 0, 0] * front - [0, 0, 0.8] * back
    flow -= (flow * way).sum(1, keepdims=True) * way
    return flow / np.linalg.norm(flow, axis=1, keepdims=True)
