"""How MediaPipe errs by whom it sees, and what is fitted where that is undone."""

from __future__ import annotations

import functools

import numpy as np
import torch
from trimesh.registration import procrustes

from talkcli.engine.capture.captured_person import captured_person
from talkcli.engine.capture.detector_errors import (
    DetectorErrors,
    causes_of,
    detector_errors,
    face_axes,
    where_points_belong,
)
from talkcli.engine.capture.face_fit import settled_face
from talkcli.engine.capture.followed_points import where_followed_belong
from talkcli.engine.capture.landmark_sets import (
    IRIS_CENTRES,
    LEFT_LIDS,
    LIP_POINTS,
    OTHER_SIDE,
    RIGHT_LIDS,
)
from talkcli.engine.capture.marks import marks_on
from talkcli.engine.capture.normal_equations import rotation_of
from talkcli.engine.capture.sight import sight_of
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.rendering.view import seen_at
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.people import mirroring, sample_identity

SIZE, FOCAL = (768, 768), 1200.0


@functools.cache
def somebody(seed: int) -> tuple[Array, Array]:
    """A face at rest [verts, 3], and where its points are in a picture [1, points, 2]."""
    model, chance = load_face_model(), np.random.default_rng(seed)
    face = settled_face(model, sample_identity(chance, seed % 2).double().numpy())
    places = landmark_points(face, model.topology, "mediapipe").double().numpy()
    turn = rotation_of(np.radians([chance.uniform(-8, 8), chance.uniform(-15, 15), chance.uniform(-5, 5)]))
    return face.double().numpy(), seen_at(places @ turn.T + [0.01, 0.0, -0.75], FOCAL, SIZE)[None]


def away(found: torch.Tensor, true: Array) -> float:
    """Millimetres of the face on average, laid on the true one."""
    skin = load_face_model().topology.regions["face"].long().numpy()
    laid = procrustes(found.double().numpy()[skin], true[skin], reflection=False)[1]
    return float(1000 * np.linalg.norm(laid - true[skin], axis=1).mean())


def test_the_errors_of_a_mirrored_face_are_the_mirror_of_its_errors():
    errors, causes = detector_errors(), np.random.default_rng(1).normal(0, 0.7, 102)
    causes[-2:] = 0.2, 0.1
    other = np.concatenate([causes[:-2] @ mirroring(), [-0.2, 0.1]])
    mirrored = errors.by(causes)[list(OTHER_SIDE)] * [-1, 1]
    np.testing.assert_allclose(errors.by(other), mirrored, atol=3e-3)


def test_a_single_picture_is_fitted_where_its_points_belong():
    model = load_face_model()
    plain = marks_on(model, model.template)
    for seed in (1, 2):
        face, points = somebody(seed)
        known = captured_person(model, points, SIZE).fit
        sight = sight_of(points, SIZE, plain)
        axes = np.linalg.inv(face_axes(sight.points[0], sight.unit)).T
        seen = points.copy()
        seen[0] -= detector_errors().by(causes_of(known, 0)) @ axes
        raw, mended = (captured_person(model, seen, SIZE, errors=e) for e in (None, detector_errors()))
        assert away(mended.neutral, face) < 0.8 * away(raw.neutral, face), seed
        assert mended.residual < 0.01


def test_irises_move_with_their_eyes_and_nothing_far():
    points = somebody(1)[1]
    model = load_face_model()
    sight = sight_of(points, SIZE, marks_on(model, model.template))
    fit = captured_person(model, points, SIZE).fit
    moves = (where_points_belong(detector_errors(), sight, fit).points - sight.points)[0] / sight.unit
    for iris, lids in zip(IRIS_CENTRES, ((362, 263, 386, 374), (33, 133, 159, 145)), strict=True):
        assert np.linalg.norm(moves[iris] - moves[list(lids)].mean(0)) < 0.025
    assert np.abs(moves[list(LIP_POINTS)]).max() < 0.06 and np.linalg.norm(moves, axis=1).max() < 0.15


def test_lips_and_lids_of_a_film_move_as_wholes_and_all_else_where_it_belongs():
    model, points = load_face_model(), np.repeat(somebody(2)[1], 2, 0)
    sight = sight_of(points, SIZE, marks_on(model, model.template))
    fit = captured_person(model, points, SIZE).fit
    followed, each = (
        belong(detector_errors(), sight, fit).points - sight.points
        for belong in (where_followed_belong, where_points_belong)
    )
    wholes = (LIP_POINTS, LEFT_LIDS, RIGHT_LIDS)
    for whole in wholes:
        assert (
            np.ptp(followed[:, list(whole)], axis=1).max() < 1e-9 < np.ptp(each[:, list(whole)], axis=1).min()
        )
        np.testing.assert_allclose(followed[:, list(whole)].mean(1), each[:, list(whole)].mean(1), atol=1e-9)
    others = np.setdiff1d(np.arange(478), np.concatenate(wholes))
    assert np.array_equal(followed[:, others], each[:, others])


def test_a_film_is_fitted_where_its_points_belong():
    model, plain = load_face_model(), marks_on(load_face_model(), load_face_model().template)
    face = somebody(3)[0]
    places = landmark_points(torch.from_numpy(face).float(), model.topology, "mediapipe").double().numpy()
    turns = [rotation_of(np.radians([5.0, side, 0.0])) for side in (-20, -10, 0, 10, 20)]
    points = np.stack([seen_at(places @ turn.T + [0.01, 0.0, -0.75], FOCAL, SIZE) for turn in turns])
    sight, known = sight_of(points, SIZE, plain), captured_person(model, points, SIZE).fit
    always = detector_errors().by(causes_of(known, 2))
    errors = DetectorErrors(always, np.zeros((102, 1)), np.zeros((1, 478, 2)))
    seen = points - (where_followed_belong(errors, sight, known).points - sight.points)
    raw, mended = (captured_person(model, seen, SIZE, errors=e) for e in (None, errors))
    assert away(mended.neutral, face) < 0.4 * away(raw.neutral, face)
