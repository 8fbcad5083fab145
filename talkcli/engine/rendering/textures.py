"""Texture pyramids: every level half the size of the one before, read with a bilinear look."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from talkcli.engine.compiled import inlined
from talkcli.engine.face.look import RELIEF_UNIT, Look
from talkcli.engine.rendering.colours import decoded, linear, srgb_of

_Floats = NDArray[np.float32]

WHITE = 32767
FINE = 16
"""Detail is stored as whole numbers, this many to a unit, so that averaged levels keep their precision."""

SHADES = 1 << 14
"""Steps of light in the table of values."""

CHANNELS = 8
"""A texel: linear light, WHITE to 1; rise of the relief across and down one of its texels, its height, gloss:
FINE a unit."""


class Tables(NamedTuple):
    """Light to values and back by looking them up."""

    value: _Floats
    """sRGB 0..255 at SHADES even steps of light"""
    byte: NDArray[np.uint8]
    """The same, rounded"""
    light: _Floats
    """Linear light at FINE even steps between two sRGB bytes"""


def tables() -> Tables:
    value = srgb_of(np.linspace(0, 1, SHADES, dtype=np.float32))
    light = decoded(np.linspace(0, 255, 255 * FINE + 1, dtype=np.float32))
    return Tables(value, np.rint(value).astype(np.uint8), light)


def pyramid(image: _Floats) -> list[_Floats]:
    """The image and its halves by box filter, down to one texel."""
    levels = [np.ascontiguousarray(image, np.float32)]
    while max(levels[-1].shape[:2]) > 1:
        last = levels[-1]
        if last.shape[0] % 2 and last.shape[0] > 1:
            last = np.concatenate([last, last[-1:]])
        if last.shape[1] % 2 and last.shape[1] > 1:
            last = np.concatenate([last, last[:, -1:]], 1)
        rows = last if last.shape[0] == 1 else (last[::2] + last[1::2]) / 2
        half = rows if rows.shape[1] == 1 else (rows[:, ::2] + rows[:, 1::2]) / 2
        levels.append(half.astype(np.float32))
    return levels


def layered(look: Look) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """All channels of all levels, [texels, CHANNELS], and (offset, height, width) of each level.

    Every level has a border of one texel that repeats its edge, so that looking up needs no care there.
    """
    relief = look.relief.numpy().astype(np.float32)
    detail = np.concatenate([np.stack([*slopes(relief), relief], -1), look.gloss.numpy()], -1) * FINE
    parts = [pyramid(linear(look.albedo.numpy()) * WHITE), pyramid(detail)]
    sizes = [level.shape[:2] for level in max(parts, key=lambda part: part[0][..., 0].size)]
    starts = np.cumsum([0, *((rows + 2) * (columns + 2) for rows, columns in sizes)])
    texels = np.empty((starts[-1], CHANNELS), np.int16)
    for start, end, size in zip(starts, starts[1:], sizes, strict=False):
        level = texels[start:end].reshape(size[0] + 2, size[1] + 2, CHANNELS)
        images = [np.rint(resized(closest(part, size), size)) for part in parts]
        level[1:-1, 1:-1, :3], level[1:-1, 1:-1, 3:] = images
        level[0], level[-1] = level[1], level[-2]
        level[:, 0], level[:, -1] = level[:, 1], level[:, -2]
    return texels, np.concatenate([starts[:-1, None], np.array(sizes)], 1).astype(np.int64)


def closest(levels: list[_Floats], size: tuple[int, int]) -> _Floats:
    """The level that is nearest to a size, by the logarithm of its area."""
    return min(levels, key=lambda level: abs(math.log(level[..., 0].size / (size[0] * size[1]))))


def resized(image: _Floats, size: tuple[int, int]) -> _Floats:
    """The image read with linear interpolation at another size."""
    if image.shape[:2] == size:
        return image
    planes = torch.from_numpy(image).permute(2, 0, 1)[None]
    return F.interpolate(planes, size, mode="bilinear")[0].permute(1, 2, 0).numpy()


def slopes(height: _Floats) -> tuple[_Floats, _Floats]:
    """Central differences per texel, across (u) and down (row)."""
    padding = np.pad(height, 1, mode="edge")
    across, down = padding[1:-1, 2:] - padding[1:-1, :-2], padding[2:, 1:-1] - padding[:-2, 1:-1]
    return (across / 2).astype(np.float32), (down / 2).astype(np.float32)


METRES, HALVES = np.float32(RELIEF_UNIT / FINE), np.float32(RELIEF_UNIT / 2)
"""Metres per stored whole number of a relief, and of a wrinkle map."""


@inlined
def corners(levels, level, u, v):
    """The texels above and below a point, left of it, and the weights of them and of those right of them.

    u and v in 0..1.
    """
    start, height, width = levels[level, 0], levels[level, 1], levels[level, 2]
    x, y = u * np.float32(width) + 0.5, v * np.float32(height) + 0.5
    i, j = int(x), int(y)
    above = start + j * (width + 2) + i
    fx, fy = x - np.float32(i), y - np.float32(j)
    both = fx * fy
    return np.uint64(above), np.uint64(above + width + 2), 1.0 - fx - fy + both, fx - both, fy - both, both


@inlined
def four(texels, found, k):
    """Four channels from k on of the texels that `corners` found."""
    above, below, wp, wq, wr, ws = found
    p, q, r, s = above, above + np.uint64(1), below, below + np.uint64(1)
    return (
        wp * texels[p, k] + wq * texels[q, k] + wr * texels[r, k] + ws * texels[s, k],
        wp * texels[p, k + 1] + wq * texels[q, k + 1] + wr * texels[r, k + 1] + ws * texels[s, k + 1],
        wp * texels[p, k + 2] + wq * texels[q, k + 2] + wr * texels[r, k + 2] + ws * texels[s, k + 2],
        wp * texels[p, k + 3] + wq * texels[q, k + 3] + wr * texels[r, k + 3] + ws * texels[s, k + 3],
    )


@inlined
def tinted(light, ratio, tables):
    """Light of 0..WHITE whose sRGB value is multiplied, to at most 255."""
    shade = light * np.float32((SHADES - 1) / WHITE) + 0.5
    value = tables.value[np.uint64(shade)] * np.float32(FINE)
    before, after = tables.light[np.uint64(value + 0.5)], min(max(value * ratio, 0.0), np.float32(255 * FINE))
    return light * tables.light[np.uint64(after + 0.5)] / max(before, 1e-9)
