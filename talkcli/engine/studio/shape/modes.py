"""The modes of the identity space as fields over the template's space: Gaussian pushes and stretches, in mm
per standard deviation.

A field is a sum of terms; each term is mirrored to the right side unless it is a skew. Amplitudes follow the
spread of adult anthropometry (about half of a breadth's standard deviation on each side).
"""

from dataclasses import dataclass

import numpy as np

from talkcli.engine.studio.arrays import Array, Point


@dataclass(frozen=True)
class Push:
    """Moves what lies near `centre` (left side) by `by`; `one_sided` terms have no mirror image."""

    centre: Point
    radii: Point
    by: Point
    one_sided: bool = False

    def __call__(self, points: Array) -> Array:
        left = self._weight(points)[:, None] * np.array(self.by)
        if self.one_sided:
            return left
        right = self._weight(points * [-1, 1, 1])[:, None] * (np.array(self.by) * [-1, 1, 1])
        if self.centre[0] == 0:
            return left
        return left + right

    def _weight(self, points: Array) -> Array:
        return np.exp(-(((points - self.centre) / np.array(self.radii)) ** 2).sum(1))


@dataclass(frozen=True)
class Stretch:
    """Scales what lies near `centre` about it, by `factor` - 1 along each axis at the centre."""

    centre: Point
    radii: Point
    factor: Point

    def __call__(self, points: Array) -> Array:
        offset = points - self.centre
        weight = np.exp(-((offset / np.array(self.radii)) ** 2).sum(1))[:, None]
        result = weight * offset * np.array(self.factor)
        if self.centre[0] == 0:
            return result
        mirrored = points * [-1, 1, 1]
        offset = mirrored - self.centre
        weight = np.exp(-((offset / np.array(self.radii)) ** 2).sum(1))[:, None]
        return result + weight * offset * np.array(self.factor) * [-1, 1, 1]


ModeField = tuple[Push | Stretch, ...]
MODE_FIELDS: dict[str, ModeField] = {
    # skull
    "skull_width": (Stretch((0, 60, -10), (150, 75, 130), (0.04, 0, 0)),),
    "skull_height": (Stretch((0, 45, 0), (200, 120, 200), (0, 0.035, 0)),),
    "skull_length": (Stretch((0, 50, 10), (200, 90, 200), (0, 0, 0.04)),),
    "forehead_height": (Push((0, 92, 70), (70, 34, 60), (0, 3.5, -0.5)),),
    "forehead_slope": (Push((0, 78, 92), (55, 26, 45), (0, 0, 3.0)),),
    "forehead_width": (Push((52, 66, 60), (26, 34, 40), (2.2, 0, 0.4)),),
    "occiput": (Push((0, 30, -98), (60, 45, 40), (0, 0, -3.5)),),
    "temple_hollow": (Push((64, 40, 48), (16, 20, 26), (-1.8, 0, -0.4)),),
    # brow and orbit
    "brow_ridge": (
        Push((14, 38, 96), (14, 8, 20), (0, -0.3, 1.6)),
        Push((38, 40, 84), (14, 8, 20), (0.3, 0, 1.2)),
    ),
    "brow_height": (Push((26, 42, 88), (26, 10, 24), (0, 1.8, 0)),),
    "glabella": (Push((0, 36, 96), (11, 9, 20), (0, 0, 1.3)),),
    "orbit_depth": (
        Push((34, 33, 88), (15, 6.5, 18), (0, 0.2, -1.3)),
        Push((17, 26, 88), (6, 8, 14), (0, 0, -0.8)),
    ),
    # eyes: rigid moves of the whole eye region
    "eye_spacing": (Push((31.5, 22, 74), (24, 22, 36), (1.3, 0, 0)),),
    "eye_height": (Push((31.5, 22, 74), (26, 26, 36), (0, 1.3, 0)),),
    "eye_depth": (Push((31.5, 22, 74), (24, 20, 36), (0, 0, 1.1)),),
    "lid_fold": (Push((33, 31.5, 86), (14, 4.5, 12), (0, -1.1, 0.7)),),
    "eye_bag": (
        Push((31, 10, 86), (12, 4.5, 14), (0, -0.3, 1.0)),
        Push((29, 4, 84), (13, 4, 14), (0, 0, -0.6)),
    ),
    # nose
    "nose_length": (
        Push((0, -16, 108), (18, 17, 26), (0, -2.0, 0)),
        Push((0, -30, 104), (26, 12, 26), (0, -0.9, 0)),
    ),
    "nose_width": (Push((13, -17, 100), (7, 9, 14), (1.4, 0, 0)),),
    "bridge_height": (Push((0, 14, 100), (9, 20, 18), (0, 0, 1.6)),),
    "bridge_width": (Push((7, 14, 96), (7, 20, 16), (0.9, 0, 0)),),
    "bridge_hump": (Push((0, 8, 104), (8, 9, 16), (0, 0, 1.1)),),
    "nasion_depth": (Push((0, 27, 96), (11, 9, 18), (0, 0, -1.1)),),
    "tip_rotation": (Push((0, -15, 114), (11, 9, 12), (0, 1.6, 0.3)),),
    "tip_projection": (Push((0, -13, 113), (14, 14, 20), (0, 0, 1.8)),),
    "tip_width": (
        Push((6, -13, 110), (5.5, 8, 10), (0.8, 0, 0)),
        Push((0, -12, 114), (9, 8, 9), (0, 0, -0.3)),
    ),
    "nostril_height": (Push((14, -20, 100), (7, 6, 12), (0, 0.9, 0)),),
    "columella": (Push((0, -23, 110), (6, 5, 10), (0, -0.8, 0.2)),),
    # cheeks
    "zygoma_width": (Push((63, 3, 48), (22, 22, 40), (2.4, 0, 0)),),
    "zygoma_forward": (Push((42, 0, 72), (20, 18, 28), (0.6, 0, 1.8)),),
    "zygoma_height": (Push((50, 2, 64), (20, 18, 30), (0, 1.8, 0)),),
    "cheek_fat": (Push((40, -26, 68), (18, 24, 28), (1.8, -0.4, 1.8)),),
    "cheek_hollow": (Push((50, -32, 56), (15, 18, 24), (-1.8, 0, -0.8)),),
    "nasolabial_fold": (
        Push((22, -27, 98), (5, 11, 16), (0, 0, -0.8)),
        Push((30, -28, 92), (7, 13, 16), (0, -0.5, 1.0)),
    ),
    # jaws and mouth
    "midface_length": (Push((0, -65, 60), (110, 48, 110), (0, -3.0, 0)),),
    "maxilla_forward": (Push((0, -42, 92), (34, 24, 40), (0, 0, 2.0)),),
    "philtrum_length": (Push((0, -46, 96), (34, 15, 40), (0, -1.3, 0)),),
    "philtrum_depth": (
        Push((0, -31, 107), (3.5, 6, 10), (0, 0, -0.5)),
        Push((5, -31, 106), (3, 6, 10), (0, 0, 0.35)),
    ),
    "mouth_width": (Push((25, -45, 90), (15, 15, 26), (1.7, 0, -0.4)),),
    "upper_lip": (Push((0, -38.0, 104), (20, 4.8, 14), (0, 0.85, 0.55)),),
    "lower_lip": (Push((0, -53, 102), (19, 5.2, 14), (0, -0.95, 0.6)),),
    "lip_protrusion": (Push((0, -46, 106), (25, 13, 14), (0, 0, 1.3)),),
    "cupids_bow": (
        Push((6.5, -37, 104), (4.5, 3.5, 10), (0, 0.45, 0.1)),
        Push((0, -37.5, 104), (3.2, 3.5, 10), (0, -0.35, 0)),
    ),
    "corner_height": (Push((27, -46, 88), (11, 11, 18), (0, 1.0, 0)),),
    "jaw_width": (
        Push((52, -58, 32), (26, 34, 40), (3.2, 0, 0)),
        Push((34, -72, 56), (20, 24, 32), (1.6, 0, 0)),
    ),
    "gonion_height": (Push((48, -62, 30), (24, 22, 32), (0, 3.0, 0)),),
    "jaw_forward": (Push((0, -80, 74), (55, 36, 60), (0, 0, 2.2)),),
    "chin_height": (Push((0, -92, 78), (42, 24, 50), (0, -2.6, 0)),),
    "chin_width": (Push((16, -84, 82), (13, 16, 26), (1.6, 0, 0)),),
    "chin_projection": (Push((0, -84, 90), (22, 15, 26), (0, -0.3, 2.2)),),
    "chin_cleft": (
        Push((0, -84, 95), (3.2, 8, 12), (0, 0, -0.6)),
        Push((7, -84, 93), (5, 8, 12), (0, 0, 0.35)),
    ),
    "jowl": (Push((32, -70, 64), (13, 13, 24), (1.1, -1.9, 0.5)),),
    "double_chin": (Push((0, -96, 52), (30, 20, 28), (0, -3.2, 1.6)),),
    "face_width": (Stretch((0, -15, 40), (120, 80, 90), (0.028, 0, 0)),),
    "face_height": (Stretch((0, 10, 40), (140, 130, 120), (0, 0.028, 0)),),
    # ears
    "ear_size": (Stretch((71, 1, -2), (16, 46, 30), (0, 0.07, 0.07)),),
    "ear_flare": (Push((82, 4, -14), (11, 30, 16), (2.2, 0, 0.3)),),
    "ear_height": (Push((74, 1, -2), (17, 44, 30), (0, 2.2, 0)),),
    "ear_lobe": (Push((76, -30, 4), (11, 10, 14), (0.4, -1.7, 0)),),
    # neck, shoulders, build
    "neck_width": (Stretch((0, -120, -15), (120, 55, 120), (0.055, 0, 0.045)),),
    "throat": (Push((0, -112, 34), (30, 24, 30), (0, 0, 3.2)),),
    "larynx": (Push((0, -124, 36), (10, 12, 20), (0, 0, 2.0)),),
    "shoulder_width": (Push((130, -195, -44), (80, 60, 80), (7, 0, 0)),),
    "shoulder_slope": (Push((120, -190, -44), (70, 60, 80), (0, -5, 0)),),
    "trapezius": (Push((60, -140, -50), (42, 34, 50), (2.0, 4.5, 0)),),
    "weight": (
        Push((44, -34, 56), (24, 32, 36), (2.0, -0.4, 1.3)),
        Push((0, -94, 52), (38, 20, 34), (0, -2.4, 1.2)),
        Push((46, -66, 36), (24, 26, 34), (2.0, -0.9, 0.4)),
        Stretch((0, -125, -15), (130, 50, 130), (0.04, 0, 0.04)),
    ),
    # nobody is symmetric
    "nose_skew": (Push((0, -10, 108), (16, 22, 26), (0.8, 0, 0), one_sided=True),),
    "mouth_skew": (
        Push((25, -46, 90), (16, 15, 26), (0, 0.6, 0), one_sided=True),
        Push((-25, -46, 90), (16, 15, 26), (0, -0.6, 0), one_sided=True),
    ),
    "eye_skew": (Push((31.5, 24, 74), (26, 26, 36), (0, 0.6, 0), one_sided=True),),
    "jaw_skew": (Push((0, -84, 70), (60, 30, 60), (1.2, 0, 0), one_sided=True),),
}
