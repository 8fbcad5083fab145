"""Moods that are heard in a recording and not written down."""

from __future__ import annotations

from talkcli.engine.audio.mood_ear import MoodEar, load_mood_ear
from talkcli.engine.editing.mood_schedule import MoodSpan, late_moods, parse_moods
from talkcli.engine.editing.moods import NEUTRAL_MOOD
from talkcli.engine.errors import BadUsage
from talkcli.engine.speech import Speech

AUTO = "auto"
"""What stands for the mood that is heard."""
SURE = 0.4
"""Probability from which on a mood is taken. Of 90 clips of studio voices that nothing learnt from 28 are
named rightly, and of 6 so sure 5; of 92 people who read without a mood none is given one."""


def written_moods(asked: str | None) -> tuple[MoodSpan, ...]:
    """Those of `--emotion`, none where they are to be heard. BadUsage as in `parse_moods`."""
    if asked is None or asked.strip() == AUTO:
        return ()
    try:
        return parse_moods(asked)
    except BadUsage as error:
        raise BadUsage(error.message, f"{error.hint} Or {AUTO}: the mood that is heard.") from error


def moods_of(asked: str | None, speech: Speech, name: str) -> tuple[tuple[MoodSpan, ...], list[str]]:
    """The moods of a recording called `name`, and what is to be said of them: those that were written, or for
    AUTO the likeliest one at level 1, if it is likely enough."""
    if asked is None or asked.strip() != AUTO:
        spans = written_moods(asked)
        return spans, late_moods(spans, speech.seconds)
    return mood_heard(load_mood_ear(), speech, name)


def mood_heard(ear: MoodEar, speech: Speech, name: str) -> tuple[tuple[MoodSpan, ...], list[str]]:
    """What one ear makes of a recording: the likeliest mood if it is sure of it."""
    heard = ear.heard(speech)
    mood = max(heard, key=lambda each: heard[each])
    said = f"{name} sounds {mood} ({100 * heard[mood]:.0f} % sure, by intonation alone)"
    if heard[mood] < SURE:
        return (), [f"{said}: too unsure, no mood is taken; name one with --emotion."]
    return () if mood == NEUTRAL_MOOD else (MoodSpan(mood),), [f"{said}."]
