"""Geometry: the one meeting of who and how; a motion on an avatar becomes vertices."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.jaw import JAW_OPEN, arc_weights
from talkcli.engine.face.look import activations
from talkcli.engine.face.rigs import FORMER, Rigged, rigged
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.shape_weights import fitted_weights, products_of
from talkcli.engine.face.skinning import turned_about
from talkcli.engine.motion import Codes, Coefficients, Folds, Head, Motion, Shapes, Vertices
from talkcli.engine.struct import TensorStruct

RIDGE_OF_SHAPES = 1e-3
"""Of each shape's own size: keeps signed weights small where shapes look alike."""

FRAMES_EXPANDED = 256
"""How many are vertices at once."""


class Posed(TensorStruct):
    """Frames of a moving head."""

    vertices: Float[Tensor, "frames verts 3"]
    """Metres: face, contact, then head pose."""
    weights: Float[Tensor, "frames shapes"] | None
    """How far each shape of the rig is on; None for a bare mesh."""
    folds: Float[Tensor, "frames maps"] | None
    """How far each wrinkle map of the rig is on; None where it has none."""


def posed(motion: Motion, avatar: Avatar, start: int = 0, stop: int | None = None) -> Posed:
    """Frames [start, stop). Folds are the motion's own, else those that go with the shapes."""
    check_moves(motion, avatar)
    part, rig = motion.part(start, stop), rigged(avatar)
    vertices = _turned_head(_faces(part, avatar, rig), part, avatar, rig)
    if rig is None:
        return Posed(vertices, None, None)
    weights, wrinkles, folds = _weights(part, avatar, rig), rig.model.wrinkles, None
    if wrinkles is not None:
        own = part.texture.weights if isinstance(part.texture, Folds) else None
        folds = activations(wrinkles, weights) if own is None else own
    return Posed(vertices, weights, folds)


def vertices(
    motion: Motion, avatar: Avatar, start: int = 0, stop: int | None = None
) -> Float[Tensor, "frames verts 3"]:
    """Frames [start, stop) of the moving head, metres: face, contact, then head pose."""
    check_moves(motion, avatar)
    part, rig = motion.part(start, stop), rigged(avatar)
    return _turned_head(_faces(part, avatar, rig), part, avatar, rig)


def offsets(
    motion: Motion, avatar: Avatar, start: int = 0, stop: int | None = None
) -> Float[Tensor, "frames verts 3"]:
    """Frames [start, stop) of what the face does, contact resolved, before head pose: metres from neutral."""
    check_moves(motion, avatar)
    return _faces(motion.part(start, stop), avatar, rigged(avatar)).sub_(avatar.neutral)


def chunks(
    motion: Motion, avatar: Avatar, size: int = FRAMES_EXPANDED
) -> Iterator[Float[Tensor, "frames verts 3"]]:
    """All of `vertices`, a few frames at a time: an hour does not fit in memory at once."""
    for start in range(0, len(motion), size):
        yield vertices(motion, avatar, start, start + size)


def rig_weights(
    motion: Motion, avatar: Avatar, start: int = 0, stop: int | None = None
) -> Float[Tensor, "frames shapes"]:
    """The weights of the rig's shapes that a motion stands for: read, or recovered by least squares.

    In 0..1, but for a rig whose weights are signed.
    """
    rig = rigged(avatar)
    if rig is None:
        raise BadInput(
            f"Avatar {avatar.name} has no rig, so its motion has no shape weights.",
            "Give an avatar with a rig.",
        )
    check_moves(motion, avatar)
    return _weights(motion.part(start, stop), avatar, rig)


def check_moves(motion: Motion, avatar: Avatar) -> None:
    """BadInput unless this motion can move this avatar."""
    match motion.face:
        case Vertices(offsets=track) | Shapes(basis=track):
            if track.shape[1] != len(avatar.neutral):
                raise BadInput(
                    f"The motion moves {track.shape[1]} vertices but avatar {avatar.name} has "
                    f"{len(avatar.neutral)}.",
                    "Give the avatar that the motion was made for.",
                )
        case Coefficients(expression=track, rig=name):
            rig = rigged(avatar)
            if rig is None or avatar.rig != name:
                worn = "is a bare mesh" if rig is None else f"has the rig {avatar.rig}"
                other = f"Give an avatar with the rig {name}."
                hint = "It is of an earlier version: animate again." if name == FORMER else other
                raise BadInput(f"This motion moves the rig {name} but avatar {avatar.name} {worn}.", hint)
            if track.shape[1] > len(rig.shapes):
                raise BadInput(
                    f"This motion moves {track.shape[1]} shapes; its rig {name} has {len(rig.shapes)}.",
                    "Animate again with this version.",
                )
        case Codes():
            raise BadInput(
                "Codes of a Gaussian head have no mesh.",
                "Render them with the Gaussian head they were made for.",
            )


def _faces(part: Motion, avatar: Avatar, rig: Rigged | None) -> Float[Tensor, "frames verts 3"]:
    """Vertices before head pose, in memory of their own."""
    face, neutral = part.face, avatar.neutral
    match face:
        case Vertices():
            points = neutral + face.offsets
        case Shapes():
            points = _mixed(neutral, face.weights, face.basis)
        case Coefficients():
            assert rig is not None
            weights, turn = _opened(face, rig.model)
            points = _mixed(neutral, weights, rig.moves)
            if turn.any():
                bend = rig.model.correctives("jaw", turn)
                points = rig.model.turned(points if bend is None else points + bend, "jaw", rig.joints, turn)
        case Codes():
            raise AssertionError("check_moves refuses them")
    if rig is not None and rig.model.contact is not None:
        rig.model.contact.settle(points, rig.model.template, neutral)
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


def _turned_head(moved: Tensor, part: Motion, avatar: Avatar, rig: Rigged | None) -> Tensor:
    """The head turned about its neck joint: the shoulders of a rig stay, a bare mesh turns as a whole."""
    if part.head is None:
        return moved
    rotation, translation = part.head.rotation, part.head.translation
    if rig is not None:
        bend = _neck_bend(part, part.head, rig.model)
        moved = moved if bend is None else moved + bend
        return rig.model.turned(moved, "neck", rig.joints, rotation, translation)
    low, high = avatar.neutral.amin(0), avatar.neutral.amax(0)
    pivot = torch.stack([(low[0] + high[0]) / 2, low[1] + 0.15 * (high[1] - low[1]), (low[2] + high[2]) / 2])
    return turned_about(moved, torch.ones(len(avatar.neutral)), matrix(rotation), translation, pivot)


def _neck_bend(part: Motion, head: Head, model: FaceModel) -> Float[Tensor, "frames verts 3"] | None:
    """The neck's pose correctives as an open jaw carries them: correctives come before every turn."""
    bend = model.correctives("neck", head.rotation)
    if bend is None or not isinstance(part.face, Coefficients):
        return bend
    return model.turned(bend, "jaw", torch.zeros_like(model.joints), part.face.jaw)


def _weights(part: Motion, avatar: Avatar, rig: Rigged) -> Float[Tensor, "frames shapes"]:
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
        case Codes():
            raise AssertionError("check_moves refuses them")
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
