"""Frowns, squints and sneers of a photograph are told from whom it shows."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from benchmarks.photo import SIZE, photograph
from talkcli.engine.assets import asset
from talkcli.engine.capture.captured_person import captured_person
from talkcli.engine.capture.detector import MediaPipe
from talkcli.engine.capture.detector_errors import DetectorErrors, detector_errors
from talkcli.engine.capture.landmark_sets import OTHER_SIDE, SKIN_POINTS
from talkcli.engine.capture.marks import marks_on
from talkcli.engine.capture.seen_faces import places_on_face, told_faces, with_seen_faces
from talkcli.engine.capture.sight import Sight, sight_of
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.studio.arrays import Array

FACES = {"browDown": 1.0, "eyeSquint": 0.7, "noseSneer": 0.6}


@functools.cache
def seen(who: str, shape: str | None = None) -> Array:
    """[points, 2] that MediaPipe sees of somebody bundled, in one face."""
    pytest.importorskip("mediapipe")
    face = {shape: FACES[shape]} if shape else {}
    avatar = load_avatar(asset(f"{who}.avatar"))
    return MediaPipe().faces(photograph(avatar, np.random.default_rng(3), face).picture)[0]


def sight(points: Array) -> Sight:
    model = load_face_model()
    return sight_of(points[None], (SIZE, SIZE), marks_on(model, model.template))


def found(points: Array, shape: str) -> float:
    """Mean weight of both sides in the fit."""
    fit = captured_person(load_face_model(), points[None], (SIZE, SIZE), errors=detector_errors()).fit
    names = load_face_model().shape_names
    return float(fit.weights[0, [name.startswith(shape) for name in names]].mean())


def test_a_mirrored_face_does_the_same():
    signs = told_faces().signs
    mirrored = signs[:, list(OTHER_SIDE[:SKIN_POINTS])] * [-1, 1]
    np.testing.assert_allclose(signs, mirrored, atol=0.011)
    moves = told_faces().moves
    np.testing.assert_allclose(moves, moves[:, list(OTHER_SIDE)] * [-1, 1], atol=2e-3)


@pytest.mark.parametrize("who", ["noor", "otto"])
def test_frowns_and_sneers_of_a_photograph_are_found_and_nobody_at_rest_frowns(who):
    assert found(seen(who), "browDown") < 0.2 and found(seen(who), "noseSneer") < 0.1
    assert found(seen(who, "browDown"), "browDown") > 0.4
    assert found(seen(who, "noseSneer"), "noseSneer") > 0.25


def test_points_move_as_far_as_a_face_is_expected_to_do_so():
    faces, names, plain = told_faces(), load_face_model().shape_names, sight(seen("noor", "browDown"))
    moved = with_seen_faces(faces, plain, names)
    weights = faces.expected(places_on_face(plain.points[0], plain.unit))
    assert moved.expected[0, names.index("browDownLeft")] == weights[0] > 0.3
    assert moved.expected[0, names.index("jawOpen")] == 0
    far = np.linalg.norm(moved.points - plain.points, axis=-1)[0] / plain.unit
    asked = np.linalg.norm(np.tensordot(weights, faces.moves, 1), axis=-1)
    np.testing.assert_allclose(far, asked, atol=1e-9)


def test_where_the_detector_is_not_known_to_err_nothing_is_expected():
    points = seen("noor", "browDown")
    assert not captured_person(load_face_model(), points[None], (SIZE, SIZE)).sight.expected.any()
    nothing = DetectorErrors(np.zeros((478, 2)), np.zeros((102, 1)), np.zeros((1, 478, 2)))
    both = np.stack([points, points])
    assert not captured_person(load_face_model(), both, (SIZE, SIZE), errors=nothing).sight.expected.any()
