"""Eight pixels at once: arithmetic on vectors of floats inside numba kernels, written as plain Python.

numba's own vectoriser doubts that two arrays differ and takes one pixel at a time; here the vectors are
spelled out, and LLVM maps them to what the machine has: one register of AVX, two of SSE or NEON.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

ABREAST = 8
"""Pixels of a row that are drawn together."""

_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, ABREAST)
_FOUR_BYTES = ir.VectorType(ir.IntType(8), 4)


class Lanes:
    """ABREAST floats in a register, or as many answers of a comparison."""

    def __init__(self, builder: Any, value: Any) -> None:
        self._builder, self._value = builder, value

    def _operand(self, other: Lanes | float) -> Any:
        return other._value if isinstance(other, Lanes) else ir.Constant(_VECTOR, [float(other)] * ABREAST)

    def _combined(self, operation: str, other: Lanes | float) -> Lanes:
        combine = getattr(self._builder, operation)
        return Lanes(self._builder, combine(self._value, self._operand(other), flags=("contract",)))

    def __add__(self, other: Lanes | float) -> Lanes:
        return self._combined("fadd", other)

    def __sub__(self, other: Lanes | float) -> Lanes:
        return self._combined("fsub", other)

    def __rsub__(self, other: float) -> Lanes:
        return Lanes(self._builder, self._operand(other)) - self

    def __mul__(self, other: Lanes | float) -> Lanes:
        return self._combined("fmul", other)

    def __truediv__(self, other: Lanes | float) -> Lanes:
        return self._combined("fdiv", other)

    def __gt__(self, other: Lanes | float) -> Lanes:
        return Lanes(self._builder, self._builder.fcmp_ordered(">", self._value, self._operand(other)))

    def __lt__(self, other: Lanes | float) -> Lanes:
        return Lanes(self._builder, self._builder.fcmp_ordered("<", self._value, self._operand(other)))

    def __ge__(self, other: Lanes | float) -> Lanes:
        return Lanes(self._builder, self._builder.fcmp_ordered(">=", self._value, self._operand(other)))

    def __and__(self, other: Lanes) -> Lanes:
        return Lanes(self._builder, self._builder.and_(self._value, other._value))

    def where(self, mask: Lanes) -> Lanes:
        """Itself where the mask holds, else 0."""
        return Lanes(self._builder, self._builder.select(mask._value, self._value, self._operand(0.0)))

    def at_most(self, limit: float) -> Lanes:
        chosen = self._builder.select((self < limit)._value, self._value, self._operand(limit))
        return Lanes(self._builder, chosen)

    def at_least(self, limit: float) -> Lanes:
        chosen = self._builder.select((self > limit)._value, self._value, self._operand(limit))
        return Lanes(self._builder, chosen)

    def total(self) -> Any:
        """The sum of all lanes, as one float."""
        lanes = self
        for span in (4, 2, 1):
            lanes = lanes + lanes.joined(lanes, [(i + span) % ABREAST for i in range(ABREAST)])
        return self._builder.extract_element(lanes._value, ir.Constant(ir.IntType(32), 0))

    def joined(self, other: Lanes, places: list[int]) -> Lanes:
        """Of its own lanes and then the other's, those at eight places."""
        mask = ir.Constant(ir.VectorType(ir.IntType(32), ABREAST), places)
        return Lanes(self._builder, self._builder.shuffle_vector(self._value, other._value, mask))

    def put_four_bytes(self, place: Any) -> None:
        """Round the first four lanes, in 0..255, into memory."""
        near, first = (self + 0.5)._value, ir.Constant(ir.VectorType(ir.IntType(32), 4), [*range(4)])
        whole = self._builder.fptosi(
            self._builder.shuffle_vector(near, near, first), ir.VectorType(ir.IntType(32), 4)
        )
        place = self._builder.bitcast(place, _FOUR_BYTES.as_pointer())
        self._builder.store(self._builder.trunc(whole, _FOUR_BYTES), place, align=1)

    def any(self) -> Any:
        """Whether a mask holds anywhere, as one bit."""
        bits = self._builder.bitcast(self._value, ir.IntType(ABREAST))
        return self._builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))


def whole_numbers(builder: Any, place: Any) -> Lanes:
    """Eight 16-bit whole numbers from a place in memory on, as floats."""
    shorts = ir.VectorType(ir.IntType(16), ABREAST)
    loaded = builder.load(builder.bitcast(place, shorts.as_pointer()), align=2)
    wide = builder.sext(loaded, ir.VectorType(ir.IntType(32), ABREAST))
    return Lanes(builder, builder.sitofp(wide, _VECTOR))


def four_bytes(builder: Any, place: Any) -> Lanes:
    """The bytes from a place in memory on, as floats; the other lanes are nothing."""
    loaded = builder.load(builder.bitcast(place, _FOUR_BYTES.as_pointer()), align=1)
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), ABREAST), [i % 4 for i in range(ABREAST)])
    wide = builder.zext(builder.shuffle_vector(loaded, loaded, lanes), ir.VectorType(ir.IntType(32), ABREAST))
    return Lanes(builder, builder.sitofp(wide, _VECTOR))


def counting(builder: Any) -> Lanes:
    """0, 1, .. 7"""
    return Lanes(builder, ir.Constant(_VECTOR, [float(i) for i in range(ABREAST)]))


def told(builder: Any, scalars: list[Any]) -> Lanes:
    """Eight floats, one for each lane."""
    value = ir.Constant(_VECTOR, ir.Undefined)
    for place, scalar in enumerate(scalars):
        value = builder.insert_element(value, scalar, ir.Constant(ir.IntType(32), place))
    return Lanes(builder, value)


def alike(builder: Any, scalar: Any) -> Lanes:
    """The same float in every lane."""
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), ABREAST), [0] * ABREAST)
    return Lanes(builder, builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), mask))


class Planes:
    """Planes of an array that lie so far apart: `planes[p]` are the floats of plane p from one place on."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any, start: Any, apart: Any) -> None:
        self._builder, self._start, self._apart = builder, start, apart
        self._data = context.make_array(kind)(context, builder, array).data

    def _pointer(self, plane: int) -> Any:
        step = self._builder.mul(self._apart, ir.Constant(self._apart.type, plane))
        place = self._builder.gep(self._data, [self._builder.add(self._start, step)])
        return self._builder.bitcast(place, _VECTOR.as_pointer())

    def __getitem__(self, plane: int) -> Lanes:
        return Lanes(self._builder, self._builder.load(self._pointer(plane), align=4))

    def __setitem__(self, plane: int, lanes: Lanes) -> None:
        self._builder.store(lanes._value, self._pointer(plane), align=4)


def falling(s: Lanes) -> Lanes:
    """exp(-s) for s in 0 .. 6, to a relative 5e-7: the series of exp(-s / 8), squared three times."""
    t = s * 0.125
    power = t * (-1 / 760) + 1 / 120
    for term in (1 / 24, 1 / 6, 1 / 2, 1.0, 1.0):
        power = term - t * power
    for _ in range(3):
        power = power * power
    return power
