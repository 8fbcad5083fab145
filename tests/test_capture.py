"""A head from points: the fit finds what the points were made of, and its parts are what formulas say."""

from __future__ import annotations

import functools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear
from trimesh.registration import procrustes

from talkcli.engine.capture.bounded import bounded_minimum
from talkcli.engine.capture.captured_person import CapturedPerson, captured_person
from talkcli.engine.capture.correction import DEPTH_SHARE, Observed, covariance, field_of
from talkcli.engine.capture.detector import mirror_image, with_mirrored
from talkcli.engine.capture.face_fit import fitted_frame, settled_face
from talkcli.engine.capture.landmark_sets import INNER_LIPS, OTHER_SIDE
from talkcli.engine.capture.marks import Marks, marks_on
from talkcli.engine.capture.normal_equations import (
    FaceFit,
    errors,
    frame_equations,
    robust_trust,
    rotation_of,
)
from talkcli.engine.capture.sight import Sight, sight_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.lip_contact import LIP_AIR, measured
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.view import read_at, seen_at, view_of
from talkcli.engine.studio.scanned.people import sample_person

SIZE, FOCAL = (1024, 768), 1300.0
MOUTH_CORNERS = 61, 291
"""Of the detector's points."""
EXPRESSIONS = (
    {},
    {"jawOpen": 0.4, "mouthSmile": 0.3},
    {"eyeBlink": 1.0, "jawOpen": 0.25, "mouthClose": 0.25},
    {"browInnerUp": 0.5, "eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5},
)


@functools.cache
def truth() -> tuple[Avatar, torch.Tensor, np.ndarray]:
    """Somebody of the identity space with a face that it does not hold, weights, and points seen."""
    model, chance = load_face_model(), np.random.default_rng(3)
    face = settled_face(model, chance.normal(0, 0.7, len(model.identity)))
    bump = torch.exp(-((face - face[model.topology.regions["nose"].long()].mean(0)).norm(dim=1) ** 2) / 5e-4)
    avatar = replace(talking_head(), neutral=face + 0.003 * bump[:, None] * torch.tensor([1.0, 0, 0]))
    weights = torch.stack([model.weight_vector(**e) for e in EXPRESSIONS])
    bodies = vertices(moving(weights), avatar)
    return avatar, weights, seen(bodies) + chance.normal(0, 0.4, (len(weights), 478, 2))


def moving(weights: torch.Tensor) -> Motion:
    return Motion(Fraction(25), Coefficients(weights.float(), torch.zeros(len(weights), 3)))


def lip_gaps(bodies: torch.Tensor) -> np.ndarray:
    """[frames] metres between the middles of the lips, of which contact leaves LIP_AIR."""
    contact = load_face_model().contact
    assert contact is not None
    return measured(bodies[:, contact.mouth.rings], contact.mouth).gaps[:, 12:19].mean(1).numpy()


def seen(bodies: torch.Tensor) -> np.ndarray:
    """Points as a detector has them: those of lips that meet coincide."""
    places = landmark_points(bodies, load_face_model().topology, "mediapipe").double().numpy()
    points = []
    for i, place in enumerate(places):
        turn = rotation_of(np.radians([5.0 * i - 7, 10.0 * i - 12, 3]))
        points.append(seen_at(place @ turn.T + [0.02, -0.01, -0.75], FOCAL, SIZE))
    out = np.array(points)
    open_share = np.clip((lip_gaps(bodies) - LIP_AIR) / 0.003, 0, 1)[:, None]
    for pair in INNER_LIPS:
        middle = out[:, list(pair)].mean(1)
        for point in pair:
            out[:, point] = middle + (out[:, point] - middle) * open_share
    return out


@functools.cache
def captured() -> CapturedPerson:
    pictures = truth()[2]
    return captured_person(load_face_model(), pictures, SIZE, np.full(len(pictures), np.inf))


def small_fit() -> tuple[Marks, FaceFit, Sight]:
    model = load_face_model()
    return captured().marks, captured().fit, sight_of(truth()[2], SIZE, marks_on(model, model.template))


@pytest.mark.parametrize("seed", (2, 3))
def test_who_waits_to_be_spoken_to_is_captured_with_that_face_and_not_as_somebody_sad_who_smiles(seed):
    model, neutral = load_face_model(), sample_person(seed).neutral
    person = captured_person(model, seen(neutral[None]), SIZE)
    face = model.topology.regions["face"].long().numpy()
    true, found = (shape.double().numpy() for shape in (neutral, person.neutral))
    onto = procrustes(found[face], true[face], reflection=False)[0]
    away = np.linalg.norm(found @ onto[:3, :3].T + onto[:3, 3] - true, axis=1) * 1000
    corners = model.topology.landmarks["mediapipe"].triangles[list(MOUTH_CORNERS)]
    assert away[face].mean() < 0.7 and away[model.topology.faces[corners.long()].numpy()].max() < 1.0
    smiles = model.columns(["mouthSmileLeft", "mouthSmileRight"])
    assert person.fit.weights[0, smiles].max() < 0.03


def test_a_face_its_camera_and_what_it_does_are_found_in_four_pictures():
    avatar, weights, _ = truth()
    person, face = captured(), load_face_model().topology.regions["face"].long().numpy()
    true, found = (shape.double().numpy()[face] for shape in (avatar.neutral, person.neutral))
    away = np.linalg.norm(procrustes(found, true, reflection=False)[1] - true, axis=1) * 1000
    assert np.median(away) < 0.6 and person.residual < 0.007, "0.4 pixels are 0.5 % of the eye distance"
    assert abs(person.fit.focal / FOCAL - 1) < 0.2
    apart = np.abs(person.fit.weights - weights.double().numpy())
    assert np.sqrt((apart**2).mean()) < 0.08
    for name, bound in (
        ("jawOpen", 0.1),
        ("browInnerUp", 0.25),
        ("eyeLookOutLeft", 0.25),
        ("eyeBlinkRight", 0.15),
    ):
        assert apart[:, load_face_model().shape_names.index(name)].max() < bound, name


def test_lips_seen_shut_meet_and_blinks_are_shut():
    person = captured()
    assert person.sight.lips_shut.tolist() == [True, False, True, True]
    avatar = replace(truth()[0], neutral=person.neutral)
    bodies = vertices(moving(torch.from_numpy(person.fit.weights)), avatar)
    gaps = lip_gaps(bodies)
    assert gaps[person.sight.lips_shut].max() <= LIP_AIR + 5e-5, "as shut as contact shuts lips"
    assert gaps[1] > 0.005
    contact = load_face_model().contact
    assert contact is not None
    for eye in (contact.left, contact.right):
        edge = bodies[:, eye.edge]
        gap = (edge - edge[:, eye.opposite]).norm(dim=2).amax(1)
        assert gap[2] < 1e-4 and gap[0] > 0.006


def test_the_correction_finds_what_the_identity_has_not():
    """A nose that stands to the side by 3 mm."""
    avatar, model = truth()[0], load_face_model()
    nose = model.topology.regions["nose"].long().numpy()
    face = model.topology.regions["face"].long().numpy()
    true = avatar.neutral.double().numpy()
    left = []
    for shape in (settled_face(model, captured().fit.identity), captured().neutral):
        points = shape.double().numpy()
        points = points + (procrustes(points[face], true[face], reflection=False)[1] - points[face]).mean(0)
        left.append(np.median(np.abs(points[nose, 0] - true[nose, 0])))
    assert left[1] < 0.6 * left[0] and captured().corrected_mm > 0.2


def test_the_gradient_of_a_frame_is_that_of_its_distances():
    marks, fit, sight = small_fit()
    open_sight = replace(sight, lips_shut=np.zeros(4, bool), lids_shut={})
    trust = robust_trust(marks.trust, errors(marks, fit, open_sight)[1])

    def energy(shift: np.ndarray) -> float:
        error = errors(marks, fit.moved(1, shift), open_sight)[1]
        return float((trust * (error**2).sum(-1)).sum() / 2)

    hessian, gradient = frame_equations(marks, fit, 1, open_sight, shared=False)
    for i in (0, 2, 4, 5, 6 + marks.jaw):
        step = np.zeros(len(gradient))
        step[i] = 1e-6
        slope = (energy(step) - energy(-step)) / 2e-6
        assert slope == pytest.approx(gradient[i], rel=2e-4, abs=0.2)
    assert np.linalg.eigvalsh(hessian).min() > -1e-6


def test_the_bounded_minimum_is_scipys():
    chance = np.random.default_rng(0)
    rows, target = chance.normal(size=(30, 12)), chance.normal(size=30) * 3
    low, high = -chance.uniform(0, 0.3, 12), chance.uniform(0, 0.3, 12)
    mine = bounded_minimum(rows.T @ rows, -rows.T @ target, low, high)
    theirs = lsq_linear(rows, target, (low, high), tol=1e-14).x
    assert np.allclose(mine, theirs, atol=1e-5) and (mine == low).any() and (mine == high).any()
    free = bounded_minimum(rows.T @ rows, -rows.T @ target, low - 99, high + 99)
    assert np.allclose(free, np.linalg.lstsq(rows, target, rcond=None)[0])


def test_the_field_is_the_posterior_mean_of_a_gaussian_process():
    chance = np.random.default_rng(1)
    where, elsewhere = chance.normal(0, 0.03, (5, 3)), chance.normal(0, 0.03, (7, 3))
    noise, seen_offsets = chance.uniform(1e-7, 1e-5, 5), chance.normal(0, 0.003, (5, 3))
    precision = np.einsum("k,ab->kab", 1 / noise, np.eye(3))
    field = field_of(where, Observed(precision, seen_offsets / noise[:, None]))(elsewhere)
    for axis, share in enumerate((1, 1, DEPTH_SHARE**2)):
        prior = share * covariance(where, where) + np.diag(noise)
        expected = share * covariance(elsewhere, where) @ np.linalg.solve(prior, seen_offsets[:, axis])
        assert np.allclose(field[:, axis], expected, rtol=1e-5, atol=1e-8)


def test_outliers_do_not_pull():
    marks, fit, sight = small_fit()
    points = sight.points.copy()
    points[1, 200:240] += 90
    spoilt = replace(sight, points=points)
    moved = fitted_frame(marks, fit, 1, spoilt)
    assert np.abs(moved.shifts[1] - fit.shifts[1]).max() < 0.004
    assert np.abs(moved.weights[1] - fit.weights[1]).max() < 0.15


def test_a_camera_sees_the_nearer_of_two_triangles_and_where_on_it():
    places = np.array([[-1.0, -1, -2], [1, -1, -1.5], [0, 1, -2], [-1, -1, -3], [1, -1, -3], [0, 1, -4.0]])
    view = view_of(places, np.array([[3, 4, 5], [0, 1, 2]]), 40.0, (64, 48))
    assert view.ids[24, 32] == 1 and view.ids[0, 0] == -1 and 1.5 < view.distance[24, 32] < 2
    there = (places[:3] * view.shares[20, 30][:, None]).sum(0)
    assert np.allclose(seen_at(there, 40.0, (64, 48)), [30.5, 20.5], atol=1e-4)
    picture = np.arange(12.0).reshape(3, 4)
    assert np.allclose(read_at(picture, np.array([[0.5, 0.5], [1, 0.5], [3.5, 2.5]])), [0, 0.5, 11])


def test_the_mirror_of_a_point_is_where_the_mean_head_has_its_other_side():
    model, order = load_face_model(), np.array(OTHER_SIDE)
    assert (order[order] == np.arange(478)).all() and order[13] == 13 and order[33] == 263
    places = landmark_points(model.template, model.topology, "mediapipe").numpy()
    assert np.linalg.norm(places[order] * [-1, 1, 1] - places, axis=1).max() < 5e-4


def test_what_a_picture_and_its_mirror_image_show_is_averaged():
    chance, width = np.random.default_rng(0), 400
    places = chance.uniform(100, 200, (478, 2))
    one, other = (places + chance.normal(0, 1, places.shape) for _ in range(2))
    turned = np.stack([width - other[:, 0], other[:, 1]], 1)[list(OTHER_SIDE)]
    np.testing.assert_allclose(with_mirrored(one, [turned + 150, turned], width), (one + other) / 2)
    assert with_mirrored(one, [turned + 150], width) is one


def test_a_mirror_image_has_left_for_right():
    picture = np.random.default_rng(3).integers(0, 255, (6, 9, 3), np.uint8)
    assert (mirror_image(picture) == picture[:, ::-1]).all() and mirror_image(picture).flags.c_contiguous


@pytest.mark.parametrize("seed", [2, 12])
def test_a_head_that_leans_beside_the_middle_of_a_wide_picture_is_fitted(seed):
    """Twice as far away as is expected: lens, distance and place have a long way to go together."""
    model, chance, size = load_face_model(), np.random.default_rng(seed), (1920, 1448)
    face = settled_face(model, chance.normal(0, 0.7, len(model.identity)))
    lean, yaw, nod = chance.choice([-1, 1]) * chance.uniform(20, 45), *chance.uniform([-30, -15], [30, 15])
    leaning, turned, nodding = (
        rotation_of(np.radians(way)) for way in np.diag([lean, yaw, nod])[:, [2, 1, 0]]
    )
    away = [*chance.uniform([-0.6, -0.44], [0.6, 0.44]), -2.2]
    places = landmark_points(face, model.topology, "mediapipe").double().numpy()
    points = seen_at(places @ (leaning @ turned @ nodding).T + away, 3000.0, size)
    person = captured_person(model, (points + chance.normal(0, 0.5, points.shape))[None], size)
    assert person.residual < 0.01
