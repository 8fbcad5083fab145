"""The program from outside: names, streams, exit codes, and what it leaves behind."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import soundfile
import torch
from films import header, pictures
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from talkcli import __version__
from talkcli.app import VERBS, app, ended_kindly
from talkcli.engine.face.avatar import load_avatar, save_avatar
from talkcli.engine.metrics.takes import takes_of_audio
from talkcli.engine.motion import load_motion
from talkcli.engine.phones import phones_of, save_phones
from talkcli.engine.recordings import FILM_SUFFIXES, SOUND_SUFFIXES
from talkcli.engine.speech import load_speech
from talkcli.outputs import batch_of

TALK = [sys.executable, "-m", "talkcli"]
PATH = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}


@pytest.fixture
def bare(untaught, bare_face):
    """Options for the smallest talker there is, in a small picture."""
    return ["-m", untaught, "-a", bare_face, "--size", "64"]


def test_version_and_help_answer(talk):
    assert talk("--version").stdout == f"talk {__version__}\n"
    shown = talk("--help").stdout
    assert all(verb in shown for verb in VERBS)


def test_an_unknown_verb_or_option_is_usage(talk):
    talk("sing", code=2)
    talk("animate", "--loud", code=2)
    talk("animate", code=2)


def test_a_recording_becomes_a_film_and_its_motion_beside_it(talk, hello, bare):
    said = talk("animate", hello, *bare)
    film, motion = hello.with_suffix(".mp4"), hello.with_suffix(".motion")
    assert said.stdout.splitlines() == [str(film), str(motion)]
    assert sorted(os.listdir(hello.parent)) == ["hello.motion", "hello.mp4", "hello.wav"]
    info = header(film)
    assert (info.width, info.height, info.fps, info.has_sound) == (64, 64, Fraction(30), True)
    assert len(load_motion(motion)) == 30 == len(pictures(film))


def test_every_output_says_that_it_is_synthetic_and_what_made_it(talk, hello, bare, untaught):
    from talkcli.engine.assets import sha256

    talk("animate", hello, *bare, "--seed", 7)
    told = load_motion(hello.with_suffix(".motion")).provenance
    assert told["synthetic"] is True and told["seed"] == 7 and told["avatar"] == "bare"
    assert told["model"] == "memorytalker" and told["weights_sha256"] == sha256(untaught)
    assert __version__ in told["program"]
    metadata = header(hello.with_suffix(".mp4")).metadata
    assert json.loads(metadata["comment"]) == told and "synthetic" in metadata["title"]


def test_the_suffix_of_the_output_decides(talk, hello, bare):
    talk("animate", hello, *bare, "-o", hello.parent / "x.motion")
    assert sorted(os.listdir(hello.parent)) == ["hello.wav", "x.motion"]
    said = talk("animate", hello, *bare, "-o", hello.parent / "x.xyz", code=2)
    assert ".mp4" in said.stderr and not (hello.parent / "x.xyz").exists()


def test_a_skin_that_no_model_changes_is_refused_before_the_work(talk, hello, bare):
    said = talk("animate", hello, *bare, "-o", hello.parent / "x.textures", code=2)
    assert "leaves the skin as it is" in said.stderr and "Animating" not in said.stderr


def test_a_manner_of_another_method_is_not_dropped_without_a_word(talk, hello, untaught, bare_face):
    styles = {"textalker/motion": torch.zeros(4)}
    save_avatar(replace(load_avatar(bare_face), styles=styles), hello.parent / "guest.avatar")
    said = talk("animate", hello, "-m", untaught, "-a", hello.parent / "guest.avatar", "--size", "64")
    assert "manner is for textalker" in " ".join(said.stderr.split())


def test_stdin_is_a_recording_too(hello, bare, untaught):
    words = [*TALK, "animate", "-", *map(str, bare)]
    done = subprocess.run(words, input=hello.read_bytes(), capture_output=True, cwd=hello.parent, env=PATH)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().splitlines() == ["speech.mp4", "speech.motion"]
    assert len(load_motion(hello.parent / "speech.motion")) == 30
    assert load_speech(hello.parent / "speech.mp4").seconds == pytest.approx(1, abs=0.03)


def test_faults_of_stdin_name_it_and_no_temporary_file(talk, hello, bare, monkeypatch):
    monkeypatch.chdir(hello.parent)
    whole = hello.read_bytes()
    assert "error: stdin is empty." in talk("animate", "-", *bare, stdin=b"", code=3).stderr
    assert "error: stdin is not a recording" in talk("animate", "-", *bare, stdin=b"no" * 999, code=3).stderr
    said = talk("animate", "-", *bare, "-o", "x.motion", stdin=whole[: len(whole) // 2])
    assert "warning: stdin breaks off" in said.stderr


def test_an_avatar_that_is_not_called_one_is_refused_before_the_work(talk, hello, untaught, bare_face):
    said = talk("personalize", hello, "-m", untaught, "-a", bare_face, "-o", hello.parent / "me.txt", code=2)
    assert "me.txt" in said.stderr and ".avatar" in said.stderr
    assert os.listdir(hello.parent) == ["hello.wav"]


@pytest.mark.parametrize("victim", [".mp4", ".motion"])
def test_a_film_and_its_motion_are_written_together_or_not_at_all(victim, talk, hello, bare, monkeypatch):
    """The disk fills up at one of them, whichever it is."""
    replace = os.replace

    def full(source: str, target: str) -> None:
        if str(target).endswith(victim):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    said = talk("animate", hello, *bare, code=5)
    assert f"Cannot write {hello.with_suffix(victim)}: No space" in said.stderr
    assert os.listdir(hello.parent) == ["hello.wav"]


def test_several_recordings_and_folders(talk, hello, bare):
    folder = hello.parent / "takes"
    folder.mkdir()
    for name in ("a.wav", "b.wav"):
        (folder / name).write_bytes(hello.read_bytes())
    (folder / "notes.txt").write_text("no recording")
    out = hello.parent / "out"
    out.mkdir()
    said = talk("animate", hello, folder, *bare, "-o", out, "--json")
    assert sorted(os.listdir(out)) == sorted(
        f"{x}.{y}" for x in ("a", "b", "hello") for y in ("mp4", "motion")
    )
    assert [row["frames"] for row in json.loads(said.stdout)["results"]] == [30, 30, 30]


def test_animate_and_evaluate_take_the_same_files_of_a_folder_for_recordings(tmp_path):
    for suffix in (*SOUND_SUFFIXES, *FILM_SUFFIXES, ".txt", ".motion", ".png", ".json"):
        (tmp_path / f"take-{suffix[1:]}{suffix}").touch()
        (tmp_path / f"loud-{suffix[1:]}{suffix.upper()}").touch()
        save_phones(phones_of([("SIL", 0, 1)]), tmp_path / f"take-{suffix[1:]}.phones.json")
        save_phones(phones_of([("SIL", 0, 1)]), tmp_path / f"loud-{suffix[1:]}.phones.json")
    out = tmp_path / "out"
    out.mkdir()
    animated = {task.audio for task in batch_of([tmp_path], out).tasks}
    scored = {take.audio for take in takes_of_audio([tmp_path])}
    assert animated == scored and len(scored) == 2 * len((*SOUND_SUFFIXES, *FILM_SUFFIXES))


def test_a_folder_is_animated_twice_without_eating_its_own_films(talk, hello, bare):
    talk("animate", hello.parent, *bare)
    talk("animate", hello.parent, *bare, "--overwrite")
    assert sorted(os.listdir(hello.parent)) == ["hello.motion", "hello.mp4", "hello.wav"]


def test_one_bad_recording_does_not_stop_the_others(talk, hello, bare):
    bad = hello.parent / "bad.wav"
    bad.write_bytes(b"no sound")
    said = talk("animate", bad, hello, *bare, "--json", code=3)
    told = json.loads(said.stdout)
    (fault,) = told["failed"]
    assert len(told["results"]) == 1 and fault["audio"] == str(bad) and fault["exit"] == 3
    assert "bad.wav" in fault["error"] and fault["hint"] and "bad.wav" in said.stderr
    assert hello.with_suffix(".mp4").exists()


def test_two_recordings_never_become_one_file(talk, hello, bare):
    said = talk("animate", hello, hello, *bare, code=2)
    assert "would both become" in said.stderr
    assert "cannot all become" in talk("animate", hello, hello, *bare, "-o", "x.mp4", code=2).stderr


def test_a_film_is_never_replaced_by_its_own_animation(talk, hello, bare):
    talk("animate", hello, *bare)
    film = hello.with_suffix(".mp4")
    before = film.read_bytes()
    talk("animate", film, *bare)
    assert (hello.parent / "hello.talk.mp4").exists() and film.read_bytes() == before
    said = talk("animate", film, *bare, "-o", film, "--overwrite", code=2)
    assert "is an input" in said.stderr and film.read_bytes() == before


def test_nothing_is_overwritten_silently(talk, hello, bare):
    hello.with_suffix(".motion").write_bytes(b"precious")
    said = talk("animate", hello, *bare, code=2)
    assert "--overwrite" in said.stderr and not hello.with_suffix(".mp4").exists()
    assert hello.with_suffix(".motion").read_bytes() == b"precious"
    talk("animate", hello, *bare, "--overwrite")
    assert len(load_motion(hello.with_suffix(".motion"))) == 30


def test_same_seed_same_motion_and_another_seed_another_life(talk, hello, bare):
    outs = [hello.parent / f"{name}.motion" for name in "abc"]
    for out, seed in zip(outs, (1, 1, 2), strict=True):
        talk("animate", hello, *bare, "-o", out, "--seed", seed)
    a, b, c = (load_motion(out) for out in outs)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert a.head is not None and b.head is not None and c.head is not None
    assert not torch.equal(a.head.rotation, c.head.rotation)


def test_no_life_leaves_the_network_bare(talk, hello, bare):
    talk("animate", hello, *bare, "-o", hello.parent / "x.motion", "--no-life")
    assert load_motion(hello.parent / "x.motion").head is None


@pytest.mark.parametrize(
    "told, fps",
    [("25", Fraction(25)), ("29.97", Fraction(30000, 1001)), ("24000/1001", Fraction(24000, 1001))],
)
def test_a_frame_rate_is_exact(told, fps, talk, hello, bare):
    talk("animate", hello, *bare, "--fps", told)
    assert load_motion(hello.with_suffix(".motion")).fps == fps == header(hello.with_suffix(".mp4")).fps


@pytest.mark.parametrize("told", ["0", "-25", "fast", "1/0", "1000", "nan", "inf"])
def test_a_frame_rate_that_is_none_is_usage(told, talk, hello, bare):
    assert "frame rate" in talk("animate", hello, *bare, f"--fps={told}", code=2).stderr


MISSPELT = (
    "--model memorytalkr, --avatar nobody, --device gpu, --size 0, "
    "--camera fron, --renderer pen, --background plaid"
)


@pytest.mark.parametrize("words", MISSPELT.split(", "))
def test_a_misspelt_value_names_the_known_ones(words, talk, hello, bare):
    said = talk("animate", hello, *bare, *words.split(), code=2)
    assert words.split()[1] in said.stderr
    assert sorted(os.listdir(hello.parent)) == ["hello.wav"]


def test_json_is_one_object_and_quiet_is_quiet(talk, hello, bare):
    said = talk("animate", hello, *bare, "--json", "-q")
    told = json.loads(said.stdout)
    assert told["failed"] == [] and told["results"][0]["outputs"] == [
        str(hello.with_suffix(".mp4")),
        str(hello.with_suffix(".motion")),
    ]
    assert said.stderr == ""


def test_progress_is_for_terminals_only(talk, hello, bare):
    assert talk("animate", hello, *bare).stderr == ""


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(name="two words")
@example(name='it\'s; rm -rf ~ && "x" $(y) `z`')
@example(name="line\nbreak\ttab")
@example(name="-o")
@example(name="--help")
@example(name="[bold]x[i]:smile:")
@example(name="file:http:x")
@example(name="%s%d*?")
@given(
    name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
)
def test_any_file_name_works(name, untaught, bare_face, tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    source = folder / f"{name}.wav"
    soundfile.write(source, torch.zeros(3200).numpy(), 16_000, format="WAV")
    words = ["animate", "-m", untaught, "-a", bare_face, "-o", folder / f"{name}.motion", "--", source]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert sorted(os.listdir(folder)) == sorted([f"{name}.wav", f"{name}.motion"])
    assert result.stdout.count("\n") == 1  # one line an answer, whatever is in the name


def test_names_with_dots_go_where_they_point(talk, hello, bare, monkeypatch):
    inner = hello.parent / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    talk("animate", "../hello.wav", *bare, "-o", "../inner/../x.motion")
    assert sorted(os.listdir(hello.parent)) == ["hello.wav", "inner", "x.motion"] and os.listdir(inner) == []


def test_a_folder_of_pictures_is_replaced_when_asked(talk, hello, bare, tmp_path):
    folder = tmp_path / "a.png"
    folder.mkdir()
    (folder / "000099.png").touch()
    assert "--overwrite" in talk("animate", hello, *bare, "-o", folder, code=2).stderr
    talk("animate", hello, *bare, "-o", folder, "--overwrite")
    assert sorted(path.name for path in folder.iterdir())[29:] == ["000029.png", "fps.json"]


def started(words: list[object], folder: Path) -> subprocess.Popen[bytes]:
    """The program at work, its temporary file already there."""
    process = subprocess.Popen(
        [*TALK, *map(str, words)], cwd=folder, env=PATH, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for _ in range(1200):
        if any(path.name.startswith(".") for path in folder.iterdir()):
            break
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    return process


@pytest.mark.parametrize("how, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_render_leaves_nothing(how, code, tmp_path, untaught, bare_face):
    wave = torch.rand(16_000 * 300).numpy() * 0.1
    soundfile.write(tmp_path / "long.wav", wave, 16_000)
    process = started(["animate", "long.wav", "-m", untaught, "-a", bare_face], tmp_path)
    process.send_signal(how)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert b"Traceback" not in err and out == b""
    assert os.listdir(tmp_path) == ["long.wav"]


@pytest.mark.parametrize("how, raised", [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_compiler_at_work_does_not_swallow_an_interruption(how, raised):
    """An exception in a C callback is lost: what comes there waits until the callback has returned."""
    told: list[str] = []
    within = {"__name__": "llvmlite.binding.executionengine", "signal": signal, "how": how, "told": told}
    exec("def notified():\n    signal.raise_signal(how)\n    told.append('whole')", within)
    callback = ctypes.CFUNCTYPE(None)(within["notified"])
    with pytest.raises(raised) as caught, ended_kindly():
        callback()
        assert told == ["whole"]
        time.sleep(10)
    assert caught.type is not KeyboardInterrupt, "which python -m would die of, where it met an exec"


def test_a_reader_that_leaves_is_no_fault(hello, bare):
    """talk ... | head"""
    shell = ["sh", "-c", '"$@" | true', "sh", *TALK, "animate", str(hello), *map(str, bare), "-o", "x.motion"]
    done = subprocess.run(shell, capture_output=True, env=PATH, cwd=hello.parent)
    assert b"Traceback" not in done.stderr and b"bug" not in done.stderr


def test_a_bug_is_owned_and_its_traceback_is_for_verbose(talk, hello, bare, monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a [bold]mistake[/bold]")

    monkeypatch.setattr("talkcli.engine.speech.load_speech", broken)
    said = talk("animate", hello, *bare, code=1)
    assert "bug" in said.stderr and "a [bold]mistake[/bold]" in said.stderr and "Traceback" not in said.stderr
    assert "Traceback" in talk("animate", hello, *bare, "-v", code=1).stderr


@pytest.mark.parametrize(
    "error, code",
    [(MemoryError(), 5), (OSError(28, "No space left on device", "x"), 5), (KeyboardInterrupt(), 130)],
)
def test_what_the_machine_lacks_is_said(error, code, talk, hello, bare, monkeypatch):
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("talkcli.engine.speech.load_speech", broken)
    said = talk("animate", hello, *bare, code=code)
    assert said.stderr.startswith("error: ") and "bug" not in said.stderr
