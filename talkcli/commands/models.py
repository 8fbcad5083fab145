"""talk models: the installed checkpoints, and other people's made ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from talkcli import console, options
from talkcli.engine.errors import BadUsage, pick
from talkcli.engine.methods import METHODS

ACTIONS = ("list", "import")


def run(
    action: Annotated[str, typer.Argument(help="list or import.")] = "list",
    method: Annotated[
        str | None, typer.Argument(help=f"What is imported: {', '.join([*METHODS, 'flame'])}.")
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=]FILE...", help="The authors' checkpoint; several by name."),
    ] = None,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """List installed checkpoints, or import a published one.

    Published checkpoints are pickles: only their tensors are read, no code in them runs. The result is a
    .ckpt for --model everywhere; its licence stays that of its authors.

    MemoryTalker's is one file, `talk models import memorytalker FILE -o OUT.ckpt`, TexTalker's are three,
    `talk models import textalker motion=FILE texture=FILE diffusion=FILE -o OUT.ckpt`.

    FLAME, `talk models import flame generic_model.pkl`, becomes a rig of this user with its mean face as
    --avatar flame; masks=FLAME_masks.pkl, landmarks=flame_static_embedding.pkl and
    mediapipe=mediapipe_landmark_embedding.npz say where its lips and points are. The edition is read from the
    names of file and folder (FLAME2020/generic_model.pkl): codes of one are not those of another.

    \b
    Examples:
      talk models
      talk models list --json
    """
    if pick(action, ACTIONS, "action") == "list":
        _list(json)
        return
    given = options.named_files(weights, "files")
    if method is not None:
        pick(method, (*METHODS, "flame"), "method")
    if method == "flame":
        _import_flame(given, output, overwrite, json)
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


def _import_flame(given: dict[str | None, Path], output: Path | None, overwrite: bool, json: bool) -> None:
    from talkcli.engine.face.flame import import_flame

    if output is not None:
        raise BadUsage("A rig goes where talk finds it.", "Leave out --output.")
    with console.step("Reading FLAME"):
        made = import_flame({name or "model": path for name, path in given.items()}, overwrite=overwrite)
    console.answer_json(made) if json else console.answer(f"{made['rig']}: --avatar {made['rig']}")


def _list(json: bool) -> None:
    from talkcli.engine.assets import STARTER_EARS, assets_folder
    from talkcli.engine.methods import UNTAUGHT, installed, load_method, train_hint

    rows = []
    for name, path in installed().items():
        method = load_method(name)
        able = {"moves": sorted(method.moves), "styles_from": list(method.captures)}
        rows.append({"model": name, **_told(path), **able})
    untaught = [
        {
            "untaught": name,
            "moves": sorted(load_method(name).moves),
            "starter": f"none yet. {train_hint(name)}",
        }
        for name in UNTAUGHT
    ]
    path = assets_folder() / STARTER_EARS
    ears = [{"ears": path.stem, **_told(path)}] if path.is_file() else []
    if json:
        console.answer_json({"models": rows, "untaught": untaught, "ears": ears})
        return
    for number, row in enumerate([*rows, *untaught, *ears]):
        if number:
            console.answer("")
        for name, value in row.items():
            console.answer(
                f"{name.replace('_', ' '):>11}  {', '.join(value) if isinstance(value, list) else value}"
            )


def _told(path: Path) -> dict[str, Any]:
    """What a checkpoint says of itself."""
    from talkcli.engine.assets import sha256
    from talkcli.engine.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(path)
    provenance = checkpoint.provenance
    return {
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "licence": checkpoint.licence,
        "trained_on": provenance.get("data", {}).get("source", provenance.get("source", "unknown")),
        "sha256": sha256(path),
    }
