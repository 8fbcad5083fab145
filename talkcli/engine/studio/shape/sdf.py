"""An implicit head: signed distance by smooth unions of anatomical primitives, in millimetres.

Smooth minimum after I. Quilez ("smooth minimum", polynomial); ellipsoids use his first-order bound. The field
is symmetric in x. A primitive is one row of 13 numbers: kind, layer, sign, blend, nine parameters.
"""

from dataclasses import dataclass, field

import numpy as np

from talkcli.engine.compiled import making_arrays
from talkcli.engine.studio.arrays import Array, Point

ELLIPSOID, CAPSULE, LAYER, BUMP = range(4)
_FAR = 1e6


@dataclass
class Primitives:
    """A growing list of primitives; each belongs to a layer, layer 0 is the result."""

    rows: list[list[float]] = field(default_factory=list)

    def ellipsoid(
        self,
        centre: Point,
        radii: Point,
        blend: float,
        layer: int = 0,
        cut: bool = False,
        tilt: float = 0.0,
        turn: float = 0.0,
    ) -> None:
        """An ellipsoid, tilted about x and turned about z (radians); `cut` subtracts it."""
        self.rows.append([ELLIPSOID, layer, -1 if cut else 1, blend, *centre, *radii, tilt, turn, 0])

    def capsule(
        self,
        start: Point,
        end: Point,
        start_radius: float,
        end_radius: float,
        blend: float,
        layer: int = 0,
        cut: bool = False,
    ) -> None:
        """A segment with a radius that runs from one value to another."""
        self.rows.append([CAPSULE, layer, -1 if cut else 1, blend, *start, *end, start_radius, end_radius, 0])

    def merge(self, source: int, blend: float, layer: int = 0) -> None:
        """The union of a finished layer with another."""
        self.rows.append([LAYER, layer, 1, blend, source, 0, 0, 0, 0, 0, 0, 0, 0])

    def bump(self, centre: Point, radii: Point, height: float, layer: int = 0) -> None:
        """A Gaussian swelling (or, negative, a hollow) of the surface, `height` mm at its centre."""
        self.rows.append([BUMP, layer, 1, 1, *centre, *radii, height, 0, 0])

    def array(self) -> Array:
        """[primitives, 13]"""
        return np.array(self.rows, np.float64)


@making_arrays
def _distance(rows: Array, x: float, y: float, z: float) -> float:  # pragma: no cover
    x = abs(x)
    layers = np.full(4, _FAR)
    for i in range(rows.shape[0]):
        row = rows[i]
        kind, layer, blend = int(row[0]), int(row[1]), row[3]
        if kind == BUMP:
            u, v, w = (x - row[4]) / row[7], (y - row[5]) / row[8], (z - row[6]) / row[9]
            mirrored = (x + row[4]) / row[7]
            tail = v * v + w * w
            height = np.exp(-u * u - tail)
            if row[4] > 0:
                height += np.exp(-mirrored * mirrored - tail)
            layers[layer] -= row[10] * height
            continue
        if kind == ELLIPSOID:
            u, v, w = x - row[4], y - row[5], z - row[6]
            c, s = np.cos(row[10]), np.sin(row[10])
            v, w = c * v + s * w, c * w - s * v
            c, s = np.cos(row[11]), np.sin(row[11])
            u, w = c * u + s * w, c * w - s * u
            a, b, d = u / row[7], v / row[8], w / row[9]
            outer = np.sqrt(a * a + b * b + d * d)
            a, b, d = a / row[7], b / row[8], d / row[9]
            distance = outer * (outer - 1) / (np.sqrt(a * a + b * b + d * d) + 1e-9)
        elif kind == CAPSULE:
            bx, by, bz = row[7] - row[4], row[8] - row[5], row[9] - row[6]
            px, py, pz = x - row[4], y - row[5], z - row[6]
            along = min(1.0, max(0.0, (px * bx + py * by + pz * bz) / (bx * bx + by * by + bz * bz)))
            px, py, pz = px - along * bx, py - along * by, pz - along * bz
            distance = np.sqrt(px * px + py * py + pz * pz) - (row[10] + (row[11] - row[10]) * along)
        else:
            distance = layers[int(row[4])]
        old = layers[layer]
        if row[2] > 0:
            if old >= _FAR:
                layers[layer] = distance
            else:
                h = min(1.0, max(0.0, 0.5 + 0.5 * (distance - old) / blend))
                layers[layer] = distance + (old - distance) * h - blend * h * (1 - h)
        else:
            h = min(1.0, max(0.0, 0.5 + 0.5 * (distance + old) / blend))
            layers[layer] = -(distance - (old + distance) * h - blend * h * (1 - h))
    return layers[0]


@making_arrays
def _march(
    rows: Array, origins: Array, directions: Array, start: Array, steps: int
) -> Array:  # pragma: no cover
    points = np.empty_like(origins)
    for i in range(origins.shape[0]):
        reach = start[i]
        for _ in range(steps):
            ox, oy, oz = origins[i]
            dx, dy, dz = directions[i]
            gap = _distance(rows, ox + dx * reach, oy + dy * reach, oz + dz * reach)
            reach -= 0.7 * gap
            if abs(gap) < 0.002:
                break
        for j in range(3):
            points[i, j] = origins[i, j] + directions[i, j] * reach
    return points


def march(rows: Array, origins: Array, directions: Array, start: float | Array) -> Array:
    """Where rays from outside meet the surface: points [n, 3], marched inward from `start` mm along each unit
    direction."""
    origins = np.ascontiguousarray(np.broadcast_to(origins, directions.shape))
    begin = np.ascontiguousarray(np.broadcast_to(np.asarray(start, np.float64), len(directions)))
    return _march(rows, origins, np.ascontiguousarray(directions), begin, 250)
