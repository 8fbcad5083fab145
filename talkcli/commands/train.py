"""talk train: clips -> checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli import console, options
from talkcli.engine.errors import BadUsage
from talkcli.engine.methods import DEFAULT_PUPIL


def run(
    clips: Annotated[
        Path | None, typer.Argument(help="Folder that `talk prepare` wrote.", show_default=False)
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The checkpoint to write.")] = Path(
        "talk.ckpt"
    ),
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="Method to train; without it that of --config, or " + DEFAULT_PUPIL + "."
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            help="paper: as published, network and training; starter: for two CPU cores. Without it that of "
            "--config, or starter.",
        ),
    ] = None,
    stage: Annotated[
        str | None, typer.Option("--stage", help="Train this stage alone; without it, all in order.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="Begin with the weights of this checkpoint, or model.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Settings in TOML, such as a file of recipes/.")
    ] = None,
    set_: options.Settings = None,
    ears: options.Ears = None,
    half: Annotated[bool, typer.Option("--half", help="Store large weights in half precision.")] = False,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Steps of each stage.")] = None,
    print_config: Annotated[bool, typer.Option("--print-config", help="Show what would run; stop.")] = False,
    list_settings: Annotated[
        str | None,
        typer.Option("--list-settings", metavar="MODEL", help="Show every name for --set, and stop."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a run for the same output stopped.")
    ] = False,
    seed: options.SeedOrSettings = None,
    device: options.Device = "auto",
    precision: options.Precision = "full",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Teach a method from prepared clips.

    State and a tensorboard log are kept beside the output in NAME.run/ while it trains. Several GPUs:
    accelerate launch -m talkcli train CLIPS ...

    \b
    Examples:
      talk train clips/ --steps 2 -o mine.ckpt
      talk train clips/ --from mine.ckpt --stage memorise --steps 2 -o more.ckpt
      talk train --list-settings memorytalker
    """
    if list_settings is not None:
        _list_settings(list_settings, json)
        return
    if clips is None:
        raise BadUsage("Which clips shall it learn from?", "Make some: talk prepare studio clips/")
    if not print_config:
        options.check_suffix(output, ".ckpt")
        console.claim(output, overwrite or resume, inputs=[start] if start else ())
    with console.step("Reading the clips"):
        from talkcli.engine.config import load_toml, parse_settings
        from talkcli.engine.methods.plan import carried_out, check_run, plan_for, run_folder
        from talkcli.engine.training.run import draws_curves

        if not (overwrite or print_config):
            check_run(output, resume)
        plan = plan_for(
            clips,
            load_toml(config) if config else {},
            parse_settings(set_ or []),
            model=model,
            size=size,
            stage=stage,
            start=start,
            ears=ears,
            steps=steps,
            seed=seed,
            half=half,
        )
    if print_config:
        console.answer_json(plan.settings) if json else print(plan)
        return
    console.warn(*plan.notes)
    if not draws_curves():
        console.warn("No training log: tensorboard is not installed (pip install 'talkcli[train]').")
    moments = console.training(carried_out(plan, output, device=device, precision=precision, resume=resume))
    losses = {name: dict(terms) for name, terms in {m.stage: m.losses for m in moments}.items()}
    for name, terms in losses.items():
        console.say(f"{name}: {', '.join(f'{term} {value:.4g}' for term, value in terms.items())}")
    if json:
        console.answer_json({"checkpoint": output, "log": run_folder(output), "losses": losses})
    else:
        console.answer(output)


def _list_settings(model: str, json: bool) -> None:
    """Every setting of a method by its name for --set, with what a starter for the bundled clips has."""
    with console.step("Reading the settings"):
        from talkcli.engine.assets import asset
        from talkcli.engine.methods.plan import plan_for
        from talkcli.engine.training.settings import by_dotted_name

    settings = by_dotted_name(plan_for(asset("clips"), model=model).settings)
    if json:
        console.answer_json({"settings": settings})
        return
    for name, value in settings.items():
        console.answer(f"{name} = {value}")
