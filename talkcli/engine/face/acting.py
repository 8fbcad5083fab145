"""Acting skin: what the rig's wrinkles and blood do to a texture, as a camera would see it."""

from __future__ import annotations

import functools

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import arkit_weights
from talkcli.engine.face.look import FULL, HAEMOGLOBIN, RELIEF_UNIT, Wrinkles, activations
from talkcli.engine.motion import Folds, Motion, Textures

GAMMA = 2.2
"""Of sRGB, roughly: what a factor of light is in values is its root."""
DEPTH, SHADE, SHINE = 4e-4, 0.9, 0.25
"""Metres below its surroundings at which a fold is dark; natural logarithms of the light that the deepest
fold loses and the highest ridge gains."""
SEEN = 0.6
"""Share of all that which soft light and a camera leave."""
SURROUNDINGS = 17
"""Texels of the height map over which the surroundings are a mean."""
RIDGE = 1e-4
"""Of the mean map's own size: keeps recovered folds small where maps look alike."""


def worn_textures(motion: Motion, avatar: Avatar, size: int) -> Textures:
    """How the built-in skin changes under a motion of its rig, in size x size maps."""
    return painted(rig_folds(arkit_weights(motion, avatar)), size)


def rig_folds(weights: Float[Tensor, "frames shapes"]) -> Folds:
    """What the built-in skin does under weights of all the rig's shapes."""
    return Folds(activations(_wrinkles(), weights))


def painted(texture: Textures | Folds, size: int) -> Textures:
    """Folds as textures in size x size maps; textures as they are."""
    return Textures(texture.weights, skin_ratios(size)) if isinstance(texture, Folds) else texture


def folds_of(logs: Float[Tensor, "frames 3 size size"]) -> Folds:
    """The folds whose textures come nearest to logarithms of ratios: least squares, then what skin can do."""
    return Folds((logs.flatten(1) @ _unfolding(logs.shape[-1])).clamp(0, FULL))


@functools.lru_cache(maxsize=4)
def _unfolding(size: int) -> Float[Tensor, "numbers maps"]:
    """Logarithms of ratios @ this = weights."""
    basis = skin_ratios(size).flatten(1).double()
    gram = basis @ basis.T
    ridge = RIDGE * gram.diagonal().mean() * torch.eye(len(gram))
    return torch.linalg.solve(gram + ridge, basis).T.float().contiguous()


@functools.lru_cache(maxsize=4)
def skin_ratios(size: int) -> Float[Tensor, "maps 3 size size"]:
    """Logarithm of the ratio of sRGB values at activation 1 of each wrinkle map of the built-in head."""
    return _ratios(_wrinkles(), size)


def _wrinkles() -> Wrinkles:
    wrinkles = load_face_model().wrinkles
    assert wrinkles is not None
    return wrinkles


def _ratios(wrinkles: Wrinkles, size: int) -> Float[Tensor, "maps 3 size size"]:
    """Blood absorbs, folds lie in their own shade and ridges stand in the light."""
    height = wrinkles.height.float()[:, None] * RELIEF_UNIT
    around = height
    for _ in range(2):
        around = F.avg_pool2d(
            around, SURROUNDINGS, stride=1, padding=SURROUNDINGS // 2, count_include_pad=False
        )
    raised = ((height - around) / DEPTH).tanh()
    shade = F.interpolate(torch.where(raised < 0, SHADE, SHINE) * raised, size=(size, size), mode="area")
    blood = wrinkles.blood.float()[:, None] / 127
    blood = F.interpolate(blood, size=(size, size), mode="bilinear", align_corners=False)
    absorbed = torch.tensor(HAEMOGLOBIN)[:, None, None] * blood
    return SEEN * (shade - absorbed) / GAMMA
