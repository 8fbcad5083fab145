"""Faces that are small in their picture are found too: groups, and people who stand away."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from talkcli.engine.assets import asset
from talkcli.engine.capture.detector import MediaPipe
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.render import frames

STILL = Motion(Fraction(25), Coefficients(torch.zeros(1, 53), torch.zeros(1, 3)))
SIZE = 200
PLACES = {"ada": (240, 140), "kofi": (300, 440), "marta": (240, 740), "otto": (300, 1040)}
"""Row and column of each portrait's corner."""


def test_everybody_of_a_group_is_found_where_they_are():
    pytest.importorskip("mediapipe")
    picture = np.full((720, 1280, 3), (90, 110, 130), np.uint8)
    for name, (row, column) in PLACES.items():
        who = load_avatar(asset(f"{name}.avatar"))
        alone = next(frames(STILL, who, portrait(who, "front", (SIZE, SIZE)), background="#5a6e82"))
        picture[row : row + SIZE, column : column + SIZE] = alone
    found = MediaPipe().faces(picture)
    assert len(found) == len(PLACES)
    for (row, column), points in zip(PLACES.values(), sorted(found, key=lambda p: p[0, 0]), strict=True):
        low, high = points.min(0), points.max(0)
        assert (low > [column, row]).all() and (high < [column + SIZE, row + SIZE]).all()
    areas = [np.ptp(points, axis=0).prod() for points in found]
    assert areas == sorted(areas, reverse=True)
