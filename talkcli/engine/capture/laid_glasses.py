"""Glasses of an avatar, laid onto the frame that its photograph shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, grey_closing
from scipy.optimize import minimize

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.photograph import Photograph
from talkcli.engine.face.worn import Worn, worn_vertices
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.drawn_glasses import TAKEN_BACK, glasses_front
from talkcli.engine.rendering.photo_stage import as_photographed
from talkcli.engine.rendering.textures import linear
from talkcli.engine.rendering.view import read_at, seen_at
from talkcli.engine.studio.arrays import Array

_HALF = 0.05
"""Metres from the middle of a frame to its side, about."""

_BLURS, _BESIDE_RIM = (2.0, 1.0, 0.5), 5.0
"""mm by which darkness is blurred, in turn, while a frame is laid onto it; from a rim, where skin is."""

_DARK, _DARKEST, _FRAME = 0.01, 1.0, 0.4
"""Of white, what is darker differs little; logarithms of light: what counts at most of how much darker a
frame is than what lies beside it, and how much it is on average where one is seen."""

_FARTHEST = 6.0
"""mm that it is moved or grown at most: what is further off is no frame."""

_STAYS = 0.0005
"""Of that, for each square millimetre that a frame is moved or grown."""


def with_laid_glasses(avatar: Avatar) -> Avatar:
    """An avatar whose glasses are moved and grown, across and upright, onto the frame in its photograph; as
    they are where none is seen there."""
    photo, front = avatar.photograph, glasses_front(avatar, TAKEN_BACK)
    if photo is None or front is None:
        return avatar
    moves = _laid(photo, front.worn, avatar)
    if moves is None:
        return avatar
    middle = front.worn.points.mean(0).numpy()

    def laid(worn: Worn) -> Worn:
        if worn.kind != "hard":
            return worn
        points = middle + _moved(worn.points.numpy() - middle, moves)
        return replace(worn, points=torch.from_numpy(points).float())

    return replace(avatar, worn=tuple(map(laid, avatar.worn)))


def _moved(points: Array, by: Array) -> Array:
    """[points, 3] from the middle of a frame, by millimetres across and upright, and as many at its sides."""
    across, upright, wider, higher = by / 1000
    return points * [1 + wider / _HALF, 1 + higher / _HALF, 1] + [across, upright, 0]


def _laid(photo: Photograph, front: Worn, avatar: Avatar) -> Array | None:
    """[4] by how much glasses go where the photograph shows them; None where it shows none."""
    body = torch.from_numpy(as_photographed(photo, avatar)).float()[None]
    size = photo.picture.shape[1], photo.picture.shape[0]
    turn, focal = Camera(photo.view[None], photo.lens[None], torch.tensor([size])).centred(0)
    middle = front.points.mean(0)
    cross = replace(front, points=middle + torch.cat([torch.zeros(1, 3), torch.eye(3)]))
    there = worn_vertices(cross, avatar.neutral, body)[0] @ turn[:3, :3].T.float() + turn[:3, 3].float()
    first, axes = there[0].double().numpy(), (there[1:] - there[0]).double().numpy()
    away, mm = (front.points - middle).double().numpy(), focal / -float(first[2]) / 1000
    darker = _darker_than_beside(photo.picture.numpy(), mm)

    def darkness(by: Array, seen: Array) -> float:
        return float(read_at(seen, seen_at(first + _moved(away, by) @ axes, focal, size)).mean())

    def misses(by: Array, seen: Array) -> float:
        return _STAYS * float(by @ by) - darkness(by, seen)

    best, seen = np.zeros(4), darker
    for blur in _BLURS:
        seen = gaussian_filter(darker, blur * mm)
        simplex = best + np.vstack([np.zeros(4), 2 * blur * np.eye(4)])
        how = {"initial_simplex": simplex, "xatol": 0.05, "fatol": 1e-4, "maxfev": 200}
        best = minimize(misses, best, (seen,), method="Nelder-Mead", options=how).x
    return best if darkness(best, seen) > _FRAME and np.abs(best).max() < _FARTHEST else None


def _darker_than_beside(picture: NDArray[np.uint8], mm: float) -> Array:
    """[h, w] logarithms by which what is thin is darker than what lies beside it, up to _DARKEST."""
    light = gaussian_filter(np.log(linear(picture).mean(-1) + _DARK), 0.3 * mm)
    return np.minimum(grey_closing(light, 2 * round(_BESIDE_RIM * mm) + 1) - light, _DARKEST)
