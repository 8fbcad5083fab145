"""From samples to a picture: a pixel becomes one point for each surface in it; points are shaded together."""

from __future__ import annotations

import math

import numpy as np

from talkcli.engine.rendering.compiled import fast, inlined
from talkcli.engine.rendering.rasterize import SUBSAMPLE, rasterize, weights_at
from talkcli.engine.rendering.shading import (
    ACROSS,
    ALBEDO,
    BATCH,
    KEY,
    NORMAL,
    ROUGHNESS,
    SHELTER,
    SOFTNESS,
    STRENGTH,
    VIEW,
    dot,
    shade_body,
    shade_eye,
    shade_hair,
)
from talkcli.engine.rendering.surface import EYE, HAIR, LASH, SKIN
from talkcli.engine.rendering.textures import FINE, HALVES, METRES, WHITE, colour, corner, five

ALIKE = 0.75
"""Cosine between two faces of one smooth surface."""

SCATTER = 0.0032
"""Metres that red light wanders in skin."""

TIGHTEST = 140.0
"""1/m: curvature beyond which light wanders no further."""

BLOOD = (0.06, 0.30, 0.26)
"""Share of red, green, blue that blood at 1 takes."""

HOLLOW = 350.0
"""How much a metre of depth in the relief shelters."""

NEIGHBOURLY = 3.0
"""Pixels of depth between samples of one smooth surface."""


@fast
def survey(vertices, faces, uv, snapped, nearness, texels, facts):
    """Fill facts [faces, 10] of every drawn face: gradients of u and of v (1/m), unit normal, texture level.

    `texels`: of the albedo's first level; two samples make a pixel along each side.
    """
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        if nearness[i] <= 0 or nearness[j] <= 0 or nearness[k] <= 0:
            continue
        ax, ay = float(snapped[j, 0] - snapped[i, 0]), float(snapped[j, 1] - snapped[i, 1])
        bx, by = float(snapped[k, 0] - snapped[i, 0]), float(snapped[k, 1] - snapped[i, 1])
        seen = abs(ax * by - ay * bx) / (4 * SUBSAMPLE * SUBSAMPLE)
        if seen == 0:
            continue
        p = (
            vertices[j, 0] - vertices[i, 0],
            vertices[j, 1] - vertices[i, 1],
            vertices[j, 2] - vertices[i, 2],
        )
        q = (
            vertices[k, 0] - vertices[i, 0],
            vertices[k, 1] - vertices[i, 1],
            vertices[k, 2] - vertices[i, 2],
        )
        normal = cross(p, q)
        scale = 1.0 / max(dot(normal, normal), 1e-24)
        across, along = cross(q, normal), cross(normal, p)
        du1, du2 = (uv[f, 1, 0] - uv[f, 0, 0]) * scale, (uv[f, 2, 0] - uv[f, 0, 0]) * scale
        dv1, dv2 = (uv[f, 1, 1] - uv[f, 0, 1]) * scale, (uv[f, 2, 1] - uv[f, 0, 1]) * scale
        root = math.sqrt(scale)
        for axis in range(3):
            facts[f, axis] = du1 * across[axis] + du2 * along[axis]
            facts[f, 3 + axis] = dv1 * across[axis] + dv2 * along[axis]
            facts[f, 6 + axis] = normal[axis] * root
        painted = abs(du1 * dv2 - du2 * dv1) / (scale * scale) * texels
        facts[f, 9] = 0.5 * math.log2(max(painted / seen, 1e-6))


@inlined
def cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@inlined
def collect(f, px, py, surface, wrinkles, snapped, nearness, points, facts, eye, batch, i):
    """Write one point, face f at a snapped place of the picture, to place i of a batch."""
    a, b, c = surface.faces[f, 0], surface.faces[f, 1], surface.faces[f, 2]
    wa, wb, wc = weights_at(snapped, nearness, a, b, c, px, py)
    kind = surface.materials[f]
    vx = eye[0] - (wa * points[a, 0] + wb * points[b, 0] + wc * points[c, 0])
    vy = eye[1] - (wa * points[a, 1] + wb * points[b, 1] + wc * points[c, 1])
    vz = eye[2] - (wa * points[a, 2] + wb * points[b, 2] + wc * points[c, 2])
    nx = wa * points[a, 3] + wb * points[b, 3] + wc * points[c, 3]
    ny = wa * points[a, 4] + wb * points[b, 4] + wc * points[c, 4]
    nz = wa * points[a, 5] + wb * points[b, 5] + wc * points[c, 5]
    if surface.two_sided[f] and nx * vx + ny * vy + nz * vz < 0:
        nx, ny, nz = -nx, -ny, -nz
    shelter = min(max(wa * points[a, 6] + wb * points[b, 6] + wc * points[c, 6], 0.0), 1.0)
    key = min(max(wa * points[a, 7] + wb * points[b, 7] + wc * points[c, 7], 0.0), 1.0)
    u = wa * surface.uv[f, 0, 0] + wb * surface.uv[f, 1, 0] + wc * surface.uv[f, 2, 0]
    v = wa * surface.uv[f, 0, 1] + wb * surface.uv[f, 1, 1] + wc * surface.uv[f, 2, 1]
    lod = facts[f, 9]
    red, green, blue = colour(surface.albedo, surface.albedo_levels, lod, u, v)
    red, green, blue = red / WHITE, green / WHITE, blue / WHITE
    across, down, height, strength, rough = five(
        surface.detail, surface.detail_levels, lod - surface.coarser, u, v
    )
    softness = 0.0
    if kind == SKIN:
        curvature = wa * points[a, 8] + wb * points[b, 8] + wc * points[c, 8]
        softness = min(max(curvature, 0.0), TIGHTEST) * SCATTER
    elif kind < LASH:
        softness = 0.3
    across, down, height = (
        across * METRES * surface.detail_levels[0, 2],
        down * METRES * surface.detail_levels[0, 1],
        height * METRES,
    )
    texels, levels = wrinkles
    if kind == SKIN and len(texels) > 1:
        p, q, r, s, wp, wq, wr, ws = corner(levels, 0, u, v)
        across += (
            (wp * texels[p, 0] + wq * texels[q, 0] + wr * texels[r, 0] + ws * texels[s, 0])
            * HALVES
            * levels[0, 2]
        )
        down += (
            (wp * texels[p, 1] + wq * texels[q, 1] + wr * texels[r, 1] + ws * texels[s, 1])
            * HALVES
            * levels[0, 1]
        )
        height += (wp * texels[p, 2] + wq * texels[q, 2] + wr * texels[r, 2] + ws * texels[s, 2]) * HALVES
        blood = (wp * texels[p, 3] + wq * texels[q, 3] + wr * texels[r, 3] + ws * texels[s, 3]) / 127
        red, green, blue = (
            red * (1 - BLOOD[0] * blood),
            green * (1 - BLOOD[1] * blood),
            blue * (1 - BLOOD[2] * blood),
        )
    shelter *= min(max(1 + HOLLOW * height, 0.55), 1.08)
    batch[(NORMAL + 0) * BATCH + i], batch[(NORMAL + 1) * BATCH + i], batch[(NORMAL + 2) * BATCH + i] = (
        nx,
        ny,
        nz,
    )
    batch[(VIEW + 0) * BATCH + i], batch[(VIEW + 1) * BATCH + i], batch[(VIEW + 2) * BATCH + i] = vx, vy, vz
    batch[(ALBEDO + 0) * BATCH + i], batch[(ALBEDO + 1) * BATCH + i], batch[(ALBEDO + 2) * BATCH + i] = (
        red,
        green,
        blue,
    )
    if kind == HAIR:
        way = surface.strands
        batch[(ACROSS + 0) * BATCH + i] = wa * way[a, 0] + wb * way[b, 0] + wc * way[c, 0]
        batch[(ACROSS + 1) * BATCH + i] = wa * way[a, 1] + wb * way[b, 1] + wc * way[c, 1]
        batch[(ACROSS + 2) * BATCH + i] = wa * way[a, 2] + wb * way[b, 2] + wc * way[c, 2]
    else:
        batch[(ACROSS + 0) * BATCH + i] = across * facts[f, 0] + down * facts[f, 3]
        batch[(ACROSS + 1) * BATCH + i] = across * facts[f, 1] + down * facts[f, 4]
        batch[(ACROSS + 2) * BATCH + i] = across * facts[f, 2] + down * facts[f, 5]
    batch[STRENGTH * BATCH + i] = 0.0 if kind == LASH else strength / (255.0 * FINE)
    batch[ROUGHNESS * BATCH + i] = max(rough / (255.0 * FINE), 0.12)
    batch[SHELTER * BATCH + i], batch[KEY * BATCH + i], batch[SOFTNESS * BATCH + i] = shelter, key, softness


@inlined
def kin(f, near, g, far, surface, facts, reach):
    """Whether two samples lie on one smooth surface, so that one colour serves both."""
    return (
        surface.materials[f] == surface.materials[g]
        and abs(near - far) < reach * near
        and (facts[f, 6] * facts[g, 6] + facts[f, 7] * facts[g, 7] + facts[f, 8] * facts[g, 8] > ALIKE)
    )


@inlined
def settle(program, count, batch, rig, lit, where, share, total):
    """Shade a batch and add it to total [pixels, 4]."""
    red, green, blue = lit
    if program == 0:
        shade_body(count, batch, rig, red, green, blue)
    elif program == 1:
        shade_eye(count, batch, rig, red, green, blue)
    else:
        shade_hair(count, batch, rig, red, green, blue)
    for i in range(count):
        at, part = np.uint64(where[i]), share[i]
        total[at, 0] += part * red[i]
        total[at, 1] += part * green[i]
        total[at, 2] += part * blue[i]


@fast
def paint(
    surface, rig, wrinkles, snapped, nearness, starts, order, points, facts, eye, focal, width, height,
    ids, depth, batches, where, share, lit, face, near, total,
):  # fmt: skip
    """Fill total [pixels, 4]: display light times how much of the pixel is covered, and that.

    Two samples make a pixel along each side; snapped and nearness are the vertices among samples, starts and
    order the faces in bands of as many rows as ids and depth [rows, 2 width] have. points [V, 9]: place,
    normal, share of the room and of the key seen, curvature; focal in pixels. Scratch: ids, depth, batches
    [3, FIELDS * BATCH], where and share [3, BATCH], lit (three of [BATCH]), face and near [4].
    """
    total[:] = 0.0
    reach = NEIGHBOURLY / focal
    rows = len(ids)
    bodies, eyes, hairs = 0, 0, 0
    for y in range(height):
        here = (2 * y) % rows
        if here == 0:
            k = (2 * y) // rows
            seen = order[starts[k] : starts[k + 1]]
            rasterize(snapped, nearness, surface.faces, surface.two_sided, seen, 2 * y, ids, depth)
        for x in range(width):
            covered = 0
            for s in range(4):
                face[s] = ids[here + (s >> 1), 2 * x + (s & 1)]
                covered += face[s] >= 0
            if not covered:
                continue
            total[y * width + x, 3] = 0.25 * covered
            for s in range(4):
                near[s] = depth[here + (s >> 1), 2 * x + (s & 1)]
            for s in range(4):
                if face[s] < 0:
                    continue
                f = np.uint64(face[s])
                count, across, down = 1, s & 1, s >> 1
                for t in range(s + 1, 4):
                    if face[t] >= 0 and (
                        face[t] == face[s]
                        or kin(f, near[s], np.uint64(face[t]), near[t], surface, facts, reach)
                    ):
                        face[t] = -1
                        count, across, down = count + 1, across + (t & 1), down + (t >> 1)
                px = 2 * x * SUBSAMPLE + SUBSAMPLE // 2 + across * SUBSAMPLE // count
                py = 2 * y * SUBSAMPLE + SUBSAMPLE // 2 + down * SUBSAMPLE // count
                kind = surface.materials[f]
                program = 1 if kind == EYE else (2 if kind == HAIR else 0)
                i = eyes if kind == EYE else (hairs if kind == HAIR else bodies)
                collect(
                    f, px, py, surface, wrinkles, snapped, nearness, points, facts, eye, batches[program], i
                )
                where[program, i], share[program, i] = y * width + x, 0.25 * count
                i += 1
                if i == BATCH:
                    settle(program, i, batches[program], rig, lit, where[program], share[program], total)
                    i = 0
                if program == 0:
                    bodies = i
                elif program == 1:
                    eyes = i
                else:
                    hairs = i
    settle(0, bodies, batches[0], rig, lit, where[0], share[0], total)
    settle(1, eyes, batches[1], rig, lit, where[1], share[1], total)
    settle(2, hairs, batches[2], rig, lit, where[2], share[2], total)


@fast
def develop(total, encode, background, bare_picture, out):
    """Fill out [height, width, 3 or 4] from total; a fourth channel is how much of the pixel is covered.

    background [height, width, 3] in display light, bare_picture the same as bytes; encode: sRGB 0..255 at
    4096 steps of display light.
    """
    height, width, channels = out.shape
    for y in range(height):
        for x in range(width):
            at = np.uint64(y * width + x)
            covered = total[at, 3]
            if covered == 0:
                for channel in range(channels):
                    out[y, x, channel] = bare_picture[y, x, channel]
                continue
            red, green, blue = total[at, 0], total[at, 1], total[at, 2]
            if channels == 4:
                out[y, x, 3] = int(covered * 255 + 0.5)
                red, green, blue = red / covered, green / covered, blue / covered
            elif covered < 1:
                red += (1 - covered) * background[y, x, 0]
                green += (1 - covered) * background[y, x, 1]
                blue += (1 - covered) * background[y, x, 2]
            out[y, x, 0] = coded(red, encode, 0.5)
            out[y, x, 1] = coded(green, encode, 0.5)
            out[y, x, 2] = coded(blue, encode, 0.5)


@fast
def expose(encode, background, out):
    """Fill out [height, width, 3] with the background alone; see `develop`."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            noise = grain(x, y)
            for channel in range(3):
                out[y, x, channel] = coded(background[y, x, channel], encode, noise)


@inlined
def grain(x, y):
    """An even pattern 0..1 that rounds gradients without bands (Jimenez 2014)."""
    inner = 0.06711056 * x + 0.00583715 * y
    outer = 52.9829189 * (inner - math.floor(inner))
    return outer - math.floor(outer)


@inlined
def coded(light, encode, noise):
    at = min(max(light, 0.0), 1.0) * 4095
    low = np.uint64(min(at, 4094.0))
    return int(min(encode[low] + (at - low) * (encode[low + np.uint64(1)] - encode[low]) + noise, 255.0))
