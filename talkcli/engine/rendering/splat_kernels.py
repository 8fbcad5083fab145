"""Kernels that draw Gaussians, and the way back of each: projection, order, bands of rows, blending.

A splat is what one view sees of a Gaussian: an ellipse in the picture. Splats are blended front to back; for
every row of one its ellipse says where alpha is above LEAST_ALPHA, so there are no tiles and no pixels tested
in vain. A pixel is closed when less than CLOSED of the light behind gets through. Each band of rows is drawn
by itself, and its sums are added in the order of the bands: results are the same for any number of threads.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from talkcli.engine.compiled import exact, fast, inlined
from talkcli.engine.rendering.lanes import ABREAST, Lanes, Planes, alike, counting, falling
from talkcli.engine.rendering.rasterize import NEAR

LEAST_ALPHA, MOST_ALPHA, CLOSED = 1 / 255, 0.999, 1e-4
BLUR = np.float32(0.3)
"""Square pixels that are added to the variance of a splat along both axes: a pixel's own extent."""

SPLAT_FIELDS = 12
"""Of a splat: centre across and down; inverse covariance a b c; opacity; reach 2 log(255 opacity); slope and
factor of its rows' spans; first and last row, half its width"""

SUMS = 9
"""Of a splat's gradient: over dL/ds * (dx dx, dx, dx dy, dy, dy dy); opacity; red, green, blue"""

BAND_ROWS = 64
"""Rows that are drawn together: their planes fit a fast memory."""

_NARROW = ABREAST / 2 - 0.5
"""Half the width of splats of which ABREAST pixels hold a whole row."""

_LARGEST = np.float32(1e30)
"""Pixels^4 of a covariance's determinant beyond which nothing is drawn: single precision ends."""

_DIGITS = 2048


def _laying(typing, pixels, at, apart, start, half_a, bd, cd, opacity, red, green, blue):
    """Blend one splat over pixels of planes (light, red, green, blue)."""
    signature = types.void(pixels, types.intp, types.intp, *[types.float32] * 8)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        planes = Planes(context, builder, signature.args[0], *args[:3])
        light = planes[0]
        open_ = light > CLOSED
        with builder.if_then(open_.any()):
            start, half_a, bd, cd, opacity, red, green, blue = (alike(builder, arg) for arg in args[3:])
            dx = counting(builder) + start
            alpha = (opacity * falling(((half_a * dx + bd) * dx + cd).at_most(6.0))).at_most(MOST_ALPHA)
            weight = (alpha * light).where((alpha >= LEAST_ALPHA) & open_)
            planes[1] = planes[1] + weight * red
            planes[2] = planes[2] + weight * green
            planes[3] = planes[3] + weight * blue
            planes[0] = light - weight
        return context.get_dummy_value()

    return signature, code


_lay: Any = intrinsic(_laying)


def _lifting(typing, pixels, at, apart, sums, start, dy, half_a, bd, cd, opacity, red, green, blue):
    """The way back of `_lay`: planes (light; what is behind; gradient of red, green, blue); adds to sums."""
    signature = types.void(pixels, types.intp, types.intp, sums, *[types.float32] * 9)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        planes = Planes(context, builder, signature.args[0], *args[:3])
        zero, width = context.get_constant(types.intp, 0), context.get_constant(types.intp, ABREAST)
        totals = Planes(context, builder, signature.args[3], args[3], zero, width)
        light = planes[0]
        open_ = light > CLOSED
        with builder.if_then(open_.any()):
            start, dy, half_a, bd, cd, opacity, red, green, blue = (alike(builder, arg) for arg in args[4:])
            dx = counting(builder) + start
            fall = falling(((half_a * dx + bd) * dx + cd).at_most(6.0))
            raw = opacity * fall
            alpha = raw.at_most(MOST_ALPHA)
            seen = (alpha >= LEAST_ALPHA) & open_
            weight = (alpha * light).where(seen)
            of_red, of_green, of_blue = planes[2], planes[3], planes[4]
            worth = red * of_red + green * of_green + blue * of_blue
            behind = planes[1] - weight * worth
            planes[1] = behind
            planes[0] = light - weight
            slope = (light * worth - behind / (1.0 - alpha)).where(seen & (raw < MOST_ALPHA))
            pull = raw * slope
            across, down = pull * dx, pull * dy
            parts: tuple[Lanes, ...] = (
                across * dx, across, across * dy, down, down * dy, fall * slope,
                weight * of_red, weight * of_green, weight * of_blue,
            )  # fmt: skip
            for number, part in enumerate(parts):
                totals[number] = totals[number] + part
        return context.get_dummy_value()

    return signature, code


_lift: Any = intrinsic(_lifting)


@exact
def see_colours(places, colour, eye, seen):
    """Fill seen [n, 3]: what colours [n, 4, 3] of `harmonics` are from an eye [3], at least 0."""
    for i in range(len(places)):
        x, y, z = places[i, 0] - eye[0], places[i, 1] - eye[1], places[i, 2] - eye[2]
        scale = 0.4886025119029199 / max(math.sqrt(x * x + y * y + z * z), 1e-12)
        for k in range(3):
            turned = z * colour[i, 2, k] - y * colour[i, 1, k] - x * colour[i, 3, k]
            seen[i, k] = max(colour[i, 0, k] + scale * turned, 0.0)


@fast
def project_splats(places, axes, opacity, view, lens, width, height, splats, depths):
    """Fill splats [n, SPLAT_FIELDS] and depths [n], metres, 0 where nothing is seen.

    places [n, 3] and axes [n, 3, 3] metres; view [3, 4] world to camera and lens [4] (focal lengths, centre)
    with x to the right, y down, z forward.
    """
    for i in range(len(places)):
        depths[i] = 0.0
        mx, my, mz = places[i, 0], places[i, 1], places[i, 2]
        z = view[2, 0] * mx + view[2, 1] * my + view[2, 2] * mz + view[2, 3]
        if z < NEAR or opacity[i] < LEAST_ALPHA:
            continue
        x = view[0, 0] * mx + view[0, 1] * my + view[0, 2] * mz + view[0, 3]
        y = view[1, 0] * mx + view[1, 1] * my + view[1, 2] * mz + view[1, 3]
        near = 1.0 / z
        jx, jy = lens[0] * near, lens[1] * near
        u, v = jx * x + lens[2], jy * y + lens[3]
        kx, ky = -jx * x * near, -jy * y * near
        p0, q0 = _flat_axis(axes, view, i, 0, jx, jy, kx, ky)
        p1, q1 = _flat_axis(axes, view, i, 1, jx, jy, kx, ky)
        p2, q2 = _flat_axis(axes, view, i, 2, jx, jy, kx, ky)
        wide, tall = p0 * p0 + p1 * p1 + p2 * p2, q0 * q0 + q1 * q1 + q2 * q2
        a, b, c = wide + BLUR, p0 * q0 + p1 * q1 + p2 * q2, tall + BLUR
        m0, m1, m2 = p1 * q2 - p2 * q1, p2 * q0 - p0 * q2, p0 * q1 - p1 * q0
        determinant = m0 * m0 + m1 * m1 + m2 * m2 + BLUR * (wide + tall + BLUR)
        if not determinant < _LARGEST:
            continue
        inverse = 1.0 / determinant
        reach = 2.0 * math.log(opacity[i] * 255.0)
        rise, run = math.sqrt(reach * c), math.sqrt(reach * a)
        top, bottom = v - rise, v + rise
        if bottom < 0.5 or top > height - 0.5 or u + run < 0.0 or u - run > width:
            continue
        splats[i, 0], splats[i, 1] = u, v
        splats[i, 2], splats[i, 3], splats[i, 4] = c * inverse, -b * inverse, a * inverse
        splats[i, 5], splats[i, 6] = opacity[i], reach
        splats[i, 7], splats[i, 8] = b / c, 1.0 / c
        splats[i, 9] = max(np.ceil(top - 0.5), 0.0)
        splats[i, 10] = min(np.floor(bottom - 0.5), height - 1.0)
        splats[i, 11] = run
        depths[i] = z


@inlined
def _flat_axis(axes, view, i, k, jx, jy, kx, ky):
    """One axis of a Gaussian as the picture sees it, pixels across and down."""
    m0, m1, m2 = axes[i, 0, k], axes[i, 1, k], axes[i, 2, k]
    s0 = view[0, 0] * m0 + view[0, 1] * m1 + view[0, 2] * m2
    s1 = view[1, 0] * m0 + view[1, 1] * m1 + view[1, 2] * m2
    s2 = view[2, 0] * m0 + view[2, 1] * m1 + view[2, 2] * m2
    return jx * s0 + kx * s2, jy * s1 + ky * s2


@fast
def sort_by_depth(keys, counts, order, spare):
    """Fill order with the numbers of keys that are not 0, the least first, equal ones in their order; return
    how many. keys: bits of depths as whole numbers; counts [3, 2048] and spare [n] are scratch."""
    counts[:] = 0
    n = 0
    for i in range(len(keys)):
        key = keys[i]
        if key:
            order[n] = i
            n += 1
            counts[0, key & 2047] += 1
            counts[1, (key >> 11) & 2047] += 1
            counts[2, key >> 22] += 1
    for digit in range(3):
        start = 0
        for value in range(_DIGITS):
            count = counts[digit, value]
            counts[digit, value] = start
            start += count
    for digit in range(3):
        for j in range(n):
            i = order[j] if digit != 1 else spare[j]
            value = (keys[i] >> (11 * digit)) & 2047
            if digit != 1:
                spare[counts[digit, value]] = i
            else:
                order[counts[digit, value]] = i
            counts[digit, value] += 1
    for j in range(n):
        order[j] = spare[j]
    return n


@fast
def count_bands(splats, order, starts):
    """Fill starts [bands + 1]: where the splats of each band of rows begin among those of all."""
    starts[:] = 0
    for j in range(len(order)):
        i = order[j]
        for band in range(int(splats[i, 9]) // BAND_ROWS, int(splats[i, 10]) // BAND_ROWS + 1):
            starts[band + 1] += 1
    for band in range(len(starts) - 1):
        starts[band + 1] += starts[band]


@fast
def fill_bands(splats, order, starts, cursor, entries):
    """Fill entries[starts[k] : starts[k + 1]] with the splats of band k; cursor [bands] is scratch."""
    for band in range(len(cursor)):
        cursor[band] = starts[band]
    for j in range(len(order)):
        i = order[j]
        for band in range(int(splats[i, 9]) // BAND_ROWS, int(splats[i, 10]) // BAND_ROWS + 1):
            entries[cursor[band]] = i
            cursor[band] += 1


@inlined
def _span(splats, g, dy, inverse, width):
    """The first and last pixel of a row, dy from the centre, at which a splat shows."""
    run = splats[g, 11]
    if run <= _NARROW:
        first = max(0, math.ceil(splats[g, 0] - run - 0.5))
        return first, min(width - 1, first + ABREAST - 1)
    half = math.sqrt(max((splats[g, 6] - dy * dy * splats[g, 8]) * inverse, 0.0))
    middle = splats[g, 0] + splats[g, 7] * dy - 0.5
    return max(0, math.ceil(middle - half)), min(width - 1, math.floor(middle + half))


@fast
def lay_splats(splats, colours, entries, band, height, width, pixels):
    """Lay the splats of a band over its rows of pixels, planes [4, height, width + ABREAST] in one row: light
    (1 at first) and colours (0)."""
    line = width + ABREAST
    top, end = band * BAND_ROWS, min(height, (band + 1) * BAND_ROWS)
    for j in range(len(entries)):
        g = entries[j]
        u, v, a, b, c = splats[g, 0], splats[g, 1], splats[g, 2], splats[g, 3], splats[g, 4]
        opacity, red, green, blue = splats[g, 5], colours[g, 0], colours[g, 1], colours[g, 2]
        half_a, inverse = 0.5 * a, 1.0 / a
        for y in range(max(top, int(splats[g, 9])), min(end, int(splats[g, 10]) + 1)):
            dy = np.float32(y) + 0.5 - v
            first, last = _span(splats, g, dy, inverse, width)
            bd, cd = b * dy, 0.5 * c * dy * dy
            for x in range(first, last + 1, ABREAST):
                start = np.float32(x) + 0.5 - u
                _lay(pixels, y * line + x, height * line, start, half_a, bd, cd, opacity, red, green, blue)


@fast
def lay_on(bare, colour, coverage, pixels):
    """Fill pixels [height, width, 3], bytes, by what splats show [3, height, width] and cover of a
    background, sRGB 0..1 [3, height, width]."""
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            through = 1.0 - coverage[y, x]
            for k in range(3):
                value = colour[k, y, x] + through * bare[k, y, x]
                pixels[y, x, k] = np.uint8(min(max(value, 0.0), 1.0) * 255.0 + 0.5)


@fast
def lift_splats(splats, colours, entries, band, height, width, pixels, lanes, sums):
    """The way back of `lay_splats`: planes [5, ..] as in `_lift`; fills sums [entries, SUMS]; lanes
    [SUMS * ABREAST] is scratch."""
    line = width + ABREAST
    top, end = band * BAND_ROWS, min(height, (band + 1) * BAND_ROWS)
    for j in range(len(entries)):
        g = entries[j]
        u, v, a, b, c = splats[g, 0], splats[g, 1], splats[g, 2], splats[g, 3], splats[g, 4]
        opacity, red, green, blue = splats[g, 5], colours[g, 0], colours[g, 1], colours[g, 2]
        half_a, inverse = 0.5 * a, 1.0 / a
        lanes[:] = 0.0
        for y in range(max(top, int(splats[g, 9])), min(end, int(splats[g, 10]) + 1)):
            dy = np.float32(y) + 0.5 - v
            first, last = _span(splats, g, dy, inverse, width)
            bd, cd = b * dy, 0.5 * c * dy * dy
            for x in range(first, last + 1, ABREAST):
                start = np.float32(x) + 0.5 - u
                _lift(
                    pixels, y * line + x, height * line, lanes,
                    start, dy, half_a, bd, cd, opacity, red, green, blue,
                )  # fmt: skip
        for k in range(SUMS):
            total = np.float32(0)
            for n in range(ABREAST):
                total += lanes[k * ABREAST + n]
            sums[j, k] = total


@fast
def gather_sums(entries, sums, out):
    """Add the sums of all bands, one after the other, to out [n, SUMS]."""
    for j in range(len(entries)):
        g = entries[j]
        for k in range(SUMS):
            out[g, k] += sums[j, k]


@fast
def unproject_splats(places, axes, splats, depths, view, lens, sums, of_places, of_axes, of_opacity):
    """Add a view's gradients of places, axes and opacities, from the sums of `lift_splats`."""
    for i in range(len(places)):
        if depths[i] == 0.0:
            continue
        a, b, c = splats[i, 2], splats[i, 3], splats[i, 4]
        gu = a * sums[i, 1] + b * sums[i, 3]
        gv = b * sums[i, 1] + c * sums[i, 3]
        ga, gb, gc = -0.5 * sums[i, 0], -0.5 * sums[i, 2], -0.5 * sums[i, 4]
        of_opacity[i] += sums[i, 5]
        # of the covariance [[h, k], [k, l]]: minus conic times gradient times conic, doubled for its factor
        p0, p1, q0, q1 = ga * a + gb * b, ga * b + gb * c, gb * a + gc * b, gb * b + gc * c
        h, k, l = -2.0 * (a * p0 + b * q0), -2.0 * (a * p1 + b * q1), -2.0 * (b * p1 + c * q1)
        mx, my, mz = places[i, 0], places[i, 1], places[i, 2]
        x = view[0, 0] * mx + view[0, 1] * my + view[0, 2] * mz + view[0, 3]
        y = view[1, 0] * mx + view[1, 1] * my + view[1, 2] * mz + view[1, 3]
        near = 1.0 / (view[2, 0] * mx + view[2, 1] * my + view[2, 2] * mz + view[2, 3])
        jx, jy = lens[0] * near, lens[1] * near
        kx, ky = -jx * x * near, -jy * y * near
        of_jx, of_jy, of_kx, of_ky = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for n in range(3):
            m0, m1, m2 = axes[i, 0, n], axes[i, 1, n], axes[i, 2, n]
            s0 = view[0, 0] * m0 + view[0, 1] * m1 + view[0, 2] * m2
            s1 = view[1, 0] * m0 + view[1, 1] * m1 + view[1, 2] * m2
            s2 = view[2, 0] * m0 + view[2, 1] * m1 + view[2, 2] * m2
            p, q = jx * s0 + kx * s2, jy * s1 + ky * s2
            gp, gq = h * p + k * q, k * p + l * q
            of_jx += gp * s0
            of_kx += gp * s2
            of_jy += gq * s1
            of_ky += gq * s2
            t0, t1, t2 = jx * gp, jy * gq, kx * gp + ky * gq
            of_axes[i, 0, n] += view[0, 0] * t0 + view[1, 0] * t1 + view[2, 0] * t2
            of_axes[i, 1, n] += view[0, 1] * t0 + view[1, 1] * t1 + view[2, 1] * t2
            of_axes[i, 2, n] += view[0, 2] * t0 + view[1, 2] * t1 + view[2, 2] * t2
        gx, gy = jx * (gu - of_kx * near), jy * (gv - of_ky * near)
        turned = jx * (gu * x + of_jx) + jy * (gv * y + of_jy) + 2.0 * (of_kx * kx + of_ky * ky)
        gz = -near * turned
        of_places[i, 0] += view[0, 0] * gx + view[1, 0] * gy + view[2, 0] * gz
        of_places[i, 1] += view[0, 1] * gx + view[1, 1] * gy + view[2, 1] * gz
        of_places[i, 2] += view[0, 2] * gx + view[1, 2] * gy + view[2, 2] * gz
