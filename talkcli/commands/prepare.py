"""talk prepare: a raw corpus -> clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli import console, options
from talkcli.engine.corpora import CORPORA, Outcome
from talkcli.engine.errors import BadUsage, pick
from talkcli.preparing import filmed, recorded, seated, tell

STUDIO, CAPTURES, PORTRAITS, FOOTAGE = "studio", "captures", "portraits", "footage"


def run(
    corpus: Annotated[
        str,
        typer.Argument(
            help=f"{STUDIO}, {CAPTURES} or {PORTRAITS}, which need no data; {FOOTAGE}; or: "
            f"{', '.join(CORPORA)}."
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(help="The raw corpus; a film or a folder of them; for studio, the clips.")
    ],
    target: Annotated[
        Path | None, typer.Argument(help="The folder of clips, where --output does not name it.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder of clips to write or to complete.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Settings in TOML, such as recipes/studio.toml.")
    ] = None,
    set_: options.Settings = None,
    jobs: options.Jobs = 1,
    seed: options.SeedOrSettings = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Bring a corpus into the one form that everything else reads.

    The studio makes its own: speakers that never were, with the voices of espeak-ng and flite. A stopped run
    goes on where it stopped when the same command is given again; only what is missing is made.

    `captures` are people before the fixed cameras of the studio, of which unigaha learns its heads;
    `portraits` are people from the front, of which it learns to read faces.

    `talk prepare footage me.mp4 clips/` follows the face of a film, or of every film of a folder (extra
    capture): what was said and what face and head did, a speaker a film. Use your own face, or those of
    people who have agreed to it.

    Other corpora are read as their authors lay them out: `talk prepare vocaset FOLDER -o CLIPS`. What cannot
    be a clip is left out and named; what became of everything is counted.

    \b
    Examples:
      talk prepare studio clips/ --set speakers=3 --set takes=2 --set flite=0 --jobs 2
      talk prepare captures heads/ --set people=1 --set faces=2 --set tests=1
      talk prepare studio more/ --set speakers=2 --set takes=2 --set flite=0 --json
    """
    pick(corpus, (STUDIO, CAPTURES, PORTRAITS, FOOTAGE, *CORPORA), "corpus")
    if output is not None and target is not None:
        raise BadUsage("Two folders are named for the clips.", "Give one, with or without --output.")
    output = output or target
    total: int | None = None
    if corpus in (CAPTURES, PORTRAITS):
        seated(corpus, output or folder, config, set_ or [], seed, jobs, overwrite, json)
        return
    if corpus == STUDIO:
        output = output or folder
        total, made = recorded(output, config, set_ or [], seed, jobs, overwrite)
    elif seed is not None:
        raise BadUsage(f"{corpus} leaves nothing to chance.", "Leave --seed out.")
    elif output is None:
        raise BadUsage("Where shall the clips go?", f"talk prepare {corpus} {folder} -o clips/")
    elif corpus == FOOTAGE:
        made = filmed(folder, output, config, set_ or [], jobs, overwrite)
    else:
        from talkcli.engine.config import load_toml, parse_settings
        from talkcli.engine.corpora import convert

        settings = (load_toml(config) if config else {}) | parse_settings(set_ or [])
        made = convert(corpus, folder, output, jobs, settings, overwrite)
    outcomes: list[Outcome] = []
    for outcome in console.progress(made, f"Preparing {corpus}", total, "clips"):
        outcomes.append(outcome)
        console.warn(*outcome.notes)
        if outcome.fate == "refused":
            console.warn(f"{outcome.name} is refused: {outcome.reason}")
    tell(outcomes, output, json)
