"""Eyeballs: where they lie, how they turn, and identities that move them without bending them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkcli.engine.face.arkit import LOOK_ASIDE, LOOK_UP
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.loops import FACE, LID_LOOPS, EyeLoops
from talkcli.engine.studio.scanned.source import RANGES, Source

SIDES = ("left", "right")

TURN = {
    "LookUp": (-LOOK_UP, 0.0),
    "LookDown": (LOOK_UP, 0.0),
    "LookIn": (0.0, -LOOK_ASIDE),
    "LookOut": (0.0, LOOK_ASIDE),
}
"""Degrees about x, and about y towards the temple, that an eyeball turns at weight 1."""

LISTENER = np.array([0.0, 20.0, 1100.0])
"""mm: what eyes at rest look at, about where a portrait's camera stands."""

FREE = 9
"""The loop of the lids from which on they need not move with the eyeball."""


@dataclass(frozen=True)
class Ball:
    """One eyeball of the mean face; lengths in mm."""

    centre: Array
    axis: Array
    """[3] unit, from the centre through the cornea"""


def fitted_ball(points: Array) -> Ball:
    """The sphere of a whole eyeball's back, and its axis."""
    back = points[points[:, 2] < points[:, 2].mean()]
    system = np.column_stack([2 * back, np.ones(len(back))])
    solution = np.linalg.lstsq(system, (back**2).sum(1), rcond=None)[0]
    return Ball(solution[:3], cornea_axis(points, solution[:3]))


def cornea_axis(points: Array, centre: Array) -> Array:
    """[3] unit, from the centre of an eyeball through its cornea."""
    ray = points - centre
    far = np.linalg.norm(ray, axis=1)
    axis = ray[far > 0.97 * far.max()].mean(0)
    return axis / np.linalg.norm(axis)


def balls_of(base: Array) -> dict[str, Ball]:
    """Both, of FaceKit's vertices [VERTS, 3]."""
    return {side: fitted_ball(base[slice(*RANGES[f"{side}_eye"])]) for side in SIDES}


def facing(base: Array, point: Array) -> Array:
    """FaceKit's vertices [VERTS, 3] with either eyeball turned to a point: they come 6 degrees apart."""
    out = base.copy()
    for side, ball in balls_of(base).items():
        part = slice(*RANGES[f"{side}_eye"])
        way = (point - ball.centre) / np.linalg.norm(point - ball.centre)
        across = np.cross(ball.axis, way)
        skew = np.array([[0, -across[2], across[1]], [across[2], 0, -across[0]], [-across[1], across[0], 0]])
        turn = np.eye(3) + skew + skew @ skew / (1 + ball.axis @ way)
        out[part] = (base[part] - ball.centre) @ turn.T + ball.centre
    return out


def turned(rest: Array, pitch: float, yaw: float) -> Array:
    """Displacements [n, 3] of points about the origin turned by degrees about x, then about y."""
    p, w = np.deg2rad([pitch, yaw])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(w), 0, np.sin(w)], [0, 1, 0], [-np.sin(w), 0, np.cos(w)]])
    return rest @ (about_y @ about_x).T - rest


def round_modes(source: Source, loops: dict[str, EyeLoops]) -> Array:
    """Identity modes in which eyeballs only shift and grow, and lids keep their distance from them.

    FaceKit's shear them: by up to 0.5 mm per standard deviation, so that lids enter what they lie on.
    """
    modes = source.identity.copy()
    for side in SIDES:
        part = slice(*RANGES[f"{side}_eye"])
        centre = fitted_ball(source.base[part]).centre
        ray = source.base[part] - centre
        spread = ray - ray.mean(0)
        growth = (modes[:, part] * spread).sum((1, 2)) / (spread**2).sum()
        shift = modes[:, part].mean(1) - growth[:, None] * ray.mean(0)
        modes[:, part] = shift[:, None] + growth[:, None, None] * ray
        lids = np.flatnonzero((loops[side].ring[:FACE] >= 0) & (loops[side].ring[:FACE] < LID_LOOPS))
        hold = np.clip((FREE - loops[side].ring[lids]) / (FREE - 3), 0, 1)
        outward = source.base[lids] - centre
        with_ball = shift[:, None] + growth[:, None, None] * outward
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        across = ((modes[:, lids] - with_ball) * outward).sum(-1, keepdims=True)
        modes[:, lids] -= across * outward * hold[:, None]
    return modes
