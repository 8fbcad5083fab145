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
from talkcli.engine.face.rigs import Rigged, rigged
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.skinning import turned_about
from talkcli.engine.motion import Codes, Coefficients, Motion, Shapes, Vertices

JAW_OPEN = 0.30
"""Radians of jaw rotation that the shape jawOpen stands for at weight 1."""

RIDGE = 1e-3
"""Of each shape's own size: keeps recovered weights small where shapes look alike."""

CHUNK = 256
"""Frames that are expanded at once."""


def vertices(
    motion: Motion, avatar: Avatar, start: int = 0, stop: int | None = None
) -> Float[Tensor, "frames verts 3"]:
    """Frames [start, stop) of the moving head, metres: face, contact, then head pose."""
    rig = rigged(avatar)
    return _posed(_faces(motion, avatar, rig, start, stop), motion, avatar, rig, start, stop)


def offsets(
    motion: Motion, avatar: Avatar, start: int = 0, stop: int | None = None
) -> Float[Tensor, "frames verts 3"]:
    """Frames [start, stop) of what the face does, contact resolved, before head pose: metres from neutral."""
    return _faces(motion, avatar, rigged(avatar), start, stop).sub_(avatar.neutral)


def chunks(motion: Motion, avatar: Avatar, size: int = CHUNK) -> Iterator[Float[Tensor, "frames verts 3"]]:
    """All of `vertices`, a few frames at a time: an hour does not fit in memory at once."""
    rig = rigged(avatar)
    for start in range(0, len(motion), size):
        faces = _faces(motion, avatar, rig, start, start + size)
        yield _posed(faces, motion, avatar, rig, start, start + size)


def arkit_weights(
    motion: Motion, avatar: Avatar, start: int = 0, stop: int | None = None
) -> Float[Tensor, "frames shapes"]:
    """The rig's shape weights in 0..1 that a motion stands for: read, or recovered by least squares."""
    rig = rigged(avatar)
    if rig is None:
        raise BadInput(
            f"Avatar {avatar.name} has no rig, so its motion has no shape weights.",
            "Give an avatar with a rig.",
        )
    face = motion.face
    match face:
        case Coefficients():
            weights = _named_weights(face, rig.model, start, stop)
            opened = rig.model.weight_vector(jawOpen=1.0)
            weights = weights + face.jaw[start:stop, :1] / JAW_OPEN * opened
        case Shapes():
            weights = face.weights[start:stop] @ _basis_weights(face, avatar)
        case Vertices():
            _check_count(face.offsets.shape[1], avatar)
            weights = torch.cat([_recovered(part, rig) for part in face.offsets[start:stop].split(CHUNK)])
        case Codes():
            raise _no_mesh()
    return weights.clamp(0, 1)


def _faces(
    motion: Motion, avatar: Avatar, rig: Rigged | None, start: int, stop: int | None
) -> Float[Tensor, "frames verts 3"]:
    """Vertices before head pose, in memory of their own."""
    face, neutral = motion.face, avatar.neutral
    match face:
        case Vertices():
            _check_count(face.offsets.shape[1], avatar)
            moved = neutral + face.offsets[start:stop]
        case Shapes():
            _check_count(face.basis.shape[1], avatar)
            moved = _mixed(neutral, face.weights[start:stop], face.basis)
        case Coefficients():
            if rig is None:
                raise BadInput(
                    f"This motion moves a rig but avatar {avatar.name} is a bare mesh.",
                    "Give an avatar with a rig.",
                )
            moved = _mixed(neutral, _named_weights(face, rig.model, start, stop), rig.shapes)
            if face.jaw.any():
                moved = rig.model.turned(moved, "jaw", rig.joints, face.jaw[start:stop])
        case Codes():
            raise _no_mesh()
    if rig is not None and rig.model.contact is not None:
        rig.model.contact.settle(moved, rig.model.template, neutral)
    return moved


def _mixed(neutral: Tensor, weights: Tensor, basis: Tensor) -> Float[Tensor, "frames verts 3"]:
    return torch.addmm(neutral.flatten(), weights, basis.flatten(1)).unflatten(1, (-1, 3))


def _named_weights(face: Coefficients, model: FaceModel, start: int, stop: int | None) -> Tensor:
    """Weights [frames, shapes] of the rig's shapes."""
    values = face.expression[start:stop]
    known = len(model.shapes) if face.space == "arkit" else len(model.expression)
    if face.space not in ("arkit", "pca") or values.shape[1] > known:
        raise BadInput(
            f"This motion has {values.shape[1]} coefficients of space '{face.space}'; its rig has "
            f"{len(model.shapes)} of 'arkit' and {len(model.expression)} of 'pca'.",
            "Convert the motion, or animate again.",
        )
    if face.space == "pca":
        return values @ model.expression[: values.shape[1]]
    return torch.nn.functional.pad(values, (0, known - values.shape[1]))


def _posed(
    moved: Tensor, motion: Motion, avatar: Avatar, rig: Rigged | None, start: int, stop: int | None
) -> Tensor:
    """The head turned about its neck joint: the shoulders of a rig stay, a bare mesh turns as a whole."""
    if motion.head is None:
        return moved
    rotation, translation = motion.head.rotation[start:stop], motion.head.translation[start:stop]
    if rig is not None:
        return rig.model.turned(moved, "neck", rig.joints, rotation, translation)
    low, high = avatar.neutral.amin(0), avatar.neutral.amax(0)
    pivot = torch.stack([(low[0] + high[0]) / 2, low[1] + 0.15 * (high[1] - low[1]), (low[2] + high[2]) / 2])
    return turned_about(moved, torch.ones(len(avatar.neutral)), matrix(rotation), translation, pivot)


def _recovered(moved: Float[Tensor, "rows verts 3"], rig: Rigged) -> Float[Tensor, "rows shapes"]:
    """Ridge least squares of offsets on the rig's shapes."""
    basis = rig.shapes.flatten(1)
    gram = basis @ basis.mT
    gram = gram + RIDGE * gram.diagonal().diag()
    return torch.linalg.solve(gram, basis @ moved.flatten(1).mT).mT


@functools.lru_cache(maxsize=8)
def _basis_weights(face: Shapes, avatar: Avatar) -> Float[Tensor, "basis shapes"]:
    """What the basis of a motion is in the rig's shapes."""
    rig = rigged(avatar)
    assert rig is not None
    _check_count(face.basis.shape[1], avatar)
    return _recovered(face.basis, rig)


def _check_count(count: int, avatar: Avatar) -> None:
    if count != len(avatar.neutral):
        raise BadInput(
            f"The motion moves {count} vertices but avatar {avatar.name} has {len(avatar.neutral)}.",
            "Give the avatar that the motion was made for.",
        )


def _no_mesh() -> BadInput:
    return BadInput(
        "Codes of a Gaussian head have no mesh.", "Render them with the Gaussian head they were made for."
    )
