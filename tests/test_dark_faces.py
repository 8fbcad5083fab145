"""Too little light on a face is told, whatever the colour of its skin, and leaves no number undefined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from test_footage import FRAMES, PLAIN, Truth, film, performance
from test_photo import clear

from talkcli.engine.capture import detector
from talkcli.engine.capture.atlas import skin_atlas
from talkcli.engine.capture.film_track import tracked_film
from talkcli.engine.capture.film_watch import watched_film
from talkcli.engine.capture.filmed_person import avatar_of_film
from talkcli.engine.capture.photo import avatar_of_photo, notes_on_picture
from talkcli.engine.capture.photographed_skin import SeenSkin
from talkcli.engine.capture.picture_light import without_light
from talkcli.engine.errors import BadInput
from talkcli.engine.face.face_model import load_face_model


def dimmed(picture: np.ndarray, share: float) -> np.ndarray:
    return np.round(picture * share).astype(np.uint8)


@pytest.mark.parametrize("name", ["kofi", "marta", "otto"])
def test_a_face_in_little_light_is_said_to_be_dark_and_not_covered(name, tmp_path):
    picture, points = clear(name)
    assert notes_on_picture(picture, points, 80.0) == ()
    [note] = notes_on_picture(dimmed(picture, 0.25), points, 80.0)
    assert "is dark" in note
    Image.fromarray(dimmed(picture, 0.1)).save(tmp_path / "me.png")
    with pytest.raises(BadInput, match=r"me\.png is too dark") as refused:
        avatar_of_photo(tmp_path / "me.png", Truth([[points]]), "me")
    assert "daylight" in refused.value.hint


def test_a_film_in_little_light_is_said_to_be_dark_and_not_covered(tmp_path):
    truth = Truth([[points] for points in performance()[2]])
    dim, night = (
        film(tmp_path / name, [np.full_like(PLAIN, grey)] * FRAMES)
        for name, grey in (("dim.mp4", 30), ("night.mp4", 9))
    )
    tracked = tracked_film(load_face_model(), watched_film(dim, truth, 30))
    notes = " ".join(avatar_of_film(tracked, truth, "dim")[1].notes)
    assert "is dark" in notes and "cover" not in notes
    with pytest.raises(BadInput, match=r"night\.mp4 is too dark"):
        avatar_of_film(replace(tracked, watched=replace(tracked.watched, path=night)), truth, "night")


def test_a_film_in_the_dark_is_refused_before_it_is_watched(talk, tmp_path, monkeypatch):
    class Seer(Truth):
        def following(self, pictures):
            raise AssertionError("it is watched")

    monkeypatch.setattr(detector, "MediaPipe", lambda: Seer([[performance()[2][0]]]))
    night = film(tmp_path / "night.mp4", [np.full_like(PLAIN, 9)] * FRAMES)
    said = talk("personalize", night, "-o", tmp_path / "me.avatar", code=3).stderr.replace("\n", " ")
    assert "night.mp4 is too dark" in said and "daylight" in said


def test_a_colour_of_which_a_face_has_no_light_stays_without():
    maps = skin_atlas()
    normals = np.tile([0.0, 0, 1], (len(maps.corners), 1))
    light = np.tile(np.array([0.01, 0.005, 0], np.float32), (len(normals), 1))
    seen = SeenSkin(light, maps.face.astype(np.float32))
    found = without_light(seen, np.full_like(light, 0.3), normals, maps)
    assert np.allclose(found.light, light, rtol=1e-3)
