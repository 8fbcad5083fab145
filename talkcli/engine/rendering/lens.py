"""A photographer's lens: what is at the focal distance is sharp, what is nearer or further is not."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LENS_SAMPLES = 12
"""Points of the aperture through which a picture is drawn, each for another place within the pixels."""

SENSOR, STOP = 0.024, 3.5
"""Metres of the shorter side of a full-frame sensor; focal length over aperture, as portraits are taken."""

GATHERED = 0.42
"""Pixels to either side over which a pixel gathers light, beyond its own samples."""

_FILLING = np.array([0.7548776662466927, 0.5698402909980532])
"""Steps whose multiples fill a square evenly (Roberts 2018)."""

_Matrix = NDArray[np.float64]


def aperture_of(focal: float, shorter: int) -> float:
    """Metres across the aperture of a lens of so many pixels of focal length, where the shorter side of the
    picture has so many."""
    return focal / shorter * SENSOR / STOP


def lens_views(view: _Matrix, focal: float, distance: float, aperture: float) -> list[_Matrix]:
    """From a camera's view (world to camera, [4, 4]) those through points spread evenly over its aperture.

    Of a thin lens: seen from aside, a picture is sheared so that what is `distance` away keeps its place but
    for a part of a pixel. Focal length in pixels, distance and aperture in metres.
    """
    views = []
    for number in range(LENS_SAMPLES):
        radius, turn = math.sqrt((number + 0.5) / LENS_SAMPLES), number * math.pi * (3 - math.sqrt(5))
        aside = 0.5 * aperture * radius * np.array([math.cos(turn), math.sin(turn)])
        moved = GATHERED * (2 * ((number + 0.5) * _FILLING % 1) - 1)
        sheared = np.eye(4)
        sheared[:2, 2] = -aside / distance - moved / focal
        sheared[:2, 3] = -aside
        views.append(sheared @ view)
    return views
