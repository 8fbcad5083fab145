"""Plan: a training run before its first step: the talker, its stages, and every setting by name."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from talkcli import __version__
from talkcli.engine.assets import STARTER_EARS, STARTER_EARS_LICENCE, asset, sha256
from talkcli.engine.audio.ears import PhoneEarConfig, holds_starter_ear, take_phone_ear
from talkcli.engine.audio.starter_ear import StarterEar
from talkcli.engine.checkpoint import load_checkpoint, save_checkpoint
from talkcli.engine.clips import ClipSet, load_contents
from talkcli.engine.config import checked, load_toml, with_values
from talkcli.engine.destinations import made_folder, replacing
from talkcli.engine.device import set_precision
from talkcli.engine.errors import BadUsage, pick
from talkcli.engine.hub import ears_folder
from talkcli.engine.methods import DEFAULT_PUPIL, checkpoint_path, load_method, open_talker
from talkcli.engine.methods.method import Method, Size, Talker
from talkcli.engine.methods.other_ears import ear_in
from talkcli.engine.states import ANEW
from talkcli.engine.training.fit import is_leader
from talkcli.engine.training.run import Moment, learnt_by, train
from talkcli.engine.training.settings import Factory, as_toml, by_dotted_name, by_stage, tuned, values_of
from talkcli.engine.training.stage import Stage

SETTINGS_FILE = "settings.toml"
"""In the folder of a run: what it was begun with."""
LARGE_TENSOR = 4096
"""Numbers in a tensor that `half` stores in half precision; smaller ones cost nothing."""
DEFAULT_SIZE: Size = "starter"
NO_SETTINGS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Plan:
    method: Method
    talker: Talker
    clips: ClipSet
    stages: Mapping[str, Stage[Any, Any]]
    settings: Mapping[str, Any]
    """What `plan_for` could be given to make this plan again."""
    half: bool = False
    """Whether large weights are stored in half precision."""
    start: Path | None = None
    """The checkpoint whose weights the talker begins with."""
    ear_licence: str = STARTER_EARS_LICENCE
    """On what terms the ear stands that was taught beforehand, where there is one."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know before it begins."""
        notes = [note for stage in self.stages.values() for note in stage.notes]
        if "train" not in self.clips.contents.splits:
            notes.append(
                f"{self.clips.folder} has no train split: all {len(self.clips)} clips are learnt from."
            )
        return tuple(dict.fromkeys(notes))

    def __str__(self) -> str:
        """The settings in TOML."""
        return as_toml(self.settings)


def plan_for(
    folder: Path,
    values: Mapping[str, Any] = NO_SETTINGS,
    changes: Mapping[str, Any] = NO_SETTINGS,
    *,
    model: str | None = None,
    size: str | None = None,
    stage: str | None = None,
    start: Path | None = None,
    ears: str | None = None,
    steps: int | None = None,
    seed: int | None = None,
    half: bool = False,
) -> Plan:
    """A plan on the training split of a prepared folder.

    `values` are settings as a recipe in TOML holds them, `changes` overrule them by name, and what is given
    by keyword overrules both. `start`: a checkpoint, or the name of a method that has one. `ears`: whose
    encoder it hears with, as in `hear_with`. BadUsage for a setting that the method does not have.
    """
    values = dict(values)
    name = checked(values.pop("model", model or DEFAULT_PUPIL), str, "model")
    if model not in (None, name):
        raise BadUsage(f"The config trains {name}, not {model}.", "Leave out --model or --config.")
    method = load_method(name)
    listed_seed = checked(values.pop("seed", 0), int, "seed")
    if listed_seed < 0:
        raise BadUsage(f"Setting seed cannot be {listed_seed}.", "Give 0 or more.")
    seed = listed_seed if seed is None else seed
    listed_size = checked(values.pop("size", DEFAULT_SIZE), str, "size")
    half = checked(values.pop("half", False), bool, "half") or half
    tables = by_stage(values, method.stages, method.config)
    for table, changed in by_stage(changes, method.stages, method.config).items():
        tables[table] = merged(tables[table], changed)
    clips = ClipSet(folder, "train" if "train" in load_contents(folder).splits else None)
    clips.check()
    other = ear_in(ears_folder(ears)) if ears is not None else None
    start = start and checkpoint_path(str(start))
    if start is None:
        torch.manual_seed(seed)
        talker = _untrained(method, size or listed_size, clips, tables["config"], other and other.ear)
    elif other is not None:
        raise BadUsage(f"{start} has its ears already.", "Leave out --ears or --from.")
    else:
        talker = _trained(method, size, start, tables["config"])
    stages = stages_of(method.stages_from(stage), talker, tables, steps)
    if not stages:
        raise BadUsage(f"This model has nothing to learn in stage {stage}.", "Leave --stage out.")
    settings = {
        "model": method.name,
        **({} if start else {"size": size or listed_size}),
        "seed": seed,
        "config": dataclasses.asdict(talker.config),
        **{name: values_of(stages[name], method.stages[name], tables[name]) for name in stages},
    }
    licence = STARTER_EARS_LICENCE if other is None else other.licence
    return Plan(method, talker, clips, stages, settings, half, start, licence)


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with changes, table by table."""
    result = dict(values)
    for name, value in changes.items():
        old = result.get(name)
        nested = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[name] = merged(old, value) if nested else value  # type: ignore[arg-type]
    return result


def _untrained(
    method: Method, size: str, clips: ClipSet, changes: Mapping[str, Any], ear: StarterEar | None
) -> Talker:
    config = method.sizes[pick(size, method.sizes, f"size of {method.name}")](clips)  # type: ignore[index]
    config = with_values(config, changes)
    if ear is not None and not any(isinstance(each, PhoneEarConfig) for each in config.ears):
        raise BadUsage(
            f"This {method.name} does not hear phones, so it has no ears to change.", "Leave --ears out."
        )
    if ear is not None:
        config = dataclasses.replace(
            config,
            ears=tuple(ear.config if isinstance(each, PhoneEarConfig) else each for each in config.ears),
        )
    talker = method.build(config)
    if ear is not None:
        take_phone_ear(talker, ear.state_dict())
    elif holds_starter_ear(talker):
        take_phone_ear(talker, load_checkpoint(asset(STARTER_EARS)).weights)
    return talker


def _trained(method: Method, size: str | None, start: Path, changes: Mapping[str, Any]) -> Talker:
    """The talker in a checkpoint, whose sizes nothing may change."""
    talker = open_talker(str(start))
    if talker.method != method.name:
        hint = f"Give one of {method.name} with --from."
        raise BadUsage(f"{start} is a checkpoint of {talker.method}.", hint)
    if size is not None:
        raise BadUsage(f"{start} has its size already.", "Leave out --size or --from.")
    if with_values(talker.config, changes) != talker.config:
        hint = "Leave them out, or leave --from out."
        raise BadUsage(f"The settings would change the sizes of {start}.", hint)
    return talker


def stages_of(
    factories: Mapping[str, Factory],
    talker: Talker,
    tables: Mapping[str, Mapping[str, Any]],
    steps: int | None = None,
) -> dict[str, Stage[Any, Any]]:
    """The stages in which the talker has something to learn, tuned as their tables say."""
    stages = {
        name: tuned(make, talker.config, {**tables[name], **({"steps": steps} if steps else {})}, name)
        for name, make in factories.items()
    }
    return {name: stage for name, stage in stages.items() if stage is not None}


def run_folder(output: Path) -> Path:
    """Where a run for this output keeps its state, its settings and its curves."""
    return output.with_suffix(".run") if output.suffix == ".ckpt" else output.with_name(f"{output.name}.run")


def states_in(folder: Path) -> list[Path]:
    """What an unfinished run left, one a stage."""
    return sorted(folder.glob("*.state"))


def check_run(output: Path, resume: bool = False) -> None:
    """BadUsage where an unfinished run for this output would be lost, or a finished one is to be resumed."""
    states = states_in(folder := run_folder(output))
    if resume and not states and output.exists():
        raise BadUsage(
            f"{output} is finished: nothing is left to resume.",
            f"Train it further: --from {output} --steps N -o ANOTHER{output.suffix}"
            if output.suffix == ".ckpt"
            else "Give --overwrite to begin anew.",
        )
    if states and not resume:
        raise BadUsage(
            f"{folder} holds an unfinished run.", "Give --resume to go on, or --overwrite to begin anew."
        )


def begin_run(folder: Path, resume: bool) -> None:
    """The folder of a run, without what an earlier run left unless that is to go on."""
    made_folder(folder)
    if not resume:
        forget_states(folder)


def forget_states(folder: Path) -> None:
    """A run that is over, or given up, needs its states no more."""
    for state in states_in(folder):
        state.unlink(missing_ok=True)


def carried_out(
    plan: Plan, output: Path, *, device: str = "cpu", precision: str = "full", resume: bool = False
) -> Iterator[Moment]:
    """Train by the plan and write the checkpoint; with `resume`, go on where a run for `output` stopped.

    `precision` is that of all that this process computes on CUDA from then on (`device.set_precision`).
    """
    for stage in plan.stages.values():
        stage.check()
    folder = run_folder(output)
    if resume:
        _check_same(plan, folder / SETTINGS_FILE)
    begin_run(folder, resume)
    with replacing(folder / SETTINGS_FILE) as temporary:
        temporary.write_text(f"{plan}\n", encoding="utf-8")
    plan.talker.precision = set_precision(precision)
    seed, losses = plan.settings["seed"], {}
    for moment in train(plan.talker, plan.stages, plan.clips, seed=seed, device=device, folder=folder):
        losses[moment.stage] = moment.losses
        yield moment
    if is_leader():
        save_trained(plan, {name: dict(terms) for name, terms in losses.items()}, output)
    forget_states(folder)


def _check_same(plan: Plan, path: Path) -> None:
    """BadUsage where the settings in a file, if it is there, are of another network than the plan's."""
    if not path.is_file():
        return
    begun, now = (_of_network(values) for values in (load_toml(path), tomllib.loads(str(plan))))
    for key in (*begun, *now):
        if begun.get(key) != now.get(key):
            fault = f"{path.parent} was begun with {key} {begun.get(key)}, not {now.get(key)}."
            raise BadUsage(fault, f"Go on as it was begun: --config {path}. {ANEW}")


def _of_network(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Which one it is, and its sizes."""
    return {"model": settings.get("model"), **by_dotted_name({"config": settings.get("config", {})})}


def save_trained(plan: Plan, losses: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """The plan's talker as a checkpoint that says what it learnt from, how, and on what terms it stands."""
    contents, start = plan.clips.contents, plan.start
    training = without_folders({name: plan.settings[name] for name in plan.settings if name != "config"})
    provenance: dict[str, Any] = {
        "program": f"talk {__version__}",
        "licence": contents.licence,
        "data": {
            "clips": len(plan.clips),
            "source": contents.source,
            "licence": contents.licence,
            **contents.made,
        },
        "learnt": {name: dict(learnt_by(stage, plan.clips)) for name, stage in plan.stages.items()},
        "training": {**training, "half": plan.half, "precision": plan.talker.precision},
        "losses": losses,
    }
    if start is not None:
        earlier = load_checkpoint(start)
        provenance["from"] = {"sha256": sha256(start), "provenance": earlier.provenance}
        if earlier.licence != contents.licence:
            provenance["licence"] += f"; what it began with: {earlier.licence}"
    elif holds_starter_ear(plan.talker):
        provenance["licence"] += f"; its ear: {plan.ear_licence}"
    weights: Mapping[str, Tensor] = plan.talker.state_dict()
    if plan.half:
        weights = {name: halved(tensor) for name, tensor in weights.items()}
    save_checkpoint(plan.method.name, plan.talker.config, weights, provenance, path)


def halved(tensor: Tensor) -> Tensor:
    """In half precision where that saves room."""
    return tensor.half() if tensor.is_floating_point() and tensor.numel() > LARGE_TENSOR else tensor


def without_folders(settings: Any) -> Any:
    """Settings as a checkpoint holds them: an absolute path shrinks to its name."""
    if isinstance(settings, Mapping):
        return {name: without_folders(value) for name, value in settings.items()}
    absolute = isinstance(settings, str) and os.path.isabs(settings)
    return Path(settings).name if absolute else settings
