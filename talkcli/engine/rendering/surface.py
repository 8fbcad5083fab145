"""DrawnSurface: everything about an avatar that the renderer works out once."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from talkcli.engine.compiled import fast
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.known_rigs import load_rig
from talkcli.engine.face.look import Look
from talkcli.engine.face.topology import MATERIALS, Topology
from talkcli.engine.face.worn import WORN_KINDS
from talkcli.engine.rendering.dressing import Dressing, wardrobe_of
from talkcli.engine.rendering.lashes import lash_colours
from talkcli.engine.rendering.occlusion import bake_occlusion, shadows
from talkcli.engine.rendering.rasterize import BOTH, ONE, SHEER
from talkcli.engine.rendering.strands import TO_END, WHOLE
from talkcli.engine.rendering.textures import METRES, layered

SKIN, EYE, TEETH, GUM, TONGUE, CAVITY, LASH, HAIR = range(len(MATERIALS))
WET = TEETH, GUM, TONGUE, CAVITY
"""Inside the mouth."""
CLAY = len(MATERIALS)
"""What a mesh without a look is made of."""
CLOTH, HARD = CLAY + 1, CLAY + 2
OF_KINDS = np.array([{"strands": HAIR, "cloth": CLOTH, "hard": HARD}[kind] for kind in WORN_KINDS])

STRAND_SPACING = np.float32(0.003)
"""Metres between the samples by which a point of hair finds its light."""

CLOTH_LEAST = 0.3
"""Share of the room's light that worn meshes get between their layers: it comes through."""

LASH_LEAST = 0.7
"""The same of lashes, which stand free."""

LASH_GLOSS = 0.0, 0.6
"""Strength and roughness."""

NEAR_BY = 0.0
"""Coarseness of fine pictures."""

COARSE_UP_TO = 640
"""Pixels of the shorter side of a picture up to which standard hair is coarse; above, it is half so."""

CLAY_LOOK = Look(
    torch.tensor([[[196, 186, 176]]], dtype=torch.uint8),
    torch.tensor([[[64, 150]]], dtype=torch.uint8),
    torch.zeros(1, 1, dtype=torch.int8),
)


class DrawnSurface(NamedTuple):
    """Arrays that the kernels read: of V vertices and F faces, first those of the head, then of meshes that
    it wears, then of ribbons of hair; texture rows count from the top."""

    faces: NDArray[np.uint32]
    uv: NDArray[np.float32]
    """[F, 3, 2] of every face's corners, v downwards"""
    materials: NDArray[np.uint8]
    sides: NDArray[np.uint8]
    """[F] what is drawn of each face, see `rasterize.ONE`"""
    corner_starts: NDArray[np.int64]
    """[bodies + 1] where each vertex's faces begin in corner_faces; bodies is all that is no ribbon"""
    corner_faces: NDArray[np.int32]
    texels: NDArray[np.int16]
    levels: NDArray[np.int64]
    """See `layered`"""
    steepness: NDArray[np.float32]
    """[3] metres of relief: of a rise of 1 a texel, across per u and down per v; of a height of 1"""
    occlusion: NDArray[np.float32]
    """[V] share of the room's light that reaches the neutral face"""
    curvature: NDArray[np.float32]
    """[V] 1/m"""
    spacing: NDArray[np.float32]
    """[V] mean distance to the neighbours, metres"""
    strands: NDArray[np.float32]
    """[V, 3] which way hair lies on the neutral face, unit; 0 where there is none"""
    colours: NDArray[np.float32]
    """[V, 3] linear, of faces that no look paints"""
    gloss: NDArray[np.float32]
    """[F, 2] strength and roughness of such faces; below 0 of those that the look paints"""
    hair: NDArray[np.float32]
    """[F, 3, 3] the strands of its corners, see `strands.WHICH`; 0 where there is none"""
    pairs: NDArray[np.int64]
    """[pairs, 2] inner-lip vertices, upper and lower"""
    inside: NDArray[np.int64]
    """Vertices inside the mouth, lit through its opening"""
    lips: NDArray[np.int64]
    """Vertices of the lips"""
    lip_pair: NDArray[np.int64]
    """The pair nearest to each of them"""
    dressing: Dressing
    neutral: NDArray[np.float32]
    normals: NDArray[np.float32]
    """[V, 3] of the neutral face, dressed"""


def coarseness_of(quality: str, width: int, height: int) -> float:
    """How coarse hair is in pictures of a quality and size, see `drawn_every`."""
    if quality == "fine":
        return NEAR_BY
    return 1.0 if min(width, height) <= COARSE_UP_TO else 0.5


class _Drawn(NamedTuple):
    """All that a surface is made of, and where it will be."""

    parts: tuple[object, ...]
    surface: Future[DrawnSurface]


_kept: list[_Drawn] = []
_keeping = threading.Lock()


def surface_for(avatar: Avatar, coarseness: float) -> DrawnSurface:
    """`surface_of` an avatar on its rig, in a `close_up` if that is NEAR_BY. The last one is kept; who asks
    while it is being made waits."""
    parts = (
        avatar.rig, avatar.neutral, avatar.faces, avatar.look, avatar.uv, avatar.uv_faces, *avatar.worn,
        coarseness,
    )  # fmt: skip
    with _keeping:
        known = next((it for it in _kept if _same(it.parts, parts)), None)
        drawn = known or _Drawn(parts, Future())
        _kept[:] = [drawn]
    if known is None:
        try:
            topology = None if avatar.rig is None else load_rig(avatar.rig).topology
            if coarseness == NEAR_BY:  # what makes close-ups is slow to load
                from talkcli.engine.rendering.close_up import close_up
                from talkcli.engine.rendering.folds import beside_cloth

                shown = close_up(avatar, topology)
                surface = surface_of(shown, topology, coarseness)
                surface.occlusion[: len(shown.neutral)] *= beside_cloth(shown)
            else:
                surface = surface_of(avatar, topology, coarseness)
            drawn.surface.set_result(surface)
        except BaseException as error:
            with _keeping:
                _kept[:] = [it for it in _kept if it is not drawn]
            drawn.surface.set_exception(error)
    return drawn.surface.result()


def _same(some: tuple[object, ...], others: tuple[object, ...]) -> bool:
    """Tensors and structs by identity, numbers and names by value."""
    return len(some) == len(others) and all(
        a is b or (isinstance(a, str | float) and a == b) for a, b in zip(some, others, strict=True)
    )


def surface_of(avatar: Avatar, topology: Topology | None, coarseness: float = 0.0) -> DrawnSurface:
    """`topology` is the rig's; without it a mesh with UVs is skin all over; without UVs or a look, clay. Hair
    has fewer and wider ribbons the coarser it is, see `drawn_every`."""
    faces = avatar.faces.numpy().astype(np.uint32)
    vertices = avatar.neutral.numpy().astype(np.float32)
    look, materials = CLAY_LOOK, np.full(len(faces), CLAY, np.uint8)
    uv = np.zeros((len(faces), 3, 2), np.float32)
    if topology is not None:
        uv = topology.uv.numpy()[topology.uv_faces.numpy()].astype(np.float32)
    elif avatar.uv is not None and avatar.uv_faces is not None:
        uv = avatar.uv.numpy()[avatar.uv_faces.numpy()].astype(np.float32)
    if avatar.look is not None and (topology is not None or avatar.uv is not None):
        look = avatar.look
        materials = (
            np.zeros_like(materials) if topology is None else topology.materials.numpy().astype(np.uint8)
        )
    visible = uncovered_faces(avatar)
    faces, uv, materials = faces[visible], uv[visible], materials[visible]
    uv = np.ascontiguousarray(np.stack([uv[..., 0], 1 - uv[..., 1]], -1), np.float32)
    both = (materials == LASH) | (topology is None or materials == CLAY)
    sides = np.where(both, BOTH, ONE).astype(np.uint8)
    wardrobe = wardrobe_of(avatar, coarseness)
    head, solid = len(vertices), len(faces) + wardrobe.mesh_faces
    bodies = head + wardrobe.dressing.meshes
    faces = np.concatenate([faces, (wardrobe.faces + head).astype(np.uint32)])
    vertices = np.concatenate([vertices, wardrobe.dressing.rest])
    uv = np.concatenate([uv, np.stack([wardrobe.uv[..., 0], 1 - wardrobe.uv[..., 1]], -1)])
    materials = np.concatenate([materials, OF_KINDS[wardrobe.kinds].astype(np.uint8)])
    hair = np.concatenate([np.zeros((len(uv) - len(wardrobe.hair), 3, 3), np.float32), wardrobe.hair])
    thin = (wardrobe.hair[:, :, TO_END] < WHOLE).any(1) & (wardrobe.kinds == WORN_KINDS.index("strands"))
    sides = np.concatenate([sides, np.where(thin, SHEER, BOTH).astype(np.uint8)])
    gloss = np.concatenate([np.full((len(sides) - len(wardrobe.gloss), 2), -1, np.float32), wardrobe.gloss])
    lashes, colours = np.zeros(0, np.int64), np.zeros((head, 3), np.float32)
    if topology is not None and avatar.look is not None and "lashes" in topology.regions:
        lashes, tinted = lash_colours(vertices[:head], topology, look)
        colours[lashes] = tinted
        gloss[materials == LASH] = LASH_GLOSS
    body = faces[:solid]
    order = np.argsort(body.ravel(), kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(body.ravel(), minlength=bodies))])
    corners = (order // 3).astype(np.int32)
    normals = np.empty_like(vertices)
    vertex_normals(vertices, body, starts, corners, np.empty((solid, 3), np.float32), normals)
    normals[bodies:] = wardrobe.dressing.normals[wardrobe.dressing.meshes :]
    spacing, curvature = (
        np.pad(values, (0, len(vertices) - bodies))
        for values in _neighbourhood(vertices[:bodies], normals[:bodies], body)
    )
    spacing[bodies:] = STRAND_SPACING
    pairs, inside, lips, lip_pair = _mouth(vertices, avatar.faces.numpy(), topology)
    occlusion = bake_occlusion(vertices, normals, spacing, faces, sides, materials == HAIR)
    occlusion[head:bodies] = np.maximum(occlusion[head:bodies], CLOTH_LEAST)
    occlusion[lashes] = np.maximum(occlusion[lashes], LASH_LEAST)
    return DrawnSurface(
        faces, uv, materials, sides, starts, corners,
        *layered(look), METRES * np.array([*look.relief.shape[::-1], 1], np.float32),
        occlusion, curvature, spacing,
        np.concatenate([np.zeros((head, 3), np.float32), wardrobe.dressing.ways]),
        np.concatenate([colours, wardrobe.colours]),
        gloss.astype(np.float32), hair, pairs, inside, lips, lip_pair, wardrobe.dressing, vertices, normals,
    )  # fmt: skip


def uncovered_faces(avatar: Avatar) -> NDArray[np.bool_]:
    """[F] which faces of the head nothing that it wears hides."""
    visible = np.ones(len(avatar.faces), bool)
    for item in avatar.worn:
        if item.hides is not None:
            visible[item.hides.numpy()] = False
    return visible


def past_hair(
    surface: DrawnSurface, direction: NDArray[np.floating], ids: NDArray[np.int32], depth: NDArray[np.float32]
) -> NDArray[np.float32]:
    """[V] on the neutral face, how much of a light each point of hair sees; and what share hair leaves of
    what each other vertex would see without it."""
    bodies, solid = len(surface.corner_starts) - 1, len(surface.corner_faces) // 3
    neutral, normals = surface.neutral, surface.normals
    whole, bald = np.empty(len(neutral), np.float32), np.empty(bodies, np.float32)
    for verts, faces, visible in ((len(neutral), len(surface.faces), whole), (bodies, solid, bald)):
        shadows(
            neutral[:verts], normals[:verts], surface.spacing, surface.faces[:faces], surface.sides,
            direction, ids, depth, visible,
        )  # fmt: skip
    whole[:bodies] = np.where(bald > 0, np.minimum(whole[:bodies] / np.maximum(bald, 1e-6), 1), 1)
    return whole


def _mouth(
    vertices: NDArray[np.float32], faces: NDArray[np.integer], topology: Topology | None
) -> tuple[NDArray[np.int64], ...]:
    none = np.zeros(0, np.int64)
    if topology is None or not len(topology.lip_pairs):
        return none.reshape(0, 2), none, none, none
    pairs = topology.lip_pairs.numpy().astype(np.int64)
    wet = np.isin(topology.materials.numpy(), WET)
    inside = np.setdiff1d(faces[wet], faces[~wet]).astype(np.int64)
    lips = topology.regions["lips"].numpy().astype(np.int64)
    middle = vertices[pairs].mean(1)
    return pairs, inside, lips, np.abs(vertices[lips, None, 0] - middle[None, :, 0]).argmin(1)


def _neighbourhood(
    vertices: NDArray[np.float32], normals: NDArray[np.float32], faces: NDArray[np.uint32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean length of each vertex's edges, metres; how fast the normal turns along them, 1/m, smoothed."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    turn = np.linalg.norm(normals[edges[:, 0]] - normals[edges[:, 1]], axis=1) / np.maximum(length, 2e-4)
    count = np.maximum(np.bincount(edges.ravel(), minlength=len(vertices)), 1)

    def gathered(here: NDArray, there: NDArray) -> NDArray:
        first = np.bincount(edges[:, 0], here, len(vertices))
        return (first + np.bincount(edges[:, 1], there, len(vertices))) / count

    curvature = gathered(turn, turn)
    for _ in range(2):
        curvature = gathered(curvature[edges[:, 1]], curvature[edges[:, 0]])
    return gathered(length, length).astype(np.float32), curvature.astype(np.float32)


@fast
def vertex_normals(vertices, faces, corner_starts, corner_faces, across, normals):
    """Unit normals [V, 3], each the area-weighted mean of its faces'; `across` [F, 3] is scratch."""
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = (
            vertices[j, 0] - vertices[i, 0],
            vertices[j, 1] - vertices[i, 1],
            vertices[j, 2] - vertices[i, 2],
        )
        bx, by, bz = (
            vertices[k, 0] - vertices[i, 0],
            vertices[k, 1] - vertices[i, 1],
            vertices[k, 2] - vertices[i, 2],
        )
        across[f, 0], across[f, 1], across[f, 2] = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    for v in range(len(corner_starts) - 1):
        x, y, z = 0.0, 0.0, 0.0
        for c in range(corner_starts[v], corner_starts[v + 1]):
            f = corner_faces[c]
            x, y, z = x + across[f, 0], y + across[f, 1], z + across[f, 2]
        scale = 1.0 / max(np.sqrt(x * x + y * y + z * z), 1e-20)
        normals[v, 0], normals[v, 1], normals[v, 2] = x * scale, y * scale, z * scale
