"""Glasses in a picture: whether somebody wears any, of which kind, and which pixels show their frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, gaussian_filter, grey_closing, label, maximum_filter, maximum_filter1d
from scipy.spatial import KDTree

from talkcli.engine.capture.detector import Photo
from talkcli.engine.capture.landmark_sets import BROW_POINTS, EYE_CORNERS, IRIS_CENTRES, LID_POINTS
from talkcli.engine.rendering.textures import linear
from talkcli.engine.rendering.view import read_at
from talkcli.engine.studio.arrays import Array

RIM_DARKER = 0.5
"""Logarithm of light by which a rim is darker than the skin on both its sides, along four fifths of the lower
half of both eyes."""

RIM_STEADY = 1.2
"""mm that its distance from the eye changes by, from direction to direction, in the middle of all: lines of a
face jump."""

THICK_RIM = 2.7
"""mm of a rim, where it is half as dark as in its middle, from which on it is acetate."""

_APART = 63.0
"""mm between the middles of the eyes: what a millimetre is, on everybody."""

_DIRECTIONS = np.radians(np.linspace(205, 335, 27))
_RADII = np.arange(9, 36, 0.5)
"""Down from the middle of an eye, mm."""

_BESIDE = 5.0
"""mm from the middle of a rim, where skin is."""

_BLUR = 0.3
_DARK = 0.01
"""mm; of white: what is darker differs little."""

_BOX = (-78, 78), (-34, 30)
"""mm across and above the middle between the eyes, within which frames are."""

_FAINT, _LASHES, _BROWS = 0.33, 5.0, (5.0, 0.75)
"""Of how dark the rims are, what is frame; mm from points of lids and irises within which nothing is, and
from those of brows within which what is darker still is."""

_LONG, _GROWN = 15.0, 1.2
"""mm that a piece of a frame is long at least, and beside it that it shades."""


class SeenGlasses(NamedTuple):
    style: str
    """Of GLASSES_STYLES"""
    frame: NDArray[np.bool_]
    """[h, w] pixels that show it, or its shade"""


def glasses_in(picture: Photo, points: Array) -> SeenGlasses | None:
    """What somebody wears before the eyes, by the points [points, 2] of a face; None where no dark rim is."""
    left, right = (points[list(EYE_CORNERS[side])].mean(0) for side in ("Left", "Right"))
    mm = float(np.linalg.norm(left - right)) / _APART
    across = (left - right) / _APART / mm
    axes = np.stack([across, [across[1], -across[0]]])
    light = gaussian_filter(np.log(linear(picture).mean(-1) + _DARK), _BLUR * mm)
    rays = np.stack([np.cos(_DIRECTIONS), np.sin(_DIRECTIONS)], -1)[:, None] * _RADII[:, None] @ axes * mm
    lines = np.stack([read_at(light, (eye + rays).reshape(-1, 2)) for eye in (left, right)])
    darker = _darker_than_beside(lines.reshape(2 * len(rays), -1))
    most = darker.max(1)
    jumps = np.abs(np.diff(_RADII[darker.argmax(1)].reshape(2, -1), axis=1))
    if np.percentile(most, 20) < RIM_DARKER or np.median(jumps) > RIM_STEADY:
        return None
    wide = np.median((darker > most[:, None] / 2).sum(1)) * (_RADII[1] - _RADII[0])
    frame = _frame(light, points, (left + right) / 2, axes, mm, float(np.median(most)))
    return SeenGlasses("acetate" if wide > THICK_RIM else "wire", frame)


def _darker_than_beside(lines: NDArray[np.float32]) -> NDArray[np.float32]:
    """[rays, radii] how much darker each place is than the brightest within a few mm on either side."""
    reach = round(_BESIDE / (_RADII[1] - _RADII[0]))
    inner, outer = (
        maximum_filter1d(lines, reach + 1, axis=1, origin=origin, mode="nearest")
        for origin in (reach // 2, -(reach // 2))
    )
    return np.minimum(inner, outer) - lines


def _frame(
    light: NDArray[np.floating], points: Array, middle: Array, axes: Array, mm: float, depth: float
) -> NDArray[np.bool_]:
    """[h, w] what is thin and dark about the eyes and neither lashes nor brows."""
    out = np.zeros(light.shape, bool)
    corners = np.array([[x, y] for x in _BOX[0] for y in _BOX[1]]) @ axes * mm + middle
    left, top = np.clip(corners.min(0), 0, None).astype(int)
    right, bottom = np.ceil(corners.max(0)).astype(int)
    part = light[top:bottom, left:right]
    thin = grey_closing(part, size=2 * round(_BESIDE * mm) + 1) - part
    rows, columns = np.indices(part.shape)
    places = np.stack([columns + left + 0.5, rows + top + 0.5], -1)
    x, y = np.moveaxis((places - middle) @ axes.T / mm, -1, 0)
    dark = (thin > _FAINT * depth) & (np.abs(x) < _BOX[0][1]) & (y > _BOX[1][0]) & (y < _BOX[1][1])
    for own, reach, most in (((*LID_POINTS, *IRIS_CENTRES), _LASHES, np.inf), (BROW_POINTS, *_BROWS)):
        far = KDTree(points[list(own)]).query(places[dark])[0] > reach * mm
        dark[dark] = far | (thin[dark] > most * depth)
    pieces = np.zeros(dark.shape, np.int32)
    label(dark, np.ones((3, 3)), output=pieces)
    for number, place in enumerate(find_objects(pieces), 1):
        if max(axis.stop - axis.start for axis in place) < _LONG * mm:
            dark[pieces == number] = False
    grown = 2 * round(_GROWN * mm) + 1
    out[top:bottom, left:right] = maximum_filter(dark, grown)
    return out
