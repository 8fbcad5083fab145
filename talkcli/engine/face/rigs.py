"""Rigs: the face models that move avatars, and how an avatar wears one."""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.known_rigs import load_rig


class Rigged(NamedTuple):
    """A face model worn by one avatar."""

    model: FaceModel
    shapes: Float[Tensor, "shapes verts 3"]
    """As this face wears them."""
    joints: Float[Tensor, "joints 3"]
    moves: Float[Tensor, "moves verts 3"]
    """The shapes, then the arcs of the jaw."""


@functools.lru_cache(maxsize=8)
def rigged(avatar: Avatar) -> Rigged | None:
    """The avatar's rig fitted to its neutral face; None for a bare mesh. The last ones are kept."""
    if avatar.rig is None:
        return None
    model, photo = load_rig(avatar.rig), avatar.photograph
    for things, there, wanted in (
        ("vertices", avatar.neutral, model.template),
        ("numbers of identity", avatar.identity, model.identity),
        ("weights in its photograph", None if photo is None else photo.weights, model.shapes),
    ):
        if there is not None and len(there) != len(wanted):
            raise BadInput(
                f"Avatar {avatar.name} has {len(there)} {things}, its rig {avatar.rig} {len(wanted)}.",
                "Make the avatar again with this version.",
            )
    shapes = model.shapes_of(avatar.neutral)
    moves = torch.cat([shapes, model.arcs_of(avatar.neutral)])
    return Rigged(model, moves[: len(shapes)], model.joints_of(avatar.neutral), moves)


def rig_of(avatar: Avatar) -> str:
    """The name of the rig that clips of this avatar move. BadInput for a bare mesh."""
    if avatar.rig is None:
        raise BadInput(
            f"The motion of {avatar.name} moves a rig, and the avatar has none.", "Prepare the clips again."
        )
    return avatar.rig


def check_wears(avatar: Avatar, rig: str) -> None:
    """BadInput unless the avatar wears the rig that a talker moves."""
    if avatar.rig != rig:
        raise BadInput(
            f"This model moves the rig {rig}; avatar {avatar.name} has {avatar.rig or 'none'}.",
            "Give an avatar with that rig, or a model trained on such a mesh.",
        )


def talking_head(rig: str = DEFAULT_RIG) -> Avatar:
    """The mean face of a rig, without a look."""
    model = load_rig(rig)
    lips = model.topology.regions["lips"]
    return Avatar("mean", model.template, model.topology.faces, lips, rig, torch.zeros(len(model.identity)))
