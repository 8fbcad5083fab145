"""Albedo and what the even room makes of it (`Look.light`), in which a picture's own light is to be seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.compiled import fast, inlined
from talkcli.engine.rendering.shading import bounced, toned

Texels = NDArray[np.float32]

BRIGHTEST, DARKEST = 0.93, 0.002
"""Display light that albedo can make."""


def shown_by_even_room(
    albedo: Texels, shelter: Texels, light: Sequence[float] | Texels = (1, 1, 1)
) -> Texels:
    """Display light [n, 3] of albedo in the even room, or in one of so many times its light [3]: what the
    renderer makes of it without shine."""
    out = np.empty((len(albedo), 3), np.float32)
    _show(*(np.ascontiguousarray(each, np.float32) for each in (albedo, shelter, light)), out)
    return out


@fast
def _show(albedo, shelter, light, out):
    """Fill out [n, 3]."""
    for i in range(len(albedo)):
        back = _returned((albedo[i, 0], albedo[i, 1], albedo[i, 2]), shelter[i])
        colour = toned((light[0] * back[0], light[1] * back[1], light[2] * back[2]))
        out[i, 0], out[i, 1], out[i, 2] = colour[0], colour[1], colour[2]


@inlined
def _returned(albedo, shelter):
    """How much of the even room's light comes back."""
    return (
        albedo[0] * bounced(shelter, albedo[0]),
        albedo[1] * bounced(shelter, albedo[1]),
        albedo[2] * bounced(shelter, albedo[2]),
    )


def printed_albedo(shown: Texels, shelter: Texels) -> Texels:
    """Albedo [n, 3] that the even room shows as `shown`, linear display light, by fixed-point rounds."""
    target = np.clip(shown, DARKEST, BRIGHTEST).astype(np.float32)
    albedo = np.empty_like(target)
    _print(target, np.ascontiguousarray(shelter, np.float32), albedo)
    return albedo


@fast
def _print(target, shelter, out):
    """Fill out [n, 3]: rounds until the largest step is a ten-thousandth."""
    for i in range(len(target)):
        red, green, blue = target[i, 0], target[i, 1], target[i, 2]
        step, rounds = 1.0, 0
        while step > 1e-4 and rounds < 25:
            lit = toned(_returned((red, green, blue), shelter[i]))
            first = _nearer(red, target[i, 0], lit[0])
            second = _nearer(green, target[i, 1], lit[1])
            third = _nearer(blue, target[i, 2], lit[2])
            step = max(abs(first / red - 1.0), max(abs(second / green - 1.0), abs(third / blue - 1.0)))
            red, green, blue, rounds = first, second, third, rounds + 1
        out[i, 0], out[i, 1], out[i, 2] = red, green, blue


@inlined
def _nearer(albedo, target, shown):
    return min(max(albedo * (target / max(shown, 1e-4)) ** 0.8, 5e-4), 1.0)
