"""Acting skin: what a rig's wrinkles and blood do to a texture, as a camera would see it."""

from __future__ import annotations

import functools

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.look import FULL, HAEMOGLOBIN, RELIEF_UNIT, Wrinkles, activations
from talkcli.engine.face.rigs import rigged
from talkcli.engine.motion import Folds, Textures
from talkcli.engine.once import once

GAMMA = 2.2
"""Of sRGB, roughly: what a factor of light is in values is its root."""
DEPTH, SHADE, SHINE = 4e-4, 0.9, 0.25
"""Metres below its surroundings at which a fold is dark; natural logarithms of the light that the deepest
fold loses and the highest ridge gains."""
SEEN = 0.6
"""Share of all that which soft light and a camera leave."""
SURROUNDINGS = 17
"""Texels of the height map over which the surroundings are a mean."""
RIDGE_OF_FOLDS = 1e-4
"""Of the mean map's own size: keeps recovered folds small where maps look alike."""


def wrinkles_of(avatar: Avatar) -> Wrinkles | None:
    """How the skin of the avatar's rig acts; None for a bare mesh, and for a rig whose skin does not."""
    rig = rigged(avatar)
    return None if rig is None else rig.model.wrinkles


def acting_skin(model: FaceModel) -> Wrinkles:
    """The wrinkles of a rig. BadInput where its skin does not act."""
    if model.wrinkles is None:
        raise BadInput(
            f"The rig {model.topology.name} has no wrinkles.", "Use a rig that has, such as the built-in one."
        )
    return model.wrinkles


def rig_folds(weights: Float[Tensor, "frames shapes"], wrinkles: Wrinkles) -> Folds:
    """What the skin does under weights of all the shapes of its rig."""
    return Folds(activations(wrinkles, weights))


def painted(texture: Textures | Folds, wrinkles: Wrinkles | None, size: int) -> Textures:
    """Folds of these wrinkles as textures in size x size maps; textures as they are."""
    if isinstance(texture, Textures):
        return texture
    maps = 0 if wrinkles is None else len(wrinkles.names)
    if wrinkles is None or maps != texture.weights.shape[1]:
        raise BadInput(
            f"This motion folds a skin of {texture.weights.shape[1]} wrinkle maps, the avatar's has {maps}.",
            "Give the avatar that the motion was made for.",
        )
    return Textures(texture.weights, skin_ratios(wrinkles, size))


def folds_of(logs: Float[Tensor, "frames 3 size size"], ratios: Float[Tensor, "maps 3 size size"]) -> Folds:
    """The folds whose textures come nearest to logarithms of ratios: least squares, then what skin can do.

    `ratios` are those of `skin_ratios`.
    """
    return Folds((logs.flatten(1) @ _unfolding(ratios, logs.device)).clamp(0, FULL))


@functools.lru_cache(maxsize=4)
def _unfolding(
    ratios: Float[Tensor, "maps 3 size size"], device: torch.device
) -> Float[Tensor, "numbers maps"]:
    """Logarithms of ratios @ this = weights."""
    basis = ratios.flatten(1).double()
    gram = basis @ basis.T
    ridge = RIDGE_OF_FOLDS * gram.diagonal().mean() * torch.eye(len(gram))
    return torch.linalg.solve(gram + ridge, basis).T.float().contiguous().to(device)


def _surroundings(side: int) -> Float[Tensor, "side side"]:
    """Texels of a line @ this = means of the means over SURROUNDINGS, of those that there are: a matrix,
    since a square's mean is that of its rows' means."""
    place = torch.arange(side)
    near = ((place[:, None] - place).abs() <= SURROUNDINGS // 2).float()
    mean = near / near.sum(1, keepdim=True)
    return mean @ mean


def _around(used: Bool[Tensor, " side"]) -> slice:
    """Of a line of texels those whose `_surroundings` may hold a used one."""
    places, reach = used.nonzero(), 2 * (SURROUNDINGS // 2)
    if len(places) == 0:
        return slice(0)
    return slice(max(int(places.min()) - reach, 0), int(places.max()) + reach + 1)


@once
def skin_ratios(wrinkles: Wrinkles, size: int) -> Float[Tensor, "maps 3 size size"]:
    """Logarithm of the ratio of sRGB values at activation 1 of each wrinkle map.

    Blood absorbs, folds lie in their own shade and ridges stand in the light.
    """
    height = wrinkles.height.float() * RELIEF_UNIT
    rows, columns = (_surroundings(side) for side in height.shape[1:])
    raised = torch.zeros_like(height)
    for own, deep in zip(raised, height, strict=True):  # a fold is a hundredth of its map
        y, x = here = _around(deep.any(1)), _around(deep.any(0))
        own[here] = ((deep[here] - rows[y, y] @ deep[here] @ columns[x, x].T) / DEPTH).tanh()
    shade = torch.where(raised < 0, SHADE, SHINE) * raised
    shade = F.interpolate(shade[:, None], size=(size, size), mode="area")
    blood = wrinkles.blood.float()[:, None] / 127
    blood = F.interpolate(blood, size=(size, size), mode="bilinear", align_corners=False)
    absorbed = torch.tensor(HAEMOGLOBIN)[:, None, None] * blood
    return SEEN * (shade - absorbed) / GAMMA
