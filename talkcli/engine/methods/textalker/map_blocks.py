"""What encoders and generators of maps are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Residual(nn.Module):
    """Two convolutions around which what came in is carried."""

    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.norm1 = norm(inputs, groups)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = norm(outputs, groups)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_out = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o h w"]:
        free = not torch.is_grad_enabled()  # what nothing is to be learnt from is overwritten
        y = self.conv1(F.silu(self.norm1(x), inplace=free))
        y = self.conv2(F.silu(self.norm2(y), inplace=free))
        return y.add_(self.conv_out(x)) if free else self.conv_out(x) + y


class Attention(nn.Module):
    """Every place of a grid looks at every other, with one head."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm = norm(width, groups)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        y = self.norm(x)
        q, k, v = (conv(y).flatten(2).mT[:, None] for conv in (self.q, self.k, self.v))
        attention = F.scaled_dot_product_attention(q, k, v)[:, 0].mT
        return x + self.proj_out(attention.unflatten(2, x.shape[2:]))


class Down(nn.Module):
    """Half the size: the extra row and column are on the right and at the bottom."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h//2 w//2"]:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Up(nn.Module):
    """Twice the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 2*h 2*w"]:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Chain(nn.Module):
    """Blocks in a row, the last norm and convolution in float32 whatever the rest is computed in.

    Eight bits of mantissa would draw a map in steps that a mouth shows.
    """

    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o h2 w2"]:
        *body, last_norm, last_conv = self.blocks
        for block in body:
            x = block(x)
        with torch.autocast(x.device.type, enabled=False):
            return last_conv(last_norm(x.float()))


def norm(width: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(groups, width), width, eps=1e-6)
