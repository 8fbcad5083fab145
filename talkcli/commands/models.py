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
    method: Annotated[str | None, typer.Argument(help="Whose weights are imported: memorytalker.")] = None,
    weights: Annotated[Path | None, typer.Argument(help="The authors' checkpoint file.")] = None,
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
    """
    if pick(action, ACTIONS, "action") == "list":
        _list(json)
        return
    if method is None or weights is None or output is None:
        raise BadUsage(
            "Say whose weights, which file and where to.",
            "talk models import memorytalker ckpt_100.pth -o published.ckpt",
        )
    console.claim(output, overwrite, inputs=(weights,))
    from talkcli.engine.assets import sha256
    from talkcli.engine.checkpoint import save_checkpoint
    from talkcli.engine.errors import BadInput
    from talkcli.engine.methods import load_method

    known = load_method(method)
    if known.original is None:
        raise BadUsage(f"{method} has no published weights that talk reads.", "Train it: talk train CLIPS")
    if not weights.is_file():
        raise BadInput(f"{weights} is not a file.", "Check the name.")
    with console.step(f"Reading {weights}"):
        talker = known.original(weights)
        provenance = {
            "source": f"the authors' {weights.name}",
            "source_sha256": sha256(weights),
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
            "licence": (provenance := load_checkpoint(path).provenance).get("licence", "unknown"),
            "trained_on": provenance.get("data", {}).get("source", provenance.get("source", "unknown")),
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
