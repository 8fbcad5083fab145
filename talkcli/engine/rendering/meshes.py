"""A head with all that it wears as one mesh in parts, as other programs take it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.look import Look
from talkcli.engine.face.rigs import rigged
from talkcli.engine.rendering.dressing import Dressing, carried, wardrobe_of
from talkcli.engine.rendering.surface import CLAY_LOOK, uncovered_faces
from talkcli.engine.rendering.textures import srgb_of

EXPORTED_COARSENESS = 1.0
"""Hair in as few and as wide ribbons as a film of standard quality has: every hair would be four times the
size of the head."""


class MeshPart(NamedTuple):
    """The head, or one thing that it wears."""

    name: str
    faces: NDArray[np.int64]
    """[F, 3] into all vertices of the mesh"""
    uv_faces: NDArray[np.int64] | None
    """[F, 3] of their corners into `uv`; None: it has a colour instead"""
    colour: NDArray[np.float64]
    """[3] sRGB, 0..1, the mean of its vertices"""


class DressedMesh(NamedTuple):
    """Of V vertices of the head and M that it wears."""

    parts: tuple[MeshPart, ...]
    """The head first, without its faces that lie beneath cloth."""
    uv: NDArray[np.float32]
    """[T, 2] in the avatar's look, origin bottom left"""
    colours: NDArray[np.uint8]
    """[V + M, 3] sRGB"""
    dressing: Dressing


def dressed_mesh(avatar: Avatar) -> DressedMesh:
    wardrobe = wardrobe_of(avatar, EXPORTED_COARSENESS)
    verts, seen = len(avatar.neutral), uncovered_faces(avatar)
    faces = avatar.faces.numpy().astype(np.int64)
    uv, uv_faces = _texture_coordinates(avatar)
    clay = np.tile(CLAY_LOOK.albedo.numpy()[0, 0], (verts, 1))
    colours = np.concatenate([clay, np.rint(srgb_of(wardrobe.colours)).astype(np.uint8)])
    pieces = [("head", faces[seen], None if uv_faces is None else uv_faces[seen])]
    owner = wardrobe.dressing.thing[wardrobe.dressing.row[wardrobe.faces[:, 0]]]
    for number, name in enumerate(wardrobe.names):
        mine, corners = owner == number, None
        if bool((wardrobe.gloss[mine] < 0).all()):
            corners = len(uv) + np.arange(3 * mine.sum()).reshape(-1, 3)
            uv = np.concatenate([uv, wardrobe.uv[mine].reshape(-1, 2)])
        pieces.append((name, wardrobe.faces[mine] + verts, corners))
    if avatar.look is not None:
        texels = _texels(avatar.look, uv)
        for _, corners, on_look in pieces:
            if on_look is not None:
                colours[corners] = texels[on_look]
    parts = [MeshPart(*piece, colours[np.unique(piece[1])].mean(0) / 255) for piece in pieces]
    return DressedMesh(tuple(parts), uv, colours, wardrobe.dressing)


def dressed_vertices(dressing: Dressing, head: NDArray[np.float32]) -> NDArray[np.float32]:
    """[V + M, 3] metres: a head at [V, 3], and what it wears where it carries it."""
    rows, count = len(dressing.carriers), len(head) + len(dressing.rest)
    vertices, normals, ways = (np.empty((count, 3), np.float32) for _ in range(3))
    vertices[: len(head)] = head
    if rows:
        carried(dressing, head, np.empty((rows, 3), np.float32), vertices, normals, ways)
    return vertices


def _texture_coordinates(avatar: Avatar) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
    if avatar.uv is not None and avatar.uv_faces is not None:
        return avatar.uv.numpy(), avatar.uv_faces.numpy()
    rig = rigged(avatar)
    if rig is None:
        return np.zeros((0, 2), np.float32), None
    topology = rig.model.topology
    return topology.uv.numpy(), topology.uv_faces.numpy()


def _texels(look: Look, uv: NDArray[np.float32]) -> NDArray[np.uint8]:
    """[T, 3] sRGB of a look at each of its points."""
    albedo = look.albedo.numpy()
    rows, columns = albedo.shape[:2]
    across = np.clip(uv[:, 0] * columns, 0, columns - 1).astype(int)
    down = np.clip((1 - uv[:, 1]) * rows, 0, rows - 1).astype(int)
    return albedo[down, across]
