"""Numbers of the published code, computed once on a CPU in single precision.

A part is in tests/golden (see its README) and always checked; tests that are marked `whole` compare whole
networks and need the rest: a folder `golden` in TALK_SHARED, or in `shared` beside the checkout.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

SMALL = Path(__file__).with_name("golden")
WHOLE = Path(os.environ.get("TALK_SHARED", Path(__file__).parents[2] / "shared")) / "golden"


def numbers(path: Path) -> dict[str, Tensor]:
    """The arrays of an .npz file, those of text left out."""
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays if arrays[name].dtype.kind != "U"}


def listed(path: Path, name: str) -> list[list[str]]:
    """The rows of a table of text in an .npz file."""
    with np.load(path) as arrays:
        return [str(row).split("\t") for row in arrays[name]]


def keys(name: str) -> list[list[str]]:
    """Names, shapes and kinds of a published network's tensors."""
    return listed(SMALL / "keys.npz", name)


def convolutions(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    """The kernels that torch draws from a seed for layers in this order, each with biases; a codebook among
    them is drawn twice, normal and uniform."""
    dice, kernels = torch.Generator().manual_seed(seed), {}
    for name, shape in shapes.items():
        if len(shape) == 4:
            kernels[name] = nn.init.kaiming_uniform_(torch.empty(shape), a=math.sqrt(5), generator=dice)
            nn.init.uniform_(torch.empty(shape[0]), generator=dice)
        elif name.endswith("embedding.weight"):
            torch.empty(shape).normal_(generator=dice).uniform_(generator=dice)
    return kernels


def by_name(rows: Iterable[tuple[str, str]]) -> dict[str, Tensor]:
    """MemoryTalker's golden weights: normal numbers, each tensor's from the checksum of its name."""
    scales = {"output_proj.weight": 0.002, "style_encoder.to_style_emb.weight": 0.02 / 16}
    weights = {}
    for name, size in rows:
        shape = [int(part) for part in size.split("x")]
        numbers = torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(name.encode())))
        if len(shape) == 1:
            weights[name] = 1 + 0.1 * numbers if name.endswith("weight") else 0.05 * numbers
        else:
            weights[name] = numbers * (
                scales[name] if name in scales else 1 / math.sqrt(math.prod(shape[1:]))
            )
    return weights


def by_place(rows: Iterable[list[str]]) -> dict[str, Tensor]:
    """TexTalker's golden weights and inputs: stretches of the numbers that seed 0 draws, by where they begin.

    `norm`, `offset` and `jitter` are normal numbers of that spread about 1, about 0, and about the uniform
    ones that the tensor already has.
    """
    dice, place, before, weights = torch.Generator().manual_seed(0), 0, (-1, ""), {}
    for name, begin, kind, scale, size in rows:
        shape, spread = [int(part) for part in size.split("x")], float(scale)
        if int(begin) == before[0]:  # the layers of the denoiser begin alike
            weights[name] = weights[before[1]]
            continue
        torch.rand(int(begin) - place, generator=dice)
        if kind in ("uniform", "share"):
            low, high = (-spread, spread) if kind == "uniform" else (0.0, spread)
            weights[name] = torch.empty(shape).uniform_(low, high, generator=dice)
        else:
            about = {"norm": 1.0, "jitter": weights.get(name, 0.0)}.get(kind, 0.0)
            weights[name] = about + spread * torch.randn(shape, generator=dice)
        place, before = int(begin) + math.prod(shape), (int(begin), name)
    return weights
