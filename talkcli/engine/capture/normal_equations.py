"""One frame's share of a fit: how far the head is from what is seen, and what would bring it nearer.

A pinhole camera sees a point (X, Y, Z) of its own frame, Z below 0, at column cx - f X / Z and row
cy + f Y / Z. Residuals are in eye distances. Unknowns of a frame, in this order: the identity's modes and the
logarithm of the focal length, which all frames share; turn and shift of the head; weights of the shapes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from talkcli.engine.capture.landmark_sets import IRIS_CENTRES, LID_POINTS, SKIN_POINTS
from talkcli.engine.capture.marks import Marks
from talkcli.engine.capture.sight import Sight
from talkcli.engine.compiled import exact
from talkcli.engine.rendering.view import seen_at
from talkcli.engine.studio.arrays import Array

POSE = 6
"""Numbers of a pose: turn, then shift."""

POINT_SCATTER = 0.02
"""Eye distances: above a landmark's true one, for neighbours err together."""

OUTLIER = 3.0
"""Residuals beyond so many times POINT_SCATTER count less and less (Geman and McClure 1985)."""

WEIGHT_SD, WEIGHT_PULL = 0.6, 1.0
"""Of shape weights: their spread, and a pull to 0 in log likelihood that keeps apart what cancels out."""

CONTACT = 2e-4
"""Metres that lips seen shut are held together to."""

LID_HOLD = 0.03
"""Weight of eyeBlink that lids seen shut are held to."""

_SHUT = 0.9
"""From which shutness on lids are."""

EYES_OUTLIER = 2.5
"""How much further lids and irises may be off."""


@dataclass(frozen=True)
class FaceFit:
    """One person in one or more pictures."""

    focal: float
    """Pixels"""
    identity: Array
    """[modes] standard deviations"""
    turns: Array
    """[frames, 3, 3] head to camera"""
    shifts: Array
    """[frames, 3] metres"""
    weights: Array
    """[frames, shapes]"""

    def moved(self, frame: int, step: Array) -> FaceFit:
        """With a step of pose and weights of one frame."""
        turns, shifts, weights = self.turns.copy(), self.shifts.copy(), self.weights.copy()
        turns[frame] = rotation_of(step[:3]) @ turns[frame]
        shifts[frame] += step[3:POSE]
        weights[frame] = np.clip(weights[frame] + step[POSE:], 0, 1)
        return replace(self, turns=turns, shifts=shifts, weights=weights)

    def with_frame(self, frame: int, one: FaceFit) -> FaceFit:
        """With one picture as it is in `one`, which is of that picture alone."""
        turns, shifts, weights = self.turns.copy(), self.shifts.copy(), self.weights.copy()
        turns[frame], shifts[frame], weights[frame] = one.turns[0], one.shifts[0], one.weights[0]
        return replace(self, turns=turns, shifts=shifts, weights=weights)

    def part(self, frames: list[int]) -> FaceFit:
        """Some of the pictures."""
        return replace(
            self, turns=self.turns[frames], shifts=self.shifts[frames], weights=self.weights[frames]
        )


class Normal(NamedTuple):
    """hessian @ step = -gradient, before priors."""

    hessian: Array
    gradient: Array


class _Linear(NamedTuple):
    error: Array
    """[points, 2] eye distances"""
    by_place: Array
    """[points, 2, 3] its derivative by the place in the camera's frame, metres"""
    arm: Array
    """[points, 3] that place without the head's shift"""
    by_focal: Array
    """[points, 2] its derivative by the logarithm of the focal length"""


def rotation_of(vector: Array) -> Array:
    """[3, 3] from axis-angle, radians."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def turn_between(one: Array, other: Array) -> Array:
    """The small rotation vector that leads from one matrix to the other."""
    r = other @ one.T
    return np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]]) / 2


def linearised(marks: Marks, fit: FaceFit, frame: int, sight: Sight) -> _Linear:
    arm = marks.places(fit.weights[frame]) @ fit.turns[frame].T
    place = arm + fit.shifts[frame]
    away = -place[:, 2]
    x, y = place[:, 0] / away, place[:, 1] / away
    by_place = np.zeros((len(place), 2, 3))
    by_place[:, 0, 0], by_place[:, 0, 2] = 1 / away, x / away
    by_place[:, 1, 1], by_place[:, 1, 2] = -1 / away, -y / away
    scale = fit.focal / sight.unit
    error = (seen_at(place, fit.focal, sight.size) - sight.points[frame]) / sight.unit
    return _Linear(error, by_place * scale, arm, np.stack([x, -y], -1) * scale)


def errors(marks: Marks, fit: FaceFit, sight: Sight) -> Array:
    """[frames, points, 2] eye distances from where points are seen to where the head has them."""
    return np.stack([linearised(marks, fit, i, sight).error for i in range(len(fit.turns))])


def residual(marks: Marks, fit: FaceFit, sight: Sight) -> float:
    """Root mean square distance over the points of the skin, eye distances."""
    return float(np.sqrt((errors(marks, fit, sight)[:, :SKIN_POINTS] ** 2).sum(-1).mean()))


def robust_trust(trust: Array, error: Array, scatter: float = POINT_SCATTER) -> Array:
    """[points] weights of squared residuals [points, 2], 1 / eye distances^2.

    Lids and irises keep theirs for longer: those that are far off have moved, and would not be found again.
    """
    square = (error**2).sum(-1) / scatter**2
    eyes = [point for point in (*LID_POINTS, *IRIS_CENTRES) if point < len(square)]
    square[eyes] /= EYES_OUTLIER**2
    return trust / (1 + square / OUTLIER**2) ** 2 / scatter**2


def frame_equations(marks: Marks, fit: FaceFit, frame: int, sight: Sight, shared: bool) -> Normal:
    """Landmarks and contact of one frame; without what frames share, where that stands fast."""
    linear, weights = linearised(marks, fit, frame, sight), fit.weights[frame]
    off = float(np.median(np.linalg.norm(linear.error, axis=1)))
    trust = robust_trust(marks.trust, linear.error, max(off, POINT_SCATTER))  # all count where all are far
    turned, opening = linear.by_place @ fit.turns[frame], marks.jaw_move(float(weights[marks.jaw]))
    own = len(marks.identity) + 1 if shared else 0
    jacobian = np.empty((len(trust), 2, own + POSE + len(weights)))
    if shared:
        _fill_moves(turned, marks.identity, jacobian, 0)
        jacobian[..., own - 1] = linear.by_focal
    _fill_pose(linear.by_place, linear.arm, jacobian, own)
    _fill_moves(turned, marks.shapes, jacobian, own + POSE)
    _fill_moves(turned, opening[None], jacobian, own + POSE + marks.jaw)
    root = np.sqrt(trust)[:, None]
    jacobian *= root[..., None]
    rows = jacobian.reshape(2 * len(trust), -1)
    normal = Normal(rows.T @ rows, rows.T @ (linear.error * root).reshape(-1))
    _touch(normal, marks, weights, frame, sight)
    return normal


@exact
def _fill_moves(turned, moves, out, first):
    """Columns from the first on of out [points, 2, columns]: moves [n, points, 3] as `turned` [points, 2, 3]
    has them in the picture."""
    for point in range(len(turned)):
        for row in range(2):
            x, y, z = turned[point, row, 0], turned[point, row, 1], turned[point, row, 2]
            for k in range(len(moves)):
                move = moves[k, point]
                out[point, row, first + k] = x * move[0] + y * move[1] + z * move[2]


@exact
def _fill_pose(by_place, arm, out, first):
    """Columns from the first on of out [points, 2, columns]: turns, which move a place across its arm
    [points, 3], and shifts."""
    for point in range(len(arm)):
        x, y, z = arm[point, 0], arm[point, 1], arm[point, 2]
        for row in range(2):
            a, b, c = by_place[point, row, 0], by_place[point, row, 1], by_place[point, row, 2]
            out[point, row, first] = c * y - b * z
            out[point, row, first + 1] = a * z - c * x
            out[point, row, first + 2] = b * x - a * y
            out[point, row, first + 3] = a
            out[point, row, first + 4] = b
            out[point, row, first + 5] = c


def _touch(normal: Normal, marks: Marks, weights: Array, frame: int, sight: Sight) -> None:
    """In place: lips seen shut meet, lids seen shut are shut."""
    first = len(normal.gradient) - len(weights)
    if sight.lips_shut[frame]:
        parting, by_weight = marks.parting(weights)
        normal.hessian[first:, first:] += by_weight @ by_weight.T / CONTACT**2
        normal.gradient[first:] += by_weight @ parting / CONTACT**2
    for side, shut in sight.lids_shut.items():
        if shut[frame] > _SHUT:
            lid = marks.names.index(f"eyeBlink{side}")
            normal.hessian[first + lid, first + lid] += 1 / LID_HOLD**2
            normal.gradient[first + lid] += (weights[lid] - 1) / LID_HOLD**2
