"""What pictures of the longest run of a film show of its person, cut out about the face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.detector import Detector
from talkcli.engine.capture.film_crops import PERSON_AROUND, Square, body_square, cut_person, face_square
from talkcli.engine.capture.film_track import TrackedFilm
from talkcli.engine.capture.filmed_person import pictures_of
from talkcli.engine.studio.arrays import Index


class FilmSquares(NamedTuple):
    numbers: Index
    """[n] of the pictures, counted in the run; once for each size of square"""
    squares: list[Square]
    """[n] of each picture"""
    pictures: NDArray[np.uint8]
    """[n, pixels, pixels, 4] sRGB, and how surely a pixel is the person's"""
    bodies: int
    """How many of the last show the body"""


def film_squares(
    tracked: TrackedFilm,
    detector: Detector,
    pixels: int,
    most: int,
    kept_out: bool,
    arounds: Sequence[float] = (PERSON_AROUND,),
    bodies: int = 0,
) -> FilmSquares:
    """Of at most so many pictures, spread over the run: of those that are kept out, or of all others; all of
    them with squares of one size after another, by `arounds` as in `face_square`, then at most so many with
    one that shows the body."""
    span = tracked.spans[tracked.longest]
    there = np.flatnonzero(tracked.kept_out[span] == kept_out)
    some = there[_spread(len(there), most)]
    found = pictures_of(tracked, (some + span.start).tolist())
    some = np.array([number for number in some if number + span.start in found], dtype=int)
    pictures = [found[number + span.start] for number in some]
    masks = [(detector.person(picture) * 255 + 0.5).astype(np.uint8) for picture in pictures]
    size, points = tracked.watched.size, tracked.points[some + span.start]
    lower = _spread(len(some), bodies)
    wanted = [(i, face_square(points[i], size, around)) for around in arounds for i in range(len(some))]
    wanted += [(i, body_square(points[i], size)) for i in lower]
    cut = [cut_person(pictures[i], masks[i], square, pixels) for i, square in wanted]
    return FilmSquares(
        some[[i for i, _ in wanted]],
        [square for _, square in wanted],
        np.array(cut, np.uint8).reshape(-1, pixels, pixels, 4),
        len(lower),
    )


def _spread(count: int, most: int) -> list[int]:
    """At most so many of so many, evenly."""
    return np.unique(np.linspace(0, max(count - 1, 0), min(most, count)).round().astype(int)).tolist()
