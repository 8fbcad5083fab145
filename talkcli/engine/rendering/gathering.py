"""From places on faces to points that can be shaded: what the vertices and the textures say of each."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.compiled import fast, inlined
from talkcli.engine.rendering.lanes import ABREAST
from talkcli.engine.rendering.point_rows import (
    blend_four,
    blend_texels,
    copy_eight,
    mix_row,
    prefetch,
    turn_rows,
)
from talkcli.engine.rendering.rasterize import BOTH, SUBSAMPLE
from talkcli.engine.rendering.shading import (
    ACROSS,
    ALBEDO,
    BRIGHT,
    FOLD,
    GRADIENTS,
    KEY,
    KIND,
    NORMAL,
    POINTS,
    ROUGHNESS,
    ROW,
    SHADING_FIELDS,
    SHELTER,
    SOFTNESS,
    STRENGTH,
    TEXEL,
    VIEW,
    clamped,
    dot,
    keep,
    keep_three,
    three,
)
from talkcli.engine.rendering.strands import CONTRAST, WHICH, shade
from talkcli.engine.rendering.surface import HAIR, LASH, SKIN
from talkcli.engine.rendering.textures import CHANNELS, FINE, HALVES, WHITE, corners, four, tinted

SCATTER = np.float32(0.0032)
"""Metres that red light wanders in skin."""

TIGHTEST = np.float32(140.0)
"""1/m: curvature beyond which light wanders no further."""

BLOOD = (np.float32(0.06), np.float32(0.30), np.float32(0.26))
"""Share of red, green, blue that blood at 1 takes."""

HOLLOW = np.float32(350.0)
"""How much a metre of depth in the relief shelters."""

UNITS = np.float32(1 / WHITE), np.float32(1 / (255 * FINE)), np.float32(1 / 127)
"""Of the stored numbers: albedo, gloss, blood."""

COMBED = 2
"""Which program hair is."""

ATTRIBUTES = 16
VERTEX_NEARNESS = 15
"""Of a vertex: place, normal, share of the room and of the key seen, curvature, way of its hair, colour,
nearness to the camera."""

FACTS = 16
FACE_GLOSS, FACE_KIND, FACE_LEVEL, FACE_CORNER, FACE_SLOPES = 6, 8, 9, 10, 12
"""Of a face: gradients of u and of v (1/m); its own strength and roughness, below 0 where the look says them;
material; texture level; snapped place of its first corner; slopes of the shares of its other two."""

TWO_SIDED = np.float32(64)
"""Added to the material of a face that is lit on the side that is seen."""

_SKIN, _LASH = np.float32(SKIN), np.float32(LASH)

CROWDED = np.float32(4.0**0.7)
"""Texels to a pixel from which the next level is read, where each is looked at once."""

FACING = 127
"""What a unit normal is stored as."""


class Acting(NamedTuple):
    """What changes on the skin in a frame; both with a border of one texel."""

    creases: NDArray[np.float32]
    """[texels, 4], see `blend`"""
    crease_levels: NDArray[np.int64]
    ratios: NDArray[np.float32]
    """[texels, 4] sRGB values over those of the look: red, green, blue, unused"""
    ratio_levels: NDArray[np.int64]
    """[1, 3]; 0 rows where the skin keeps its colour but for blood"""


class Batch(NamedTuple):
    """Points that wait for one of three programs (bodies, eyes, hair), [3, POINTS]; memory to shade them."""

    face: NDArray[np.int32]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    """Snapped place in the picture"""
    pixel: NDArray[np.int64]
    share: NDArray[np.float32]
    """Of the pixel that the point stands for"""
    rows: NDArray[np.float32]
    """[ABREAST * ROW] the numbers of so many points, one after the other"""
    cells: NDArray[np.int64]
    """[ABREAST, 4] the texels of skin, and of its folds, above and below each"""
    cuts: NDArray[np.float32]
    """[ABREAST, 8] and their weights"""
    u: NDArray[np.float32]
    v: NDArray[np.float32]
    """[ABREAST]"""
    fields: NDArray[np.float32]
    """[SHADING_FIELDS * POINTS], see `shading`"""


def batch() -> Batch:
    x, y, share = np.zeros((3, 3, POINTS), np.float32)
    return Batch(
        np.zeros((3, POINTS), np.int32), x, y, np.zeros((3, POINTS), np.int64), share,
        np.zeros(ABREAST * ROW, np.float32), np.zeros((ABREAST, 4), np.int64),
        np.zeros((ABREAST, 8), np.float32), np.zeros(ABREAST, np.float32), np.zeros(ABREAST, np.float32),
        np.zeros(SHADING_FIELDS * POINTS, np.float32),
    )  # fmt: skip


@inlined
def cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@inlined
def _between(vertices, i, j):
    return (
        vertices[j, 0] - vertices[i, 0],
        vertices[j, 1] - vertices[i, 1],
        vertices[j, 2] - vertices[i, 2],
    )


@fast
def survey(vertices, surface, snapped, spans, crowded, facts, facing):
    """Fill facts [faces, FACTS] of every face that `band` gave a span, and facing [faces, 4]: its normal
    (of hair: anything) and its material. Two samples make a pixel along each side; `crowded`: texels to a
    pixel from which the next level is read."""
    uv, faces, levels = surface.uv, surface.faces, surface.levels
    texels, finest = np.float32(levels[0, 1] * levels[0, 2]), len(levels) - 1
    for f in range(len(faces)):
        if spans[f, 0] > spans[f, 1]:
            continue
        i, j, k = np.uint64(faces[f, 0]), np.uint64(faces[f, 1]), np.uint64(faces[f, 2])
        bx, by = snapped[j, 0] - snapped[i, 0], snapped[j, 1] - snapped[i, 1]
        cx, cy = snapped[k, 0] - snapped[i, 0], snapped[k, 1] - snapped[i, 1]
        share, kind = 1.0 / np.float32(bx * cy - by * cx), surface.materials[f]
        facing[f, 3] = kind
        facts[f, FACE_GLOSS], facts[f, FACE_GLOSS + 1] = surface.gloss[f, 0], surface.gloss[f, 1]
        facts[f, FACE_KIND] = np.float32(kind)
        facts[f, FACE_CORNER], facts[f, FACE_CORNER + 1] = snapped[i, 0], snapped[i, 1]
        facts[f, FACE_SLOPES], facts[f, FACE_SLOPES + 1] = share * np.float32(cy), -share * np.float32(cx)
        facts[f, FACE_SLOPES + 2], facts[f, FACE_SLOPES + 3] = -share * np.float32(by), share * np.float32(bx)
        if kind == HAIR:
            continue
        if surface.sides[f] == BOTH:
            facts[f, FACE_KIND] += TWO_SIDED
        p, q = _between(vertices, i, j), _between(vertices, i, k)
        normal = cross(p, q)
        scale = 1.0 / max(dot(normal, normal), 1e-24)
        root = math.sqrt(scale)
        for axis in range(3):
            facing[f, axis] = int(normal[axis] * root * np.float32(FACING))
        if surface.gloss[f, 0] >= 0.0:
            continue
        across, along = cross(q, normal), cross(normal, p)
        du1, du2 = uv[f, 1, 0] - uv[f, 0, 0], uv[f, 2, 0] - uv[f, 0, 0]
        dv1, dv2 = uv[f, 1, 1] - uv[f, 0, 1], uv[f, 2, 1] - uv[f, 0, 1]
        for axis in range(3):
            facts[f, axis] = (du1 * across[axis] + du2 * along[axis]) * scale
            facts[f, 3 + axis] = (dv1 * across[axis] + dv2 * along[axis]) * scale
        sharpness = abs(du1 * dv2 - du2 * dv1) * texels * abs(share) * np.float32(4 * SUBSAMPLE * SUBSAMPLE)
        level = 0
        while sharpness >= crowded and level < finest:
            sharpness, level = sharpness * 0.25, level + 1
        facts[f, FACE_LEVEL] = np.float32(level)


@inlined
def keep_cell(cells, cuts, n, texture, found):
    """Remember what `corners` found of one of two textures."""
    cells[n, 2 * texture], cells[n, 2 * texture + 1] = found[0], found[1]
    cuts[n, 4 * texture], cuts[n, 4 * texture + 1] = found[2], found[3]
    cuts[n, 4 * texture + 2], cuts[n, 4 * texture + 3] = found[4], found[5]


@inlined
def kept_cell(cells, cuts, n, texture):
    at = 4 * texture
    above, below = cells[n, 2 * texture], cells[n, 2 * texture + 1]
    return above, below, cuts[n, at], cuts[n, at + 1], cuts[n, at + 2], cuts[n, at + 3]


@fast
def gather(count, program, batch, surface, facts, points, eye, acting, tables):
    """Make `count` points of a program ready to be shaded; they may lie a little beside their faces. Sheer
    hair is lit from outside whichever side is seen: light shines through it."""
    fields, rows, hair, uv = batch.fields, batch.rows, surface.hair, surface.uv
    face, xs, ys, cells, cuts = (
        batch.face[program],
        batch.x[program],
        batch.y[program],
        batch.cells,
        batch.cuts,
    )
    tinting = acting.ratio_levels[0, 1] > 0
    for first in range(0, count, ABREAST):
        lanes = min(ABREAST, count - first)
        for lane in range(lanes):
            i, n, at = np.uint64(first + lane), np.uint64(lane), lane * ROW
            f = np.uint64(face[i])
            x, y, w = xs[i] - facts[f, FACE_CORNER], ys[i] - facts[f, FACE_CORNER + 1], FACE_SLOPES
            a, b, c = (
                np.uint64(surface.faces[f, 0]),
                np.uint64(surface.faces[f, 1]),
                np.uint64(surface.faces[f, 2]),
            )
            wb, wc = facts[f, w] * x + facts[f, w + 1] * y, facts[f, w + 2] * x + facts[f, w + 3] * y
            wa = (1.0 - wb - wc) * points[a, VERTEX_NEARNESS]
            wb, wc = wb * points[b, VERTEX_NEARNESS], wc * points[c, VERTEX_NEARNESS]
            scale = 1.0 / (wa + wb + wc)
            wa, wb, wc = wa * scale, wb * scale, wc * scale
            mix_row(points, a, b, c, wa, wb, wc, rows, at)
            copy_eight(facts, f * np.uint64(FACTS), rows, at + GRADIENTS)
            if facts[f, FACE_GLOSS] < 0.0:
                u = clamped(wa * uv[f, 0, 0] + wb * uv[f, 1, 0] + wc * uv[f, 2, 0])
                v = clamped(wa * uv[f, 0, 1] + wb * uv[f, 1, 1] + wc * uv[f, 2, 1])
                keep_cell(cells, cuts, n, 0, corners(surface.levels, int(facts[f, FACE_LEVEL]), u, v))
                prefetch(surface.texels, cells[n, 0] * CHANNELS)
                prefetch(surface.texels, cells[n, 1] * CHANNELS)
                if surface.materials[f] == SKIN:
                    keep_cell(cells, cuts, n, 1, corners(acting.crease_levels, 0, u, v))
                    prefetch(acting.creases, cells[n, 2] * 4)
                    prefetch(acting.creases, cells[n, 3] * 4)
                if tinting:
                    batch.u[n], batch.v[n] = u, v
            elif program == COMBED:
                across = wa * hair[f, 0, WHICH] + wb * hair[f, 1, WHICH] + wc * hair[f, 2, WHICH]
                rows[at + BRIGHT] = shade(max(across, 0.0), hair[f, 0, CONTRAST])
        for lane in range(lanes):
            n, at = np.uint64(lane), lane * ROW
            f = np.uint64(face[np.uint64(first + lane)])
            if facts[f, FACE_GLOSS] < 0.0:
                above, below, wp, wq, wr, ws = kept_cell(cells, cuts, n, 0)
                blend_texels(surface.texels, above, below, wp, wq, wr, ws, rows, at + TEXEL)
                if surface.materials[f] == SKIN:
                    above, below, wp, wq, wr, ws = kept_cell(cells, cuts, n, 1)
                    blend_four(acting.creases, above, below, wp, wq, wr, ws, rows, at + FOLD)
                    if tinting:
                        rows[at + FOLD + 3] = 0.0
                        place = corners(acting.ratio_levels, 0, batch.u[n], batch.v[n])
                        red, green, blue, _ = four(acting.ratios, place, 0)
                        rows[at + TEXEL] = tinted(rows[at + TEXEL], red, tables)
                        rows[at + TEXEL + 1] = tinted(rows[at + TEXEL + 1], green, tables)
                        rows[at + TEXEL + 2] = tinted(rows[at + TEXEL + 2], blue, tables)
            rows[at + KIND] = facts[f, FACE_KIND]
        for column in range(0, ROW, ABREAST):
            turn_rows(rows, column, ROW, fields, column * POINTS + first, POINTS)
    if program == COMBED:
        _finish_hair(count, fields, eye)
    else:
        _finish(count, fields, eye, acting.crease_levels, surface.steepness)


@inlined
def _look_back(fields, n, eye):
    """From a point's place, which it overwrites, the way to the eye."""
    place = three(fields, VIEW, n)
    view = np.float32(eye[0]) - place[0], np.float32(eye[1]) - place[1], np.float32(eye[2]) - place[2]
    keep_three(fields, VIEW, n, view)
    return view


@inlined
def _finish(count, fields, eye, levels, steepness):
    """From what vertices and textures store to albedo, slope, hollows, strength and roughness: arithmetic
    alone."""
    white, gloss, blood = UNITS
    tall, wide = HALVES * np.float32(levels[0, 1]), HALVES * np.float32(levels[0, 2])
    steep_across, steep_down, deep = steepness[0], steepness[1], steepness[2]
    for n in range(count):
        view, normal = _look_back(fields, n, eye), three(fields, NORMAL, n)
        kind = fields[KIND * POINTS + n]
        turning = kind >= TWO_SIDED
        kind = kind - TWO_SIDED if turning else kind
        side = np.float32(-1.0) if turning and dot(normal, view) < 0.0 else np.float32(1.0)
        keep_three(fields, NORMAL, n, (side * normal[0], side * normal[1], side * normal[2]))
        skin, plain = kind == _SKIN, fields[STRENGTH * POINTS + n] >= 0.0
        wander = min(max(fields[SOFTNESS * POINTS + n], 0.0), TIGHTEST) * SCATTER
        keep(fields, SOFTNESS, n, wander if skin else (np.float32(0.3) if kind < _LASH else np.float32(0.0)))
        acts = np.float32(1.0) if skin else np.float32(0.0)
        paints = np.float32(0.0) if plain else np.float32(1.0)
        flush = fields[(FOLD + 3) * POINTS + n] * blood * acts
        texel, folds, colour = three(fields, TEXEL, n), three(fields, FOLD, n), three(fields, ALBEDO, n)
        red = clamped(colour[0]) if plain else texel[0] * white * (1.0 - BLOOD[0] * flush)
        green = clamped(colour[1]) if plain else texel[1] * white * (1.0 - BLOOD[1] * flush)
        blue = clamped(colour[2]) if plain else texel[2] * white * (1.0 - BLOOD[2] * flush)
        keep_three(fields, ALBEDO, n, (red, green, blue))
        relief = three(fields, TEXEL + 3, n)
        across = paints * (relief[0] * steep_across + acts * folds[0] * wide)
        down = paints * (relief[1] * steep_down + acts * folds[1] * tall)
        height = paints * (relief[2] * deep + acts * folds[2] * HALVES)
        u, v = three(fields, GRADIENTS, n), three(fields, GRADIENTS + 3, n)
        slope = (across * u[0] + down * v[0], across * u[1] + down * v[1], across * u[2] + down * v[2])
        keep_three(fields, ACROSS, n, slope)
        room = clamped(fields[SHELTER * POINTS + n])
        keep(fields, SHELTER, n, room * min(max(1.0 + HOLLOW * height, 0.55), 1.08))
        keep(fields, KEY, n, clamped(fields[KEY * POINTS + n]))
        strength = fields[(TEXEL + 6) * POINTS + n] * gloss if kind != _LASH else np.float32(0.0)
        roughness = fields[(TEXEL + 7) * POINTS + n] * gloss
        keep(fields, STRENGTH, n, fields[STRENGTH * POINTS + n] if plain else strength)
        keep(fields, ROUGHNESS, n, max(fields[ROUGHNESS * POINTS + n] if plain else roughness, 0.12))


@inlined
def _finish_hair(count, fields, eye):
    """The same of hair, whose strands are told apart."""
    for n in range(count):
        _look_back(fields, n, eye)
        bright, colour = fields[BRIGHT * POINTS + n], three(fields, ALBEDO, n)
        albedo = clamped(colour[0]) * bright, clamped(colour[1]) * bright, clamped(colour[2]) * bright
        keep_three(fields, ALBEDO, n, albedo)
        keep(fields, SHELTER, n, clamped(fields[SHELTER * POINTS + n]))
        keep(fields, KEY, n, clamped(fields[KEY * POINTS + n]))
        keep(fields, ROUGHNESS, n, max(fields[ROUGHNESS * POINTS + n], 0.12))


@fast
def arrange(vertices, normals, ways, occlusion, key, nearness, bare, points):
    """Set what changes of points [V, ATTRIBUTES] in a frame; the first `bare` have no hair."""
    for i in range(len(vertices)):
        for axis in range(3):
            points[i, axis], points[i, 3 + axis] = vertices[i, axis], normals[i, axis]
        points[i, 6], points[i, 7], points[i, VERTEX_NEARNESS] = occlusion[i], key[i], nearness[i]
        if i >= bare:
            points[i, 9], points[i, 10], points[i, 11] = ways[i, 0], ways[i, 1], ways[i, 2]
