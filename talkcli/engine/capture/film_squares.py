"""What pictures of the longest run of a film show of its person, cut out about the face."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.detector import Detector
from talkcli.engine.capture.film_crops import PERSON_AROUND, Square, cut_person, face_square
from talkcli.engine.capture.film_track import TrackedFilm
from talkcli.engine.capture.filmed_person import pictures_of
from talkcli.engine.studio.arrays import Index


class FilmSquares(NamedTuple):
    numbers: Index
    """[n] of the pictures, counted in the run"""
    squares: list[Square]
    """[n] of each picture"""
    pictures: NDArray[np.uint8]
    """[n, pixels, pixels, 4] sRGB, and how surely a pixel is the person's"""


def film_squares(
    tracked: TrackedFilm,
    detector: Detector,
    pixels: int,
    most: int,
    kept_out: bool,
    around: float = PERSON_AROUND,
) -> FilmSquares:
    """Of at most so many pictures, spread over the run: of those that are kept out, or of all others;
    `around` as in `face_square`."""
    span = tracked.spans[tracked.longest]
    there = np.flatnonzero(tracked.kept_out[span] == kept_out)
    some = there[np.unique(np.linspace(0, max(len(there) - 1, 0), min(most, len(there))).round().astype(int))]
    pictures = pictures_of(tracked, (some + span.start).tolist())
    some = np.array([number for number in some if number + span.start in pictures], dtype=int)
    squares = [
        face_square(tracked.points[number + span.start], tracked.watched.size, around) for number in some
    ]
    cut = [
        cut_person(pictures[number + span.start], detector, square, pixels)
        for number, square in zip(some, squares, strict=True)
    ]
    return FilmSquares(some, squares, np.array(cut, np.uint8).reshape(-1, pixels, pixels, 4))
