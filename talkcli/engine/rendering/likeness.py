"""How alike pictures are, in small windows; cheap enough for every step of a fit."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

_WINDOW, _STRIDE = 8, 4
_C1, _C2 = 0.01**2, 0.03**2


def window_ssim(
    one: Float[Tensor, "*batch height width"], other: Float[Tensor, "*batch height width"]
) -> Tensor:
    """Mean structural similarity (Wang et al. 2004) in square windows that half overlap; values 0..1."""
    a, b = (picture.flatten(0, -3) for picture in (one, other))
    a, b, aa, bb, ab = F.avg_pool2d(torch.stack([a, b, a * a, b * b, a * b]), _WINDOW, _STRIDE)
    product, squares = a * b, a * a + b * b
    likeness = (2 * product + _C1) * (2 * (ab - product) + _C2)
    return (likeness / ((squares + _C1) * (aa + bb - squares + _C2))).mean()
