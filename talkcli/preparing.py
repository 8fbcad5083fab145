"""What `talk prepare` makes besides converting what others laid out: recordings, captures, clips of films."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from talkcli import console
from talkcli.engine.corpora import Outcome
from talkcli.engine.errors import BadUsage, counted


def seated(
    what: str,
    target: Path,
    config: Path | None,
    given: list[str],
    seed: int | None,
    jobs: int,
    anew: bool,
    json: bool,
) -> None:
    """People before the studio's cameras: captures or portraits."""
    with console.step("Opening the studio"):
        from talkcli.engine.config import load_toml, parse_settings, with_values
        from talkcli.engine.studio.captures import CAPTURES, CapturePlan
        from talkcli.engine.studio.portraits import PORTRAITS, PortraitPlan
        from talkcli.engine.studio.sessions import lacking_people, sit_all

    kinds = {CAPTURES.what: (CAPTURES, CapturePlan()), PORTRAITS.what: (PORTRAITS, PortraitPlan())}
    sitting, plain = kinds[what]
    values: dict[str, Any] = load_toml(config) if config else {}
    chosen = {} if seed is None else {"seed": seed}
    plan = with_values(plain, values | chosen | parse_settings(given))
    count = len(lacking_people(sitting, plan, target, anew))
    made = list(console.progress(sit_all(sitting, plan, target, jobs), f"Preparing {what}", count, "people"))
    console.say(f"{len(made)} new people")
    console.answer_json({what: target, "written": len(made)}) if json else console.answer(target)


def recorded(
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


def filmed(
    source: Path, target: Path, config: Path | None, given: list[str], jobs: int, overwrite: bool
) -> Iterator[Outcome]:
    """The clips of films."""
    if jobs > 1:
        raise BadUsage("Films are followed one after the other.", "Leave --jobs out.")
    with console.step(f"Looking at {source}"):
        from talkcli.engine.capture.detector import MediaPipe
        from talkcli.engine.capture.footage_clips import FootagePlan, films_in, footage_clips
        from talkcli.engine.config import load_toml, parse_settings, with_values

        values: dict[str, Any] = load_toml(config) if config else {}
        plan = with_values(FootagePlan(), values | parse_settings(given))
        films_in(source)  # what is no film needs no detector
        detector = MediaPipe()
    yield from footage_clips(source, target, detector, plan, overwrite)


def tell(outcomes: list[Outcome], target: Path, json: bool) -> None:
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
