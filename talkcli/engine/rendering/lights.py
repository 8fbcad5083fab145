"""The photographer's lights: a warm key, a cool fill, two rims from behind, and a soft room."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float32]


class LightRig(NamedTuple):
    directions: _Floats
    """[lights, 3] unit, towards each light: key, fill, left rim, right rim"""
    colours: _Floats
    """[lights, 3] linear; a white Lambert surface that faces a light of 1 looks 1"""
    softbox: _Floats
    """[2, 3] the axes of the key's rectangle, for its image in the eyes"""
    room: _Floats
    """[2, 3] light of the room from above and from below"""


def _unit(x: float, y: float, z: float) -> list[float]:
    length = math.hypot(x, y, z)
    return [x / length, y / length, z / length]


LIGHT_DIRECTIONS = np.array(
    [_unit(-0.52, 0.58, 0.72), _unit(0.85, 0.12, 0.52), _unit(0.80, 0.42, -0.62), _unit(-0.86, 0.36, -0.52)]
)
COLOURS = np.array(
    [[1.28, 1.19, 1.08], [0.24, 0.27, 0.31], [0.75, 0.77, 0.82], [0.50, 0.53, 0.58]], np.float32
)
ROOM = np.array([[0.27, 0.293, 0.325], [0.18, 0.162, 0.146]], np.float32)


def light_rig(turn: float) -> LightRig:
    """The studio turned about the vertical by so many radians."""
    c, s = math.cos(turn), math.sin(turn)
    directions = LIGHT_DIRECTIONS @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    x, y, z = directions[0]
    softbox = [_unit(z, 0, -x), _unit(-x * y, x * x + z * z, -y * z)]
    return LightRig(directions.astype(np.float32), COLOURS, np.array(softbox, np.float32), ROOM)
