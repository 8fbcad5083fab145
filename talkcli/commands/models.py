"""talk models: the installed checkpoints, other people's made ours, and pretrained ears fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli import console, options
from talkcli.engine.errors import BadUsage, pick
from talkcli.engine.methods import METHODS

ACTIONS = ("list", "import", "fetch")
_RIGS = ("flame", "emoca")


def run(
    action: Annotated[str, typer.Argument(help="list, import or fetch.")] = "list",
    method: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help=f"What is imported: {', '.join([*METHODS, *_RIGS])}; or fetched: whisper-base ...",
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=]FILE...", help="The authors' checkpoint; several by name."),
    ] = None,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """List, import and fetch checkpoints.

    Published checkpoints are pickles: only their tensors are read, no code in them runs. The result is a
    .ckpt for --model everywhere; its licence stays that of its authors.

    MemoryTalker's is one file, `talk models import memorytalker FILE -o OUT.ckpt`, TexTalker's are three,
    `talk models import textalker motion=FILE texture=FILE diffusion=FILE -o OUT.ckpt`.

    FLAME, `talk models import flame generic_model.pkl`, becomes a rig of this user with its mean face as
    --avatar flame; masks=FLAME_masks.pkl and landmarks=, mediapipe=, contour=, uv= (the authors' embeddings
    and head_template.obj) say where lips and points are. Names of file and folder tell the edition.
    `talk models import emoca detail.ckpt [fixed=FILE]` draws codes of detail on a FLAME that has its uv.

    `talk models fetch NAME` downloads an ear that somebody else taught from huggingface.co (HF_ENDPOINT,
    HTTPS_PROXY; extra `hubert`) into this user's data folder; without NAME it says which are known. Size and
    licence are shown first, a broken download goes on where it stopped, and what comes must have the SHA-256
    that is pinned here; chinese-hubert-base is pinned by its revision alone, and must have the digest that
    the hub tells. Of a pickle the tensors alone are read. Nothing is ever fetched unasked.

    \b
    Examples:
      talk models
      talk models list --json
    """
    if pick(action, ACTIONS, "action") == "list":
        _list(json)
        return
    if action == "fetch":
        if weights or output is not None:
            raise BadUsage("A fetched model goes where talk finds it.", "talk models fetch whisper-base")
        _fetch(method, json)
        return
    given = options.named_files(weights, "files")
    if method is not None:
        pick(method, (*METHODS, *_RIGS), "method")
    if method in _RIGS:
        _take(method, given, output, overwrite, json)
        return
    if method is None or output is None or not given:
        raise BadUsage(
            "Say whose weights, which files and where to.",
            "talk models import memorytalker ckpt_100.pth -o published.ckpt",
        )
    options.check_suffix(output, ".ckpt")
    console.claim(output, overwrite, inputs=given.values())
    from talkcli.engine.methods import load_method
    from talkcli.engine.methods.published import import_published, published_files

    whose = load_method(method)
    files = published_files(whose, given)
    with console.step(f"Reading {', '.join(file.name for file in files)}"):
        provenance = import_published(whose, files, output)
    console.answer_json({"output": output, **provenance}) if json else console.answer(output)


def _take(what: str, given: dict[str | None, Path], output: Path | None, overwrite: bool, json: bool) -> None:
    if output is not None:
        raise BadUsage("It goes where talk finds it.", "Leave out --output.")
    from talkcli.engine.methods.dxtalker.emoca import FOR_FLAME

    with console.step(f"Reading {what}"):
        made = FOR_FLAME[what]({name or "model": path for name, path in given.items()}, overwrite=overwrite)
    said = f"{made['rig']}: --avatar {made['rig']}" if "rig" in made else made["output"]
    console.answer_json(made) if json else console.answer(said)


def _fetch(name: str | None, json: bool) -> None:
    from talkcli.engine.hub import HUB_MODELS, fetch_model, hub_model

    if name is None:
        rows = {model.name: {"what": str(model), "use": model.use} for model in HUB_MODELS.values()}
        if json:
            console.answer_json({"fetchable": rows})
        for model in () if json else HUB_MODELS.values():
            console.answer(f"{model}; for {model.use}")
        return
    model = hub_model(name)
    with console.share_done(f"Fetching {name}") as progress:
        folder = fetch_model(model, console.say, progress)
    console.answer_json({"model": name, "folder": folder, **model.origin}) if json else console.answer(folder)


def _list(json: bool) -> None:
    from talkcli.engine.installation import models_here

    here = models_here()
    if json:
        console.answer_json(here)
        return
    for number, row in enumerate(row for rows in here.values() for row in rows):
        if number:
            console.answer("")
        for name, value in row.items():
            console.answer(
                f"{name.replace('_', ' '):>11}  {', '.join(value) if isinstance(value, list) else value}"
            )
