"""Geometry: the one meeting of who and how; a motion on an avatar becomes vertices, or Gaussians."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from talkcli.engine.errors import BadInput, naming
from talkcli.engine.face.acting import painted, wrinkles_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.deformation import FRAMES_EXPANDED, deformed, weights_of
from talkcli.engine.face.detail import detailed
from talkcli.engine.face.expressed import rested
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.gaussian_head import GaussianHead, head_gaussians
from talkcli.engine.face.gaussians import Gaussians, gathered
from talkcli.engine.face.known_rigs import FORMER
from talkcli.engine.face.lip_opening import frames_around
from talkcli.engine.face.look import activations
from talkcli.engine.face.rigs import Rigged, rigged
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.skinning import turned_about
from talkcli.engine.face.texel_layout import texel_layout
from talkcli.engine.motion import (
    LARGEST_LOG,
    Coefficients,
    Folds,
    Head,
    Motion,
    Shapes,
    Textures,
    Vertices,
    load_motion,
)
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
    """Frames [start, stop) of the avatar's Gaussians where its moving head has them.

    `acting`: the skin changes as the motion says, else as the rig's does with its shapes; that of a Gaussian
    head always does the latter. BadInput for an avatar that has no Gaussians.
    """
    return [draw() for draw in gaussian_frames(motion, avatar, start, stop, acting=acting)]


def gaussian_frames(
    motion: Motion, avatar: Avatar, start: int = 0, stop: int | None = None, *, acting: bool = True
) -> list[Callable[[], Gaussians]]:
    """What makes each of the frames of `gaussians`, in any thread."""
    if not avatar.has_gaussians:
        raise BadInput(f"Avatar {avatar.name} has no Gaussians.", "Give one that has, or draw its mesh.")
    whole = posed(motion, avatar, start, stop)
    part = motion.part(start, stop)
    makers = []
    if avatar.gaussian_head is not None:
        makers.append(_decoding(avatar.gaussian_head, part, whole, avatar, acting))
    if avatar.splats is not None:
        from talkcli.engine.face.carried_splats import film_carrier  # numba is slow to load

        carry = film_carrier(avatar.splats, avatar.neutral)
        changes = colour_changes(part, avatar, whole.folds) if acting else None
        makers.append(lambda i: _tinted(carry(whole.vertices[i]), changes, i))
    return [functools.partial(_frame, makers, number) for number in range(len(whole.vertices))]


def _frame(makers: list[Callable[[int], Gaussians]], number: int) -> Gaussians:
    clouds = [make(number) for make in makers]
    return clouds[0] if len(clouds) == 1 else gathered(clouds)


def _tinted(cloud: Gaussians, changes: Tensor | None, number: int) -> Gaussians:
    return cloud if changes is None else replace(cloud, colour=cloud.colour * changes[number][:, None])


def _decoding(
    head: GaussianHead, part: Motion, whole: Posed, avatar: Avatar, acting: bool
) -> Callable[[int], Gaussians]:
    """What makes each frame of the bare head."""
    rig = rigged(avatar)
    assert rig is not None and whole.weights is not None
    weights = whole.weights[:, rig.model.columns(head.shapes)]
    turns = None if part.head is None else matrix(part.head.rotation)
    changes = None
    if acting and part.texture is not None:
        changes = _otherwise(part.texture, whole.weights, avatar, head)
    shown = _uncovered_texels(avatar, head)

    def decoded(number: int) -> Gaussians:
        one = slice(number, number + 1)
        turn = None if turns is None else turns[one]
        cloud = head_gaussians(head, whole.vertices[one], weights[one], turn)[0]
        return _tinted(cloud, changes, number).map(lambda tensor: tensor[shown])

    return decoded


def _uncovered_texels(avatar: Avatar, head: GaussianHead) -> slice | Int[Tensor, " shown"]:
    """Those of a Gaussian head that lie on no face which something worn hides."""
    hides = [item.hides.long() for item in avatar.worn if item.hides is not None]
    if not hides:
        return slice(None)
    base = torch.tensor([len(avatar.neutral) ** 2, len(avatar.neutral), 1])
    beneath = (avatar.faces[torch.cat(hides)].long() * base).sum(1)
    own = (texel_layout(head.rig, head.config.size).corners.long() * base).sum(1)
    return torch.nonzero(~torch.isin(own, beneath))[:, 0]


def _otherwise(
    texture: Textures | Folds, weights: Float[Tensor, "frames shapes"], avatar: Avatar, head: GaussianHead
) -> Float[Tensor, "frames n 3"]:
    """What a motion's own texture multiplies the colours of a Gaussian head by, whose skin does by itself
    what its rig's does: the one in the other's place."""
    uv, wrinkles = texel_layout(head.rig, head.config.size).uv, wrinkles_of(avatar)
    change = _logarithms(painted(texture, wrinkles, TINT), uv)
    if wrinkles is not None:
        change = change - _logarithms(painted(Folds(activations(wrinkles, weights)), wrinkles, TINT), uv)
    return change.exp()


def colour_changes(
    motion: Motion, avatar: Avatar, folds: Float[Tensor, "frames maps"] | None
) -> Float[Tensor, "frames n 3"] | None:
    """What the skin multiplies the colour of the avatar's Gaussians by: as the motion's texture says, else
    its rig's folds; 1 of those that are not on it. None where nothing changes any."""
    uv, texture = None if avatar.splats is None else avatar.splats.uv, motion.texture
    if texture is None and folds is not None:
        texture = Folds(folds)
    if texture is None or uv is None or not bool((uv >= 0).all(1).any()):
        return None
    return _logarithms(painted(texture, wrinkles_of(avatar), TINT), uv).exp()


def _logarithms(textures: Textures, uv: Float[Tensor, "n 2"]) -> Float[Tensor, "frames n 3"]:
    """What textures say of places on the skin; 0 where uv is below 0."""
    rows, columns = textures.basis.shape[2:]
    row = ((1 - uv[:, 1]) * rows).long().clamp(0, rows - 1)
    column = (uv[:, 0] * columns).long().clamp(0, columns - 1)
    there = textures.basis[:, :, row, column] * (uv >= 0).all(1)
    return torch.einsum("fp,pcn->fnc", textures.weights, there).clamp(-LARGEST_LOG, LARGEST_LOG)


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


def load_moves(path: Path, avatar: Avatar) -> Motion:
    """A motion that can move this avatar. Errors as in `load_motion` and `check_moves`, with its name."""
    motion = load_motion(path)
    with naming(path):
        check_moves(motion, avatar)
    return motion


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
    if rig is not None and part.codes is not None:
        points = detailed(points, part, rig.model.topology)
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
