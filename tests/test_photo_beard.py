"""Somebody with a beard becomes an avatar: their talking photograph keeps it, the studio look wears it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import cast

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter

from talkcli.engine.assets import asset
from talkcli.engine.capture.atlas import skin_atlas
from talkcli.engine.capture.beard_places import beard_places
from talkcli.engine.capture.captured_person import captured_person
from talkcli.engine.capture.detector import Detector, Photo
from talkcli.engine.capture.dressed_person import PersonShot, dressed_person
from talkcli.engine.capture.hair_choice import dressing_in
from talkcli.engine.capture.landmark_sets import BROW_POINTS
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.look import Look
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import centred_camera
from talkcli.engine.rendering.photo_stage import photo_frames
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.textures import linear
from talkcli.engine.rendering.view import seen_at
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.hair.beard_styles import BEARD_STYLES
from talkcli.engine.studio.scanned.hair.beards import beard_of

SIZE, FOCAL = 384, 900.0
STILL = Motion(Fraction(25), Coefficients(torch.zeros(1, 54), torch.zeros(1, 3)))
VIEW = np.eye(4)
VIEW[:3, 3] = [0, 0.01, -0.86]
CHIN, CHEEKS = [199, 175, 18, 200, 208, 428], [50, 280, 117, 346]
"""Points of MediaPipe on the chin, where a beard grows, and below the eyes."""


class KnownOutline:
    """Knows which pixels are the person's."""

    def __init__(self, mask: np.ndarray) -> None:
        self.mask = mask

    def person(self, picture: Photo) -> np.ndarray:
        return self.mask


@pytest.fixture(scope="module")
def otto() -> Avatar:
    """With a beard that is nearly black."""
    avatar = load_avatar(asset("otto.avatar"))
    beard = beard_of("full", torch.full((3,), 0.02), avatar.neutral)
    return replace(avatar, worn=(*(each for each in avatar.worn if each.name not in BEARD_STYLES), beard))


@pytest.fixture(scope="module")
def points(otto) -> Array:
    places = landmark_points(otto.neutral, load_face_model().topology, "mediapipe").double().numpy()
    return seen_at(places @ VIEW[:3, :3].T + VIEW[:3, 3], FOCAL, (SIZE, SIZE))


@pytest.fixture(scope="module")
def photo(otto) -> Photo:
    camera = centred_camera(torch.from_numpy(VIEW).float()[None], FOCAL, SIZE, SIZE)
    return next(iter(frames(STILL, otto, camera, background="#4060a0", workers=1)))


@pytest.fixture(scope="module")
def me(photo, points) -> Avatar:
    mask = (np.abs(photo.astype(int) - [0x40, 0x60, 0xA0]).max(-1) > 8).astype(np.float32)
    person = captured_person(load_face_model(), points[None], (SIZE, SIZE))
    detector = cast("Detector", KnownOutline(mask))
    shots = [PersonShot(photo, points, person)]
    return dressed_person(shots, detector, "me", "a photograph")[0]


def darker_chin(picture: Photo, points: Array) -> float:
    """Logarithm by which squares of seven pixels on the chin are darker than below the eyes."""
    light = uniform_filter(linear(picture).mean(-1), 7)
    chin, cheeks = (
        light[row, column].mean() for column, row in (points[n].astype(int).T for n in (CHIN, CHEEKS))
    )
    return float(np.log(cheeks / chin))


def painted_hairs(look: Look) -> float:
    """Standard deviation of the logarithm of the chin's albedo: hairs are dark on bright."""
    albedo = linear(look.albedo.numpy()).reshape(-1, 3)[skin_atlas().canvas.texels]
    return float(np.log(albedo[beard_places().chin].mean(1) + 0.01).std())


def test_a_talking_photograph_keeps_the_beard_that_it_shows(me, photo, points):
    """In the middle of the face, which is drawn, as the photograph goes on beside it."""
    assert me.photograph is not None
    still = Motion(Fraction(25), Coefficients(me.photograph.weights[None], torch.zeros(1, 3)))
    drawn = next(photo_frames(still, me, (SIZE, SIZE), workers=1))
    assert darker_chin(photo, points) > 1.2
    assert darker_chin(drawn, points) == pytest.approx(darker_chin(photo, points), abs=0.15)


def test_the_studio_look_wears_a_beard_and_has_none_painted(me):
    assert me.look is not None and me.studio_look is not None
    assert "full" in [each.name for each in me.worn]
    assert painted_hairs(me.studio_look) < painted_hairs(me.look) / 3


def test_whose_hair_lies_beyond_the_picture_is_not_bald():
    """A face whose forehead ends at the picture's edge, with brows."""
    picture, points = np.full((300, 300, 3), (200, 150, 120), np.uint8), np.zeros((478, 2))
    for point, place in {10: (150, 5), 152: (150, 205), 127: (70, 75), 356: (230, 75)}.items():
        points[point] = place
    points[list(BROW_POINTS)] = (100, 40)
    picture[30:50, 90:110] = (60, 35, 20)
    mask, skin = np.ones((300, 300), np.float32), linear(picture)[250, 150]
    seen, lower = (
        dressing_in(picture, there, mask, skin, there) for there in (points, points + np.array([0, 90]))
    )
    assert seen.style == "short" and lower.style == "bald"
    assert np.allclose(seen.hair, linear(picture)[40, 100], atol=0.01)
