"""How unlike two maps look to a network that has learnt to see, or else how unlike their edges are.

LPIPS (Zhang et al. 2018) needs VGG-16's weights, which are not ours to ship: a user may bring a file of them.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.checkpoint import load_pickled
from talkcli.engine.errors import BadInput

_VGG = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
"""VGG-16's convolutions, by their numbers in `features`; LPIPS compares after each stage's last, and each but
the first begins with a pooling."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures in [0, 1]: what VGG was taught on."""

SCALES = 3
"""Sizes at which edges are compared: as it is, and twice halved."""


class Perception(nn.Module):
    """A scalar that is 0 for equal batches of maps in [0, 1]."""

    name: str

    def forward(self, made: Float[Tensor, "b 3 h w"], maps: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
        raise NotImplementedError


class Edges(Perception):
    """Mean absolute difference of neighbours' differences, summed over scales: ours, for want of VGG."""

    name = "edges"

    def forward(self, made: Float[Tensor, "b 3 h w"], maps: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
        error, total = made - maps, made.new_zeros(())
        for _ in range(SCALES):
            total = total + error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
            error = F.avg_pool2d(error, 2)
        return total


class Lpips(Perception):
    """LPIPS 0.1 with VGG-16."""

    name = "lpips-vgg"

    def __init__(self, weights: dict[str, Tensor]) -> None:
        """`weights` by their names in torchvision (features.0.weight) and lpips (lin0.model.1.weight)."""
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.ModuleList(_convolution(weights, number) for number in stage) for stage in _VGG
        )
        self.linear = nn.ParameterList(_of(weights, f"lin{i}.model.1.weight") for i in range(len(_VGG)))
        self.requires_grad_(False)

    def forward(self, made: Float[Tensor, "b 3 h w"], maps: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
        mean, deviation = (made.new_tensor(numbers)[:, None, None] for numbers in (MEAN, DEVIATION))
        x, y = ((side - mean) / deviation for side in (made, maps))
        total = made.new_zeros(())
        for depth, (stage, linear) in enumerate(zip(self.convolutions, self.linear, strict=True)):
            x, y = (_seen(side, stage, pooled=depth > 0) for side in (x, y))
            total = total + ((_unit(x) - _unit(y)).square() * linear).sum(1).mean()
        return total


def perception(path: Path | None) -> Perception:
    """LPIPS with the weights in a file, if one is given.

    The file is what `torch.save(lpips.LPIPS(net="vgg").state_dict(), path)` writes.
    """
    if path is None:
        return Edges()
    weights = load_pickled(path)
    if not isinstance(weights, dict):
        raise BadInput(f"{path} holds no named weights.", "Save lpips.LPIPS(net='vgg').state_dict() to it.")
    return Lpips({re.sub(r"^net\.slice\d\.", "features.", str(name)): w for name, w in weights.items()})


def _of(weights: dict[str, Tensor], name: str) -> Tensor:
    if name not in weights:
        raise BadInput(
            f"LPIPS needs a weight '{name}'.", "Save lpips.LPIPS(net='vgg').state_dict() with torch.save."
        )
    return weights[name].detach().float()


def _convolution(weights: dict[str, Tensor], number: int) -> nn.Conv2d:
    weight, bias = (_of(weights, f"features.{number}.{kind}") for kind in ("weight", "bias"))
    convolution = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
    convolution.load_state_dict({"weight": weight, "bias": bias})
    return convolution


def _seen(x: Tensor, stage: nn.Module, pooled: bool) -> Float[Tensor, "b c h w"]:
    x = F.max_pool2d(x, 2) if pooled else x
    for convolution in stage.children():
        x = F.relu(convolution(x))
    return x


def _unit(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Each place's features at length 1."""
    return x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + 1e-10)
