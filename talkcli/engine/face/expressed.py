"""Expressions on a speaking face: what the mouth says comes first, and lids still shut."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.deformation import weights_of
from talkcli.engine.face.expression import Expression
from talkcli.engine.face.lip_opening import meeting, silence
from talkcli.engine.face.overlay import overlaid
from talkcli.engine.face.rigs import Rigged, rigged
from talkcli.engine.motion import Coefficients, Motion, Shapes, Vertices

_SIDES = ("Left", "Right")

Held = tuple[Expression, Float[Tensor, " frames"]]
"""An expression, and how far it is on at each frame."""


def expressed(motion: Motion, avatar: Avatar, expressions: Sequence[Held]) -> Motion:
    """The motion with expressions added, face and skin; the motion can move the avatar.

    Where lips meet they still do, where lids shut they do. BadInput for expressions of another face.
    """
    meets = meeting(motion, avatar)
    quiet = silence(meets, motion.fps)
    shares = torch.stack([(1 - quiet) * (1 - meets), (1 - quiet) * meets, quiet], 1)
    weights = torch.cat([level[:, None] * shares for _, level in expressions], 1)
    rows = torch.cat([_rows(expression, avatar) for expression, _ in expressions])
    rig = rigged(avatar)
    if rig is not None:
        return _on_rig(motion, weights @ rows, avatar, rig)
    match motion.face:
        case Vertices(offsets=offsets):
            more = (weights @ rows.flatten(1)).unflatten(1, (-1, 3))
            return replace(motion, face=Vertices(offsets + more))
        case Shapes(weights=spoken, basis=basis):
            face = Shapes(torch.cat([spoken, weights], 1), torch.cat([basis, rows]))
            return replace(motion, face=face)
        case _:
            raise AssertionError("check_moves refuses other motions of a bare mesh")


def _rows(expression: Expression, avatar: Avatar) -> Float[Tensor, "3 ..."]:
    rows, rig = torch.stack([expression.speaking, expression.shut, expression.idle]), rigged(avatar)
    expected = avatar.neutral.shape if rig is None else rig.shapes.shape[:1]
    if rows.shape[1:] != expected:
        has, wants = (" x ".join(map(str, shape)) for shape in (rows.shape[1:], expected))
        raise BadInput(
            f"An expression of {has} numbers does not fit avatar {avatar.name}, which has {wants}.",
            "Give the avatar, or the templates, that belong together.",
        )
    return rows


def _on_rig(motion: Motion, more: Float[Tensor, "frames shapes"], avatar: Avatar, rig: Rigged) -> Motion:
    names = rig.model.shape_names
    wide = [
        (names.index(f"eyeWide{side}"), names.index(f"eyeBlink{side}"))
        for side in _SIDES
        if {f"eyeWide{side}", f"eyeBlink{side}"} <= set(names)
    ]
    if any(bool(more[:, column].any()) for column, _ in wide):
        before = weights_of(motion, avatar, rig)
        for column, blink in wide:
            more[:, column] *= 1 - before[:, blink].clamp(0, 1)
    if isinstance(motion.face, Coefficients) and not rig.model.signed:
        spoken = torch.nn.functional.pad(
            motion.face.expression, (0, len(names) - motion.face.expression.shape[1])
        )
        more = (spoken + more).clamp(spoken.clamp(max=0), spoken.clamp(min=1)) - spoken
    return overlaid(motion, more, avatar, rig)


def rested(motion: Motion, avatar: Avatar) -> tuple[Motion, Avatar]:
    """The motion with the avatar's resting expression in it, and the avatar without."""
    if avatar.rest is None:
        return motion, avatar
    return expressed(motion, avatar, [(avatar.rest, torch.ones(len(motion)))]), _without_rest(avatar)


@functools.lru_cache(maxsize=8)
def _without_rest(avatar: Avatar) -> Avatar:
    """The same one each time: what is fitted to an avatar is kept by it."""
    return replace(avatar, rest=None)
