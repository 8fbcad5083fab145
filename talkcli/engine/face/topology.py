"""Topology: how a mesh is wired, what its parts are called, and where its landmarks lie."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from talkcli.engine.face.rotations import matrix
from talkcli.engine.struct import TensorStruct

MATERIALS = ("skin", "eye", "teeth", "gum", "tongue", "cavity", "lash", "hair")
"""What Topology.materials counts."""


class Landmarks(TensorStruct):
    """Points on the surface: one triangle and three barycentric weights each."""

    triangles: Int[Tensor, " points"]
    weights: Float[Tensor, "points 3"]


class Topology(TensorStruct):
    name: str
    faces: Int[Tensor, "faces 3"]
    """Counter-clockwise from outside."""
    uv: Float[Tensor, "uv_verts 2"]
    """Origin bottom left; seams have their own uv vertices."""
    uv_faces: Int[Tensor, "faces 3"]
    materials: Int[Tensor, " faces"]
    """Index into MATERIALS."""
    regions: Mapping[str, Tensor]
    """Vertex indices by name: lips, upper_face, eyes, nose, jaw, ears, neck, scalp, teeth, tongue, ..."""
    landmarks: Mapping[str, Landmarks]
    """`ibug68`, `mediapipe`."""
    lip_pairs: Int[Tensor, "pairs 2"]
    """Inner-lip vertices, upper and lower, that touch when the mouth is closed; left to right."""


def landmark_points(
    vertices: Float[Tensor, "*batch verts 3"], topology: Topology, name: str
) -> Float[Tensor, "*batch points 3"]:
    """Where a named landmark set lies on given vertices, metres."""
    marks = topology.landmarks[name]
    corners = vertices.index_select(-2, topology.faces[marks.triangles].flatten()).unflatten(-2, (-1, 3))
    return (corners * marks.weights[..., None]).sum(-2)


CONTOURS, CONTOUR_TURN = 79, 39
"""Contours of a face, one for each degree that the head turns, and how far it turns at most."""


def contour_points(
    vertices: Float[Tensor, "frames verts 3"], topology: Topology, rotation: Float[Tensor, "frames 3"]
) -> Float[Tensor, "frames points 3"]:
    """Where the contour of a face lies, metres, that changes as the head turns (axis-angle, radians).

    Set y of the CONTOURS for a turn of -y degrees about the vertical, 39 + y for one of y, as FLAME_PyTorch
    counts them. KeyError for a rig that brings no contours.
    """
    turns = matrix(rotation)
    upright = turns[:, :2, 0].norm(dim=1)
    degrees = -torch.rad2deg(torch.atan2(-turns[:, 2, 0], upright))
    near = degrees.clamp(-CONTOUR_TURN, CONTOUR_TURN).round().long()
    which = torch.where(near < 0, CONTOUR_TURN - near, near)
    marks = topology.landmarks["contour"]
    corners = topology.faces[marks.triangles].unflatten(0, (CONTOURS, -1))[which]
    weights = marks.weights.unflatten(0, (CONTOURS, -1))[which]
    places = vertices[torch.arange(len(vertices))[:, None, None], corners]
    return (places * weights[..., None]).sum(-2)


def middle_pairs(topology: Topology) -> Int[Tensor, "pairs 2"]:
    """Vertices of the upper and the lower lip that face each other, in the middle third of the mouth."""
    pairs = topology.lip_pairs
    return pairs[len(pairs) // 3 : len(pairs) - len(pairs) // 3]
