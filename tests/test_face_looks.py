"""Whether films show one person or two: by looks beside light and pose, learnt from others than these."""

from __future__ import annotations

import functools
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import torch
from test_footage import Truth, film, performance

from talkcli.engine.assets import asset
from talkcli.engine.capture.face_looks import SAME_PERSON, face_looks, likeness, people_differ
from talkcli.engine.capture.film_track import OTHER_PERSON, tracked_film
from talkcli.engine.capture.film_watch import WatchedFilm, watched_film
from talkcli.engine.capture.normal_equations import rotation_of
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import centred_camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.view import seen_at

SIZE, FOCAL, FPS = (320, 400), 600.0, Fraction(25)
PEOPLE = ("noor", "ada", "otto", "marta", "emil", "kofi")
SUN = ([0.5, 0.5, 0.5], [0.3, 0.25, 0.2], [0.1, 0.1, 0.1], [0.2, 0.2, 0.2])
LAMP = ([0.7, 0.65, 0.5], [-0.25, -0.25, -0.2], [0.2, 0.2, 0.2], [0.1, 0.1, 0.1])


@functools.cache
def scene(name: str, yaw: float, lamp: bool, smile: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture of somebody, and where the points of their face are in it."""
    avatar, model = load_avatar(asset(f"{name}.avatar")), load_face_model()
    light = torch.zeros(9, 3)
    light[:4] = torch.tensor(LAMP if lamp else SUN)
    assert avatar.look is not None
    lit = replace(avatar, look=replace(avatar.look, light=light))
    weights = model.weight_vector(jawOpen=0.2 - 0.2 * smile, mouthSmile=smile)
    still = Motion(FPS, Coefficients(weights[None], torch.zeros(1, 3)))
    view = np.eye(4)
    view[:3, :3] = rotation_of(np.radians([3.0, yaw, 0.0]))
    view[:3, 3] = view[:3, :3] @ [0, 0, -0.06] + [0.0, -0.02, -0.7]
    camera = centred_camera(torch.from_numpy(view).float()[None], FOCAL, *SIZE)
    picture = next(iter(frames(still, lit, camera, background="#8a8f86")))
    points = landmark_points(vertices(still, lit)[0], model.topology, "mediapipe").double().numpy()
    return picture, seen_at(points @ view[:3, :3].T + view[:3, 3], FOCAL, SIZE)


@functools.cache
def looks(name: str, yaw: float, lamp: bool, smile: float) -> np.ndarray:
    return face_looks(*scene(name, yaw, lamp, smile))


@pytest.mark.parametrize("name", PEOPLE)
def test_somebody_is_like_themselves_in_another_light_pose_and_face(name):
    assert likeness(looks(name, -10, False, 0.0), looks(name, 12, True, 0.6)) > SAME_PERSON


@pytest.mark.parametrize(("one", "other"), list(combinations(PEOPLE, 2)))
def test_two_people_are_not_alike_in_the_same_light_and_pose(one, other):
    assert likeness(looks(one, 5, False, 0.0), looks(other, 5, False, 0.0)) < SAME_PERSON


def test_a_brighter_picture_looks_the_same():
    picture, points = scene("noor", 0, False, 0.0)
    brighter = np.clip(picture * 1.3, 0, 255).astype(np.uint8)
    assert likeness(face_looks(picture, points), face_looks(brighter, points)) > 0.97


def test_points_beyond_the_picture_are_read_at_its_edge():
    picture, points = scene("noor", 0, False, 0.0)
    beyond = face_looks(picture, points - [160, 0])
    assert beyond.shape == people_differ().middle.shape and np.isfinite(beyond).all()


def watched(tmp_path, *cast: tuple[int, str, float, bool]) -> WatchedFilm:
    """A film in which so many pictures show somebody from one side in one light."""
    shown = [scene(name, yaw, lamp, 0.0) for count, name, yaw, lamp in cast for _ in range(count)]
    path = film(tmp_path / "me.mp4", [picture for picture, _ in shown])
    return watched_film(path, Truth([[points] for _, points in shown]), 30)


def test_somebody_else_in_the_same_place_is_left_out_by_reason(tmp_path):
    """Before the same wall, in the same light and as large: no picture is of another scene."""
    cast = (30, "noor", 3.0, False), (30, "marta", 3.0, False), (30, "noor", -3.0, False)
    followed = tracked_film(load_face_model(), watched(tmp_path, *cast))
    assert [len(run.seconds) for run in followed.watched.runs] == [30, 30]
    [left] = followed.watched.left_out
    assert (left.start, left.reason) == (pytest.approx(1.2), OTHER_PERSON)


def test_who_is_seen_longest_in_all_is_whom_a_film_shows(tmp_path):
    """Though another is seen longer in one go."""
    film_ = watched(tmp_path, (35, "otto", 3.0, False), (50, "ada", 0.0, True), (35, "otto", -8.0, True))
    found = tracked_film(load_face_model(), film_)
    assert [float(run.seconds[0]) for run in found.watched.runs] == pytest.approx([0, 85 / 25])


def test_a_face_elsewhere_in_the_picture_is_followed_after_a_cut(tmp_path):
    """Twice as small and far to one side."""
    points = performance()[2][:30]
    moved = points * 0.5 + [190, 10]
    plain = np.full((288, 384, 3), 90, np.uint8)
    path = film(tmp_path / "me.mp4", [plain] * 30 + [plain + 120] * 30)
    followed = tracked_film(
        load_face_model(), watched_film(path, Truth([[p] for p in [*points, *moved]]), 30)
    )
    assert len(followed.spans) == 2
    assert followed.person.residual < 0.01
