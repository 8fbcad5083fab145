"""A training that stopped goes on from its state, or says which file is wrong, how, and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from fuzz.seeds import SMALL_SETTINGS, write_clips, write_runs
from safetensors.torch import save_file

from talkcli.engine.errors import BadInput, TalkError
from talkcli.engine.files import FORMAT, load_tensors
from talkcli.engine.methods.plan import Plan, carried_out, plan_for
from talkcli.engine.states import ANEW, adam_tensors, load_state, save_state, take_adam_tensors

SMALL = [word for name, value in SMALL_SETTINGS.items() for word in ("--set", f"{name}={value}")]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Path:
    """Prepared clips, and the state of a run that stopped after its first step."""
    folder = tmp_path_factory.mktemp("stopped")
    write_clips(folder / "clips")
    (folder / "runs").mkdir()
    write_runs(folder / "runs")
    return folder


@pytest.fixture(scope="module")
def plan(stopped) -> Plan:
    """What goes on from it."""
    return plan_for(stopped / "clips", {}, SMALL_SETTINGS, stage="memorise", steps=2)


@pytest.fixture
def state(stopped, tmp_path) -> Path:
    """A copy of it for one test."""
    path = tmp_path / "out.run/memorise.state"
    path.parent.mkdir()
    path.write_bytes((stopped / "runs/out.run/memorise.state").read_bytes())
    return path


def resumed(talk, stopped: Path, folder: Path, *words: object, code: int = 0):
    given = ("train", stopped / "clips", "--stage", "memorise", "--steps", 2, "-o", folder / "out.ckpt")
    return talk(*given, "--resume", *words, code=code)


def changed(change: Callable[[dict, dict], None]) -> Callable[[Path], None]:
    """Tensors and header, saved again after a change in place."""

    def spoil(path: Path) -> None:
        tensors, header = load_tensors(path)
        change(tensors, header)
        save_file(tensors, path, metadata={"talk": json.dumps({"format": FORMAT, **header})})

    return spoil


def of_another_model(tensors: dict, header: dict) -> None:
    for name in list(tensors):
        tensors[name.replace("network.", "network.other.")] = tensors.pop(name)


def of_another_size(tensors: dict, header: dict) -> None:
    name = next(name for name in tensors if name.startswith("network.") and tensors[name].ndim == 2)
    tensors[name] = tensors[name][:-1].contiguous()


def with_odd_moments(tensors: dict, header: dict) -> None:
    name = next(name for name in tensors if name.endswith("exp_avg") and tensors[name].ndim == 2)
    tensors[name] = tensors[name][:-1].contiguous()


SPOILT: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "empty": (lambda path: path.write_bytes(b""), 6, "it is too short"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-1000]), 6, "not a talk file"),
    "no safetensors": (lambda path: path.write_text("steps = 3\n" * 9), 6, "its header claims"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), 3, "is not a file"),
    "a checkpoint": (changed(lambda _, header: header.update(kind="Checkpoint")), 3, "holds a Checkpoint"),
    "of another model": (changed(of_another_model), 3, "missing"),
    "of another size": (changed(of_another_size), 3, "is ("),
    "of other moments": (changed(with_odd_moments), 3, "weights of other shapes"),
    "of no steps": (changed(lambda _, header: header.pop("steps")), 6, "taken None steps"),
    "of too many steps": (changed(lambda _, header: header.update(steps=10**30)), 6, "steps"),
    "of words": (changed(lambda _, header: header.update(means={"a": "b"})), 3, "could not convert"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_state_is_named_with_its_fault_and_the_way_on(case, plan, state):
    spoil, code, fault = SPOILT[case]
    spoil(state)
    with pytest.raises(TalkError) as caught:
        list(carried_out(plan, state.parent.with_suffix(".ckpt"), resume=True))
    error = caught.value
    assert error.exit_code == code and str(state) in error.message and fault in error.message
    assert error.hint == ANEW and not state.parent.with_suffix(".ckpt").exists()


def test_the_way_on_is_one(stopped, state, tmp_path, talk):
    state.write_bytes(b"")
    said = resumed(talk, stopped, tmp_path, *SMALL, code=6).stderr
    assert "memorise.state" in said and "--overwrite instead of --resume" in " ".join(said.split())
    given = ("train", stopped / "clips", "--stage", "memorise", "--steps", 2, *SMALL)
    talk(*given, "-o", tmp_path / "out.ckpt", "--overwrite")
    assert (tmp_path / "out.ckpt").is_file() and not state.exists()


def test_a_run_goes_on_with_the_settings_that_it_was_begun_with_or_says_where_they_are(
    stopped, state, tmp_path, talk
):
    """They stay what they were where others were given."""
    begun = state.with_name("settings.toml")
    words = ("--print-config", "--stage", "memorise", *SMALL, "-o", tmp_path / "out.ckpt")
    begun.write_text(talk("train", stopped / "clips", *words).stdout)
    before = begun.read_bytes()
    said = resumed(talk, stopped, tmp_path, "--set", "features=32", code=2).stderr
    assert "was begun with config.features 16, not 32" in said and f"--config {begun}" in said
    assert begun.read_bytes() == before and state.is_file()
    resumed(talk, stopped, tmp_path, "--config", begun)
    assert (tmp_path / "out.ckpt").is_file() and not state.exists()


def test_another_seed_is_told(stopped, state, tmp_path, talk):
    said = resumed(talk, stopped, tmp_path, *SMALL, "--seed", 7, code=2).stderr
    assert "seed 0, not 7" in said and "--seed 0" in said


def test_adam_goes_on_as_if_it_had_never_stopped(tmp_path):
    def begun() -> tuple[dict[str, torch.Tensor], torch.optim.Adam]:
        learnt = {name: torch.full((size,), 2.0, requires_grad=True) for name, size in (("a", 3), ("b", 1))}
        return learnt, torch.optim.Adam([learnt["a"]], lr=0.1)

    def steps(learnt: dict[str, torch.Tensor], adam: torch.optim.Adam, count: int) -> None:
        for _ in range(count):
            adam.zero_grad()
            learnt["a"].pow(3).sum().backward()
            adam.step()

    whole, adam = begun()
    steps(whole, adam, 5)
    first, adam = begun()
    steps(first, adam, 2)
    save_state(adam_tensors(adam, first), tmp_path / "x.state", "Fit", 2)
    tensors, header = load_state(tmp_path / "x.state", "Fit")
    rest, adam = begun()
    take_adam_tensors(adam, rest, tensors, header["steps"])
    steps(rest, adam, 3)
    assert torch.equal(rest["a"], whole["a"]) and torch.equal(rest["b"], whole["b"])
    with pytest.raises(ValueError, match=r"a is \(3,\), not \(4,\)"):
        take_adam_tensors(adam, {"a": torch.zeros(4)}, tensors, 2)
    with pytest.raises(BadInput, match=r"x\.state holds a Fit, not the state of this run \(Other\)"):
        load_state(tmp_path / "x.state", "Other")
