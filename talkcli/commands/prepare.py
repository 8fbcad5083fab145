"""talk prepare: a raw corpus -> clips."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from talkcli import console, options
from talkcli.engine.corpora import CORPORA, Outcome
from talkcli.engine.errors import BadUsage, counted, pick

STUDIO, CAPTURES = "studio", "captures"


def run(
    corpus: Annotated[
        str, typer.Argument(help=f"{STUDIO} or {CAPTURES}, which need no data, or: {', '.join(CORPORA)}.")
    ],
    folder: Annotated[Path, typer.Argument(help="The raw corpus; for studio, the clips.")],
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

    `captures` are people before the fixed cameras of the studio, of which unigaha learns its heads.

    Other corpora are read as their authors lay them out: `talk prepare vocaset FOLDER -o CLIPS`. What cannot
    be a clip is left out and named; what became of everything is counted.

    \b
    Examples:
      talk prepare studio clips/ --set speakers=3 --set takes=2 --set flite=0 --jobs 2
      talk prepare captures heads/ --set people=1 --set faces=2 --set tests=1
      talk prepare studio more/ --set speakers=2 --set takes=2 --set flite=0 --json
    """
    pick(corpus, (STUDIO, CAPTURES, *CORPORA), "corpus")
    if corpus == CAPTURES:
        _captured(output or folder, config, set_ or [], seed, jobs, overwrite, json)
        return
    if corpus == STUDIO:
        target = output or folder
        total, made = _recorded(target, config, set_ or [], seed, jobs, overwrite)
    elif seed is not None:
        raise BadUsage(f"{corpus} leaves nothing to chance.", "Leave --seed out.")
    elif output is None:
        raise BadUsage("Where shall the clips go?", f"talk prepare {corpus} {folder} -o clips/")
    else:
        from talkcli.engine.config import load_toml, parse_settings
        from talkcli.engine.corpora import convert

        settings = (load_toml(config) if config else {}) | parse_settings(set_ or [])
        target, total, made = output, None, convert(corpus, folder, output, jobs, settings, overwrite)
    outcomes: list[Outcome] = []
    for outcome in console.progress(made, f"Preparing {corpus}", total, "clips"):
        outcomes.append(outcome)
        console.warn(*outcome.notes)
        if outcome.fate == "refused":
            console.warn(f"{outcome.name} is refused: {outcome.reason}")
    _tell(outcomes, target, json)


def _captured(
    target: Path, config: Path | None, given: list[str], seed: int | None, jobs: int, anew: bool, json: bool
) -> None:
    with console.step("Opening the studio"):
        from talkcli.engine.config import load_toml, parse_settings, with_values
        from talkcli.engine.studio.captures import CapturePlan, capture_all, lacking_captures

    values: dict[str, Any] = load_toml(config) if config else {}
    chosen = {} if seed is None else {"seed": seed}
    plan = with_values(CapturePlan(), values | chosen | parse_settings(given))
    count = len(lacking_captures(plan, target, anew))
    made = list(console.progress(capture_all(plan, target, jobs), "Preparing captures", count, "people"))
    console.say(f"{len(made)} new people")
    console.answer_json({"captures": target, "written": len(made)}) if json else console.answer(target)


def _tell(outcomes: list[Outcome], target: Path, json: bool) -> None:
    """The summary: how many items were kept, skipped and refused, and which."""
    fates = {fate: [o for o in outcomes if o.fate == fate] for fate in ("kept", "skipped", "refused")}
    seconds = sum(outcome.seconds for outcome in fates["kept"])
    left = {
        fate: [{"name": o.name, "reason": o.reason} for o in fates[fate]] for fate in ("skipped", "refused")
    }
    if json:
        written = {"written": len(fates["kept"]), "seconds": round(seconds, 3)}
        console.answer_json({"clips": target, **written, **left})
        return
    for reason in dict.fromkeys(outcome.reason for outcome in fates["skipped"]):
        names = [outcome.name for outcome in fates["skipped"] if outcome.reason == reason]
        console.say(f"Skipped, because {reason}: {', '.join(names)}")
    counts = f"{counted(len(fates['kept']), 'new clips')}, {seconds / 60:.1f} minutes"
    console.say(f"{counts}; {len(fates['skipped'])} skipped, {len(fates['refused'])} refused")
    console.answer(target)


def _recorded(
    target: Path, config: Path | None, settings: list[str], seed: int | None, jobs: int, overwrite: bool
) -> tuple[int, Iterator[Outcome]]:
    """How many takes are missing, and the studio at work on them."""
    with console.step("Opening the studio"):
        from talkcli.engine.config import load_toml, parse_settings, with_values
        from talkcli.engine.studio.readers import without_words
        from talkcli.engine.studio.recording import RecordingPlan, missing, record_all

    values: dict[str, Any] = load_toml(config) if config else {}
    explicit = {} if seed is None else {"seed": seed}
    plan = with_values(RecordingPlan(), values | explicit | parse_settings(settings))
    count = len(missing(plan, target, overwrite))
    lacking = without_words(Path(plan.readers)) if plan.readers else {}
    skipped = [Outcome(name, fate="skipped", reason=reason) for name, reason in lacking.items()]
    return count + len(skipped), chain(skipped, (Outcome(*take) for take in record_all(plan, target, jobs)))
