"""Eyeballs, teeth, gums, tongue and the lining of the mouth; positions in the template's millimetres."""

import numpy as np

from talkcli.engine.studio import noise
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.paint.pigment import from_srgb

IRIS = 0.5
"""radians from the eye's axis to the limbus"""


def sclera_colour(
    person: SkinParameters, ray: np.ndarray, off: np.ndarray, around: np.ndarray, seed: int
) -> np.ndarray:
    old = np.clip((person.age - 20) / 60, 0, 1)
    white = from_srgb(np.array([189 - 10 * old, 179 - 14 * old, 170 - 26 * old])) * (
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
    blue, green = from_srgb(np.array([82, 96, 106])), from_srgb(np.array([88, 90, 66]))
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
    light *= 1 - 0.82 * smooth(t, 0.62, 0.97)
    return np.clip(colour * np.clip(light, 0.15, 2)[:, None], 0, 1)
