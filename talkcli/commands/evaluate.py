"""talk evaluate: motion against motion, or talkers against the truth -> scores."""

from __future__ import annotations

import csv as tables
import dataclasses
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from talkcli import console, options
from talkcli.engine.errors import BadUsage, MissingAsset

if TYPE_CHECKING:
    from talkcli.engine.face.avatar import Avatar
    from talkcli.engine.metrics.evaluate import Case, Score
    from talkcli.engine.metrics.pair import Regions
    from talkcli.engine.metrics.takes import System, Take

Table = Mapping[str, Sequence["Score"]]
"""System -> its scores."""

BESIDE_REFERENCE = ("lve", "lvd", "mve", "fdd", "ldtw")
"""What is measured when no metric is named and references are there."""


def run(
    predicted: Annotated[
        Path | None, typer.Argument(help="A motion or a folder of them; or a prepared folder of clips.")
    ] = None,
    reference: Annotated[Path | None, typer.Argument(help="The true motion, or the folder of them.")] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            help="lve, lve/artalk, closure, ...; repeatable; all.",
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
        str | None, typer.Option("--split", help="Of a prepared folder.", show_default="test")
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(
            "--region", metavar="NAME=FILE", help="Vertices of lips, upper_face, inner_lips, outer_lips."
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Also write every score, clip by clip.")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Also draw openings and bars: .png, .pdf or .svg.")
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    json: options.Json = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Measure motions, or the installed talkers beside three baselines.

    \b
    talk evaluate --metric lve                        installed talkers on the bundled clips
    talk evaluate said.motion true.motion --metric lve --metric fdd
    talk evaluate predictions/ clips/ --metric all --csv scores.csv
    talk evaluate --audio speech/ --plot lips.png     do the lips close, rest and keep in step?
    """
    for path in filter(None, (csv, plot)):
        console.claim(path, overwrite)
    from talkcli.engine.face.avatar import load_avatar
    from talkcli.engine.metrics.evaluate import select
    from talkcli.engine.metrics.pair import read_regions

    if plot is not None:
        from talkcli.engine.metrics.plots import check_format

        check_format(plot)
    skin = any(wanted.kind == "texture" for wanted in select(metric or []))
    regions = read_regions(region or [])
    who = load_avatar(options.avatar_file(avatar)) if avatar else None
    kept: dict[str, list[Case]] = {}
    if reference is not None or (predicted is not None and audio):
        if predicted is None or model:
            raise BadUsage(
                "Finished motions are measured without --model.", "talk evaluate PRED REF --metric lve"
            )
        source = _finished(predicted, reference, audio, transcript, who)
        scores = {"prediction": _scored("prediction", source, metric, regions, kept)}
    else:
        takes = _takes(predicted, audio, transcript, split)
        systems = _systems(model, seed, device, takes, who, skin)
        scores = {
            name: _performed(name, system, takes, metric, regions, who, kept) for name, system in systems
        }
    if csv is not None:
        _write_csv(csv, scores)
    if plot is not None:
        _draw(plot, scores, kept, regions)
    if json:
        console.answer_json({"scores": [row for name in scores for row in _rows(name, scores[name])]})
    else:
        _show(scores)


def _takes(
    folder: Path | None, audio: Sequence[Path] | None, transcript: str | None, split: str | None
) -> list[Take]:
    """What talkers are to perform: recordings, a prepared folder, or the bundled clips."""
    from talkcli.engine.assets import asset
    from talkcli.engine.metrics.takes import takes_of_audio, takes_of_clips

    if audio:
        return takes_of_audio(audio, transcript)
    if transcript is not None:
        raise BadUsage("--transcript belongs to a recording.", "Give it with --audio.")
    if folder is not None and folder.suffix == ".motion":
        raise BadUsage(
            f"{folder} alone has nothing to be measured against.",
            "Give the true motion after it, or the recording with --audio.",
        )
    return takes_of_clips(asset("clips") if folder is None else folder, split)


def _finished(
    predicted: Path,
    reference: Path | None,
    audio: Sequence[Path] | None,
    transcript: str | None,
    avatar: Avatar | None,
) -> Iterator[Case]:
    """Motions that are there already, beside references, recordings or both."""
    from talkcli.engine.errors import BadInput
    from talkcli.engine.metrics.takes import compared, heard, pairs, takes_of_audio

    takes = takes_of_audio(audio, transcript) if audio else []
    if reference is not None:
        return compared(pairs(predicted, reference), avatar, takes)
    motions = sorted(predicted.rglob("*.motion")) if predicted.is_dir() else [predicted]
    if not motions:
        raise BadInput(f"{predicted} has no motions.", "Make some with: talk animate AUDIO -o NAME.motion")
    return heard(motions, takes, avatar)


def _systems(
    models: Sequence[str] | None,
    seed: int,
    device: str,
    takes: Sequence[Take],
    avatar: Avatar | None,
    skin: bool,
) -> Iterator[tuple[str, System]]:
    """The baselines that fit, then the talkers; talkers are opened when their turn comes."""
    from functools import partial

    from talkcli.engine.audio.logmel_encoder import TICKS
    from talkcli.engine.face.avatar import load_avatar
    from talkcli.engine.face.rigs import talking_head
    from talkcli.engine.metrics import baselines

    named = [_talker(model, device, seed, skin) for model in models or []]
    talkers = named or list(_installed(device, seed, skin))
    first = avatar or (load_avatar(takes[0].avatar) if takes[0].avatar else talking_head())
    yield "template", baselines.template
    if first.rig is None:
        console.say("The other baselines need the built-in head and are left out.")
    else:
        logits = next((found for found in (_logits(talker) for _, talker, _ in talkers) if found), None)
        found = baselines.recogniser(logits, TICKS)
        yield "loudness jaw", baselines.loudness_jaw
        if found is None:
            console.say(
                "The viseme baseline needs pocketsphinx: pip install 'talkcli[align]'. It is left out."
            )
        else:
            yield f"{found[1]} + visemes", partial(baselines.viseme_table, found[0])
    for name, _, system in talkers:
        yield name, system


def _talker(model: str, device: str, seed: int, skin: bool) -> tuple[str, Any, System]:
    from talkcli.engine.methods import open_talker

    talker = open_talker(model, device)
    if not skin:
        talker.leave_skin()

    def perform(speech: Any, avatar: Any, fps: Any) -> Any:
        return talker.animate(speech, avatar, seed=seed)

    return (Path(model).stem if Path(model).is_file() else model), talker, perform


def _installed(device: str, seed: int, skin: bool) -> Iterator[tuple[str, Any, System]]:
    """Every method whose checkpoint is here."""
    from talkcli.engine.methods import METHODS

    missing = []
    for name in METHODS:
        try:
            yield _talker(name, device, seed, skin)
        except MissingAsset as error:
            missing.append(error)
    if len(missing) == len(METHODS):
        console.warn(f"{missing[0].message} Only the baselines are measured.")


def _logits(talker: Any) -> Callable[[Any], Any] | None:
    """The phone logits of a talker's own ear, if one of its ears hears phones."""
    from talkcli.engine.audio.ears import phone_ear

    found = phone_ear(talker)
    if found is None:
        return None
    ear = found[1]
    device = next(ear.parameters()).device
    return lambda speech: ear.listen(speech.waveform[None].to(device))[0].detach().cpu()


def _performed(
    name: str,
    system: System,
    takes: Sequence[Take],
    metric: Sequence[str] | None,
    regions: Regions,
    avatar: Avatar | None,
    kept: dict[str, list[Case]],
) -> list[Score]:
    from talkcli.engine.metrics.takes import performed

    cases = console.progress(performed(takes, system, avatar), name, len(takes), "clips")
    return _scored(name, cases, metric, regions, kept)


def _scored(
    name: str,
    cases: Iterable[Case],
    metric: Sequence[str] | None,
    regions: Regions,
    kept: dict[str, list[Case]],
) -> list[Score]:
    """Scores of one system; a few of its cases are kept to be drawn."""
    import itertools

    from talkcli.engine.metrics.catalogue import ARTICULATION
    from talkcli.engine.metrics.evaluate import evaluate
    from talkcli.engine.metrics.plots import MOST_TRACES

    stream = iter(cases)
    first = next(stream)
    default = [*(BESIDE_REFERENCE if first.reference else ()), *(ARTICULATION if first.phones else ())]

    def passed() -> Iterator[Case]:
        for case in itertools.chain([first], stream):
            if case.phones is not None and len(kept.setdefault(name, [])) < MOST_TRACES:
                kept[name].append(case)
            yield case

    return evaluate(metric or default or ["all"], passed(), regions, lenient=not metric)


def _rows(system: str, scores: Sequence[Score]) -> Iterator[dict[str, Any]]:
    for score in scores:
        yield {"system": system, **dataclasses.asdict(score)}


def _write_csv(path: Path, scores: Table) -> None:
    """One line for each score, then one for each of its clips, which are named in the column `clip`."""
    from talkcli.engine.files import replacing

    buffer = io.StringIO()
    writer = None
    for name, found in scores.items():
        for row in _rows(name, found):
            each = row.pop("each")
            writer = writer or tables.DictWriter(buffer, ["system", "metric", "clip", *list(row)[2:]])
            if not buffer.tell():
                writer.writeheader()
            writer.writerow({"clip": "", **row})
            writer.writerows(
                {"system": name, "metric": row["metric"], "clip": clip, "value": value, "unit": row["unit"]}
                for clip, value in each.items()
            )
    with replacing(path) as temporary:
        temporary.write_text(buffer.getvalue(), encoding="utf-8")
    console.say(f"Wrote {path}")


def _draw(path: Path, scores: Table, kept: Mapping[str, Sequence[Case]], regions: Regions) -> None:
    from talkcli.engine.metrics.evaluate import listen
    from talkcli.engine.metrics.plots import Trace, save_plot

    traces = []
    for index, case in enumerate(next(iter(kept.values()), [])):
        heard = {name: listen(cases[index], regions) for name, cases in kept.items() if index < len(cases)}
        if case.speech is not None:
            traces.append(Trace(case.name, case.speech, heard))
    save_plot(path, traces, scores)
    console.say(f"Wrote {path}")


ARROWS = {"lower": "↓", "higher": "↑", "nearest 0": "→ 0", "nearest 1": "→ 1", "nearest reference": ""}
"""Which way is better."""


def _show(scores: Table) -> None:
    """Metrics down, systems across; counts and definitions below."""
    first = next(iter(scores.values()))
    found = {name: {score.metric: score for score in row} for name, row in scores.items()}
    known = any(not math.isnan(score.reference) for score in first)
    rows = []
    for score in first:
        values = [row[score.metric].value if score.metric in row else math.nan for row in found.values()]
        cells = [
            "-" if math.isnan(value) else f"{value:.4g}"
            for value in [*values, *([score.reference] if known else [])]
        ]
        unit = f" {score.unit}" if score.unit else ""
        rows.append([f"{score.metric}{unit} {ARROWS[score.better]}", *cells])
    console.table(["metric", *found, *(["reference"] if known else [])], rows)
    for id in (score.metric for score in first):
        score = max((row[id] for row in found.values() if id in row), key=lambda score: score.clips)
        counted = "" if score.events == "clips" else f"{score.count} {score.events} in "
        over = "mean over clips" if score.pooled == "clips" else f"over all {score.events}"
        console.answer(
            f"{score.metric}: {score.definition}; {over}; {counted}{score.clips} clips. [{score.source}]"
        )
    dropped = {name: max((score.dropped for score in row), default=0) for name, row in scores.items()}
    for name, count in dropped.items():
        if count:
            console.say(
                f"{name}: {count} frames had no counterpart at the end of a longer motion and were left out."
            )
