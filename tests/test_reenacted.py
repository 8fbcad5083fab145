"""talk animate --driven-by: a face does what another does in a film. The detector of points is the truth."""

from __future__ import annotations

import importlib.util
import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from test_footage import FPS, PLAIN, Truth, film, performance

from talkcli.engine.assets import asset
from talkcli.engine.capture import detector
from talkcli.engine.capture.film_track import beyond_usual
from talkcli.engine.errors import MissingAsset
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.methods.unigaha import film_eye
from talkcli.engine.motion import Coefficients, Motion, load_motion
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.render import frames
from talkcli.engine.speech import Speech

SEEN, UNSEEN = 34, 11
"""Pictures that show the face, and those after them that show nobody."""


def lip_gaps(motion: Motion) -> np.ndarray:
    still = Motion(motion.fps, motion.face)
    points = load_face_model().landmarks(vertices(still, talking_head()), "mediapipe")
    return (points[:, 13, 1] - points[:, 14, 1]).numpy()


@pytest.fixture
def watched(monkeypatch) -> None:
    class Detector(Truth):
        def __init__(self) -> None:
            super().__init__([[points] for points in performance()[2][:SEEN]] + [[]] * UNSEEN)

    monkeypatch.setattr(detector, "MediaPipe", Detector)


def test_a_face_does_what_a_film_shows_in_step_with_its_sound(talk, tmp_path, watched):
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (SEEN + UNSEEN) * 640)).float()
    me = film(tmp_path / "me.mp4", [PLAIN] * (SEEN + UNSEEN), speech=Speech(noise))
    out = tmp_path / "kofi.motion"
    words = ("--avatar", "kofi", "--driven-by", "points", "--fps", int(FPS), "-o", out, "--json")
    said = json.loads(talk("animate", me, *words).stdout)["results"][0]
    motion, true = load_motion(out), performance()[1]
    assert said["driven_by"] == "points" and motion.provenance["synthetic"] is True
    assert motion.provenance["avatar"] == "kofi" and len(motion) == SEEN + UNSEEN
    assert said["notes"] == ["1.4-1.8 s: no face is seen; the face waits there."]
    gaps = lip_gaps(motion)
    assert np.corrcoef(gaps[:SEEN], lip_gaps(true)[:SEEN])[0, 1] > 0.98
    assert np.ptp(gaps[SEEN:]) < 1e-6
    assert motion.head is not None and true.head is not None
    away = motion.head.rotation[:SEEN] - true.head.rotation[:SEEN]
    assert float((away - away.mean(0)).abs().max()) < np.radians(1.5)


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("--emotion", "happy"), 2, "--emotion would change nothing"),
        (("--no-life", "--set", "steps=2"), 2, "--set, --no-life would change nothing"),
        (("--model", "memorytalker"), 2, "does nothing but speak"),
        (("--driven-by", "sight"), 2, "none of sound, points, picture"),
        ((), 3, "is no film"),
    ],
)
def test_what_a_film_does_not_need_is_refused_by_name(talk, hello, tmp_path, watched, words, code, reason):
    command = ("animate", hello, "--driven-by", "points", *words, "-o", tmp_path / "x.motion")
    assert reason in " ".join(talk(*command, code=code).stderr.split())
    assert not (tmp_path / "x.motion").exists()


def test_without_an_encoder_the_other_way_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(film_eye, "assets_folder", lambda: tmp_path)
    with pytest.raises(MissingAsset) as told:
        film_eye.shipped_eye()
    assert "--driven-by points" in told.value.hint


def test_the_encoder_that_ships_follows_lips_and_lids_of_somebody_it_never_met(talk, tmp_path):
    model, person = load_face_model(), load_avatar(asset("kofi.avatar"))
    opened, shut = (np.clip(np.sin(np.arange(40) / 40 * turns * 2 * np.pi), 0, 1) for turns in (3, 2))
    weights = torch.stack(
        [
            model.weight_vector(jawOpen=0.6 * mouth, eyeBlinkLeft=lid, eyeBlinkRight=lid)
            for mouth, lid in zip(opened, shut, strict=True)
        ]
    )
    true = Motion(Fraction(25), Coefficients(weights, torch.zeros(40, 3), model.topology.name))
    pictures = list(frames(true, person, portrait(person, "front", (192, 192)), workers=1))
    me, out = film(tmp_path / "me.mp4", pictures, Fraction(25)), tmp_path / "x.motion"
    talk("animate", me, "--driven-by", "picture", "--fps", 25, "-o", out)
    read = load_motion(out)
    assert np.corrcoef(lip_gaps(read)[:40], lip_gaps(true))[0, 1] > 0.95
    assert isinstance(read.face, Coefficients)
    lids = model.columns(["eyeBlinkLeft", "eyeBlinkRight"])
    assert np.corrcoef(read.face.expression[:40, lids].mean(1), shut)[0, 1] > 0.87


def test_when_a_face_leaves_a_film_and_comes_back_is_told(talk, tmp_path):
    person = load_avatar(asset("kofi.avatar"))
    still = Motion(Fraction(25), Coefficients(torch.zeros(1, 53), torch.zeros(1, 3)))
    there = next(frames(still, person, portrait(person, "front", (192, 192)), workers=1))
    empty = np.broadcast_to(there[:, :12].mean(1, keepdims=True), there.shape).astype(np.uint8)
    me = film(tmp_path / "me.mp4", [there] * 25 + [empty] * 30 + [there] * 20, Fraction(25))
    words = ("--driven-by", "picture", "-o", tmp_path / "x.motion", "--json")
    said = json.loads(talk("animate", me, *words).stdout)["results"][0]
    (note,) = said["notes"]
    start, stop = map(float, note.split(" s:")[0].split("-"))
    assert 0.7 <= start <= 1.0 and 2.1 < stop <= 2.5 and "no face is seen" in note
    assert load_motion(tmp_path / "x.motion").seconds == 3.0


def test_the_encoder_refuses_a_film_without_a_face(talk, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (160, 160, 3)).astype(np.uint8)
    for name, picture in (("noise", noise), ("grey", np.full_like(noise, 120))):
        me = film(tmp_path / f"{name}.mp4", [picture] * 3)
        said = talk("animate", me, "--driven-by", "picture", "-o", tmp_path / "x.motion", code=3)
        assert "shows no face" in said.stderr and not (tmp_path / "x.motion").exists()


@pytest.mark.skipif(importlib.util.find_spec("mediapipe") is not None, reason="mediapipe is installed")
def test_without_mediapipe_the_extra_and_the_other_way_are_named(talk, tmp_path):
    me = film(tmp_path / "me.mp4", [PLAIN[::8, ::8]] * 3)
    said = talk("animate", me, "--driven-by", "points", "-o", tmp_path / "x.motion", code=4)
    assert "talkcli[capture]" in said.stderr and "--driven-by picture" in said.stderr


def test_what_a_face_does_all_the_time_is_not_given_to_another():
    weights = np.full((60, 3), 0.25)
    weights[40:] += 0.5
    given = beyond_usual(weights, ("mouthSmileLeft", "jawOpen", "browDownLeft"))
    assert np.array_equal(given[:, 1], weights[:, 1]), "an open mouth is no look"
    assert np.array_equal(given[:, [0, 2]], weights[:, [0, 2]] - 0.25)
    few = weights[:30]
    assert beyond_usual(few, ("mouthSmileLeft", "jawOpen", "browDownLeft")) is few
