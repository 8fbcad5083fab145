"""Smoothing of what was drawn (Savitzky and Golay 1964), as the paper's neighbours set it."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.methods.dxtalker.face_vector import FaceLayout

_WINDOW, _ORDER = 5, 2
_HEAD_WINDOW, _HEAD_ORDER = 9, 3
"""Frames, and the order of the polynomial through them, as the papers beside it have them."""


def smooth_vectors(vectors: Float[Tensor, "frames dims"], layout: FaceLayout) -> None:
    """In place: every number over 5 frames (order 2), the head over 9 (order 3); nothing shorter than that.
    One number after the other, for an hour of all of them in double precision is much.

    Rotations are smoothed as plain numbers, which is right for the small ones of a head that talks.
    """
    heads = [layout.part(name) for name in ("head", "translation")]
    for column, track in enumerate(vectors.unbind(1)):
        is_head = any(part.start <= column < part.stop for part in heads)
        window, order = (_HEAD_WINDOW, _HEAD_ORDER) if is_head else (_WINDOW, _ORDER)
        track.copy_(torch.from_numpy(filtered(track.double().numpy(), window, order)))


def filtered(track: Float[np.ndarray, " frames"], window: int, order: int) -> Float[np.ndarray, " frames"]:
    """The value of the polynomial that fits each frame's surroundings; at an end, of that of its window."""
    if len(track) < window:
        return track
    powers = np.vander(np.arange(window) - window // 2, order + 1)
    fit = powers @ np.linalg.pinv(powers)
    inner = np.convolve(track, fit[window // 2], "valid")
    first, last = fit @ track[:window], fit @ track[-window:]
    return np.concatenate([first[: window // 2], inner, last[window // 2 + 1 :]])
