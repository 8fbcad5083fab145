"""Glass in the rims of glasses: a film of coated glass that mirrors a photographer's lamps a little."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull

from talkcli.engine.rendering.lights import LightRig
from talkcli.engine.rendering.surface import HARD, DrawnSurface

_Floats = NDArray[np.float64]

GLASS_RADIUS, GLASS_SIZE = 0.11, 0.95
"""Metres of the radius of a glass's outside; how large a glass is beside the middle of its rim."""

COATED, LET_THROUGH = np.array([0.34, 0.43, 0.46]), 0.96
"""Of the light of the key's cloth, of 1 where that is white paper, that a coated glass mirrors by channel; of
what lies behind it, that it lets through."""

CLOTH_HALF, CLOTH_SOFT = (0.24, 0.34), 0.16
"""Tangents from the middle of the key's cloth to its borders, and over which these fade."""

MIRRORED_FILL, MIRRORED_ROOM = 0.3, 0.035
"""Beside that of the key: of the fill; and what it mirrors of the room."""

ASIDE = 0.35
"""Cosine between a glass and the eye below which none is seen."""

_SHARP = 4
"""Samples along each side of a pixel that tell how much glass is in it."""


def rims_of(surface: DrawnSurface) -> list[NDArray[np.int64]]:
    """Vertices of every ring among what is hard on a surface."""
    faces = surface.faces[surface.materials == HARD].astype(np.int64)
    if not len(faces):
        return []
    count = len(surface.neutral)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    joined = coo_matrix((np.ones(len(edges)), edges.T), (count, count))
    part = connected_components(joined, directed=False)[1]
    rings = []
    for own in np.unique(part[faces]):
        mine = faces[part[faces[:, 0]] == own]
        sides = np.sort(np.concatenate([mine[:, [0, 1]], mine[:, [1, 2]], mine[:, [2, 0]]]), 1)
        points, unique = np.unique(mine), np.unique(sides, axis=0, return_counts=True)
        if len(points) - len(unique[0]) + len(mine) == 0 and (unique[1] == 2).all():
            rings.append(points)
    return rings


def glazed(
    light: NDArray[np.float32], vertices: NDArray[np.float32], rims: list[NDArray[np.int64]], rig: LightRig,
    view: NDArray[np.float64], focal: float,
) -> NDArray[np.float32]:  # fmt: skip
    """Display light [height, width, 3 or 4] with a glass in each rim; view and focal length as of a
    `PosedMoment`."""
    out = light.copy()
    if not rig.shine:
        return out
    eye = -np.asarray(np.linalg.solve(view[:3, :3], view[:3, 3]), np.float64)
    for rim in rims:
        _glaze(out, vertices[rim].astype(np.float64), rig, view, focal, eye)
    return out


def _glaze(
    out: NDArray[np.float32],
    ring: _Floats,
    rig: LightRig,
    view: NDArray[np.float64],
    focal: float,
    eye: _Floats,
) -> None:
    height, width = out.shape[:2]
    middle = ring.mean(0)
    axes = np.linalg.svd(ring - middle, full_matrices=False)[2]
    ahead = axes[2] * np.sign(axes[2] @ (eye - middle))
    to_eye = (eye - middle) / np.linalg.norm(eye - middle)
    if ahead @ to_eye < ASIDE:
        return
    flat = (ring - middle) @ axes[:2].T
    hull = middle + GLASS_SIZE * flat[ConvexHull(flat).vertices] @ axes[:2]
    seen = hull @ view[:3, :3].T + view[:3, 3]
    places = focal * seen[:, :2] / -seen[:, 2:] * [1, -1] + [width / 2, height / 2]
    low = np.clip(np.floor(places.min(0)).astype(int), 0, [width, height])
    high = np.clip(np.ceil(places.max(0)).astype(int) + 1, 0, [width, height])
    columns, rows = high - low
    if min(columns, rows) <= 0:
        return
    page = Image.new("L", (int(columns) * _SHARP, int(rows) * _SHARP))
    ImageDraw.Draw(page).polygon([(x, y) for x, y in (places - low) * _SHARP], 255)
    glass = np.asarray(page, np.float64).reshape(rows, _SHARP, columns, _SHARP).mean((1, 3)) / 255
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]] + 0.5
    ways = np.stack([(x - width / 2) / focal, (height / 2 - y) / focal, -np.ones_like(x)], -1)
    ways = np.linalg.solve(view[:3, :3], ways.reshape(-1, 3).T).T.reshape(*x.shape, 3)
    hit = eye + ways * (((middle - eye) @ ahead) / (ways @ ahead))[..., None]
    ways /= np.linalg.norm(ways, axis=2, keepdims=True)
    aside = hit - middle
    normal = ahead + (aside - (aside @ ahead)[..., None] * ahead) / GLASS_RADIUS
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    mirror = ways - 2 * (ways * normal).sum(2, keepdims=True) * normal
    thrown = _mirrored(mirror, rig) * glass[..., None]
    part = out[low[1] : high[1], low[0] : high[0]]
    covered = part[..., 3:] if part.shape[2] == 4 else 1.0
    behind = part[..., :3] * (1 - (1 - LET_THROUGH) * glass[..., None])
    part[..., :3] = behind + (covered - behind) * np.clip(thrown, 0, 1)


def _mirrored(way: _Floats, rig: LightRig) -> _Floats:
    """[..., 3] of lamps and room from ways [..., 3]."""
    across, up, ahead = np.moveaxis(way @ rig.softbox.astype(np.float64).T, -1, 0)
    ahead = np.maximum(ahead, 0.1)
    inside = [
        np.clip((half - np.abs(place) / ahead) / CLOTH_SOFT, 0, 1)
        for half, place in zip(CLOTH_HALF, (across, up), strict=True)
    ]
    box = inside[0] * inside[1]
    fill = MIRRORED_FILL * np.clip((way @ rig.directions[1] - 0.86) / 0.1, 0, 1)
    sky = MIRRORED_ROOM * np.clip(0.6 + 0.6 * way[..., 1], 0, 1)
    return COATED * (box + fill)[..., None] + sky[..., None]
