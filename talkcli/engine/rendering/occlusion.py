"""What light cannot reach: the room baked on the neutral face; every frame, the key and into the mouth."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.compiled import fast, inlined
from talkcli.engine.device import cores
from talkcli.engine.rendering.lanes import ABREAST
from talkcli.engine.rendering.point_rows import seen_share
from talkcli.engine.rendering.rasterize import BOTH, SHEER, SUBSAMPLE, rasterize, sheet

_Floats = NDArray[np.float32]
_SKY_DIRECTIONS = 64
"""From which the bake looks at the head."""

MOUTH_CORNERS = 8
"""At most, of the opening's polygon on either lip."""

BAKE, SHADOW = 256, 224
"""Samples along a side of the depth pictures."""

LIFT = 0.0012
"""Metres along the normal from which a vertex looks for the light: it must not shade itself."""

BOUNCED, DEEP = 0.015, 0.6
"""Light that wanders in the mouth: what it adds to the direct share, the power that lifts what is faint."""

BEHIND = 0.25
"""Square of the cosine between a normal and the way from the eye, beyond which no face there is seen."""

OPEN_LIPS = 0.006
"""Metres between the lips at which they no longer shade each other."""


def bake_occlusion(
    vertices: _Floats,
    normals: _Floats,
    spacing: _Floats,
    faces: NDArray[np.uint32],
    sides: NDArray[np.uint8],
    hair: NDArray[np.bool_],
) -> _Floats:
    """The share [V] of an even sky, weighted by the cosine, that each vertex sees past faces of any side;
    `hair` [F] is in the way of three directions of four."""
    dense = np.where(sides == SHEER, sides, np.uint8(BOTH))
    bald = np.where(hair, np.uint8(SHEER), dense)
    golden = math.pi * (3 - math.sqrt(5))

    def seen(i: int) -> tuple[NDArray, NDArray]:
        """From one direction: the cosine, and that times the share that is seen."""
        y = 1 - 2 * (i + 0.5) / _SKY_DIRECTIONS
        around = math.sqrt(1 - y * y)
        direction = np.array([around * math.cos(golden * i), y, around * math.sin(golden * i)])
        cosine = np.clip(normals @ direction, 0, None)
        visible = np.empty(len(vertices), np.float32)
        among = dense if i % 4 else bald
        shadows(vertices, normals, spacing, faces, among, direction, *sheet(BAKE, BAKE), visible)
        return cosine, cosine * visible

    total, light = np.zeros((2, len(vertices)))
    with ThreadPoolExecutor(cores()) as pool:
        for cosine, part in pool.map(seen, range(_SKY_DIRECTIONS)):
            total += cosine
            light += part
    return (light / np.maximum(total, 1e-9)).astype(np.float32)


def shadows(
    vertices: _Floats,
    normals: _Floats,
    spacing: _Floats,
    faces: NDArray[np.uint32],
    sides: NDArray[np.uint8],
    direction: NDArray[np.floating],
    ids: NDArray[np.int32],
    depth: _Floats,
    visible: _Floats,
    asking: NDArray[np.bool_] | None = None,
) -> None:
    """Fill visible [V]: how much of a soft light in that direction each vertex sees; 0 for those not asking.

    ids and depth, a square `sheet`, are scratch.
    """
    up = np.array([0.0, 1.0, 0.0]) if abs(direction[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    across = np.cross(up, direction)
    across /= np.linalg.norm(across)
    axes = np.stack([across, np.cross(direction, across), direction])
    centre = np.empty(3)
    reach = enclose(vertices, centre)
    snapped, nearness = np.empty((len(vertices), 2), np.int64), np.empty(len(vertices))
    look_along(vertices, axes, centre, reach, len(depth), snapped, nearness)
    order = np.arange(len(faces), dtype=np.uint32)
    rasterize(snapped, nearness, faces, sides, order, 0, ids, depth)
    asking = np.ones(len(vertices), bool) if asking is None else asking
    look_up(vertices, normals, spacing, axes, centre, reach, depth, asking, visible)


@fast
def face_camera(vertices, normals, eye, single, asking):
    """Set asking [V]: all but vertices that have one side (`single` [V]) and turn it away from the eye."""
    for i in range(len(vertices)):
        x, y, z = eye[0] - vertices[i, 0], eye[1] - vertices[i, 1], eye[2] - vertices[i, 2]
        facing = normals[i, 0] * x + normals[i, 1] * y + normals[i, 2] * z
        asking[i] = not (single[i] and facing < 0.0 and facing * facing > BEHIND * (x * x + y * y + z * z))


@fast
def enclose(vertices, centre):
    """Set centre [3] to the middle of the vertices' box; return a little more than half its diagonal."""
    diagonal = 0.0
    for axis in range(3):
        low, high = vertices[0, axis], vertices[0, axis]
        for i in range(len(vertices)):
            low, high = min(low, vertices[i, axis]), max(high, vertices[i, axis])
        centre[axis] = (float(low) + high) / 2
        diagonal += (float(high) - low) ** 2
    return math.sqrt(diagonal) / 2 + 0.01


@fast
def look_along(vertices, axes, centre, reach, size, snapped, nearness):
    """A parallel projection on size x size samples; nearness grows towards the light, from 1 to 3."""
    for i in range(len(vertices)):
        x, y, z = vertices[i, 0] - centre[0], vertices[i, 1] - centre[1], vertices[i, 2] - centre[2]
        a = (axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z) / reach
        b = (axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z) / reach
        c = (axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z) / reach
        snapped[i, 0] = int(np.rint((1 + a) * 0.5 * size * SUBSAMPLE))
        snapped[i, 1] = int(np.rint((1 - b) * 0.5 * size * SUBSAMPLE))
        nearness[i] = 2 + c


@fast
def look_up(vertices, normals, spacing, axes, centre, reach, depth, asking, visible):
    """Share of 5 x 5 depth samples round each lifted vertex, as far apart as vertices are, behind it."""
    size, line = len(depth), depth.shape[1]
    for i in range(len(vertices)):
        facing = normals[i, 0] * axes[2, 0] + normals[i, 1] * axes[2, 1] + normals[i, 2] * axes[2, 2]
        visible[i] = 0.0
        if facing < -0.45 or not asking[i]:
            continue
        x = vertices[i, 0] + LIFT * normals[i, 0] - centre[0]
        y = vertices[i, 1] + LIFT * normals[i, 1] - centre[1]
        z = vertices[i, 2] + LIFT * normals[i, 2] - centre[2]
        a = (1 + (axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z) / reach) * 0.5 * size - 0.5
        b = (1 - (axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z) / reach) * 0.5 * size - 0.5
        near = 2 + (axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z) / reach + LIFT / reach
        column, row = int(np.floor(a)), int(np.floor(b))
        fx, fy = a - column, b - row
        stride = max(1, int(spacing[i] * size / (8 * reach)))
        if stride == 1 and min(column, row) >= 2 and max(column, row) < size - ABREAST:
            visible[i] = seen_share(depth, (row - 2) * line + column - 2, line, near, reach / LIFT, fx, fy)
            continue
        total, lit = 0.0, 0.0
        for dy in range(-2, 4):
            wy = 1 - fy if dy == -2 else (fy if dy == 3 else 1.0)
            v = min(max(row + dy * stride, 0), size - 1)
            for dx in range(-2, 4):
                w = wy * (1 - fx if dx == -2 else (fx if dx == 3 else 1.0))
                u = min(max(column + dx * stride, 0), size - 1)
                total += w
                behind = (depth[v, u] - near) * reach
                lit += w * (1.0 if behind <= 0 else max(0.0, 1 - behind / LIFT))
        visible[i] = lit / total


@fast
def light_mouth(vertices, normals, pairs, inside, lit, lips, lip_pair, rim, occlusion):
    """Overwrite occlusion [V], where the mouth is `lit` [V], by the light that comes in, and lift it on lips
    that part.

    The opening is a polygon of sky; a point gets Lambert's formula for it. `rim` [2 * MOUTH_CORNERS, 3] is
    scratch.
    """
    count = len(pairs)
    if count == 0:
        return
    for q in range(len(lips)):
        upper, lower = pairs[lip_pair[q], 0], pairs[lip_pair[q], 1]
        gap = 0.0
        for axis in range(3):
            gap += (vertices[upper, axis] - vertices[lower, axis]) ** 2
        parted = min(np.sqrt(gap) / OPEN_LIPS, 1.0)
        v = lips[q]
        occlusion[v] += max(0.8 - occlusion[v], 0.0) * parted
    step = max(1, (count + MOUTH_CORNERS - 1) // MOUTH_CORNERS)
    corners = 0
    for k in range(0, count, step):
        for axis in range(3):
            rim[corners, axis] = vertices[pairs[k, 0], axis]
        corners += 1
    half = corners
    for k in range(half):
        source = (half - 1 - k) * step
        for axis in range(3):
            rim[corners, axis] = vertices[pairs[source, 1], axis]
        corners += 1
    outward = _outward(vertices, rim[:corners], inside)
    for q in range(len(inside)):
        v = inside[q]
        if not lit[v]:
            continue
        total = 0.0
        for k in range(corners):
            j = k + 1 if k + 1 < corners else 0
            ax, ay, az = rim[k, 0] - vertices[v, 0], rim[k, 1] - vertices[v, 1], rim[k, 2] - vertices[v, 2]
            bx, by, bz = rim[j, 0] - vertices[v, 0], rim[j, 1] - vertices[v, 1], rim[j, 2] - vertices[v, 2]
            cx, cy, cz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            sine = math.sqrt(cx * cx + cy * cy + cz * cz)
            if sine > 1e-12:
                angle = _angle(sine, ax * bx + ay * by + az * bz)
                total += angle * (normals[v, 0] * cx + normals[v, 1] * cy + normals[v, 2] * cz) / sine
        occlusion[v] = min((max(outward * total / (2 * math.pi), 0.0) + BOUNCED) ** DEEP, 1.0)


@inlined
def _angle(sine, cosine):
    """Whose sine and cosine are in this ratio, 0 to pi, within 7e-5 (Abramowitz and Stegun 4.4.45)."""
    share = abs(cosine) / math.sqrt(sine * sine + cosine * cosine)
    angle = 1.5707288 + share * (-0.2121144 + share * (0.0742610 - 0.0187293 * share))
    angle *= math.sqrt(max(1.0 - share, 0.0))
    return angle if cosine >= 0.0 else np.float32(math.pi) - angle


@fast
def _outward(vertices, rim, inside):
    """1 if the rim runs counter-clockwise seen from outside the mouth, else -1."""
    total = 0.0
    for axis in range(3):
        p, q = (axis + 1) % 3, (axis + 2) % 3
        area, out = 0.0, 0.0
        for k in range(len(rim)):
            j = k + 1 if k + 1 < len(rim) else 0
            area += rim[k, p] * rim[j, q] - rim[k, q] * rim[j, p]
            out += rim[k, axis] / len(rim)
        for k in range(len(inside)):
            out -= vertices[inside[k], axis] / len(inside)
        total += area * out
    return 1.0 if total >= 0 else -1.0
