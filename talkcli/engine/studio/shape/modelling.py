"""Modelling: the finer forms of the average face, given to the pieces after they are built.

The triangles and the UV are laid out on the implicit head of `anatomy`; what is modelled here moves vertices
only, so the topology stays what trained networks and saved avatars know.
"""

from dataclasses import replace

import numpy as np

from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.shape.anatomy import EYE_CENTRE
from talkcli.engine.studio.shape.modes import ModeField, Push
from talkcli.engine.studio.shape.patch import Patch

MODELLED = ("skin", "cavity", "left_ear", "right_ear", "hair")
FORMS: ModeField = (
    # brow and root of the nose
    Push((27, 43, 88), (26, 11, 24), (0, 2.0, 0.3)),
    Push((0, 40, 94), (14, 9, 20), (0, 0, 1.2)),
    Push((0, 27, 94), (10, 8, 18), (0, 0, -2.2)),
    # tip and wings of the nose
    Push((0, -12, 113), (5, 5, 8), (0, 0, 0.8)),
    Push((0, -3, 107), (8, 5, 10), (0, 0, -0.5)),
    Push((12.5, -8, 98), (4, 3, 10), (-0.4, 0, -1.2)),
    Push((15, -16, 97), (4, 5, 9), (0.9, 0, 0.4)),
    # cheeks: bone forward, a soft hollow below, narrower arches and sides
    Push((68, 4, 30), (22, 26, 36), (-2.8, 0, 0)),
    Push((40, 2, 72), (17, 12, 24), (0, 0, 1.8)),
    Push((46, -26, 60), (13, 14, 22), (-1.6, 0, -1.2)),
    Push((62, -30, 30), (22, 34, 40), (-3.0, 0, 0)),
    # philtrum, folds beside nose and mouth
    Push((0, -31, 106), (2.6, 6, 10), (0, 0, -0.8)),
    Push((4.6, -31, 106), (2.4, 6, 10), (0, 0, 0.5)),
    Push((21, -27, 96), (4.5, 10, 16), (0, 0, -0.8)),
    Push((29, -27, 90), (7, 12, 16), (0, 0, 0.8)),
    # corners of the mouth a hair upwards and tucked in
    Push((26, -45, 90), (9, 8, 18), (0, 1.4, -0.9)),
    # chin
    Push((0, -83, 92), (20, 13, 26), (0, 0, 2.4)),
    Push((0, -64, 98), (14, 5, 14), (0, 0, -0.8)),
    # sides of the chin, angle of the jaw
    Push((24, -86, 70), (12, 14, 24), (-1.4, 0, 0)),
    Push((52, -62, 30), (22, 26, 36), (-3.2, 1.0, 0)),
    Push((46, -80, 14), (14, 10, 26), (-2.6, 0, 0)),
)
"""Displacements in mm; none moves an eyeball or what lies on it."""
_LEFT, _RIGHT = np.array([1.0, 1.0, 1.0]), np.array([-1.0, 1.0, 1.0])
BALL, _FREE = 15.5, 23.0
"""mm from an eye's centre: within, forms do not act; beyond, freely"""
REST = 0.9
"""mm that the upper lid of a relaxed eye hangs lower than the fissure is cut: it covers the iris' edge"""


def modelled(points: Array) -> Array:
    """Points [..., 3] of the implicit head's surface with the forms of the face."""
    flat = points.reshape(-1, 3)
    moved = np.sum([form(flat) for form in FORMS], 0)
    eyes = [(flat * mirror - EYE_CENTRE, mirror) for mirror in (_LEFT, _RIGHT)]
    for local, _ in eyes:
        moved *= smooth(np.linalg.norm(local, axis=1), BALL, _FREE)[:, None]
    return points + (moved + sum(_rested(local) * mirror for local, mirror in eyes)).reshape(points.shape)


def _rested(local: Array) -> Array:
    """Displacements [n, 3] of an upper lid at rest, along the ball; points are relative to its centre."""
    x, y, z = local.T
    distance = np.linalg.norm(local, axis=1)
    upper = smooth(y, -3.0, 3.5) * smooth(y, 12.0, 6.5)
    weight = upper * np.clip(1 - (x / 14.5) ** 2, 0, 1) ** 0.6 * smooth(distance, 20.0, 15.0) * (z > 0)
    angle = -REST / 12.0 * weight
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([0 * x, y * cos + z * sin - y, z * cos - y * sin - z], 1)


def model(patch: Patch) -> Patch:
    """A piece of the head with the forms of the face."""
    return replace(patch, vertices=modelled(patch.vertices))
