"""From places on faces to points that can be shaded: what the vertices and the textures say of each."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.compiled import fast, inlined
from talkcli.engine.rendering.rasterize import BOTH, SUBSAMPLE
from talkcli.engine.rendering.shading import (
    ACROSS,
    ALBEDO,
    FOLD,
    GRADIENTS,
    KEY,
    NORMAL,
    POINTS,
    ROUGHNESS,
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

ATTRIBUTES = 15
"""Of a vertex: place, normal, share of the room and of the key seen, curvature, way of its hair, colour."""

FACTS = 16
_LEVEL, _CORNER, WEIGHTS = 6, 7, 9
"""Of a face: gradients of u and of v (1/m); texture level; snapped place of its first corner; value there and
slopes of its first corner's weight, slopes of the two others', to a common factor."""

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
    u: NDArray[np.float32]
    v: NDArray[np.float32]
    """[POINTS], as what follows"""
    texel: NDArray[np.float32]
    """[POINTS, CHANNELS] as stored"""
    fold: NDArray[np.float32]
    """[POINTS, 4] as `blend_wrinkles` writes them, 0 where skin does not act"""
    fields: NDArray[np.float32]
    """[SHADING_FIELDS * POINTS], see `shading`"""


def batch() -> Batch:
    x, y, share = np.zeros((3, 3, POINTS), np.float32)
    u, v = np.zeros((2, POINTS), np.float32)
    return Batch(
        np.zeros((3, POINTS), np.int32), x, y, np.zeros((3, POINTS), np.int64), share, u, v,
        np.zeros((POINTS, CHANNELS), np.float32), np.zeros((POINTS, 4), np.float32),
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
def survey(vertices, surface, snapped, nearness, spans, facts, facing):
    """Fill facts [faces, FACTS] of every face that `band` gave a span, and facing [faces, 4]: its normal and
    its material. Two samples make a pixel along each side."""
    uv, faces, levels = surface.uv, surface.faces, surface.levels
    texels, finest = np.float32(levels[0, 1] * levels[0, 2]), np.float32(len(levels) - 1)
    for f in range(len(faces)):
        if spans[f, 0] > spans[f, 1]:
            continue
        i, j, k = np.uint64(faces[f, 0]), np.uint64(faces[f, 1]), np.uint64(faces[f, 2])
        bx, by = snapped[j, 0] - snapped[i, 0], snapped[j, 1] - snapped[i, 1]
        cx, cy = snapped[k, 0] - snapped[i, 0], snapped[k, 1] - snapped[i, 1]
        area = bx * cy - by * cx
        p, q = _between(vertices, i, j), _between(vertices, i, k)
        normal = cross(p, q)
        scale = 1.0 / max(dot(normal, normal), 1e-24)
        across, along = cross(q, normal), cross(normal, p)
        du1, du2 = uv[f, 1, 0] - uv[f, 0, 0], uv[f, 2, 0] - uv[f, 0, 0]
        dv1, dv2 = uv[f, 1, 1] - uv[f, 0, 1], uv[f, 2, 1] - uv[f, 0, 1]
        root = math.sqrt(scale)
        for axis in range(3):
            facts[f, axis] = (du1 * across[axis] + du2 * along[axis]) * scale
            facts[f, 3 + axis] = (dv1 * across[axis] + dv2 * along[axis]) * scale
            facing[f, axis] = int(normal[axis] * root * np.float32(FACING))
        facing[f, 3] = surface.materials[f]
        share = 1.0 / np.float32(area)
        texel_area = abs(du1 * dv2 - du2 * dv1) * texels
        sharpness = texel_area * abs(share) * np.float32(4 * SUBSAMPLE * SUBSAMPLE)
        facts[f, _LEVEL] = min(max(0.5 * math.log2(max(sharpness, 1e-6)) + 0.3, 0.0), finest)
        na, nb, nc = (
            np.float32(nearness[i]),
            np.float32(nearness[j]) * share,
            np.float32(nearness[k]) * share,
        )
        facts[f, _CORNER], facts[f, _CORNER + 1] = snapped[i, 0], snapped[i, 1]
        facts[f, WEIGHTS] = na
        facts[f, WEIGHTS + 1] = na * share * np.float32(by - cy)
        facts[f, WEIGHTS + 2] = na * share * np.float32(cx - bx)
        facts[f, WEIGHTS + 3] = nb * np.float32(cy)
        facts[f, WEIGHTS + 4] = -nb * np.float32(cx)
        facts[f, WEIGHTS + 5] = -nc * np.float32(by)
        facts[f, WEIGHTS + 6] = nc * np.float32(bx)


@fast
def gather(count, program, batch, surface, facts, points, eye, acting, tables):
    """Make `count` points of a program ready to be shaded; they may lie a little beside their faces. Sheer
    hair is lit from outside whichever side is seen: light shines through it."""
    fields, texel, folds = batch.fields, batch.texel, batch.fold
    face, xs, ys = batch.face[program], batch.x[program], batch.y[program]
    ex, ey, ez = np.float32(eye[0]), np.float32(eye[1]), np.float32(eye[2])
    for n in range(count):
        i = np.uint64(n)
        f = np.uint64(face[i])
        x, y, w = xs[i] - facts[f, _CORNER], ys[i] - facts[f, _CORNER + 1], WEIGHTS
        wa = facts[f, w] + facts[f, w + 1] * x + facts[f, w + 2] * y
        wb = facts[f, w + 3] * x + facts[f, w + 4] * y
        wc = facts[f, w + 5] * x + facts[f, w + 6] * y
        scale = 1.0 / (wa + wb + wc)
        wa, wb, wc = wa * scale, wb * scale, wc * scale
        a, b, c = (
            np.uint64(surface.faces[f, 0]),
            np.uint64(surface.faces[f, 1]),
            np.uint64(surface.faces[f, 2]),
        )
        uv, kind, p, q, r = surface.uv, surface.materials[f], points[a], points[b], points[c]
        batch.u[i] = clamped(wa * uv[f, 0, 0] + wb * uv[f, 1, 0] + wc * uv[f, 2, 0])
        batch.v[i] = clamped(wa * uv[f, 0, 1] + wb * uv[f, 1, 1] + wc * uv[f, 2, 1])
        vx = ex - (wa * p[0] + wb * q[0] + wc * r[0])
        vy = ey - (wa * p[1] + wb * q[1] + wc * r[1])
        vz = ez - (wa * p[2] + wb * q[2] + wc * r[2])
        nx = wa * p[3] + wb * q[3] + wc * r[3]
        ny = wa * p[4] + wb * q[4] + wc * r[4]
        nz = wa * p[5] + wb * q[5] + wc * r[5]
        if kind != HAIR and surface.sides[f] == BOTH and nx * vx + ny * vy + nz * vz < 0.0:
            nx, ny, nz = -nx, -ny, -nz
        room, key = clamped(wa * p[6] + wb * q[6] + wc * r[6]), clamped(wa * p[7] + wb * q[7] + wc * r[7])
        wander = min(max(wa * p[8] + wb * q[8] + wc * r[8], 0.0), TIGHTEST) * SCATTER
        strength = surface.gloss[f, 0]
        if strength >= 0.0:
            texel[i, 0] = clamped(wa * p[12] + wb * q[12] + wc * r[12]) / UNITS[0]
            texel[i, 1] = clamped(wa * p[13] + wb * q[13] + wc * r[13]) / UNITS[0]
            texel[i, 2] = clamped(wa * p[14] + wb * q[14] + wc * r[14]) / UNITS[0]
            texel[i, 3], texel[i, 4], texel[i, 5] = 0.0, 0.0, 0.0
            texel[i, 6], texel[i, 7] = strength / UNITS[1], surface.gloss[f, 1] / UNITS[1]
        keep_three(fields, VIEW, n, (vx, vy, vz))
        keep_three(fields, NORMAL, n, (nx, ny, nz))
        if program == COMBED:
            x = wa * p[9] + wb * q[9] + wc * r[9]
            y = wa * p[10] + wb * q[10] + wc * r[10]
            keep_three(fields, ACROSS, n, (x, y, wa * p[11] + wb * q[11] + wc * r[11]))
        keep(fields, SHELTER, n, room)
        keep(fields, KEY, n, key)
        keep(fields, SOFTNESS, n, wander if kind == SKIN else (0.3 if kind < LASH else 0.0))
        for axis in range(6):
            keep(fields, GRADIENTS + axis, n, facts[f, axis])
    for n in range(count):
        i = np.uint64(n)
        level = np.uint64(facts[np.uint64(face[i]), _LEVEL])
        if surface.gloss[np.uint64(face[i]), 0] >= 0.0:
            continue
        above, below, wp, wq, wr, ws = corners(surface.levels, level, batch.u[i], batch.v[i])
        for channel in range(CHANNELS):
            k = np.uint64(channel)
            texel[i, k] = (
                wp * surface.texels[above, k]
                + wq * surface.texels[above + np.uint64(1), k]
                + wr * surface.texels[below, k]
                + ws * surface.texels[below + np.uint64(1), k]
            )
    creases, levels = acting.creases, acting.crease_levels
    for n in range(count):
        i = np.uint64(n)
        a, b, c, d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        if surface.materials[np.uint64(face[i])] == SKIN:
            a, b, c, d = four(creases, corners(levels, 0, batch.u[i], batch.v[i]), 0)
        folds[i, 0], folds[i, 1], folds[i, 2], folds[i, 3] = a, b, c, d
    if acting.ratio_levels[0, 1] > 0:
        for n in range(count):
            i = np.uint64(n)
            folds[i, 3] = 0.0
            if surface.materials[np.uint64(face[i])] == SKIN:
                a, b, c, d = four(acting.ratios, corners(acting.ratio_levels, 0, batch.u[i], batch.v[i]), 0)
                texel[i, 0] = tinted(texel[i, 0], a, tables)
                texel[i, 1] = tinted(texel[i, 1], b, tables)
                texel[i, 2] = tinted(texel[i, 2], c, tables)
    for n in range(count):
        i = np.uint64(n)
        for k in range(CHANNELS):
            keep(fields, TEXEL + k, n, texel[i, np.uint64(k)])
        for k in range(4):
            keep(fields, FOLD + k, n, folds[i, np.uint64(k)])
        if surface.materials[np.uint64(face[i])] == LASH:
            keep(fields, TEXEL + 6, n, 0.0)
    if program == COMBED:
        _finish(count, fields, levels, surface.steepness, COMBED)
        _comb(count, batch, surface, facts)
    else:
        _finish(count, fields, levels, surface.steepness, program)


@inlined
def _finish(count, fields, levels, steepness, program):
    """From what the textures store to albedo, slope, hollows, strength and roughness: arithmetic alone."""
    white, gloss, blood = UNITS
    tall, wide = HALVES * np.float32(levels[0, 1]), HALVES * np.float32(levels[0, 2])
    steep_across, steep_down, deep = steepness[0], steepness[1], steepness[2]
    for n in range(count):
        flush = fields[(FOLD + 3) * POINTS + n] * blood
        texel, folds = three(fields, TEXEL, n), three(fields, FOLD, n)
        albedo = (
            texel[0] * white * (1.0 - BLOOD[0] * flush),
            texel[1] * white * (1.0 - BLOOD[1] * flush),
            texel[2] * white * (1.0 - BLOOD[2] * flush),
        )
        relief = three(fields, TEXEL + 3, n)
        across = relief[0] * steep_across + folds[0] * wide
        down = relief[1] * steep_down + folds[1] * tall
        height = relief[2] * deep + folds[2] * HALVES
        keep_three(fields, ALBEDO, n, albedo)
        if program != COMBED:
            u, v = three(fields, GRADIENTS, n), three(fields, GRADIENTS + 3, n)
            slope = (across * u[0] + down * v[0], across * u[1] + down * v[1], across * u[2] + down * v[2])
            keep_three(fields, ACROSS, n, slope)
        fields[SHELTER * POINTS + n] *= min(max(1.0 + HOLLOW * height, 0.55), 1.08)
        keep(fields, STRENGTH, n, fields[(TEXEL + 6) * POINTS + n] * gloss)
        keep(fields, ROUGHNESS, n, max(fields[(TEXEL + 7) * POINTS + n] * gloss, 0.12))


@inlined
def _comb(count, batch, surface, facts):
    """Tell the strands of gathered hair apart."""
    fields, hair, w = batch.fields, surface.hair, WEIGHTS
    face, xs, ys = batch.face[COMBED], batch.x[COMBED], batch.y[COMBED]
    for n in range(count):
        i = np.uint64(n)
        f = np.uint64(face[i])
        x, y = xs[i] - facts[f, _CORNER], ys[i] - facts[f, _CORNER + 1]
        wa = facts[f, w] + facts[f, w + 1] * x + facts[f, w + 2] * y
        wb = facts[f, w + 3] * x + facts[f, w + 4] * y
        wc = facts[f, w + 5] * x + facts[f, w + 6] * y
        across = wa * hair[f, 0, WHICH] + wb * hair[f, 1, WHICH] + wc * hair[f, 2, WHICH]
        bright = shade(max(across / (wa + wb + wc), 0.0), hair[f, 0, CONTRAST])
        albedo = three(fields, ALBEDO, n)
        keep_three(fields, ALBEDO, n, (albedo[0] * bright, albedo[1] * bright, albedo[2] * bright))


@fast
def arrange(vertices, normals, ways, occlusion, key, bare, points):
    """Set what changes of points [V, ATTRIBUTES] in a frame; the first `bare` have no hair."""
    for i in range(len(vertices)):
        for axis in range(3):
            points[i, axis], points[i, 3 + axis] = vertices[i, axis], normals[i, axis]
        points[i, 6], points[i, 7] = occlusion[i], key[i]
        if i >= bare:
            points[i, 9], points[i, 10], points[i, 11] = ways[i, 0], ways[i, 1], ways[i, 2]
