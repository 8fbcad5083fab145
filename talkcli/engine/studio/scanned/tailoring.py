"""MakeHuman's upper garments (CC0) cut to the mean bust of the scanned head: bent at the neck, with shoulders
that hang, folds and turned hems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.interpolate import RBFInterpolator
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from talkcli.engine.studio import noise
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scanned.garments import Garment, cloth_neighbours, cloth_normals

_FILE = "makehuman_garments.npz"

DECIMETRE = np.array([112.0, 104.0, 108.0])
"""mm of MakeHuman's, a little wide for FaceKit's sturdy neck."""

SET_BACK, RAISED = -50.0, 6.0
"""mm that MakeHuman's bodies are moved to stand under our heads."""

CUT, _WIDEST = -285.0, 265.0
"""mm: what lies lower, or farther out, is never in a portrait."""

RINGS, RAYS = (-112, -124, -136), 16
"""Heights, mm, and directions at which necks are compared."""

TIE_DOWN, TIE_WIDE = (134, 138, 152, 160, 300), (0, 15, 13, 14, 24)
"""mm below the origin, and half a tie's width there."""

LEAST_FACES = 5000
"""A coarser garment is refined."""


@dataclass(frozen=True)
class Cut:
    """How a garment is made of MakeHuman's."""

    source: str
    folds: float
    """Depth of its folds, 1 of cotton."""
    second: tuple[int, ...] = ()
    """Its pieces in the second colour, by size."""
    tie: bool = False
    """Whether these have a tie before them, in a third colour."""
    tight: bool = False
    """Whether its neckline lies on the skin."""
    closed: float = 0.0
    """mm that either half of an open front is drawn to the middle, below the collar."""


CUTS: Mapping[str, Cut] = {
    "t-shirt": Cut("male_casualsuit04", 1.0, tight=True),
    "jumper": Cut("male_casualsuit02", 1.3, tight=True),
    "shirt": Cut("male_casualsuit03", 0.9),
    "blouse": Cut("female_elegantsuit01", 0.8, closed=24.0),
    "jacket": Cut("male_elegantsuit01", 0.5, (0, 4), tie=True),
    "top": Cut("female_casualsuit02", 0.9, tight=True),
}


@dataclass(frozen=True)
class Sheet:
    """Cloth on the way: mm."""

    points: Array
    faces: Index
    corners: Array
    """[faces, 3, 2] uv"""
    piece: Index
    """[faces] islands of its uv, the largest 0"""


def tailored(folder: Path, skin: Array) -> dict[str, Garment]:
    """Every garment of CUTS; `skin` [n, 3] mm are the vertices of the mean head's skin."""
    with np.load(folder / _FILE) as data:
        files = {name: data[name] for name in data.files}
    bend = make_bend(files["body_points"].astype(float), skin)
    return {name: _garment(files, pattern, bend) for name, pattern in CUTS.items()}


def make_bend(body: Array, skin: Array) -> Callable[[Array], Array]:
    """From MakeHuman's decimetres to mm about our mean bust."""
    shift = np.array([0, skin[:, 1].max() - body[:, 1].max() * DECIMETRE[1] + RAISED, SET_BACK])
    cloud = body * DECIMETRE + shift
    start, stop = [], []
    for level in RINGS:
        middle = np.array([0, level, -14.0])
        for angle in np.linspace(0, 2 * np.pi, RAYS, endpoint=False):
            way = np.array([np.sin(angle), 0, np.cos(angle)])
            start.append(middle + way * _girth(cloud, middle, way))
            stop.append(middle + way * _girth(skin, middle, way))
    far = cloud[(np.abs(cloud[:, 0]) > 170) | (cloud[:, 1] < -230)]
    far = far[np.random.default_rng(1).choice(len(far), 60, replace=False)]
    moves = np.vstack([np.array(stop) - start, 0 * far])
    warp = RBFInterpolator(np.vstack([start, far]), moves, kernel="linear", smoothing=6.0, degree=0)

    def bend(points: Array) -> Array:
        out = points * DECIMETRE + shift
        out = out + warp(out)
        aside = 24 * np.logaddexp(0, (np.abs(out[:, 0]) - 92) / 24)
        out[:, 1] -= 0.36 * aside
        out[:, 0] -= np.sign(out[:, 0]) * 0.13 * aside
        return out

    return bend


def _girth(points: Array, middle: Array, way: Array) -> float:
    """How far a neck reaches from its axis in one direction, mm."""
    near = points[(np.abs(points[:, 1] - middle[1]) < 8) & (np.abs(points[:, 0]) < 100)] - middle
    near[:, 1] = 0
    far = np.linalg.norm(near, axis=1)
    weight = np.exp(-(((near @ way / far - 1) / 0.03) ** 2))
    return float((weight * far).sum() / weight.sum())


def _garment(files: Mapping[str, Array], cut: Cut, bend: Callable[[Array], Array]) -> Garment:
    points_worn, faces, uv, uv_faces = (
        files[f"{cut.source}_{part}"] for part in ("worn", "faces", "uv", "uv_faces")
    )
    points = _closed(_hanging(bend(points_worn.astype(float))), cut.closed)
    faces, uv_faces = faces.astype(np.int64), uv_faces.astype(np.int64)
    sheet = _trimmed(points, faces, uv[uv_faces].astype(float), _islands(uv_faces, len(uv))[uv_faces[:, 0]])
    while len(sheet.faces) < LEAST_FACES:
        sheet = _finer(sheet)
    sheet = _folded(_smoothed(sheet), cut.folds)
    rim = sheet.points[open_edges(sheet.faces)]
    rim = rim[(rim[:, 1] > CUT + 60) & (np.abs(rim[:, 0]) < 130)]
    doubled, strip, spots, pieces = _hem(sheet)
    corners = np.concatenate([sheet.corners, spots])
    corners = (corners - corners.min((0, 1))) / np.ptp(corners, axis=(0, 1))
    places, index = np.unique(np.round(corners.reshape(-1, 2), 4), axis=0, return_inverse=True)
    return Garment(
        points=torch.from_numpy(sheet.points / 1000).float(),
        faces=torch.from_numpy(np.concatenate([sheet.faces, strip]).astype(np.int32)),
        doubled=torch.from_numpy(doubled.astype(np.int32)),
        uv=torch.from_numpy(places).float(),
        uv_faces=torch.from_numpy(index.reshape(-1, 3).astype(np.int32)),
        colour=torch.from_numpy(_colours(sheet, cut, pieces).astype(np.int32)),
        tight=cut.tight,
        from_edge=torch.from_numpy(KDTree(rim).query(sheet.points)[0] / 1000).float(),
    )


def _colours(sheet: Sheet, cut: Cut, hem: Index) -> Index:
    """[faces] which of the wearer's three colours, the hem's last."""
    second = np.isin(np.concatenate([sheet.piece, hem]), cut.second).astype(np.int64)
    if not cut.tie:
        return second
    middle = sheet.points[sheet.faces].mean(1)
    wide = np.interp(-middle[:, 1], TIE_DOWN, TIE_WIDE)
    second[: len(sheet.faces)] += (
        (second[: len(sheet.faces)] > 0) & (np.abs(middle[:, 0]) < wide) & (middle[:, 2] > 0)
    )
    return second


def _hanging(points: Array) -> Array:
    """MakeHuman's arms are half raised: shoulders are brought down to a slope."""
    side = np.abs(points[:, 0])
    top = points[(side > 84) & (side < 100), 1].max()
    line = top - 2 - 0.42 * (side - 92) - 0.004 * np.maximum(side - 105, 0) ** 2
    over = 5 * np.logaddexp(0, (points[:, 1] - line) / 5)
    points = points.copy()
    points[:, 1] -= np.clip((side - 70) / 35, 0, 1) * over
    return points


def _closed(points: Array, way: float) -> Array:
    """An open front drawn together from the breastbone downwards."""
    x, y, z = points.T
    near = np.exp(-((x / 70) ** 2)) * np.clip((-128 - y) / 34, 0, 1) * (z > 0)
    return points - (np.sign(x) * np.minimum(np.abs(x), way * near))[:, None] * [1, 0, 0]


def _trimmed(points: Array, faces: Index, corners: Array, island: Index) -> Sheet:
    """Without what no portrait shows; the islands of its uv become pieces."""
    inside = (points[faces][..., 1].max(1) > CUT) & (np.abs(points[faces][..., 0]).min(1) < _WIDEST)
    faces, corners, island = faces[inside], corners[inside], island[inside]
    order = np.argsort(-np.bincount(island), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    members, index = np.unique(faces, return_inverse=True)
    return Sheet(points[members], index.reshape(-1, 3), corners, rank[island])


def _islands(faces: Index, count: int) -> Index:
    """[count] the number of the connected piece of each vertex."""
    edges = faces[:, [0, 1, 1, 2]].reshape(-1, 2).T
    graph = coo_matrix((np.ones(edges.shape[1]), edges), (count, count))
    return connected_components(graph, directed=False)[1]


def _finer(sheet: Sheet) -> Sheet:
    """Every triangle in four, its new points lifted onto the tangent planes of its old ones."""
    points, faces = sheet.points, sheet.faces
    normal = cloth_normals(points, faces)
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    unique, inverse = np.unique(edges, axis=0, return_inverse=True)
    first, second = normal[unique[:, 0]], normal[unique[:, 1]]
    middle = points[unique].mean(1)
    lift = ((points[unique[:, 0]] - middle) * first).sum(1, keepdims=True) * first
    lift = lift + ((points[unique[:, 1]] - middle) * second).sum(1, keepdims=True) * second
    alike = np.clip((first * second).sum(1, keepdims=True), 0, 1)
    middle = middle + 0.38 * alike * lift
    i, j, k = faces.T
    ij, jk, ki = inverse.reshape(3, -1) + len(points)
    quarters = ((i, ij, ki), (ij, j, jk), (ki, jk, k), (ij, jk, ki))
    p, q, r = sheet.corners.transpose(1, 0, 2)
    pq, qr, rp = (p + q) / 2, (q + r) / 2, (r + p) / 2
    corners = [np.stack(three, 1) for three in ((p, pq, rp), (pq, q, qr), (rp, qr, r), (pq, qr, rp))]
    return Sheet(
        np.concatenate([points, middle]),
        np.concatenate([np.stack(three, 1) for three in quarters]),
        np.concatenate(corners),
        np.tile(sheet.piece, 4),
    )


def open_edges(faces: Index) -> Index:
    """Vertices on edges that one triangle alone has."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    edges, times = np.unique(edges, axis=0, return_counts=True)
    return np.unique(edges[times == 1])


def _smoothed(sheet: Sheet) -> Sheet:
    """Even cloth: twice everywhere, much more where sleeves were bent down; open edges stay."""
    mean = cloth_neighbours(sheet.faces, len(sheet.points))
    free = np.ones((len(sheet.points), 1))
    free[open_edges(sheet.faces)] = 0
    points = sheet.points
    for _ in range(2):
        points = points + 0.5 * free * (mean @ points - points)
    outer = free * np.clip((np.abs(points[:, :1]) - 85) / 40, 0, 1)
    for _ in range(40):
        points = points + 0.6 * outer * (mean @ points - points)
    return replace(sheet, points=points)


def _folded(sheet: Sheet, strength: float) -> Sheet:
    """Long soft creases that fall from the shoulders and run in from the armpits; none at the edges."""
    points = sheet.points
    x, y, z = points.T
    side = np.abs(x)
    falling = np.stack([(x + 0.35 * np.sign(x) * (y + 150)) / 38, y / 150, z / 60], 1)
    folds = np.stack([(side * 0.75 + y * 0.65) / 30, (side * 0.65 - y * 0.75) / 130, z / 70], 1)
    long = noise.octaves(falling.astype(np.float32), 2, 700)
    arm = noise.octaves(folds.astype(np.float32), 2, 701)
    armpit = np.exp(-((side - 165) ** 2 + (y + 235) ** 2) / 85**2)
    depth = 1.5 * long * np.clip((-150 - y) / 40, 0.15, 1) + 2.6 * arm * armpit
    inner = np.clip(KDTree(points[open_edges(sheet.faces)]).query(points)[0] / 14, 0, 1)
    depth = strength * depth * inner
    return replace(sheet, points=points + depth[:, None] * cloth_normals(points, sheet.faces))


def _hem(sheet: Sheet) -> tuple[Index, Index, Array, Index]:
    """Open edges turned in, for cloth has a thickness: vertices that are doubled, faces between them and
    their doubles, uv, pieces."""
    points, faces = sheet.points, sheet.faces
    every = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    _, inverse, times = np.unique(np.sort(every, 1), axis=0, return_inverse=True, return_counts=True)
    own = np.flatnonzero((times[inverse] == 1) & (points[every].mean(1)[:, 1] > CUT + 40))
    edges, face = every[own], own % len(faces)
    rim, index = np.unique(edges, return_inverse=True)
    index = index.reshape(-1, 2) + len(points)
    a, b = edges.T
    strip = [np.stack([b, a, index[:, 0]], 1), np.stack([b, index[:, 0], index[:, 1]], 1)]
    spot = sheet.corners[face].mean(1, keepdims=True).repeat(3, 1)
    return rim, np.concatenate(strip), np.concatenate([spot, spot]), np.tile(sheet.piece[face], 2)
