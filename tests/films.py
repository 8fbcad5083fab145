"""Films read back, so that tests can say what was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


@dataclass(frozen=True)
class Film:
    width: int
    height: int
    fps: Fraction
    has_sound: bool
    metadata: dict[str, str]


def header(path: Path) -> Film:
    with av.open(str(path)) as container:
        stream: Any = container.streams.video[0]
        fps, sound = Fraction(stream.average_rate), bool(container.streams.audio)
        return Film(stream.width, stream.height, fps, sound, dict(container.metadata))


def timed_pictures(path: Path) -> Iterator[tuple[Fraction, np.ndarray]]:
    """Every picture [height, width, 3] with its time in seconds."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None and frame.time_base is not None
            picture = frame.reformat(format="rgb24", threads=1).to_ndarray()
            yield frame.pts * frame.time_base, picture


def pictures(path: Path) -> list[np.ndarray]:
    return [image for _, image in timed_pictures(path)]
