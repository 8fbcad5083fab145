"""Which mood a face is in when, as users write it: `happy:0.7@0-2,sad:strong@2.5-5`."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.editing.moods import level_named, mood_named
from talkcli.engine.editing.strokes import eased
from talkcli.engine.errors import BadUsage

FADE_SECONDS = 0.5
"""In which a mood comes and goes; a longer gap between two of up to twice as much is one cross-fade."""

_ENTRY = re.compile(r"([^:@,]+)(?::([^:@,]+))?(?:@(\d+\.?\d*)-(\d+\.?\d*)?)?")
_FORM = (
    "Write NAME, NAME:LEVEL or NAME:LEVEL@FROM-TO (seconds), with commas between: happy:0.7@0-2,sad@2.5-5."
)


@dataclass(frozen=True)
class MoodSpan:
    """One mood for some time."""

    mood: str
    level: float = 1.0
    start: float = 0.0
    stop: float = math.inf
    """Seconds."""
    timed: bool = False
    """Whether it was written with its time; moods that were not last throughout, together."""


def parse_moods(text: str) -> tuple[MoodSpan, ...]:
    """The moods of a text. BadUsage for another form, unknown moods or levels, and times that overlap."""
    spans = tuple(_span(entry.strip()) for entry in text.split(","))
    timed = [span for span in spans if span.timed]
    if timed and len(timed) < len(spans):
        raise BadUsage(f"'{text}' gives a time to some moods alone.", "Give all of them one, or none.")
    for before, after in itertools.pairwise(timed):
        if after.start < before.stop:
            when = f"{after.mood} begins at {after.start:g} s, before {before.mood} ends"
            raise BadUsage(f"'{text}': {when}.", "Write them in order, one after the other.")
    twice = [mood for mood, times in Counter(span.mood for span in spans).items() if times > 1]
    if twice and not timed:
        raise BadUsage(f"'{text}' is {twice[0]} twice.", "Give each mood once, or each its time: @FROM-TO.")
    return spans


def named_moods(spans: Sequence[MoodSpan]) -> str:
    """Their names, each once, for a file's name."""
    return "-".join(dict.fromkeys(span.mood for span in spans))


def late_moods(spans: Sequence[MoodSpan], seconds: float) -> list[str]:
    """What is to be told of moods that begin after the end."""
    return [
        f"{span.mood} begins at {span.start:g} s, and the motion ends at {seconds:.1f} s: it is not seen."
        for span in spans
        if span.start >= seconds
    ]


def _span(entry: str) -> MoodSpan:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise BadUsage(f"'{entry}' is not a mood.", _FORM)
    name, level, start, stop = match.groups()
    span = MoodSpan(mood_named(name), level_named(level) if level else 1.0)
    if start is None:
        return span
    first, last = float(start), float(stop) if stop else math.inf
    if last <= first:
        raise BadUsage(f"'{entry}' ends before it begins.", _FORM)
    return MoodSpan(span.mood, span.level, first, last, timed=True)


def mood_levels(
    spans: Sequence[MoodSpan], frames: int, fps: Fraction
) -> list[tuple[str, Float[Tensor, " frames"]]]:
    """How far each mood is on at each frame, without a jerk anywhere (C1).

    A mood has its level from start to stop. From one to the next it is a cross-fade over the gap between
    them, FADE_SECONDS at least; a longer gap than two of these is neutral in between.
    """
    time = torch.arange(frames, dtype=torch.float64) / float(fps)
    tracks = []
    for number, span in enumerate(spans):
        track = torch.full_like(time, span.level)
        before = spans[number - 1] if span.timed and number else None
        after = spans[number + 1] if span.timed and number + 1 < len(spans) else None
        if span.start > 0 or before is not None:
            first, last = _fade(None if before is None else before.stop, span.start, rises=True)
            track *= eased(((time - first) / (last - first)).clamp(0, 1))
        if math.isfinite(span.stop):
            first, last = _fade(span.stop, None if after is None else after.start, rises=False)
            track *= 1 - eased(((time - first) / (last - first)).clamp(0, 1))
        tracks.append((span.mood, track.float()))
    return tracks


def _fade(stop: float | None, start: float | None, rises: bool) -> tuple[float, float]:
    """Seconds from where to where one mood goes (`stop`) and the next one comes (`start`), or one of them."""
    if stop is not None and start is not None and start - stop <= 2 * FADE_SECONDS:
        middle, half = (stop + start) / 2, max(FADE_SECONDS, start - stop) / 2
        return middle - half, middle + half
    if rises:
        assert start is not None
        return start - FADE_SECONDS, start
    assert stop is not None
    return stop, stop + FADE_SECONDS
