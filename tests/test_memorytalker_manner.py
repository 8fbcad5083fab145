"""A style fitted to a person's own motion: what a fit finds, what it never harms, what it refuses."""

import os
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from rig_clips import studio_clips
from typer.testing import CliRunner

from talkcli.app import app
from talkcli.engine.assets import asset
from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.clips import Clip, ClipSet, Contents, save_clip, save_contents
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.memorytalker import manner
from talkcli.engine.methods.memorytalker.manner import capture_folder, fitted_gain, misfit, observe
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig
from talkcli.engine.motion import Coefficients, Motion, Shapes, Vertices
from talkcli.engine.speech import Speech

CLIPS = Path(__file__).parents[1] / "assets" / "clips"


@pytest.fixture(scope="module")
def talker() -> MemoryTalker:
    talker = open_talker("memorytalker", "cpu")
    assert isinstance(talker, MemoryTalker)
    return talker


def test_a_fit_finds_the_manner_in_which_the_talker_itself_spoke(talker, tmp_path, monkeypatch):
    true = 1 + 0.4 * torch.randn(40, generator=torch.Generator().manual_seed(0))
    theirs, names = ClipSet(CLIPS), []
    for index in range(len(theirs)):
        speech, person = theirs.speech(index), theirs.avatar(index)
        person = replace(person, styles={"memorytalker": true})
        names.append(f"self/{index}")
        save_clip(Clip(speech, talker.animate(speech, person), person), tmp_path, names[-1])
    save_contents(Contents({"train": names[:3], "test": names[3:]}, "CC0-1.0", "this test"), tmp_path)
    clips = ClipSet(tmp_path)
    monkeypatch.setattr(manner, "PRIOR", 1e-4)
    monkeypatch.setattr(manner, "FIT_STEPS", 60)
    gain = fitted_gain(talker, clips, range(3))
    assert torch.equal(gain, fitted_gain(talker, clips, range(3))), "nothing in it is random"
    seen, unseen = (observe(talker, clips, which)[0] for which in (range(3), [3]))
    with torch.no_grad():
        for observations, left in ((seen, 1e-3), (unseen, 0.03)):
            error, before = (float(misfit(talker, observations, each)) for each in (gain, torch.ones(40)))
            assert error < left * before, (error, before)


@pytest.mark.parametrize("double", [False, True], ids=["vocaset", "biwi"])
def test_a_fit_finds_the_manner_of_vertices_heard_by_hubert(double, bare_face, tmp_path, monkeypatch):
    """The same network at published shape, made small and never taught, on a corpus of vertices."""
    torch.manual_seed(0)
    hubert = HubertConfig(48, 2, 4, 96, 32, 16, 4)
    config = MemoryTalkerConfig(
        verts=12, fps=25 if double else 30, ears=(hubert,), double_rate=double, slots=8, features=24,
        feed_forward=48, text_scaling=1.0,
    )  # fmt: skip
    talker = MemoryTalker(config).eval()
    torch.nn.init.normal_(talker.output.weight, std=1e-3)
    torch.nn.init.normal_(talker.memory.slots, std=3.0)
    true = torch.linspace(0.4, 1.8, 8)
    theirs, person = ClipSet(CLIPS), load_avatar(bare_face)
    person = replace(person, styles={"memorytalker": true})
    for index in range(2):
        speech = Speech(theirs.speech(index).waveform[:40_000])
        spoken = talker.animate(speech, person)
        assert isinstance(spoken.face, Shapes)
        offsets = torch.einsum("fs, svc -> fvc", spoken.face.weights, spoken.face.basis)
        motion = Motion(spoken.fps, Vertices(offsets))
        save_clip(Clip(speech, motion, person), tmp_path, f"self/{index}")
    save_contents(Contents({"train": ["self/0", "self/1"]}, "CC0-1.0", "this test"), tmp_path)
    clips = ClipSet(tmp_path)
    monkeypatch.setattr(manner, "PRIOR", 1e-6)
    gain = fitted_gain(talker, clips, [0])
    observations, _ = observe(talker, clips, [1])
    with torch.no_grad():
        error, before = (float(misfit(talker, observations, each)) for each in (gain, torch.ones(8)))
    torch.testing.assert_close(gain, true, atol=0.01, rtol=0)
    assert error < 1e-4 * before


def test_a_fit_never_errs_more_than_no_style_and_anothers_fits_worse(talker):
    clips = ClipSet(CLIPS)
    fits = {speaker: fitted_gain(talker, clips, which) for speaker, which in clips.speakers.items()}
    for speaker, which in clips.speakers.items():
        observations, _ = observe(talker, clips, which)
        with torch.no_grad():
            errors = {name: float(misfit(talker, observations, gain)) for name, gain in fits.items()}
            unpersonal = float(misfit(talker, observations, torch.ones(40)))
        own = errors.pop(speaker)
        assert own < unpersonal and own < min(errors.values())


def test_less_motion_changes_less(talker, monkeypatch):
    clips = ClipSet(CLIPS)
    far = []
    for seconds in (1.0, 4.0, 12.0):
        monkeypatch.setattr(manner, "ENOUGH", seconds)
        far.append(float((fitted_gain(talker, clips, clips.speakers["s0079"]) - 1).norm()))
    assert 0 < far[0] < 0.5 and far[0] < far[2]


def test_the_verb_writes_an_avatar_that_moves_otherwise(tmp_path):
    out = tmp_path / "who.avatar"
    options = ["--model", "memorytalker", "--device", "cpu", "-o", str(out)]
    result = CliRunner().invoke(app, ["personalize", str(CLIPS / "s0039"), *options])
    assert result.exit_code == 0, result.output
    plain, person = load_avatar(asset("ada.avatar")), load_avatar(out)
    talker, speech = open_talker("memorytalker", "cpu"), ClipSet(CLIPS).speech(0)
    assert torch.equal(person.neutral, plain.neutral)
    moved = [talker.animate(speech, face).face for face in (plain, person)]
    first, second = (face.expression for face in moved if isinstance(face, Coefficients))
    assert (first - second).abs().max() > 0.01
    result = CliRunner().invoke(app, ["personalize", str(CLIPS), *options, "--overwrite"])
    assert result.exit_code == 3 and "2 people" in result.stderr and "s0039" in result.stderr


def test_a_voice_on_stdin_or_in_a_pipe_is_the_same_manner(talk, hello):
    whole, folder = hello.read_bytes(), hello.parent
    os.mkfifo(folder / "fifo")
    writer = threading.Thread(target=(folder / "fifo").write_bytes, args=(whole,))
    writer.start()
    made = [folder / f"{name}.avatar" for name in ("file", "stdin", "pipe")]
    for source, out in zip((hello, "-", folder / "fifo"), made, strict=True):
        said = talk("personalize", source, "-m", "memorytalker", "-o", out, stdin=whole)
        assert said.stdout == f"{out}\n"
    writer.join()
    styles = [load_avatar(out).styles["memorytalker"] for out in made]
    assert torch.equal(styles[0], styles[1]) and torch.equal(styles[0], styles[2])
    said = talk("personalize", "-", "-m", "memorytalker", "-o", folder / "x.avatar", stdin=b"", code=3)
    assert "error: stdin is empty." in said.stderr and not (folder / "x.avatar").exists()


def test_what_shows_no_manner_is_refused(talker, tmp_path):
    avatar = load_avatar(asset("ada.avatar"))
    with pytest.raises(BadInput, match="has no clips"):
        capture_folder(talker, tmp_path, avatar)
    speech, person = Speech(torch.zeros(8_000)), avatar
    still = Coefficients(torch.zeros(15, 54), torch.zeros(15, 3))
    motions = {
        "short": (Motion(Fraction(30), still), "0.5 s of motion"),
        "mesh": (Motion(Fraction(30), Vertices(torch.zeros(15, 9, 3))), "of the rig facekit"),
        "slow": (Motion(Fraction(25), still), "30 times a second"),
    }
    for name, (motion, told) in motions.items():
        save_clip(Clip(speech, motion, person), tmp_path / name, "ada/0")
        save_contents(Contents({"train": ["ada/0"]}, "CC0-1.0", "this test"), tmp_path / name)
        with pytest.raises(BadInput, match=told):
            capture_folder(talker, tmp_path / name, avatar)
    clips = studio_clips(tmp_path / "two")
    (clips.folder / "ada" / "0.motion").unlink()
    with pytest.raises(BadInput, match="lacks 1 of its clips"):
        capture_folder(talker, clips.folder / "ada", avatar)
    (tmp_path / "short" / "nobody").mkdir()
    with pytest.raises(BadInput, match="no clips of nobody"):
        capture_folder(talker, tmp_path / "short" / "nobody", avatar)
