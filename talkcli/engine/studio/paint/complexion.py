"""Complexion: the numbers that a painted skin, its hair and its eyes follow from, and a wide natural draw of
them."""

from dataclasses import dataclass

import numpy as np

GARMENT_COLOURS = (
    (0.055, 0.075, 0.11), (0.035, 0.035, 0.04), (0.17, 0.17, 0.18), (0.45, 0.44, 0.41),
    (0.06, 0.09, 0.07), (0.13, 0.045, 0.05), (0.16, 0.12, 0.085), (0.09, 0.13, 0.19),
)  # fmt: skip
"""linear reflectances of cloth: navy, charcoal, grey, ecru, moss, wine, khaki, denim"""

PALEST = 0.19
"""melanin of the lightest people drawn: below it a bright key leaves no colour in a face"""


@dataclass(frozen=True)
class SkinParameters:
    """One person's complexion. Amounts are 0 (none) to 1 (much) unless a unit is given."""

    melanin: float = 0.25
    """of the skin: 0.03 very light, 0.25 light, 0.6 medium, 1.1 brown, 2.2 dark, 3 very dark"""
    haemoglobin: float = 0.0
    """blood beyond the average, -0.2 pale .. 0.3 ruddy"""
    age: float = 30.0
    """years"""
    male: float = 0.0
    """0 female .. 1 male: brow, lip and beard patterns"""
    freckles: float = 0.0
    moles: int = 4
    mottling: float = 0.5
    """unevenness of tone"""
    blush: float = 0.5
    """redness of cheeks, nose and ears"""
    shadow_under_eyes: float = 0.3
    oil: float = 0.4
    """shine of the forehead, nose and chin"""
    pores: float = 0.5
    lip_blood: float = 0.5
    lip_melanin: float = 0.1
    stubble: float = 0.0
    """beard: 0 shaved clean or none, 0.3 shadow, 1 a week's growth"""
    hair_eumelanin: float = 0.7
    hair_pheomelanin: float = 0.15
    hair_grey: float = 0.0
    brow_density: float = 0.6
    brow_thickness: float = 0.5
    brow_arch: float = 0.5
    lash_strength: float = 0.5
    iris_melanin: float = 0.6
    """0 blue, 0.3 green or grey, 0.6 hazel, 1 dark brown"""
    iris_yellow: float = 0.4
    pupil: float = 1.9
    """radius, mm"""
    garment: tuple[float, float, float] = (0.055, 0.075, 0.11)
    """linear reflectance of what they wear"""
    seed: int = 0


def sample_skin(
    rng: np.random.Generator, male: float | None = None, age: float | None = None
) -> SkinParameters:
    """A person drawn wide and natural: tones evenly from very light to very dark, hair and eyes in keeping
    with the skin."""
    male = float(rng.random() < 0.5) if male is None else male
    age = float(rng.uniform(18, 75)) if age is None else age
    melanin = float(np.exp(rng.uniform(np.log(PALEST), np.log(2.4))))
    fairness = float(np.clip(1.25 - melanin / 0.5, 0, 1))
    hair = float(np.clip(1.0 - fairness * rng.beta(1.6, 1.6) * 0.95, 0.08, 1.0))
    red = float(rng.random() < 0.12 * fairness)
    iris = float(np.clip(1.0 - fairness * rng.beta(1.1, 0.9) * 1.05, 0.0, 1.0))
    grey = float(np.clip((age - 42) / 40 + rng.normal() * 0.2, 0, 1)) if age > 35 else 0.0
    bearded = male > 0.5 and rng.random() < 0.75
    return SkinParameters(
        melanin=melanin,
        haemoglobin=float(np.clip(rng.normal(0.08, 0.05), 0.0, 0.24)),
        age=age,
        male=male,
        freckles=float(np.clip(rng.normal(0.15 + 0.5 * red, 0.25), 0, 1) * fairness),
        moles=int(rng.poisson(4)),
        mottling=float(rng.beta(2, 2) * (0.55 + age / 250)),
        blush=float(0.25 + 0.75 * rng.beta(2, 2)),
        shadow_under_eyes=float(rng.beta(2, 4) + 0.2 * (age > 50)),
        oil=float(rng.beta(2, 3)),
        pores=float(rng.beta(2, 2)),
        lip_blood=float(np.clip(rng.beta(2.5, 2) - 0.25 * male, 0, 1)),
        lip_melanin=float(np.clip(rng.normal(0.1, 0.08), 0, 0.3)),
        stubble=float(rng.beta(1.1, 1.8)) if bearded else 0.0,
        hair_eumelanin=hair * (1 - 0.55 * red),
        hair_pheomelanin=float(np.clip(0.12 + 0.7 * red + rng.normal() * 0.06, 0, 1)),
        hair_grey=grey,
        brow_density=float(np.clip(rng.normal(0.55 + 0.15 * male, 0.12), 0.25, 1)),
        brow_thickness=float(np.clip(rng.normal(0.35 + 0.3 * male, 0.13), 0.1, 1)),
        brow_arch=float(np.clip(rng.normal(0.6 - 0.35 * male, 0.2), 0, 1)),
        lash_strength=float(np.clip(rng.normal(0.65 - 0.25 * male, 0.15), 0.2, 1)),
        iris_melanin=iris,
        iris_yellow=float(rng.beta(2, 3)),
        pupil=float(rng.uniform(1.5, 2.3)),
        garment=GARMENT_COLOURS[int(rng.integers(len(GARMENT_COLOURS)))],
        seed=int(rng.integers(1 << 30)),
    )
