"""How somebody speaks in their film, by every method that takes a style from clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from talkcli.engine.capture.film_track import TrackedFilm
from talkcli.engine.capture.footage_clips import TRAIN, bare_person, clips_of
from talkcli.engine.clips import FOOTAGE, Contents, save_clip, save_contents
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.methods import installed, load_method, methods_that, open_talker
from talkcli.engine.methods.method import Talker
from talkcli.engine.speech import Speech


def film_talkers(model: str | None, device: str) -> tuple[list[Talker], Talker | None]:
    """Those in whose manner somebody filmed is to speak, and whose body they get: the one that is asked for;
    where none is, or one that gives bodies, every method here that takes a style from clips. BadUsage for one
    that does neither."""
    asked = None if model is None else open_talker(model, device)
    embodies = asked is not None and load_method(asked.method).fits is not None
    able = methods_that(lambda method: "clips" in method.captures)
    if asked is not None and not embodies:
        if asked.method not in able:
            hint = f"Leave --model out, or take {' or '.join(able)}."
            raise BadUsage(f"{asked.method} takes no style from a film.", hint)
        return [asked], None
    return [open_talker(name, device) for name in installed() if name in able], asked


def with_film_manners(
    avatar: Avatar, tracked: TrackedFilm, speech: Speech, talkers: Sequence[Talker]
) -> Avatar:
    """The avatar with the styles of these talkers that a film shows: what was said and done in it."""
    with TemporaryDirectory() as place:
        folder, names = Path(place), []
        bare = bare_person(tracked, avatar.name)
        for number, clip in enumerate(clips_of(tracked, speech, bare)):
            save_clip(clip, folder, name := f"{FOOTAGE}/{number:03d}")
            names.append(name)
        save_contents(Contents({TRAIN: names}, "", FOOTAGE), folder)
        for talker in talkers:
            avatar = load_method(talker.method).captures["clips"](talker, folder, avatar)
    return avatar
