"""Geometry: the one meeting of who and how; a motion on an avatar becomes vertices, or Gaussians."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.errors import BadInput
from talkcli.engine.face.acting import painted, wrinkles_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.deformation import FRAMES_EXPANDED, deformed, weights_of
from talkcli.engine.face.expressed import rested
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.gaussians import Gaussians, carried_gaussians
from talkcli.engine.face.lip_opening import frames_around
from talkcli.engine.face.look import activations
from talkcli.engine.face.rigs import FORMER, Rigged, rigged
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.skinning import turned_about
from talkcli.engine.motion import Codes, Coefficients, Folds, Head, Motion, Shapes, Vertices
from talkcli.engine.struct import TensorStruct

TINT = 256
"""Texels along a side at which folds change the skin's colour; their relief is finer."""


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
    part, rig = _part(motion, avatar, start, stop), rigged(avatar)
    vertices = _turned_head(_faces(part, avatar, rig), part, avatar, rig)
    if rig is None:
        return Posed(vertices, None, None)
    weights, wrinkles, folds = weights_of(part, avatar, rig), rig.model.wrinkles, None
    if wrinkles is not None:
        own = part.texture.weights if isinstance(part.texture, Folds) else None
        folds = activations(wrinkles, weights) if own is None else own
    return Posed(vertices, weights, folds)


def vertices(
    motion: Motion, avatar: Avatar, start: int = 0, stop: int | None = None
) -> Float[Tensor, "frames verts 3"]:
    """Frames [start, stop) of the moving head, metres: face, contact, then head pose."""
    check_moves(motion, avatar)
    part, rig = _part(motion, avatar, start, stop), rigged(avatar)
    return _turned_head(_faces(part, avatar, rig), part, avatar, rig)


def gaussians(
    motion: Motion, avatar: Avatar, start: int = 0, stop: int | None = None, *, acting: bool = True
) -> list[Gaussians]:
    """Frames [start, stop) of the avatar's Gaussians where its moving head carries them.

    `acting`: the skin changes as the motion says, else as the rig's does with its shapes. BadInput for an
    avatar that has no Gaussians.
    """
    if avatar.splats is None:
        raise BadInput(f"Avatar {avatar.name} has no Gaussians.", "Give one that has, or draw its mesh.")
    part = posed(motion, avatar, start, stop)
    clouds = carried_gaussians(avatar.splats, avatar.neutral, part.vertices)
    changes = colour_changes(motion.part(start, stop), avatar, part.folds) if acting else None
    if changes is None:
        return clouds
    return [
        replace(cloud, colour=cloud.colour * change[:, None])
        for cloud, change in zip(clouds, changes, strict=True)
    ]


def colour_changes(
    motion: Motion, avatar: Avatar, folds: Float[Tensor, "frames maps"] | None
) -> Float[Tensor, "frames n 3"] | None:
    """What the skin multiplies the colour of the avatar's Gaussians by: as the motion's texture says, else
    its rig's folds; 1 of those that are not on it. None where nothing changes any."""
    uv, texture = None if avatar.splats is None else avatar.splats.uv, motion.texture
    if texture is None and folds is not None:
        texture = Folds(folds)
    if texture is None or uv is None:
        return None
    textures = painted(texture, wrinkles_of(avatar), TINT)
    rows, columns = textures.basis.shape[2:]
    row = ((1 - uv[:, 1]) * rows).long().clamp(0, rows - 1)
    column = (uv[:, 0] * columns).long().clamp(0, columns - 1)
    there = textures.basis[:, :, row, column] * (uv >= 0).all(1)
    return torch.einsum("fp,pcn->fnc", textures.weights, there).exp()


def offsets(
    motion: Motion, avatar: Avatar, start: int = 0, stop: int | None = None
) -> Float[Tensor, "frames verts 3"]:
    """Frames [start, stop) of what the face does, contact resolved, before head pose: metres from neutral."""
    check_moves(motion, avatar)
    return _faces(_part(motion, avatar, start, stop), avatar, rigged(avatar)).sub_(avatar.neutral)


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
    return weights_of(_part(motion, avatar, start, stop), avatar, rig)


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


def _part(motion: Motion, avatar: Avatar, start: int, stop: int | None) -> Motion:
    """Frames [start, stop) of the motion on top of the avatar's resting expression."""
    if avatar.rest is None:
        return motion.part(start, stop)
    first = max(0, start - (reach := frames_around(motion.fps)))
    part = rested(motion.part(first, None if stop is None else stop + reach), avatar)[0]
    return part.part(start - first, None if stop is None else stop - first)


def _faces(part: Motion, avatar: Avatar, rig: Rigged | None) -> Float[Tensor, "frames verts 3"]:
    """Vertices before head pose, in memory of their own."""
    points = deformed(part, avatar, rig)
    if rig is not None and rig.model.contact is not None:
        rig.model.contact.settle(points, rig.model.template, avatar.neutral)
    return points


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
