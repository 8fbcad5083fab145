"""Studio recordings: the same plan gives the same clips, whole, split and resumable."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from talkcli.engine.assets import FACEKIT_CREDIT, FACEKIT_LICENCE
from talkcli.engine.audio.logmel_encoder import LogMelEncoder, LogMelEncoderConfig
from talkcli.engine.clips import ClipSet, Contents, load_contents, save_contents
from talkcli.engine.editing.moods import MOODS
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.lip_contact import measured
from talkcli.engine.motion import Coefficients
from talkcli.engine.studio.espeak import has_espeak
from talkcli.engine.studio.performance import DELIVERIES, delivered, draw_manner
from talkcli.engine.studio.recording import RecordingPlan, missing, record, record_all, split_of
from talkcli.engine.studio.voices import PLAIN, draw_voice
from talkcli.engine.training.fit import fit
from talkcli.engine.training.listening import UNKNOWN, listening, phone_example

pytestmark = pytest.mark.skipif(not has_espeak(), reason="espeak-ng is not installed")

SMALL = RecordingPlan(speakers=2, takes=2, seed=3, flite=0.0)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studio")
    list(record_all(SMALL, folder))
    return folder


def test_same_plan_same_clip_in_any_order() -> None:
    first, *_ = record(SMALL, "s0001/001"), record(SMALL, "s0000/000")
    again = record(SMALL, "s0001/001")
    assert torch.equal(first.speech.waveform, again.speech.waveform)
    assert isinstance(first.motion.face, Coefficients) and isinstance(again.motion.face, Coefficients)
    assert torch.equal(first.motion.face.expression, again.motion.face.expression)
    assert torch.equal(first.avatar.neutral, again.avatar.neutral)


def test_a_clip_is_whole(clips: Path) -> None:
    clipset = ClipSet(clips)
    assert sorted(clipset.names) == ["s0000/000", "s0000/001", "s0001/000", "s0001/001"]
    for index in range(len(clipset)):
        clip = clipset[index]
        assert len(clip.motion) == clip.speech.frames(30)
        assert clip.motion.head is not None and clip.phones is not None
        assert clip.phones.seconds <= clip.speech.seconds
        assert clip.motion.provenance["synthetic"] is True
        assert clip.motion.provenance["head"] == FACEKIT_CREDIT
        assert FACEKIT_LICENCE in clip.motion.provenance["licence"]
        assert clip.avatar.rig == "facekit" and clip.avatar.identity is not None


def test_lips_touch_on_every_closure_and_rest_in_silence(clips: Path) -> None:
    contact = load_face_model().contact
    assert contact is not None
    for clip in (ClipSet(clips)[0], ClipSet(clips)[2]):
        assert clip.phones is not None
        points = vertices(clip.motion, clip.avatar)
        gap = measured(points[:, contact.mouth.rings], contact.mouth).gaps.median(dim=1).values
        for phone, start, end in clip.phones.segments:
            near = gap[max(0, int(30 * start) - 1) : int(30 * end) + 2]
            if phone in ("P", "B", "M"):
                assert near.min() < 3e-4, (phone, start)
            if phone == "SIL" and end - start > 0.4:
                assert gap[int(30 * start) + 5 : int(30 * end) - 4].max() < 3e-4, (phone, start)
        assert gap.max() > 4e-3


def test_splits_share_neither_speaker_nor_sentence() -> None:
    said: dict[str, set[str]] = {"train": set(), "val": set(), "test": set()}
    plan = RecordingPlan(speakers=10, takes=4, foreign=0.0, moods=0.0, flite=0.0)
    for speaker in (0, 8, 9):
        for take in range(4):
            made = record(plan, f"s{speaker:04}/{take:03}").motion.provenance
            said[split_of(speaker)].update(made["text"])
    assert all(said.values())
    assert (
        not said["train"] & said["test"]
        and not said["train"] & said["val"]
        and not said["val"] & said["test"]
    )


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_flites_voices_are_recorded_as_the_others_are() -> None:
    clip = record(RecordingPlan(speakers=1, takes=1, flite=1.0), "s0000/000")
    assert clip.phones is not None and len(clip.motion) == clip.speech.frames(30)
    assert len({phone for phone, _, _ in clip.phones.segments}) > 5


def test_a_stopped_run_goes_on_with_what_is_missing(clips: Path) -> None:
    lost = clips / "s0001" / "000.motion"
    before = lost.read_bytes()
    lost.unlink()
    assert [name for name, _ in record_all(SMALL, clips)] == ["s0001/000"]
    assert lost.read_bytes() == before
    assert list(record_all(SMALL, clips)) == []


def test_two_processes_make_the_same_clips(clips: Path, tmp_path: Path) -> None:
    assert len(list(record_all(SMALL, tmp_path, jobs=2))) == 4
    for made in clips.glob("*/*.*"):
        assert made.read_bytes() == (tmp_path / made.relative_to(clips)).read_bytes()


def test_a_folder_of_another_plan_is_refused(clips: Path) -> None:
    with pytest.raises(BadUsage, match="seed = 3, not 4"):
        list(record_all(RecordingPlan(speakers=2, takes=2, seed=4, flite=0.0), clips))


def test_somebody_elses_clips_are_not_replaced_unasked(tmp_path: Path) -> None:
    save_contents(Contents({"train": ["ada/0"]}, "CC0-1.0", "somebody else"), tmp_path)
    before = (tmp_path / "clips.json").read_bytes()
    with pytest.raises(BadUsage, match="corpus = unknown, not studio"):
        missing(SMALL, tmp_path)
    assert (tmp_path / "clips.json").read_bytes() == before
    assert len(missing(SMALL, tmp_path, overwrite=True)) == 4
    assert load_contents(tmp_path).made["corpus"] == "studio"


@pytest.mark.parametrize(
    "setting", ["speakers=0", "speakers=-1", "takes=0", "fps=0", "moods=2", "flite=nan", "seed=-1"]
)
def test_a_plan_that_cannot_be_recorded_is_usage(setting: str, talk, tmp_path: Path) -> None:
    said = talk("prepare", "studio", tmp_path / "clips", "--set", setting, code=2)
    assert setting.partition("=")[0] in said.stderr and not (tmp_path / "clips").exists()


def test_an_explicit_seed_wins_over_the_settings_file(talk, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("speakers = 1\ntakes = 1\nseed = 7\nflite = 0\n")
    for name, seed, options in (("a", 7, ()), ("b", 0, ("--seed", 0))):
        talk("prepare", "studio", tmp_path / name, "--config", tmp_path / "plan.toml", *options)
        assert load_contents(tmp_path / name).made["seed"] == seed


def test_manner_is_heard_in_the_voice() -> None:
    """Slow speakers articulate more: what makes a style learnable from a voice."""
    rng = np.random.default_rng(0)
    voices = [draw_voice(rng) for _ in range(400)]
    manners = [draw_manner(voice, rng) for voice in voices]
    strength = np.array([manner.articulation.strength for manner in manners])
    rate = np.array([voice.rate for voice in voices])
    assert np.corrcoef(rate, strength)[0, 1] < -0.5
    assert 0.05 < strength.std() < 0.25


def test_moods_reach_voice_and_face() -> None:
    assert delivered("neutral", 1.0) == PLAIN
    assert delivered("sad", 0.5).rate == pytest.approx((1 + DELIVERIES["sad"].rate) / 2)
    assert set(DELIVERIES) == set(MOODS) - {"neutral"}
    known = load_face_model().shape_names
    for mood in MOODS.values():
        assert all(any(shape in (name, name + "Left") for shape in known) for name in mood.face)


def test_prepare_writes_clips_and_refuses_nonsense(talk, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    words = ("prepare", "studio", folder, "--set", "takes=1", "--set", "flite=0", "--set")
    done = talk(*words, "speakers=1", "--json")
    assert json.loads(done.stdout)["written"] == 1
    assert len(ClipSet(folder)) == 1
    assert talk(*words, "speakers=1", "-q").stdout.strip()
    assert "speakers = 1, not 2" in talk(*words, "speakers=2", code=2).stderr
    assert "speakers" in talk(*words, "speeckers=2", code=2).stderr
    assert "Known" in talk("prepare", "studioo", folder, code=2).stderr
    assert "-o" in talk("prepare", "vocaset", folder, code=2).stderr


def test_examples_carry_the_phone_of_each_tick(clips: Path) -> None:
    example = phone_example(ClipSet(clips), 0, torch.Generator().manual_seed(1))
    assert example.features.shape == (320, 120) and example.phones.shape == (160,)
    assert example.phones.min() >= UNKNOWN and example.phones.max() > 0
    again = phone_example(ClipSet(clips), 0, torch.Generator().manual_seed(1))
    assert torch.equal(example.features, again.features)


def test_listening_learns(clips: Path) -> None:
    torch.manual_seed(0)
    encoder = LogMelEncoder(LogMelEncoderConfig(width=24, depth=1))
    clipset = ClipSet(clips)
    stage = listening(steps=14)
    batches = clipset.batches(stage.begin(encoder, clipset, torch.Generator()), 6)
    losses = [step.total for step in fit(encoder, stage, batches, seed=0)]
    assert losses[-1] < 0.9 * losses[0]
