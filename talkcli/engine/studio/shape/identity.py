"""The space of faces: named modes, each a smooth displacement of the template, in standard deviations of a
broad population.

Displacements are linear in the parameters, so a basis holds them exactly; their gradients are kept small, so
no triangle turns over within the population's range. Most modes are fields over space (`modes`), so every
part rides along; eyeballs only ever move as rigid bodies or grow as spheres, and the lids next to them move
with them or along the ball.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.shape.anatomy import EYE_CENTRE, EYE_RADIUS
from talkcli.engine.studio.shape.hair import hang
from talkcli.engine.studio.shape.modes import MODE_FIELDS

LID_MODES = ("eye_size", "fissure_width", "fissure_height", "eye_tilt", "epicanthus")
HAIR_MODES = ("hair_length", "hair_volume", "hair_top", "hair_sides", "hair_fringe")
MODE_NAMES = (*MODE_FIELDS, *LID_MODES, *HAIR_MODES)
RIGID_RADIUS, FREE_RADIUS = 14.5, 27.0
"""mm from an eye's centre: within, fields act as at the centre; beyond, freely"""


@dataclass(frozen=True)
class HeadParameters:
    """A point of the space: one number per mode in standard deviations, 0 the template."""

    values: Array
    """[modes] in the order of MODE_NAMES"""

    @classmethod
    def of(cls, **values: float) -> "HeadParameters":
        """The template changed in a few named modes."""
        unknown = set(values) - set(MODE_NAMES)
        assert not unknown, f"no such mode: {sorted(unknown)}"
        return cls(np.array([values.get(name, 0.0) for name in MODE_NAMES]))


def _smooth(x: Array, start: float, stop: float) -> Array:
    """0 before start, 1 after stop, a cubic between."""
    t = np.clip((x - start) / (stop - start), 0, 1)
    return t * t * (3 - 2 * t)


def basis(points: Array, hair: Index, hair_rise: Array) -> Array:
    """Every mode's displacement [modes, v, 3] of the template's points [v, 3]; `hair` indexes those of the
    hair, which stand off the scalp by `hair_rise` [hair, 3]."""
    result = np.zeros((len(MODE_NAMES), len(points), 3))
    for row, name in enumerate(MODE_FIELDS):
        result[row] = _field(name, points)
    for row, name in enumerate(LID_MODES, len(MODE_FIELDS)):
        result[row] = _lids(name, points)
    for row, name in enumerate(HAIR_MODES, len(MODE_FIELDS) + len(LID_MODES)):
        if name == "hair_length":
            result[row][hair] = hang(points[hair])
        else:
            result[row][hair] = hair_rise * _hair(name, points[hair])[:, None]
    return result


def _field(name: str, points: Array) -> Array:
    """A mode of MODE_FIELDS, made rigid about the eyes."""
    everywhere = np.concatenate([points, EYE_CENTRE[None], EYE_CENTRE[None] * [-1, 1, 1]])
    moved = sum((term(everywhere) for term in MODE_FIELDS[name]), np.zeros_like(everywhere))
    result = moved[:-2]
    for centre, rigid in ((EYE_CENTRE, moved[-2]), (EYE_CENTRE * [-1, 1, 1], moved[-1])):
        free = _smooth(np.linalg.norm(points - centre, axis=1), RIGID_RADIUS, FREE_RADIUS)[:, None]
        result = result * free + rigid * (1 - free)
    return result


def _lids(name: str, points: Array) -> Array:
    """Modes of the eyes: growth of the ball with its lids, and slides of the lids along the ball."""
    result = np.zeros_like(points)
    for sign in (1, -1):
        local = points * [sign, 1, 1] - EYE_CENTRE
        distance = np.linalg.norm(local, axis=1)
        near = (1 - _smooth(distance, RIGID_RADIUS + 4, FREE_RADIUS + 4))[:, None]
        if name == "eye_size":
            moved = local * 0.03 * near
        else:
            outside = _smooth(distance, EYE_RADIUS + 0.75, EYE_RADIUS + 0.95)[:, None]
            moved = _slide(name, local, distance) * near * outside
        result += moved * [sign, 1, 1]
    return result


def _slide(name: str, local: Array, distance: Array) -> Array:
    """A tangential shift of the lids [v, 3] about the left eye."""
    x, y = local[:, 0], local[:, 1]
    zero = np.zeros_like(x)
    if name == "fissure_width":
        shift = np.stack([0.055 * x, zero, zero], 1)
    elif name == "fissure_height":
        shift = np.stack([zero, 0.07 * y * np.exp(-((x / 14) ** 2)), zero], 1)
    elif name == "eye_tilt":
        shift = np.stack([-0.045 * y, 0.045 * x, zero], 1)
    else:
        inner = np.exp(-(((x + 15) / 7) ** 2) - ((y - 3) / 7) ** 2)
        shift = np.stack([0.5 * inner, -0.7 * inner, 0.3 * inner], 1)
    normal = local / (distance[:, None] + 1e-9)
    return shift - (shift * normal).sum(1, keepdims=True) * normal


def _hair(name: str, points: Array) -> Array:
    """How much a hair mode lengthens hair at points [v], a share of its standing."""
    top = _smooth(points[:, 1], 70, 120)
    front = _smooth(points[:, 2], 40, 85) * _smooth(points[:, 1], 50, 90)
    return {
        "hair_volume": 0.25 + 0 * top,
        "hair_top": 0.4 * top,
        "hair_sides": 0.35 * (1 - top),
        "hair_fringe": 0.45 * front,
    }[name]


SEX: Mapping[str, float] = {
    "brow_ridge": 0.9,
    "glabella": 0.5,
    "jaw_width": 1.0,
    "chin_width": 0.6,
    "chin_height": 0.6,
    "chin_projection": 0.3,
    "nose_length": 0.4,
    "nose_width": 0.4,
    "bridge_height": 0.2,
    "upper_lip": -0.35,
    "lower_lip": -0.3,
    "neck_width": 1.1,
    "larynx": 0.9,
    "shoulder_width": 1.2,
    "trapezius": 0.7,
    "forehead_slope": -0.5,
    "brow_height": -0.6,
    "cheek_fat": -0.3,
    "eye_size": -0.35,
    "fissure_height": -0.3,
    "skull_width": 0.3,
    "skull_length": 0.3,
    "face_height": 0.5,
    "orbit_depth": 0.4,
    "zygoma_width": 0.2,
    "tip_rotation": -0.3,
    "hair_sides": -0.4,
    "hair_length": -0.9,
    "ear_size": 0.3,
}
"""mean of a mode for men, the opposite for women, in its standard deviations"""
AGE: Mapping[str, float] = {
    "jowl": 0.9,
    "nasolabial_fold": 0.8,
    "eye_bag": 0.7,
    "lid_fold": 0.6,
    "upper_lip": -0.4,
    "lower_lip": -0.2,
    "ear_size": 0.4,
    "ear_lobe": 0.5,
    "nose_length": 0.2,
    "tip_rotation": -0.4,
    "throat": 0.5,
    "temple_hollow": 0.5,
    "cheek_hollow": 0.3,
    "corner_height": -0.5,
    "philtrum_length": 0.4,
    "double_chin": 0.3,
    "hair_top": -0.4,
    "hair_fringe": -0.4,
    "fissure_height": -0.3,
}
"""shift of a mode per standard deviation of age"""
BUILD: Mapping[str, float] = {
    "weight": 1.0,
    "cheek_fat": 0.6,
    "double_chin": 0.6,
    "cheek_hollow": -0.5,
    "neck_width": 0.5,
    "jaw_width": 0.2,
    "temple_hollow": -0.3,
    "face_width": 0.3,
    "shoulder_width": 0.3,
}
"""shift of a mode per standard deviation of body mass"""


def sample(
    rng: np.random.Generator, sex: float | None = None, age: float | None = None, build: float | None = None
) -> HeadParameters:
    """A person drawn at random; sex -1 (female) .. 1 (male), age and build in standard deviations, any of
    them drawn when None."""
    sex = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.0)) if sex is None else sex
    age = float(np.clip(rng.normal(), -1.5, 2.0)) if age is None else age
    build = float(np.clip(rng.normal(), -1.5, 2.0)) if build is None else build
    values = np.clip(rng.normal(size=len(MODE_NAMES)), -2.2, 2.2) * 0.9
    for shifts, amount in ((SEX, sex), (AGE, age), (BUILD, build)):
        for name, shift in shifts.items():
            values[MODE_NAMES.index(name)] += shift * amount
    long = MODE_NAMES.index("hair_length")
    values[long] = np.clip(values[long], -0.1, 1.8)
    return HeadParameters(np.clip(values, -2.6, 2.6))
