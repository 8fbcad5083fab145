"""How a talker of a rig draws shapes and folds: as the rig's atlas has them, or with maps that it keeps.

Kept maps let codebooks outlive the head that they learnt from: shapes and folds keep their names, and what
the codebooks know of them stays as it was drawn.
"""

from __future__ import annotations

import functools

import torch
from jaxtyping import Float, Int8
from torch import Tensor, nn

from talkcli.engine.face.acting import acting_skin, skin_ratios
from talkcli.engine.face.rig_maps import RigMaps, rig_maps, solved
from talkcli.engine.face.rigs import load_rig


class OwnMaps(nn.Module):
    """Maps in whole steps."""

    shapes: Tensor
    shape_steps: Tensor
    importance: Tensor
    folds: Tensor
    fold_steps: Tensor

    def __init__(self, shapes: int, motion_size: int, folds: int, texture_size: int) -> None:
        super().__init__()
        self.register_buffer("shapes", torch.zeros(shapes, 3, motion_size, motion_size, dtype=torch.int8))
        self.register_buffer("shape_steps", torch.ones(shapes))
        self.register_buffer("importance", torch.ones(motion_size, motion_size))
        self.register_buffer("folds", torch.zeros(folds, 3, texture_size, texture_size, dtype=torch.int8))
        self.register_buffer("fold_steps", torch.ones(folds))


def shape_maps(own: OwnMaps | None, rig: str, size: int, names: tuple[str, ...]) -> RigMaps:
    """The named shapes as offset maps."""
    if own is None:
        return rig_maps(load_rig(rig), size, names)
    return _solved(own.shapes, own.shape_steps, own.importance)


def fold_maps(own: OwnMaps | None, rig: str, size: int) -> Float[Tensor, "maps 3 size size"]:
    """The rig's folds as logarithms of texture ratios."""
    if own is None:
        return skin_ratios(acting_skin(load_rig(rig)), size)
    return _whole(own.folds, own.fold_steps)


@functools.lru_cache(maxsize=2)
def _solved(shapes: Tensor, steps: Tensor, importance: Tensor) -> RigMaps:
    return solved(_whole(shapes, steps), importance.float().cpu())


@functools.lru_cache(maxsize=4)
def _whole(maps: Int8[Tensor, "n 3 size size"], steps: Float[Tensor, " n"]) -> Float[Tensor, "n 3 size size"]:
    return (maps.float() * steps.float()[:, None, None, None]).cpu()
