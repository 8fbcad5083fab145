"""Numbers of the published code, computed once on a CPU in single precision.

A part is in tests/golden (see its README) and always checked; tests that are marked `whole` compare whole
networks and need the rest: a folder `golden` in TALK_SHARED, or in `shared` beside the checkout.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
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
