"""Convolutions of 3 x 3 on a CPU with a quarter of the products: F(4x4, 3x3) of Lavin and Gray 2016.

Letters are the paper's: d tiles of an image, m their products with a kernel, A and B what turns these over.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from talkcli.engine.compiled import fast

_SPREAD = torch.tensor(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    dtype=torch.float64,
)
"""Rows of a kernel to what six numbers are multiplied by (G)."""
_SPREAD_TWICE = torch.tensor(
    [[1 / 4, 0, 0], [-1 / 3, -1 / 3, -1 / 3], [1 / 12, 1 / 3, 1 / 3], [1 / 6, 1 / 6, 2 / 3], [0, 0, 1]],
    dtype=torch.float64,
)
"""The same where every row is there twice: one of the six is then multiplied by 0, and two by the same."""
_TILES = 64
"""At a time: what is made of them stays in the caches."""


@fast
def _cut_out(
    x: NDArray[np.float32], row: int, column: int, side: int, patch: NDArray[np.float32]
) -> None:  # fmt: skip
    """A square of an image [rows, columns, channels] from there on; beyond its borders 0."""
    for i in range(side):
        for j in range(side):
            if 0 <= row + i < x.shape[0] and 0 <= column + j < x.shape[1]:
                for c in range(x.shape[2]):
                    patch[i, j, c] = x[row + i, column + j, c]
            else:
                for c in range(x.shape[2]):
                    patch[i, j, c] = 0.0


@fast
def _tiles_in(
    x: NDArray[np.float32], top: int, patch: NDArray[np.float32], half: NDArray[np.float32],
    made: NDArray[np.float32],
) -> None:  # fmt: skip
    """Tiles of 6 x 6 of an image [rows, columns, channels], from a row of tiles on, as B^T d B [36, n, c]."""
    channels, across = x.shape[2], x.shape[1] // 4
    for tile in range(made.shape[1]):
        row, column = 4 * (top + tile // across) - 1, 4 * (tile % across) - 1
        _cut_out(x, row, column, 6, patch)
        for j in range(6):
            for c in range(channels):
                half[0, j, c] = 4.0 * patch[0, j, c] - 5.0 * patch[2, j, c] + patch[4, j, c]
            for c in range(channels):
                half[1, j, c] = patch[4, j, c] + patch[3, j, c] - 4.0 * (patch[1, j, c] + patch[2, j, c])
            for c in range(channels):
                half[2, j, c] = patch[4, j, c] - patch[3, j, c] + 4.0 * (patch[1, j, c] - patch[2, j, c])
            for c in range(channels):
                half[3, j, c] = patch[4, j, c] - patch[2, j, c] + 2.0 * (patch[3, j, c] - patch[1, j, c])
            for c in range(channels):
                half[4, j, c] = patch[4, j, c] - patch[2, j, c] - 2.0 * (patch[3, j, c] - patch[1, j, c])
            for c in range(channels):
                half[5, j, c] = 4.0 * patch[1, j, c] - 5.0 * patch[3, j, c] + patch[5, j, c]
        for i in range(6):
            at = 6 * i
            for c in range(channels):
                made[at, tile, c] = 4.0 * half[i, 0, c] - 5.0 * half[i, 2, c] + half[i, 4, c]
            for c in range(channels):
                made[at + 1, tile, c] = half[i, 4, c] + half[i, 3, c] - 4.0 * (half[i, 1, c] + half[i, 2, c])
            for c in range(channels):
                made[at + 2, tile, c] = half[i, 4, c] - half[i, 3, c] + 4.0 * (half[i, 1, c] - half[i, 2, c])
            for c in range(channels):
                made[at + 3, tile, c] = half[i, 4, c] - half[i, 2, c] + 2.0 * (half[i, 3, c] - half[i, 1, c])
            for c in range(channels):
                made[at + 4, tile, c] = half[i, 4, c] - half[i, 2, c] - 2.0 * (half[i, 3, c] - half[i, 1, c])
            for c in range(channels):
                made[at + 5, tile, c] = 4.0 * half[i, 1, c] - 5.0 * half[i, 3, c] + half[i, 5, c]


@fast
def _tiles_out(
    products: NDArray[np.float32], bias: NDArray[np.float32], top: int, half: NDArray[np.float32],
    y: NDArray[np.float32],
) -> None:  # fmt: skip
    """Products [36, n, c] as A^T m A: squares of 4 x 4 of an image [rows, columns, channels]."""
    channels, across = y.shape[2], y.shape[1] // 4
    for tile in range(products.shape[1]):
        row, column = 4 * (top + tile // across), 4 * (tile % across)
        for j in range(6):
            for c in range(channels):
                half[0, j, c] = (
                    products[j, tile, c] + products[6 + j, tile, c] + products[12 + j, tile, c]
                    + products[18 + j, tile, c] + products[24 + j, tile, c]
                )  # fmt: skip
            for c in range(channels):
                half[1, j, c] = (
                    products[6 + j, tile, c] - products[12 + j, tile, c]
                    + 2.0 * (products[18 + j, tile, c] - products[24 + j, tile, c])
                )  # fmt: skip
            for c in range(channels):
                half[2, j, c] = (
                    products[6 + j, tile, c] + products[12 + j, tile, c]
                    + 4.0 * (products[18 + j, tile, c] + products[24 + j, tile, c])
                )  # fmt: skip
            for c in range(channels):
                half[3, j, c] = (
                    products[6 + j, tile, c] - products[12 + j, tile, c]
                    + 8.0 * (products[18 + j, tile, c] - products[24 + j, tile, c])
                    + products[30 + j, tile, c]
                )  # fmt: skip
        for i in range(4):
            for c in range(channels):
                y[row + i, column, c] = (
                    half[i, 0, c] + half[i, 1, c] + half[i, 2, c] + half[i, 3, c] + half[i, 4, c] + bias[c]
                )
            for c in range(channels):
                y[row + i, column + 1, c] = (
                    half[i, 1, c] - half[i, 2, c] + 2.0 * (half[i, 3, c] - half[i, 4, c]) + bias[c]
                )
            for c in range(channels):
                y[row + i, column + 2, c] = (
                    half[i, 1, c] + half[i, 2, c] + 4.0 * (half[i, 3, c] + half[i, 4, c]) + bias[c]
                )
            for c in range(channels):
                y[row + i, column + 3, c] = (
                    half[i, 1, c] - half[i, 2, c] + 8.0 * (half[i, 3, c] - half[i, 4, c])
                    + half[i, 5, c] + bias[c]
                )  # fmt: skip


@fast
def _doubled_in(
    x: NDArray[np.float32], top: int, patch: NDArray[np.float32], half: NDArray[np.float32],
    made: NDArray[np.float32],
) -> None:  # fmt: skip
    """Tiles of 4 x 4 of an image that is 6 x 6 once all is there twice, as [25, n, c]."""
    channels, across = x.shape[2], x.shape[1] // 2
    for tile in range(made.shape[1]):
        row, column = 2 * (top + tile // across) - 1, 2 * (tile % across) - 1
        _cut_out(x, row, column, 4, patch)
        for j in range(4):
            for c in range(channels):
                half[0, j, c] = 4.0 * patch[0, j, c] - 5.0 * patch[1, j, c] + patch[2, j, c]
            for c in range(channels):
                half[1, j, c] = patch[2, j, c] - 4.0 * patch[1, j, c]
            for c in range(channels):
                half[2, j, c] = patch[2, j, c] - patch[1, j, c]
            for c in range(channels):
                half[3, j, c] = half[2, j, c]
            for c in range(channels):
                half[4, j, c] = 4.0 * patch[1, j, c] - 5.0 * patch[2, j, c] + patch[3, j, c]
        for i in range(5):
            at = 5 * i
            for c in range(channels):
                made[at, tile, c] = 4.0 * half[i, 0, c] - 5.0 * half[i, 1, c] + half[i, 2, c]
            for c in range(channels):
                made[at + 1, tile, c] = half[i, 2, c] - 4.0 * half[i, 1, c]
            for c in range(channels):
                made[at + 2, tile, c] = half[i, 2, c] - half[i, 1, c]
            for c in range(channels):
                made[at + 3, tile, c] = made[at + 2, tile, c]
            for c in range(channels):
                made[at + 4, tile, c] = 4.0 * half[i, 1, c] - 5.0 * half[i, 2, c] + half[i, 3, c]


@fast
def _doubled_out(
    products: NDArray[np.float32], bias: NDArray[np.float32], top: int, half: NDArray[np.float32],
    y: NDArray[np.float32],
) -> None:  # fmt: skip
    """Products [25, n, c] as squares of 4 x 4 of an image [rows, columns, channels]."""
    channels, across = y.shape[2], y.shape[1] // 4
    for tile in range(products.shape[1]):
        row, column = 4 * (top + tile // across), 4 * (tile % across)
        for j in range(5):
            for c in range(channels):
                half[0, j, c] = products[j, tile, c] + products[5 + j, tile, c] + products[10 + j, tile, c]
            for c in range(channels):
                half[1, j, c] = products[5 + j, tile, c] + 2.0 * products[15 + j, tile, c]
            for c in range(channels):
                half[2, j, c] = products[5 + j, tile, c] + 4.0 * products[10 + j, tile, c]
            for c in range(channels):
                half[3, j, c] = (
                    products[5 + j, tile, c] + 8.0 * products[15 + j, tile, c] + products[20 + j, tile, c]
                )
        for i in range(4):
            for c in range(channels):
                y[row + i, column, c] = half[i, 0, c] + half[i, 1, c] + half[i, 2, c] + bias[c]
            for c in range(channels):
                y[row + i, column + 1, c] = half[i, 1, c] + 2.0 * half[i, 3, c] + bias[c]
            for c in range(channels):
                y[row + i, column + 2, c] = half[i, 1, c] + 4.0 * half[i, 2, c] + bias[c]
            for c in range(channels):
                y[row + i, column + 3, c] = half[i, 1, c] + 8.0 * half[i, 3, c] + half[i, 4, c] + bias[c]


class Winograd(nn.Module):
    """A convolution of 3 x 3 that keeps the size of images whose sides are multiples of 4; `twice`: of what
    is there twice first, whose sides are multiples of 2. Nothing is learnt.

    Rounding is ten times that of the convolution itself: 1e-5 of the largest number.
    """

    def __init__(self, convolution: nn.Conv2d, twice: bool = False) -> None:
        super().__init__()
        weight, bias = convolution.weight.detach(), convolution.bias
        rows = _SPREAD_TWICE if twice else _SPREAD
        spread = torch.einsum("pk,ql,oikl->pqio", rows, rows, weight.double())
        self.weight = nn.Parameter(spread.flatten(0, 1).float().contiguous(), requires_grad=False)
        """[36 or 25, inputs, outputs]"""
        assert bias is not None
        self.bias, self._twice = bias, twice

    def forward(self, x: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o h2 w2"]:
        kinds, inputs, outputs = self.weight.shape
        times = 2 if self._twice else 1
        height, width = times * x.shape[2], times * x.shape[3]
        y = torch.empty(len(x), outputs, height, width, memory_format=torch.channels_last)
        down, across = height // 4, width // 4
        rows = max(1, _TILES // across)
        patch, half = np.empty((6, 6, inputs), np.float32), np.empty((6, 6, max(inputs, outputs)), np.float32)
        room = rows * across
        tiles, products = torch.empty(kinds, room, inputs), torch.empty(kinds, room, outputs)
        bias = self.bias.numpy()
        tiles_in, tiles_out = (_doubled_in, _doubled_out) if self._twice else (_tiles_in, _tiles_out)
        for image, made in zip(x, y, strict=True):
            seen = image.permute(1, 2, 0).contiguous().numpy()
            drawn = made.permute(1, 2, 0).numpy()
            for top in range(0, down, rows):
                count = min(rows, down - top) * across
                part, multiplied = tiles[:, :count], products[:, :count]
                tiles_in(seen, top, patch, half, part.numpy())
                torch.bmm(part, self.weight, out=multiplied)
                tiles_out(multiplied.numpy(), bias, top, half, drawn)
        return y
