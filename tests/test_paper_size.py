"""talk train --size paper, from clips to a checkpoint that speaks, and what it says on the way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from paper_size import HUBERT, NARROW
from rig_clips import studio_clips
from test_as_published_steps import mesh_clips

from talkcli.engine.audio.wav2vec import HubertConfig, wav2vec_body
from talkcli.engine.clips import load_contents, save_contents
from talkcli.engine.config import with_values
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import save_avatar
from talkcli.engine.methods import load_method, open_talker
from talkcli.engine.methods.plan import plan_for
from talkcli.engine.methods.textalker.talker import TexTalker
from talkcli.engine.motion import Coefficients, load_motion

STAGES = {"textalker": ["motion", "texture", "diffuse"], "memorytalker": ["memorise", "stylise"]}


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Any:
    return studio_clips(tmp_path_factory.mktemp("clips"))


def test_a_pretrained_hubert_is_taken_into_textalker(clips, tmp_path):
    transformers = pytest.importorskip("transformers")
    small = HubertConfig(**HUBERT)
    torch.manual_seed(1)
    body = wav2vec_body(small)
    folder = tmp_path / "hubert"
    assert isinstance(body, transformers.HubertModel)
    body.save_pretrained(folder)
    changes = {"config": NARROW["textalker"], "diffuse": {"hubert": str(folder)}}
    plan = plan_for(clips.folder, changes=changes, model="textalker", size="paper", stage="diffuse")
    assert plan.notes == (), "nothing is missing"
    stage, talker = plan.stages["diffuse"], plan.talker
    assert isinstance(talker, TexTalker)
    stage.begin(talker, clips, torch.Generator().manual_seed(0))
    heard = talker.hearing.state_dict()
    for name, value in body.state_dict().items():
        assert torch.equal(heard[name], value), name
    changes["config"] = NARROW["textalker"] | {"ears": {"0": HUBERT | {"feed_forward": 64}}}
    plan = plan_for(clips.folder, changes=changes, model="textalker", size="paper", stage="diffuse")
    with pytest.raises(BadUsage, match="other sizes"):
        plan.stages["diffuse"].begin(plan.talker, clips, torch.Generator())


@pytest.mark.parametrize(
    ("name", "missing"), [("textalker", ("lpips", "hubert")), ("memorytalker", ("hubert",))]
)
def test_what_the_paper_had_and_nobody_gave_is_said(name, missing, clips):
    plan = plan_for(clips.folder, changes={"config": NARROW[name]}, model=name, size="paper")
    assert len(plan.notes) == len(missing)
    for note, option in zip(plan.notes, missing, strict=True):
        assert f"--set {option}=" in note
    assert plan_for(clips.folder, model=name).notes == ()


@pytest.mark.parametrize("kind", ["vertices", "rig"])
@pytest.mark.parametrize("name", sorted(NARROW))
def test_paper_size_trains_in_every_stage_to_a_checkpoint_that_speaks(name, kind, talk, hello, tmp_path):
    pytest.importorskip("transformers")
    folder, checkpoint, motion = tmp_path / "clips", tmp_path / "x.ckpt", tmp_path / "x.motion"
    clips = mesh_clips(folder) if kind == "vertices" else studio_clips(folder)
    settings = [f"config.{key}" for key in flat(NARROW[name])]
    if name == "textalker":
        settings += ["critic=0", "batch=4"]
    words = [word for setting in settings for word in ("--set", setting)]
    told = talk(
        "train", folder, "--model", name, "--size", "paper", *words, "--steps", 1, "-o", checkpoint,
        "--device", "cpu", "--json",
    )  # fmt: skip
    assert list(json.loads(told.stdout)["losses"]) == STAGES[name]
    assert "warning" in told.stderr and "HuBERT" in told.stderr
    opened = open_talker(str(checkpoint))
    assert opened.config.published and with_values(load_method(name).sizes["paper"](clips), NARROW[name]) == (
        opened.config
    )
    avatar = tmp_path / "who.avatar"
    save_avatar(clips.avatar(0), avatar)
    talk("animate", hello, "--model", checkpoint, "--avatar", avatar, "-o", motion, "--device", "cpu")
    spoken = load_motion(motion)
    assert len(spoken) == (30 if name == "textalker" else 29), "as the authors count a second"
    assert isinstance(spoken.face, Coefficients) == (kind == "rig")


def flat(table: Mapping[str, Any], at: str = "") -> list[str]:
    """A table of settings as `--set` takes them."""
    lines = []
    for key, value in table.items():
        nested = isinstance(value, Mapping)
        lines += (
            flat(value, f"{at}{key}.")
            if nested
            else [f"{at}{key}={list(value) if isinstance(value, tuple) else value}"]
        )
    return lines


def test_clips_without_a_train_split_are_all_learnt_from_and_it_is_said(clips, tmp_path):
    folder = tmp_path / "clips"
    shutil.copytree(clips.folder, folder)
    contents = load_contents(folder)
    save_contents(replace(contents, splits={"test": contents.splits["train"]}), folder)
    plan = plan_for(folder, changes={"config": NARROW["memorytalker"]}, model="memorytalker", size="paper")
    assert plan.clips.names == clips.names
    assert any("no train split: all 4 clips" in note for note in plan.notes)
