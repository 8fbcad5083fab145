"""talk train: clips -> checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli import console, options
from talkcli.engine.methods import DEFAULT_PUPIL


def run(
    clips: Annotated[Path, typer.Argument(help="Folder that `talk prepare` wrote.")],
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
      talk train vocaset/ --model memorytalker --size paper --set memorise.hubert=hubert/ -o published.ckpt
      talk train clips/ --config recipes/memorytalker.toml --set memorise.steps=2000 -o small.ckpt --resume
    """
    if not print_config:
        options.check_suffix(output, ".ckpt")
        console.claim(output, overwrite or resume, inputs=[start] if start else ())
    with console.step("Reading the clips"):
        from talkcli.engine.config import load_toml, parse_settings
        from talkcli.engine.methods.plan import carried_out, check_run, plan_for, run_folder
        from talkcli.engine.training.run import draws_curves

        if not (resume or overwrite or print_config):
            check_run(output)
        plan = plan_for(
            clips,
            load_toml(config) if config else {},
            parse_settings(set_ or []),
            model=model,
            size=size,
            stage=stage,
            start=start,
            steps=steps,
            seed=seed,
            half=half,
        )
    if print_config:
        print(plan)
        return
    for note in plan.notes:
        console.warn(note)
    if not draws_curves():
        console.warn("No training log: tensorboard is not installed (pip install 'talkcli[train]').")
    moments = console.training(carried_out(plan, output, device=device, resume=resume))
    losses = {moment.stage: moment.losses for moment in moments}
    if json:
        console.answer_json({"checkpoint": output, "log": run_folder(output), "losses": losses})
    else:
        console.answer(output)
