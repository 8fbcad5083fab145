"""Every example of every help runs, one after the other, in a folder that was empty."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from talkcli.app import VERBS, app

HEAVY = ("--camera", "both.mp4", "prepare ", "talk train clips/", "talk evaluate --metric lve", "sampled")
"""Words of examples that take long: those that draw, record, train, score everything or make a head."""
FILMS = ("talk animate hello.wav", "noor.mp4", "orbit.mp4", "both.mp4")
"""How examples end that make a film; here a small one."""


def examples(verb: str) -> list[str]:
    shown = CliRunner().invoke(app, [verb, "--help"], terminal_width=200).stdout
    lines = (line.strip() for line in shown.split("Examples:")[1].splitlines())
    return [line for line in lines if line.startswith("talk ")]


def run(example: str) -> None:
    result = CliRunner().invoke(app, shlex.split(example)[1:])
    assert result.exit_code == 0, f"{example}: {result.output}"


def test_quick_examples_run_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for verb in VERBS:
        for line in examples(verb):
            if not any(words in line for words in HEAVY):
                run({"talk animate hello.wav": f"{line} --format motion"}.get(line, line))
    assert sorted(path.name for path in Path("animated").iterdir()) == ["hello.csv", "hello.motion"]


@pytest.mark.slow
def test_all_examples_run_in_an_empty_folder(tmp_path, monkeypatch):
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("pocketsphinx")
    monkeypatch.chdir(tmp_path)
    for verb in VERBS:
        for line in examples(verb):
            run(f"{line} --size 96" if line.endswith(FILMS) else line)


def test_the_bundled_recording_stands_in_where_there_is_none_of_its_name(
    talk, untaught, bare_face, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    said = talk("animate", "hello.wav", "-m", untaught, "-a", bare_face, "--format", "motion")
    assert "the bundled one is taken" in said.stderr and [p.name for p in tmp_path.iterdir()] == [
        "hello.motion"
    ]
    styled = talk(
        "animate", "hello.wav", "-m", "memorytalker", "--style", "hello.wav", "-o", "in-style.motion"
    )
    assert styled.stderr.count("the bundled one is taken") == 2
    for name in ("other.wav", "folder/hello.wav", "hello.mp3"):
        talk("animate", name, "-m", untaught, "-a", bare_face, "-o", "x.motion", code=3)
