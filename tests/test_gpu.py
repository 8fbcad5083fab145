"""On an accelerator: what the CPU makes, the same again, and a cut run gone on with (make slow)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from paper_size import NARROW
from test_as_published_steps import CONFIGS, EARLY, mesh_clips
from test_dxtalker_training import TINY, moody_clips
from test_paper_size import flat
from test_unigaha_speaking import CONFIG
from torch import Tensor

from talkcli.engine.assets import asset
from talkcli.engine.clips import ClipSet
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.geometry import offsets
from talkcli.engine.methods import METHODS, load_method, open_talker
from talkcli.engine.speech import Speech, load_speech, save_speech
from talkcli.engine.training.ahead import dice
from talkcli.engine.training.fit import fit

pytestmark = pytest.mark.gpu
STEPS, CUT = 6, 4


class School(NamedTuple):
    config: Any
    clips: Callable[[Path], ClipSet]
    stages: tuple[str, ...]


SCHOOLS: Mapping[str, School] = {
    "textalker": School(CONFIGS["textalker"], mesh_clips, ("motion", "texture", "diffuse")),
    "memorytalker": School(CONFIGS["memorytalker"], mesh_clips, ("memorise", "stylise")),
    "3dxtalker": School(TINY, moody_clips, ("affect", "flow")),
    "unigaha": School(CONFIG, moody_clips, ("lips", "diffuse")),
}
LESSONS = [(name, stage) for name, school in SCHOOLS.items() for stage in school.stages]


def hello(seconds: float) -> Speech:
    return Speech(load_speech(asset("hello.wav")).waveform[: int(16_000 * seconds)].clone())


@pytest.fixture
def spoken(tmp_path) -> Path:
    save_speech(hello(4), tmp_path / "spoken.wav")
    return tmp_path / "spoken.wav"


@pytest.mark.parametrize("method", METHODS)
def test_a_starter_says_the_same_on_cpu_and_card_to_a_thousandth_of_a_millimetre(method):
    here, there = (
        open_talker(method, place).animate(hello(4), load_avatar(asset("ada.avatar")), seed=3)
        for place in ("cpu", "cuda")
    )
    apart = offsets(here, load_avatar(asset("ada.avatar"))) - offsets(there, load_avatar(asset("ada.avatar")))
    assert 1000 * float(apart.norm(dim=-1).max()) <= 0.001


@pytest.mark.parametrize("method", METHODS)
def test_the_same_command_gives_the_same_bytes(method, talk, spoken, tmp_path):
    for name in ("a", "b"):
        words = ("-m", method, "--seed", 3, "--device", "cuda", "-o", tmp_path / f"{name}.motion")
        talk("animate", spoken, *words)
    assert (tmp_path / "a.motion").read_bytes() == (tmp_path / "b.motion").read_bytes()


def test_a_talker_hears_and_speaks_there_when_nothing_else_is_asked(talk, spoken, tmp_path):
    torch.cuda.reset_peak_memory_stats()
    talk("animate", spoken, "-m", "memorytalker", "-o", tmp_path / "a.motion")
    assert torch.cuda.max_memory_allocated() > 1e6


UNORDERED = {("textalker", "motion"), ("textalker", "texture"), ("memorytalker", "stylise")}
"""Whose gradients a card sums in no fixed order, as README says."""


def lesson(
    name: str, stage_name: str, clips: ClipSet, steps: int | None = None, state: Path | None = None
) -> tuple[list[dict[str, float]], Mapping[str, Tensor]]:
    """Losses of so many steps, or of all, and the weights after them."""
    method, config = load_method(name), SCHOOLS[name].config
    stage = method.stages[stage_name](config, **EARLY.get(stage_name, {}))
    assert stage is not None
    stage = replace(stage, steps=STEPS, batch=2, at_once=0)
    torch.manual_seed(0)
    network = method.build(config).to("cuda")
    example = stage.begin(network, clips, dice(0))
    draw = clips.batches(example, stage.batch, stage.drawn_by)
    run = fit(network, stage, draw, seed=0, device="cuda", state=state, every=3)
    losses = [dict(step.losses) for step in islice(run, steps)]
    weights = {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}
    run.close()
    return losses, weights


@pytest.mark.parametrize(("name", "stage"), LESSONS)
def test_a_run_that_was_cut_off_takes_the_very_steps_of_the_whole_one(name, stage, tmp_path):
    if name in CONFIGS:
        pytest.importorskip("transformers")
    clips = SCHOOLS[name].clips(tmp_path / "clips")
    whole, weights = lesson(name, stage, clips)
    lesson(name, stage, clips, CUT, tmp_path / "state")
    rest, resumed = lesson(name, stage, clips, state=tmp_path / "state")
    assert all(torch.tensor(list(losses.values())).isfinite().all() for losses in whole)
    if (name, stage) in UNORDERED:
        sums = [torch.tensor([sum(losses.values()) for losses in part]) for part in (rest, whole[3:])]
        torch.testing.assert_close(*sums, rtol=0.02, atol=0)
    else:
        assert rest == whole[3:]
        assert all(torch.equal(resumed[key], value) for key, value in weights.items())


@pytest.mark.parametrize("name", SCHOOLS)
def test_from_clips_to_a_checkpoint_that_speaks(name, talk, spoken, tmp_path):
    clips, size = SCHOOLS[name].clips(tmp_path / "clips"), "paper" if name in NARROW else "starter"
    settings = [f"config.{line}" for line in flat(NARROW.get(name, {}))]
    settings += ["critic=0"] if name == "textalker" else []
    settings += ["batch=2"] if name != "textalker" else ["batch=4"]
    words = [word for setting in settings for word in ("--set", setting)]
    stages = ("--stage", "diffuse") if name == "unigaha" else ()
    made = tmp_path / "x.ckpt"
    talk(
        "train", clips.folder, "-m", name, "--size", size, *stages, *words, "--steps", 2, "--device", "cuda",
        "-o", made,
    )  # fmt: skip
    face = clips.folder / clips.speaker(0) / "avatar"
    who = tmp_path / "who.avatar"
    who.write_bytes(face.read_bytes())
    talk("animate", spoken, "-m", made, "-a", who, "--device", "cuda", "-o", tmp_path / "x.motion")


def test_a_manner_is_taken_there(talk, spoken, tmp_path):
    pytest.importorskip("av")
    words = ("-m", "memorytalker", "--device")
    styles = []
    for place in ("cpu", "cuda"):
        talk("personalize", spoken, *words, place, "-o", tmp_path / f"{place}.avatar")
        styles.append(load_avatar(tmp_path / f"{place}.avatar").styles["memorytalker"])
    torch.testing.assert_close(styles[1], styles[0], atol=1e-4, rtol=1e-4)
