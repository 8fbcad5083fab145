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

from talkcli.engine.editing.blinks import blinks
from talkcli.engine.editing.glances import far_glances, fixations, gaze, look_weights
from talkcli.engine.editing.head_movement import brow_raises, head_turns
from talkcli.engine.editing.prosody import prosody_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.geometry import check_moves
from talkcli.engine.face.overlay import overlaid
from talkcli.engine.face.rigs import rigged
from talkcli.engine.face.rotations import matrix
from talkcli.engine.motion import Coefficients, Head, Motion
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
    frames, fps, head = len(motion), motion.fps, motion.head
    turning = bool(amounts.head) and head is None and "head" not in moves
    looking = "eyes" not in moves and bool(amounts.gaze or amounts.blinks or amounts.brows)
    if not (turning or looking):
        return motion
    prosody = prosody_of(speech)
    rests = fixations(prosody, frames / float(fps), seed)
    if turning:
        turns = head_turns(prosody, rests, frames, fps, seed)
        head = Head(torch.deg2rad(turns.degrees) * amounts.head, turns.metres * amounts.head)
    if not looking:
        return dataclasses.replace(motion, head=head)
    brows = [amounts.brows * raised for raised in brow_raises(prosody, frames, fps, seed)]
    look = amounts.gaze * gaze(rests, frames, fps)
    if amounts.gaze and head is not None:
        look = look + _steadied(head)
    lids = blinks(prosody, far_glances(rests), frames, fps, seed, amounts.blinks)
    weights = torch.stack([lids, lids, *brows, *look_weights(look)], 1)
    return dataclasses.replace(_added(motion, weights, avatar), head=head)


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


def _added(motion: Motion, weights: Float[Tensor, "frames life"], avatar: Avatar) -> Motion:
    """The motion with SHAPES moved too, as far as the avatar's rig has them."""
    rig = rigged(avatar)
    if rig is None:
        return motion
    present = [name in rig.model.shape_names for name in SHAPES]
    names = [name for name, here in zip(SHAPES, present, strict=True) if here]
    motion = overlaid(motion, rig.model.spread(weights[:, present], names), avatar, rig)
    if isinstance(motion.face, Coefficients):
        expression, columns = motion.face.expression, rig.model.columns(names)
        expression[:, columns] = expression[:, columns].clamp(0, 1)
    return motion
