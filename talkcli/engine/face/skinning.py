"""Linear blend skinning over a tree of joints; the maths of SMPL (Loper et al. 2015), written anew."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def joint_transforms(
    rotations: Float[Tensor, "*batch joints 3 3"],
    joints: Float[Tensor, "*batch joints 3"],
    parents: tuple[int, ...],
) -> Float[Tensor, "*batch joints 3 4"]:
    """What each joint does to a point that rides on it wholly; a parent comes before its children.

    `joints` are resting places, metres; the root has parent -1 and turns about its own place.
    """
    turned: list[Tensor] = []
    placed: list[Tensor] = []
    for joint, parent in enumerate(parents):
        rotation, rest = rotations[..., joint, :, :], joints[..., joint, :]
        if parent < 0:
            turned.append(rotation)
            placed.append(rest)
        else:
            bone = (rest - joints[..., parent, :]).expand(*rotation.shape[:-2], 3)
            turned.append(turned[parent] @ rotation)
            placed.append(placed[parent] + (turned[parent] @ bone[..., None])[..., 0])
    turn = torch.stack(turned, -3)
    place = torch.stack([p.expand(*turn.shape[:-3], 3) for p in placed], -2)
    shift = place - (turn @ joints[..., None].expand(*place.shape, 1))[..., 0]
    return torch.cat([turn, shift[..., None]], -1)


def skinned(
    vertices: Float[Tensor, "*batch verts 3"],
    weights: Float[Tensor, "verts joints"],
    transforms: Float[Tensor, "*batch joints 3 4"],
) -> Float[Tensor, "*batch verts 3"]:
    """Vertices carried by their joints, each by its share of every joint's transform."""
    blended = (weights @ transforms.flatten(-2)).unflatten(-1, (3, 4))
    return (blended[..., :3] @ vertices[..., None])[..., 0] + blended[..., 3]


def turned_about(
    vertices: Float[Tensor, "frames verts 3"],
    share: Float[Tensor, " verts"],
    rotation: Float[Tensor, "frames 3 3"],
    translation: Float[Tensor, "frames 3"],
    pivot: Float[Tensor, " 3"],
) -> Float[Tensor, "frames verts 3"]:
    """Vertices turned about one joint and shifted, each by its share."""
    moved = torch.baddbmm((pivot + translation - rotation @ pivot)[:, None], vertices, rotation.mT)
    return moved.sub_(vertices).mul_(share[:, None]).add_(vertices)
