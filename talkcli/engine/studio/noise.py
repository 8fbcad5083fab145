"""Solid noise over points in space: gradient noise (K. Perlin 2002), its octaves, and cells (S. Worley 1996).

All functions take points [n, 3] in lattice units and a seed, are pure, and give float32 [n].
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.compiled import exact, making_arrays

_Values = NDArray[np.float32]


@exact
def _hash(x: Any, y: Any, z: Any, seed: Any) -> Any:  # pragma: no cover
    h = np.uint32(x) * np.uint32(0x8DA6B343)
    h ^= np.uint32(y) * np.uint32(0xD8163841)
    h ^= np.uint32(z) * np.uint32(0xCB1AB31F)
    h ^= np.uint32(seed) * np.uint32(0x9E3779B1)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    h = (h ^ (h >> np.uint32(12))) * np.uint32(0x297A2D39)
    return np.uint32(h ^ (h >> np.uint32(15)))


@exact
def _slope(h: Any, x: float, y: float, z: float) -> float:  # pragma: no cover
    """The gradient of one lattice corner (Perlin's twelve edges) along the way to the point."""
    k = h & np.uint32(15)
    u = x if k < 8 else y
    v = y if k < 4 else (x if k == 12 or k == 14 else z)
    return (u if k & np.uint32(1) == 0 else -u) + (v if k & np.uint32(2) == 0 else -v)


@exact
def _gradient(x: float, y: float, z: float, seed: int) -> float:  # pragma: no cover
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    i, j, k = np.int64(fx), np.int64(fy), np.int64(fz)
    x, y, z = x - fx, y - fy, z - fz
    u = x * x * x * (x * (x * 6 - 15) + 10)
    v = y * y * y * (y * (y * 6 - 15) + 10)
    w = z * z * z * (z * (z * 6 - 15) + 10)
    total = 0.0
    for a in range(2):
        wa = u if a else 1 - u
        for b in range(2):
            wb = wa * (v if b else 1 - v)
            for c in range(2):
                corner = _slope(_hash(i + a, j + b, k + c, seed), x - a, y - b, z - c)
                total += wb * (w if c else 1 - w) * corner
    return total


@making_arrays
def _octaves(points: _Values, octaves: int, seed: int) -> _Values:  # pragma: no cover
    result = np.empty(points.shape[0], np.float32)
    for n in range(points.shape[0]):
        x, y, z = float(points[n, 0]), float(points[n, 1]), float(points[n, 2])
        total, gain, power = 0.0, 1.0, 0.0
        for octave in range(octaves):
            total += gain * _gradient(x, y, z, seed + 101 * octave)
            power += gain * gain
            gain *= 0.5
            x, y, z = 2 * x + 17.3, 2 * y + 5.9, 2 * z + 11.1
        result[n] = total / np.sqrt(power) * 1.9
    return result


def octaves(points: NDArray[np.floating], count: int, seed: int) -> _Values:
    """Gradient noise summed over octaves of half the size and strength; mean 0, nearly within -1..1,
    deviation about 0.5."""
    return _octaves(np.ascontiguousarray(points, np.float32), count, seed)


@making_arrays
def _cells(points: _Values, seed: int) -> tuple[_Values, _Values, _Values]:  # pragma: no cover
    count = points.shape[0]
    nearest, second, label = (
        np.empty(count, np.float32),
        np.empty(count, np.float32),
        np.empty(count, np.float32),
    )
    for n in range(count):
        x, y, z = float(points[n, 0]), float(points[n, 1]), float(points[n, 2])
        i, j, k = np.int64(np.floor(x)), np.int64(np.floor(y)), np.int64(np.floor(z))
        first, next_, tag = 9.0, 9.0, 0.0
        for a in range(-1, 2):
            for b in range(-1, 2):
                for c in range(-1, 2):
                    h = _hash(i + a, j + b, k + c, seed)
                    dx = i + a + (h & np.uint32(1023)) / 1023.0 - x
                    dy = j + b + ((h >> np.uint32(10)) & np.uint32(1023)) / 1023.0 - y
                    dz = k + c + ((h >> np.uint32(20)) & np.uint32(1023)) / 1023.0 - z
                    distance = dx * dx + dy * dy + dz * dz
                    if distance < first:
                        first, next_ = distance, first
                        tag = (_hash(i + a, j + b, k + c, seed + 7) & np.uint32(0xFFFF)) / 65535.0
                    elif distance < next_:
                        next_ = distance
        nearest[n], second[n], label[n] = np.sqrt(first), np.sqrt(next_), tag
    return nearest, second, label


def cells(points: NDArray[np.floating], seed: int) -> tuple[_Values, _Values, _Values]:
    """One random site a lattice cell: the distance to the nearest, to the second, and a random number 0..1
    of the nearest."""
    return _cells(np.ascontiguousarray(points, np.float32), seed)


def smooth(
    x: NDArray[np.floating], low: float | NDArray[np.floating], high: float | NDArray[np.floating]
) -> NDArray[np.floating]:
    """0 below `low`, 1 above `high`, a cubic between; `low` may exceed `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
