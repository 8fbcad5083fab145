"""Speech spoken by a talker: its motion, with the life that it does not move itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from talkcli.engine.audio.told import Told, reading_along
from talkcli.engine.config import with_values
from talkcli.engine.editing.dials import AS_SPOKEN, Dials, as_dialled
from talkcli.engine.editing.emote import check_moods, emoted
from talkcli.engine.editing.life import LifeAmounts, unmoved, with_life
from talkcli.engine.editing.mood_schedule import MoodSpan
from talkcli.engine.editing.retiming import at_rate
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.methods import load_method, methods_that
from talkcli.engine.methods.captured import styled, unused_manner
from talkcli.engine.methods.method import Talker
from talkcli.engine.motion import WHAT_IS_SPOKEN, Motion, sensible
from talkcli.engine.rendering.shot import AS_USUAL, MESH, PHOTO, Shot, check_shot, needs_pictures
from talkcli.engine.speech import Speech

NO_LIFE = LifeAmounts(0, 0, 0, 0)
_TOGETHER = {"cuda": 8, "cpu": 4}
"""Recordings whose windows are one batch, by kind of device: more are hardly faster."""


def spoken_motion(
    talker: Talker,
    speech: Speech,
    avatar: Avatar,
    *,
    seed: int = 0,
    fps: Fraction | None = None,
    dials: Dials = AS_SPOKEN,
    moods: Sequence[MoodSpan] = (),
    told: Told | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Motion:
    """The motion of `avatar` saying `speech` in moods, at `fps` or the talker's own rate, as the dials are
    turned.

    `told`: what is said, for a talker that hears phones. Errors as in `reading_along`.
    """
    with reading_along(talker, told):
        motion = sensible(talker.animate(speech, avatar, seed=seed, progress=progress), WHAT_IS_SPOKEN)
    if told is not None:
        motion = replace(
            motion, provenance={**motion.provenance, "told": "by words" if told.words else "by phones"}
        )
    if fps is not None:
        motion = at_rate(motion, fps)
    motion = as_dialled(motion, dials)
    if dials.turned:
        motion = replace(motion, provenance={**motion.provenance, "dials": dials.turned})
    if dials.amounts != NO_LIFE:
        motion = with_life(motion, speech, avatar, seed, talker.moves, dials.amounts)
    return emoted(motion, avatar, moods) if moods else motion


def recordings_together(talker: Talker) -> int:
    """How many recordings a talker had better speak at the same time (`together`); one where it draws no
    windows."""
    device = next(talker.parameters()).device
    return 1 if talker.sampling is None else _TOGETHER.get(device.type, 1)


def made_ready(
    talker: Talker,
    avatar: Avatar,
    styles: Mapping[str | None, Path],
    dials: Dials,
    paths: Sequence[Path],
    shot: Shot,
) -> tuple[Avatar, list[str]]:
    """The avatar as it is to speak: in the manners of `styles` (as in `styled`), and where pictures are to be
    made of it, in the body that the talker's method gives to those who have none; and what is to be said of
    it."""
    notes = [
        words
        for words in (unused_manner(talker, avatar), unmoved(avatar, talker.moves, dials.turned))
        if words
    ]
    if styles:
        avatar = styled(talker, avatar, styles)
    avatar, more = embodied_for(talker, avatar, paths, shot)
    return avatar, [*notes, *more]


def embodied_for(
    talker: Talker, avatar: Avatar, paths: Sequence[Path], shot: Shot
) -> tuple[Avatar, list[str]]:
    """The avatar in the body that the talker's method gives to those who have none, where pictures are to be
    made of it; and what is to be said of that."""
    embodies = load_method(talker.method).embodies
    shown = needs_pictures(paths) and shot.form != MESH and shot.renderer == AS_USUAL.renderer
    shown = shown and shot.stage != PHOTO
    if embodies is None or avatar.has_gaussians or not shown:
        return avatar, []
    try:
        return embodies(talker, avatar), []
    except BadInput as error:
        return avatar, [f"{error.message} Its mesh is drawn."]


def set_sampling(talker: Talker, settings: Mapping[str, Any]) -> None:
    """Change how the talker draws, by name. BadUsage where it draws nothing."""
    if not settings:
        return
    if talker.sampling is None:
        raise BadUsage(f"{talker.method} draws nothing, so nothing can be set.", "Leave --set out.")
    talker.sampling = with_values(talker.sampling, settings)


def check_outputs(
    paths: Sequence[Path], talker: Talker, avatar: Avatar, shot: Shot, moods: Sequence[MoodSpan] = ()
) -> None:
    """BadUsage, before the talker is at work, for what could not be written of its motion; BadInput for moods
    that the avatar has not."""
    check_moods(avatar, moods)
    if any(path.suffix.lower() == ".textures" for path in paths) and "skin" not in talker.moves:
        able = " or ".join(methods_that(lambda method: "skin" in method.moves))
        hint = f"For .textures take --model {able}."
        raise BadUsage(f"{talker.method} leaves the skin as it is.", hint)
    check_shot(shot, avatar, paths, talker.moves if needs_pictures(paths) else ())
