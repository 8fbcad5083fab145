"""The face vector: all that a face does in one frame as one row of numbers, in named parts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.motion import Coefficients, FrameCodes, Head, Motion

HEAD_UNMOVED = "Use clips whose head moves, or train with: --set config.head=0 --set config.translation=0"


class FaceParts(NamedTuple):
    """The parts in their order; without the last one and on FLAME 284 numbers, as published."""

    identity: Float[Tensor, "*batch n_identity"]
    """Coefficients of the rig's identity space, standard deviations."""
    expression: Float[Tensor, "*batch n_expression"]
    """Weights of the rig's shapes."""
    head: Float[Tensor, "*batch n_head"]
    """Axis-angle, radians."""
    jaw: Float[Tensor, "*batch 3"]
    """Axis-angle, radians, beside what the expression does."""
    detail: Float[Tensor, "*batch n_detail"]
    """Codes of fine displacement."""
    translation: Float[Tensor, "*batch n_translation"]
    """Of the head, metres."""


class FaceLayout(NamedTuple):
    """How many numbers each of the FaceParts has."""

    identity: int = 100
    expression: int = 50
    head: int = 3
    jaw: int = 3
    detail: int = 128
    translation: int = 0

    @property
    def dims(self) -> int:
        return sum(self)

    def part(self, name: str) -> slice:
        """Where a part stands in the row."""
        place = self._fields.index(name)
        return slice(sum(self[:place]), sum(self[: place + 1]))

    def pack(self, parts: FaceParts) -> Float[Tensor, "*batch dims"]:
        sizes = tuple(part.shape[-1] for part in parts)
        if sizes != tuple(self):
            raise ValueError(f"parts of {sizes} numbers, not {tuple(self)}")
        return torch.cat(parts, dim=-1)

    def unpack(self, vector: Float[Tensor, "*batch dims"]) -> FaceParts:
        return FaceParts(*vector.split(tuple(self), dim=-1))


def scaled(delta: Float[Tensor, "*batch dims"], deviation: Float[Tensor, " dims"]) -> Tensor:
    """delta / sigma; 0 where sigma is."""
    return torch.where(deviation > 0, delta / deviation.clamp(min=1e-12), 0.0)


def resting(identity: Float[Tensor, " n_identity"], layout: FaceLayout) -> Float[Tensor, " dims"]:
    """The vector of somebody who does nothing: who they are and no more."""
    rest = torch.zeros(layout.dims)
    rest[layout.part("identity")] = _fitted(identity, layout.identity)
    return rest


def vectors_of(
    motion: Motion,
    identity: Float[Tensor, " n_identity"],
    rig: str,
    shapes: tuple[str, ...],
    layout: FaceLayout,
) -> Float[Tensor, "frames dims"]:
    """Every frame of a motion of somebody of that identity.

    BadInput for a motion of another rig, or without a part that the layout has.
    """
    face, frames = motion.face, len(motion)
    if not isinstance(face, Coefficients) or face.rig != rig:
        raise BadInput(f"This model learns from motions of the rig {rig}.", "Use clips of that rig.")
    if layout.head and motion.head is None:
        raise BadInput("The head of a clip does not move, and this model moves it.", HEAD_UNMOVED)
    weights = F.pad(face.expression, (0, len(load_rig(rig).shape_names) - face.expression.shape[1]))
    codes, head = motion.codes, motion.head
    drift = torch.zeros(frames, 0) if codes is None else codes.identity
    if layout.detail and (codes is None or codes.detail.shape[1] != layout.detail):
        raise BadInput(
            f"A clip has no {layout.detail} codes of detail.", "Train on clips that are all of one kind."
        )
    nowhere = torch.zeros(frames, 0)
    return layout.pack(
        FaceParts(
            _fitted(identity, layout.identity) + _fitted(drift, layout.identity),
            weights[:, load_rig(rig).columns(shapes)],
            head.rotation if layout.head and head is not None else nowhere,
            face.jaw,
            codes.detail if layout.detail and codes is not None else nowhere,
            head.translation if layout.translation and head is not None else nowhere,
        )
    )


def motion_tracks(
    vectors: Float[Tensor, "frames dims"],
    avatar: Avatar,
    rig: str,
    shapes: tuple[str, ...],
    layout: FaceLayout,
) -> tuple[Coefficients, Head | None, FrameCodes | None]:
    """What a motion holds of face vectors: `vectors_of` backwards."""
    parts, model = layout.unpack(vectors), load_rig(rig)
    expression = model.spread(parts.expression, shapes)
    face = Coefficients(expression if model.signed else expression.clamp_(0, 1), parts.jaw.clone(), rig)
    head = codes = None
    if layout.head:
        shift = parts.translation if layout.translation else torch.zeros_like(parts.head)
        head = Head(parts.head.clone(), shift.clone())
    if layout.identity or layout.detail:
        drift = parts.identity - _fitted(identity_of(avatar), layout.identity)
        codes = FrameCodes(drift, parts.detail.clone())
    return face, head, codes


def identity_of(avatar: Avatar) -> Float[Tensor, " n_identity"]:
    """Its coefficients; none of a bare mesh."""
    return torch.zeros(0) if avatar.identity is None else avatar.identity


def _fitted(numbers: Float[Tensor, "*batch n"], count: int) -> Float[Tensor, "*batch count"]:
    """The first of them, or zeros besides."""
    return F.pad(numbers[..., :count], (0, max(0, count - numbers.shape[-1])))
