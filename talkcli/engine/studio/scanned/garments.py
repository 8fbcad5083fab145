"""Garments on anybody's bust: carried by identity, pushed off the skin, with the skin beneath left out."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix, diags
from scipy.spatial import KDTree
from torch import Tensor

from talkcli.engine.assets import asset
from talkcli.engine.errors import pick
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.mesh_normals import mesh_normals
from talkcli.engine.face.topology import MATERIALS
from talkcli.engine.face.worn import Worn
from talkcli.engine.files import load_struct
from talkcli.engine.struct import TensorStruct
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scanned.visibility import uncovered

GARMENTS = "garments.safetensors"

OFF_SKIN, AT_EDGE, WITHIN = 0.004, 0.0024, 0.015
"""Metres that cloth keeps from the skin, that tight necklines keep, and over which one becomes the other."""

RAISED = 0.012
"""Metres that garments are worn above the shoulders of the scanned bust, which droop."""

CHEST = (0.092, 0.116)
"""Metres beside the midline over which the scanned bust ends: cloth hangs free."""

_SHOULDERS = -0.085
"""Metres: skin below it carries cloth."""

CARRIERS, _NEAR, _FAR = 24, 0.022, 0.130
"""Vertices that fit cloth to an identity; metres over which they are averaged, and beyond which they fade."""

CLINGS = 0.030
"""Metres from the skin within which cloth moves with it."""

EVENED = 2
"""How often what pushes cloth off the skin is averaged with its surroundings."""

_LEAST = 0.0005
"""Metres that what is turned under keeps from the skin."""

CLOTH_PARTS = ("body", "band", "collar", "lapel", "placket", "button", "tie", "knot")

_REACH = 2
"""Faces beside those that are seen that are drawn, too: the neck turns."""

_BORDER, TOUCHES = 0.020, 0.012
"""Metres from the neckline on, and from the cloth, where shoulders are left out: they would pierce it."""


class Garment(TensorStruct):
    """Cloth on the mean bust."""

    points: Float[Tensor, "points 3"]
    """Metres."""
    faces: Int[Tensor, "faces 3"]
    uv: Float[Tensor, "places 2"]
    """In the atlas, origin bottom left."""
    uv_faces: Int[Tensor, "faces 3"]
    part: Int[Tensor, " faces"]
    """Of CLOTH_PARTS."""
    colour: Int[Tensor, " faces"]
    """Which of the wearer's three."""
    from_edge: Float[Tensor, " points"]
    """Metres to the neckline, or to the fold of a collar."""
    lift: Float[Tensor, " points"]
    """Metres above the cloth that lies lowest."""
    grain: Float[Tensor, "points 2"]
    """Metres along and across the cloth: around the neckline and down from it, or along a strip and from its
    free edge."""
    tight: bool = False
    """Whether its neckline lies on the skin."""


class Wardrobe(TensorStruct):
    garments: Mapping[str, Garment]


@functools.cache
def wardrobe() -> Mapping[str, Garment]:
    return load_struct(asset(GARMENTS), (Wardrobe, Garment)).garments


def garment_of(name: str, neutral: Float[Tensor, "verts 3"]) -> Worn:
    """A garment by name as a person of the scanned head wears it, in the cloth's part of their look."""
    cloth = wardrobe()[pick(name, wardrobe(), "garment")]
    raised = _carried(name, neutral.double().numpy()) + np.array([0, RAISED, 0])
    points = _off_skin(raised, cloth, neutral)
    skin, tree = _bust(neutral)
    distance, near = tree.query(points, k=4)
    share = 1 / (distance + 1e-4)
    share *= np.exp(-((distance[:, :1] / CLINGS) ** 2)) / share.sum(1, keepdims=True)
    uv = cloth.uv.double().numpy()[cloth.uv_faces.numpy()]
    return Worn(
        name=name,
        kind="cloth",
        points=torch.from_numpy(points).float(),
        carriers=torch.from_numpy(skin[near].astype(np.int32)),
        shares=torch.from_numpy(share).float(),
        anchors=torch.zeros(0, dtype=torch.int32),
        colour=torch.zeros(1, 3, dtype=torch.uint8),
        faces=cloth.faces,
        uv=torch.from_numpy(uv).float(),
        hides=torch.from_numpy(_hidden(points, cloth, neutral).astype(np.int32)),
    )


@functools.cache
def _skin_faces() -> Index:
    """[n] which faces of the head are skin."""
    return np.flatnonzero(load_face_model().topology.materials.numpy() == MATERIALS.index("skin"))


def _bust(head: Float[Tensor, "verts 3"]) -> tuple[Index, KDTree]:
    """Vertices of neck and shoulders, and a tree of them."""
    skin = np.unique(load_face_model().topology.faces.numpy()[_skin_faces()])
    skin = skin[load_face_model().template.numpy()[skin, 1] < _SHOULDERS]
    return skin, KDTree(head.double().numpy()[skin])


@functools.cache
def _carriers(name: str) -> tuple[Index, Array]:
    """[points, CARRIERS] vertices of the head and how much each carries."""
    skin, tree = _bust(load_face_model().template)
    distance, near = tree.query(wardrobe()[name].points.double().numpy(), k=CARRIERS)
    share = np.exp(-((distance / (distance[:, :1] + _NEAR)) ** 2))
    return skin[near], share * np.exp(-((distance[:, :1] / _FAR) ** 2)) / share.sum(1, keepdims=True)


def _carried(name: str, neutral: Array) -> Array:
    carriers, share = _carriers(name)
    offsets = neutral - load_face_model().template.double().numpy()
    return wardrobe()[name].points.double().numpy() + (offsets[carriers] * share[..., None]).sum(1)


def cloth_neighbours(faces: Index, count: int):
    """[count, count] sparse: means of each vertex's cloth_neighbours."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    both = np.concatenate([edges, edges[:, ::-1]])
    near = coo_matrix((np.ones(len(both)), both.T), (count, count)).tocsr()
    near.data[:] = 1.0
    return diags(1 / np.maximum(np.asarray(near.sum(1)).ravel(), 1)) @ near


def _off_skin(points: Array, cloth: Garment, neutral: Float[Tensor, "verts 3"]) -> Array:
    """Cloth that would enter the skin is pushed out, and its surroundings with it."""
    skin, tree = _bust(neutral)
    head = neutral.double().numpy()
    normals = _skin_normals(neutral)[skin]
    edge = np.exp(-cloth.from_edge.double().numpy() / WITHIN) * cloth.tight
    off = OFF_SKIN + (AT_EDGE - OFF_SKIN) * edge
    off = np.maximum(off + cloth.lift.double().numpy(), _LEAST)
    mean = cloth_neighbours(cloth.faces.long().numpy(), len(points))
    carried = points
    for _ in range(4):
        distance, near = tree.query(points, k=6)
        depth = ((points[:, None] - head[skin][near]) * normals[near]).sum(-1)
        depth = 0.3 * depth.mean(1) + 0.7 * depth[:, :3].min(1)
        inner = np.clip((CHEST[1] - np.abs(points[:, 0])) / (CHEST[1] - CHEST[0]), 0, 1)
        inner = np.maximum(inner, np.exp(-((cloth.from_edge.double().numpy() / 0.03) ** 2)))
        push = np.clip(off - depth, 0, 0.04) * inner + np.clip(off - depth, -0.02, 0) * edge
        push *= (distance[:, 0] < 0.05) & (depth > -0.06)
        wide = push
        for _ in range(6):
            wide = np.maximum(push, mean @ wide)
        way = normals[near].mean(1)
        points = points + way * (wide * np.exp(-((distance[:, 0] / 0.05) ** 4)))[:, None]
    move = points - carried
    for _ in range(EVENED):
        move = mean @ move
    return carried + move


def _skin_normals(neutral: Float[Tensor, "verts 3"]) -> Array:
    faces = load_face_model().topology.faces.long().numpy()[_skin_faces()]
    return mesh_normals(neutral.double().numpy(), faces)


def _hidden(points: Array, cloth: Garment, neutral: Float[Tensor, "verts 3"]) -> Index:
    """Faces of the head that no camera sees past the cloth, and those of the shoulders that touch it."""
    head, own = neutral.double().numpy(), _skin_faces()
    faces = load_face_model().topology.faces.long().numpy()[own]
    bust = (load_face_model().template.numpy()[faces, 1] < _SHOULDERS).all(1)
    own, faces = own[bust], faces[bust]
    visible = uncovered(head, faces, points, cloth.faces.long().numpy())
    for _ in range(_REACH):
        bare = np.zeros(len(head), bool)
        bare[faces[visible]] = True
        visible = bare[faces].any(1)
    near = KDTree(points).query(head)[1]
    offset, way = head - points[near], mesh_normals(points, cloth.faces.long().numpy())[near]
    alike = (mesh_normals(head, faces) * way).sum(1) > 0.3
    close = np.abs((offset * way).sum(1)) < TOUCHES
    inner = cloth.from_edge.numpy()[near] > _BORDER
    pierced = alike & close & inner & (np.abs(head[:, 0]) > CHEST[0]) & (head[:, 1] < -0.1)
    return own[~visible | pierced[faces].any(1)]
