"""Overlay: more of a rig's shapes on top of a motion of any form, and on the skin that it carries."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from talkcli.engine.face.acting import painted, rig_folds, wrinkles_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.look import FULL
from talkcli.engine.face.rigs import Rigged
from talkcli.engine.motion import Coefficients, Face, Folds, Motion, Shapes, Textures, Vertices


def overlaid(motion: Motion, weights: Float[Tensor, "frames shapes"], avatar: Avatar, rig: Rigged) -> Motion:
    """The motion with weights of all the rig's shapes added, and the skin with what they do to it.

    Weights are not kept within 0..1; whoever adds knows what may go beyond.
    """
    face = _added(motion.face, weights, rig)
    return dataclasses.replace(motion, face=face, texture=_folded(motion.texture, weights, avatar))


def _added(face: Face, weights: Float[Tensor, "frames shapes"], rig: Rigged) -> Face:
    columns = torch.nonzero(weights.any(0))[:, 0]
    basis = rig.shapes[columns]
    match face:
        case Shapes():
            return Shapes(torch.cat([face.weights, weights[:, columns]], 1), torch.cat([face.basis, basis]))
        case Coefficients():
            expression = pad(face.expression, (0, len(rig.shapes) - face.expression.shape[1]))
            return dataclasses.replace(face, expression=expression.add_(weights))
        case Vertices():
            offsets = (weights[:, columns] @ basis.flatten(1)).unflatten(1, (-1, 3))
            return dataclasses.replace(face, offsets=face.offsets + offsets)


def _folded(
    texture: Textures | Folds | None, weights: Float[Tensor, "frames shapes"], avatar: Avatar
) -> Textures | Folds | None:
    """A skin that changes, changed as well as the rig's own skin is by these weights."""
    wrinkles = wrinkles_of(avatar)
    if texture is None or wrinkles is None:
        return texture
    folds = rig_folds(weights, wrinkles)
    if isinstance(texture, Folds):
        return Folds((texture.weights + folds.weights).clamp(max=FULL))
    more = painted(folds, wrinkles, texture.basis.shape[2])
    columns = more.weights.any(0)
    return Textures(
        torch.cat([texture.weights, more.weights[:, columns]], 1),
        torch.cat([texture.basis, more.basis[columns]]),
    )
