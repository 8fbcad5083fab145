"""Rigs: the face models that move avatars, by name, and how an avatar wears one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.assets import DEFAULT_RIG, data_folder
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import FaceModel, load_face_model
from talkcli.engine.face.topology import Landmarks, Topology
from talkcli.engine.files import load_struct

RIGS: dict[str, Callable[[], FaceModel]] = {DEFAULT_RIG: load_face_model}
"""What `Avatar.rig` may name -> its loader, which reads its file once; beside those that a user imported."""
RIG_SUFFIX = ".rig"

FORMER = "talk-head"
"""The head of versions before this one, of which files may still speak."""


class Rigged(NamedTuple):
    """A face model worn by one avatar."""

    model: FaceModel
    shapes: Float[Tensor, "shapes verts 3"]
    """As this face wears them."""
    joints: Float[Tensor, "joints 3"]
    moves: Float[Tensor, "moves verts 3"]
    """The shapes, then the arcs of the jaw."""


def load_rig(name: str) -> FaceModel:
    """The face model of that name, on the mean face; BadInput for one that is not installed."""
    if name in RIGS:
        return RIGS[name]()
    imported = imported_rigs()
    if name not in imported:
        choices = f"Known rigs: {', '.join([*RIGS, *imported])}."
        former = "It is of an earlier version: make it again. " if name == FORMER else ""
        flame = "FLAME is yours to bring: talk models import flame FILE. " if name.startswith("flame") else ""
        raise BadInput(f"The rig {name} is not installed.", former + flame + choices)
    return _imported(imported[name])


def imported_rigs() -> dict[str, Path]:
    """The files of rigs that a user imported, by name."""
    return {path.stem: path for path in sorted(data_folder().glob(f"*{RIG_SUFFIX}"))}


@functools.lru_cache(maxsize=2)
def _imported(path: Path) -> FaceModel:
    return load_struct(path, (FaceModel, Topology, Landmarks))


@functools.lru_cache(maxsize=8)
def rigged(avatar: Avatar) -> Rigged | None:
    """The avatar's rig fitted to its neutral face; None for a bare mesh. The last ones are kept."""
    if avatar.rig is None:
        return None
    model = load_rig(avatar.rig)
    if len(avatar.neutral) != len(model.template):
        raise BadInput(
            f"Avatar {avatar.name} has {len(avatar.neutral)} vertices, "
            f"its rig {avatar.rig} {len(model.template)}.",
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
