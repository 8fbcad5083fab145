"""Gaussians scattered over an avatar and all that it wears: what a fit begins with."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.gaussians import BoundGaussians, matrix_quaternion, tangent_frames
from talkcli.engine.face.rigs import rigged
from talkcli.engine.rendering.dressing import Dressing
from talkcli.engine.rendering.meshes import DressedMesh, dressed_mesh, dressed_vertices

CLOSENESS = {"face": 2.5, "lips": 8.0, "eyes": 8.0, "nose": 3.0, "ears": 1.5, "teeth": 2.0, "scalp": 0.4}
"""Gaussians an area on regions of a rig, beside 1 elsewhere on a head; where regions meet, the most."""
WORN_CLOSENESS = {"strands": 0.35, "cloth": 0.4, "hard": 4.0}
"""On what it wears, by kind."""

WIDE, THIN = 0.75, 0.15
"""Scales along and out of a surface, of the space that each Gaussian has."""
LONG, SLENDER = 2.0, 0.48
"""Factors of those along and across hair."""
OPACITY = 0.9
_LEAST_AREA = 1e-11
"""Square metres of a triangle that carries: far above what `BoundGaussians` refuses."""


class _Scattered(NamedTuple):
    """N points on the triangles of a dressed mesh."""

    face: NDArray[np.int64]
    """Of all parts' faces, those of the head first"""
    weights: NDArray[np.float32]
    spacing: NDArray[np.float32]
    """Metres of a square that each has for itself"""


def seeded_gaussians(
    avatar: Avatar, count: int, seed: int = 0, bases: int = 1, *, of: Literal["all", "head", "worn"] = "all"
) -> BoundGaussians:
    """So many, closest where people look, flat on surfaces and long on hair, in the colours of the look: on
    everything, the bare head, or what it wears.

    Those on the head are carried by its faces; those of a thing that turns with the head as one by three of
    its anchors, of another by the face beneath. BadInput for a mesh without area.
    """
    mesh = dressed_mesh(avatar)
    points = dressed_vertices(mesh.dressing, avatar.neutral.numpy().astype(np.float32))
    faces = np.concatenate([part.faces for part in mesh.parts])
    density, head = _density(avatar, mesh), len(mesh.parts[0].faces)
    if of != "all":
        density[slice(head) if of == "worn" else slice(head, None)] = 0
    scattered = _scattered(points, faces, density, count, np.random.default_rng(seed))
    corners = faces[scattered.face]
    places = (points[corners] * scattered.weights[..., None]).sum(1)
    frames = tangent_frames(torch.from_numpy(points[corners]))
    along = torch.from_numpy(_hair_ways(mesh.dressing, len(avatar.neutral))[corners].mean(1))
    on_head = torch.from_numpy(scattered.face < head)
    hairy = along.norm(dim=1) > 0.5
    frames = torch.where(hairy[:, None, None], _along(frames, along), frames)
    factors = torch.where(hairy[:, None], torch.tensor([LONG, SLENDER, 1.0]), 1.0)
    carriers = torch.from_numpy(corners)
    weights = torch.from_numpy(scattered.weights)
    if not bool(on_head.all()):
        rows = mesh.dressing.row[corners[~on_head.numpy(), 0] - len(avatar.neutral)]
        carriers[~on_head] = _carrying(avatar, mesh.dressing)[torch.from_numpy(rows).long()]
        weights[~on_head] = 1 / 3
    own = tangent_frames(avatar.neutral[carriers])
    foot = (avatar.neutral[carriers] * weights[..., None]).sum(1)
    away = torch.where(on_head[:, None], 0.0, torch.from_numpy(places) - foot)
    space = torch.from_numpy(scattered.spacing)[:, None]
    colours, uv = _painted_with(avatar, mesh, scattered)
    colour = torch.zeros(count, bases, 3)
    colour[:, 0] = colours
    return BoundGaussians(
        carriers, weights, (own.mT @ away[..., None])[..., 0], matrix_quaternion(own.mT @ frames),
        space * torch.tensor([WIDE, WIDE, THIN]) * factors, torch.full((count,), OPACITY), colour,
        torch.where(on_head[:, None], uv, -1.0),
    )  # fmt: skip


def _density(avatar: Avatar, mesh: DressedMesh) -> NDArray[np.float64]:
    """[F] of each face of the dressed mesh."""
    closeness, rig = np.ones(len(avatar.neutral)), rigged(avatar)
    regions = {"lips": avatar.lips} if rig is None else rig.model.topology.regions
    for name, factor in CLOSENESS.items():
        if name == "scalp" and name in regions:
            closeness[regions[name].numpy()] = factor
    for name, factor in CLOSENESS.items():
        if name != "scalp" and name in regions:
            vertices = regions[name].numpy()
            closeness[vertices] = np.maximum(closeness[vertices], factor)
    kinds = {worn.name: WORN_CLOSENESS[worn.kind] for worn in avatar.worn}
    head = closeness[mesh.parts[0].faces].mean(1)
    return np.concatenate([head, *(np.full(len(part.faces), kinds[part.name]) for part in mesh.parts[1:])])


def _scattered(
    points: NDArray[np.float32],
    faces: NDArray[np.int64],
    density: NDArray[np.float64],
    count: int,
    dice: np.random.Generator,
) -> _Scattered:
    corners = points[faces].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(across, axis=1) / 2
    chance = np.where(area > _LEAST_AREA, area * density, 0)
    if not chance.sum():
        raise BadInput("This mesh has no surface.", "Give an avatar with faces.")
    places = (np.arange(count) + dice.random(count)) / count  # one in every equal share: no clumps
    ends = np.cumsum(chance)
    face = np.minimum(np.searchsorted(ends, places * ends[-1]), np.flatnonzero(chance)[-1])
    root, share = np.sqrt(dice.random(count)), dice.random(count)
    weights = np.stack([1 - root, root * (1 - share), root * share], 1).astype(np.float32)
    spacing = np.sqrt(chance.sum() / count / density[face]).astype(np.float32)
    return _Scattered(face, weights, spacing)


def _hair_ways(dressing: Dressing, head: int) -> NDArray[np.float32]:
    """[V + M, 3] which way hair lies; 0 elsewhere."""
    return np.concatenate([np.zeros((head, 3), np.float32), dressing.ways])


def _along(frames: Float[Tensor, "n 3 3"], ways: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3 3"]:
    """Frames turned in their planes so that they begin along the ways."""
    out = frames[..., 2]
    flat = ways - (ways * out).sum(1, keepdim=True) * out
    along = torch.nn.functional.normalize(
        torch.where(flat.norm(dim=1, keepdim=True) > 1e-3, flat, frames[..., 0]), dim=1
    )
    return torch.stack([along, torch.linalg.cross(out, along), out], 2)


def _carrying(avatar: Avatar, dressing: Dressing) -> torch.Tensor:
    """[rows, 3] vertices of the head that carry each row of what it wears."""
    faces = avatar.faces.numpy()
    corners = dressing.neutral[faces].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(across, axis=1) / 2
    largest = np.zeros(len(dressing.neutral), np.int64)
    order = np.argsort(area)
    largest[faces[order].reshape(-1)] = np.repeat(order, 3)
    first = dressing.carriers[np.arange(len(dressing.carriers)), dressing.shares.argmax(1)]
    rows = faces[largest[first]]
    for thing, (start, end) in enumerate(zip(dressing.starts, dressing.starts[1:], strict=False)):
        three = _far_apart(dressing.neutral, dressing.anchors[start:end])
        if three is not None:
            rows[dressing.thing == thing] = three
    return torch.from_numpy(rows.astype(np.int64))


def _far_apart(points: NDArray[np.float32], anchors: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Three anchors that span a large triangle; None where they span none."""
    if len(anchors) < 3:
        return None
    own = points[anchors].astype(np.float64)
    first = np.linalg.norm(own - own.mean(0), axis=1).argmax()
    second = np.linalg.norm(own - own[first], axis=1).argmax()
    across = np.linalg.norm(np.cross(own[second] - own[first], own - own[first]), axis=1)
    third = across.argmax()
    return anchors[[first, second, third]] if across[third] / 2 > _LEAST_AREA else None


def _painted_with(
    avatar: Avatar, mesh: DressedMesh, scattered: _Scattered
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 2"]]:
    """sRGB 0..1 of the points, and where they are in the look; -1 of what it does not paint."""
    faces = np.concatenate([part.faces for part in mesh.parts])[scattered.face]
    colours = (mesh.colours[faces] / 255 * scattered.weights[..., None]).sum(1).astype(np.float32)
    uv = np.full((len(faces), 2), -1, np.float32)
    if avatar.look is not None and len(mesh.uv):
        none = [np.full((len(part.faces), 3), -1) for part in mesh.parts]
        corners = np.concatenate(
            [
                no if part.uv_faces is None else part.uv_faces
                for part, no in zip(mesh.parts, none, strict=True)
            ]
        )[scattered.face]
        painted = corners[:, 0] >= 0
        uv[painted] = (mesh.uv[corners[painted]] * scattered.weights[painted][..., None]).sum(1)
        albedo = avatar.look.albedo.numpy()
        rows, columns = albedo.shape[:2]
        down = np.clip((1 - uv[painted, 1]) * rows, 0, rows - 1).astype(int)
        across = np.clip(uv[painted, 0] * columns, 0, columns - 1).astype(int)
        colours[painted] = albedo[down, across] / 255
    return torch.from_numpy(colours), torch.from_numpy(uv)
