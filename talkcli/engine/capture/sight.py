"""Sight: what a detector saw of one person in some pictures, in the terms of the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.landmark_sets import (
    CHIN,
    EYE_CORNERS,
    INNER_LIPS,
    LID_PAIRS,
    MIDDLE_LIPS,
    NOSE_BRIDGE,
)
from talkcli.engine.capture.marks import Marks
from talkcli.engine.studio.arrays import Array

EYE_DISTANCE = 0.063
"""Metres between the middles of the eyes: the unit of residuals on everybody."""

_TALL = 0.52
"""Of the height from the eyes to the chin, what the eyes of a turned face are apart at least."""

PARTED_CONTOURS = 0.06
"""Eye distances between the lips' inner contours from which on the detector sees them where they are."""

LIPS_SHUT = 0.014
"""Eye distances between inner contours, 0.9 mm, below which lips are shut."""

OPEN_EYE, SHUT_EYE = 0.20, 0.085
"""Heights of an eye, of its width: of one that is open at least, and of one that is shut."""


@dataclass(frozen=True)
class Sight:
    """Frames of one person, in order."""

    points: Array
    """[frames, points, 2] column and row, pixels; shut lips as far apart as the head's own contours"""
    unit: float
    """Pixels of an eye distance"""
    size: tuple[int, int]
    """Width and height of the pictures"""
    lips_shut: NDArray[np.bool_]
    """[frames]"""
    lids_shut: dict[str, Array]
    """Left and Right: [frames] how far lids are shut, 0..1, of the widest that this person opens them"""

    def part(self, frames: list[int]) -> Sight:
        lids = {side: shut[frames] for side, shut in self.lids_shut.items()}
        return Sight(self.points[frames], self.unit, self.size, self.lips_shut[frames], lids)


def sight_of(points: Array, size: tuple[int, int], marks: Marks) -> Sight:
    """From the detector's points [frames, points, 2], in pictures of a size."""
    unit = float(np.median(eye_distances(points)))
    gaps = np.linalg.norm(_between(points, MIDDLE_LIPS), axis=-1).mean(1) / unit
    return Sight(
        _opened(points.astype(np.float64), marks, unit),
        unit,
        size,
        gaps < LIPS_SHUT,
        {side: _shutness(points, side) for side in LID_PAIRS},
    )


def eye_distances(points: Array) -> Array:
    """[frames] pixels between the middles of the eyes, along the face even where it is turned."""
    left, right = (points[:, list(corners)].mean(1) for corners in EYE_CORNERS.values())
    tall = np.linalg.norm((left + right) / 2 - points[:, CHIN], axis=-1)
    return np.maximum(np.linalg.norm(left - right, axis=-1), _TALL * tall)


def _between(points: Array, pairs: tuple[tuple[int, int], ...]) -> Array:
    upper, lower = np.array(pairs).T
    return points[:, lower] - points[:, upper]


def _opened(points: Array, marks: Marks, unit: float) -> Array:
    """Points whose shut lips lie as far apart as the head's inner contours do at rest.

    The head's contours are the edges that an open mouth shows, a little outside the line where lips meet; the
    detector lets them coincide on a shut mouth. They are parted by height alone: depth is not seen.
    """
    out, (upper, lower) = points.copy(), np.array(INNER_LIPS).T
    rest = (marks.mean[upper, 1] - marks.mean[lower, 1]) / EYE_DISTANCE * unit
    gaps = np.linalg.norm(_between(points, INNER_LIPS), axis=-1)
    down = points[:, CHIN] - points[:, NOSE_BRIDGE]
    down /= np.linalg.norm(down, axis=1, keepdims=True)
    step = (rest * np.clip(1 - gaps / unit / PARTED_CONTOURS, 0, 1) / 2)[..., None] * down[:, None]
    out[:, upper] -= step
    out[:, lower] += step
    return out


def _shutness(points: Array, side: str) -> Array:
    """[frames] how far the lids of one side are shut."""
    corners = points[:, list(EYE_CORNERS[side])]
    width = np.linalg.norm(corners[:, 0] - corners[:, 1], axis=-1)
    heights = np.linalg.norm(_between(points, LID_PAIRS[side]), axis=-1).mean(1) / width
    wide = max(float(np.percentile(heights, 80)), OPEN_EYE)
    return np.clip((wide - heights) / (wide - SHUT_EYE), 0, 1)
