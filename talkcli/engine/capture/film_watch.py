"""Watching a film: where one face is to be followed, and why elsewhere not."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.detector import MESH_POINTS, Detector, Photo
from talkcli.engine.capture.detector_errors import DetectorErrors
from talkcli.engine.capture.face_looks import SAME_PERSON, face_looks, likeness
from talkcli.engine.capture.film_pictures import film_pictures, film_seconds
from talkcli.engine.capture.lip_edges import Lines, mouth_lines, with_seen_lips
from talkcli.engine.capture.sight import eye_distances
from talkcli.engine.errors import BadInput
from talkcli.engine.rendering.render import made_before
from talkcli.engine.studio.arrays import Array

PICTURES_APART = 1 / 45
"""Seconds: of faster films only some pictures are looked at."""

SHORTEST_RUN = 1.0
"""Seconds that a face must be seen in one go."""

LOST_FOR = 0.25
"""Seconds without a face, or between two pictures, that end what is followed."""

SMALLEST_FACE, SMALL_FACE = 25.0, 60.0
"""Pixels between the eyes below which a face is not followed, and below which it is coarse."""

SOMEBODY_BESIDE = 0.3
"""Area of another face, of the largest one's, from which on it is a second person."""

LEAP, SWELLING = 0.6, 1.5
"""How far a face moves, in its widths, and how much it grows or shrinks between two pictures, where what
follows is another scene."""

CUT, THUMB = 24.0, 24
"""Grey levels by which small pictures of a scene differ from those of another, on average; pixels of their
sides."""

BEFORE_AND_AFTER = 8
"""Pictures before a moment, and after it, by which it is known that one person follows on another in the
same place."""

GLANCES = 0.5
"""Seconds between the pictures by which a long film is surveyed."""

_READ_AHEAD = 2
"""Pictures."""

NO_FACE, SECOND, TOO_SMALL, TOO_SHORT, BETTER = (
    "no face is seen", "a second face is seen", "the face is too small", "it is too short",
    "other parts are better",
)  # fmt: skip
"""Why parts of a film are left out."""


@dataclass(frozen=True)
class LeftOut:
    start: float
    """Seconds"""
    stop: float
    reason: str


@dataclass(frozen=True)
class FaceRun:
    """One face in one scene, picture after picture; n of them."""

    seconds: Array
    """[n] of each picture, since the film's beginning"""
    points: Array
    """[n, MESH_POINTS, 2] column and row, pixels; the lower lip's edge where the pictures show it"""
    sharp: Array
    """[n] how sharp the face is, beside other pictures of the film"""
    looks: Array
    """[cells] of the face, on average"""

    @property
    def length(self) -> float:
        return float(self.seconds[-1] - self.seconds[0])


@dataclass(frozen=True)
class WatchedFilm:
    path: Path
    size: tuple[int, int]
    """Width and height of its pictures as they are read"""
    runs: tuple[FaceRun, ...]
    left_out: tuple[LeftOut, ...]
    errors: DetectorErrors | None = None
    """How points in it err by whom they show, where that is known"""


@dataclass(frozen=True)
class _Glance:
    """What one picture shows."""

    seconds: float
    points: Array | None
    mouth: Lines | None
    sharp: float
    looks: Array | None
    thumb: NDArray[np.float32]
    reason: str


def watched_film(path: Path, detector: Detector, most: float) -> WatchedFilm:
    """At most so many seconds of a film, where one face is seen best. BadInput where none is to be followed:
    no face, a second one all along, too small or too short."""
    windows, left = best_parts(path, detector, most)
    runs: list[FaceRun] = []
    for start, stop in windows:
        found, lost = followed(list(_glances(path, detector, start, stop, PICTURES_APART)))
        runs += found
        left += lost
    if not runs:
        raise _nothing_followed(path, left)
    height, width = next(film_pictures(path)).picture.shape[:2]
    parts = tuple(sorted(left, key=lambda each: each.start))
    return WatchedFilm(path, (width, height), tuple(runs), parts, detector.errors)


def _nothing_followed(path: Path, left: list[LeftOut]) -> BadInput:
    lasting = {
        reason: sum(p.stop - p.start for p in left if p.reason == reason)
        for p in left
        for reason in (p.reason,)
    }
    reason = max(lasting, key=lambda each: lasting[each], default=TOO_SHORT)
    hints = {
        NO_FACE: "Give a film that shows one from the front, lit and not covered.",
        SECOND: "Give a film of one person, or cut the other out of the picture.",
        TOO_SMALL: "Come nearer: 60 pixels or more between the eyes.",
        TOO_SHORT: f"Give at least {SHORTEST_RUN:g} s of one face, {10:g} for a good one.",
    }  # fmt: skip
    return BadInput(f"No face in {path} can be followed: {reason}.", hints.get(reason, hints[NO_FACE]))


def best_parts(
    path: Path, detector: Detector, most: float
) -> tuple[list[tuple[float, float]], list[LeftOut]]:
    """Parts of a film in order, from and to which second, of `most` seconds together; the whole film where it
    is no longer. A long film is surveyed by a picture now and then."""
    whole = film_seconds(path)
    if 0 < whole <= most + LOST_FOR:
        return [(0.0, np.inf)], []
    looks = list(_glances(path, detector, 0.0, np.inf, GLANCES))
    if not looks or looks[-1].seconds <= most:
        return [(0.0, np.inf)], []
    worth = np.array([_worth(glance) for glance in looks])
    begins = np.array([glance.seconds for glance in looks])
    parts, left, rest = [], np.ones(len(looks), bool), most
    while rest > SHORTEST_RUN and (worth * left > 0).any():
        first, stop = _best_stretch(begins, worth * left, rest)
        left[first:stop] = False
        begin, end = (
            float(begins[first]),
            float(begins[first]) + min(rest, float(begins[stop - 1] - begins[first]) + GLANCES),
        )
        parts.append((begin, end))
        rest -= end - begin
    parts.sort()
    edges = [0.0, *(edge for part in parts for edge in part), max(whole, float(begins[-1]))]
    between = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > GLANCES]
    return parts, [part for a, b in between for part in _not_taken(looks, a, b)]


def _not_taken(looks: list[_Glance], start: float, stop: float) -> Iterator[LeftOut]:
    """Why a survey leaves out what lies between two moments."""
    inside = [look for look in looks if start <= look.seconds < stop]
    groups = groupby(inside, lambda each: each.reason or BETTER)
    stretches = [(next(group).seconds, why) for why, group in groups] or [(start, BETTER)]
    begins = [start, *(begin for begin, _ in stretches[1:]), stop]
    for (_, why), (begin, end) in zip(stretches, pairwise(begins), strict=True):
        yield LeftOut(begin, end, why)


def _best_stretch(begins: Array, worth: Array, most: float) -> tuple[int, int]:
    """First and past the last of the glances that follow each other and are worth most."""
    best, found = -1.0, (0, 1)
    for first in range(len(begins)):
        stop, total = first, 0.0
        while stop < len(begins) and worth[stop] > 0 and begins[stop] - begins[first] < most:
            total += worth[stop]
            stop += 1
        if total > best:
            best, found = total, (first, max(stop, first + 1))
    return found


def _worth(glance: _Glance) -> float:
    """How much a moment tells of a face: large, sharp and turned to the camera; 0 where it is not to be
    used."""
    if glance.points is None or glance.reason:
        return 0.0
    left, right = glance.points[[234, 454], 0] - glance.points[1, 0]
    ahead = min(abs(left), abs(right)) / max(abs(left), abs(right), 1.0)
    return (
        (0.3 + ahead)
        * min(float(eye_distances(glance.points[None])[0]), 120.0)
        * (0.5 + min(glance.sharp, 1.0))
    )


def _glances(path: Path, detector: Detector, start: float, stop: float, apart: float) -> Iterator[_Glance]:
    """What each picture of a part shows."""
    shown: deque[tuple[float, Photo]] = deque()

    def pictures() -> Iterator[Photo]:
        with closing(made_before(film_pictures(path, start, stop, apart), _READ_AHEAD)) as read:
            for each in read:
                shown.append((each.seconds, each.picture))
                yield each.picture

    for faces in detector.following(pictures()):
        yield _glance(*shown.popleft(), faces)


def _glance(seconds: float, picture: Photo, faces: list[Array]) -> _Glance:
    rows, columns = (np.linspace(0, side - 1, 4 * THUMB).astype(int) for side in picture.shape[:2])
    grey = picture[rows[:, None], columns].astype(np.float32).mean(-1)
    thumb = grey.reshape(THUMB, 4, THUMB, 4).mean((1, 3))
    if not faces:
        return _Glance(seconds, None, None, 0.0, None, thumb, NO_FACE)
    points = faces[0].astype(np.float64)
    size = np.ptp(points, axis=0)
    others = [face for face in faces[1:] if np.linalg.norm(face.mean(0) - points.mean(0)) > 0.5 * size.max()]
    reason = ""
    if any(np.ptp(face, axis=0).prod() > SOMEBODY_BESIDE * size.prod() for face in others):
        reason = SECOND
    elif float(eye_distances(points[None])[0]) < SMALLEST_FACE:
        reason = TOO_SMALL
    lines, sharp = mouth_lines(picture, points), _crispness(picture, points)
    return _Glance(seconds, points, lines, sharp, face_looks(picture, points), thumb, reason)


def _crispness(picture: Photo, points: Array) -> float:
    """How much of the face's contrast lies between neighbouring pixels."""
    left, top = points.min(0).astype(int).clip(0)
    right, bottom = points.max(0).astype(int)
    face = picture[top:bottom:2, left:right, 1].astype(np.float32)
    if min(face.shape, default=0) < 8:
        return 0.0
    return float(np.abs(np.diff(face, axis=1)).mean() / max(face.std(), 4.0)) * 4


def followed(glances: list[_Glance]) -> tuple[list[FaceRun], list[LeftOut]]:
    """Runs of one face in one scene, and what lies between them."""
    runs: list[list[_Glance]] = []
    for before, glance in zip([None, *glances], glances, strict=False):
        if glance.points is None or glance.reason:
            continue
        last = runs[-1][-1] if runs else None
        goes_on = last is not None and before is not None and _goes_on(last, before, glance)
        if goes_on:
            runs[-1].append(glance)
        else:
            runs.append([glance])
    kept = [
        run
        for whole in runs
        for run in _of_one_person(whole)
        if run[-1].seconds - run[0].seconds >= SHORTEST_RUN
    ]
    left = _between(glances, kept)
    return [_run_of(run) for run in kept], left


def _goes_on(last: _Glance, before: _Glance, glance: _Glance) -> bool:
    """Whether a picture shows the same face in the same scene as the last one did."""
    if glance.seconds - last.seconds > LOST_FOR or np.abs(glance.thumb - before.thumb).mean() > CUT:
        return False
    assert last.points is not None and glance.points is not None
    width, now = np.ptp(last.points, axis=0).max(), np.ptp(glance.points, axis=0).max()
    away = np.linalg.norm(glance.points.mean(0) - last.points.mean(0))
    return bool(away < LEAP * width and 1 / SWELLING < now / width < SWELLING)


def _of_one_person(run: list[_Glance]) -> list[list[_Glance]]:
    """A run, parted where another face is in the place of one."""
    looks = np.array([each.looks for each in run])
    alike = [
        likeness(looks[at - BEFORE_AND_AFTER : at].mean(0), looks[at : at + BEFORE_AND_AFTER].mean(0))
        for at in range(BEFORE_AND_AFTER, len(run) - BEFORE_AND_AFTER + 1)
    ]
    if min(alike, default=1.0) >= SAME_PERSON:
        return [run]
    at = BEFORE_AND_AFTER + int(np.argmin(alike))
    return [*_of_one_person(run[:at]), *_of_one_person(run[at:])]


def _between(glances: list[_Glance], kept: list[list[_Glance]]) -> list[LeftOut]:
    """The stretches that no run holds, each for one reason."""
    held = {id(glance) for run in kept for glance in run}
    left = []
    for reason, group in groupby(glances, lambda each: "" if id(each) in held else each.reason or TOO_SHORT):
        stretch = list(group)
        long = stretch[-1].seconds - stretch[0].seconds > LOST_FOR or len(stretch) == len(glances)
        if reason and long:
            left.append(LeftOut(stretch[0].seconds, stretch[-1].seconds, reason))
    return left


def _run_of(glances: list[_Glance]) -> FaceRun:
    points = np.array([each.points for each in glances]).reshape(-1, MESH_POINTS, 2)
    return FaceRun(
        np.array([each.seconds for each in glances]),
        with_seen_lips(points, np.array([each.mouth for each in glances])),
        np.array([each.sharp for each in glances]),
        np.array([each.looks for each in glances]).mean(0),
    )
