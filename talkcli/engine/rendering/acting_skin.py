"""Skin that acts: the wrinkle maps of a frame blended into one small texture, only where they speak."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from talkcli.engine.face.look import Wrinkles
from talkcli.engine.rendering.compiled import fast
from talkcli.engine.rendering.textures import slopes


class WrinkleMaps(NamedTuple):
    texels: NDArray[np.int16]
    """[n, 4] rise across and down a texel, height (all in halves of a unit), blood; one box after another"""
    boxes: NDArray[np.int64]
    """[maps, 5] where each map's texels start, then top, left, bottom, right of the box that holds them"""
    size: NDArray[np.int64]
    """[2] rows and columns of the whole"""


def wrinkle_maps(wrinkles: Wrinkles | None) -> WrinkleMaps:
    """Each map cropped to where it is not zero; no map at all for None."""
    if wrinkles is None or not len(wrinkles.names):
        return WrinkleMaps(np.zeros((0, 4), np.int16), np.zeros((0, 5), np.int64), np.ones(2, np.int64))
    texels, boxes, start = [], [], 0
    for height, blood in zip(wrinkles.height.numpy(), wrinkles.blood.numpy(), strict=True):
        across, down = slopes(height.astype(np.float32))
        channels = np.stack([2 * across, 2 * down, 2.0 * height, enlarged(blood, height.shape)], -1)
        used = (channels != 0).any(-1)
        rows, columns = np.flatnonzero(used.any(1)), np.flatnonzero(used.any(0))
        if len(rows) == 0:
            boxes.append((start, 0, 0, 0, 0))
            continue
        top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
        crop = channels[top:bottom, left:right].reshape(-1, 4)
        boxes.append((start, top, left, bottom, right))
        texels.append(crop.astype(np.int16))
        start += len(crop)
    return WrinkleMaps(
        np.concatenate(texels) if texels else np.zeros((0, 4), np.int16),
        np.array(boxes, np.int64),
        np.array(wrinkles.height.shape[1:], np.int64),
    )


def enlarged(blood: NDArray[np.int8], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The smaller blood map read with linear interpolation at the size of the height map."""
    if not blood.any():
        return np.zeros(shape, np.float32)
    factors = [wide / narrow for wide, narrow in zip(shape, blood.shape, strict=True)]
    return np.asarray(
        zoom(blood.astype(np.float32), factors, order=1, mode="nearest", grid_mode=True), np.float32
    )


@fast
def blend(maps, active, texture, touched):
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
