"""What programs are told: with --json one object on stdout, whatever the mode and whatever fails; and no
option or sound that means nothing is taken in silence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from fuzz.seeds import motions

from talkcli.app import app
from talkcli.engine.assets import assets_folder
from talkcli.engine.motion import save_motion

HERE = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("models", 0),
        ("models list", 0),
        ("doctor", 0),
        ("evaluate --list", 0),
        ("train --list-settings textalker", 0),
        (f"train {assets_folder() / 'clips'} --print-config", 0),
        ("train", 2),
        ("train nowhere", 3),
        ("prepare studio", 2),
        ("prepare nothing here", 2),
        ("animate", 2),
        ("animate nothing.wav", 3),
        ("animate nothing.wav --size 3", 2),
        ("render nothing.motion", 3),
        ("personalize nothing.wav", 3),
        ("evaluate nothing.motion nothing.motion", 3),
        ("models import", 2),
        ("models export", 2),
        ("sing", 2),
    ],
)
def test_with_json_every_mode_and_every_failure_is_one_object(words, code, talk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = json.loads(talk(*words.split(), "--json", code=code).stdout)
    assert isinstance(told, dict)
    assert not code or code in (told.get("exit"), *(failure["exit"] for failure in told.get("failed", ())))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "option",
    ["--camera FRONT", "--quality best", "--size 0x0", "--size 512x", "--background #12", "--renderer gl"],
)
def test_an_option_that_means_nothing_is_refused_even_where_nothing_is_drawn(
    option, talk, hello, untaught, bare_face
):
    motion = hello.with_name("said.motion")
    words = ["animate", hello, "-m", untaught, "-a", bare_face, "-o"]
    assert option.split()[1] in talk(*words, motion, *option.split(), code=2).stderr
    talk(*words, motion)
    shown = talk("render", motion, "-a", bare_face, "-o", hello.with_name("x.npz"), *option.split(), code=2)
    assert option.split()[1] in shown.stderr


@pytest.mark.parametrize("loudness", [1e12, 1e30, 1e300])
def test_sound_beyond_any_loudness_is_refused_by_name(loudness, talk, hello, untaught, bare_face):
    path = hello.with_name("loud.wav")
    soundfile.write(path, loudness * soundfile.read(hello)[0], 16_000, subtype="DOUBLE")
    said = talk("animate", path, "-m", untaught, "-a", bare_face, "-o", path.with_suffix(".motion"), code=3)
    assert said.stderr.startswith("error: ") and "loud.wav" in said.stderr and "damaged" in said.stderr


def test_a_program_begun_without_streams_answers_and_fails_as_ever(monkeypatch):
    for words, code in ((("models",), 0), (("render", "nothing.motion"), 3), (("sing",), 2)):
        monkeypatch.setattr("sys.stdout", None)
        monkeypatch.setattr("sys.stderr", None)
        with pytest.raises(SystemExit) as end:
            app(words)
        sys.stdout.close()
        sys.stderr.close()
        assert end.value.code == code


@pytest.mark.parametrize(
    "words", ["animate|", "animate|x.wav|--text|", "pose|x.motion|--audio=", "train|--from|"]
)
def test_an_empty_word_is_no_file(words, talk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.wav").touch()
    assert "Nothing stands after" in talk(*words.split("|"), code=2).stderr


@pytest.fixture
def said(tmp_path, monkeypatch) -> None:
    """x.motion, 0.4 s of the built-in head."""
    monkeypatch.chdir(tmp_path)
    save_motion(dict(motions())["rig"], Path("x.motion"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("render x.motion -o y.npz --camera orbit --no-texture", "--camera, --texture"),
        ("emote x.motion --mood sad -o y.motion --size 64", "--size"),
        ("emote x.motion --mood sad@7-8 -o y.motion", "begins at 7 s"),
        ("emote noor --mood sad -o y.avatar -a ada --audio hello.wav", "--audio, --avatar"),
        ("pose x.motion --gain 0.5 -o y.csv --quality fine", "--quality"),
    ],
)
def test_what_changes_nothing_is_told(words, told, talk, said):
    assert told in talk(*words.split()).stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("pose x.motion", "Nothing says how"),
        ("pose x.motion --gain 1", "Nothing says how"),
        ("emote x.motion --mood sad,sad:2", "sad twice"),
        ("render x.motion -a flame", "talk models import flame"),
        ("models import FLAME x.pkl", "Did you mean 'flame'"),
    ],
)
def test_what_would_change_nothing_or_is_not_there_is_refused_with_the_way_out(words, told, talk, said):
    assert told in talk(*words.split(), code=2).stderr


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_what_stderr_cannot_take_ends_nothing(tmp_path):
    words = [sys.executable, "-m", "talkcli", "animate", "nowhere.wav", "--json"]
    with FULL.open("w") as full:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=full, cwd=tmp_path, env=HERE)
    assert done.returncode == 3 and json.loads(done.stdout)["failed"][0]["exit"] == 3


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", ["models", "models --json", "animate --help"])
def test_answers_that_do_not_fit_on_the_disk_are_an_error_of_two_lines(words, tmp_path):
    command = [sys.executable, "-m", "talkcli", *words.split()]
    with FULL.open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, env=HERE, text=True)
    assert done.returncode == 5
    assert done.stderr.splitlines()[0] == "error: Cannot use the disk: No space left on device."
    assert len(done.stderr.splitlines()) == 2


def test_what_changes_nothing_of_a_file_is_said(talk, hello, untaught, bare_face):
    words = ["animate", hello, "-m", untaught, "-a", bare_face, "--look", "studio", "--overwrite", "-o"]
    assert "depends on --look" in talk(*words, hello.with_suffix(".motion")).stderr
    assert "depends on" not in talk(*words, hello.with_name("meshes.obj")).stderr
