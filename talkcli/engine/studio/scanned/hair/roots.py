"""Where hair grows: places on the scalp, the same of every head, and the skin that hair lies on."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor

from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.mesh_normals import mesh_normals
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scalp import directions, inside
from talkcli.engine.studio.scanned.looks import read_fields
from talkcli.engine.studio.scanned.source import SKIN_VERTS

DENSER = 6.0
"""How much denser hair, the finer there, grows at the hairline."""

PARTING = 3.5
"""How much denser along a parting, where nothing lies over the scalp."""

LEAF = 48
"""Points of skin in a leaf of the tree: many, since most hair asks from far away."""

_LOWEST = -80.0
"""mm: no hair of the head grows below."""


def unit_of(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


@dataclass(frozen=True)
class Skull:
    """A person's skin in millimetres, stretched so that its skull is as large as the mean head's: there the
    numbers of a style hold for everybody."""

    points: Array
    """[n, 3]"""
    normals: Array
    tree: KDTree
    """Of `solid` alone"""
    solid: Index
    """The skin that hair lies on: all but the ears"""
    ears: Array
    """[2, 2, 3] the middle of the left and the right ear, and its half axes"""
    scale: Array
    """[3] mm here of a metre of the person"""
    origin: Array

    def back(self, points: Array) -> Array:
        """Metres on the person."""
        return points / self.scale + self.origin


def skull_of(neutral: Float[Tensor, "verts 3"]) -> Skull:
    model = load_face_model()
    own, mean = neutral[:SKIN_VERTS].double().numpy(), model.template[:SKIN_VERTS].double().numpy() * 1000
    scalp = model.topology.regions["scalp"].long().numpy()
    low, high = np.percentile(own[scalp], (1, 99), axis=0)
    first, last = np.percentile(mean[scalp], (1, 99), axis=0)
    scale = (last - first) / (high - low)
    origin = (low + high) / 2 - (first + last) / 2 / scale
    points = (own - origin) * scale
    faces = model.topology.faces.long().numpy()
    normals = mesh_normals(points, faces[(faces < SKIN_VERTS).all(1)])
    ears = model.topology.regions["ears"].long().numpy()
    solid = np.setdiff1d(np.arange(SKIN_VERTS), ears)
    boxes = []
    for sign in (1, -1):
        ear = points[ears[points[ears, 0] * sign > 0]]
        boxes.append([(ear.min(0) + ear.max(0)) / 2, np.ptp(ear, axis=0) / 2])
    return Skull(points, normals, KDTree(points[solid], leafsize=LEAF), solid, np.array(boxes), scale, origin)


@dataclass(frozen=True)
class Roots:
    faces: Index
    """[n, 3] vertices of the head"""
    shares: Array
    """[n, 3]"""
    places: Array
    """[n, 3] mm on the skull"""
    normals: Array
    inward: Array
    """[n] mm inside the hairline"""

    def __getitem__(self, chosen: Index) -> Roots:
        return Roots(*(values[chosen] for values in vars(self).values()))


@functools.cache
def _scalp() -> tuple[Index, Array, Array]:
    """Faces [f, 3] in which hair may grow, mm [n] inside the hairline, areas [f] on the mean head, mm²."""
    model = load_face_model()
    mean = model.template[:SKIN_VERTS].double().numpy() * 1000
    inward = inside(directions(read_fields().places[:SKIN_VERTS].double().numpy() * 1000))
    inward[mean[:, 1] < _LOWEST] = -50.0
    faces = model.topology.faces.long().numpy()
    faces = faces[(faces < SKIN_VERTS).all(1)]
    faces = faces[inward[faces].max(1) > -9]
    p = mean[faces]
    return faces, inward, np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1) / 2


def scattered(count: int, skull: Skull, chance: np.random.Generator, part: float | None = None) -> Roots:
    """Roots even over the scalp, denser at the hairline and along a parting, mm to the left."""
    faces, inward, area = _scalp()
    area = area * (1 + DENSER * np.exp(-np.abs(inward[faces].mean(1)) / 7))
    if part is not None:
        x, y, _ = (skull.points[faces].mean(1)).T
        area = area * (1 + PARTING * np.exp(-(((x - part) / 9) ** 2)) * (y > 80))
    picked = np.sort(chance.choice(len(faces), count, p=area / area.sum()))
    return rooted(faces[picked], chance.dirichlet((1, 1, 1), count), inward, skull)


def rooted(faces: Index, shares: Array, inward: Array, skull: Skull) -> Roots:
    """Roots in given faces, sorted so that neighbours follow each other."""

    def blended(values: Array) -> Array:
        return np.einsum("nk...,nk->n...", values[faces], shares)

    roots = Roots(faces, shares, blended(skull.points), unit_of(blended(skull.normals)), blended(inward))
    x, y, z = roots.places.T
    return roots[np.lexsort((np.arctan2(x, z), np.round(y / 7)))]
