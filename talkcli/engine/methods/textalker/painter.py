"""A generator of maps laid out for painting many of them, where nothing is to be learnt."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.assets import cache_folder
from talkcli.engine.device import Precision, painting_kind, painting_room, seeking_the_fastest
from talkcli.engine.methods.textalker.map_blocks import Chain, Residual, Up

_AT_ONCE = 32
"""Maps beyond which more at a time are no faster."""
_ALIVE = 4
"""Of the largest features in a generator, how many there are at a time."""
_DOUBLED = torch.tensor([[0.0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
"""Which rows of a kernel meet the same texel where every texel is there twice."""


_FEW = 2
"""Threads up to which fewer products are worth the sums before and after them, which are made on one."""
_WIDE = range(64, 257)
"""Channels of which that is true; weights, of which there are four times as many, are small yet."""


class Doubling(nn.Module):
    """`Up` as one transposed convolution: four products a texel where there were nine."""

    def __init__(self, up: Up) -> None:
        super().__init__()
        weight, rows = up.conv.weight.detach().double(), _DOUBLED.double()
        rows = rows.to(weight.device)
        self.weight = nn.Parameter(torch.einsum("pk,ql,oikl->iopq", rows, rows, weight).to(up.conv.weight))
        self.bias = up.conv.bias

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 2*h 2*w"]:
        return F.conv_transpose2d(x, self.weight, self.bias, stride=2, padding=1)


def _save_products(chain: Chain, grid: int) -> None:
    """What pays on a CPU: fewer products where a texel is there twice, and on few cores in convolutions."""
    alone = torch.get_num_threads() <= _FEW
    for number, block in enumerate(chain.blocks):
        if isinstance(block, Up):
            few = alone and grid % 2 == 0 and _is_wide(block.conv)
            chain.blocks[number] = _fewer(block.conv, twice=True) if few else Doubling(block)
        elif isinstance(block, Residual) and alone and grid % 4 == 0:
            for name, part in list(block.named_children()):
                if isinstance(part, nn.Conv2d) and _is_wide(part):
                    setattr(block, name, _fewer(part))


def _is_wide(part: nn.Conv2d) -> bool:
    return part.kernel_size == (3, 3) and part.in_channels in _WIDE


def _fewer(part: nn.Conv2d, twice: bool = False) -> nn.Module:
    from talkcli.engine.methods.textalker.winograd import Winograd  # numba is slow to load

    return Winograd(part, twice)


class MapPainter:
    """A generator's weights, channels last, in the number format that device and precision ask for.

    `largest` is how many numbers the largest features of one map have; `codes` the shape of its codes.
    """

    def __init__(
        self,
        generator: Chain,
        codes: tuple[int, int, int],
        patch: int,
        largest: int,
        precision: Precision,
    ) -> None:
        chain = copy.deepcopy(generator).requires_grad_(False).eval()
        weight = next(chain.parameters())
        self._codes, self._patch, self._kind = codes, patch, painting_kind(weight.device, precision)
        if weight.device.type == "cpu":
            _save_products(chain, codes[1])
        for block in chain.blocks[:-2]:
            block.to(self._kind)
        self._paint = chain.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        bytes_each = _ALIVE * largest * self._kind.itemsize
        self._most = max(1, min(_AT_ONCE, painting_room(weight.device) // bytes_each))
        self._repeats = weight.device.type == "cuda"
        self._fixed, self.is_compiled = 0, False
        """How many are painted at a time, always: a card gets ready anew for any other number."""

    @torch.no_grad()
    def compile(self, count: int) -> None:
        """For `count` maps at a time and for no other number: parts of it, if they are too many. Takes half a
        minute, less where what is compiled is found again in the cache."""
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "torch"))
        paint = cast(Callable[[Tensor], Tensor], torch.compile(self._paint, dynamic=False))
        fixed = self._parted(count)
        weight = next(cast(nn.Module, self._paint).parameters())
        with seeking_the_fastest():
            paint(self._laid(weight.new_zeros(fixed, *self._codes)))
        self._paint, self._fixed, self.is_compiled = paint, fixed, True

    def painted(self, codes: Float[Tensor, "b latent g g"]) -> Float[Tensor, "b channels size size"]:
        """Maps in (0, 1), float32, however many there are."""
        share, made = self._parted(len(codes)), []
        if self._repeats:
            share = self._fixed = self._fixed if self.is_compiled else max(self._fixed, share)
        for part in codes.split(share):
            whole = F.pad(part, (0, 0, 0, 0, 0, 0, 0, share - len(part))) if self._repeats else part
            maps = self._paint(self._laid(whole))[: len(part)]
            made.append(F.pixel_shuffle(maps, self._patch).sigmoid().contiguous())
        return made[0] if len(made) == 1 else torch.cat(made)

    def _parted(self, count: int) -> int:
        """As many at a time as there is room for, in parts that are nearly equal."""
        return math.ceil(count / math.ceil(count / self._most)) if count else 1

    def _laid(self, codes: Float[Tensor, "b latent g g"]) -> Tensor:
        return codes.to(self._kind).contiguous(memory_format=torch.channels_last)
