"""Emote: a mood on a motion, frame by frame, or on an avatar, whose resting expression it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from talkcli.engine.editing.mood_schedule import MoodSpan, mood_levels
from talkcli.engine.editing.mood_templates import MoodTemplates, mood_expression
from talkcli.engine.editing.moods import NEUTRAL_MOOD
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.expressed import expressed
from talkcli.engine.face.expression import Expression
from talkcli.engine.face.geometry import check_moves
from talkcli.engine.motion import Motion


def emoted(
    motion: Motion, avatar: Avatar, spans: Sequence[MoodSpan], templates: MoodTemplates | None = None
) -> Motion:
    """The motion in these moods, on top of what it does; lips that meet and lids that shut still do.

    BadInput for an avatar that it cannot move, or for which there are no moods.
    """
    check_moves(motion, avatar)
    levels = mood_levels(spans, len(motion), motion.fps)
    held = [(mood_expression(mood, avatar, templates), level) for mood, level in levels if level.any()]
    told = tuple({"mood": span.mood, "level": span.level, **_when(span)} for span in spans)
    provenance = {**motion.provenance, "moods": (*motion.provenance.get("moods", ()), *told)}
    return replace(expressed(motion, avatar, held) if held else motion, provenance=provenance)


def check_moods(avatar: Avatar, spans: Sequence[MoodSpan], templates: MoodTemplates | None = None) -> None:
    """BadInput, before any work, where there are no such moods for this avatar."""
    for span in spans:
        mood_expression(span.mood, avatar, templates)


def _when(span: MoodSpan) -> dict[str, float]:
    ends = {"from": span.start, "to": span.stop}
    return {name: second for name, second in ends.items() if span.timed and second != float("inf")}


def with_mood(avatar: Avatar, spans: Sequence[MoodSpan], templates: MoodTemplates | None = None) -> Avatar:
    """The avatar with these moods together as its resting expression, in place of the one it had.

    BadUsage for moods that have their times; BadInput where there are none for this avatar.
    """
    if any(span.timed for span in spans):
        raise BadUsage("An avatar has no times for its moods.", "Leave @FROM-TO out, or give a motion.")
    faces = [
        mood_expression(span.mood, avatar, templates).map(lambda face, level=span.level: level * face)
        for span in spans
        if span.mood != NEUTRAL_MOOD and span.level
    ]
    if not faces:
        return replace(avatar, rest=None)
    parts = (torch.stack([getattr(face, name) for face in faces]).sum(0) for name in vars(faces[0]))
    return replace(avatar, rest=Expression(*parts))
