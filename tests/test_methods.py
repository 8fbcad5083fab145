"""What every method promises: both sizes on both kinds of faces, evidence told by looking, honest hints."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.stream import Disposition
from PIL import Image
from rig_clips import studio_clips

from talkcli.engine.audio.starter_ear import StarterEarConfig
from talkcli.engine.clips import Clip, ClipSet, Contents, save_clip, save_contents
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.methods import METHODS, installed, load_method, methods_that, open_talker
from talkcli.engine.methods.captured import captured, evidence_in
from talkcli.engine.methods.memorytalker import talker as memorytalker
from talkcli.engine.methods.method import Track
from talkcli.engine.methods.textalker import talker as textalker
from talkcli.engine.motion import Coefficients, Motion, Vertices
from talkcli.engine.speech import Speech, save_speech
from talkcli.engine.video import is_film, write_video


@pytest.fixture(scope="module", params=["rig", "vertices"])
def clips(request, tmp_path_factory, bare_face) -> ClipSet:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "rig":
        return studio_clips(folder)
    motion = Motion(Fraction(30), Vertices(torch.zeros(30, 12, 3)))
    save_clip(Clip(Speech(torch.zeros(16_000)), motion, load_avatar(bare_face)), folder, "bare/0")
    save_contents(Contents({"train": ["bare/0"]}, "CC0-1.0", "this test"), folder)
    return ClipSet(folder)


AS_PUBLISHED = {"textalker": textalker.as_published, "memorytalker": memorytalker.as_published}


def fits(name: str, clips: ClipSet) -> bool:
    """Whether a method speaks such clips; some speak weights of a rig alone, and say so."""
    if name not in ("3dxtalker", "unigaha") or isinstance(clips.motion(0).face, Coefficients):
        return True
    with pytest.raises(BadInput, match=f"{name} speaks weights of a rig, and bare/0 moves vertices"):
        load_method(name).sizes["paper"](clips)
    return False


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("size", ["paper", "starter"])
def test_both_sizes_speak_as_the_clips_move(name, size, clips):
    method = load_method(name)
    if not fits(name, clips):
        return
    config = method.sizes[size](clips)
    assert bool(config.rig_shapes) == isinstance(clips.motion(0).face, Coefficients)
    with torch.device("meta"):
        talker = method.build(config)
    assert talker.config == config


@pytest.mark.parametrize("name", METHODS)
def test_the_paper_size_is_the_published_network_but_for_what_it_moves(name, clips):
    method = load_method(name)
    if not fits(name, clips):
        return
    config = method.sizes["paper"](clips)
    published = AS_PUBLISHED[name](method.config()) if name in AS_PUBLISHED else method.config()
    known = {field.name for field in fields(method.config)}
    codes = {"codes", "diffused", "prior", "seeing"}  # as many as the rig has expressions
    of_mesh = {"verts", "fps", "period", "double_rate", "rig", "rig_shapes"}
    of_clips = (of_mesh | {"identity", "expression", "head", "detail", "translation", *codes}) & known
    assert replace(config, **{field: getattr(published, field) for field in of_clips}) == published


@pytest.mark.parametrize("name", METHODS)
def test_the_starter_hears_with_the_ear_that_ships_on_any_face(name, clips):
    if not fits(name, clips):
        return
    ears = load_method(name).sizes["starter"](clips).ears
    assert [type(ear) for ear in ears] == [StarterEarConfig]


@pytest.mark.parametrize("name", installed())
def test_an_installed_talker_moves_what_its_method_says(name):
    talker, method = open_talker(name), load_method(name)
    assert talker.moves == method.moves
    talker.leave_skin()
    assert talker.moves == method.moves - {"skin"}


def song(path: Path) -> None:
    """A second of sound with a picture on its cover, as sold."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=44_100)
        cover = container.add_stream("png", rate=1)
        cover.width = cover.height = 16
        cover.pix_fmt = "rgb24"
        cover.disposition = Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        container.mux(cover.encode(picture))
        container.mux(cover.encode())
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44_100), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44_100
        container.mux(sound.encode(frame))
        container.mux(sound.encode())


def test_evidence_is_told_by_looking_whatever_it_is_called(tmp_path, bare_face):
    save_speech(Speech(torch.zeros(16_000)), tmp_path / "voice.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "face.wav", format="PNG")
    write_video([np.zeros((16, 16, 3), np.uint8)] * 5, Fraction(25), tmp_path / "film.mp4")
    (tmp_path / "film.mp4").rename(tmp_path / "film.avatarr")
    (tmp_path / "ada.mp4").write_bytes(bare_face.read_bytes())
    song(tmp_path / "song.mp3")
    (tmp_path / "clips").mkdir()
    (tmp_path / "none.jpg").write_text("hello", encoding="utf-8")
    (tmp_path / "empty.WEBP").touch()
    (tmp_path / "empty.wav").touch()
    evidence = {path.name: evidence_in(path) for path in tmp_path.iterdir()}
    assert evidence == {
        "voice.png": ("voice",),
        "face.wav": ("picture",),
        "film.avatarr": ("video", "voice"),
        "ada.mp4": "avatar",
        "song.mp3": ("voice",),
        "clips": ("clips",),
        "none.jpg": ("picture",),
        "empty.WEBP": ("picture",),
        "empty.wav": ("voice",),
    }
    assert evidence_in(Path("-")) == ("voice",)
    assert not is_film(tmp_path / "voice.png")


def test_a_refused_style_says_what_the_method_takes_and_who_would_take_it(tmp_path, untaught, bare_face):
    Image.new("RGB", (8, 8)).save(tmp_path / "face.png")
    talker, face = open_talker(str(untaught)), load_avatar(bare_face)
    with pytest.raises(BadUsage, match="memorytalker takes no style from a picture") as caught:
        captured(tmp_path / "face.png", talker, face)
    assert "a recording of the voice; or a prepared folder" in caught.value.hint
    assert "--model 3dxtalker" in caught.value.hint
    save_speech(Speech(torch.zeros(16_000)), tmp_path / "voice.wav")
    with pytest.raises(BadUsage, match="textalker takes no style from a voice alone") as caught:
        captured(tmp_path / "voice.wav", open_talker("textalker"), face)
    assert "--model memorytalker" in caught.value.hint


def test_a_question_about_methods_is_answered_from_the_roll():
    track: Track = "skin"
    assert methods_that(lambda method: track in method.moves) == ["textalker"]
    assert methods_that(lambda method: "voice" in method.captures) == ["memorytalker"]
