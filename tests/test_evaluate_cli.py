"""talk evaluate, walked from the door: files, folders, recordings, bundled clips, and every wrong turn."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from talkcli.app import app
from talkcli.engine.assets import asset, assets_folder
from talkcli.engine.clips import ClipSet, Contents, save_clip, save_contents
from talkcli.engine.face.avatar import Avatar, save_avatar
from talkcli.engine.metrics import takes
from talkcli.engine.motion import Motion, Vertices, save_motion
from talkcli.engine.phones import phones_of, save_phones
from talkcli.engine.speech import Speech, save_speech
from talkcli.engine.struct import along_frames

needs_head = pytest.mark.skipif(
    not (assets_folder() / "head.safetensors").is_file(), reason="the built-in head is not baked yet"
)
needs_clips = pytest.mark.skipif(
    not (assets_folder() / "clips" / "clips.json").is_file(), reason="the bundled clips are not made yet"
)

PHONES = phones_of([("SIL", 0, 0.4), ("B", 0.4, 0.5), ("AA", 0.5, 0.9), ("W", 0.9, 1.0), ("SIL", 1.0, 1.5)])


def talk(*words: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, words)])


def scores(*words: object) -> dict[tuple[str, str], dict[str, Any]]:
    """(system, metric) -> score."""
    result = talk(*words, "--json")
    assert result.exit_code == 0, result.output
    return {(row["system"], row["metric"]): row for row in json.loads(result.stdout)["scores"]}


def save_pair(
    folder: Path, name: str, frames: int = 20, lift: float = 0.003, fps: Fraction = Fraction(30)
) -> None:
    """folder/true/x/NAME.motion with its avatar, and folder/said/x/NAME.motion with one lip vertex lifted."""
    offsets = 0.01 * torch.randn(frames, 12, 3, generator=torch.Generator().manual_seed(0))
    for side, height in (("true", 0.0), ("said", lift)):
        path = folder / side / "x" / f"{name}.motion"
        path.parent.mkdir(parents=True, exist_ok=True)
        moved = offsets.clone()
        moved[:, 2, 1] += height
        save_motion(Motion(fps if side == "said" else Fraction(30), Vertices(moved)), path)
    save_avatar(
        Avatar("m", torch.rand(12, 3), torch.tensor([[0, 1, 2]]), torch.arange(4)), folder / "true/x/avatar"
    )


def save_recording(path: Path) -> Path:
    tone = 0.3 * torch.sin(torch.arange(24000) * 0.08)
    tone[:6400], tone[16000:] = 0, 0
    save_speech(Speech(tone), path)
    return path


def test_two_motions_give_a_score_with_unit_count_and_definition(tmp_path: Path) -> None:
    save_pair(tmp_path, "a")
    result = talk(tmp_path / "said/x/a.motion", tmp_path / "true/x/a.motion", "--metric", "lve")
    assert result.exit_code == 0
    for part in (
        "lve",
        "9e-06",
        "m²",
        "20 frames",
        "in 1 clip.",
        "mean over t of max over i in L of |d|^2",
        "CodeTalker",
    ):
        assert part in result.stdout


def test_folders_are_matched_by_name_and_pooled(tmp_path: Path) -> None:
    save_pair(tmp_path, "a", lift=0.002)
    save_pair(tmp_path, "b", frames=60, lift=0.004)
    (tmp_path / "true/x/more.motion").write_bytes((tmp_path / "true/x/a.motion").read_bytes())
    found = scores(tmp_path / "said", tmp_path / "true", "--metric", "lve", "--metric", "lvd")
    lve = found["prediction", "lve"]
    assert lve["value"] == pytest.approx((20 * 4e-6 + 60 * 16e-6) / 80, rel=1e-4)
    assert lve["per_clip"] == pytest.approx(10e-6, rel=1e-4) and (lve["count"], lve["clips"]) == (80, 2)
    assert set(lve["each"]) == {"x/a", "x/b"}
    assert found["prediction", "lvd"]["value"] == pytest.approx(0.003, rel=1e-4)


def test_a_flat_folder_of_predictions_finds_its_references(tmp_path: Path) -> None:
    save_pair(tmp_path, "a")
    (tmp_path / "said/a.motion").write_bytes((tmp_path / "said/x/a.motion").read_bytes())
    (tmp_path / "said/x/a.motion").unlink()
    assert scores(tmp_path / "said", tmp_path / "true")["prediction", "lve"]["clips"] == 1


def test_all_leaves_out_what_cannot_be_answered(tmp_path: Path) -> None:
    save_pair(tmp_path, "a")
    found = {metric for _, metric in scores(tmp_path / "said", tmp_path / "true", "--metric", "all")}
    assert {"lve", "mve", "ldtw"} <= found and not {"fdd", "closure"} & found


def test_regions_come_from_files(tmp_path: Path) -> None:
    save_pair(tmp_path, "a")
    (tmp_path / "upper.txt").write_text("5, 6\n7 8")
    (tmp_path / "lips.txt").write_text("2")
    found = scores(
        tmp_path / "said", tmp_path / "true", "--metric", "fdd/abs", "--metric", "lve/deeptalk",
        "--region", f"upper_face={tmp_path / 'upper.txt'}", "--region", f"lips={tmp_path / 'lips.txt'}",
    )  # fmt: skip
    assert found["prediction", "fdd/abs"]["value"] == 0
    assert found["prediction", "lve/deeptalk"]["value"] == pytest.approx(0.003, rel=1e-4)


def test_csv_holds_the_score_and_each_clip(tmp_path: Path) -> None:
    save_pair(tmp_path, "a")
    save_pair(tmp_path, "b")
    out = tmp_path / "s.csv"
    assert talk(tmp_path / "said", tmp_path / "true", "--csv", out).exit_code == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    lve = [row for row in rows if row["metric"] == "lve"]
    assert [row["clip"] for row in lve] == ["", "x/a", "x/b"] and lve[0]["definition"]
    assert all(float(row["value"]) == pytest.approx(9e-6, rel=1e-4) for row in lve)
    before = out.read_text()
    again = talk(tmp_path / "said", tmp_path / "true", "--csv", out)
    assert again.exit_code == 2 and "--overwrite" in again.stderr and out.read_text() == before


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_plots_are_written(tmp_path: Path, suffix: str) -> None:
    save_pair(tmp_path, "a")
    out = tmp_path / f"p{suffix}"
    assert talk(tmp_path / "said", tmp_path / "true", "--plot", out).exit_code == 0
    assert out.stat().st_size > 1000 and list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["said/x/a.motion", "true/x/a.motion", "--metric", "lev"], 2, "Did you mean 'lve'?"),
        (["said/x/a.motion"], 2, "Give the true motion after it"),
        (["said/x/a.motion", "true"], 3, "Give two motions, or two folders"),
        (["said/x/none.motion", "true/x/a.motion"], 3, "none.motion"),
        (["said", "empty"], 3, "no reference"),
        (["empty", "true"], 3, "has no motions"),
        (["said/x/a.motion", "true/x/a.motion", "--metric", "fdd"], 3, "--region upper_face=FILE"),
        (["said/x/a.motion", "true/x/a.motion", "--metric", "closure"], 3, "alignments.json"),
        (["slow/said/x/a.motion", "true/x/a.motion"], 3, "25 fps, the reference 30 fps"),
        (["junk.motion", "true/x/a.motion"], 6, "junk.motion"),
        (["said", "true", "--plot", "p.bmp"], 2, ".png, .pdf, .svg"),
        (["said", "true", "--csv", "nowhere/s.csv"], 5, "nowhere"),
        (["said", "true", "--region", "nose=l.txt"], 2, "Known: inner_lips"),
        (["said", "true", "--region", "lips=junk.motion"], 3, "vertex indices"),
        (["said", "true", "--region", "lips=far.txt"], 3, "vertex 999"),
        (["said", "true", "--model", "memorytalker"], 2, "without --model"),
        (["empty"], 3, "clips.json"),
        (["--audio", "empty"], 3, "no recordings"),
        (["--audio", "none.wav"], 3, "does not exist"),
        (["--audio", "a.wav"], 3, "--transcript"),
        (["--audio", "junk.motion"], 3, "junk.motion is not a recording"),
        (["--transcript", "hello"], 2, "--audio"),
        (["--audio", "a.wav", "--transcript", "none.txt"], 3, "none.txt"),
    ],
)
def test_every_wrong_turn_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, said: str
) -> None:
    save_pair(tmp_path, "a")
    save_pair(tmp_path / "slow", "a", fps=Fraction(25))
    (tmp_path / "empty").mkdir()
    (tmp_path / "junk.motion").write_bytes(b"\xff\x01junk that is no motion")
    (tmp_path / "far.txt").write_text("1 999")
    save_recording(tmp_path / "a.wav")
    monkeypatch.chdir(tmp_path)
    result = talk(*words)
    assert result.exit_code == code, result.output
    assert said in result.stderr and result.stdout == ""


@needs_head
def test_recordings_score_the_baselines(tmp_path: Path) -> None:
    save_phones(PHONES, save_recording(tmp_path / "a.wav").with_suffix(".phones.json"))
    found = scores("--audio", tmp_path)
    assert found["template", "stillness"]["value"] == found["template", "closure"]["value"] == 1
    assert found["template", "correlation"]["value"] == found["template", "opening_range"]["value"] == 0
    assert found["loudness jaw", "opening_range"]["value"] > 3
    assert any(system.endswith("+ visemes") for system, _ in found)
    assert found["template", "closure"]["events"] == "closures" and found["template", "closure"]["count"] == 1


@needs_head
def test_the_aligned_articulation_scores_itself(tmp_path: Path) -> None:
    from talkcli.engine.metrics.baselines import spoken

    save_phones(PHONES, save_recording(tmp_path / "a.wav").with_suffix(".phones.json"))
    save_motion(spoken(PHONES, 45, Fraction(30)), tmp_path / "a.motion")
    found = scores(tmp_path / "a.motion", "--audio", tmp_path / "a.wav")
    for metric in ("correlation", "closure", "open_vowels", "rounding"):
        assert found["prediction", metric]["value"] == pytest.approx(1), metric
    assert found["prediction", "stillness"]["value"] > 0.85


@needs_head
@needs_clips
def test_without_files_the_bundled_clips_are_measured(tmp_path: Path, monkeypatch) -> None:
    """The first second of two of them."""
    bundled = ClipSet(asset("clips"))
    for index in (0, 1):
        clip = bundled[index]
        begun = replace(clip, motion=along_frames(clip.motion, lambda track: track[:30]), textures=None)
        save_clip(begun, tmp_path, bundled.names[index])
    save_contents(Contents({"test": bundled.names[:2]}, "x", "x"), tmp_path)
    monkeypatch.setattr(takes, "asset", {"clips": tmp_path}.__getitem__)
    found = scores("--metric", "lve", "-m", "memorytalker")
    template = found["template", "lve"]
    assert 1e-6 < template["value"] < 1e-3 and template["clips"] == 2
    assert len(found) >= 3 and all(metric == "lve" for _, metric in found)


def test_heads_are_measured_against_the_voice_where_there_is_one(tmp_path: Path) -> None:
    save_pair(tmp_path, "a")
    audio = save_recording(tmp_path / "a.wav")
    save_phones(PHONES, tmp_path / "a.phones.json")
    found = scores(tmp_path / "said/x/a.motion", "--audio", audio, "--metric", "ba")
    assert found["prediction", "ba"]["value"] == 0 and found["prediction", "ba"]["events"] == "onsets"
    result = talk(tmp_path / "said", tmp_path / "true", "--metric", "ba")
    assert result.exit_code == 3 and "ba needs the recording of" in result.stderr
