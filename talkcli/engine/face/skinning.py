"""Skinning: vertices that ride on joints."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def turned_about(
    vertices: Float[Tensor, "frames verts 3"],
    share: Float[Tensor, " verts"],
    rotation: Float[Tensor, "frames 3 3"],
    translation: Float[Tensor, "frames 3"],
    pivot: Float[Tensor, " 3"],
) -> Float[Tensor, "frames verts 3"]:
    """Vertices turned about one point and shifted, each by its share."""
    turned_vertices = torch.baddbmm((pivot + translation - rotation @ pivot)[:, None], vertices, rotation.mT)
    return turned_vertices.sub_(vertices).mul_(share[:, None]).add_(vertices)
