"""Many recordings at once, and what programs are told: nothing is dropped without a word."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from talkcli.app import VERBS, app
from talkcli.engine.assets import DEFAULT_MODEL
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.methods import METHODS
from talkcli.engine.methods.captured import model_for
from talkcli.engine.recordings import passed_over, recordings_in
from talkcli.outputs import batch_of, parse_formats


@pytest.fixture
def quick(untaught, bare_face):
    return ["-m", untaught, "-a", bare_face, "--format", "motion"]


def names(*recordings: str, output: str | None = None, formats: str = "motion") -> list[str]:
    batch = batch_of([Path(name) for name in recordings], Path(output) if output else None, formats)
    return [str(path) for path in batch.outputs]


def test_recordings_of_one_stem_keep_their_suffixes_and_no_others_do():
    assert names("a.wav", "b.wav") == ["a.motion", "b.motion"]
    assert names("a.wav", "a.mp3", "b.wav") == ["a.wav.motion", "a.mp3.motion", "b.motion"]
    assert names("a.wav", "a.WAV") == ["a.wav.motion", "a.WAV.motion"]
    chain = names("a.wav", "a.mp3", "a.wav.flac")
    assert len(set(chain)) == 3 and "a.wav.flac.motion" in chain
    assert names("x/a.wav", "y/a.mp3", output="out") == ["out/a.wav.motion", "out/a.mp3.motion"]
    with pytest.raises(BadUsage, match=r"x/a\.wav and y/a\.wav would both become out/a\.wav\.motion"):
        names("x/a.wav", "y/a.wav", output="out")


def test_a_recording_that_is_a_film_never_meets_its_own_name():
    for name, formats in (("a.mp4", "mp4,motion"), ("a.MP4", "mp4,motion"), ("a.mov", "mov,motion")):
        suffix = formats.partition(",")[0]
        assert names(name, formats=formats) == [f"a.talk.{suffix}", "a.talk.motion"]
    assert names("a.mov", formats="mp4,motion") == ["a.mp4", "a.motion"]
    assert names("b/a.mp4", output="out", formats="mp4") == ["out/a.mp4"]
    assert names("b/a.mp4", output="b", formats="mp4") == ["b/a.talk.mp4"]


def test_what_was_made_of_a_recording_is_none_and_what_it_was_made_of_stays_one(tmp_path):
    for name in ("a.mov", "a.mp4", "a.motion", "b.webm", "b.motion", "c.wav", "c.mp4", "c.motion", "d.mp4"):
        (tmp_path / name).touch()
    assert [path.name for path in recordings_in(tmp_path)] == ["a.mov", "c.wav", "d.mp4"]
    assert passed_over(tmp_path) == 6


def test_formats_are_named_once_each_and_known():
    assert parse_formats("csv,motion, .MP4,csv") == (".csv", ".motion", ".mp4")
    for text in ("", "csv,,mp4", "wav", "mp5"):
        with pytest.raises(BadUsage, match="is not a format"):
            parse_formats(text)
    with pytest.raises(BadUsage, match="says its format"):
        names("a.wav", output="a.mp4", formats="csv")


def test_a_folder_goes_to_a_folder_that_is_made_and_what_is_not_taken_is_counted(talk, hello, quick):
    (hello.parent / "notes.txt").touch()
    (hello.parent / "._hello.wav").touch()
    (hello.parent / "hello.FLAC").write_bytes(b"no sound")
    out = hello.parent / "new" / "takes.v2"
    said = talk("animate", hello.parent, *quick, "--format", "motion,npz", "-o", out, "--json", code=3)
    told = json.loads(said.stdout)
    assert sorted(os.listdir(out)) == ["hello.wav.motion", "hello.wav.npz"]
    assert told["skipped"] == 1 and [row["audio"] for row in told["failed"]] == [
        str(hello.parent / "hello.FLAC")
    ]
    assert set(told["failed"][0]) == {"audio", "error", "hint", "exit"}


def test_no_folder_is_made_for_a_batch_that_is_refused(talk, hello, quick):
    talk("animate", hello.parent, *quick, "-o", hello.parent / "out", "--set", "steps=3", code=2)
    assert os.listdir(hello.parent) == ["hello.wav"]
    (hello.parent / "file").touch()
    talk("animate", hello, *quick, "-o", hello.parent / "file" / "out", code=5)


def test_a_single_failure_is_one_object_too(talk, hello, quick):
    hello.write_bytes(b"")
    told = json.loads(talk("animate", hello, *quick, "--json", code=3).stdout)
    assert told["results"] == [] and told["failed"][0]["exit"] == 3 and "empty" in told["failed"][0]["error"]


FAILING = {
    "animate": ["gone.wav", "-a", "nobody"],
    "render": ["gone.motion"],
    "personalize": ["gone.wav"],
    "prepare": ["vocaset", "gone", "-o", "clips"],
    "train": ["gone"],
    "evaluate": ["gone", "gone"],
    "models": ["import"],
    "emote": ["gone.motion"],
    "pose": ["gone.motion"],
    "doctor": ["--loud"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_whatever_fails_answers_programs_with_one_object(verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (FAILING[verb], ["--nonsense"]):
        result = CliRunner().invoke(app, [verb, *words, "--json"])
        told = json.loads(result.stdout)
        assert set(told) == {"error", "hint", "exit"} and told["exit"] == result.exit_code > 1
        assert result.stderr.startswith(f"error: {told['error']}\n hint: {told['hint']}\n")
        assert "Usage:" not in result.output and told["hint"]


def person_of(path: Path, *styles: str) -> Avatar:
    return replace(load_avatar(path), styles={name: torch.ones(3) for name in styles})


def test_an_avatar_speaks_by_the_method_whose_manner_it_holds(bare_face):
    other = next(name for name in METHODS if name != DEFAULT_MODEL)
    assert model_for(person_of(bare_face)) == DEFAULT_MODEL
    assert model_for(person_of(bare_face, other)) == other
    assert model_for(person_of(bare_face, f"{other}/skin")) == other
    assert model_for(person_of(bare_face, other, f"{DEFAULT_MODEL}/motion")) == DEFAULT_MODEL
    assert model_for(person_of(bare_face, "of nobody known")) == DEFAULT_MODEL


def test_whose_manner_is_not_used_is_told_to_people_and_programs(talk, hello, quick, bare_face, tmp_path):
    save_avatar(person_of(bare_face, "textalker/motion"), tmp_path / "guest.avatar")
    said = talk("animate", hello, *quick, "-a", tmp_path / "guest.avatar", "--json")
    (row,) = json.loads(said.stdout)["results"]
    assert row["model"] == "memorytalker" and any("manner is for textalker" in note for note in row["notes"])
    assert "manner is for textalker" in said.stderr
