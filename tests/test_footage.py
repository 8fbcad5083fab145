"""talk personalize me.mp4: a film is read as it is meant, its face is followed, and becomes an avatar. The
detector here is the truth: points of a studio person, projected."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from films import timed_pictures

from talkcli.engine.assets import asset, assets_folder
from talkcli.engine.capture import detector, footage_clips
from talkcli.engine.capture.face_fit import settled_face
from talkcli.engine.capture.film_likeness import SIDE, FilmPreview
from talkcli.engine.capture.film_pictures import film_pictures, narrowed
from talkcli.engine.capture.film_track import TrackedFilm, run_motion, seen_motion, tracked_film
from talkcli.engine.capture.film_watch import BETTER, NO_FACE, SECOND, best_parts, watched_film
from talkcli.engine.capture.merged_skin import merged_skin
from talkcli.engine.capture.normal_equations import rotation_of
from talkcli.engine.capture.photographed_skin import SeenSkin
from talkcli.engine.capture.seen_blinks import with_whole_blinks
from talkcli.engine.capture.sight import Sight
from talkcli.engine.clips import ClipSet
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.film_manners import film_talkers, with_film_manners
from talkcli.engine.methods.textalker.frame_maps import RigFrameMaps
from talkcli.engine.methods.textalker.talker import TexTalker
from talkcli.engine.motion import Coefficients, Head, Motion, load_motion
from talkcli.engine.rendering.camera import centred_camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.view import seen_at
from talkcli.engine.speech import Speech
from talkcli.engine.video import write_video

SIZE, FOCAL, FPS, FRAMES = (384, 288), 560.0, Fraction(25), 60
PLAIN = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)


class Truth:
    """A detector that knows what is seen at every picture of a film, in order."""

    errors = None

    def __init__(self, found: list[list[np.ndarray]]) -> None:
        self.found = found

    def faces(self, picture: np.ndarray) -> list[np.ndarray]:
        return self.found[0]

    def following(self, pictures: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
        for _, faces in zip(pictures, self.found, strict=False):
            yield faces

    def person(self, picture: np.ndarray) -> np.ndarray:
        return np.ones(picture.shape[:2], np.float32)


@functools.cache
def performance() -> tuple[Avatar, Motion, np.ndarray]:
    """A bundled speaker's words by somebody of the identity space who turns, and the points seen."""
    clip = ClipSet(assets_folder() / "clips")[0]
    model, chance = load_face_model(), np.random.default_rng(5)
    avatar = replace(talking_head(), neutral=settled_face(model, chance.normal(0, 0.6, len(model.identity))))
    assert isinstance(clip.motion.face, Coefficients)
    weights = clip.motion.face.expression[20 : 20 + FRAMES]
    sides = 0.2 * np.sin(np.arange(FRAMES) / 9)
    turns = torch.from_numpy(np.stack([sides / 3, sides, sides / 5], 1)).float()
    motion = Motion(FPS, Coefficients(weights, torch.zeros(FRAMES, 3)), Head(turns, torch.zeros(FRAMES, 3)))
    places = landmark_points(vertices(motion, avatar), model.topology, "mediapipe").double().numpy()
    camera = rotation_of(np.radians([4.0, -6.0, 2.0]))
    seen = seen_at(places @ camera.T + [0.01, -0.02, -0.7], FOCAL, SIZE)
    return avatar, motion, seen + chance.normal(0, 0.15, seen.shape)


def film(
    path: Path, pictures: Iterable[np.ndarray], fps: Fraction = FPS, speech: Speech | None = None
) -> Path:
    write_video(pictures, fps, path, speech=speech)
    return path


@pytest.fixture(scope="module")
def tracked(tmp_path_factory) -> TrackedFilm:
    path = film(tmp_path_factory.mktemp("film") / "me.mp4", [PLAIN] * FRAMES)
    return tracked_film(load_face_model(), watched_film(path, Truth([[p] for p in performance()[2]]), 30))


def test_a_face_is_followed_as_it_moved(tracked):
    avatar, motion, _ = performance()
    found = run_motion(tracked, load_face_model(), 0, FPS)
    assert len(found) == FRAMES and found.provenance["synthetic"] is True and found.head and motion.head
    away = found.head.rotation - motion.head.rotation
    assert float((away - away.mean(0)).abs().max()) < np.radians(1.5), "but for where it rests"
    model = load_face_model()
    lips = [model.landmarks(vertices(replace(m, head=None), a), "mediapipe") for m, a in (
        (motion, avatar), (found, replace(avatar, neutral=tracked.person.neutral)),
    )]  # fmt: skip
    gaps = [(points[:, 13, 1] - points[:, 14, 1]).numpy() for points in lips]
    assert np.corrcoef(gaps[0], gaps[1])[0, 1] > 0.98


def test_the_camera_sees_the_head_where_the_film_does(tracked):
    motion, camera = seen_motion(tracked, load_face_model(), 0)
    avatar = replace(talking_head(), neutral=tracked.person.neutral)
    places = landmark_points(vertices(motion, avatar), load_face_model().topology, "mediapipe").double()
    turned = places @ camera.views[:, :3, :3].double().mT + camera.views[:, None, :3, 3].double()
    there = seen_at(turned.numpy(), float(camera.lenses[0, 0]), SIZE)
    assert np.median(np.linalg.norm(there - performance()[2], axis=-1)) < 0.6, "pixels"


def test_a_preview_shows_the_film_and_each_avatar_beside_it(tracked):
    sheet = FilmPreview(tracked, Truth([])).sheet(performance()[0], performance()[0])
    film, one, other = np.split(sheet, 3, axis=1)
    assert film.shape == (SIDE, SIDE, 3) and np.ptp(film) < 8 and (one == other).all()
    assert np.ptp(one[SIDE // 2]) > 50, "a face before what the film has behind"


def test_every_tenth_picture_is_kept_out(tracked):
    assert np.flatnonzero(tracked.kept_out).tolist() == list(range(9, FRAMES, 10))


def test_what_cannot_be_followed_is_told_with_its_reason(tmp_path):
    """A face, a cut to a bright scene, nobody, and somebody else beside."""
    points = performance()[2][0]
    beside = points * 0.9 + [220, 0]
    path = film(tmp_path / "me.mp4", [PLAIN] * 40 + [PLAIN + 120] * 40 + [PLAIN] * 80)
    seen = [[points]] * 80 + [[]] * 40 + [[points, beside]] * 40
    watched = watched_film(path, Truth(seen), 30)
    assert [len(run.seconds) for run in watched.runs] == [40, 40]
    assert [(part.start, part.reason) for part in watched.left_out] == [(3.2, NO_FACE), (4.8, SECOND)]


@pytest.mark.parametrize(
    ("seen", "reason"),
    [([[]] * 40, "no face"), ([[performance]] * 10, "too short"), ([[performance], [performance]], "second")],
)
def test_a_film_of_nobody_is_refused_by_reason(tmp_path, seen, reason):
    points = performance()[2][0]
    found = [[points for _ in faces] for faces in seen]
    if reason == "second":
        found = [[points, points + np.array([250, 0])]] * 40
    path = film(tmp_path / "me.mp4", [PLAIN] * len(found))
    with pytest.raises(BadInput, match=f"can be followed: .*{reason}"):
        watched_film(path, Truth(found), 30)


def test_of_a_long_film_the_part_where_a_face_is_seen_is_taken(tmp_path):
    points = performance()[2][0]
    path = film(tmp_path / "me.mp4", [PLAIN[::8, ::8]] * 500, Fraction(25))
    seen = [[]] * 20 + [[points]] * 20
    parts, left = best_parts(path, Truth(seen), 6)
    assert np.allclose(parts, [(10.4, 16.4)]), "every 13th picture is looked at"
    assert [(part.start, part.reason) for part in left] == [(0, NO_FACE), (pytest.approx(16.4), BETTER)]


def test_a_turned_film_is_read_upright(tmp_path):
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48] = 255
    path = film(tmp_path / "me.mp4", [picture] * 3)
    raw = bytearray(path.read_bytes())
    matrix = raw.find(b"tkhd") + 44
    raw[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(raw)
    upright = next(film_pictures(path)).picture
    assert upright.shape == (96, 64, 3)
    assert upright[8, 56].min() > 230 and max(upright[p].max() for p in ((8, 8), (88, 8), (88, 56))) < 25


def test_pictures_have_the_times_of_the_film_and_fast_films_are_thinned(tmp_path):
    path, times = tmp_path / "me.mkv", [0, 40, 70, 140, 150, 260]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 32
        stream.codec_context.time_base = Fraction(1, 1000)
        for time in times:
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), time % 200, np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert [round(each.seconds * 1000) for each in film_pictures(path)] == times
    assert [round(each.seconds * 1000) for each in film_pictures(path, apart=0.04)] == [0, 40, 140, 260]
    assert [round(each.seconds * 1000) for each in film_pictures(path, 0.06, 0.15)] == [70, 140]
    assert len(list(timed_pictures(path))) == len(times)


@pytest.mark.parametrize(("curve", "white"), [(16, 0.58), (18, 0.75)])
def test_white_paper_is_white_in_hdr(curve, white):
    """Reference white of BT.2408, which other films show a little below their brightest."""
    shown = narrowed(np.full((1, 1, 3), round(white * 255), np.uint8), curve)
    assert shown.min() > 225 and shown.max() < 255 and np.ptp(shown) < 4
    assert narrowed(np.zeros((1, 1, 3), np.uint8), curve).max() == 0


def test_blinks_that_are_seen_half_are_whole_and_a_look_down_is_none():
    shut = np.zeros(120)
    shut[20:25] = [0.3, 0.6, 0.7, 0.6, 0.3]
    shut[60:100] = 0.6
    sight = Sight(
        np.zeros((120, 2, 2)), 1.0, (1, 1), np.zeros(120, bool), {"Left": shut, "Right": shut * 0.8}
    )
    lids = with_whole_blinks(sight, np.ones(120)).lids_shut
    assert lids["Left"][22] == 1 and lids["Right"][22] == 1
    assert (lids["Left"][60:100] == 0.6).all() and (lids["Left"][:19] == 0).all()


def test_a_skin_of_many_pictures_is_that_of_most_in_the_light_of_the_first():
    chance, count = np.random.default_rng(0), 5000
    true = chance.uniform(0.1, 0.6, (count, 3)).astype(np.float32)
    sure = np.ones(count, np.float32)
    spot = true.copy()
    spot[:1000] = 0.9
    seen = [
        SeenSkin(spot, sure),
        SeenSkin(true * np.float32(1.4), sure),
        SeenSkin(true * np.float32(0.8), sure),
    ]
    merged = merged_skin(seen, np.ones(count, bool))
    assert np.abs(merged.light - true)[true.mean(1) < 0.5].max() < 0.03


def test_a_film_shows_every_method_its_manner(tracked):
    """TexTalker's pivots lie where those of what was truly done lie."""
    talkers, giver = film_talkers(None, "cpu")
    assert giver is None and [talker.method for talker in talkers] == ["textalker", "memorytalker"]
    said = ClipSet(assets_folder() / "clips").speech(0)
    ann = with_film_manners(footage_clips.bare_person(tracked, "ann"), tracked, said, talkers)
    assert set(ann.styles) == {"memorytalker", "textalker/motion", "textalker/texture"}
    assert float((ann.styles["memorytalker"] - 1).abs().max()) > 0.01
    talker = talkers[0]
    assert isinstance(talker, TexTalker) and talker.weights_of is not None
    done, weights = performance()[1].face, talker.weights_of(ann.styles["textalker/motion"][None])[0]
    assert isinstance(done, Coefficients)
    truth = done.expression.mean(0)[load_face_model().columns(talker.config.rig_shapes)]
    assert torch.nn.functional.cosine_similarity(weights, truth, 0) > 0.9


def test_a_model_that_gives_bodies_leaves_every_manner_and_one_that_takes_none_is_refused():
    talkers, giver = film_talkers("unigaha", "cpu")
    assert giver is not None and giver.method == "unigaha" and len(talkers) == 2
    assert [talker.method for talker in film_talkers("memorytalker", "cpu")[0]] == ["memorytalker"]
    with pytest.raises(BadUsage, match="takes no style from a film"):
        film_talkers("3dxtalker", "cpu")


@pytest.mark.skipif(importlib.util.find_spec("mediapipe") is not None, reason="mediapipe is installed")
def test_what_is_no_film_is_told_before_mediapipe_is_missed(talk, hello, tmp_path):
    assert "is no film" in talk("prepare", "footage", hello, tmp_path / "clips", code=3).stderr


@pytest.mark.skipif(importlib.util.find_spec("mediapipe") is not None, reason="mediapipe is installed")
def test_without_mediapipe_the_extra_and_the_voice_are_named(talk, tmp_path):
    for sound in (Speech(torch.zeros(1920)), None):
        path = film(tmp_path / "me.mp4", [PLAIN] * 3, speech=sound)
        said = talk("personalize", path, "-o", tmp_path / "me.avatar", code=4).stderr
        assert "talkcli[capture]" in said and ("--avatar" in said) == (sound is not None)
    assert not (tmp_path / "me.avatar").exists()


def test_a_film_without_a_face_becomes_nobody(talk, tmp_path, monkeypatch):
    monkeypatch.setattr(detector, "MediaPipe", lambda: Truth([[]] * 30))
    path = film(tmp_path / "me.mp4", [PLAIN] * 30)
    said = talk("personalize", path, "-o", tmp_path / "me.avatar", code=3)
    assert "no face is seen" in said.stderr and sorted(os.listdir(tmp_path)) == ["me.mp4"]


def test_a_model_that_hears_no_manner_in_a_film_is_refused_at_once(talk, tmp_path, monkeypatch):
    monkeypatch.setattr(detector, "MediaPipe", lambda: Truth([]))
    path = film(tmp_path / "me.mp4", [PLAIN[::8, ::8]] * 3)
    said = talk("personalize", path, "-m", "3dxtalker", "-o", tmp_path / "me.avatar", code=2)
    assert "takes no style from a film" in said.stderr and "memorytalker" in said.stderr


def test_films_become_clips_to_learn_from(talk, tracked, tmp_path, monkeypatch):
    """Of two films one shows nobody; what is there already stays. The face is followed once for all tests."""
    monkeypatch.setattr(footage_clips, "followed_film", lambda watched: tracked)
    seen = [[points] for points in performance()[2]]
    truths = iter([Truth(seen), Truth([[]] * FRAMES)])

    class Detector(Truth):
        def __init__(self) -> None:
            super().__init__([])

        def following(self, pictures: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
            return next(truths).following(pictures)

    monkeypatch.setattr(detector, "MediaPipe", Detector)
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, FRAMES * 640)).float()
    (tmp_path / "films").mkdir()
    for name in ("ann.mp4", "nobody.mp4"):
        film(tmp_path / "films" / name, [PLAIN] * FRAMES, speech=Speech(noise))
    bare = ("--set", "clip=1", "--set", "skin=false", "--json")
    words = ("prepare", "footage", tmp_path / "films", tmp_path / "clips", *bare)
    said = json.loads(talk(*words).stdout)
    assert said["written"] == 3 and [each["name"] for each in said["refused"]] == ["nobody"]
    clips = ClipSet(tmp_path / "clips")
    clips.check()
    assert clips.contents.splits == {"train": ["ann/000"], "val": ["ann/001"], "test": ["ann/002"]}
    assert clips[0].motion.fps == 30 and len(clips[0].speech) / 16_000 == pytest.approx(
        len(clips[0].motion) / 30
    )
    heard = torch.nn.functional.cosine_similarity(
        clips[1].speech.waveform, noise[12_800:][: len(clips[1].speech)], 0
    )
    assert heard > 0.5, "the sound of its own pictures"
    truths = iter([Truth([[]] * FRAMES)])
    assert json.loads(talk(*words).stdout)["written"] == 0
    assert "memorise" in talk("train", tmp_path / "clips", "--print-config").stdout
    talker: Any = open_talker("textalker")
    skin = RigFrameMaps(clips, talker, 32).wrinkles(1, 0, 30)
    assert float((skin - 0.5).abs().max()) > 0.005, "where a face moves its skin does"


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("me.wav", "clips"), 3, "is no film"),
        (("gone.mp4", "clips"), 3, "does not exist"),
        (("me.mp4", "clips", "-o", "other"), 2, "Two folders"),
        (("me.mp4", "clips", "--jobs", 2), 2, "one after the other"),
    ],
)
def test_what_is_no_footage_is_refused_by_reason(talk, hello, tmp_path, monkeypatch, words, code, reason):
    monkeypatch.setattr(detector, "MediaPipe", lambda: Truth([]))
    monkeypatch.chdir(tmp_path)
    hello.rename("me.wav")
    film(Path("me.mp4"), [PLAIN[::8, ::8]] * 3)
    assert reason in talk("prepare", "footage", *words, code=code).stderr and not Path("clips").exists()


def test_two_films_of_one_name_are_told_before_one_is_passed_over(talk, tmp_path, monkeypatch):
    monkeypatch.setattr(detector, "MediaPipe", lambda: Truth([]))
    for name in ("me.mov", "me.mp4"):
        film(tmp_path / name, [PLAIN[::8, ::8]] * 3)
    said = talk("prepare", "footage", tmp_path, tmp_path / "clips", code=3).stderr
    assert "me.mov and me.mp4" in " ".join(said.split()) and "Rename" in said


@pytest.mark.slow
@pytest.mark.parametrize("seer", ["truth", "mediapipe"])
def test_a_film_becomes_an_avatar_that_looks_like_it(talk, tmp_path, monkeypatch, seer):
    """Kofi says a sentence; what was kept out is as he looked, his lips as he moved them."""
    kofi, motion = load_avatar(asset("kofi.avatar")), performance()[1]
    view = torch.eye(4)
    view[:3, 3] = torch.tensor([0.0, -0.02, -0.75])
    camera = centred_camera(view[None], FOCAL * 1.5, SIZE[0], SIZE[0])
    pictures = list(frames(motion, kofi, camera, background="#4060a0"))
    true = landmark_points(vertices(motion, kofi), load_face_model().topology, "mediapipe").double().numpy()
    if seer == "truth":
        seen = seen_at(true + view[:3, 3].double().numpy(), FOCAL * 1.5, (SIZE[0], SIZE[0]))
        knowing = Truth([[points] for points in seen])
        knowing.person = lambda picture: (  # type: ignore[method-assign]
            (np.abs(picture.astype(int) - [0x40, 0x60, 0xA0]).max(-1) > 12).astype(np.float32)
        )
        monkeypatch.setattr(detector, "MediaPipe", lambda: knowing)
    else:
        pytest.importorskip("mediapipe")
    path = film(tmp_path / "me.mp4", pictures)
    words = (path, "-o", tmp_path / "me.avatar", "--keep-motion", "--json")
    said = json.loads(talk("personalize", *words).stdout)
    assert said["residual"] < 0.02 and said["face_psnr"] > 22 and said["kept_out"] == 6
    me, moved = load_avatar(tmp_path / "me.avatar"), load_motion(tmp_path / "me.motion")
    assert me.provenance["source"] == "a film" and me.photograph is not None
    assert "has no sound" in said["notes"][-1] and said["manners"] == []
    assert sorted(os.listdir(tmp_path)) == ["me.avatar", "me.motion", "me.mp4", "me.report.png"]
    found = load_face_model().landmarks(vertices(moved, me), "mediapipe").numpy()
    times = np.arange(len(found)) / 30 * 25
    gaps = [np.linalg.norm(points[:, 13] - points[:, 14], axis=1) for points in (true, found)]
    steady = np.interp(times, np.arange(FRAMES), gaps[0])
    assert np.corrcoef(steady, gaps[1])[0, 1] > 0.95


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TALK_FOOTAGE"), reason="TALK_FOOTAGE names no folder of films")
def test_real_films_become_avatars(talk, tmp_path):
    pytest.importorskip("mediapipe")
    for path in sorted(Path(os.environ["TALK_FOOTAGE"]).glob("*.mp4")):
        said = json.loads(talk("personalize", path, "-o", tmp_path / f"{path.stem}.avatar", "--json").stdout)
        assert said["residual"] < 0.025 and said["face_psnr"] > 18, path
