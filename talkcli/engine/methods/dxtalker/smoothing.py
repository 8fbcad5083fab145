"""Smoothing of what was drawn (Savitzky and Golay 1964), as the paper's neighbours set it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.methods.dxtalker.face_vector import FaceLayout

_WINDOW, _ORDER = 5, 2
_HEAD_WINDOW, _HEAD_ORDER = 9, 3
"""Frames, and the order of the polynomial through them, as the papers beside it have them."""


def smoothed_vectors(
    vectors: Float[Tensor, "frames dims"], layout: FaceLayout
) -> Float[Tensor, "frames dims"]:
    """Every number over 5 frames (order 2), the head over 9 (order 3); nothing shorter than that.

    Rotations are smoothed as plain numbers, which is right for the small ones of a head that talks.
    """
    smooth = filtered(vectors, _WINDOW, _ORDER)
    for name in ("head", "translation"):
        part = layout.part(name)
        smooth[:, part] = filtered(vectors[:, part], _HEAD_WINDOW, _HEAD_ORDER)
    return smooth


def filtered(tracks: Float[Tensor, "frames dims"], window: int, order: int) -> Float[Tensor, "frames dims"]:
    """The value of the polynomial that fits each frame's surroundings; at an end, of that of its window. One
    number after the other, for an hour of all of them in double precision is much."""
    smooth = tracks.clone()
    if len(tracks) < window:
        return smooth
    from scipy.signal import savgol_filter

    for column, track in enumerate(tracks.unbind(1)):
        smooth[:, column] = torch.from_numpy(savgol_filter(track.double().numpy(), window, order))
    return smooth
