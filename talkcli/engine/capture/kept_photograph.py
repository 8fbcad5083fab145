"""What of a picture an avatar keeps: head and shoulders, with the camera that took them."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from talkcli.engine.capture.captured_person import CapturedPerson
from talkcli.engine.capture.detector import Photo
from talkcli.engine.capture.landmark_sets import CHIN, FOREHEAD
from talkcli.engine.face.photograph import Photograph
from talkcli.engine.studio.arrays import Array

FACES_WIDE, FACES_HIGH = 4.4, 3.4
"""Heights of the face that are kept at most: enough for pictures wider than high."""

ABOVE = 0.42
"""Of that height, what lies above the middle of the face."""

FACE_PIXELS = 360
"""Of a face's height; more shows nothing more in a film of 1024 pixels."""

CELL = 8
"""Pixels of a cell of the person's outline."""


def kept_photograph(picture: Photo, points: Array, mask: np.ndarray, person: CapturedPerson) -> Photograph:
    """Of a picture that shows somebody at the detector's points [points, 2], who covers it as `mask` says."""
    tall = float(np.linalg.norm(points[FOREHEAD] - points[CHIN]))
    column, row = (points[FOREHEAD] + points[CHIN]) / 2
    height, width = picture.shape[:2]
    left, right = (round(np.clip(column + side * FACES_WIDE * tall / 2, 0, width)) for side in (-1, 1))
    top = round(max(row - ABOVE * FACES_HIGH * tall, 0))
    bottom = round(min(row + (1 - ABOVE) * FACES_HIGH * tall, height))
    part = Image.fromarray(picture[top:bottom, left:right])
    scale = min(1.0, FACE_PIXELS / tall)
    size = max(1, round(part.width * scale)), max(1, round(part.height * scale))
    cells = max(1, size[0] // CELL), max(1, size[1] // CELL)
    small = np.asarray(part.resize(size, Image.Resampling.LANCZOS))
    outline = Image.fromarray(mask[top:bottom, left:right]).resize(cells, Image.Resampling.BOX)
    fit, across, down = person.fit, size[0] / part.width, size[1] / part.height
    view = np.eye(4)
    view[:3, :3], view[:3, 3] = fit.turns[0], fit.shifts[0]
    middle = (width / 2 - left) * across, (height / 2 - top) * down
    return Photograph(
        torch.from_numpy(small.copy()),
        torch.from_numpy(np.rint(np.asarray(outline).clip(0, 1) * 255).astype(np.uint8)),
        torch.tensor([fit.focal * across, fit.focal * down, *middle], dtype=torch.float32),
        torch.from_numpy(view).float(),
        torch.from_numpy(fit.weights[0]).float(),
    )
