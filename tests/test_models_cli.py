"""talk models: what is installed is told, and the authors' checkpoints become ours."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from talkcli.engine import assets, installation
from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.checkpoint import load_checkpoint, save_checkpoint
from talkcli.engine.errors import MissingAsset
from talkcli.engine.methods import METHODS, checkpoint_path, open_talker
from talkcli.engine.methods.memorytalker.original import _NAMES
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, MemoryTalker]:
    """A checkpoint as the authors save theirs, and the talker whose weights it holds."""
    torch.manual_seed(0)
    hubert = HubertConfig(
        hidden=48, layers=2, feed_forward=96, convolution=32, position_kernel=16, position_groups=4
    )
    talker = MemoryTalker(MemoryTalkerConfig(verts=5, ears=(hubert,)))
    state = {}
    for key, value in talker.state_dict().items():
        for pattern, ours in _NAMES.items():
            if key.startswith(ours):
                state[re.sub(r"[\\^$]", "", pattern) + key.removeprefix(ours)] = value
                break
    path = tmp_path / "ckpt_100.pth"
    torch.save(state, path)
    return path, talker


def test_the_bundled_starters_are_listed_with_their_licence(talk) -> None:
    told = json.loads(talk("models", "--json").stdout)
    starters, ears = told["models"], told["ears"]
    for ear, encoder in zip(ears, ("Whisper tiny.en", "Whisper base"), strict=True):
        assert f"{encoder}, OpenAI" in ear["licence"] and len(ear["sha256"]) == 64
    assert {starter["model"] for starter in starters} == set(METHODS)
    for starter in starters:
        assert starter["licence"].startswith("Apache-2.0") and "recordings of" in starter["trained_on"]
        assert starter["megabytes"] < 12 and len(starter["sha256"]) == 64


def test_a_bundled_checkpoint_that_is_gone_is_to_be_reinstalled(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(assets, "assets_folder", lambda: tmp_path)
    with pytest.raises(MissingAsset, match=r"textalker\.ckpt") as caught:
        checkpoint_path("textalker")
    assert caught.value.hint.startswith("Reinstall: pip install")


def test_where_nobody_gave_a_licence_it_is_unknown(talk, untaught, monkeypatch, tmp_path: Path) -> None:
    known = load_checkpoint(untaught)
    config = MemoryTalkerConfig(verts=12)
    save_checkpoint("memorytalker", config, known.weights, {}, tmp_path / "memorytalker.ckpt")
    for module in (assets, installation):
        monkeypatch.setattr(module, "assets_folder", lambda: tmp_path)
    [listed] = json.loads(talk("models", "--json").stdout)["models"]
    assert listed["licence"] == "unknown"
    found = {row.name: row.found for row in installation.findings() if row.section == "asset"}
    assert "MB, unknown, SHA-256" in found["memorytalker.ckpt"]


def test_an_imported_checkpoint_opens_with_the_same_weights(talk, published, tmp_path: Path) -> None:
    path, talker = published
    talk("models", "import", "memorytalker", path, "-o", tmp_path / "ours.ckpt")
    opened = open_talker(str(tmp_path / "ours.ckpt")).state_dict()
    for key, value in talker.state_dict().items():
        if key != "style.learnt":
            assert torch.equal(opened[key], value), key


def test_a_pickle_with_code_is_refused(talk, tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harmed",))

    torch.save({"weights": Harmful()}, tmp_path / "evil.pth")
    said = talk("models", "import", "memorytalker", tmp_path / "evil.pth", "-o", tmp_path / "x.ckpt", code=6)
    assert "evil.pth" in said.stderr
    assert not (tmp_path / "harmed").exists() and not (tmp_path / "x.ckpt").exists()


def test_each_method_says_in_which_files_its_weights_come(talk, published, tmp_path: Path) -> None:
    path, _ = published
    output = tmp_path / "x.ckpt"
    said = talk("models", "import", "memorytalker", f"motion={path}", "-o", output, code=2)
    assert "talk models import memorytalker FILE" in " ".join(said.stderr.split())
    said = talk("models", "import", "textalker", path, "-o", output, code=2)
    assert "motion=FILE texture=FILE diffusion=FILE" in " ".join(said.stderr.split())
    said = talk("models", "import", "memorytalker", "-o", output, code=2)
    assert "which files" in said.stderr
    said = talk("models", "import", "memorytalker", path, "-o", output.with_suffix(".pth"), code=2)
    assert "does not end in .ckpt" in " ".join(said.stderr.split())


def test_a_file_that_is_not_there_is_named(talk, tmp_path: Path) -> None:
    said = talk("models", "import", "memorytalker", tmp_path / "none.pth", "-o", tmp_path / "x.ckpt", code=3)
    assert "none.pth" in "".join(said.stderr.split())
