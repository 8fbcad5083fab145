"""talk train: clips -> checkpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from talkcli import console, options
from talkcli.engine.errors import BadUsage

if TYPE_CHECKING:
    from talkcli.engine.clips import ClipSet
    from talkcli.engine.methods.method import Method, Talker
    from talkcli.engine.training.stage import Stage

LARGE = 4096
"""Numbers in a tensor that --half stores in half precision; smaller ones cost nothing."""


def run(
    clips: Annotated[Path, typer.Argument(help="Folder that `talk prepare` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The checkpoint to write.")] = Path(
        "talk.ckpt"
    ),
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Method to train; without it that of --config, or memorytalker."),
    ] = None,
    stage: Annotated[
        str | None, typer.Option("--stage", help="Train this stage alone; without it, all in order.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="Begin with the weights of this checkpoint.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Settings in TOML, such as a file of recipes/.")
    ] = None,
    set_: options.Settings = None,
    half: Annotated[bool, typer.Option("--half", help="Store large weights in half precision.")] = False,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Steps of each stage.")] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Show what would run, as TOML, and stop.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a run for the same output stopped.")
    ] = False,
    seed: options.SeedOrSettings = None,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Teach a method from prepared clips.

    State and a tensorboard log are kept beside the output in NAME.run/ while it trains. Several GPUs:
    accelerate launch -m talkcli train CLIPS ...

    \b
    Examples:
      talk train clips/ --model memorytalker -o mine.ckpt
      talk train clips/ --config recipes/memorytalker.toml --set memorise.steps=2000 -o small.ckpt --resume
    """
    if not print_config:
        options.check_suffix(output, ".ckpt")
        console.claim(output, overwrite or resume, inputs=[start] if start else ())
    folder = output.with_suffix(".run")
    left = sorted(folder.glob("*.state"))
    if left and not (resume or overwrite or print_config):
        raise BadUsage(
            f"{folder} holds an unfinished run.", "Give --resume to go on, or --overwrite to begin anew."
        )

    with console.step("Reading the clips"):
        from talkcli.engine.clips import ClipSet
        from talkcli.engine.config import load_toml, parse_settings
        from talkcli.engine.methods import load_method
        from talkcli.engine.training.settings import as_toml, by_stage

        values = load_toml(config) if config else {}
        named = values.pop("model", model or "memorytalker")
        if model not in (None, named):
            raise BadUsage(f"{config} trains {named}, not {model}.", "Leave out --model or --config.")
        method = load_method(named)
        listed: int = values.pop("seed", 0)
        seed = listed if seed is None else seed
        half = values.pop("half", False) or half
        sections = by_stage(values, method.stages, method.config)
        for name, changes in by_stage(parse_settings(set_ or []), method.stages, method.config).items():
            sections[name] = _merged(sections[name], changes)
        clipset = ClipSet(clips, "train")
        talker = _talker(method, clipset, start, sections["config"], seed)
    plans = _plans(method, talker, stage, sections, steps)
    shown = _as_values(method, talker, plans, sections, seed)
    if print_config:
        print(as_toml(shown))
        return
    if not resume:
        for state in left:
            state.unlink()
    folder.mkdir(exist_ok=True)
    (folder / "settings.toml").write_text(as_toml(shown) + "\n", encoding="utf-8")
    last = {name: _learn(talker, plan, name, clipset, folder, seed, device) for name, plan in plans.items()}
    _save(method, talker, clipset, shown | {"half": half}, last, output, start)
    for state in folder.glob("*.state"):
        state.unlink()
    if json:
        console.answer_json({"checkpoint": output, "log": folder, "losses": last})
    else:
        console.answer(output)


def _merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for name, value in changes.items():
        old = merged.get(name)
        merged[name] = (
            _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _talker(
    method: Method, clips: ClipSet, start: Path | None, changes: Mapping[str, Any], seed: int
) -> Talker:
    """An untrained talker that fits the clips, or the one in `start`."""
    import torch

    from talkcli.engine.config import with_values
    from talkcli.engine.methods import open_talker

    if start is None:
        torch.manual_seed(seed)
        return method.build(with_values(method.config_for(clips), changes))
    talker = open_talker(str(start))
    if talker.method != method.name:
        raise BadUsage(
            f"{start} is a checkpoint of {talker.method}.", f"Give one of {method.name} with --from."
        )
    if with_values(talker.config, changes) != talker.config:
        raise BadUsage(
            f"The settings would change the sizes of {start}.", "Leave them out, or leave --from out."
        )
    return talker


def _plans(
    method: Method, talker: Talker, stage: str | None, sections: Mapping[str, Any], steps: int | None
) -> dict[str, Stage[Any, Any]]:
    from talkcli.engine.training.settings import tuned

    plans = {}
    for name, make in method.stages_from(stage).items():
        values = sections[name] | ({"steps": steps} if steps else {})
        plan = tuned(make, talker.config, values, name)
        if plan is not None:
            plans[name] = plan
    if not plans:
        raise BadUsage(f"This model has nothing to learn in stage {stage}.", "Leave --stage out.")
    return plans


def _as_values(
    method: Method,
    talker: Talker,
    plans: Mapping[str, Stage[Any, Any]],
    sections: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    import dataclasses

    from talkcli.engine.training.settings import values_of

    stages = {name: values_of(plan, method.stages[name], sections[name]) for name, plan in plans.items()}
    return {"model": method.name, "seed": seed, "config": dataclasses.asdict(talker.config), **stages}


def _learn(
    talker: Talker, plan: Stage[Any, Any], name: str, clips: ClipSet, folder: Path, seed: int, device: str
) -> dict[str, float]:
    """One stage to its end; the means of its last losses."""
    import torch

    from talkcli.engine.device import pick_device
    from talkcli.engine.training.fit import fit, is_leader

    where = pick_device(device)
    talker.to(where)
    with console.step(f"{name}: going through {len(clips)} clips"):
        example = plan.begin(talker, clips)
    generator = torch.Generator().manual_seed(seed)
    batches = clips.batches(example, plan.batch, generator)
    state = folder / f"{name}.state"
    steps = fit(talker, plan, batches, generator=generator, device=where, state=state)
    log = _log(folder / "log" / name) if is_leader() else None
    recent: dict[str, float] = {}
    for step in console.progress(steps, name, plan.steps, "steps"):
        for term, value in step.losses.items():
            recent[term] = 0.98 * recent.get(term, value) + 0.02 * value
        if log is not None and step.number % 10 == 0:
            for term, value in step.losses.items():
                log.add_scalar(term, value, step.number)
            log.add_scalar("rate", step.rate, step.number)
        if step.number % 200 == 0:
            console.detail(f"{name}  {step}")
    if log is not None:
        log.close()
    return recent


def _log(folder: Path) -> Any:
    """A tensorboard log, if tensorboard is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        console.warn("No training log: tensorboard is not installed (pip install 'talkcli[train]').")
        return None
    return SummaryWriter(str(folder))


def told(value: Any) -> Any:
    """Settings as a checkpoint tells them: of a path from the root the name alone."""
    if isinstance(value, Mapping):
        return {key: told(part) for key, part in value.items()}
    return Path(value).name if isinstance(value, str) and os.path.isabs(value) else value


def _save(
    method: Method,
    talker: Talker,
    clips: ClipSet,
    settings: Mapping[str, Any],
    losses: Mapping[str, Any],
    output: Path,
    start: Path | None,
) -> None:
    from talkcli import __version__
    from talkcli.engine.assets import sha256
    from talkcli.engine.checkpoint import load_checkpoint, save_checkpoint
    from talkcli.engine.training.fit import is_leader

    if not is_leader():
        return
    contents = clips.contents
    provenance = {
        "program": f"talk {__version__}",
        "licence": contents.licence,
        "data": {
            "clips": len(clips),
            "source": contents.source,
            "licence": contents.licence,
            **contents.made,
        },
        "training": told({key: value for key, value in settings.items() if key != "config"}),
        "losses": losses,
    }
    if start is not None:
        earlier = load_checkpoint(start)
        provenance["from"] = {"sha256": sha256(start), "provenance": earlier.provenance}
        if earlier.licence != contents.licence:
            provenance["licence"] += f"; what it began with: {earlier.licence}"
    weights = talker.state_dict()
    if settings["half"]:
        weights = {
            k: v.half() if v.is_floating_point() and v.numel() > LARGE else v for k, v in weights.items()
        }
    save_checkpoint(method.name, talker.config, weights, provenance, output)
