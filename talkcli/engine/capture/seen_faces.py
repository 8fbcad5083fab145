"""What a face in a photograph does that a fit would take for whom it belongs to: frowns, squints, sneers.

MediaPipe sees that they move, but not how, and half as far as people differ. Learnt by recipes/fit_faces.py
from photographs of people of the studio, of whom all is known: which pattern of points says that a face does
so, whoever it is, and how far off MediaPipe sees each point of it then.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from talkcli.engine.assets import asset
from talkcli.engine.capture.detector_errors import ERROR_UNIT, face_axes
from talkcli.engine.capture.landmark_sets import EYE_CORNERS, SKIN_POINTS
from talkcli.engine.capture.sight import Sight
from talkcli.engine.studio.arrays import Array

_FILE = "mediapipe_faces.json"

SIGN_UNIT = 1e-2
"""Of the whole numbers of signs in it."""


class SeenFaces(NamedTuple):
    """Linear in where points are, eye distances along and across the eyes from the middle between them."""

    shapes: tuple[str, ...]
    """Without Left and Right: both sides move alike."""
    always: Array
    """[shapes]"""
    signs: Array
    """[shapes, points, 2] weights an eye distance"""
    moves: Array
    """[shapes, points, 2] from where points are seen to where they belong, at weight 1"""

    def expected(self, places: Array) -> Array:
        """[shapes] likely weights of a face whose points are at places [points, 2]."""
        return np.clip(self.always + np.tensordot(self.signs, places[:SKIN_POINTS], 2), 0, 1)


def places_on_face(points: Array, unit: float) -> Array:
    """[points, 2] eye distances along and across the eyes, from pixels."""
    middle = points[[corner for corners in EYE_CORNERS.values() for corner in corners]].mean(0)
    return (points - middle) @ face_axes(points, unit).T


def with_seen_faces(faces: SeenFaces, sight: Sight, names: Sequence[str]) -> Sight:
    """The same sight of single pictures, its points where they belong if faces do what is expected of them;
    `names`: of the fit's shapes."""
    share = np.array([[name.startswith(shape) for name in names] for shape in faces.shapes], float)
    weights = np.array([faces.expected(places_on_face(seen, sight.unit)) for seen in sight.points])
    moves = np.tensordot(weights, faces.moves, 1)
    points = [
        seen + move @ np.linalg.inv(face_axes(seen, sight.unit)).T
        for seen, move in zip(sight.points, moves, strict=True)
    ]
    return replace(sight, points=np.stack(points), expected=weights @ share)


@functools.cache
def told_faces() -> SeenFaces:
    """By mediapipe 0.10.14."""
    told = json.loads(asset(_FILE).read_text())
    signs, moves = (np.array(told[name], np.float64) for name in ("signs", "moves"))
    return SeenFaces(
        tuple(told["shapes"]), ERROR_UNIT * np.array(told["always"]), SIGN_UNIT * signs, ERROR_UNIT * moves
    )
