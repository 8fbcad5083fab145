"""What programs are told: with --json one object on stdout, whatever the mode and whatever fails; and no
option or sound that means nothing is taken in silence."""

from __future__ import annotations

import json

import pytest
import soundfile

from talkcli.engine.assets import assets_folder


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
