"""talk models: the installed checkpoints, and other people's made ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli import console, options
from talkcli.engine.errors import BadUsage, pick

ACTIONS = ("list", "import")


def run(
    action: Annotated[str, typer.Argument(help="list or import.")] = "list",
    method: Annotated[
        str | None, typer.Argument(help="Whose weights are imported: memorytalker or textalker.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Argument(help="The authors' checkpoint, if it is one file.")
    ] = None,
    motion: Annotated[Path | None, typer.Option(help="textalker: motion_vae.pth.", metavar="FILE")] = None,
    texture: Annotated[Path | None, typer.Option(help="textalker: tex_vae.pth.", metavar="FILE")] = None,
    diffusion: Annotated[Path | None, typer.Option(help="textalker: textalker.pth.", metavar="FILE")] = None,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """List the installed checkpoints, or import one that a paper's authors published.

    Published checkpoints are pickles: only their tensors are read, no code in them runs. The result is a
    .ckpt for --model everywhere; its licence stays that of its authors.

    \b
    Examples:
      talk models
      talk models import memorytalker ckpt_100.pth -o published.ckpt
      talk models import textalker --motion motion.pth --texture tex.pth --diffusion textalker.pth -o tt.ckpt
    """
    if pick(action, ACTIONS, "action") == "list":
        _list(json)
        return
    parts = {"weights": weights, "motion": motion, "texture": texture, "diffusion": diffusion}
    given = {name: path for name, path in parts.items() if path is not None}
    if method is None or output is None or not given:
        raise BadUsage(
            "Say whose weights, which files and where to.",
            "talk models import memorytalker ckpt_100.pth -o published.ckpt",
        )
    options.check_suffix(output, ".ckpt")
    console.claim(output, overwrite, inputs=given.values())
    from talkcli.engine.assets import sha256
    from talkcli.engine.checkpoint import save_checkpoint
    from talkcli.engine.errors import BadInput
    from talkcli.engine.methods import load_method

    known = load_method(method)
    if known.original is None:
        raise BadUsage(f"{method} has no published weights that talk reads.", "Train it: talk train CLIPS")
    if set(given) != set(known.original_files):
        wanted = (name.upper() if name == "weights" else f"--{name} FILE" for name in known.original_files)
        raise BadUsage(
            f"These are not the files of which {method} is made.",
            f"talk models import {method} {' '.join(wanted)} -o {output}",
        )
    files = [given[name] for name in known.original_files]
    for file in files:
        if not file.is_file():
            raise BadInput(f"{file} is not a file.", "Check the name.")
    with console.step(f"Reading {', '.join(file.name for file in files)}"):
        talker = known.original(*files)
        provenance = {
            "source": f"the authors' {', '.join(file.name for file in files)}",
            "source_sha256": " ".join(sha256(file) for file in files),
            "licence": "that of its authors: see where you got it",
            "paper": known.paper,
        }
        save_checkpoint(known.name, talker.config, talker.state_dict(), provenance, output)
    console.answer_json({"output": output, **provenance}) if json else console.answer(output)


def _list(json: bool) -> None:
    from talkcli.engine.assets import sha256
    from talkcli.engine.checkpoint import load_checkpoint
    from talkcli.engine.methods import installed

    rows = [
        {
            "model": name,
            "megabytes": round(path.stat().st_size / 1e6, 1),
            "licence": (checkpoint := load_checkpoint(path)).licence,
            "trained_on": checkpoint.provenance.get("data", {}).get(
                "source", checkpoint.provenance.get("source", "unknown")
            ),
            "sha256": sha256(path),
        }
        for name, path in installed().items()
    ]
    if json:
        console.answer_json({"models": rows})
        return
    for row in rows:
        for name, value in row.items():
            console.answer(f"{name:>11}  {value}")
