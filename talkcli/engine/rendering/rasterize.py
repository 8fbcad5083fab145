"""Which triangle is seen at every sample and how near it is there: exact coverage, perspective-correct depth.

Vertices are snapped to 1/256 sample, edges are integers, and a sample on a shared edge belongs to exactly one
triangle (the top-left rule): a closed mesh has neither holes nor double samples. A face that reaches behind
the camera is dropped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.compiled import exact
from talkcli.engine.rendering.covering import LONGEST_THIN, MOST_EDGE, THIN_ROW, WIDEST_SPAN, cover, lay_eight
from talkcli.engine.rendering.lanes import ABREAST
from talkcli.engine.rendering.point_rows import prefetch

SUBSAMPLE = 256
"""Steps per sample that vertices are snapped to."""

NEAR = 0.01
"""Metres in front of the camera that a vertex must be."""

_LARGEST_SNAPPED = float(1 << 30)
"""The largest snapped coordinate: edge products stay below 2^62."""

ONE, BOTH, SHEER, HIDDEN = 0, 1, 2, 3
"""What is drawn of a face: its front; both sides; both sides of strands with gaps between, see `strands`;
nothing."""

_AHEAD = 6
"""Faces before which a face's corners are fetched."""

LANES = ABREAST
"""Samples of a row that are tested together, whether the face's box ends there or not."""


def sheet(rows: int, width: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Arrays for `rasterize`, [rows, width + LANES]: the last columns are room for its last step."""
    return np.empty((rows, width + LANES), np.int32), np.empty((rows, width + LANES), np.float32)


@exact
def project(vertices, view, focal, width, height, snapped, nearness):
    """Snapped sample coordinates [verts, 2] and 1 / distance [verts], 0 where a vertex cannot be drawn."""
    for i in range(len(vertices)):
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        cx = view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3]
        cy = view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3]
        distance = -(view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + view[2, 3])
        nearness[i] = 0.0
        if distance < NEAR:
            continue
        sx = np.rint((width * 0.5 + focal * cx / distance) * SUBSAMPLE)
        sy = np.rint((height * 0.5 - focal * cy / distance) * SUBSAMPLE)
        if abs(sx) < _LARGEST_SNAPPED and abs(sy) < _LARGEST_SNAPPED:
            snapped[i, 0], snapped[i, 1], nearness[i] = int(sx), int(sy), 1.0 / distance


@exact
def rows_of(snapped, nearness, faces, sides, height, f):
    """The first and last row of samples that a face may cover; none (1, 0) if it is not drawn."""
    if sides[f] == HIDDEN:
        return 1, 0
    a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
    if nearness[a] <= 0 or nearness[b] <= 0 or nearness[c] <= 0:
        return 1, 0
    ax, ay, bx, by, cx, cy = (
        snapped[a, 0],
        snapped[a, 1],
        snapped[b, 0],
        snapped[b, 1],
        snapped[c, 0],
        snapped[c, 1],
    )
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if area == 0 or (area > 0 and sides[f] == ONE):
        return 1, 0
    return max(0, (min(ay, by, cy) + 127) >> 8), min(height - 1, (max(ay, by, cy) - 128) >> 8)


@exact
def band(snapped, nearness, faces, sides, height, rows, starts, cursor, order, spans):
    """Sort faces by the bands of `rows` rows that they touch: order[starts[k] : starts[k + 1]] touch band k.

    Within a band they keep their order. Returns how long `order` must be; if it is shorter, it is not filled.
    starts [bands + 1], cursor [bands] and spans [F, 2] are overwritten.
    """
    starts[:] = 0
    for f in range(len(faces)):
        first, last = rows_of(snapped, nearness, faces, sides, height, f)
        if first > last:
            spans[f, 0], spans[f, 1] = 1, 0
            continue
        spans[f, 0], spans[f, 1] = first // rows, last // rows
        for k in range(spans[f, 0], spans[f, 1] + 1):
            starts[k + 1] += 1
    for k in range(len(cursor)):
        starts[k + 1] += starts[k]
        cursor[k] = starts[k]
    if starts[len(cursor)] > len(order):
        return starts[len(cursor)]
    for f in range(len(faces)):
        for k in range(spans[f, 0], spans[f, 1] + 1):
            order[cursor[k]] = f
            cursor[k] += 1
    return starts[len(cursor)]


@exact
def rasterize(snapped, nearness, faces, sides, order, top, ids, depth):
    """Fill ids (-1: nothing) and the nearness there, of a `sheet`, from row `top` of the picture on.

    `order`: the faces that may be seen; of two at the same place the earlier wins. Faces are counter-
    clockwise from outside; which of their sides is drawn: see ONE. SHEER and HIDDEN ones are left out.
    """
    rows, width, line = ids.shape[0], ids.shape[1] - LANES, ids.shape[1]
    ids[:] = -1
    depth[:] = 0.0
    for number in range(len(order)):
        f, later = order[number], order[min(number + _AHEAD, len(order) - 1)]
        prefetch(snapped, np.int64(faces[later, 0]) * 2)
        prefetch(snapped, np.int64(faces[later, 1]) * 2)
        prefetch(snapped, np.int64(faces[later, 2]) * 2)
        if sides[f] >= SHEER:
            continue
        a, b, c = np.uint64(faces[f, 0]), np.uint64(faces[f, 1]), np.uint64(faces[f, 2])
        na, nb, nc = nearness[a], nearness[b], nearness[c]
        if na <= 0 or nb <= 0 or nc <= 0:
            continue
        ax, ay, bx, by, cx, cy = (
            snapped[a, 0],
            snapped[a, 1],
            snapped[b, 0],
            snapped[b, 1],
            snapped[c, 0],
            snapped[c, 1],
        )
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0 or (area > 0 and sides[f] == ONE):
            continue
        if area < 0:
            bx, by, cx, cy, nb, nc, area = cx, cy, bx, by, nc, nb, -area
        x0, x1 = max(0, (min(ax, bx, cx) + 127) >> 8), min(width - 1, (max(ax, bx, cx) - 128) >> 8)
        y0, y1 = max(top, (min(ay, by, cy) + 127) >> 8), min(top + rows - 1, (max(ay, by, cy) - 128) >> 8)
        if x0 > x1 or y0 > y1:
            continue
        px, py = x0 * 256 + 128, y0 * 256 + 128
        ea, ea_x, ea_y = edge(bx, by, cx, cy, px, py)
        eb, eb_x, eb_y = edge(cx, cy, ax, ay, px, py)
        ec, ec_x, ec_y = edge(ax, ay, bx, by, px, py)
        across = ((nb - na) * (cy - ay) - (nc - na) * (by - ay)) / area
        down = ((nc - na) * (bx - ax) - (nb - na) * (cx - ax)) / area
        start, step = na + across * (px - ax) + down * (py - ay), np.float32(across * 256)
        mine, last = np.int32(f), x1 - x0
        wide, high = max(ax, bx, cx) - min(ax, bx, cx), max(ay, by, cy) - min(ay, by, cy)
        if last >= LANES and area <= THIN_ROW * high and max(wide, high) < LONGEST_THIN:
            left_a, left_b, left_c = left_end(ea, ea_x), left_end(eb, eb_x), left_end(ec, ec_x)
            step_a, step_b, step_c = left_step(ea_x, ea_y), left_step(eb_x, eb_y), left_step(ec_x, ec_y)
            for y in range(y0, y1 + 1):
                i = min(np.int64(max(left_a, left_b, left_c, 0.0)), last)
                edges = (cut(ea + i * ea_x), cut(eb + i * eb_x), cut(ec + i * ec_x))
                at, slopes = (y - top) * line + x0 + i, (ea_x, eb_x, ec_x)
                lay_eight(ids, depth, at, mine, edges, slopes, np.float32(start), step, i)
                ea, eb, ec, start = ea + ea_y, eb + eb_y, ec + ec_y, start + down * 256
                left_a, left_b, left_c = left_a + step_a, left_b + step_b, left_c + step_c
            continue
        if max(wide, high) < WIDEST_SPAN:
            edges = (ea, ea_x, ea_y, eb, eb_x, eb_y, ec, ec_x, ec_y)
            place = (y0 - top) * line + x0
            cover(ids, depth, place, line, y1 - y0 + 1, last, mine, edges, start, across * 256, down * 256)
            continue
        low, high = 0, last
        root_a, root_b, root_c = root(ea_x), root(eb_x), root(ec_x)
        for y in range(y0, y1 + 1):
            nearest, owner, first = depth[y - top, x0:], ids[y - top, x0:], np.float32(start)
            if last >= LANES:
                low, high = meets(
                    ea, ea_x, root_a, *meets(eb, eb_x, root_b, *meets(ec, ec_x, root_c, 0, last))
                )
            for i in range(low, low + (high - low + LANES) // LANES * LANES if low <= high else low):
                at = np.uint64(i)
                near = first + step * np.float32(i)
                wins = (((ea + i * ea_x) | (eb + i * eb_x) | (ec + i * ec_x)) >= 0) & (near > nearest[at])
                nearest[at] = near if wins else nearest[at]
                owner[at] = mine if wins else owner[at]
            ea, eb, ec, start = ea + ea_y, eb + eb_y, ec + ec_y, start + down * 256


@exact
def left_end(edge, slope):
    """Where along a row, or just before, an edge begins that has its inside to the right; else nowhere."""
    return -1e-6 - edge / slope if slope > 0 else -1e9


@exact
def left_step(slope, growth):
    """How far that lies from there in the next row."""
    return -(growth / slope) if slope > 0 else 0.0


@exact
def cut(edge):
    return min(max(edge, -MOST_EDGE), MOST_EDGE)


@exact
def root(slope):
    """What an edge's value is times, to give the step along a row at which it is 0."""
    return -1.0 / slope if slope else 0.0


@exact
def meets(edge, slope, root, low, high):
    """Of the steps `low` to `high` along a row, those that may lie inside an edge."""
    if slope > 0:
        return max(low, int(min(edge * root, high + 1.0))), high
    if slope < 0:
        return low, min(high, int(max(edge * root, -1.0)) + 1)
    return low, (high if edge >= 0 else -1)


@exact
def edge(ax, ay, bx, by, px, py):
    """At a sample p, how far it lies inside the edge from a to b (below 0: outside), and by how much that
    grows to the next sample of the row and to the next row. An edge that is not a top or left one gives the
    samples on it to the neighbour."""
    dx, dy = bx - ax, by - ay
    neighbours = 0 if dy < 0 or (dy == 0 and dx > 0) else 1
    return dx * (py - ay) - dy * (px - ax) - neighbours, -dy * 256, dx * 256
