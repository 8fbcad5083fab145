"""Deformation: what a face track does to a face, before anything touches and before the head turns."""

from __future__ import annotations

import functools

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.jaw import JAW_OPEN, arc_weights
from talkcli.engine.face.rigs import Rigged, rigged
from talkcli.engine.face.shape_weights import fitted_weights, products_of
from talkcli.engine.motion import Coefficients, Motion, Shapes, Vertices

RIDGE_OF_SHAPES = 1e-3
"""Of each shape's own size: keeps signed weights small where shapes look alike."""

FRAMES_EXPANDED = 256
"""How many are vertices at once."""

EVERY_VERTEX = slice(None)


def deformed(
    part: Motion, avatar: Avatar, rig: Rigged | None, chosen: slice | Tensor = EVERY_VERTEX
) -> Float[Tensor, "frames verts 3"]:
    """All vertices or the `chosen` ones, in memory of their own; the motion can move the avatar."""
    face, neutral = part.face, avatar.neutral[chosen]
    match face:
        case Vertices():
            return neutral + face.offsets[:, chosen]
        case Shapes():
            return _mixed(neutral, face.weights, face.basis[:, chosen])
        case Coefficients():
            assert rig is not None
            weights, turn = _opened(face, rig.model)
            points = _mixed(neutral, weights, rig.moves[:, chosen])
            if turn.any():
                bend = rig.model.correctives("jaw", turn)
                points = points if bend is None else points + bend[:, chosen]
                points = rig.model.turned(points, "jaw", rig.joints, turn, chosen=chosen)
            return points


def _mixed(neutral: Tensor, weights: Tensor, basis: Tensor) -> Float[Tensor, "frames verts 3"]:
    return torch.addmm(neutral.flatten(), weights, basis.flatten(1)).unflatten(1, (-1, 3))


def _whole(face: Coefficients, model: FaceModel) -> Float[Tensor, "frames shapes"]:
    """Weights of all the rig's shapes."""
    missing = len(model.shapes) - face.expression.shape[1]
    return torch.nn.functional.pad(face.expression, (0, missing))


def _opened(
    face: Coefficients, model: FaceModel
) -> tuple[Float[Tensor, "frames moves"], Float[Tensor, "frames 3"]]:
    """Weights of all that the rig adds up, and what the jaw's joint still has to turn (axis-angle)."""
    weights = _whole(face, model)
    if model.hinge is None:
        return weights, face.jaw
    opening = weights[:, model.shape_names.index("jawOpen")] + face.jaw[:, 0] / JAW_OPEN
    weights = weights.index_copy(1, torch.tensor([model.shape_names.index("jawOpen")]), opening[:, None])
    aside = face.jaw * torch.tensor([0.0, 1.0, 1.0])
    return torch.cat([weights, arc_weights(opening * JAW_OPEN, model.hinge)], 1), aside


def weights_of(part: Motion, avatar: Avatar, rig: Rigged) -> Float[Tensor, "frames shapes"]:
    """Of the rig's shapes, read or recovered; in 0..1 but for a rig whose weights are signed."""
    face, model = part.face, rig.model
    match face:
        case Coefficients():
            weights = _whole(face, model)
            if "jawOpen" in model.shape_names:
                weights = weights + face.jaw[:, :1] / JAW_OPEN * model.weight_vector(jawOpen=1.0)
        case Shapes():
            weights = _recovered(face.weights @ _basis_products(face.basis, avatar), rig)
        case Vertices():
            parts = [products_of(rows, rig) for rows in face.offsets.split(FRAMES_EXPANDED)]
            weights = _recovered(torch.cat(parts), rig)
    return weights if model.signed else weights.clamp(0, 1)


def _recovered(products: Float[Tensor, "frames shapes"], rig: Rigged) -> Float[Tensor, "frames shapes"]:
    """Least squares on the rig's shapes: in 0..1 and sparse, or with their signs and a ridge."""
    if not rig.model.signed:
        return fitted_weights(products, rig)
    basis = rig.shapes.flatten(1)
    gram = basis @ basis.mT
    gram = gram + RIDGE_OF_SHAPES * gram.diagonal().diag()
    return torch.linalg.solve(gram, products.mT).mT


@functools.lru_cache(maxsize=8)
def _basis_products(basis: Tensor, avatar: Avatar) -> Float[Tensor, "basis shapes"]:
    """What each row of a motion's basis has in common with each of the rig's shapes."""
    rig = rigged(avatar)
    assert rig is not None
    return products_of(basis, rig)
