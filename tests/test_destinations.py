"""Folders and files that cannot be written, or read, are told with a code of their own, whoever one is."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.seeds import motions
from powers import can_be_taken, without_powers
from typer.testing import CliRunner, Result

from talkcli.app import _as_talk_error, app
from talkcli.engine.assets import asset, cache_folder, data_folder
from talkcli.engine.destinations import made_folder, replacing, replacing_folder
from talkcli.engine.errors import OutOfResources, TalkError
from talkcli.engine.motion import load_motion, save_motion
from talkcli.engine.studio.espeak import has_espeak


@pytest.fixture
def here(tmp_path, monkeypatch, hello, untaught, bare_face) -> Path:
    """hello.wav, x.motion, x.ckpt and x.avatar."""
    monkeypatch.chdir(tmp_path)
    save_motion(dict(motions())["dense"], Path("x.motion"))
    shutil.copyfile(untaught, "x.ckpt")
    shutil.copyfile(bare_face, "x.avatar")
    return tmp_path


def talk(words: str) -> Result:
    return CliRunner().invoke(app, words.split())


def told(result: Result, code: int, name: str) -> None:
    assert result.exit_code == code, result.output
    error = next(line for line in result.stderr.splitlines() if line.startswith("error: "))
    assert name in error and " hint: " in result.stderr and "bug" not in result.output


MAKERS = {
    "animate": "animate hello.wav -m x.ckpt -a x.avatar --format motion -o {}/",
    "studio": "prepare studio {} --set speakers=1 --set takes=1 --set flite=0",
    "captures": "prepare captures {} --set people=1",
}
"""Verbs that make the folder which they write to."""


@pytest.mark.parametrize("verb", MAKERS)
@pytest.mark.parametrize("where", ["file", "file/below", "/proc/below", "closed/below"])
def test_a_folder_that_cannot_be_made_is_told_as_one_to_write_to(where, verb, here):
    if verb == "studio" and not has_espeak():
        pytest.skip("espeak-ng is not installed")
    if "closed" in where and not can_be_taken():
        pytest.skip("nobody can be denied a folder here")
    (here / "file").touch()
    (here / "closed").mkdir(mode=0o500)
    with without_powers():
        result = talk(MAKERS[verb].format(where))
    told(result, 2 if result.exit_code == 2 else 5, where.split("/below")[0])
    assert "cannot be read" not in result.stderr and sorted(os.listdir("closed")) == []


READS = [
    "animate closed.wav -m x.ckpt -a x.avatar -o y.motion",
    "animate shut/hello.wav -m x.ckpt -a x.avatar -o y.motion",
    "animate shut -m x.ckpt -a x.avatar -o made --format motion",
    "animate hello.wav -m closed.ckpt -a x.avatar -o y.motion",
    "animate hello.wav -m shut/x.ckpt -a x.avatar -o y.motion",
    "animate hello.wav -m x.ckpt -a closed.avatar -o y.motion",
    "render closed.motion -a x.avatar -o y.npz",
    "emote closed.motion --mood sad -o y.motion",
    "pose x.motion --trajectory closed.json -o y.motion",
    "personalize shut -m x.ckpt -a x.avatar -o y.avatar",
    "evaluate closed.motion x.motion -a x.avatar --metric lve",
    "evaluate shut shut -a x.avatar --metric lve",
    "train closed.clips -o y.ckpt",
    "models import memorytalker closed.pth -o y.ckpt",
]


@pytest.mark.skipif(not can_be_taken(), reason="nobody can be denied a file here")
@pytest.mark.parametrize("words", READS)
def test_what_may_not_be_read_is_named_and_is_no_fault_of_the_disk(words, here):
    for name in ("hello.wav", "x.ckpt", "x.avatar", "x.motion", "x.json", "x.pth"):
        Path("closed").with_suffix(Path(name).suffix).touch(mode=0o000)
    Path("closed.clips").mkdir()
    Path("closed.clips/clips.json").touch(mode=0o000)
    Path("shut").mkdir(mode=0o000)
    before = sorted(os.listdir())
    with without_powers():
        told(talk(words), 3, "closed" if "closed" in words else "shut")
    assert sorted(os.listdir()) == before


WRITES = [
    "animate hello.wav -m x.ckpt -a x.avatar -o closed/y.motion",
    "render x.motion -a x.avatar -o closed/y.npz",
    "render x.motion -a x.avatar -o closed/y.obj",
    "pose x.motion --gain 0.5 -a x.avatar -o closed/y.motion",
    "evaluate x.motion x.motion -a x.avatar --metric lve --csv closed/y.csv",
    "train CLIPS --stage memorise --steps 1 -o closed/y.ckpt",
    "train CLIPS --stage memorise --steps 1 -o shut/y.ckpt",
]


@pytest.mark.skipif(not can_be_taken(), reason="nobody can be denied a folder here")
@pytest.mark.parametrize("words", WRITES)
def test_where_nothing_may_be_written_is_named_and_is_no_fault_of_a_file(words, here):
    Path("closed").mkdir(mode=0o500)
    Path("shut").mkdir(mode=0o000)
    with without_powers():
        told(talk(words.replace("CLIPS", str(asset("clips")))), 5, "shut" if "shut" in words else "closed")
    assert not os.listdir("closed") and not os.listdir("shut")


@pytest.mark.parametrize(
    "words",
    ["animate hello.wav -m x.ckpt -a x.avatar -o -", "evaluate x.motion x.motion -a x.avatar --csv -"],
)
def test_a_dash_is_no_place_to_write_to(words, here):
    told(talk(words), 2, "stdout")
    assert not Path("-").exists()


@pytest.mark.parametrize("letters", ["a" * 255, "\u65e5" * 85, "\U0001f600" * 63 + "abc", "e\u0301" * 85])
def test_a_name_as_long_as_names_may_be_is_written_to_and_leaves_nothing_beside_it(letters, tmp_path):
    assert len(os.fsencode(letters)) == 255
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for suffix in (".motion", f".{'s' * 200}", ""):
        cut = letters
        while len(os.fsencode(cut + suffix)) > 255:
            cut = cut[:-1]
        path = tmp_path / f"{cut}{suffix}"
        with replacing(path) as left:
            left.with_name(left.name.replace(str(os.getpid()), str(gone.pid))).write_text("left")
            left.write_text("first")
        with replacing(path) as temporary:
            temporary.write_text("whole")
        assert path.read_text() == "whole" and os.listdir(tmp_path) == [path.name]
        path.unlink()


@pytest.mark.parametrize("number", ["ENOENT", "ESTALE", "ENOTCONN", "ETIMEDOUT", "EBUSY", "EISDIR"])
def test_a_disk_that_goes_away_is_no_bug(number):
    code = getattr(errno, number)
    answer = _as_talk_error(OSError(code, os.strerror(code), "far/x.motion"))
    assert isinstance(answer, OutOfResources) and "far/x.motion" in answer.message
    assert _as_talk_error(OSError("of our own")) is None


def test_a_folder_of_frames_is_written_through_a_link(tmp_path):
    (tmp_path / "real.png").mkdir()
    (tmp_path / "real.png/0.png").touch()
    link = tmp_path / "link.png"
    link.symlink_to("real.png")
    with replacing_folder(link, ".png") as folder:
        (folder / "1.png").touch()
    assert link.is_symlink() and os.listdir(tmp_path / "real.png") == ["1.png"]
    assert sorted(os.listdir(tmp_path)) == ["link.png", "real.png"]


def test_what_a_killed_process_left_of_a_folder_is_swept(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for number in (gone.pid, os.getppid()):
        (tmp_path / f".x.obj.{number}.obj").mkdir()
        (tmp_path / f".x.obj.{number}.obj/0.obj").touch()
    with replacing_folder(tmp_path / "x.obj", ".obj") as folder:
        (folder / "1.obj").touch()
    assert sorted(os.listdir(tmp_path)) == [f".x.obj.{os.getppid()}.obj", "x.obj"]


def test_who_has_no_home_keeps_nothing_and_everything_works(monkeypatch, here):
    def nameless(number: int) -> None:
        raise KeyError(number)

    for name in ("HOME", "TALK_CACHE", "TALK_DATA", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nameless)
    with pytest.raises(OSError):
        cache_folder()
    with pytest.raises(TalkError):
        made_folder(data_folder())
    assert talk("models").exit_code == 0
    assert talk("animate hello.wav -m x.ckpt -a x.avatar -o y.motion").exit_code == 0
    assert len(load_motion(Path("y.motion"))) == 30


@pytest.mark.parametrize("seed", [-1, 1 << 63, 10**30])
@pytest.mark.parametrize(
    "words",
    [
        "animate hello.wav -m x.ckpt -a x.avatar -o y.motion --seed {}",
        "train CLIPS -o y.ckpt --seed {}",
        "evaluate x.motion x.motion --seed {}",
        "prepare captures made --set people=1 --set seed={}",
        "prepare studio made --set flite=0 --set speakers=1 --set seed={}",
    ],
)
def test_a_seed_that_no_dice_take_is_refused(words, seed, here):
    result = talk(words.format(seed).replace("CLIPS", str(asset("clips"))))
    told(result, 2, "seed")
    assert not Path("made").exists()
