"""Peaks of a track: where it is higher than on both sides, and how far it stands out there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Peaks(NamedTuple):
    at: Int[np.ndarray, " peaks"]
    """Places; of a level top the middle."""
    heights: Float[np.ndarray, " peaks"]
    """Above the higher of the lowest places on its two sides, no farther than where it is higher than the
    peak."""
    left: Int[np.ndarray, " peaks"]
    right: Int[np.ndarray, " peaks"]
    """Those lowest places, the nearest where there are several."""


def peaks_within(track: Float[np.ndarray, " n"], reach: int, least: float) -> Peaks:
    """Peaks that stand out by `least` or more of what lies up to `reach` places beside them. An end of the
    track is no peak."""
    ends = np.append(np.flatnonzero(np.diff(track)), len(track) - 1)
    starts = np.insert(ends[:-1] + 1, 0, 0)
    level = track[starts]
    top = np.flatnonzero((level[1:-1] > level[:-2]) & (level[1:-1] > level[2:])) + 1
    at = (starts[top] + ends[top]) // 2
    at = at[track[at] - track.min() >= least]
    left, right = (_foot(track, at, way * np.arange(reach + 1)) for way in (-1, 1))
    heights = track[at] - np.maximum(track[left], track[right])
    tall = heights >= least
    return Peaks(at[tall], heights[tall], left[tall], right[tall])


def _foot(
    track: Float[np.ndarray, " n"], at: Int[np.ndarray, " peaks"], steps: Int[np.ndarray, " reach"]
) -> Int[np.ndarray, " peaks"]:
    """The lowest place on the way from each peak, as long as it leads no higher."""
    way = at[:, None] + steps
    beside = np.where((way < 0) | (way >= len(track)), np.inf, track[way.clip(0, len(track) - 1)])
    below = np.logical_and.accumulate(beside <= track[at, None], axis=1)
    return at + steps[np.where(below, beside, np.inf).argmin(1)]
