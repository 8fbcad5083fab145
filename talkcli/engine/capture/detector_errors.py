"""How MediaPipe errs by whom it sees, undone.

Learnt by recipes/fit_errors.py from pictures of people of the studio, of whom all is known: the head that is
fitted to the points as they are seen says which way they err, and it is fitted again to where they belong.
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from talkcli.engine.assets import asset
from talkcli.engine.capture.landmark_sets import EYE_CORNERS
from talkcli.engine.capture.normal_equations import FaceFit
from talkcli.engine.capture.sight import Sight
from talkcli.engine.studio.arrays import Array

_FILE = "mediapipe_errors.json"

ERROR_UNIT = 1e-4
"""Of the whole numbers in it."""


class DetectorErrors(NamedTuple):
    """Linear in whom a head is fitted to and in how it is turned; eye distances along and across the eyes."""

    always: Array
    """[points, 2]"""
    by_cause: Array
    """[causes, rank]"""
    moves: Array
    """[rank, points, 2]"""

    def by(self, causes: Array) -> Array:
        """[points, 2] from where points are seen to where they belong."""
        return self.always + np.tensordot(causes @ self.by_cause, self.moves, 1)


def causes_of(fit: FaceFit, frame: int) -> Array:
    """[causes] the identity's modes and which way the face looks, aside and up."""
    return np.concatenate([fit.identity, fit.turns[frame][:2, 2]])


def face_axes(points: Array, unit: float) -> Array:
    """[2, 2] from pixels to eye distances along and across the line between the eyes."""
    left, right = (points[list(EYE_CORNERS[side])].mean(0) for side in ("Left", "Right"))
    along = (left - right) / np.linalg.norm(left - right)
    return np.array([along, [-along[1], along[0]]]) / unit


def where_points_belong(errors: DetectorErrors, sight: Sight, fit: FaceFit) -> Sight:
    """The same sight, each point moved to where the true head has it, as far as the fit tells."""
    points = [
        seen + errors.by(causes_of(fit, frame)) @ np.linalg.inv(face_axes(seen, sight.unit)).T
        for frame, seen in enumerate(sight.points)
    ]
    return replace(sight, points=np.stack(points))


@functools.cache
def detector_errors() -> DetectorErrors:
    """Those of mediapipe 0.10.14."""
    told = json.loads(asset(_FILE).read_text())
    read = {name: ERROR_UNIT * np.array(told[name], np.float64) for name in DetectorErrors._fields}
    return DetectorErrors(**read)
