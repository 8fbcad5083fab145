"""A triangle's samples, eight of a row at once: its edges are whole numbers of 32 bits there, which is exact
for triangles up to `WIDEST_SPAN`, and its nearness is computed in the order written."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from talkcli.engine.rendering.lanes import ABREAST

WIDEST_SPAN = 24_000
"""Steps along a side of a triangle's box up to which its edges fit 32 bits, ABREAST samples beside it too."""

THIN_ROW = 6 * 256
"""Steps along a row that a triangle covers at most, at which eight samples from its left edge on hold all."""

LONGEST_THIN = 400_000
"""Steps along a side of the box of such a triangle, up to which edges that are cut to MOST_EDGE stay on their
side of 0 over eight samples."""

MOST_EDGE = 1 << 30

_WORD, _FLOAT, _DOUBLE = ir.IntType(32), ir.FloatType(), ir.DoubleType()
_WORDS, _FLOATS = ir.VectorType(_WORD, ABREAST), ir.VectorType(_FLOAT, ABREAST)


def _spread(builder: Any, scalar: Any, kind: Any) -> Any:
    """A scalar in every lane."""
    nothing = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(nothing, scalar, ir.Constant(_WORD, 0))
    return builder.shuffle_vector(one, nothing, ir.Constant(_WORDS, [0] * ABREAST))


def _keep_nearest(
    builder: Any, owners: Any, depths: Any, at: Any, edges: list[Any], nearness: Any, mine: Any
) -> None:
    """Of eight samples from a place on, give a face those that are inside its edges and nearer than known."""
    owner = builder.bitcast(builder.gep(owners, [at]), _WORDS.as_pointer())
    known = builder.bitcast(builder.gep(depths, [at]), _FLOATS.as_pointer())
    nearest = builder.load(known, align=4)
    outside = builder.or_(builder.or_(edges[0], edges[1]), edges[2])
    inside = builder.icmp_signed(">=", outside, ir.Constant(_WORDS, [0] * ABREAST))
    wins = builder.and_(inside, builder.fcmp_ordered(">", nearness, nearest))
    builder.store(builder.select(wins, nearness, nearest), known, align=4)
    builder.store(builder.select(wins, mine, builder.load(owner, align=4)), owner, align=4)


def _laying(typing, ids, depth, place, mine, edges, slopes, near, across, number):
    """As `cover`, of eight samples of one row, the first of which is so far along it.

    edges: the three at the first sample, within what 32 bits hold of all eight; slopes: their growths; near:
    1 / distance where the row's number is 0; across: its growth.
    """
    three = types.UniTuple(types.int64, 3)
    signature = types.void(
        ids, depth, types.intp, types.int32, three, three, types.float32, types.float32, types.int64
    )

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        owners = context.make_array(signature.args[0])(context, builder, args[0]).data
        depths = context.make_array(signature.args[1])(context, builder, args[1]).data
        at, mine, edges, slopes, near, across, number = args[2:]
        counting = ir.Constant(_WORDS, list(range(ABREAST)))

        def spread(scalar: Any) -> Any:
            return _spread(builder, builder.trunc(scalar, _WORD), _WORDS)

        values = [
            builder.add(spread(value), builder.mul(spread(slope), counting))
            for value, slope in zip(
                cgutils.unpack_tuple(builder, edges, 3), cgutils.unpack_tuple(builder, slopes, 3), strict=True
            )
        ]
        along = builder.sitofp(builder.add(spread(number), counting), _FLOATS)
        growth = builder.fmul(_spread(builder, across, _FLOATS), along)
        nearness = builder.fadd(_spread(builder, near, _FLOATS), growth)
        _keep_nearest(builder, owners, depths, at, values, nearness, _spread(builder, mine, _WORDS))
        return context.get_dummy_value()

    return signature, code


lay_eight: Any = intrinsic(_laying)


def _covering(typing, ids, depth, place, line, rows, last, mine, edges, near, across, down):
    """Put face number `mine` wherever it is nearer than what depth says, and its nearness, in `rows` rows of
    last + 1 samples from a place on, `line` apart; up to ABREAST - 1 more are looked at.

    edges: nine numbers, of each edge its value at the first sample and its growth to the next sample and row;
    near: 1 / distance at the first sample; across, down: its growth.
    """
    signature = types.void(
        ids, depth, *[types.intp] * 4, types.int32, types.UniTuple(types.int64, 9), *[types.float64] * 3
    )

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        owners = context.make_array(signature.args[0])(context, builder, args[0]).data
        depths = context.make_array(signature.args[1])(context, builder, args[1]).data
        place, line, rows, last, mine, nine, near, across, down = args[2:]
        numbers = list(cgutils.unpack_tuple(builder, nine, 9))
        words = [builder.trunc(number, _WORD) for number in numbers]
        counting = ir.Constant(_WORDS, list(range(ABREAST)))
        mine = _spread(builder, mine, _WORDS)
        onward = _spread(builder, builder.fptrunc(across, _FLOAT), _FLOATS)
        slopes = [_spread(builder, slope, _WORDS) for slope in words[1::3]]
        values = [
            cgutils.alloca_once_value(
                builder, builder.add(_spread(builder, value, _WORDS), builder.mul(slope, counting))
            )
            for value, slope in zip(words[::3], slopes, strict=True)
        ]
        growths = [_spread(builder, growth, _WORDS) for growth in words[2::3]]
        start, row = cgutils.alloca_once_value(builder, near), cgutils.alloca_once_value(builder, place)

        def put(edges: list[Any], number: Any, aside: Any) -> None:
            """Eight samples of a row: their edges, their numbers in the row, and the first of these."""
            first = _spread(builder, builder.fptrunc(builder.load(start), _FLOAT), _FLOATS)
            nearness = builder.fadd(first, builder.fmul(onward, builder.sitofp(number, _FLOATS)))
            at = builder.add(builder.load(row), aside)
            _keep_nearest(builder, owners, depths, at, edges, nearness, mine)

        def go_down() -> None:
            for memory, growth in zip(values, growths, strict=True):
                builder.store(builder.add(builder.load(memory), growth), memory)
            builder.store(builder.fadd(builder.load(start), down), start)
            builder.store(builder.add(builder.load(row), line), row)

        narrow = builder.icmp_signed("<", last, ir.Constant(last.type, ABREAST))
        with builder.if_else(narrow) as (at_once, by_steps):
            with at_once, cgutils.for_range(builder, rows):
                put([builder.load(memory) for memory in values], counting, ir.Constant(last.type, 0))
                go_down()
            with by_steps:
                bounds = [_bound(builder, numbers[3 * k : 3 * k + 3], last) for k in range(3)]
                with cgutils.for_range(builder, rows):
                    low, high = ir.Constant(_DOUBLE, 0.0), builder.sitofp(last, _DOUBLE)
                    for rising, falling, _ in bounds:
                        least, most = builder.load(rising), builder.load(falling)
                        low = builder.select(builder.fcmp_ordered(">", least, low), least, low)
                        high = builder.select(builder.fcmp_ordered("<", most, high), most, high)
                    first = builder.fptosi(low, last.type)
                    end = builder.fptosi(builder.fadd(high, ir.Constant(_DOUBLE, float(ABREAST))), last.type)
                    steps = builder.ashr(builder.sub(end, first), ir.Constant(last.type, 3))
                    with cgutils.for_range(builder, steps) as loop:
                        aside = builder.add(first, builder.mul(loop.index, ir.Constant(last.type, ABREAST)))
                        further = _spread(builder, builder.trunc(aside, _WORD), _WORDS)
                        here = [
                            builder.add(builder.load(memory), builder.mul(slope, further))
                            for memory, slope in zip(values, slopes, strict=True)
                        ]
                        put(here, builder.add(further, counting), aside)
                    for rising, falling, growth in bounds:
                        builder.store(builder.fadd(builder.load(rising), growth), rising)
                        builder.store(builder.fadd(builder.load(falling), growth), falling)
                    go_down()
        return context.get_dummy_value()

    return signature, code


def _bound(builder: Any, edge: list[Any], last: Any) -> tuple[Any, Any, Any]:
    """Where an edge lets a row begin and end: memory of both numbers, -1 and last + 1 where it does not, and
    what each row adds to them."""
    value, slope, growth = (builder.sitofp(number, _DOUBLE) for number in edge)
    none, sure = ir.Constant(_DOUBLE, 0.0), ir.Constant(_DOUBLE, 1e-6)
    root = builder.fneg(builder.fdiv(value, slope))
    rises, falls = builder.fcmp_ordered(">", slope, none), builder.fcmp_ordered("<", slope, none)
    step = builder.fneg(builder.fdiv(growth, slope))
    step = builder.select(builder.or_(rises, falls), step, none)
    far = builder.sitofp(last, _DOUBLE)
    rising = builder.select(rises, builder.fsub(root, sure), ir.Constant(_DOUBLE, -1e9))
    falling = builder.select(falls, builder.fadd(root, sure), builder.fadd(far, ir.Constant(_DOUBLE, 1e9)))
    return cgutils.alloca_once_value(builder, rising), cgutils.alloca_once_value(builder, falling), step


cover: Any = intrinsic(_covering)
