"""Life: blinks, glances, brows and a head that moves with the voice, where a network moves the mouth only.

It is drawn from the recording and a seed: the same recording and seed live alike, and of two recordings that
begin alike the longer one begins as the shorter one does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from talkcli.engine.editing.blinks import blinks
from talkcli.engine.editing.glances import far_glances, fixations, gaze, look_weights
from talkcli.engine.editing.head_movement import brow_raises, head_turns
from talkcli.engine.editing.prosody import prosody_of
from talkcli.engine.face.acting import painted, rig_folds, wrinkles_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.geometry import check_moves
from talkcli.engine.face.look import FULL
from talkcli.engine.face.rigs import rigged
from talkcli.engine.face.rotations import matrix
from talkcli.engine.motion import Coefficients, Folds, Head, Motion, Shapes, Textures, Vertices
from talkcli.engine.speech import Speech

STEADIED = 12.0
"""Degrees up to which eyes turn against their head."""

SHAPES = (
    "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "eyeLookOutLeft", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutRight",
    "eyeLookUpLeft", "eyeLookUpRight", "eyeLookDownLeft", "eyeLookDownRight",
)  # fmt: skip
"""The shapes of the rig that `life` moves, in the order of its columns."""


@dataclass(frozen=True)
class LifeAmounts:
    """How much of each part of life there is: factors, 0 for none."""

    head: float = 1.0
    gaze: float = 1.0
    """On how far glances go."""
    blinks: float = 1.0
    """On how often the eyes blink."""
    brows: float = 1.0


FULL_LIFE = LifeAmounts()


def with_life(
    motion: Motion,
    speech: Speech,
    avatar: Avatar,
    seed: int = 0,
    moves: Collection[str] = (),
    amounts: LifeAmounts = FULL_LIFE,
) -> Motion:
    """The motion with eyes, brows and head alive; same recording and seed, same life.

    A rig moves those of SHAPES that it has; a bare mesh gets the head alone. `moves` names what the motion
    moves already and what therefore stays as it is: `eyes`, with the brows, and `head`.
    """
    check_moves(motion, avatar)
    frames, fps = len(motion), motion.fps
    prosody = prosody_of(speech)
    rests = fixations(prosody, frames / float(fps), seed)
    head = motion.head
    if amounts.head and head is None and "head" not in moves:
        turns = head_turns(prosody, rests, frames, fps, seed)
        head = Head(torch.deg2rad(turns.degrees) * amounts.head, turns.metres * amounts.head)
    if "eyes" in moves or not (amounts.gaze or amounts.blinks or amounts.brows):
        return dataclasses.replace(motion, head=head)
    brows = [amounts.brows * raised for raised in brow_raises(prosody, frames, fps, seed)]
    look = amounts.gaze * gaze(rests, frames, fps)
    if amounts.gaze and head is not None:
        look = look + _steadied(head)
    lids = blinks(prosody, far_glances(rests), frames, fps, seed, amounts.blinks)
    weights = torch.stack([lids, lids, *brows, *look_weights(look)], 1)
    face, texture = _added(motion.face, weights, avatar), _folded(motion.texture, weights, avatar)
    return dataclasses.replace(motion, face=face, head=head, texture=texture)


def _steadied(head: Head) -> Float[Tensor, "frames 2"]:
    """Degrees sideways and up by which eyes turn against their head, to keep looking where they look."""
    ahead = matrix(head.rotation)[:, :, 2]
    side, up = torch.atan2(ahead[:, 0], ahead[:, 2]), torch.asin(ahead[:, 1].clamp(-1, 1))
    return -torch.rad2deg(torch.stack([side, up], 1)).clamp(-STEADIED, STEADIED)


def unmoved(avatar: Avatar, moves: Collection[str], asked: Iterable[str]) -> str:
    """What to say where life was asked for, by the names of LifeAmounts, that `with_life` does not give."""
    wanted = [name for name in asked if name in ("head", "gaze", "blinks")]
    kept = [name for name in wanted if ("head" if name == "head" else "eyes") in moves]
    if kept:
        return f"This model moves these itself: {_options(kept)}."
    eyes = [name for name in wanted if name != "head"]
    if eyes and rigged(avatar) is None:
        return f"{avatar.name} has no rig, so that its eyes stay as they are: {_options(eyes)}."
    return ""


def _options(names: Sequence[str]) -> str:
    """As they are written, and that they do nothing."""
    return f"{' and '.join(f'--{name}' for name in names)} {'do' if len(names) > 1 else 'does'} nothing"


def _added(face: object, weights: Float[Tensor, "frames shapes"], avatar: Avatar):
    """The face track with SHAPES moved too, as far as the avatar's rig has them."""
    rig = rigged(avatar)
    if rig is None:
        return face
    weights, names = _available(weights, rig.model)
    columns = rig.model.columns(names)
    basis = rig.shapes[columns]
    match face:
        case Shapes():
            return Shapes(torch.cat([face.weights, weights], 1), torch.cat([face.basis, basis]))
        case Coefficients():
            expression = pad(face.expression, (0, len(rig.shapes) - face.expression.shape[1]))
            expression[:, columns] = (expression[:, columns] + weights).clamp(0, 1)
            return dataclasses.replace(face, expression=expression)
        case Vertices():
            offsets = (weights @ basis.flatten(1)).unflatten(1, (-1, 3))
            return dataclasses.replace(face, offsets=face.offsets + offsets)
        case _:
            return face


def _folded(
    texture: Textures | Folds | None, weights: Float[Tensor, "frames shapes"], avatar: Avatar
) -> Textures | Folds | None:
    """A skin that changes, changed by SHAPES as well, as the rig's own skin is."""
    rig, wrinkles = rigged(avatar), wrinkles_of(avatar)
    if texture is None or rig is None or wrinkles is None:
        return texture
    folds = rig_folds(rig.model.spread(*_available(weights, rig.model)), wrinkles)
    if isinstance(texture, Folds):
        return Folds((texture.weights + folds.weights).clamp(max=FULL))
    more = painted(folds, wrinkles, texture.basis.shape[2])
    columns = more.weights.any(0)
    return Textures(
        torch.cat([texture.weights, more.weights[:, columns]], 1),
        torch.cat([texture.basis, more.basis[columns]]),
    )


def _available(
    weights: Float[Tensor, "frames shapes"], model: FaceModel
) -> tuple[Float[Tensor, "frames available"], list[str]]:
    """The columns of SHAPES that a rig has, and their names."""
    present = [name in model.shape_names for name in SHAPES]
    return weights[:, present], [name for name, here in zip(SHAPES, present, strict=True) if here]
