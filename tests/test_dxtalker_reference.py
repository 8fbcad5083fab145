"""Who somebody is to 3DXTalker, of a picture or of codes that other programs read off one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_another_rig import flame_like
from test_dxtalker import untaught, voice

from talkcli.engine.assets import asset
from talkcli.engine.checkpoint import save_checkpoint
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.avatar import load_avatar, save_avatar
from talkcli.engine.face.known_rigs import RIGS, load_rig
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.captured import captured, model_for, pictured_manner
from talkcli.engine.methods.dxtalker.reference import capture_codes, capture_picture
from talkcli.engine.methods.dxtalker.talker import DxTalker
from talkcli.engine.motion import FrameCodes


@pytest.fixture
def flame(monkeypatch) -> None:
    model = flame_like()
    monkeypatch.setitem(RIGS, "flame", lambda: model)


def speaker(**changes: object) -> DxTalker:
    """One whose numbers are those of FLAME's kind, in small."""
    names = load_rig("flame").shape_names[:4]
    return untaught(rig="flame", rig_shapes=names, identity=5, detail=6, translation=0, **changes)


def written(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(("shape", "detail"), [("shape", "detail"), ("shapecode", "detailcode")])
def test_codes_are_a_person_whom_the_talker_knows(flame, tmp_path, shape, detail):
    rng, talker = np.random.default_rng(0), speaker()
    codes, folds = rng.normal(0, 1, (8, 5)), rng.normal(0, 1, (8, 6))
    path = written(tmp_path / "me.npz", **{shape: codes, detail: folds, "pose": np.zeros((8, 6))})
    me, _ = captured(path, talker, talking_head())
    assert (me.name, me.rig, model_for(me)) == ("me", "flame", "3dxtalker")
    assert me.identity is not None and len(me.identity) == 7, "as many as the rig has"
    torch.testing.assert_close(me.identity[:5], torch.from_numpy(codes.mean(0)).float())
    assert not me.identity[5:].any()
    torch.testing.assert_close(me.neutral, load_rig("flame").neutral(me.identity))
    parts = talker.config.layout.unpack(me.styles["3dxtalker"])
    torch.testing.assert_close(parts.identity, me.identity[:5])
    torch.testing.assert_close(parts.detail, torch.from_numpy(folds.mean(0)).float())
    assert not any(part.any() for part in (parts.expression, parts.head, parts.jaw))
    assert me.provenance["synthetic"] is True and me.provenance["source"] == "codes of a face"


def test_what_is_drawn_begins_at_the_frame_that_is_known(flame, tmp_path):
    talker = speaker()
    path = written(tmp_path / "me.npz", shape=[1.0, 0, 0], detail=np.ones(6))
    me = capture_codes(talker, path, talking_head())
    nobody = replace(me, styles={})
    with torch.no_grad():
        talker.deviation.zero_()
        talker.mean.zero_()
    known, unknown = (talker.animate(voice(0.5), who).codes for who in (me, nobody))
    assert isinstance(known, FrameCodes) and isinstance(unknown, FrameCodes)
    torch.testing.assert_close(known.detail, torch.ones(15, 6), atol=1e-5, rtol=0)
    torch.testing.assert_close(unknown.detail, torch.zeros(15, 6), atol=1e-5, rtol=0)
    assert known.identity.abs().max() < 1e-6, "who they are is in the avatar"
    other = replace(me, styles={"3dxtalker": torch.zeros(3)})
    with pytest.raises(BadInput, match=r"3 numbers, this model wants"):
        talker.animate(voice(0.5), other)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"exp": np.zeros(50)}, "no shape"),
        ({"shape": np.zeros(300)}, "300 numbers, FLAME 7"),
        ({"shape": np.full(5, np.nan)}, "no code"),
        ({"shape": np.zeros((2, 3, 5))}, r"\[2, 3, 5\]"),
        ({"shape": np.array(["a"])}, "<U1"),
        ({"shape": np.array([None], dtype=object)}, "archive of codes"),
    ],
)
def test_codes_of_nobody_are_refused(flame, tmp_path, arrays, reason):
    path = written(tmp_path / "me.npz", **arrays)
    with pytest.raises(BadInput, match=reason):
        capture_codes(speaker(), path, talking_head())


def test_codes_are_told_when_the_model_moves_another_head(talk, tmp_path):
    path = written(tmp_path / "me.npz", shape=np.zeros(5))
    said = talk("personalize", path, "-m", "3dxtalker", "-o", tmp_path / "me.avatar", code=3).stderr
    assert "this model moves the rig facekit" in said.replace("\n", " ")


def test_what_is_no_archive_is_told_before_any_model_is(talk, tmp_path):
    (tmp_path / "me.npz").write_bytes(b"hello")
    for model in ("memorytalker", "3dxtalker"):
        said = talk("personalize", tmp_path / "me.npz", "-m", model, "-o", tmp_path / "me.avatar", code=3)
        assert "me.npz is not a .npz of codes" in said.stderr.replace("\n", " ")
    path = written(tmp_path / "face.npz", vertices=np.zeros((1, 3)))
    with pytest.raises(BadInput, match="no shape"):
        captured(path, open_talker("3dxtalker"), talking_head())


def test_codes_become_an_avatar_by_one_command(flame, talk, tmp_path):
    talker = speaker()
    save_checkpoint("3dxtalker", talker.config, talker.state_dict(), {}, tmp_path / "flame.ckpt")
    path = written(tmp_path / "me.npz", shape=np.ones(5))
    words = ("-m", tmp_path / "flame.ckpt", "-o", tmp_path / "me.avatar", "--json")
    told = json.loads(talk("personalize", path, *words).stdout)
    assert told["model"] == "3dxtalker" and told["styles"] == ["3dxtalker"]
    assert model_for(load_avatar(tmp_path / "me.avatar")) == "3dxtalker"


def test_whom_a_picture_shows_speaks_by_3dxtalker_unasked(tmp_path):
    talker, kofi = open_talker("3dxtalker"), load_avatar(asset("kofi.avatar"))
    assert isinstance(talker, DxTalker) and model_for(kofi) != "3dxtalker"
    me = pictured_manner(talker, kofi, kofi)
    save_avatar(me, tmp_path / "me.avatar", 90)
    me = load_avatar(tmp_path / "me.avatar")
    assert model_for(me) == "3dxtalker"
    ours, plain = (talker.vectors(voice(0.4), talker._reference(who)) for who in (me, kofi))
    assert torch.equal(ours, plain), "at rest, as whoever speaks by it"
    wide = untaught(identity=4)
    assert kofi.identity is not None
    known = wide.config.layout.unpack(capture_picture(wide, kofi, me).styles["3dxtalker"])
    assert torch.equal(known.identity, kofi.identity[:4])


def test_a_model_that_takes_nothing_from_pictures_is_refused_before_they_are_looked_at(talk, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "me.png")
    words = ("-m", "memorytalker", "-o", tmp_path / "me.avatar")
    said = talk("personalize", tmp_path / "me.png", *words, code=2).stderr.replace("\n", " ")
    assert "takes no style from a picture" in said and "--model 3dxtalker" in said
    with pytest.raises(BadUsage, match="takes no style from codes"):
        captured(written(tmp_path / "a.npz", shape=[0.0]), open_talker("memorytalker"), talking_head())
