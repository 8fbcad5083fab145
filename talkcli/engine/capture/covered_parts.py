"""Whether mouth and eyes are in sight in a picture, where the detector puts them in any case."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from talkcli.engine.capture.detector import Photo
from talkcli.engine.capture.landmark_sets import EYE_CORNERS, IRIS_CENTRES
from talkcli.engine.rendering.textures import linear
from talkcli.engine.studio.arrays import Array

ACROSS_LIPS = (
    (40, 80, 88, 91), (39, 81, 178, 181), (37, 82, 87, 84), (0, 13, 14, 17), (267, 312, 317, 314),
    (269, 311, 402, 405), (270, 310, 318, 321),
)  # fmt: skip
"""Points down across the mouth: outer and inner edge of the upper lip, inner and outer one of the lower."""

PLAIN_MOUTH = 0.15
"""Logarithms of light by which the parts of a mouth differ, in brightness and in redness, at least: those of
26 studio people by 0.44, in black and white by 0.25; masks and hands drawn over them by 0.1 at most."""

UNLIKE_LIPS = -0.35
"""Logarithms of red in green by which lips are redder than the skin of nose, forehead and cheeks, at least.
52 studio people have 0.01 and more, 76 real faces -0.08, a painted one -0.15; pictures of blue and green
masks laid on 19 of these -1.0 at most, though their folds differ as the parts of a mouth do."""

BARE_SKIN = (151, 9, 6, 197, 117, 346, 118, 347)
"""Points of that skin: above, between and below the eyes."""

PLAIN_EYES = 0.6
"""The same as PLAIN_MOUTH between the brightest and the darkest of an eye: of studio people 1.5 at least and
of real ones 0.79, laughing; 0.06 where it is covered, behind dark glasses that mirror the sky 0.46."""

_DARK = 0.01
"""Of white: what is darker differs little."""


def covered_parts(picture: Photo, points: Array) -> tuple[str, ...]:
    """Which of mouth and eyes something covers, by the detector's points [points, 2] of a face."""
    eye_distance = float(np.linalg.norm(_middle(points, "Left") - _middle(points, "Right")))
    margin = 0.5 * eye_distance
    low = np.clip(points.min(0) - margin, 0, None).astype(int)
    high = (points.max(0) + margin).astype(int)
    light = np.log(linear(picture[low[1] : high[1], low[0] : high[0]]) + _DARK)
    there = points - low
    plain = _mouth_shown(light, there, eye_distance) < PLAIN_MOUTH
    unlike = _lips_redder(light, there, eye_distance) < UNLIKE_LIPS
    parts = {"mouth": plain or unlike, "eyes": _eyes_shown(light, there) < PLAIN_EYES}
    return tuple(part for part, hidden in parts.items() if hidden)


def covering_note(picture: Photo, points: Array) -> tuple[str, ...]:
    """What is to be said where something covers them."""
    parts = covered_parts(picture, points)
    if not parts:
        return ()
    return (
        f"Something seems to cover the {' and '.join(parts)}, and is painted on the face: give a picture "
        "without dark glasses, mask or hand, eyes open.",
    )


def _middle(points: Array, side: str) -> Array:
    return points[list(EYE_CORNERS[side])].mean(0)


def _mouth_shown(light: Array, points: Array, eye_distance: float) -> float:
    """How much skin, lips and the slit between them differ, on average across the mouth."""
    upper, upper_in, lower_in, lower = (points[list(row)] for row in zip(*ACROSS_LIPS, strict=True))
    rows = np.stack(
        [
            upper + 0.6 * (upper - upper_in),
            (upper + upper_in) / 2,
            (upper_in + lower_in) / 2,
            (lower_in + lower) / 2,
            lower + 0.6 * (lower - lower_in),
        ]
    )
    seen = _read(light, rows, 0.012 * eye_distance + 0.5)
    bright, red = seen.mean(-1), seen[..., 0] - seen[..., 1]
    return float(np.abs(np.diff(bright, axis=0)).mean() + np.abs(np.diff(red, axis=0)).mean())


def _lips_redder(light: Array, points: Array, eye_distance: float) -> float:
    """How much redder lips are than bare skin."""
    upper, upper_in, lower_in, lower = (points[list(row)] for row in zip(*ACROSS_LIPS, strict=True))
    places = np.concatenate([upper + upper_in, lower_in + lower]) / 2, points[list(BARE_SKIN)]
    seen = (_read(light, place, 0.012 * eye_distance + 0.5) for place in places)
    lips, skin = (float(np.median(each[..., 0] - each[..., 1])) for each in seen)
    return lips - skin


def _eyes_shown(light: Array, points: Array) -> float:
    """How much the parts of an eye differ from corner to corner, of the one that shows more."""
    shown = []
    for side, iris in zip(EYE_CORNERS, IRIS_CENTRES, strict=True):
        start, end = points[list(EYE_CORNERS[side])]
        line = np.concatenate([start + np.linspace(0, 1, 9)[:, None] * (end - start), points[[iris]]])
        bright = _read(light, line, 0.03 * float(np.linalg.norm(end - start))).mean(-1)
        shown.append(float(np.ptp(bright)))
    return max(shown)


def _read(light: Array, places: Array, blur: float) -> Array:
    """[..., 3] of a picture at places [..., 2], column and row, over so many pixels."""
    at = [places[..., 1], places[..., 0]]
    channels = [gaussian_filter(light[..., channel], blur) for channel in range(3)]
    return np.stack([map_coordinates(each, at, order=1, mode="nearest") for each in channels], -1)
