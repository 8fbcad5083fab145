"""The template's anatomy as primitives: skull, mandible, soft tissue, nose, neck and shoulders of an average
adult, in millimetres.

Proportions follow anthropometric means (head breadth 150, length 190, bizygomatic 136, bigonial 112, fissure
31, intercanthal 33, nose width 35, mouth width 51); the numbers below are positions in the frame of
`head_mesh`.
"""

import numpy as np

from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.shape.sdf import Primitives

EYE_CENTRE = np.array([31.5, 22.0, 71.6])
"""Centre of the left eyeball."""
EYE_RADIUS = 12.0


def head() -> Array:
    """The whole head, nose and neck included: rows for `sdf`."""
    shape = Primitives()
    skull(shape)
    lower_face(shape)
    orbits(shape)
    nose(shape)
    mouth_and_chin(shape)
    soft_tissue(shape)
    _neck(shape)
    return shape.array()


def skull(shape: Primitives) -> None:
    """Cranium, forehead, temples."""
    shape.ellipsoid((0, 46, -8), (73, 82, 91), 1)
    shape.ellipsoid((0, 60, 26), (61, 54, 66), 20, tilt=0.12)
    shape.ellipsoid((45, 30, 40), (22, 38, 34), 22)
    shape.bump((0, 66, 92), (34, 20, 30), 1.5)


def lower_face(shape: Primitives) -> None:
    """Mid face, zygomatic arches, mandible, cheek fat."""
    shape.ellipsoid((0, -10, 30), (56, 72, 57), 20)
    shape.capsule((32, -3, 66.5), (57, 2, 39), 9, 8.5, 24)
    shape.ellipsoid((41, 0, 14), (20.5, 40, 40), 26)
    shape.capsule((12, -84, 74), (29, -69, 40), 11.5, 10, 24)
    shape.capsule((29, -69, 40), (50, -4, 10), 10, 9, 26)
    shape.ellipsoid((38, -32, 38), (14, 34, 30), 28)
    shape.ellipsoid((30, -25, 58.5), (20, 29, 23), 26)


def orbits(shape: Primitives) -> None:
    """Brow ridges, eye sockets, the swelling of the eyeballs."""
    x, y, z = (float(value) for value in EYE_CENTRE)
    shape.capsule((6, 37, 88), (25, 41, 84.5), 5.5, 5.5, 20)
    shape.capsule((25, 41, 84.5), (47, 35, 64), 5.5, 5, 20)
    shape.ellipsoid((18.5, 20, 103), (8.5, 11, 14.5), 12, cut=True)
    shape.ellipsoid((37, 29.5, 95.5), (14, 6, 7), 12, cut=True)
    shape.ellipsoid((x, y, z - 3.2), (16.4, 16.0, 16.0), 7)


def nose(shape: Primitives) -> None:
    """Bridge, tip, wings, nostrils, columella."""
    shape.capsule((0, 31, 89), (0, 6, 101.5), 4.6, 5.2, 1, layer=1)
    shape.capsule((0, 6, 101.5), (0, -11, 109.5), 5.2, 6.0, 8, layer=1)
    shape.ellipsoid((0, -12.5, 110.4), (6.8, 6.8, 8.4), 5, layer=1)
    shape.ellipsoid((4.2, -14, 108.6), (4.4, 4.8, 6.6), 5, layer=1)
    shape.capsule((3.5, 20, 84), (8.5, -8, 92), 6.5, 7.6, 14, layer=1)
    shape.ellipsoid((11.6, -16.4, 99.6), (4.6, 5.8, 8.4), 8, layer=1, tilt=-0.25)
    shape.capsule((0, -21, 100.5), (0, -18.5, 111.4), 2.8, 3.4, 4, layer=1)
    shape.merge(1, 10)
    shape.ellipsoid((6.2, -24.0, 104.6), (2.7, 4.4, 5.4), 2, cut=True, turn=-0.15)


def mouth_and_chin(shape: Primitives) -> None:
    """Dental arch under the lips, philtrum, mental fold, chin."""
    shape.ellipsoid((0, -43, 69.5), (28.5, 29, 32), 18)
    shape.ellipsoid((0, -82, 76), (17, 14, 17.5), 18)
    shape.ellipsoid((0, -66, 40), (38, 22, 44), 24)
    shape.capsule((0, -28, 109.4), (0, -35, 110.6), 1.7, 2.4, 4.5, cut=True)
    shape.bump((0, -64, 96), (16, 5, 20), -2.6)
    shape.bump((0, -84, 94), (13, 9, 20), 1.5)


def soft_tissue(shape: Primitives) -> None:
    """Fat pads and the shallow furrows between them: what keeps a face from looking carved."""
    for centre, radii, height in (
        ((42, 1, 74), (15, 11, 22), 1.6),
        ((20, 11, 88), (8, 4, 12), -0.9),
        ((31, 9, 86), (11, 4, 12), 0.5),
        ((20, -25, 97), (4, 7, 14), -0.8),
        ((25, -35, 92), (4, 8, 14), -0.9),
        ((30, -27, 88), (8, 13, 14), 0.9),
        ((31, -47, 84), (4, 5, 12), -0.9),
        ((25, -59, 86), (8, 7, 12), -0.9),
        ((49, -36, 55), (14, 16, 22), -1.8),
        ((66, 40, 46), (12, 16, 22), -1.5),
        ((36, -58, 60), (12, 10, 20), 0.8),
        ((28, -82, 60), (13, 9, 20), 2.4),
    ):
        shape.bump(centre, radii, height)


def _neck(shape: Primitives) -> None:
    """Neck, larynx, trapezius, shoulders and the top of the chest; sternocleidomastoids and clavicles that
    meet beside the hollow over the breastbone: a layer of its own."""
    shape.capsule((0, -20, -24), (0, -150, -38), 44, 46, 1, layer=2)
    shape.capsule((0, -108, 10), (0, -178, 4), 12, 12, 22, layer=2)
    shape.capsule((16, -101, -58), (122, -189, -52), 16.5, 25, 33, layer=2)
    shape.ellipsoid((0, -236, -42), (182, 70, 64), 40, layer=2)
    shape.capsule((50, -30, -18), (12, -166, 11), 9, 7, 16, layer=2)
    shape.capsule((13, -174, 10), (112, -160, -30), 5.5, 6, 12, layer=2)
    shape.bump((0, -118, 24), (9, 10, 14), 3.0, layer=2)
    shape.bump((0, -163, 14), (13, 16, 16), -5.0, layer=2)
    shape.bump((46, -156, -4), (20, 9, 18), -5.0, layer=2)
    shape.merge(2, 14)
