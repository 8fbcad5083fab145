"""The lights that a look asks for: a photographer's studio, an even room, or a room's own harmonics. They
stand still; the camera walks among them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from talkcli.engine.face.look import Look

_Floats = NDArray[np.float32]


class LightRig(NamedTuple):
    directions: _Floats
    """[lights, 3] unit, towards each light: key, fill, left rim, right rim"""
    colours: _Floats
    """[lights, 3] linear; a white Lambert surface that faces a light of 1 looks 1"""
    softbox: _Floats
    """[3, 3] the key's rectangle as eyes mirror it: its axes, and the way to its middle"""
    room: _Floats
    """[9, 3] light of the room on a surface, see `Look.light`"""
    shine: np.float32
    """How much surfaces mirror of it all: nothing where the look's own picture already shows it"""


def _unit(x: float, y: float, z: float) -> list[float]:
    length = math.hypot(x, y, z)
    return [x / length, y / length, z / length]


class Lamps(NamedTuple):
    """What a photographer sets up: as in `LightRig`, before any exposure."""

    directions: _Floats
    colours: _Floats
    sky: _Floats
    ground: _Floats
    """[3] light of the room from straight above and from straight below"""


_DIRECTIONS = np.array(
    [_unit(-0.52, 0.58, 0.72), _unit(0.85, 0.12, 0.52), _unit(0.80, 0.42, -0.62), _unit(-0.86, 0.36, -0.52)],
    np.float32,
)
_COLOURS = np.array(
    [[1.42, 1.33, 1.20], [0.22, 0.245, 0.285], [0.64, 0.65, 0.70], [0.40, 0.42, 0.46]], np.float32
)
_SKY, _GROUND = np.array([0.262, 0.284, 0.315], np.float32), np.array([0.172, 0.155, 0.140], np.float32)
_FILLED = np.array([1.2, 0.9, 1.25, 1.4], np.float32)[:, None]
"""Lamps of the portrait beside those of the studio."""
LAMPS = {
    "studio": Lamps(_DIRECTIONS, _COLOURS, _SKY, _GROUND),
    "portrait": Lamps(
        np.concatenate([[_unit(-0.62, 0.80, 0.60)], _DIRECTIONS[1:]]).astype(np.float32),
        _FILLED * _COLOURS, 0.65 * _SKY, 0.65 * _GROUND,
    ),
}  # fmt: skip
"""A soft studio, and a portrait's: a higher key, a darker room and brighter rims, which show form."""


MIRRORED = _unit(-0.46, 0.33, 0.82)
"""The way to the middle of what eyes mirror: the lower half of a large key, which lids do not hide."""


def _softbox() -> _Floats:
    x, y, z = MIRRORED
    return np.array([_unit(z, 0, -x), _unit(-x * y, x * x + z * z, -y * z), MIRRORED], np.float32)


def light_rig(look: Look) -> LightRig:
    """The lights that a look is to be seen in."""
    room = np.zeros((9, 3))
    directions, colours, shine = _DIRECTIONS, np.zeros_like(_COLOURS), 0.0
    if isinstance(look.light, Tensor):
        room[:] = look.light.numpy()
    elif look.light == "even":
        room[0] = 1.0
    else:
        directions, colours, sky, ground = LAMPS[look.light]
        room[0], room[2], shine = (sky + ground) / 2, (sky - ground) / 2, 1.0
    gain = look.exposure
    return LightRig(
        directions, (gain * colours).astype(np.float32), _softbox(),
        (gain * room).astype(np.float32), np.float32(shine),
    )  # fmt: skip
