"""Several films in one picture, each under its label, composed by moviepy (extra `film`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.errors import MissingAsset

Picture = NDArray[np.uint8]
LABEL_HEIGHT = 0.052
"""Of a letter, as a share of the picture's height."""


@dataclass(frozen=True)
class Film:
    frames: Iterator[Picture]
    """Each [height, width, 3]; taken once, in order."""
    length: int
    """Frames"""
    fps: Fraction
    label: str


def side_by_side(films: Sequence[Film]) -> tuple[Iterator[Picture], int, Fraction]:
    """The joint pictures, how many, their rate (the highest); a film that ends holds its last frame."""
    try:
        from moviepy import CompositeVideoClip, ImageClip, VideoClip, clips_array
    except ImportError as error:
        raise MissingAsset(
            f"Several motions in one film need moviepy: {error}.", "pip install 'talkcli[film]'"
        ) from error
    fps = max(film.fps for film in films)
    seconds = max(film.length / film.fps for film in films)
    length = max(1, round(seconds * fps))
    clips: list[Any] = []
    for film in films:
        clip: Any = VideoClip(_Reel(film).at, duration=float(seconds))
        if film.label:
            height, width = clip.h, clip.w
            name = ImageClip(_plate(film.label, width, height), transparent=True, duration=float(seconds))
            clip = CompositeVideoClip([clip, name.with_position(("center", "bottom"))])
        clips.append(clip)
    whole: Any = clips_array([clips])

    def joint() -> Iterator[Picture]:
        try:
            for number in range(length):
                yield np.ascontiguousarray(whole.get_frame(float(Fraction(number) / fps)), np.uint8)
        finally:
            whole.close()

    return joint(), length, fps


class _Reel:
    """A film that is asked for moments in order and keeps one frame."""

    def __init__(self, film: Film) -> None:
        self._film, self._index = film, 0
        self._frame = next(film.frames)

    def at(self, seconds: float) -> Picture:
        frame = min(int(seconds * self._film.fps + 1e-6), self._film.length - 1)
        while self._index < frame:
            self._frame = next(self._film.frames)
            self._index += 1
        return self._frame


def _plate(label: str, width: int, height: int) -> Picture:
    """White letters on a dark translucent plate, [rows, columns, 4], in the font that Pillow carries."""
    from PIL import Image, ImageDraw, ImageFont

    size = max(10, round(LABEL_HEIGHT * height))
    font = ImageFont.load_default(size)
    length = len(label)
    while length > 1 and font.getlength(_cut(label, length)) > 0.92 * width:
        length -= 1
    text = _cut(label, length)
    box = font.getbbox(text)
    across, down = int(box[2]) + size, round(1.7 * size)
    image = Image.new("RGBA", (across, down), (12, 14, 18, 150))
    ImageDraw.Draw(image).text((across / 2, down / 2), text, font=font, fill="white", anchor="mm")
    return np.asarray(image)


def _cut(label: str, kept: int) -> str:
    return label if kept == len(label) else label[:kept] + "..."
