"""talk evaluate: motion against motion, or talkers against the truth -> scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli import console, options
from talkcli.engine.errors import BadUsage, counted


def run(
    predicted: Annotated[
        Path | None, typer.Argument(help="A motion or a folder of them; or a prepared folder of clips.")
    ] = None,
    reference: Annotated[Path | None, typer.Argument(help="The true motion, or the folder of them.")] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            help="lve, lve/artalk, closure, ... (--list shows them); repeatable; all.",
            show_default="by what there is",
        ),
    ] = None,
    audio: Annotated[
        list[Path] | None, typer.Option("--audio", help="Recordings, or folders of them; repeatable.")
    ] = None,
    transcript: Annotated[
        str | None,
        typer.Option("--transcript", help="What the recording says: words, a .txt, or a folder of .txt."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="Method name or checkpoint file; repeatable.", show_default="all installed"
        ),
    ] = None,
    avatar: Annotated[
        str | None, typer.Option("--avatar", "-a", help="Whose face; else the reference's own.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", help="Of a prepared folder: train, val, test.", show_default="test"),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(
            "--region", metavar="NAME=FILE", help="Vertices of lips, upper_face, inner_lips, outer_lips."
        ),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show every metric, and stop.")] = False,
    csv: Annotated[Path | None, typer.Option("--csv", help="Also write every score, clip by clip.")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Also draw openings and bars: .png, .pdf or .svg.")
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: options.Precision = "full",
    json: options.Json = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Score motions, or installed talkers beside three baselines.

    Folders of motions are compared clip by clip: `talk evaluate PREDICTIONS CLIPS --metric all --csv FILE`.
    Of recordings it says whether lips close, rest and keep in step: `talk evaluate --audio FOLDER`.

    \b
    Examples:
      talk evaluate hello.motion hello.motion --metric lve --metric fdd
      talk evaluate hello.motion --audio hello.wav --csv scores.csv
      talk evaluate --metric lve
    """
    if list_:
        return _list(json)
    audio = [options.recording_file(path) for path in audio or ()]
    for path in filter(None, (csv, plot)):
        console.claim(path, overwrite)
    from talkcli.engine.face.avatar import load_avatar
    from talkcli.engine.methods.entrants import entrants
    from talkcli.engine.metrics.evaluate import select
    from talkcli.engine.metrics.pair import read_regions
    from talkcli.engine.metrics.plots import check_format
    from talkcli.engine.metrics.report import Report
    from talkcli.engine.metrics.takes import face_of, finished, performed, takes_of

    if plot is not None:
        check_format(plot)
    skin = any(entry.kind == "texture" for entry in select(metric or []))
    report = Report(metric or (), read_regions(region or []))
    who = load_avatar(options.avatar_file(avatar)) if avatar else None
    if reference is not None or (predicted is not None and audio):
        if predicted is None or model:
            hint = "talk evaluate PRED REF --metric lve"
            raise BadUsage("Finished motions are measured without --model.", hint)
        report.add("prediction", finished(predicted, reference, audio or (), transcript, who))
    else:
        takes = takes_of(predicted, audio or (), transcript, split)
        face = who or face_of(takes[0])
        where = {"device": device, "precision": precision}
        systems = entrants(model or (), face, seed=seed, skin=skin, note=console.warn, **where)
        for name, system in systems:
            cases = performed(takes, system, who)
            report.add(name, console.progress(cases, name, len(takes), "clips"))
    console.warn(*report.notes)
    for path, save in ((csv, report.save_csv), (plot, report.save_plot)):
        if path is not None:
            save(path)
            console.say(f"Wrote {path}")
    if json:
        return console.answer_json({"scores": list(report.rows()), "notes": list(report.notes)})
    console.table(*report.table())
    for line in report.definitions():
        console.answer(line)
    for name, count in report.dropped().items():
        console.say(f"{name}: left out, for a motion outlasts its reference: {counted(count, 'frames')}")


def _list(json: bool) -> None:
    """Every metric by its name, with its unit, what is better, and what it is."""
    from talkcli.engine.metrics.catalogue import SYMBOLS, described

    rows = list(described())
    if json:
        return console.answer_json({"metrics": rows, "symbols": SYMBOLS})
    console.table(("metric", "unit", "better"), [list(row.values())[:3] for row in rows])
    for row in rows:
        console.answer(f"{row['metric']}: {row['definition']}")
    console.answer(SYMBOLS)
