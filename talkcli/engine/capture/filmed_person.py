"""A film of somebody becomes an avatar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.capture.covered_parts import covering_note
from talkcli.engine.capture.dark_faces import NO_TONE, check_light, dim_note, light_on_face, too_dark
from talkcli.engine.capture.detector import Detector, Photo
from talkcli.engine.capture.dressed_person import PersonShot, dressed_person
from talkcli.engine.capture.film_pictures import film_pictures, film_seconds
from talkcli.engine.capture.film_track import TrackedFilm, tracked_film
from talkcli.engine.capture.film_watch import SHORTEST_RUN, SMALL_FACE, WatchedFilm
from talkcli.engine.capture.photographed_skin import EYES_SHUT
from talkcli.engine.capture.sight import eye_distances
from talkcli.engine.device import on_threads
from talkcli.engine.errors import BadInput, naming
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.studio.arrays import Array

SKIN_SHOTS = 9
"""Pictures that paint the skin, beside the one with shut eyes."""

FEW_SECONDS = 5.0
"""Of one face, with which an avatar is poor."""

CALM_SHAPES = (
    "jawOpen", "mouthSmileLeft", "mouthSmileRight", "mouthFunnel", "mouthPucker", "eyeBlinkLeft",
    "eyeBlinkRight",
)  # fmt: skip
"""What the picture that an avatar keeps does as little of as may be."""

STRANGE_FILM = 0.03
"""Eye distances that points are off by, of what is no human face."""

GLIMPSES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Shares of a film after which it is looked at for light."""

_SAME_TIME = 2e-3
"""Seconds."""


@dataclass(frozen=True)
class FilmReport:
    """How well a film became an avatar."""

    pictures: int
    """That were followed"""
    seconds: tuple[tuple[float, float], ...]
    """From when to when of the film"""
    left_out: tuple[tuple[float, float, str], ...]
    """From when to when of the film, and why"""
    residual: float
    """Root mean square distance of the points, eye distances"""
    pixels: float
    """Between the eyes"""
    degrees: float
    """From the head turned farthest to one side to that to the other"""
    style: str
    """Of the hair"""
    notes: tuple[str, ...]


def check_film_light(path: Path, detector: Detector) -> None:
    """BadInput where whoever a film shows is too dark in each of a few pictures, before it is watched."""
    lights = [light_on_face(glimpse, faces[0]) for glimpse, faces in _glimpses(path, detector) if faces]
    if lights and max(lights) < NO_TONE:
        raise too_dark(path)


def _glimpses(path: Path, detector: Detector) -> Iterator[tuple[Photo, list[Array]]]:
    """A few pictures of a film, and the faces that they show."""
    for share in GLIMPSES:
        moment = share * film_seconds(path)
        for first in islice(film_pictures(path, moment, moment + SHORTEST_RUN), 1):
            yield first.picture, detector.faces(first.picture)


@on_threads(1)  # in steps so small threads would wait for each other
def followed_film(watched: WatchedFilm) -> TrackedFilm:
    """A film on the built-in head. BadInput where it shows nobody to be made."""
    tracked = tracked_film(load_rig(DEFAULT_RIG), watched)
    if tracked.person.residual > STRANGE_FILM:
        raise BadInput(
            f"The face in {watched.path} is no human face that is to be made: its points are "
            f"{tracked.person.residual:.1%} of the eye distance off.",
            "Give a film of a person from the front, with mouth and eyes in sight.",
        )
    return tracked


@on_threads(1)
def avatar_of_film(tracked: TrackedFilm, detector: Detector, name: str) -> tuple[Avatar, FilmReport]:
    """The avatar of whom a film shows, as filmed."""
    chosen = skin_pictures(tracked)
    pictures = pictures_of(tracked, chosen)
    shots = [
        PersonShot(pictures[number], tracked.points[number], tracked.person.part([number]))
        for number in chosen
    ]
    picture, points, _ = shots[0]
    check_light(tracked.watched.path, picture, points)
    with naming(tracked.watched.path):
        avatar, style = dressed_person(shots, detector, name, "a film")
    return avatar, _reported(tracked, style, dim_note(picture, points) or covering_note(picture, points))


def _reported(tracked: TrackedFilm, style: str, seen: tuple[str, ...]) -> FilmReport:
    runs = tracked.watched.runs
    pixels = float(np.median(eye_distances(tracked.points)))
    sides = head_yaws(tracked)
    degrees = float(np.percentile(sides, 98) - np.percentile(sides, 2))
    length = sum(run.length for run in runs)
    notes = []
    if pixels < SMALL_FACE:
        notes.append(f"The face is small ({pixels:.0f} pixels between the eyes): its skin will be coarse.")
    if length < FEW_SECONDS:
        notes.append(
            f"It shows the face for {length:.1f} s: {FEW_SECONDS:g} s and more make a better avatar."
        )
    return FilmReport(
        len(tracked.kept_out),
        tuple((float(run.seconds[0]), float(run.seconds[-1])) for run in runs),
        tuple((part.start, part.stop, part.reason) for part in tracked.watched.left_out),
        tracked.person.residual,
        pixels,
        degrees,
        style,
        (*notes, *seen),
    )


def head_yaws(tracked: TrackedFilm) -> Array:
    """[n] degrees that the head is turned to the camera's right."""
    fit = tracked.person.fit
    toward = -fit.shifts / np.linalg.norm(fit.shifts, axis=1, keepdims=True)
    ahead = fit.turns[:, :, 2]
    return np.degrees(np.arctan2(ahead[:, 0], ahead[:, 2]) - np.arctan2(toward[:, 0], toward[:, 2]))


def skin_pictures(tracked: TrackedFilm) -> list[int]:
    """The pictures that tell most of a skin, none that is kept out: first the calmest sharp one from the
    front, then the sharpest towards each side, then one with shut eyes where there is one."""
    free = np.flatnonzero(~tracked.kept_out)
    names, weights = tracked.person.marks.names, tracked.person.fit.weights[free]
    sharp = tracked.sharp[free] / max(float(np.median(tracked.sharp)), 1e-6)
    yaw = head_yaws(tracked)[free]
    columns = [names.index(shape) for shape in CALM_SHAPES]
    stir = (
        weights[:, columns].sum(1) + 0.06 * np.abs(yaw) + _haste(tracked)[free] - 0.5 * np.minimum(sharp, 1.3)
    )
    blinks = weights[:, [names.index(f"eyeBlink{side}") for side in ("Left", "Right")]].min(1)
    first = int(stir.argmin())
    chosen = [first]
    open_eyes = blinks < 0.3
    edges = np.quantile(yaw, np.linspace(0, 1, SKIN_SHOTS))
    for low, high in pairwise(edges):
        there = np.flatnonzero((yaw >= low) & (yaw <= high) & open_eyes)
        if len(there):
            best = int(there[sharp[there].argmax()])
            chosen += [best] if best not in chosen else []
    shut = np.flatnonzero(blinks > EYES_SHUT)
    if len(shut):
        best = int(shut[(sharp - 0.02 * np.abs(yaw - yaw[first]))[shut].argmax()])
        chosen += [best] if best not in chosen else []
    return free[chosen].tolist()


def _haste(tracked: TrackedFilm) -> Array:
    """[n] how far points move from picture to picture, in tenths of the eye distance: such are
    blurred."""
    moved = np.zeros(len(tracked.kept_out))
    for span in tracked.spans:
        steps = np.linalg.norm(np.diff(tracked.points[span, ::8], axis=0), axis=-1).mean(1)
        moved[span] = np.maximum(np.r_[steps[:1], steps], np.r_[steps, steps[-1:]])
    return 10 * moved / tracked.person.sight.unit


def pictures_of(tracked: TrackedFilm, numbers: Iterable[int]) -> dict[int, Photo]:
    """Some of the n pictures, read again."""
    times = tracked.seconds
    wanted = sorted(numbers, key=lambda number: times[number])
    found: dict[int, Photo] = {}
    if not wanted:
        return found
    start, stop = times[wanted[0]] - _SAME_TIME, times[wanted[-1]] + _SAME_TIME
    left = iter(wanted)
    number = next(left)
    for each in film_pictures(tracked.watched.path, max(0.0, start), stop + _SAME_TIME):
        if abs(each.seconds - times[number]) < _SAME_TIME:
            found[number] = each.picture
            if (number := next(left, -1)) < 0:
                break
    return found
