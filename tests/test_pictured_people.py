"""Somebody with a Gaussian head from pictures with cameras, through the command."""

from __future__ import annotations

import functools
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from talkcli.app import app
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.files import save_struct
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.pictured import captured_shots
from talkcli.engine.methods.unigaha import posed_fit
from talkcli.engine.methods.unigaha.posed_fit import PosedFit
from talkcli.engine.methods.unigaha.prior import Prior
from talkcli.engine.studio.captures import CapturePlan, CaptureSession, session_of

FEW = ("--set", "code_steps=2", "--set", "own_steps=2", "--device", "cpu")


def talk(*words: object) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["personalize", *map(str, words), "--json"])
    return json.loads(result.stdout) | {"exit": result.exit_code}


@functools.cache
def prior() -> Prior:
    found = open_talker("unigaha").prior
    assert isinstance(found, Prior)
    return found


@pytest.fixture(scope="module")
def session() -> CaptureSession:
    return session_of(CapturePlan(people=1, faces=1, tests=1, shots=2, size=64, skin=128), 0)


def as_transforms(session: CaptureSession, folder: Path) -> Path:
    """The session as NeRF keeps it, its tests apart; weights and `aligned` are ours."""
    (folder / "images").mkdir(parents=True)
    shots, names = captured_shots(session), load_rig("facekit").shape_names
    frames: dict[bool, list[dict[str, object]]] = {False: [], True: []}
    for number, out in enumerate(shots.kept_out):
        name = f"images/{number:03}.png"
        Image.fromarray(shots.pictures[number].numpy()).save(folder / name)
        pose = torch.linalg.inv(shots.camera.views[number].double()).tolist()
        lens = dict(zip(("fl_x", "fl_y", "cx", "cy"), shots.camera.lenses[number].tolist(), strict=True))
        weights = dict(zip(names, shots.weights[number].tolist(), strict=True))
        frames[out].append({"file_path": name, "transform_matrix": pose, "weights": weights, **lens})
    for out, name in ((False, "transforms.json"), (True, "transforms_test.json")):
        (folder / name).write_text(json.dumps({"aligned": True, "frames": frames[out]}))
    return folder


def test_a_folder_gives_the_same_head_as_the_capture_that_it_was_written_from(session, tmp_path):
    save_struct(session, tmp_path / "p.capture")
    folder = as_transforms(session, tmp_path / "p")
    made = []
    for source, name in ((tmp_path / "p.capture", "one.avatar"), (folder, "other.avatar")):
        told = talk(source, "-m", "unigaha", *FEW, "-o", tmp_path / name)
        assert told["exit"] == 0, told
        assert told["kept_out"] == 4 and 15 < told["psnr"] < 60 and 0.3 < told["ssim"] < 1
        with Image.open(told["report"]) as report:
            assert report.size == (4 * 64, 2 * 64)
        assert not list((tmp_path / f"{name}.run").glob("*.state"))
        made.append((told, load_avatar(tmp_path / name)))
    (one, first), (other, second) = made
    assert one["psnr"] == pytest.approx(other["psnr"], abs=0.01)
    assert first.gaussian_head and second.gaussian_head and first.provenance["synthetic"] is True
    torch.testing.assert_close(first.neutral, second.neutral, atol=1e-5, rtol=0)
    heads = [head.gaussian_head.maps.base.float() for head in (first, second)]
    torch.testing.assert_close(*heads, atol=5e-3, rtol=0)


def test_a_preview_is_the_code_alone_with_the_skin_that_is_seen(session, tmp_path):
    save_struct(session, tmp_path / "p.capture")
    told = talk(tmp_path / "p.capture", "-m", "unigaha", "--preview", *FEW[:2], "-o", tmp_path / "a.avatar")
    head = load_avatar(tmp_path / "a.avatar").gaussian_head
    assert told["exit"] == 0 and head is not None
    for name, tensor in prior().decoder.state_dict().items():
        assert torch.equal(head.weights[name], tensor.half()), name


def test_a_fit_that_was_stopped_goes_on_to_the_same_head(session, tmp_path, monkeypatch):
    monkeypatch.setattr(posed_fit, "SAVED_EVERY", 1)
    shots = captured_shots(session)

    def fit() -> PosedFit:
        return PosedFit(prior(), shots, {"code_steps": 2, "own_steps": 2}, 3)

    whole, stopped, again = fit(), fit(), fit()
    for name in ("whole", "half"):
        (tmp_path / name).mkdir()
    for _ in whole.moments(tmp_path / "whole"):
        pass
    for _ in islice(stopped.moments(tmp_path / "half"), 5):  # a moment begins each stage
        pass
    assert 0 < stopped.fit.step < 4
    for _ in again.moments(tmp_path / "half"):
        pass
    assert again.fit.step == 4 and torch.equal(again.fit.identity, whole.fit.identity)
    one, other = (each.fit.result().head for each in (whole, again))
    assert torch.equal(one.maps.base, other.maps.base)
    assert all(torch.equal(tensor, other.weights[name]) for name, tensor in one.weights.items())


@pytest.mark.parametrize(
    ("words", "said"),
    [(("-m", "memorytalker"), "makes nobody of pictures"), (("-m", "unigaha", "--face", 2), "no sound")],
    ids=str,
)
def test_what_pictures_with_cameras_are_not_for_is_refused(tmp_path, session, words, said):
    save_struct(session, tmp_path / "p.capture")
    told = talk(tmp_path / "p.capture", *words, "-o", tmp_path / "a.avatar")
    assert told["exit"] == 2 and said in told["error"]
    assert not (tmp_path / "a.avatar").exists() and not (tmp_path / "a.avatar.run").exists()
