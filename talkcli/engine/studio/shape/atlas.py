"""One UV square for every part, without overlaps: the skin on a cylinder cut down the back, the rest on
islands below it."""

import numpy as np

from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scalp import directions
from talkcli.engine.studio.shape import domain
from talkcli.engine.studio.shape.patch import Patch, placed
from talkcli.engine.studio.shape.surface import Surface

BOXES = {
    "skin": (0.0, 0.24, 1.0, 1.0),
    "hair": (0.0, 0.0, 0.42, 0.23),
    "left_eye": (0.43, 0.12, 0.54, 0.23),
    "right_eye": (0.43, 0.0, 0.54, 0.11),
    "cavity": (0.55, 0.12, 0.66, 0.23),
    "tongue": (0.55, 0.0, 0.66, 0.11),
    "left_ear": (0.67, 0.12, 0.78, 0.23),
    "right_ear": (0.67, 0.0, 0.78, 0.11),
    "upper_teeth": (0.79, 0.17, 1.0, 0.23),
    "lower_teeth": (0.79, 0.10, 1.0, 0.16),
    "upper_gum": (0.79, 0.06, 1.0, 0.095),
    "lower_gum": (0.79, 0.02, 1.0, 0.055),
    "left_lashes": (0.79, 0.0, 0.89, 0.018),
    "right_lashes": (0.9, 0.0, 1.0, 0.018),
}
"""left, bottom, right, top of each island"""
FACE_SHARE = 0.80
"""of the width, for the front 144 degrees"""
NECK_TOP, NECK_SPAN = 0.24, 0.98


def pack(parts: dict[str, Patch]) -> dict[str, Patch]:
    """Every part moved to its island."""
    return {
        name: placed(patch, BOXES[name], 0.002 if "lashes" in name else 0.004)
        for name, patch in parts.items()
    }


def skin_with_uv(surface: Surface) -> Patch:
    """The skin with UV filling the unit square: azimuth across (the face widened), elevation up, the neck
    below.

    Loops inside the outermost one of an eye or the mouth shrink in the plane towards the line of the opening,
    so overhanging lids and lips cannot overlap. The crown is a pole; the cut runs down the back.
    """
    skin = surface.skin
    vertices = skin.vertices
    ray = directions(vertices)
    free = ~_inner(surface, len(vertices))
    back_half = free & (np.abs(ray[:, 0]) < 1e-9) & (ray[:, 1] > 0.8)
    crown = int(np.flatnonzero(back_half)[ray[back_half, 1].argmax()])
    tilt = np.arctan2(ray[crown, 2], ray[crown, 1])
    c, s = np.cos(tilt), np.sin(tilt)
    ray = np.stack([ray[:, 0], c * ray[:, 1] + s * ray[:, 2], c * ray[:, 2] - s * ray[:, 1]], 1)
    azimuth, polar = np.arctan2(ray[:, 0], ray[:, 2]) / np.pi, np.arccos(np.clip(ray[:, 1], -1, 1))
    rim = domain.neck_directions() @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]]).T
    rim_azimuth, rim_polar = np.arctan2(rim[:, 0], rim[:, 2]) / np.pi, np.arccos(rim[:, 1])
    order = rim_azimuth.argsort()
    wrapped = np.concatenate([rim_azimuth[order] - 2, rim_azimuth[order], rim_azimuth[order] + 2])
    depth = polar / np.interp(azimuth, wrapped, np.tile(rim_polar[order], 3))
    height = np.interp(depth, [0, 0.3, 0.86, 1.0], [1, 0.87, 0.34, NECK_TOP])
    columns, foot = domain.NECK_COLUMNS, len(vertices) - 1
    collar = foot - np.arange(columns * ((foot - _collar_start(surface)) // columns), 0, -1).reshape(
        -1, columns
    )
    azimuth[collar] = rim_azimuth
    height[collar] = np.linspace(NECK_TOP, 0.02, len(collar) + 1)[1:, None]
    height[foot] = 0.0
    return _cut(skin, azimuth, height, surface, crown, foot)


def _inner(surface: Surface, count: int) -> np.ndarray:
    """[count] bool: vertices of the loops inside the outermost ones."""
    inner = np.zeros(count, bool)
    for loops in (*surface.eyes, surface.mouth):
        inner[loops[1:]] = True
    return inner


def _collar_start(surface: Surface) -> int:
    return int(surface.mouth.max()) + 1


def _spread(azimuth: Array) -> Array:
    """Azimuth in half turns (-1..1, and a little beyond at the cut) to a position across, front widened."""
    a = np.abs(azimuth)
    return np.sign(azimuth) * np.where(
        a < 0.4, a / 0.4 * FACE_SHARE, FACE_SHARE + (a - 0.4) / 0.6 * (1 - FACE_SHARE)
    )


def _cut(skin: Patch, azimuth: Array, height: Array, surface: Surface, crown: int, foot: int) -> Patch:
    """UV vertices: one per vertex, copies across the cut, and one per triangle at crown and foot."""
    corners = azimuth[skin.faces]
    pole = (skin.faces == crown) | (skin.faces == foot)
    near = np.where(pole, 0, corners)
    wide = (near.max(1) - near.min(1)) > 1
    side = np.where(pole, 0, skin.vertices[skin.faces][..., 0]).sum(1)
    corners = np.where(wide[:, None] & (side > 0)[:, None] & (corners < -0.5), corners + 2, corners)
    corners = np.where(wide[:, None] & (side <= 0)[:, None] & (corners > 0.5), corners - 2, corners)
    others = np.where(pole, 0, corners).sum(1) / 2
    corners = np.where(pole, others[:, None], corners)
    across, up = _spread(corners), height[skin.faces]
    keys = np.stack([skin.faces.ravel(), np.round(corners.ravel() * 1e6).astype(np.int64)], 1)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    uv = np.stack([across.ravel(), up.ravel()], 1)[first]
    vertex = keys[first, 0]
    uv[:, 0] = 0.5 + 0.5 * uv[:, 0] / np.abs(uv[:, 0]).max()
    uv = _openings(uv, vertex, surface)
    return Patch(skin.vertices, skin.faces, uv, inverse.reshape(-1, 3).astype(np.int64))


def _openings(uv: Array, vertex: Index, surface: Surface) -> Array:
    """The loops inside each opening drawn towards the opening's own line, evenly by their true length."""
    where = np.full(len(surface.skin.vertices), -1)
    where[vertex] = np.arange(len(vertex))
    for loops, along in (
        (surface.eyes[0], surface.eye_loops.along),
        (surface.eyes[1], surface.eye_loops.along),
        (surface.mouth, 0.5 + 0.5 * surface.mouth_loops.along),
    ):
        rim = uv[where[loops[0]]]
        start, stop = rim[along.argmin()], rim[along.argmax()]
        reach = 0.12 + 0.76 * along[:, None]
        line = start + (stop - start) * reach
        points = surface.skin.vertices[loops]
        length = np.concatenate(
            [np.zeros((1, points.shape[1])), np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=2), 0)]
        )
        left = 1 - 0.96 * length / length[-1]
        uv[where[loops]] = line + (rim - line) * left[..., None]
    return uv


def materials(parts: dict[str, Patch], names: tuple[str, ...]) -> np.ndarray:
    """[F] int8 material of each face, parts in order."""
    kind = {"skin": "skin", "cavity": "cavity", "tongue": "tongue", "hair": "hair"}
    ends = {"eye": "eye", "teeth": "teeth", "gum": "gum", "ear": "skin", "lashes": "lash"}
    result = []
    for name, patch in parts.items():
        material = kind.get(name) or ends[name.split("_")[1]]
        result.append(np.full(len(patch.faces), names.index(material), np.int8))
    return np.concatenate(result)
