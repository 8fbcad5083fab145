"""A detector may look at pictures ahead of what it tells: what is seen belongs to its own picture."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
import pytest
import torch

from talkcli.engine.assets import asset
from talkcli.engine.capture.detector import MediaPipe
from talkcli.engine.capture.film_watch import watched_film
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.render import frames
from talkcli.engine.video import write_video

FPS = Fraction(25)


class Ahead:
    """It sees a face 2 pixels further to the right in each picture, and tells when it has seen them all."""

    errors = None

    def __init__(self) -> None:
        places = landmark_points(load_face_model().template, load_face_model().topology, "mediapipe")
        self.face = places.double().numpy()[:, :2] * [900, -900] + [150, 130]

    def faces(self, picture: np.ndarray) -> list[np.ndarray]:
        return [self.face]

    def following(self, pictures: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
        yield from [[np.add(self.face, [2 * number, 0])] for number, _ in enumerate(pictures)]

    def person(self, picture: np.ndarray) -> np.ndarray:
        return np.ones(picture.shape[:2], np.float32)


def test_what_is_seen_has_the_time_of_its_own_picture(tmp_path):
    write_video([np.full((288, 384, 3), 90, np.uint8)] * 30, FPS, tmp_path / "me.mp4")
    run = watched_film(tmp_path / "me.mp4", Ahead(), 30.0).runs[0]
    assert np.allclose(run.points[:, 0, 0] - run.points[0, 0, 0], 2 * run.seconds * float(FPS))


@pytest.mark.skipif(importlib.util.find_spec("mediapipe") is None, reason="needs the extra capture")
def test_a_face_that_goes_sideways_is_followed_picture_by_picture():
    ada = load_avatar(asset("ada.avatar"))
    motion = Motion(FPS, Coefficients(torch.zeros(1, 53), torch.zeros(1, 3)))
    still = next(frames(motion, ada, portrait(ada, "front", (320, 320))))
    shown = [np.roll(still, 4 * number, axis=1) for number in range(6)]
    places = np.array([faces[0] for faces in MediaPipe().following(iter(shown))])
    assert np.allclose(np.diff(places[:, :468, 0].mean(1)), 4, atol=0.5)
