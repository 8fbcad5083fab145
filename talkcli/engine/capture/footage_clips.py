"""Films of anybody as clips: what was said, and what face and head did."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import torch

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.capture.detector import Detector
from talkcli.engine.capture.dressed_person import SKIN_QUALITY
from talkcli.engine.capture.film_track import FILM_FPS, TrackedFilm, run_motion, run_speech
from talkcli.engine.capture.film_watch import watched_film
from talkcli.engine.capture.filmed_person import avatar_of_film, check_film_light, followed_film
from talkcli.engine.clips import (
    CONTENTS_FILE,
    FOOTAGE,
    Clip,
    Contents,
    has_clip,
    lay_out,
    load_contents,
    save_clip,
    save_contents,
)
from talkcli.engine.corpora import Outcome
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import load_rig, talking_head
from talkcli.engine.gate import check_clip
from talkcli.engine.speech import SAMPLE_RATE, Speech, load_speech
from talkcli.engine.video import has_sound, is_film

FILMS_TERMS = "whatever the films are under; use those of people who have agreed to it"

TRAIN, VAL, TEST = "train", "val", "test"

FEWEST_SPLIT = 3
"""Clips of somebody of which one validates and one tests."""

TESTS_SHARE = 0.1
"""Of more clips, how many do either."""


@dataclass(frozen=True)
class FootagePlan:
    """How films become clips."""

    seconds: float = 600.0
    """Of each film at most"""
    clip: float = 8.0
    """Seconds of a clip at most"""
    skin: bool = True
    """Whether whoever speaks has the film's skin, hair and clothes, which takes half a minute a film"""

    def __post_init__(self) -> None:
        if not (1 <= self.clip <= self.seconds <= 36_000):
            raise ValueError("clip is 1 s at least, seconds are more than a clip and ten hours at most")


def footage_clips(
    source: Path, folder: Path, detector: Detector, plan: FootagePlan, overwrite: bool = False
) -> Iterator[Outcome]:
    """Write the clips of a film, or of all in a folder, each somebody's; yields what became of each part.

    A film whose clips are all there is left as it is. BadInput where no clips come of it; BadUsage as in
    `lay_out`.
    """
    films = films_in(source)
    made = {"corpus": FOOTAGE, "synthetic": True, **dataclasses.asdict(plan)}
    contents = Contents({TRAIN: [], VAL: [], TEST: []}, FILMS_TERMS, FOOTAGE, made)
    if (folder / CONTENTS_FILE).is_file():
        contents = replace(contents, splits=load_contents(folder).splits)
    lay_out(contents, folder, overwrite)
    if overwrite:
        contents = replace(contents, splits={TRAIN: [], VAL: [], TEST: []})
    for film in films:
        known = [name for names in contents.splits.values() for name in names]
        own = [name for name in known if name.split("/")[0] == film.stem]
        if own and all(has_clip(folder, name) for name in own):
            continue
        names: list[str] = []
        for outcome in _clips_of_film(film, folder, detector, plan):
            names += [outcome.name] if outcome.fate == "kept" else []
            yield outcome
        contents = replace(contents, splits=_with_clips(contents, film.stem, names))
        save_contents(contents, folder)
    if not any(contents.splits.values()):
        raise BadInput(
            f"{source} gave no clips.", "Give films with sound of one person each, from the front."
        )


def films_in(source: Path) -> list[Path]:
    """A film, or those of a folder by name. BadInput where there is none, or two would be one speaker."""
    if source.is_dir():
        films = [path for path in sorted(source.iterdir()) if path.is_file() and is_film(path)]
    else:
        films = [source] if source.is_file() and is_film(source) else []
    if not films:
        there = "holds no films" if source.is_dir() else "is no film" if source.exists() else "does not exist"
        raise BadInput(f"{source} {there}.", "talk prepare footage FILM clips/")
    speakers: dict[str, Path] = {}
    for film in films:
        other = speakers.setdefault(film.stem.casefold(), film)
        if other is not film:
            raise BadInput(
                f"{source} holds {other.name} and {film.name}, which would be one speaker, {film.stem}.",
                "Rename one of them, or put it elsewhere.",
            )
    return films


def _clips_of_film(film: Path, folder: Path, detector: Detector, plan: FootagePlan) -> Iterator[Outcome]:
    try:
        if not has_sound(film):
            raise BadInput(f"{film} has no sound.")
        if plan.skin:
            check_film_light(film, detector)
        tracked = followed_film(watched_film(film, detector, plan.seconds))
        speech = load_speech(film)
        person = bare_person(tracked, film.stem)
        if plan.skin:
            person = avatar_of_film(tracked, detector, film.stem)[0]
    except BadInput as error:
        yield Outcome(film.stem, fate="refused", reason=error.message)
        return
    for part in tracked.watched.left_out:
        yield Outcome(f"{film.stem} {part.start:.1f}-{part.stop:.1f} s", fate="skipped", reason=part.reason)
    for number, clip in enumerate(clips_of(tracked, speech, person, plan.clip)):
        check_clip(clip.speech, clip.motion, clip.avatar)
        save_clip(clip, folder, name := f"{film.stem}/{number:03d}", SKIN_QUALITY)
        yield Outcome(name, clip.speech.seconds, notes=() if number else speech.notes)


def clips_of(
    tracked: TrackedFilm, speech: Speech, person: Avatar, longest: float = FootagePlan.clip
) -> Iterator[Clip]:
    """What is said and done in every run, in clips of at most so many seconds."""
    model = load_rig(DEFAULT_RIG)
    for run, watched in enumerate(tracked.watched.runs):
        motion = run_motion(tracked, model, run)
        heard = run_speech(speech, watched, len(motion))
        for start, stop in _pieces_of(len(motion), longest):
            first, last = (round(Fraction(f) / FILM_FPS * SAMPLE_RATE) for f in (start, stop))
            said = replace(heard, waveform=heard.waveform[first:last])
            yield Clip(said, motion.part(start, stop), person)


def _pieces_of(frames: int, longest: float) -> list[tuple[int, int]]:
    """Parts of a run, of like length, none longer than so many seconds."""
    count = max(1, -(-frames // max(1, round(longest * FILM_FPS))))
    edges = [round(frames * number / count) for number in range(count + 1)]
    return list(pairwise(edges))


def bare_person(tracked: TrackedFilm, name: str) -> Avatar:
    """Who is filmed, by form alone."""
    identity = torch.from_numpy(tracked.person.fit.identity).float()
    return replace(talking_head(), name=name, neutral=tracked.person.neutral, identity=identity)


def _with_clips(contents: Contents, speaker: str, names: list[str]) -> dict[str, list[str]]:
    """The splits with somebody's clips: the last ones test, those before them validate."""
    splits = {
        split: [name for name in had if name.split("/")[0] != speaker]
        for split, had in contents.splits.items()
    }
    few = max(1, round(TESTS_SHARE * len(names))) if len(names) >= FEWEST_SPLIT else 0
    ends = len(names) - 2 * few, len(names) - few
    for split, part in ((TRAIN, names[: ends[0]]), (VAL, names[ends[0] : ends[1]]), (TEST, names[ends[1] :])):
        splits[split] = [*splits[split], *part]
    return splits
