"""From points to a head: camera, identity, and pose and weights a frame, by Gauss-Newton within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.capture.bounded import bounded_minimum
from talkcli.engine.capture.landmark_sets import SKIN_POINTS
from talkcli.engine.capture.marks import Marks, marks_on
from talkcli.engine.capture.normal_equations import (
    POSE,
    WEIGHT_PULL,
    WEIGHT_SD,
    FaceFit,
    frame_equations,
    turn_between,
)
from talkcli.engine.capture.sight import EYE_DISTANCE, Sight
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.people import FRIENDLY

CAMERA_AWAY, FOCAL_SPREAD = 0.9, 0.35
"""Metres that a camera is expected to stand from a face, and the spread of the logarithm."""

EXTREME_MODE = 4.0
"""Standard deviations that no mode of an identity exceeds."""

_LOOSE = 1e-3
"""Precision of what has no prior."""

CALM_OF_ONE = 2.5
"""How much more weights of a single picture are drawn to 0, so that a face is not all expression."""

TELLING = 4
"""Frames that count in full for who somebody is; more only average their noise."""

STEADY_TURN, STEADY_SHIFT, STEADY_WEIGHT, BRISK = 0.015, 0.003, 0.04, 4.0
"""Radians, metres and weight that change between frames at 25 a second; how much faster lids are."""

_ENOUGH, _KNOWN_ENOUGH = 1e-3, 1e-2
"""A step so small is the last, of one frame and of who it is: each is a tenth of the one before."""

_FARTHEST = 0.3
"""Of the logarithm of the focal length, in one round."""


def settled_face(model: FaceModel, identity: Array) -> Float[Tensor, "verts 3"]:
    """A person's face at rest, metres, FRIENDLY as everybody of the studio is, with every touch resolved."""
    friendly = (model.weight_vector(**FRIENDLY) @ model.shapes.flatten(1)).view_as(model.template)
    return model.settled(model.neutral(torch.from_numpy(identity).float()) + friendly)


def begun(marks: Marks, sight: Sight, focal: float | None = None) -> FaceFit:
    """The face of the marks, posed by weak perspective, with lids where they are seen; `focal`: pixels, as of
    a camera that stands where cameras do unless given."""
    frames, base = len(sight.points), marks.mean[:SKIN_POINTS] - marks.mean[:SKIN_POINTS].mean(0)
    focal = sight.unit * CAMERA_AWAY / EYE_DISTANCE if focal is None else focal
    turns, shifts = np.empty((frames, 3, 3)), np.empty((frames, 3))
    for i, points in enumerate(sight.points[:, :SKIN_POINTS]):
        middle = points.mean(0)
        affine = np.linalg.lstsq(base, (points - middle) * [1, -1], rcond=None)[0].T
        u, _, vh = np.linalg.svd(affine, full_matrices=False)
        rows, scale = u @ vh, np.linalg.norm(affine, axis=1).mean()
        turns[i] = np.stack([rows[0], rows[1], np.cross(rows[0], rows[1])])
        across = (middle - np.array(sight.size) / 2) * [1, -1] / scale
        shifts[i] = np.array([*across, -focal / scale]) - turns[i] @ marks.mean[:SKIN_POINTS].mean(0)
    weights = np.zeros((frames, len(marks.names)))
    fit = FaceFit(focal, np.zeros(len(marks.identity)), turns, shifts, weights)
    for i in range(frames):
        start_lids(marks, fit, i, sight)
    return fit


def start_lids(marks: Marks, fit: FaceFit, frame: int, sight: Sight) -> None:
    """In place: lids of a frame as far shut as they are seen, or robust weights never let them shut."""
    for side, shut in sight.lids_shut.items():
        fit.weights[frame, marks.names.index(f"eyeBlink{side}")] = shut[frame]


def fitted_person(
    model: FaceModel, sight: Sight, rounds: int = 10, start: FaceFit | None = None
) -> tuple[FaceFit, Marks]:
    """Identity and focal length that frames share, with pose and weights of each of a few frames.

    Shapes are worn by the face as it is known in each round, and lips and lids of it touch. `start`: a fit
    that is near already, of the same frames.
    """
    first = begun(marks_on(model, model.template), sight)
    fit = start or first
    calm = CALM_OF_ONE if len(sight.points) == 1 else 1.0
    likely = float(np.log(first.focal))
    for _ in range(rounds):
        marks = marks_on(model, settled_face(model, fit.identity))
        step = _shared_step(marks, fit, sight, calm, likely)
        fit = _stepped(fit, step)
        if np.abs(step).max() < _KNOWN_ENOUGH:
            break
    return fit, marks_on(model, settled_face(model, fit.identity))


def _stepped(fit: FaceFit, step: Array) -> FaceFit:
    """With a step as `_shared_step` has it. Where a head is seen goes as far as a short step would take it: a
    longer lens takes what is beside the middle of its picture much further, and so does a nearer camera."""
    modes = len(fit.identity)
    zoom = step[modes]
    out = replace(fit, focal=float(fit.focal * np.exp(zoom)), identity=fit.identity + step[:modes])
    for i, part in enumerate(step[modes + 1 :].reshape(len(fit.turns), -1)):
        out, place, shift = out.moved(i, part), fit.shifts[i], part[3:POSE]
        nearer = shift[2] / place[2]
        out.shifts[i, :2] = np.exp(nearer - zoom) * ((1 + zoom - nearer) * place + shift)[:2]
        out.shifts[i, 2] = np.exp(nearer) * place[2]
    return out


def _shared_step(marks: Marks, fit: FaceFit, sight: Sight, calm: float, likely: float) -> Array:
    """What brings all frames nearer: [modes + 1 + frames * (POSE + shapes)]."""
    frames, modes, shapes = len(sight.points), len(fit.identity), len(marks.names)
    shared, own = modes + 1, POSE + shapes
    share = min(1.0, TELLING / frames)
    hessian, gradient = np.zeros((shared + frames * own,) * 2), np.zeros(shared + frames * own)
    low, high = np.full(len(gradient), -np.inf), np.full(len(gradient), np.inf)
    diagonal = np.full(len(gradient), _LOOSE)
    diagonal[:modes], diagonal[modes] = 1, 1 / FOCAL_SPREAD**2
    gradient[:modes] = fit.identity
    gradient[modes] = (np.log(fit.focal) - likely) / FOCAL_SPREAD**2
    low[:modes], high[:modes] = -EXTREME_MODE - fit.identity, EXTREME_MODE - fit.identity
    low[modes], high[modes] = -_FARTHEST, _FARTHEST
    for i in range(frames):
        normal = frame_equations(marks, fit, i, sight, shared=True)
        first = shared + i * own
        mine = np.r_[0:shared, first : first + own]
        hessian[np.ix_(mine, mine)] += share * normal.hessian
        gradient[mine] += share * normal.gradient
        at = slice(first + POSE, first + own)
        diagonal[at] = share * calm / WEIGHT_SD**2
        gradient[at] += share * calm * (fit.weights[i] / WEIGHT_SD**2 + WEIGHT_PULL)
        low[at], high[at] = -fit.weights[i], 1 - fit.weights[i]
    hessian[np.diag_indices(len(gradient))] += diagonal
    return bounded_minimum(hessian, gradient, low, high)


def fitted_frame(
    marks: Marks, fit: FaceFit, frame: int, sight: Sight, beside: Sequence[tuple[int, float]] = (),
    rounds: int = 6, calm: float = 1.0,
) -> FaceFit:  # fmt: skip
    """Pose and weights of one frame, held near those of the frames `beside`, each so many 25ths of a second
    away."""
    steady = np.concatenate(
        [np.full(3, STEADY_TURN), np.full(3, STEADY_SHIFT), np.full(len(marks.names), STEADY_WEIGHT)]
    )
    steady[POSE:][[name.startswith("eyeBlink") for name in marks.names]] *= BRISK
    one, seen = fit.part([frame]), sight.part([frame])
    for _ in range(rounds):
        hessian, gradient = frame_equations(marks, one, 0, seen, shared=False)
        weights, diagonal = one.weights[0], np.full(len(gradient), _LOOSE)
        diagonal[POSE:] = calm / WEIGHT_SD**2
        gradient[POSE:] += calm * (weights / WEIGHT_SD**2 + WEIGHT_PULL)
        for other, away in beside:
            stiff = 1 / (steady * away) ** 2
            turn = turn_between(fit.turns[other], one.turns[0])
            shift, change = one.shifts[0] - fit.shifts[other], weights - fit.weights[other]
            gradient += stiff * np.concatenate([turn, shift, change])
            diagonal += stiff
        hessian[np.diag_indices(len(gradient))] += diagonal
        free = np.full(POSE, np.inf)
        step = bounded_minimum(
            hessian, gradient, np.concatenate([-free, -weights]), np.concatenate([free, 1 - weights])
        )
        one = one.moved(0, step)
        if np.abs(step).max() < _ENOUGH:
            break
    return fit.with_frame(frame, one)


def differing_frames(points: Array, unit: float, count: int) -> list[int]:
    """Frames whose faces differ most; the most ordinary one first."""
    flat = ((points - points.mean(1, keepdims=True)) / unit).reshape(len(points), -1)
    chosen = [int(np.linalg.norm(flat - np.median(flat, 0), axis=1).argmin())]
    far = np.linalg.norm(flat - flat[chosen[0]], axis=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(far.argmax()))
        far = np.minimum(far, np.linalg.norm(flat - flat[chosen[-1]], axis=1))
    return chosen
