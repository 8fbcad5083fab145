"""Squares about a followed face, cut out of a film's pictures with the cameras that see them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from talkcli.engine.capture.detector import Photo
from talkcli.engine.capture.landmark_sets import CHIN, FOREHEAD
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.studio.arrays import Array

Square = tuple[float, float, float]
"""Left, top and side, pixels."""

_CHIN_FROM_TOP = 0.15
"""Of the side of a square that shows a body."""

PERSON_AROUND = 2.1
"""Sides of a square that shows a person, in distances from the forehead to the chin."""


def face_square(points: Array, size: tuple[int, int], around: float = PERSON_AROUND) -> Square:
    """About the detector's points [points, 2], inside a picture of (width, height)."""
    side = min(around * float(np.linalg.norm(points[FOREHEAD] - points[CHIN])), *map(float, size))
    corner = (points[FOREHEAD] + points[CHIN]) / 2 - side / 2
    left, top = np.clip(corner, 0, np.array(size) - side).tolist()
    return left, top, side


def body_square(points: Array, size: tuple[int, int]) -> Square:
    """As large as a picture of (width, height) allows, and as far down as shows the chin of a face."""
    side = float(min(size))
    corner = points[CHIN] - side * np.array([0.5, _CHIN_FROM_TOP])
    left, top = np.clip(corner, 0, np.array(size) - side).tolist()
    return left, top, side


def square_views(camera: Camera, squares: Sequence[Square], pixels: int) -> Camera:
    """Each view of its own square alone, so many pixels wide and high."""
    lenses = camera.lenses.clone()
    for lens, (left, top, side) in zip(lenses, squares, strict=True):
        lens[2:] -= torch.tensor([left, top], dtype=lens.dtype)
        lens *= pixels / side
    return Camera(camera.views, lenses, torch.full_like(camera.sizes, pixels))


def cut_square(picture: Photo, square: Square, pixels: int) -> Photo:
    """A square [pixels, pixels, channels] of a picture."""
    left, top, side = square
    whole = Image.fromarray(picture)
    if (factor := side / pixels) > 1:
        size = max(1, round(whole.width / factor)), max(1, round(whole.height / factor))
        whole = whole.resize(size, Image.Resampling.BOX)
    across, down = whole.width / picture.shape[1], whole.height / picture.shape[0]
    affine = (factor * across, 0.0, left * across, 0.0, factor * down, top * down)
    return np.asarray(
        whole.transform((pixels, pixels), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    )


def cut_person(picture: Photo, mask: Photo, square: Square, pixels: int) -> Photo:
    """[pixels, pixels, 4] a square of a picture, and of what says how surely a pixel is the person's
    [height, width]."""
    cut = [cut_square(each, square, pixels) for each in (picture, np.repeat(mask[..., None], 3, 2))]
    return np.concatenate([cut[0], cut[1][..., :1]], 2)
