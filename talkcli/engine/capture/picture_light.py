"""The light of a picture, as the face in it tells it, and that face without."""

from __future__ import annotations

import numpy as np

from talkcli.engine.capture.atlas import Atlas
from talkcli.engine.capture.photographed_skin import SeenSkin, Texels, printed_albedo
from talkcli.engine.studio.arrays import Array

_KNOWN, _EVERY = 0.6, 5
"""Trust from which on a texel tells of the light, and every which of them is asked."""

_UNLIKE = 0.15
"""Of its light, how far a texel is from what the light explains that counts half: brows, lips, stubble."""

_MILD = 0.02
"""How surely light is even, of the weight of all texels."""

_DIMMEST, _BRIGHTEST = 0.4, 1.8
"""Of the mean light on a face: what is beyond is taken for no light."""

_ROUNDS = 8

_WHITES, _UNSHADED = (0.5, 0.8), 60
"""Radians off the axis between which eyes are white, and the percentile of their brightness that no lash
shades."""

_WHITE = 0.365
"""That of ten studio people in light that shows their skin as bright as it is, within a fifteenth."""

_LOOKED, _LOOKED_AT = 12, 0.3
"""Texels by which whites are known at least, and trust from which on they count."""


def light_on_eyes(seen: SeenSkin, shelter: Texels, maps: Atlas) -> float | None:
    """How bright the light of a picture is beside the even room's, by the whites of the eyes, which differ
    little between people; None where they are not seen. `shelter` [n]: share of the room's light that each
    texel gets."""
    low, high = _WHITES
    there = maps.eyes & (maps.off_axis > low) & (maps.off_axis < high) & (seen.trust > _LOOKED_AT)
    if there.sum() < _LOOKED:
        return None
    bright = printed_albedo(seen.light[there], shelter[there]).mean(1)
    return float(np.percentile(bright, _UNSHADED)) / _WHITE


def without_light(seen: SeenSkin, expected: Texels, normals: Array, maps: Atlas) -> SeenSkin:
    """A face [n] as light from everywhere would show it, as bright as before on average. `expected` [n, 3]:
    how it would show our own skin, linear; `normals` [n, 3] of unit length.

    Skin shows, beside what is expected of it, as much of a light as its normal makes: constant and linear
    harmonics for each colour, fitted to the face in robust rounds.
    """
    there = np.flatnonzero(maps.face & (seen.trust > _KNOWN))[::_EVERY]
    basis = np.concatenate([np.ones((len(normals), 1)), normals], 1)
    if len(there) < 10 * basis.shape[1]:
        return seen
    ratio = seen.light[there] / expected[there].clip(1e-3)
    ratio = ratio / np.median(ratio, 0)
    rows, known, light = basis[there], np.ones(len(there)), np.zeros((4, 3))
    calm = np.diag([0.0, 1, 1, 1])
    for _ in range(_ROUNDS):
        weighted = rows * known[:, None]
        system = weighted.T @ rows + _MILD * known.sum() * calm
        light = np.linalg.solve(system, weighted.T @ ratio)
        apart = (ratio - rows @ light).mean(1)
        known = 1 / (1 + (apart / _UNLIKE) ** 2) ** 2
    shade = basis @ light
    shade = (shade / shade[there].mean(0)).clip(_DIMMEST, _BRIGHTEST)
    return SeenSkin((seen.light / shade).astype(np.float32), seen.trust)
