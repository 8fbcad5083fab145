"""The template's anatomy as primitives: skull, mandible, soft tissue, nose, neck and shoulders of an average adult, in millimetres.

Proportions follow anthropometric means (head breadth 150, length 190, bizygomatic 136, bigonial 112, fissure 31, intercanthal 33, nose width
35, mouth width 51); the numbers below are positions in the frame of `head_mesh`.
"""

import numpy as np

from talkcli.engine.studio.sdf import Array, Primitives

CENTRE = np.array([0.0, 5.0, 15.0])
"""Inside the skull; the head is star-shaped about it but for nostrils, lids and lips."""
EYE = np.array([31.5, 22.0, 75.2])
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
    neck(shape)
    return shape.array()


def skull(shape: Primitives) -> None:
    """Cranium and forehead."""
    shape.ellipsoid((0, 46, -8), (73, 82, 91), 1)
    shape.ellipsoid((0, 58, 26), (60, 54, 64), 20, tilt=0.15)
    shape.ellipsoid((44, 28, 42), (19, 36, 31), 20)


def lower_face(shape: Primitives) -> None:
    """Mid face, zygomatic arches, mandible, cheek fat."""
    shape.ellipsoid((0, -12, 30), (58, 70, 58), 20)
    shape.capsule((33, 0, 75), (60, 3, 38), 9, 8.5, 20)
    shape.ellipsoid((46, -8, 16), (23, 50, 40), 24)
    shape.capsule((13, -84, 72), (44, -62, 26), 9, 12, 20)
    shape.capsule((44, -62, 26), (58, -4, 10), 12, 10, 24)
    shape.ellipsoid((44, -34, 36), (15, 36, 30), 24)
    shape.ellipsoid((32, -24, 62), (20, 28, 23), 22)


def orbits(shape: Primitives) -> None:
    """Brow ridges, eye sockets, the swelling of the eyeballs."""
    x, y, z = EYE
    shape.capsule((5, 38, 89), (25, 42, 86), 6, 5.5, 16)
    shape.capsule((25, 42, 86), (46, 36, 65), 5.5, 5, 18)
    shape.ellipsoid((20, 22, 105), (9.5, 12, 18), 12, cut=True)
    shape.ellipsoid((38, 29, 99), (13, 6.5, 11), 12, cut=True)
    shape.ellipsoid((float(x), float(y), float(z) - 3.2), (16.6, 16.2, 16.2), 4.5)


def nose(shape: Primitives) -> None:
    """Bridge, tip, wings, nostrils, columella."""
    shape.capsule((0, 29, 86), (0, 4, 96), 5.0, 5.6, 1, layer=1)
    shape.capsule((0, 4, 96), (0, -11, 107), 5.6, 6.4, 8, layer=1)
    shape.ellipsoid((0, -12, 109.2), (7.4, 7.2, 8.4), 5, layer=1)
    shape.ellipsoid((4.4, -13.5, 107.8), (4.6, 5.0, 6.8), 5, layer=1)
    shape.ellipsoid((7, 3, 83.5), (9, 25, 14.5), 12, layer=1)
    shape.ellipsoid((11.4, -16.6, 99.6), (5.0, 6.0, 8.8), 6, layer=1, tilt=-0.25)
    shape.capsule((0, -21, 100), (0, -18.5, 110.6), 3.0, 3.6, 4, layer=1)
    shape.merge(1, 6.5)
    shape.ellipsoid((6.3, -23.8, 104), (2.8, 4.6, 5.4), 2, cut=True, turn=-0.15)


def mouth_and_chin(shape: Primitives) -> None:
    """Dental arch under the lips, philtrum, mental fold, chin."""
    shape.ellipsoid((0, -42, 71), (30, 29, 31.5), 14)
    shape.ellipsoid((0, -79, 78), (16, 13, 17), 14)
    shape.ellipsoid((0, -66, 40), (36, 20, 44), 20)
    shape.capsule((0, -27, 108.6), (0, -35, 110.3), 1.8, 2.6, 4.5, cut=True)
    shape.ellipsoid((0, -65, 106), (15, 3.4, 5.5), 8, cut=True)


def neck(shape: Primitives) -> None:
    """Neck, sternocleidomastoids, larynx, trapezius, shoulders and the top of the chest, in a layer of their own."""
    shape.capsule((0, -20, -22), (0, -150, -36), 46, 50, 1, layer=2)
    shape.capsule((46, -18, -18), (12, -168, 22), 10, 8, 14, layer=2)
    shape.capsule((0, -108, 14), (0, -170, 14), 12, 11, 16, layer=2)
    shape.ellipsoid((0, -228, -46), (178, 66, 60), 40, layer=2)
    shape.merge(2, 22)
