"""The mesh that `talk` draws: FaceKit's parts that a camera sees, lashes, one atlas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.face.topology import MATERIALS
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scanned.balls import SIDES, fitted_ball
from talkcli.engine.studio.scanned.lashes import make_lashes
from talkcli.engine.studio.scanned.shapes import SHAPE_NAMES
from talkcli.engine.studio.scanned.source import MULTI_PIE, RANGES, SKIN_VERTS, VERTS, Source
from talkcli.engine.studio.scanned.visibility import closed, seen_faces

Boxes = Mapping[str, tuple[float, float, float, float]]

BOXES: Boxes = {
    "face": (0.0, 0.30, 0.70, 1.0), "head": (0.70, 0.70, 1.0, 1.0), "gums_tongue": (0.70, 0.50, 0.90, 0.70),
    "teeth": (0.70, 0.30, 0.90, 0.50), "left_eye": (0.0, 0.10, 0.20, 0.30),
    "right_eye": (0.2, 0.10, 0.40, 0.30), "lash": (0.90, 0.50, 1.0, 0.60), "cloth": (0.40, 0.0, 1.0, 0.30),
    "trim": (0.0, 0.0, 0.40, 0.10),
}  # fmt: skip
"""Left, bottom, right, top of each island in the atlas; `trim`: collars, lapels, plackets, ties."""

GUTTER = 0.004

TILES = {
    "M_Face": ("face", 0),
    "M_BackHead": ("head", 1),
    "M_GumsTongue": ("gums_tongue", 2),
    "M_Teeth": ("teeth", 3),
}
"""FaceKit's materials: our box, and the unit square of uv that they lie in."""

FRONT = np.deg2rad(105)
"""Of an eyeball about its axis; the rest is left out."""

LASH_UV = np.array([[0.75, 0.5], [0.76, 0.5], [0.75, 0.52], [0.25, 0.5], [0.26, 0.5], [0.25, 0.52]])
"""In its box: one small triangle for all blades of the upper lids, one for those of the lower ones."""

_PARTS = ("face", "head", "cavity", "gums_tongue", "upper_teeth", "lower_teeth", "left_eye", "right_eye")

HIDEABLE = ("cavity", "gums_tongue", "upper_teeth", "lower_teeth", "left_eye", "right_eye")
"""Parts that are kept only where they are seen."""

_WIDE: tuple[Mapping[str, float], ...] = (
    {"jawOpen": 1.3, "mouthLowerDown": 0.7, "mouthUpperUp": 0.7},
    {"jawOpen": 0.7, "mouthStretch": 0.7, "mouthSmile": 0.6, "tongueUp": 1.0},
    {"jawOpen": 0.5, "tongueOut": 1.0, "mouthLowerDown": 0.5},
    {"mouthStretch": 0.8, "mouthLowerDown": 1.0, "mouthUpperUp": 1.0, "eyeLookUp": 1.0},
    {"jawOpen": 0.8, "mouthFunnel": 0.8, "tongueBack": 1.0, "eyeLookDown": 1.0, "eyeWide": 1.0},
    {"jawOpen": 0.6, "mouthLeft": 0.8, "jawLeft": 0.8, "mouthLowerDown": 0.6, "eyeLookOut": 1.0},
    {"jawOpen": 0.6, "mouthRight": 0.8, "jawRight": 0.8, "mouthUpperUp": 0.8, "eyeLookIn": 1.0},
    {"jawForward": 1.0, "mouthLowerDown": 1.0, "mouthUpperUp": 1.0, "eyeLookDown": 1.0, "eyeLookOut": 1.0},
    {"jawOpen": 0.35, "mouthSmile": 1.0, "mouthUpperUp": 0.8, "eyeLookUp": 1.0, "eyeLookIn": 1.0},
)  # fmt: skip
"""Faces that show what they can; a name without its side stands for both."""

STRANGERS, _SPREAD = 4, 1.0
"""Random people, and their standard deviations, that pull these faces beside the mean one."""


@dataclass(frozen=True)
class ScannedMesh:
    corners: Index
    """[V, 3] vertices of FaceKit that each vertex here is a mean of"""
    shares: Array
    """[V, 3]"""
    index: Index
    """[VERTS] the vertex here of each of FaceKit's, -1 where it is left out"""
    faces: Index
    uv: Array
    uv_faces: Index
    materials: Index
    """[faces] of MATERIALS"""
    parts: Mapping[str, Index]
    """Vertices by name: those of PARTS, and tongue, gums, left_lashes, right_lashes, skin."""

    def carried(self, values: Array) -> Array:
        """[..., V, 3] of values [..., VERTS, 3] of FaceKit's vertices."""
        whole = values[..., self.corners[:, 0], :] * self.shares[:, :1]
        for k in (1, 2):
            own = np.flatnonzero(self.shares[:, k])
            whole[..., own, :] += values[..., self.corners[own, k], :] * self.shares[own, k : k + 1]
        return whole


def tongue_of(source: Source) -> Index:
    """FaceKit's vertices that only the tongue has: two islands of its uv."""
    flesh = _within(source.faces, "gums_tongue")
    island = source.uv[source.uv_faces[flesh]].mean(1) - [2, 0]
    u, v = island.T
    top, under = (u > 0.47) & (u < 0.96) & (v < 0.455), (u < 0.262) & (v > 0.09) & (v < 0.42)
    faces = source.faces[flesh]
    return np.setdiff1d(faces[top | under], faces[~(top | under)])


def make_mesh(source: Source, shapes: Array, tongue: Index) -> ScannedMesh:
    """`shapes` [SHAPE_NAMES, VERTS, 3] as `make_shapes` makes them."""
    part = np.full(VERTS, -1)
    for number, name in enumerate(_PARTS):
        part[slice(*RANGES[name])] = number
    of_face = part[source.faces].max(1)
    present = (part[source.faces] >= 0).all(1)
    for side in SIDES:
        ball = fitted_ball(source.base[slice(*RANGES[f"{side}_eye"])])
        ray = source.base - ball.centre
        off = np.arccos(np.clip(ray @ ball.axis / np.linalg.norm(ray, axis=1), -1, 1))
        present &= ~((of_face == _PARTS.index(f"{side}_eye")) & (off[source.faces].max(1) > FRONT))
    hideable = np.isin(of_face, [_PARTS.index(name) for name in HIDEABLE])
    visible = seen_faces(_poses(source, shapes), source.faces[present], _spots(source))
    rows = np.flatnonzero(present)[closed(visible, source.faces[present]) | ~hideable[present]]
    faces, of_face = source.faces[rows], of_face[rows]
    members = np.unique(faces)
    index = np.full(VERTS, -1)
    index[members] = np.arange(len(members))
    lashes = make_lashes(source)
    parts = {name: index[slice(*RANGES[name])] for name in _PARTS}
    parts = {name: vertices[vertices >= 0] for name, vertices in parts.items()}
    parts["tongue"] = index[tongue][index[tongue] >= 0]
    parts["gums"] = np.setdiff1d(parts["gums_tongue"], parts["tongue"])
    parts["skin"] = index[:SKIN_VERTS][index[:SKIN_VERTS] >= 0]
    for side in SIDES:
        parts[f"{side}_lashes"] = np.flatnonzero(lashes.left == (side == "left")) + len(members)
    atlas = _atlas(source, rows, of_face)
    keys = np.concatenate([faces.reshape(-1, 1), np.round(atlas.reshape(-1, 2) * 1e6)], 1).astype(np.int64)
    _, first, corner = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    uv_faces = corner.reshape(-1, 3).astype(np.int64)
    uv = atlas.reshape(-1, 2)[first]
    kinds = np.full(len(lashes.faces), MATERIALS.index("lash"))
    return ScannedMesh(
        np.concatenate([np.repeat(members[:, None], 3, 1), lashes.corners]),
        np.concatenate([np.tile([1.0, 0, 0], (len(members), 1)), lashes.shares]),
        index,
        np.concatenate([index[faces], lashes.faces + len(members)]),
        np.concatenate([uv, boxed(LASH_UV, "lash")]),
        np.concatenate([uv_faces, len(uv) + 3 * lashes.lower[:, None] + np.arange(3)]),
        np.concatenate([_materials(of_face, faces, tongue), kinds]),
        parts,
    )


def _within(faces: Index, part: str) -> NDArray[np.bool_]:
    start, stop = RANGES[part]
    return np.all((faces >= start) & (faces < stop), axis=1)


def _materials(of_face: Index, faces: Index, tongue: Index) -> Index:
    kinds = {"face": "skin", "head": "skin", "cavity": "cavity", "gums_tongue": "gum", "upper_teeth": "teeth"}
    kinds |= {"lower_teeth": "teeth", "left_eye": "eye", "right_eye": "eye"}
    materials = np.array([MATERIALS.index(kinds[name]) for name in _PARTS])[of_face]
    flesh = of_face == _PARTS.index("gums_tongue")
    materials[flesh & np.isin(faces, tongue).any(1)] = MATERIALS.index("tongue")
    return materials


def _atlas(source: Source, kept: Index, of_face: Index) -> Array:
    """[faces, 3, 2] uv of every corner."""
    place, material = source.uv[source.uv_faces[kept]], source.materials[kept]
    atlas = np.zeros_like(place)
    for name, (box, tile) in TILES.items():
        own = material == name
        atlas[own] = boxed(place[own] - [tile, 0], box)
    for side in SIDES:
        own = of_face == _PARTS.index(f"{side}_eye")
        ball = fitted_ball(source.base[slice(*RANGES[f"{side}_eye"])])
        right = np.cross([0, 1, 0], ball.axis)
        right /= np.linalg.norm(right)
        ray = source.base[source.faces[kept][own]] - ball.centre
        off = np.arccos(np.clip(ray @ ball.axis / np.linalg.norm(ray, axis=-1), -1, 1))
        around = np.arctan2(ray @ np.cross(ball.axis, right), ray @ right)
        way = np.stack([np.cos(around), np.sin(around)], -1)
        atlas[own] = boxed(0.5 + 0.5 * (off / FRONT)[..., None] * way, f"{side}_eye")
    return atlas


def boxed(uv: Array, box: str) -> Array:
    """Places in the unit square as places in a box of the atlas."""
    left, bottom, right, top = BOXES[box]
    low, high = np.array([left, bottom]) + GUTTER, np.array([right, top]) - GUTTER
    return low + uv * (high - low)


def _poses(source: Source, shapes: Array) -> Iterator[Array]:
    chance = np.random.default_rng(3)
    people = [np.zeros(len(source.identity))]
    people += [_SPREAD * chance.standard_normal(len(source.identity)) for _ in range(STRANGERS)]
    for number, face in enumerate(_WIDE):
        for person in (people[0], people[1 + number % STRANGERS]):
            weights = np.zeros(len(SHAPE_NAMES))
            for name, value in face.items():
                variants = (name, name + "Left", name + "Right")
                weights[[i for i, shape in enumerate(SHAPE_NAMES) if shape in variants]] = value
            yield source.base + np.tensordot(person, source.identity, 1) + np.tensordot(weights, shapes, 1)


def _spots(source: Source) -> dict[str, tuple[Array, float]]:
    """The mouth and the eyes, and how wide the picture of each is."""
    marks = source.base[list(MULTI_PIE)]
    spots: dict[str, tuple[Array, float]] = {"mouth": (marks[60:68].mean(0) - [0, 10, 0], 110.0)}
    for side, points in (("left", marks[42:48]), ("right", marks[36:42])):
        spots[side] = (points.mean(0), 50.0)
    return spots
