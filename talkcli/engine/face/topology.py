"""Topology: how a mesh is wired, what its parts are called, and where its landmarks lie."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float, Int
from torch import Tensor

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
    corners = vertices[..., topology.faces[marks.triangles], :]
    return (corners * marks.weights[..., None]).sum(-2)


def middle_pairs(topology: Topology) -> Int[Tensor, "pairs 2"]:
    """Vertices of the upper and the lower lip that face each other, in the middle third of the mouth."""
    pairs = topology.lip_pairs
    return pairs[len(pairs) // 3 : len(pairs) - len(pairs) // 3]
