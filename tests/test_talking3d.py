"""3DTalking as it is published, on a rig of FLAME's form: from folders of codes to a talker."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from test_another_rig import flame_like

from talkcli.engine.clips import ClipSet
from talkcli.engine.face.avatar import save_avatar
from talkcli.engine.face.known_rigs import RIGS
from talkcli.engine.face.rigs import rigged
from talkcli.engine.methods import load_method
from talkcli.engine.motion import Coefficients, load_motion

SIZES = {"shapecode": 6, "expcode": 9, "posecode": 6, "detailcode": 16}
FRAMES = 50


@pytest.fixture
def flame(monkeypatch) -> None:
    model = flame_like()
    monkeypatch.setitem(RIGS, "flame", lambda: model)


@pytest.fixture
def raw(tmp_path) -> Path:
    """Three clips as published, one of which tests, and one that lacks its sound."""
    rng, raw = np.random.default_rng(0), tmp_path / "raw"
    places = ("trainset/V2-MEAD/V2-M003-disgusted-00001", "trainset/V2-MEAD/V2-M003-happy-00002",
              "testset/V4-HDTF/V4-WDA1-00003", "trainset/V0-GRID/V0-s1-00004")  # fmt: skip
    for place in places:
        folder = raw / place
        folder.mkdir(parents=True)
        for name, size in SIZES.items():
            codes = rng.normal(0, 0.1, (FRAMES, size)).astype(np.float32)
            np.save(folder / f"{name}.npy", codes)
        np.save(folder / "envelope.npy", np.zeros(32_000))
        (folder / "metadata.pkl").write_bytes(b"cposix\nsystem\n(S'touch /tmp/harm'\ntR.")
        if "V0" not in place:
            soundfile.write(folder / "audio.wav", rng.normal(0, 0.1, 32_000), 16_000)
    return raw


def codes_in(raw: Path, name: str) -> torch.Tensor:
    return torch.from_numpy(np.load(raw / "trainset/V2-MEAD/V2-M003-happy-00002" / f"{name}.npy"))


def test_codes_become_clips_and_what_lacks_a_part_is_named(flame, talk, raw, tmp_path):
    told = json.loads(talk("prepare", "talking3d", raw, "-o", tmp_path / "clips", "--json").stdout)
    assert told["written"] == 3 and [row["name"] for row in told["refused"]] == ["V0-s1/00004"]
    assert "lacks audio.wav" in told["refused"][0]["reason"]
    clips = ClipSet(tmp_path / "clips", "train")
    assert clips.names == ("V2-M003/disgusted-00001", "V2-M003/happy-00002")
    assert ClipSet(tmp_path / "clips", "test").names == ("V4-WDA1/test-00003",)
    assert clips.motion(0).provenance["mood"] == "disgust", "in our word for it"
    motion, avatar = clips.motion(1), clips.avatar(1)
    assert isinstance(motion.face, Coefficients) and motion.head is not None and motion.codes is not None
    assert motion.fps == 25 and motion.provenance["mood"] == "happy" and motion.face.rig == "flame"
    assert torch.equal(motion.face.expression, codes_in(raw, "expcode"))
    assert torch.equal(torch.cat([motion.head.rotation, motion.face.jaw], 1), codes_in(raw, "posecode"))
    assert torch.equal(motion.codes.detail, codes_in(raw, "detailcode"))
    assert avatar.identity is not None and len(avatar.identity) == 7, "as many as the rig has"
    torch.testing.assert_close(avatar.identity[:6] + motion.codes.identity, codes_in(raw, "shapecode"))
    assert rigged(avatar) is not None
    first = clips.motion(0).codes
    assert first is not None and first.identity.mean(0).abs().max() < 1e-6, "their first clip is who they are"


def test_without_flame_it_is_said_before_anything_is_read(talk, raw, tmp_path, monkeypatch):
    monkeypatch.setenv("TALK_DATA", str(tmp_path / "data"))
    said = talk("prepare", "talking3d", raw, "-o", tmp_path / "clips", code=4).stderr
    assert "move FLAME 2020, and it is not imported" in said


@pytest.mark.parametrize(
    ("name", "codes", "reason"),
    [
        ("expcode", np.zeros((FRAMES, 50), np.float32), "50 numbers a frame, FLAME 9"),
        ("posecode", np.zeros((FRAMES, 5), np.float32), "5 numbers a frame, not 6"),
        ("shapecode", np.zeros(FRAMES, np.float32), "codes, [frames, numbers]"),
        ("detailcode", np.full((FRAMES, 16), np.nan, np.float32), "no number"),
    ],
)
def test_codes_that_cannot_be_a_clip_are_refused(name, codes, reason, flame, talk, raw, tmp_path):
    np.save(raw / "testset/V4-HDTF/V4-WDA1-00003" / f"{name}.npy", codes)
    told = json.loads(talk("prepare", "talking3d", raw, "-o", tmp_path / "clips", "--json").stdout)
    reasons = {row["name"]: row["reason"] for row in told["refused"]}
    assert reason in reasons["V4-WDA1/test-00003"]


def test_the_paper_size_learns_from_them_and_speaks_all_of_the_vector(flame, talk, raw, hello, tmp_path):
    clips, checkpoint, ida = tmp_path / "clips", tmp_path / "x.ckpt", tmp_path / "ida.avatar"
    talk("prepare", "talking3d", raw, "-o", clips, "--json")
    config = load_method("3dxtalker").sizes["paper"](ClipSet(clips, "train"))
    assert config.layout == (6, 9, 3, 3, 16, 0) and config.rig == "flame"
    settings = (
        "ears=logmel", 'affect={kind="affect", hidden=8, moods=["disgust", "happy"]}', "features=16",
        "heads=2", "feed_forward=1", "shared_blocks=1",
    )  # fmt: skip
    words = [word for setting in settings for word in ("--set", f"config.{setting}")]
    words += ["--set", "batch=2", "--steps", "1", "--device", "cpu"]
    talk("train", clips, "-m", "3dxtalker", "--size", "paper", *words, "-o", checkpoint)
    save_avatar(ClipSet(clips, "train").avatar(0), ida)
    talk("animate", hello, "-m", checkpoint, "-a", ida, "-o", tmp_path / "x.motion", "--device", "cpu")
    motion = load_motion(tmp_path / "x.motion")
    assert isinstance(motion.face, Coefficients) and motion.face.expression.shape == (25, 9)
    assert motion.codes is not None and motion.codes.detail.shape == (25, 16)
    assert motion.codes.identity.std(0).max() < 1e-5 and (motion.face.expression < 0).any()
