"""Gaussians that a head carries through a film: what `gaussians.carrier_of` does, without gradients."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.compiled import fast
from talkcli.engine.face.gaussians import (
    LEAST_AREA,
    BoundGaussians,
    Gaussians,
    carrier_of,
    columns_of,
    tangent_frames,
)
from talkcli.engine.face.harmonics import lobes_of


def film_carrier(
    bound: BoundGaussians, neutral: Float[Tensor, "verts 3"]
) -> Callable[[Float[Tensor, "verts 3"]], Gaussians]:
    """What carries the Gaussians of a head that was `neutral` to where its vertices are, metres."""
    bases = bound.colour.shape[1]
    if bases > 4:
        return carrier_of(bound, neutral)
    corners, mix = bound.corners.int().numpy(), bound.weights.contiguous().numpy()
    columns = columns_of(bound, neutral).contiguous().numpy()
    frames = tangent_frames(neutral[bound.corners])
    lobes = (frames.mT @ lobes_of(bound.colour)).contiguous().numpy() if bases > 1 else None

    def carried(head: Float[Tensor, "verts 3"]) -> Gaussians:
        n = len(mix)
        places, axes = np.empty((n, 3), np.float32), np.empty((n, 3, 3), np.float32)
        points = np.ascontiguousarray(head.numpy(), np.float32)
        carry_splats(points, corners, mix, columns, LEAST_AREA, places, axes)
        colour = bound.colour
        if lobes is not None:
            colour = colour.clone()
            turn_lobes(points, corners, lobes, colour.numpy())
        return Gaussians(torch.from_numpy(places), torch.from_numpy(axes), bound.opacity, colour)

    return carried


@fast
def carry_splats(vertices, corners, mix, columns, least, places, axes):
    """Set places [n, 3] and axes [n, 3, 3] by vertices [V, 3], corners and mix [n, 3], and columns [n, 3, 4]
    of `columns_of`."""
    for i in range(len(corners)):
        a, b, c = vertices[corners[i, 0]], vertices[corners[i, 1]], vertices[corners[i, 2]]
        ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        ox, oy, oz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        scale = 1.0 / sqrt(max(sqrt(ox * ox + oy * oy + oz * oz), least))
        ox, oy, oz = ox * scale, oy * scale, oz * scale
        m, k = mix[i], columns[i]
        for row, u, v, o in ((0, ux, vx, ox), (1, uy, vy, oy), (2, uz, vz, oz)):
            foot = m[0] * a[row] + m[1] * b[row] + m[2] * c[row]
            places[i, row] = foot + u * k[0, 0] + v * k[1, 0] + o * k[2, 0]
            for axis in range(3):
                axes[i, row, axis] = u * k[0, axis + 1] + v * k[1, axis + 1] + o * k[2, axis + 1]


@fast
def turn_lobes(vertices, corners, lobes, colour):
    """Set what a colour [n, 4, 3] has beyond its first by lobes [n, 3, 3]: along the first edge of each
    triangle, across it and out of it, by channels."""
    for i in range(len(corners)):
        a, b, c = vertices[corners[i, 0]], vertices[corners[i, 1]], vertices[corners[i, 2]]
        ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        ox, oy, oz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        scale = 1.0 / max(sqrt(ux * ux + uy * uy + uz * uz), 1e-12)
        ux, uy, uz = ux * scale, uy * scale, uz * scale
        scale = 1.0 / max(sqrt(ox * ox + oy * oy + oz * oz), 1e-12)
        ox, oy, oz = ox * scale, oy * scale, oz * scale
        cx, cy, cz = oy * uz - oz * uy, oz * ux - ox * uz, ox * uy - oy * ux
        for channel in range(3):
            along, across, out = lobes[i, 0, channel], lobes[i, 1, channel], lobes[i, 2, channel]
            colour[i, 1, channel] = -(uy * along + cy * across + oy * out)
            colour[i, 2, channel] = uz * along + cz * across + oz * out
            colour[i, 3, channel] = -(ux * along + cx * across + ox * out)
