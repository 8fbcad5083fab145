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
from talkcli.engine.studio.scanned.landmarks import LIMBUS

FLESH = (
    ("upper_gum", (204, 142, 134), 0.6, 0.30, 40.0),
    ("tongue", (182, 104, 100), 0.6, 0.36, 40.0),
    ("cavity", (150, 68, 64), 0.4, 0.40, 50.0),
)
"""Part, its sRGB in front, specular strength, roughness, and the z in mm where it is darkest."""


DIMMED = 0.75
"""Of `Look.exposure`, as a power: whites keep their place where the lights stand brighter."""

LID_SHADE = 0.42
"""Share of light that the upper lid and its lashes keep from the top of the eyeball."""

CAUSTIC = np.deg2rad(-55)
"""Where on an iris light gathers: opposite to the key light, radians from +x."""


def paint_eyes(
    paint: Paint, canvas: Canvas, own: Field, balls: dict[str, Ball], person: SkinParameters, exposure: float
) -> None:
    """Both eyeballs; `own` [n, 3] mm are the texels on the head itself, `balls` its eyes."""
    dimmed = exposure ** (-0.6 * DIMMED)
    for number, side in enumerate(SIDES):
        texels = np.flatnonzero(canvas.within(f"{side}_eye"))
        ball = balls[side]
        axis = ball.axis
        right = np.cross([0, 1, 0], axis)
        right /= np.linalg.norm(right)
        ray = own[texels] - ball.centre
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        ray = np.stack([ray @ right, ray @ np.cross(axis, right), ray @ axis], 1).astype(np.float32)
        off = (np.arccos(np.clip(ray[:, 2], -1, 1)) * IRIS / LIMBUS).astype(np.float32)
        around = np.arctan2(ray[:, 1], ray[:, 0])
        seed = person.seed + 200 + 50 * number
        edge = off + 0.012 * noise.octaves(ray * 6, 1, seed)
        limbus = smooth(edge, IRIS + 0.06, IRIS - 0.06)[:, None]
        size = person.pupil / 12
        pupil = smooth(off, size + 0.02, size - 0.02)[:, None]
        white = sclera_colour(person, ray, np.minimum(off, 1.6), around, seed)
        white = white * _whiteness(ray, off, person, seed)
        colour = white * (1 - limbus) + _iris(person, off, around, seed) * limbus
        colour = colour * (1 - pupil) + 0.004 * pupil
        paint.colour[texels] = dimmed * colour * (1 - LID_SHADE * smooth(ray[:, 1], 0.03, 0.30))[:, None]
        paint.strength[texels], paint.roughness[texels] = 0.9, 0.10


def _whiteness(ray: Field, off: Field, person: SkinParameters, seed: int) -> NDArray:
    """[k, 3] what is left of the white: rosy towards the corners, a little yellow, clouded."""
    corner = smooth(off, 0.55, 1.05)[:, None]
    cloud = 0.05 * noise.octaves(ray * 5, 2, seed + 31)[:, None]
    rosy = np.exp(-corner * (0.16 + 0.06 * person.mottling) * np.array([0.15, 1.0, 0.95]))
    return 1.12 * rosy * (1 + cloud) * np.array([1.0, 0.985, 0.955])


def _iris(person: SkinParameters, off: Field, around: Field, seed: int) -> NDArray:
    """The iris as light from above falls through the cornea: brightest on the far side below."""
    t = off / IRIS
    caustic = np.cos(around - CAUSTIC) * smooth(t, 0.35, 0.7) * smooth(t, 1.0, 0.85)
    return iris_colour(person, off, around, seed) * (0.98 + 0.5 * caustic)[:, None]


def paint_mouth(paint: Paint, canvas: Canvas, own: Field, person: SkinParameters, exposure: float) -> None:
    """All that lies behind the lips, darker the deeper it lies."""
    for jaw, up in (("upper", 1.0), ("lower", -1.0)):
        texels = np.flatnonzero(canvas.within(f"{jaw}_teeth"))
        _teeth(paint, texels, own, person, up)
        paint.colour[texels] *= exposure**-DIMMED
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
