"""Rows of floats, one for each point to be shaded, that are filled eight numbers at once; then eight rows are
turned so that eight points lie abreast.

What a point is made of lies side by side in memory: a vertex's numbers, a texel's channels. Arithmetic wants
one number of many points.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from talkcli.engine.rendering.lanes import ABREAST, Lanes, Planes, alike, four_bytes, told, whole_numbers

_HALF = ABREAST // 2


def _number(value: int) -> Any:
    return ir.Constant(ir.IntType(64), value)


def _mixing(typing, points, a, b, c, wa, wb, wc, rows, at):
    """rows[at : at + 16] = wa * points[a] + wb * points[b] + wc * points[c], of points [n, 16]."""
    signature = types.void(points, *[types.intp] * 3, *[types.float32] * 3, rows, types.intp)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind, step = signature.args[0], _number(ABREAST)
        p, q, r = (
            Planes(context, builder, kind, args[0], builder.mul(v, _number(2 * ABREAST)), step)
            for v in args[1:4]
        )
        wa, wb, wc = (alike(builder, weight) for weight in args[4:7])
        row = Planes(context, builder, signature.args[7], args[7], args[8], step)
        for part in range(2):
            row[part] = wa * p[part] + wb * q[part] + wc * r[part]
        return context.get_dummy_value()

    return signature, code


mix_row: Any = intrinsic(_mixing)


def _copying(typing, table, start, rows, at):
    """rows[at : at + 8] = eight numbers of a table from `start` on."""
    signature = types.void(table, types.intp, rows, types.intp)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        step = _number(ABREAST)
        source = Planes(context, builder, signature.args[0], args[0], args[1], step)
        Planes(context, builder, signature.args[2], args[2], args[3], step)[0] = source[0]
        return context.get_dummy_value()

    return signature, code


copy_eight: Any = intrinsic(_copying)


def _blending(typing, texels, above, below, wp, wq, wr, ws, rows, at):
    """rows[at : at + 8] = the channels between four texels of [n, 8] whole numbers, see `corners`."""
    signature = types.void(texels, *[types.intp] * 2, *[types.float32] * 4, rows, types.intp)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data

        def texel(number: Any) -> Lanes:
            return whole_numbers(builder, builder.gep(data, [builder.mul(number, _number(ABREAST))]))

        left_above, left_below, one = args[1], args[2], _number(1)
        wp, wq, wr, ws = (alike(builder, weight) for weight in args[3:7])
        row = Planes(context, builder, signature.args[7], args[7], args[8], _number(ABREAST))
        row[0] = (
            wp * texel(left_above)
            + wq * texel(builder.add(left_above, one))
            + wr * texel(left_below)
            + ws * texel(builder.add(left_below, one))
        )
        return context.get_dummy_value()

    return signature, code


blend_texels: Any = intrinsic(_blending)


def _folding(typing, texels, above, below, wp, wq, wr, ws, rows, at):
    """rows[at : at + 4] = the channels between four texels of [n, 4] floats; so many more are scratch."""
    signature = types.void(texels, *[types.intp] * 2, *[types.float32] * 4, rows, types.intp)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind, step = signature.args[0], _number(ABREAST)
        above, below = (
            Planes(context, builder, kind, args[0], builder.mul(number, _number(_HALF)), step)[0]
            for number in args[1:3]
        )
        wp, wq, wr, ws = (alike(builder, weight) for weight in args[3:7])
        left_then_right = [*range(_HALF), *range(ABREAST, ABREAST + _HALF)]
        both = above * wp.joined(wq, left_then_right) + below * wr.joined(ws, left_then_right)
        row = Planes(context, builder, signature.args[7], args[7], args[8], step)
        row[0] = both + both.joined(both, [*range(_HALF, ABREAST), *range(_HALF)])
        return context.get_dummy_value()

    return signature, code


blend_four: Any = intrinsic(_folding)


def _laying(typing, texels, above, below, fx, fy, drawing, pixel, out):
    """out[3 * pixel : 3 * pixel + 3] = what lies between four texels of [n, 4] floats, and over it, as far as
    their fourth channel and its own let it, pixel of drawing [pixels, 4] bytes. The next byte is scratch."""
    signature = types.void(texels, *[types.intp] * 2, *[types.float32] * 2, drawing, types.intp, out)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        drawing, out = (
            builder.gep(
                context.make_array(signature.args[at])(context, builder, args[at]).data,
                [builder.mul(args[6], _number(step))],
            )
            for at, step in ((5, _HALF), (7, 3))
        )
        kind, step = signature.args[0], _number(ABREAST)
        above, below = (
            Planes(context, builder, kind, args[0], builder.mul(number, _number(_HALF)), step)[0]
            for number in args[1:3]
        )
        left = above + (below - above) * alike(builder, args[4])
        right = left.joined(left, [*range(_HALF, ABREAST), *range(_HALF)])
        behind, front = left + (right - left) * alike(builder, args[3]), four_bytes(builder, drawing)
        share = behind * front * (1 / 255)
        share = share.joined(share, [_HALF - 1] * ABREAST)
        (behind + share * (front - behind)).put_four_bytes(out)
        return context.get_dummy_value()

    return signature, code


lay_pixel: Any = intrinsic(_laying)


def _turning(typing, rows, at, apart, fields, place, between):
    """fields[place + k * between + r] = rows[at + r * apart + k] for eight k and eight r."""
    signature = types.void(rows, types.intp, types.intp, fields, types.intp, types.intp)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows = Planes(context, builder, signature.args[0], *args[:3])
        fields = Planes(context, builder, signature.args[3], *args[3:])
        block = [rows[r] for r in range(ABREAST)]
        for span in (1, 2, 4):
            low = [j if not j & span else ABREAST + j - span for j in range(ABREAST)]
            high = [j + span if not j & span else ABREAST + j for j in range(ABREAST)]
            for i in range(ABREAST):
                if not i & span:
                    one, other = block[i], block[i + span]
                    block[i], block[i + span] = one.joined(other, low), one.joined(other, high)
        for k in range(ABREAST):
            fields[k] = block[k]
        return context.get_dummy_value()

    return signature, code


turn_rows: Any = intrinsic(_turning)


def _fetching(typing, array, start):
    """Bring an array's numbers from `start` on near, for a moment later."""
    signature = types.void(array, types.intp)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        word, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), (byte, word, word, word))
        fetch = builder.module.declare_intrinsic("llvm.prefetch", (byte,), kind)
        place = builder.bitcast(builder.gep(data, [args[1]]), byte)
        builder.call(fetch, [place, *(ir.Constant(word, value) for value in (0, 3, 1))])
        return context.get_dummy_value()

    return signature, code


prefetch: Any = intrinsic(_fetching)


def _asking(typing, depth, place, line, near, steep, fx, fy):
    """The mean over five rows and columns of samples, from a place in a picture of depth on, of how little
    each is in front of something `near`, 0 where by 1 / steep or more; the outer ones count in part."""
    signature = types.float32(depth, *[types.intp] * 2, *[types.float32] * 4)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        one, none = (ir.Constant(ir.FloatType(), value) for value in (1.0, 0.0))
        near, steep, fy = alike(builder, args[3]), alike(builder, args[4]), alike(builder, args[6])
        rows = Planes(context, builder, signature.args[0], *args[:3])
        shares = told(builder, [builder.fsub(one, args[5]), *[one] * 4, args[5], none, none])
        seen = [(1.0 - (rows[row] - near) * steep).at_most(1.0).at_least(0.0) for row in range(6)]
        inner = seen[1] + seen[2] + seen[3] + seen[4] + seen[0] + (seen[5] - seen[0]) * fy
        return builder.fmul((inner * shares).total(), ir.Constant(ir.FloatType(), 1 / 25))

    return signature, code


seen_share: Any = intrinsic(_asking)
