"""From samples to a picture: a pixel becomes one point for each surface in it; points are shaded together."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.compiled import fast, inlined
from talkcli.engine.rendering.fine_shading import add_down, shade_fine_eye, shade_fine_hair
from talkcli.engine.rendering.gathering import FACING, FACTS, gather
from talkcli.engine.rendering.point_rows import prefetch
from talkcli.engine.rendering.rasterize import LANES, SUBSAMPLE, rasterize
from talkcli.engine.rendering.shading import LIGHT, POINTS, shade_body, shade_eye, shade_hair
from talkcli.engine.rendering.strands import rasterize_sheer
from talkcli.engine.rendering.surface import EYE, HAIR
from talkcli.engine.rendering.textures import SHADES

ALIKE = int(0.75 * FACING**2)
"""Cosine between two faces of one smooth surface, as `facing` stores normals."""

NEIGHBOURLY = np.float32(3.0)
"""Pixels of depth between samples of one smooth surface."""


class PaintMemory(NamedTuple):
    """Memory that painting writes to."""

    ids: NDArray[np.int32]
    depth: NDArray[np.float32]
    """A `sheet` of samples, as many rows as are drawn together"""
    total: NDArray[np.float32]
    """[pixels, 4] display light times how much of the pixel is covered, and that; of edge pixels alone"""
    edges: NDArray[np.int32]
    """[pixels] which those are"""
    face: NDArray[np.int64]
    near: NDArray[np.float32]
    """[4] of a pixel's samples"""


@inlined
def kin(f, near, g, far, facing, reach):
    """Whether two samples lie on one smooth surface or both in hair, so that one colour serves both."""
    return facing[f, 3] == facing[g, 3] and (
        facing[f, 3] == HAIR
        or (
            abs(near - far) < reach * near
            and np.int64(facing[f, 0]) * facing[g, 0]
            + np.int64(facing[f, 1]) * facing[g, 1]
            + np.int64(facing[f, 2]) * facing[g, 2]
            > ALIKE
        )
    )


@inlined
def code(light, byte):
    return byte[np.uint64(min(max(light, 0.0), 1.0) * np.float32(SHADES - 1) + 0.5)]


@inlined
def push(batch, counts, surface, facts, face, x, y, pixel, count, across, down):
    """One point more, in the middle of `count` samples of a pixel whose places add up to across and down."""
    kind = surface.materials[np.uint64(face)]
    prefetch(facts, np.int64(face) * FACTS)
    prefetch(surface.faces, np.int64(face) * 3)
    program = 1 if kind == EYE else (2 if kind == HAIR else 0)
    k, i = np.uint64(program), np.uint64(counts[program])
    batch.face[k, i], batch.pixel[k, i], batch.share[k, i] = face, pixel, 0.25 * np.float32(count)
    step = np.float32(SUBSAMPLE) / np.float32(count)
    batch.x[k, i] = np.float32(2 * x * SUBSAMPLE + SUBSAMPLE // 2) + np.float32(across) * step
    batch.y[k, i] = np.float32(2 * y * SUBSAMPLE + SUBSAMPLE // 2) + np.float32(down) * step
    counts[program] += 1
    return program


@fast
def scan(state, surface, snapped, nearness, starts, order, facts, facing, reach, canvas, batch):
    """Sort the samples into batches until one is full: the number of that one; -1 at the end of the picture.

    state [7]: the next row and column, how many points each batch holds, how many pixels are edges; rows.
    """
    ids, depth, total, edges, face, near = canvas
    rows, width, height = len(ids), (ids.shape[1] - LANES) // 2, state[6]
    y, column, edge = state[0], state[1], state[5]
    counts = state[2:5]
    while y < height:
        here = (2 * y) % rows
        if here == 0 and column == 0:
            k = (2 * y) // rows
            hits = order[starts[k] : starts[k + 1]]
            if len(hits) == 0:
                y += rows // 2
                continue
            rasterize(snapped, nearness, surface.faces, surface.sides, hits, 2 * y, ids, depth)
            rasterize_sheer(
                snapped, nearness, surface.faces, surface.sides, surface.hair, hits, 2 * y, ids, depth
            )
        upper, lower = ids[here], ids[here + 1]
        for x in range(column, width):
            left, right = np.uint64(2 * x), np.uint64(2 * x + 1)
            a, b, c, d = upper[left], upper[right], lower[left], lower[right]
            if a & b & c & d == -1:
                continue
            pixel = y * width + x
            alike = a == b and a == c and a == d
            if not alike and min(min(a, b), min(c, d)) >= 0:
                f, z = np.uint64(a), depth[here, left]
                alike = (
                    (a == b or kin(f, z, np.uint64(b), depth[here, right], facing, reach))
                    and (a == c or b == c or kin(f, z, np.uint64(c), depth[here + 1, left], facing, reach))
                    and (
                        a == d or b == d or c == d
                        or kin(f, z, np.uint64(d), depth[here + 1, right], facing, reach)
                    )
                )  # fmt: skip
            if alike:
                program = push(batch, counts, surface, facts, a, x, y, pixel, 4, 2, 2)
                if counts[program] > POINTS - 4:
                    state[0], state[1], state[5] = y, x + 1, edge
                    return program
                continue
            face[0], face[1], face[2], face[3] = a, b, c, d
            samples_inside = 0
            for s in range(4):
                samples_inside += face[s] >= 0
                near[s] = depth[here + (s >> 1), 2 * x + (s & 1)]
            for s in range(4):
                if face[s] < 0:
                    continue
                f = np.uint64(face[s])
                count, across, down = 1, s & 1, s >> 1
                for t in range(s + 1, 4):
                    if face[t] >= 0 and (
                        face[t] == face[s] or kin(f, near[s], np.uint64(face[t]), near[t], facing, reach)
                    ):
                        face[t] = -1
                        count, across, down = count + 1, across + (t & 1), down + (t >> 1)
                if count < 4 and samples_inside > 0:
                    total[pixel, 0], total[pixel, 1], total[pixel, 2] = 0.0, 0.0, 0.0
                    total[pixel, 3] = 0.25 * np.float32(samples_inside)
                    edges[edge] = pixel
                    edge, samples_inside = edge + 1, 0
                push(batch, counts, surface, facts, face[s], x, y, pixel, count, across, down)
            for program in range(3):
                if counts[program] > POINTS - 4:
                    state[0], state[1], state[5] = y, x + 1, edge
                    return program
        y, column = y + 1, 0
    state[0], state[5] = y, edge
    for program in range(3):
        if counts[program] > 0:
            return program
    return -1


@fast
def put(count, program, batch, byte, total, out):
    """Write the pixels of a batch or, where they have other points too, add to total."""
    fields, pixel, share = batch.fields, batch.pixel[program], batch.share[program]
    for n in range(count):
        i = np.uint64(n)
        at, part = np.uint64(pixel[i]), share[i]
        if part == 1.0:
            out[at, 0] = code(fields[LIGHT * POINTS + n], byte)
            out[at, 1] = code(fields[(LIGHT + 1) * POINTS + n], byte)
            out[at, 2] = code(fields[(LIGHT + 2) * POINTS + n], byte)
            if out.shape[1] == 4:
                out[at, 3] = 255
        else:
            total[at, 0] += part * fields[LIGHT * POINTS + n]
            total[at, 1] += part * fields[(LIGHT + 1) * POINTS + n]
            total[at, 2] += part * fields[(LIGHT + 2) * POINTS + n]


@fast
def paint(
    surface, rig, acting, snapped, nearness, starts, order, points, facts, facing, eye, focal, tables,
    canvas, batch, state, fine, out,
):  # fmt: skip
    """Write the pixels that the head covers wholly to out [pixels, 3 or 4]; return how many are edges.

    Two samples make a pixel along each side; snapped and nearness are the vertices among samples, starts and
    order the faces in bands of as many rows as the sheet has. facts, facing: see `survey`; points: see
    `ATTRIBUTES`; focal in pixels; state: see `scan`; fine: None, or anything for `fine_shading`.
    """
    reach = NEIGHBOURLY / np.float32(focal)
    state[:6] = 0
    while True:
        program = scan(state, surface, snapped, nearness, starts, order, facts, facing, reach, canvas, batch)
        if program < 0:
            return state[5]
        count = state[2 + program]
        state[2 + program] = 0
        gather(count, program, batch, surface, facts, points, eye, acting, tables)
        if fine is not None:
            if program == 0:
                shade_body(count, batch.fields, rig)
                add_down(count, batch.fields, rig)
            elif program == 1:
                shade_fine_eye(count, batch.fields, rig)
            else:
                shade_fine_hair(count, batch.fields, rig)
        elif program == 0:
            shade_body(count, batch.fields, rig)
        elif program == 1:
            shade_eye(count, batch.fields, rig)
        else:
            shade_hair(count, batch.fields, rig)
        put(count, program, batch, tables.byte, canvas.total, out)


@fast
def paint_finely(
    surface, rig, acting, snapped, nearness, starts, order, points, facts, facing, eye, focal, tables,
    canvas, batch, state, out,
):  # fmt: skip
    """`paint` by `fine_shading`: a kernel of its own, compiled when the first fine picture is asked for."""
    return paint(
        surface, rig, acting, snapped, nearness, starts, order, points, facts, facing, eye, focal, tables,
        canvas, batch, state, True, out,
    )  # fmt: skip


@fast
def develop(total, edges, background, byte, out):
    """Write the pixels `edges` of out [pixels, 3 or 4] from total; a fourth channel is how much is covered.

    background [pixels, 3] in display light.
    """
    for n in range(len(edges)):
        at = np.uint64(edges[n])
        weight = total[at, 3]
        for channel in range(3):
            light = total[at, channel]
            if out.shape[1] == 4:
                light /= weight
            else:
                light += (1.0 - weight) * background[at, channel]
            out[at, channel] = code(light, byte)
        if out.shape[1] == 4:
            out[at, 3] = int(weight * 255.0 + 0.5)


@fast
def expose(encode, background, out):
    """Fill out [height, width, 3] with the background alone; encode: sRGB 0..255 at even steps of light."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            noise = grain(x, y)
            for channel in range(3):
                at = min(max(background[y, x, channel], 0.0), 1.0) * np.float32(len(encode) - 1)
                low = np.uint64(min(at, np.float32(len(encode) - 2)))
                share = at - np.float32(low)
                light = encode[low] + share * (encode[low + np.uint64(1)] - encode[low])
                out[y, x, channel] = int(min(light + noise, 255.0))


@inlined
def grain(x, y):
    """An even pattern 0..1 that rounds gradients without bands (Jimenez 2014)."""
    inner = 0.06711056 * x + 0.00583715 * y
    outer = 52.9829189 * (inner - math.floor(inner))
    return np.float32(outer - math.floor(outer))
