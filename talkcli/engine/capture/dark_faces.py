"""Whether a picture has too little light on a face to tell its tone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from talkcli.engine.capture.detector import Photo
from talkcli.engine.capture.landmark_sets import LEFT_LIDS, OVAL_POINTS, RIGHT_LIDS
from talkcli.engine.errors import BadInput
from talkcli.engine.rendering.textures import linear
from talkcli.engine.studio.arrays import Array

NO_TONE, DIM = 0.0065, 0.025
"""Linear light on a face below which its tone is not told from noise, and below which it is poorly told.
The darkest people in good light have 0.12, 0.045 by the middle of their faces alone."""

_WHITES = 90
"""Percentile of the light between the lids: whites of eyes, as bright on dark faces as on pale ones."""


def light_on_face(picture: Photo, points: Array) -> float:
    """0..1, linear: of a face's middle and the whites of its eyes the brighter, by the detector's points
    [points, 2]."""
    low = np.floor(points.min(0)).clip(0).astype(int)
    high = np.ceil(points.max(0)).astype(int) + 1
    light = linear(picture[low[1] : high[1], low[0] : high[0]]).mean(-1)

    def within(*outlines: tuple[int, ...]) -> Array:
        inside = Image.new("1", light.shape[::-1])
        for outline in outlines:
            ImageDraw.Draw(inside).polygon([tuple(place) for place in points[list(outline)] - low], fill=1)
        return light[np.asarray(inside)]

    parts = ((within(OVAL_POINTS), 50), (within(LEFT_LIDS, RIGHT_LIDS), _WHITES))
    return max(float(np.percentile(part, share)) for part, share in parts if part.size)


def check_light(path: Path, picture: Photo, points: Array) -> None:
    """BadInput where a face is too dark to be made."""
    if light_on_face(picture, points) < NO_TONE:
        raise too_dark(path)


def too_dark(path: Path) -> BadInput:
    return BadInput(
        f"The face in {path} is too dark: the tone of its skin cannot be told.",
        "Take it by a window, or outdoors in daylight.",
    )


def dim_note(picture: Photo, points: Array) -> tuple[str, ...]:
    """What is to be said where there is little light on a face."""
    if light_on_face(picture, points) >= DIM:
        return ()
    return (
        "The face is dark, and the tone of its skin poorly told: one taken by a window or in daylight makes "
        "a better avatar.",
    )
