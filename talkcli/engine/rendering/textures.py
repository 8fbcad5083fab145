"""Texture pyramids: every level half the size of the one before, read with a bilinear look."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.face.look import RELIEF_UNIT, Look
from talkcli.engine.rendering.compiled import inlined

Array = NDArray[np.float32]

WHITE = 65535
FINE = 16
"""Detail is stored as whole numbers, this many to a unit, so that averaged levels keep their precision."""


def linear(srgb: NDArray[np.uint8]) -> Array:
    """sRGB bytes to linear light 0..1."""
    x = np.arange(256, dtype=np.float32) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)[srgb]


def encoded(light: Array) -> Array:
    """Linear light 0..1 to sRGB 0..255, not rounded."""
    x = np.clip(light, 0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055) * np.float32(255)


def pyramid(image: Array) -> list[Array]:
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


def flat(levels: list[Array], dtype: type) -> tuple[NDArray, NDArray[np.int64]]:
    """All levels in one array [texels, channels], and (offset, height, width) of each."""
    sizes = np.array([level.shape[:2] for level in levels], np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes.prod(1))[:-1]])
    texels = np.concatenate([level.reshape(-1, level.shape[-1]) for level in levels])
    return np.rint(texels).astype(dtype), np.concatenate([starts[:, None], sizes], 1)


def albedo_levels(albedo: NDArray[np.uint8]) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Linear light, WHITE to 1."""
    return flat(pyramid(linear(albedo) * WHITE), np.uint16)


def detail_levels(look: Look) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Relief's rise across and down a texel, its height; strength and roughness of gloss: FINE a unit."""
    relief = look.relief.numpy().astype(np.float32)
    across, down = slopes(relief)
    gloss = look.gloss.numpy().astype(np.float32)
    return flat(pyramid(np.stack([across, down, relief, gloss[..., 0], gloss[..., 1]], -1) * FINE), np.int16)


def slopes(height: Array) -> tuple[Array, Array]:
    """Central differences per texel, across (u) and down (row)."""
    padded = np.pad(height, 1, mode="edge")
    across, down = padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]
    return (across / 2).astype(np.float32), (down / 2).astype(np.float32)


METRES, HALVES = RELIEF_UNIT / FINE, RELIEF_UNIT / 2
"""Metres per stored whole number of a relief, and of a wrinkle map."""


@inlined
def corner(levels, level, u, v):
    """The four texels round a point, and their weights."""
    start, height, width = levels[level, 0], levels[level, 1], levels[level, 2]
    x = min(max(u * width - 0.5, 0.0), width - 1.0)
    y = min(max(v * height - 0.5, 0.0), height - 1.0)
    i, j = int(x), int(y)
    right = 1 if i + 1 < width else 0
    below = width if j + 1 < height else 0
    at = start + j * width + i
    fx, fy = x - i, y - j
    both = fx * fy
    return (
        np.uint64(at), np.uint64(at + right), np.uint64(at + below), np.uint64(at + below + right),
        1 - fx - fy + both, fx - both, fy - both, both,
    )  # fmt: skip


@inlined
def level_for(levels, lod):
    """The nearest level, with a leaning to the sharper."""
    return np.uint64(min(max(lod + 0.3, 0.0), len(levels) - 1.0))


@inlined
def colour(texels, levels, lod, u, v):
    """Linear red, green, blue times WHITE, of the nearest level, bilinear."""
    level = level_for(levels, lod)
    a, b, c, d, wa, wb, wc, wd = corner(levels, level, u, v)
    return (
        wa * texels[a, 0] + wb * texels[b, 0] + wc * texels[c, 0] + wd * texels[d, 0],
        wa * texels[a, 1] + wb * texels[b, 1] + wc * texels[c, 1] + wd * texels[d, 1],
        wa * texels[a, 2] + wb * texels[b, 2] + wc * texels[c, 2] + wd * texels[d, 2],
    )


@inlined
def five(texels, levels, lod, u, v):
    """Five channels of the nearest level, bilinear."""
    level = level_for(levels, lod)
    a, b, c, d, wa, wb, wc, wd = corner(levels, level, u, v)
    return (
        wa * texels[a, 0] + wb * texels[b, 0] + wc * texels[c, 0] + wd * texels[d, 0],
        wa * texels[a, 1] + wb * texels[b, 1] + wc * texels[c, 1] + wd * texels[d, 1],
        wa * texels[a, 2] + wb * texels[b, 2] + wc * texels[c, 2] + wd * texels[d, 2],
        wa * texels[a, 3] + wb * texels[b, 3] + wc * texels[c, 3] + wd * texels[d, 3],
        wa * texels[a, 4] + wb * texels[b, 4] + wc * texels[c, 4] + wd * texels[d, 4],
    )
