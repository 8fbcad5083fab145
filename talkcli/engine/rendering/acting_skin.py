"""Skin that acts: the wrinkle maps of a frame blended into one small texture, only where they speak."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.nn import functional as F

from talkcli.engine.compiled import fast
from talkcli.engine.face.look import Wrinkles
from talkcli.engine.rendering.textures import slopes


class WrinkleMaps(NamedTuple):
    texels: NDArray[np.int16]
    """[n, 4] rise across and down a texel, height (all in halves of a unit), blood; one box after another"""
    boxes: NDArray[np.int64]
    """[maps, 5] where each map's texels start, then top, left, bottom, right of the box that holds them"""
    size: NDArray[np.int64]
    """[2] rows and columns of the whole"""


def wrinkle_maps(wrinkles: Wrinkles | None) -> WrinkleMaps:
    """Each map cropped to where it is not zero; no map at all for None. Blood is read linearly."""
    if wrinkles is None or not len(wrinkles.names):
        return WrinkleMaps(np.zeros((0, 4), np.int16), np.zeros((0, 5), np.int64), np.ones(2, np.int64))
    heights, (rows, columns) = wrinkles.height.numpy(), wrinkles.height.shape[1:]
    bloods = F.interpolate(wrinkles.blood[None].float(), (rows, columns), mode="bilinear")[0].numpy()
    texels, boxes, start = [], [], 0
    for height, blood in zip(heights, bloods, strict=True):
        top, left, bottom, right = _grown(_box((height != 0) | (blood != 0)), rows, columns)
        boxes.append((start, top, left, bottom, right))
        if top == bottom:
            continue
        above, before, below, behind = _grown((top, left, bottom, right), rows, columns)
        across, down = slopes(height[above:below, before:behind].astype(np.float32))
        inside = np.s_[top - above : bottom - above, left - before : right - before]
        here = np.s_[top:bottom, left:right]
        parts = (2 * across[inside], 2 * down[inside], 2.0 * height[here], blood[here])
        texels.append(np.stack(parts, -1).reshape(-1, 4).astype(np.int16))
        start += len(texels[-1])
    return WrinkleMaps(
        np.concatenate(texels) if texels else np.zeros((0, 4), np.int16),
        np.array(boxes, np.int64),
        np.array(wrinkles.height.shape[1:], np.int64),
    )


Box = tuple[int, int, int, int]


def _box(used: NDArray[np.bool_]) -> Box:
    """Top, left, bottom, right of what is True; empty if nothing is."""
    rows, columns = np.flatnonzero(used.any(1)), np.flatnonzero(used.any(0))
    if len(rows) == 0:
        return 0, 0, 0, 0
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _grown(box: Box, rows: int, columns: int) -> Box:
    """By the one texel on every side that a slope reaches."""
    top, left, bottom, right = box
    if top == bottom:
        return box
    return max(top - 1, 0), max(left - 1, 0), min(bottom + 1, rows), min(right + 1, columns)


@fast
def blend_wrinkles(maps, active, texture, touched):
    """Overwrite texture [rows, columns, 4] by the sum of the maps at their activations [maps].

    `touched` [4] is the box that the last call wrote; it is cleared first and set anew.
    """
    for y in range(touched[0], touched[2]):
        for x in range(touched[1], touched[3]):
            for channel in range(4):
                texture[y, x, channel] = 0.0
    touched[0], touched[1], touched[2], touched[3] = maps.size[0], maps.size[1], 0, 0
    for m in range(len(maps.boxes)):
        amount = np.float32(active[m])
        start, top, left, bottom, right = maps.boxes[m]
        if amount <= 1e-3 or top == bottom:
            continue
        touched[0], touched[1] = min(touched[0], top), min(touched[1], left)
        touched[2], touched[3] = max(touched[2], bottom), max(touched[3], right)
        for y in range(top, bottom):
            at = start + (y - top) * (right - left)
            for x in range(left, right):
                for channel in range(4):
                    texture[y, x, channel] += amount * maps.texels[at + x - left, channel]
    if touched[2] == 0:
        touched[0], touched[1] = 0, 0
