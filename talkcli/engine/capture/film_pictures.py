"""The pictures of anybody's film, upright and in order, each with its time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.device import cores
from talkcli.engine.errors import BadInput, reading
from talkcli.engine.sound import OPTIONS, decoded_packets

FILM_SIDE = 1280
"""Pixels of the longer side of a picture that are read; more shows nothing more on a skin of 1024 texels."""

READ_AGAIN = "If it plays elsewhere, convert it: ffmpeg -i INPUT -pix_fmt yuv420p OUTPUT.mp4"

_PQ, _HLG = 16, 18
"""FFmpeg's numbers for the curves of HDR."""

_WHITE_NITS, _HLG_WHITE = 203.0, 0.265
"""What a white page has in either (ITU-R BT.2408): candela a square metre, and scene light of 1."""

_WIDE_TO_NARROW = np.array([[1.660, -0.588, -0.073], [-0.125, 1.133, -0.008], [-0.018, -0.101, 1.119]])
"""Linear colours of BT.2020 to those of sRGB (ITU-R BT.2087)."""

_SHOULDER = 0.8
"""Of white, where what is brighter begins to be pressed together."""


class FilmPicture(NamedTuple):
    number: int
    """Among all that the film is decoded to, from where the reading began"""
    seconds: float
    """Since the film's beginning, as its sound counts"""
    picture: NDArray[np.uint8]
    """[height, width, 3] sRGB"""


def film_seconds(path: Path) -> float:
    """How long a film says that it is; 0 where it does not know."""
    import av

    with (
        reading(path, "a film that can be read", READ_AGAIN),
        av.open(str(path.absolute()), options=OPTIONS) as film,
    ):
        return (film.duration or 0) / av.time_base


def film_pictures(
    path: Path, start: float = 0.0, stop: float = math.inf, apart: float = 0.0, side: int = FILM_SIDE
) -> Iterator[FilmPicture]:
    """Those from `start` to `stop`, seconds, at least so many seconds `apart`, turned as the film says and of
    at most `side` pixels; HDR is brought to what other films have. Damaged parts are left out.

    BadInput for what has no pictures that can be read.
    """
    import av

    with reading(path, "a film that can be read", READ_AGAIN):
        container = av.open(str(path.absolute()), options=OPTIONS)
    with container:
        stream = _moving(container, path)
        zero = (container.start_time or 0) / av.time_base
        if start > 0:
            container.seek(round((start + zero) * av.time_base))
        stream.thread_type, stream.codec_context.thread_count = "AUTO", cores()
        due = max(start, 0.0) - 1e-4
        packets = decoded_packets(container, stream)
        for number, frame in enumerate(chain.from_iterable(frames or () for frames in packets)):
            seconds = (frame.time or 0.0) - zero
            if seconds >= stop:
                return
            if seconds >= due and frame.time is not None:
                due = seconds + apart - 1e-4
                yield FilmPicture(number, seconds, _upright(frame, side))


def _moving(container: Any, path: Path) -> Any:
    """The stream of pictures that is not the cover of a song."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic and stream.codec_context is not None:
            return stream
    raise BadInput(f"{path} has no moving pictures.", "Give a film, or a photograph.")


def _upright(frame: Any, side: int) -> NDArray[np.uint8]:
    scale = min(1.0, side / max(frame.width, frame.height))
    size = {"width": max(2, round(frame.width * scale)), "height": max(2, round(frame.height * scale))}
    picture = frame.reformat(**size, format="rgb24", threads=1).to_ndarray()
    if (curve := int(frame.color_trc or 0)) in (_PQ, _HLG):
        picture = narrowed(picture, curve)
    return np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90) % 4))


def narrowed(picture: NDArray[np.uint8], curve: int) -> NDArray[np.uint8]:
    """A picture of HDR (BT.2100: PQ is 16, HLG 18) in sRGB: white paper is white, brighter light is pressed
    together."""
    light = _light_of(np.arange(256) / 255, curve).astype(np.float32)[picture]
    light = np.clip(light @ _WIDE_TO_NARROW.T.astype(np.float32), 0, None)
    over = np.clip(light - _SHOULDER, 0, None)
    light = np.minimum(light, _SHOULDER) + (1 - _SHOULDER) * over / (over + 1 - _SHOULDER)
    shown = np.where(light < 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - 0.055)
    return (shown * 255 + 0.5).astype(np.uint8)


def _light_of(signal: NDArray[np.float64], curve: int) -> NDArray[np.float64]:
    """Linear light, 1 for white paper."""
    if curve == _HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        return scene / _HLG_WHITE
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    root = signal ** (1 / m2)
    return 10_000 / _WHITE_NITS * (np.clip(root - c1, 0, None) / (c2 - c3 * root)) ** (1 / m1)
