"""Eyeballs, teeth, gums, tongue and the lining of the scanned mouth, in its own millimetres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.studio import noise
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint.canvas import Canvas, Field
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.paint.eyes_and_mouth import IRIS, iris_colour, sclera_colour
from talkcli.engine.studio.paint.paint import Paint
from talkcli.engine.studio.paint.pigment import from_srgb
from talkcli.engine.studio.scanned.balls import SIDES, Ball
from talkcli.engine.studio.scanned.landmarks import LIMBUS, gaze_axis

FLESH = (
    ("upper_gum", (178, 100, 96), 0.7, 0.28, 40.0),
    ("tongue", (182, 104, 100), 0.6, 0.36, 40.0),
    ("cavity", (150, 68, 64), 0.4, 0.40, 50.0),
)
"""Part, its sRGB in front, specular strength, roughness, and the z in mm where it is darkest."""


def paint_eyes(
    paint: Paint, canvas: Canvas, own: Field, balls: dict[str, Ball], person: SkinParameters
) -> None:
    """Both eyeballs; `own` [n, 3] mm are the texels on the head itself, `balls` its eyes."""
    for number, side in enumerate(SIDES):
        texels = np.flatnonzero(canvas.within(f"{side}_eye"))
        ball = balls[side]
        axis = gaze_axis(ball.axis, side)
        right = np.cross([0, 1, 0], axis)
        right /= np.linalg.norm(right)
        ray = own[texels] - ball.centre
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        ray = np.stack([ray @ right, ray @ np.cross(axis, right), ray @ axis], 1).astype(np.float32)
        off = np.arccos(np.clip(ray[:, 2], -1, 1)) * IRIS / LIMBUS
        around = np.arctan2(ray[:, 1], ray[:, 0])
        seed = person.seed + 200 + 50 * number
        edge = off + 0.012 * noise.octaves(ray * 6, 1, seed)
        limbus = smooth(edge, IRIS + 0.035, IRIS - 0.05)[:, None]
        size = person.pupil / 12
        pupil = smooth(off, size + 0.02, size - 0.02)[:, None]
        white = sclera_colour(person, ray, np.minimum(off, 1.6), around, seed) * 1.18
        colour = white * (1 - limbus) + iris_colour(person, off, around, seed) * limbus
        paint.colour[texels] = colour * (1 - pupil) + 0.004 * pupil
        paint.strength[texels], paint.roughness[texels] = 0.9, 0.10


def paint_mouth(paint: Paint, canvas: Canvas, own: Field, person: SkinParameters) -> None:
    """All that lies behind the lips, darker the deeper it lies."""
    for jaw, up in (("upper", 1.0), ("lower", -1.0)):
        _teeth(paint, np.flatnonzero(canvas.within(f"{jaw}_teeth")), own, person, up)
    for part, srgb, strength, roughness, back in FLESH:
        texels = np.flatnonzero(canvas.within(part))
        bumps = noise.octaves(own[texels] / 1.1, 2, person.seed + 302)
        lit = (1 + 0.10 * bumps) * _depth(own[texels, 2], 98, back, 0.45)
        paint.colour[texels] = from_srgb(np.array(srgb)) * lit[:, None]
        paint.strength[texels], paint.roughness[texels] = strength, roughness
        paint.height[texels] = 0.08 * bumps if part == "tongue" else 0.0


def _teeth(paint: Paint, texels: NDArray, own: Field, person: SkinParameters, up: float) -> None:
    old = np.clip((person.age - 20) / 60, 0, 1)
    points = own[texels]
    height = points[:, 1] * up
    crown = np.clip((height - np.percentile(height, 4)) / 10, 0, 1)
    enamel = from_srgb(np.array([222 - 10 * old, 212 - 16 * old, 194 - 30 * old]))
    neck = from_srgb(np.array([198 - 8 * old, 176 - 14 * old, 142 - 26 * old]))
    blend = smooth(crown, 0.4, 1.0)[:, None]
    ridges = noise.octaves(points * np.array([0.9, 0.15, 0.9], np.float32), 2, person.seed + 311)
    inward = 1 - _depth(points[:, 2], 92, 60, 0.0)[:, None]
    colour = (enamel * (1 - blend) + neck * blend) * (1 + 0.03 * ridges)[:, None]
    paint.colour[texels] = colour * (1 - inward * np.array([0.34, 0.60, 0.66]))
    paint.strength[texels] = 0.75 * _depth(points[:, 2], 90, 66, 0.1)
    paint.roughness[texels] = 0.22
    paint.height[texels] = 0.03 * ridges


def _depth(z: Field, front: float, back: float, least: float) -> Field:
    """[k] light that reaches into the mouth: 1 at z = front, `least` at z = back."""
    return least + (1 - least) * smooth(z, back, front)
