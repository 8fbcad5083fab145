"""Preparing is a gate: what cannot be a clip is refused or skipped, with its name and the reason."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from test_corpora import FACES, write_ply
from typer.testing import CliRunner, Result

from talkcli.app import app
from talkcli.engine.clips import Clip, ClipSet, Contents, load_contents, save_clip, save_contents
from talkcli.engine.corpora import vocaset
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.gate import check_clip
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.speech import Speech, save_speech

SUBJECTS = ("FaceTalk_170728_03272_TA", "FaceTalk_170904_00128_TA")


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def take(raw: Path, subject: str, number: int) -> tuple[Path, Path]:
    name = f"{subject}_sentence{number:02d}"
    return raw / "vertices_npy" / f"{name}.npy", raw / "wav" / f"{name}.wav"


@pytest.fixture
def raw(tmp_path, monkeypatch) -> Path:
    """Two people with three sentences each, in a VOCASET of nine vertices."""
    monkeypatch.setattr(vocaset, "VOCASET_VERTS", 9)
    folder = tmp_path / "raw"
    (folder / "wav").mkdir(parents=True)
    (folder / "vertices_npy").mkdir()
    dice = np.random.default_rng(0)
    templates = {subject: dice.uniform(-0.1, 0.1, (9, 3)) for subject in SUBJECTS}
    (folder / "templates.pkl").write_bytes(pickle.dumps(templates, protocol=2))
    np.save(folder / "lips_coordinates.npy", np.array([1, 2]))
    write_ply(folder / "FLAME_sample.ply")
    for subject in SUBJECTS:
        for number in (1, 2, 3):
            array, wav = take(folder, subject, number)
            np.save(array, (templates[subject].reshape(-1) + np.zeros((60, 1))).astype(np.float32))
            save_speech(Speech(torch.from_numpy(np.sin(np.arange(16_000) / 20) / 9).float()), wav)
    return folder


def spoil(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path, Path], None]:
    def make(array: Path, _: Path) -> None:
        np.save(array, change(np.load(array)))

    return make


def with_number(number: float) -> Callable[[Path, Path], None]:
    def change(values: np.ndarray) -> np.ndarray:
        values[30, 4] = number
        return values

    return spoil(change)


def as_served(raw: Path, folder: Path) -> Path:
    """The same corpus as its own site serves it: all vertices in one array, sound at 22 kHz."""
    folder.mkdir()
    arrays, rows, sounds, start = [], {}, {}, 0
    for subject in SUBJECTS:
        for number in (3, 1, 2):
            sentence = f"sentence{number:02d}"
            arrays.append(np.load(take(raw, subject, number)[0]).reshape(60, 9, 3) + number / 1000)
            rows.setdefault(subject, {})[sentence] = {frame: start + frame for frame in range(60)}
            wave = (np.sin(np.arange(22_000) / 20) * 9000).astype(np.int16)
            sounds.setdefault(subject, {})[sentence] = {"audio": wave, "sample_rate": 22_000}
            start += 60
    np.save(folder / "data_verts.npy", np.concatenate(arrays).astype(np.float32))
    for name, tree in (("subj_seq_to_idx", rows), ("raw_audio_fixed", sounds)):
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(tree, protocol=2))
    for name in ("templates.pkl", "lips_coordinates.npy", "FLAME_sample.ply"):
        (folder / name).write_bytes((raw / name).read_bytes())
    return folder


def test_vocaset_is_read_as_its_site_serves_it(raw, tmp_path):
    folder = as_served(raw, tmp_path / "served")
    result = run("prepare", "vocaset", folder, "-o", tmp_path / "clips", "--json")
    assert json.loads(result.stdout)["written"] == 6, result.output
    clips = ClipSet(tmp_path / "clips")
    for index, name in enumerate(clips.names):
        clip = clips[index]
        assert len(clip.motion) == 30 and clip.speech.seconds == pytest.approx(1, abs=1e-3)
        assert isinstance(clip.motion.face, Vertices)
        expected = torch.full((30, 9, 3), int(name[-2:]) / 1000)
        assert torch.allclose(clip.motion.face.offsets, expected, atol=1e-6)


def test_what_is_wrong_in_one_served_sentence_is_named_and_the_others_are_kept(raw, tmp_path):
    folder = as_served(raw, tmp_path / "served")
    sounds = pickle.loads((folder / "raw_audio_fixed.pkl").read_bytes())
    del sounds[SUBJECTS[0]]["sentence01"]
    sounds[SUBJECTS[1]]["sentence02"]["audio"] = np.zeros(9_000, np.int16)
    (folder / "raw_audio_fixed.pkl").write_bytes(pickle.dumps(sounds, protocol=2))
    rows = pickle.loads((folder / "subj_seq_to_idx.pkl").read_bytes())
    rows[SUBJECTS[1]]["sentence03"][6] = 10**6
    (folder / "subj_seq_to_idx.pkl").write_bytes(pickle.dumps(rows, protocol=2))
    told = json.loads(run("prepare", "vocaset", folder, "-o", tmp_path / "clips", "--json").stdout)
    reasons = {each["name"]: each["reason"] for each in told["refused"]}
    assert told["written"] == 3 == len(reasons)
    assert "no sound" in reasons[f"{SUBJECTS[0]}/sentence01"]
    assert "its sound lasts" in reasons[f"{SUBJECTS[1]}/sentence02"]
    assert "data_verts.npy" in reasons[f"{SUBJECTS[1]}/sentence03"]


@pytest.mark.parametrize("frames", ["rows", "columns"])
def test_arrays_of_either_form_are_read(frames, raw, tmp_path):
    if frames == "rows":
        spoil(lambda values: values.reshape(60, 9, 3))(*take(raw, SUBJECTS[0], 2))
    assert json.loads(run("prepare", "vocaset", raw, "-o", tmp_path / "c", "--json").stdout)["written"] == 6


FAULTS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "no number": (with_number(math.nan), "no number"),
    "an infinite number": (with_number(-math.inf), "no number"),
    "no frames": (spoil(lambda values: values[:0]), "no frames"),
    "too few frames": (spoil(lambda values: values[:50]), "its sound lasts 30.0"),
    "too many frames": (spoil(lambda values: np.concatenate([values, values[:8]])), "its sound lasts 30.0"),
    "another mesh": (spoil(lambda values: values[:, :-3]), r"not [frames, 27]"),
    "an array that is none": (lambda array, _: array.write_bytes(b"no"), "is not an array"),
    "no array": (lambda array, _: array.unlink(), "There is no"),
    "no recording": (lambda _, wav: wav.unlink(), "There is no"),
    "an empty recording": (lambda _, wav: wav.write_bytes(b""), "is empty"),
    "a name of no sentence": (
        lambda array, _: array.rename(array.with_name(f"{SUBJECTS[0]}_smile.npy")), "There is no"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_what_cannot_be_a_clip_is_named_with_its_reason_and_the_others_are_kept(case, raw, tmp_path):
    make, reason = FAULTS[case]
    make(*take(raw, SUBJECTS[0], 2))
    result = run("prepare", "vocaset", raw, "-o", tmp_path / "clips", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    (refused,) = told["refused"]
    assert refused["name"] == f"{SUBJECTS[0]}/sentence02" and reason in refused["reason"]
    assert refused["name"] in result.stderr and told["written"] == 5 == len(ClipSet(tmp_path / "clips"))
    assert run("prepare", "vocaset", raw, "-o", tmp_path / "clips").exit_code == 0
    assert "0 new clips" in run("prepare", "vocaset", raw, "-o", tmp_path / "clips").stderr


@pytest.mark.parametrize("frames", [54, 66])
def test_a_few_frames_more_or_less_are_a_clip(frames, raw, tmp_path):
    spoil(lambda values: np.resize(values, (frames, 27)))(*take(raw, SUBJECTS[0], 2))
    assert json.loads(run("prepare", "vocaset", raw, "-o", tmp_path / "c", "--json").stdout)["written"] == 6


@pytest.mark.parametrize("scale", [0.001, 0.2, 20, 1000])
def test_a_head_of_no_human_size_is_none(scale, raw, tmp_path):
    templates = pickle.loads((raw / "templates.pkl").read_bytes())
    templates[SUBJECTS[1]] = templates[SUBJECTS[1]] * scale
    (raw / "templates.pkl").write_bytes(pickle.dumps(templates, protocol=2))
    result = run("prepare", "vocaset", raw, "-o", tmp_path / "clips", "--json")
    assert [each["name"] for each in json.loads(result.stdout)["refused"]] == [
        f"{SUBJECTS[1]}/sentence0{number}" for number in (1, 2, 3)
    ]
    assert "its head is" in result.stderr


def test_suffixes_may_be_in_capitals(raw, tmp_path):
    for path in [*raw.glob("*/*.*"), raw / "FLAME_sample.ply"]:
        path.rename(path.with_suffix(path.suffix.upper()))
    result = run("prepare", "vocaset", raw, "-o", tmp_path / "clips", "--json")
    assert json.loads(result.stdout)["written"] == 6, result.output


def test_no_clip_at_all_is_an_error(raw, tmp_path):
    for path in raw.glob("wav/*"):
        path.write_bytes(b"")
    result = run("prepare", "vocaset", raw, "-o", tmp_path / "clips")
    assert result.exit_code == 3 and "gave no clips" in result.stderr
    assert result.stderr.count("is empty") == 6


def test_what_is_in_no_split_is_skipped_by_name(raw, tmp_path):
    array, wav = take(raw, SUBJECTS[0], 1)
    for path in (array, wav):
        path.rename(path.with_name(f"FaceTalk_170811_03275_TA_sentence05{path.suffix}"))
    result = run("prepare", "vocaset", raw, "-o", tmp_path / "clips")
    assert "no published split: FaceTalk_170811_03275_TA/sentence05" in result.stderr
    assert "5 new clips" in result.stderr and "1 skipped, 0 refused" in result.stderr


def clip_of(frames: int = 30, seconds: float = 1.0) -> Clip:
    neutral = torch.rand(9, 3, generator=torch.Generator().manual_seed(0)) / 5
    avatar = Avatar("ada", neutral, torch.tensor(FACES), torch.tensor([1, 2]))
    speech = Speech(torch.zeros(int(16_000 * seconds)))
    return Clip(speech, Motion(Fraction(30), Vertices(torch.zeros(frames, 9, 3))), avatar)


def test_a_clip_may_differ_from_its_sound_by_three_frames_or_two_in_a_hundred():
    for seconds, frames, fits in (
        (1, 33, True), (1, 34, False), (1, 27, True), (1, 26, False), (100, 3060, True), (100, 3070, False),
    ):  # fmt: skip
        clip = clip_of(frames, seconds)
        if fits:
            check_clip(clip.speech, clip.motion, clip.avatar)
        else:
            with pytest.raises(BadInput, match=rf"{frames} frames, its sound lasts {seconds * 30}"):
                check_clip(clip.speech, clip.motion, clip.avatar)


def stored(folder: Path, *clips: Clip) -> Path:
    names = [f"ada/{number}" for number in range(len(clips))]
    for name, clip in zip(names, clips, strict=True):
        save_clip(clip, folder, name)
    save_contents(Contents({"train": names, "val": []}, "CC0-1.0", "this test"), folder)
    return folder


OTHER = replace(clip_of(), motion=Motion(Fraction(30), Vertices(torch.zeros(30, 7, 3))))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(clip_of(frames=0), "no frames"), (clip_of(frames=60), "60 frames"), (OTHER, "moves 7 vertices")],
)
def test_training_names_the_clip_that_it_cannot_learn_from(bad, reason, tmp_path):
    folder = stored(tmp_path / "clips", clip_of(), bad)
    result = run("train", folder, "-o", tmp_path / "x.ckpt", "--size", "paper", "--steps", 1)
    assert result.exit_code == 3 and "ada/1.motion" in result.stderr and reason in result.stderr
    assert not (tmp_path / "x.run").exists()


def test_whatever_an_example_of_a_clip_raises_names_the_clip(tmp_path):
    clips = ClipSet(stored(tmp_path / "clips", clip_of()))

    def example(clips: ClipSet, index: int, generator: torch.Generator) -> Vertices:
        raise IndexError("index 40 is out of bounds")

    with pytest.raises(BadInput, match=r"ada/0 is not a clip that can be learnt from.*index 40"):
        clips.batches(example, 1)(torch.Generator())


def test_an_empty_split_names_those_that_are_not(tmp_path):
    folder = stored(tmp_path / "clips", clip_of())
    with pytest.raises(BadInput, match="no clips in its val split") as caught:
        ClipSet(folder, "val")
    assert "train 1" in caught.value.hint
    with pytest.raises(BadUsage, match="Unknown split") as unknown:
        ClipSet(folder, "valid")
    assert "'val'" in unknown.value.hint and load_contents(folder).splits["val"] == []


@pytest.mark.parametrize(
    "words",
    [
        ("train", "CLIPS", "--config", "gone.toml"),
        ("prepare", "studio", "x", "--config", "gone.toml"),
        ("evaluate", "--metric", "lve", "--region", "lips=gone.toml"),
        ("animate", "gone.toml", "-o", "x.motion"),
        ("render", "gone.toml", "-o", "x.npz"),
    ],
)
def test_a_file_that_is_missing_is_named_as_missing(words, tmp_path, monkeypatch):
    monkeypatch.chdir(stored(tmp_path / "clips", clip_of()))
    result = run(*(Path.cwd() if word == "CLIPS" else word for word in words))
    assert result.exit_code == 3 and "gone.toml does not exist." in result.stderr, result.output
