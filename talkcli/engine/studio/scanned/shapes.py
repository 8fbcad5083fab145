"""The shapes of `talk` on FaceKit: ARKit's 52 by name, and two more of the tongue."""

from __future__ import annotations

import numpy as np

from talkcli.engine.face.arkit import ARKIT
from talkcli.engine.face.jaw import JAW_OPEN
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scanned.balls import SIDES, TURN, fitted_ball, turned
from talkcli.engine.studio.scanned.source import RANGES, SKIN_VERTS, VERTS, Source

_EXTRAS = ("tongueUp", "tongueBack")
"""Tip to the ridge behind the teeth (t, d, n, l); back to the soft palate (k, g, ng)."""

SHAPE_NAMES = ARKIT + _EXTRAS

JAW_ANGLE = 0.442
"""Radians that FaceKit's jawOpen turns the teeth."""

HINGE = np.array([0.0, -19.5, 10.2])
"""mm: the axis of that turn, along x."""

CLOSING = 0.86
"""FaceKit's mouthClose moves the lips 1.17 times as far as its jawOpen parts them."""


def make_shapes(source: Source, tongue: Index) -> Array:
    """[SHAPE_NAMES, VERTS, 3] mm at weight 1; `tongue` are its vertices."""
    shapes = dict(source.shapes) | tongue_shapes(source.base, tongue)
    shapes["jawOpen"] = shapes["jawOpen"] * (JAW_OPEN / JAW_ANGLE)
    shapes["mouthClose"] = shapes["mouthClose"] * (JAW_OPEN / JAW_ANGLE * CLOSING)
    shapes["eyeBlinkLeft"] = _mirrored(source, shapes["eyeBlinkRight"], shapes["eyeBlinkLeft"])
    for side, out in zip(SIDES, (1, -1), strict=True):
        ball = slice(*RANGES[f"{side}_eye"])
        ray = source.base[ball] - fitted_ball(source.base[ball]).centre
        for kind, (pitch, yaw) in TURN.items():
            name = f"eye{kind}{side.capitalize()}"
            shapes[name] = shapes[name].copy()
            shapes[name][ball] = turned(ray, pitch, out * yaw)
    return np.stack([shapes[name] for name in SHAPE_NAMES])


def opened_teeth(points: Array) -> Array:
    """[n, 3] mm: what jawOpen at weight 1 moves points by that ride on the jaw, its share of JAW_ANGLE."""
    cos, sin = np.cos(JAW_ANGLE), np.sin(JAW_ANGLE)
    turn = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return ((points - HINGE) @ turn.T + HINGE - points) * (JAW_OPEN / JAW_ANGLE)


def _mirrored(source: Source, right: Array, left: Array) -> Array:
    """The left shape with its skin as the right one's mirror image: FaceKit's left blink is dented."""
    out = left.copy()
    out[:SKIN_VERTS] = right[source.skin_mirror()] * [-1, 1, 1]
    return out


def tongue_shapes(base: Array, tongue: Index) -> dict[str, Array]:
    """tongueOut, tongueUp, tongueBack, [VERTS, 3] mm: FaceKit has none."""
    x, y, z = base[tongue].T
    front = np.clip((z - z.min()) / (z.max() - z.min()), 0, 1)
    floor = np.median(y[front > 0.75])
    tip, flat = _ramp(front, 0.35, 1.0), _ramp(front, 0.1, 0.6)
    hump = np.exp(-(((front - 0.45) / 0.28) ** 2))

    def placed(dx: Array, dy: Array, dz: Array) -> Array:
        out = np.zeros((VERTS, 3))
        out[tongue] = np.stack([dx, dy, dz], 1)
        return out

    return {
        "tongueOut": placed(-0.3 * x * flat, 5.0 * flat - 0.5 * (y - floor) * flat, 26 * front**1.2),
        "tongueUp": placed(-0.12 * x * tip, 8.5 * tip**1.5 - 0.3 * (y - floor) * tip, 1.0 * tip),
        "tongueBack": placed(0 * x, 9.0 * hump - 1.5 * tip, -4.0 * _ramp(front, 0.0, 0.8)),
    }


def _ramp(x: Array, start: float, stop: float) -> Array:
    """0 before start, 1 after stop, a cubic between."""
    t = np.clip((x - start) / (stop - start), 0, 1)
    return t * t * (3 - 2 * t)
