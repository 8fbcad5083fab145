"""What is called a picture and is none; what is one, whatever it is called."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from talkcli.engine.assets import asset
from talkcli.engine.capture import detector
from talkcli.engine.pictures import PICTURE_FORMATS, PICTURE_SUFFIXES


class Blind:
    """A detector that finds nobody."""

    errors = None

    def faces(self, picture: np.ndarray) -> list[np.ndarray]:
        return []


@pytest.fixture(autouse=True)
def nobody_is_found(monkeypatch):
    monkeypatch.setattr(detector, "MediaPipe", Blind)


@pytest.fixture
def refused(talk, tmp_path):
    def answer(path) -> str:
        said = talk("personalize", path, "-o", tmp_path / "me.avatar", code=3).stderr
        assert not (tmp_path / "me.avatar").exists()
        return said.replace("\n", " ")

    return answer


@pytest.mark.parametrize("suffix", [*PICTURE_SUFFIXES, ".JPG"])
@pytest.mark.parametrize("content", [b"", b"hello\n" * 40], ids=["empty", "text"])
def test_what_is_called_a_picture_and_is_none_is_told_to_be_none(refused, tmp_path, suffix, content):
    path = tmp_path / f"me{suffix}"
    path.write_bytes(content)
    said = refused(path)
    assert path.name in said and "picture" in said and "Export it again" in said and "recording" not in said


@pytest.mark.parametrize("format_", PICTURE_FORMATS)
@pytest.mark.parametrize("share", [0.001, 0.5], ids=["first bytes", "half"])
def test_a_picture_that_breaks_off_is_told_to_be_damaged(refused, tmp_path, format_, share):
    path = tmp_path / f"me.{format_.lower()}"
    noise = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    Image.fromarray(noise).save(path, format_)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content)) + 1])
    assert f"{path.name} is not a picture that can be read, or is damaged" in refused(path)


@pytest.mark.parametrize("format_", PICTURE_FORMATS)
def test_a_picture_is_looked_at_whatever_it_is_called(refused, tmp_path, format_):
    for name in (f"me.{format_.lower()}", "me.mp4", "me"):
        Image.new("RGB", (64, 64)).save(tmp_path / name, format_)
        assert "shows no face" in refused(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"hello\n" * 40], ids=["empty", "text"])
def test_a_background_that_is_no_picture_is_told_to_be_none(talk, tmp_path, content):
    (tmp_path / "room.jpg").write_bytes(content)
    words = asset("hello.wav"), "--background", tmp_path / "room.jpg", "-o", tmp_path / "x.mp4"
    said = talk("animate", *words, code=3).stderr.replace("\n", " ")
    assert "room.jpg" in said and "picture" in said and "Export it again" in said


@pytest.mark.parametrize("name", ["me.jpg", "me"])
def test_a_picture_that_is_to_be_heard_is_told_to_be_one(talk, tmp_path, name):
    path = tmp_path / name
    Image.new("RGB", (64, 64)).save(path, "JPEG")
    said = talk("animate", path, code=3).stderr.replace("\n", " ")
    assert f"{name} is a picture" in said and "talk personalize" in said and "ffmpeg" not in said
    assert not path.with_suffix(".mp4").exists()


def test_heic_without_its_reader_is_told_what_to_do(talk, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "me.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    said = talk("personalize", tmp_path / "me.heic", "-o", tmp_path / "me.avatar", code=4)
    assert "HEIC" in said.stderr and "talkcli[capture]" in said.stderr and "JPEG" in said.stderr
