"""What a face does in a film, for another to do: by points that are followed, or read from its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.capture.detector import Detector
from talkcli.engine.capture.film_pictures import film_seconds
from talkcli.engine.capture.film_track import FILM_FPS, whole_motion
from talkcli.engine.capture.film_watch import watched_film
from talkcli.engine.capture.filmed_person import followed_film
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import check_wears, load_rig
from talkcli.engine.methods import load_method, methods_that, open_talker
from talkcli.engine.methods.method import Talker
from talkcli.engine.motion import Motion

BY_SOUND, BY_POINTS, BY_PICTURE = DRIVERS = "sound", "points", "picture"
"""What of a film may drive a face."""


class Driven(NamedTuple):
    motion: Motion
    notes: Sequence[str]


def body_giver(model: str | None, device: str) -> Talker | None:
    """Who gives avatars a body, where a model is named. BadUsage for one that only speaks."""
    if model is None:
        return None
    talker = open_talker(model, device)
    if load_method(talker.method).embodies is None:
        able = " or ".join(methods_that(lambda method: method.embodies is not None))
        raise BadUsage(
            f"{talker.method} does nothing but speak, and nothing is said here.",
            f"Leave --model out, or take {able}, whose Gaussian heads act.",
        )
    return talker


def driven_by_points(path: Path, avatar: Avatar, detector: Detector, fps: Fraction | None) -> Driven:
    """By points of the face, in every picture of the film that shows it. BadInput where none does, and for an
    avatar of another rig."""
    check_wears(avatar, DEFAULT_RIG)
    tracked = followed_film(watched_film(path, detector, float("inf")))
    whole = film_seconds(path) or float(tracked.seconds[-1])
    motion = whole_motion(tracked, load_rig(DEFAULT_RIG), whole, fps or FILM_FPS)
    notes = [
        f"{part.start:.1f}-{part.stop:.1f} s: {part.reason}; the face waits there."
        for part in tracked.watched.left_out
    ]
    return Driven(_signed(motion, avatar, "points of mediapipe"), notes)


def driven_by_picture(path: Path, avatar: Avatar, talker: Talker | None, fps: Fraction | None) -> Driven:
    """By what the encoder reads in each picture: the talker's own, or the one that ships."""
    from talkcli.engine.methods.unigaha.film_eye import film_read_motion, read_film, shipped_eye

    own = getattr(talker, "seeing", None)
    eye = shipped_eye() if own is None else own.cpu()
    check_wears(avatar, eye.config.rig)
    read = read_film(eye, path)
    whole = film_seconds(path) or float(read.seconds[-1])
    motion = film_read_motion(eye, read, whole, fps or FILM_FPS)
    notes = [
        f"{start:.1f}-{stop:.1f} s: no face is seen; that of the avatar goes straight from before to after."
        for start, stop in read.gone
    ]
    return Driven(_signed(motion, avatar, "the encoder of unigaha"), notes)


def _signed(motion: Motion, avatar: Avatar, by: str) -> Motion:
    return replace(motion, provenance={**motion.provenance, "avatar": avatar.name, "driven_by": by})
