"""Eyeballs, teeth, gums, tongue and the lining of the mouth; positions in the template's millimetres."""

import numpy as np

from talkcli.engine.studio import noise
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint.canvas import Canvas
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.paint.paint import Paint, Region
from talkcli.engine.studio.paint.pigment import from_srgb
from talkcli.engine.studio.shape.anatomy import EYE_CENTRE

IRIS = 0.5
"""radians from the eye's axis to the limbus"""


def paint_eyes(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """Both eyeballs: veined sclera that the lids shade, limbal ring, fibred iris, pupil."""
    for number, side in enumerate(("left_eye", "right_eye")):
        _eyeball(paint, canvas, person, side, number)


def _eyeball(paint: Paint, canvas: Canvas, person: SkinParameters, part: str, number: int) -> None:
    eye = Region.of(canvas, canvas.within(part))
    if not len(eye.texels):
        return
    seed = person.seed + 200 + 50 * number
    centre = EYE_CENTRE * [1 if part == "left_eye" else -1, 1, 1]
    ray = eye.position - centre.astype(np.float32)
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    off = np.arccos(np.clip(ray[:, 2], -1, 1))
    around = np.arctan2(ray[:, 1], ray[:, 0])
    sclera = sclera_colour(person, ray, off, around, seed)
    iris = iris_colour(person, off, around, seed)
    limbus = smooth(off + 0.012 * noise.octaves(ray * 6, 1, seed), IRIS + 0.035, IRIS - 0.045)
    pupil = smooth(off, person.pupil / 12 + 0.02, person.pupil / 12 - 0.02)
    colour = sclera * (1 - limbus[:, None]) + iris * limbus[:, None]
    paint.colour[eye.texels] = colour * (1 - pupil[:, None]) + 0.004 * pupil[:, None]
    paint.strength[eye.texels] = 0.9
    paint.roughness[eye.texels] = 0.10 + 0.06 * (1 - limbus)


def sclera_colour(
    person: SkinParameters, ray: np.ndarray, off: np.ndarray, around: np.ndarray, seed: int
) -> np.ndarray:
    old = np.clip((person.age - 20) / 60, 0, 1)
    white = from_srgb(np.array([190 - 8 * old, 181 - 12 * old, 173 - 20 * old])) * (
        1 - 0.11 * min(2.0, person.melanin)
    )
    colour = np.tile(white, (len(off), 1))
    outer = smooth(off, 0.62, 1.2)
    warp = ray * 3 + 0.5 * noise.octaves(ray * 4, 2, seed + 1)[:, None]
    vein = smooth(np.abs(noise.octaves(warp * np.array([1.0, 2.2, 1.0]), 2, seed + 2)), 0.06, 0.0) * outer
    fine = smooth(np.abs(noise.octaves(warp * 2.3, 2, seed + 3)), 0.07, 0.0) * outer
    pink = np.clip(0.05 * outer + 0.14 * smooth(off, 0.9, 1.5) + 0.26 * vein + 0.14 * fine, 0, 0.8)[:, None]
    colour *= np.exp(-pink * np.array([0.12, 1.0, 0.9]))
    shade = 0.50 * smooth(ray[:, 1], -0.08, 0.42) + 0.18 * smooth(-ray[:, 1], 0.15, 0.5)
    corner = 1 - 0.35 * smooth(off, 0.6, 1.15)
    return colour * (corner * (1 - shade))[:, None]


def iris_colour(person: SkinParameters, off: np.ndarray, around: np.ndarray, seed: int) -> np.ndarray:
    """Blue is scattering without pigment; pigment first fills the collarette, then the whole iris."""
    t = np.clip((off - person.pupil / 12) / (IRIS - person.pupil / 12), 0, 1)
    ring = np.stack([np.cos(around), np.sin(around)], 1)
    fibre = noise.octaves(np.column_stack([ring * 6.5, t * 1.2]), 2, seed + 11)
    coarse = noise.octaves(np.column_stack([ring * 2.2, t * 2.5]), 2, seed + 12)
    blue, green = from_srgb(np.array([86, 106, 122])), from_srgb(np.array([94, 98, 70]))
    amber, brown = from_srgb(np.array([106, 68, 36])), from_srgb(np.array([56, 35, 23]))
    base = blue * (1 - person.iris_yellow) + (0.55 * blue + 0.45 * green) * person.iris_yellow
    melanin = person.iris_melanin
    central = np.clip(smooth(t + 0.12 * coarse, 0.50, 0.15) * 1.1, 0, 1)
    amount = np.clip(
        1.6 * melanin - 0.35 + (0.35 + 0.6 * person.iris_yellow) * central * (melanin + 0.15) + 0.15 * coarse,
        0,
        1,
    )
    pigment = amber + (brown - amber) * np.clip(1.5 * melanin - 0.45, 0, 1)
    colour = base * (1 - amount[:, None]) + pigment * amount[:, None]
    light = 1 + 0.38 * fibre + 0.12 * coarse + 0.25 * np.exp(-(((t - 0.32) / 0.1) ** 2))
    light *= 1 - 0.72 * smooth(t, 0.70, 0.98)
    return np.clip(colour * np.clip(light, 0.15, 2)[:, None], 0, 1)


def paint_mouth(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """Teeth, gums, tongue and the dark behind them."""
    _teeth(paint, canvas, person, "upper")
    _teeth(paint, canvas, person, "lower")
    seed = person.seed
    gums = Region.of(canvas, canvas.within("upper_gum", "lower_gum"))
    pink = from_srgb(np.array([182, 104, 100])) * (1 - 0.25 * min(1.0, person.melanin * 0.6))
    stipple = 1 + 0.10 * noise.octaves(gums.position / 0.9, 2, seed + 301)
    paint.colour[gums.texels] = pink * (stipple * _depth(gums, 96, 56, 0.8))[:, None]
    paint.strength[gums.texels], paint.roughness[gums.texels] = 0.7, 0.28

    tongue = Region.of(canvas, canvas.within("tongue"))
    bumps = noise.octaves(tongue.position / 1.1, 2, seed + 302)
    groove = np.exp(-((tongue.x / 1.6) ** 2)) * 0.18
    flesh = from_srgb(np.array([186, 106, 102]))
    paint.colour[tongue.texels] = (
        flesh * ((1 + 0.13 * bumps - groove) * _depth(tongue, 90, 40, 0.75))[:, None]
    )
    paint.strength[tongue.texels], paint.roughness[tongue.texels] = 0.6, 0.36
    paint.height[tongue.texels] = 0.10 * bumps

    lining = Region.of(canvas, canvas.within("cavity"))
    near = _depth(lining, 98, 52, 0.5)
    flesh = from_srgb(np.array([158, 74, 70]))
    paint.colour[lining.texels] = flesh * near[:, None] + 0.002
    paint.strength[lining.texels], paint.roughness[lining.texels] = 0.5 * near, 0.35


def _depth(region: Region, front: float, back: float, least: float) -> np.ndarray:
    """[k] light that reaches into the mouth: 1 at z = front, `least` at z = back."""
    return least + (1 - least) * smooth(region.z, back, front) ** 1.3


def _teeth(paint: Paint, canvas: Canvas, person: SkinParameters, jaw: str) -> None:
    teeth = Region.of(canvas, canvas.within(f"{jaw}_teeth"))
    if not len(teeth.texels):
        return
    up = 1.0 if jaw == "upper" else -1.0
    edge = -47.4 if jaw == "upper" else -46.7
    crown = np.clip((teeth.y - edge) * up / 9.5, 0, 1)
    old = np.clip((person.age - 20) / 60, 0, 1)
    enamel = from_srgb(np.array([226 - 10 * old, 216 - 16 * old, 198 - 30 * old]))
    neck = from_srgb(np.array([206 - 8 * old, 184 - 14 * old, 150 - 26 * old]))
    blend = smooth(crown, 0.35, 1.0)[:, None]
    colour = enamel * (1 - blend) + neck * blend
    clear = smooth(crown, 0.16, 0.0) * (teeth.z > 84)
    colour *= 1 - clear[:, None] * np.array([0.10, 0.08, 0.05])
    ridges = noise.octaves(teeth.position * np.array([0.9, 0.15, 0.9]), 2, person.seed + 311)
    cloud = noise.octaves(teeth.position / 3, 2, person.seed + 312)
    colour *= (1 + 0.03 * ridges + 0.03 * cloud)[:, None]
    paint.colour[teeth.texels] = colour * _depth(teeth, 92, 58, 0.55)[:, None]
    paint.strength[teeth.texels], paint.roughness[teeth.texels] = 0.75, 0.22
    paint.height[teeth.texels] = 0.03 * ridges
