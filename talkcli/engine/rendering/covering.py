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

_WORD, _FLOAT, _DOUBLE = ir.IntType(32), ir.FloatType(), ir.DoubleType()
_WORDS, _FLOATS = ir.VectorType(_WORD, ABREAST), ir.VectorType(_FLOAT, ABREAST)


def _spread(builder: Any, scalar: Any, kind: Any) -> Any:
    """A scalar in every lane."""
    nothing = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(nothing, scalar, ir.Constant(_WORD, 0))
    return builder.shuffle_vector(one, nothing, ir.Constant(_WORDS, [0] * ABREAST))


def _any(builder: Any, mask: Any) -> Any:
    bits = builder.bitcast(mask, ir.IntType(ABREAST))
    return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))


def _covering(typing, ids, depth, place, line, rows, steps, mine, edges, near, across, down):
    """Put face number `mine` wherever it is nearer than what depth says, and its nearness, in `rows` rows of
    `steps` times ABREAST samples from a place on, `line` apart.

    edges: nine numbers, of each edge its value at the first sample and its growth to the next sample and row;
    near: 1 / distance at the first sample; across, down: its growth.
    """
    signature = types.void(
        ids, depth, *[types.intp] * 4, types.int32, types.UniTuple(types.int64, 9), *[types.float64] * 3
    )

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        owners = context.make_array(signature.args[0])(context, builder, args[0]).data
        depths = context.make_array(signature.args[1])(context, builder, args[1]).data
        place, line, rows, steps, mine, nine, near, across, down = args[2:]
        numbers = [builder.trunc(edge, _WORD) for edge in cgutils.unpack_tuple(builder, nine, 9)]
        counting = ir.Constant(_WORDS, list(range(ABREAST)))
        mine = _spread(builder, mine, _WORDS)
        onward = _spread(builder, builder.fptrunc(across, _FLOAT), _FLOATS)
        values, next_step, next_row = [], [], []
        for value, by_sample, by_row in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
            lanes = builder.mul(_spread(builder, by_sample, _WORDS), counting)
            memory = cgutils.alloca_once(builder, _WORDS)
            builder.store(builder.add(_spread(builder, value, _WORDS), lanes), memory)
            values.append(memory)
            step = builder.mul(by_sample, ir.Constant(_WORD, ABREAST))
            next_step.append(_spread(builder, step, _WORDS))
            next_row.append(_spread(builder, by_row, _WORDS))
        start = cgutils.alloca_once_value(builder, near)
        row_place = cgutils.alloca_once_value(builder, place)
        with cgutils.for_range(builder, rows):
            first = _spread(builder, builder.fptrunc(builder.load(start), _FLOAT), _FLOATS)
            here = [cgutils.alloca_once(builder, _WORDS) for _ in values]
            for memory, value in zip(here, values, strict=True):
                builder.store(builder.load(value), memory)
            with cgutils.for_range(builder, steps) as loop:
                aside = builder.mul(loop.index, ir.Constant(loop.index.type, ABREAST))
                number = builder.add(_spread(builder, builder.trunc(aside, _WORD), _WORDS), counting)
                nearness = builder.fadd(first, builder.fmul(onward, builder.sitofp(number, _FLOATS)))
                a, b, c = (builder.load(memory) for memory in here)
                outside = builder.or_(builder.or_(a, b), c)
                inside = builder.icmp_signed(">=", outside, ir.Constant(_WORDS, [0] * ABREAST))
                with builder.if_then(_any(builder, inside)):
                    at = builder.add(builder.load(row_place), aside)
                    owner = builder.bitcast(builder.gep(owners, [at]), _WORDS.as_pointer())
                    known = builder.bitcast(builder.gep(depths, [at]), _FLOATS.as_pointer())
                    nearest = builder.load(known, align=4)
                    wins = builder.and_(inside, builder.fcmp_ordered(">", nearness, nearest))
                    builder.store(builder.select(wins, nearness, nearest), known, align=4)
                    builder.store(builder.select(wins, mine, builder.load(owner, align=4)), owner, align=4)
                for memory, growth in zip(here, next_step, strict=True):
                    builder.store(builder.add(builder.load(memory), growth), memory)
            for memory, growth in zip(values, next_row, strict=True):
                builder.store(builder.add(builder.load(memory), growth), memory)
            builder.store(builder.fadd(builder.load(start), down), start)
            builder.store(builder.add(builder.load(row_place), line), row_place)
        return context.get_dummy_value()

    return signature, code


cover: Any = intrinsic(_covering)
