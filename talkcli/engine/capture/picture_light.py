"""The light of a picture, as the face in it tells it, and that face without."""

from __future__ import annotations

import numpy as np

from talkcli.engine.capture.atlas import Atlas
from talkcli.engine.capture.even_room import Texels, printed_albedo
from talkcli.engine.capture.photographed_skin import SeenSkin
from talkcli.engine.studio.arrays import Array

_KNOWN, _EVERY = 0.6, 5
"""Trust from which on a texel tells of the light, and every which of them is asked."""

_UNLIKE = 0.15
"""Of its light, how far a texel is from what the light explains that counts half: brows, lips, stubble."""

_MILD = 0.02
"""How surely light is even, of the weight of all texels."""

_DIMMEST, _BRIGHTEST = 0.4, 1.8
"""Of the mean light on a face: what is beyond is taken for no light."""

_BLACK = 1.5e-4
"""Linear light of half a step of an 8-bit picture: less is as good as none."""

_ROUNDS = 8

_WHITES, _UNSHADED = (0.5, 0.8), 60
"""Radians off the axis between which eyes are white, and the percentile of their brightness that no lash
shades."""

_WHITE, _WHITE_HUE = 0.322, (0.267, -0.031, -0.236)
"""Of 40 studio people: how bright a picture has their whites in the light that shows cheeks and forehead as
bright as they are; and their hue without any light, logarithms less their mean."""

_COMMON, _TELLING = 0.81, 0.4
"""Of the even room's, the light in which faces are photographed, as cameras expose for them; and of the
logarithm, how far below it whites are believed by three quarters. Near it they are believed by half, since
they scatter as much as such light does (0.10, 0.09), and above it, too: real ones seem up to three times as
bright as they should, by make-up, lamps in them and whoever retouches, and made pale people brown."""

_TINTED = 0.6
"""Of the hue that whites show beyond their own, how much is the light's: they scatter by 0.05."""

_ALIKE = 0.1
"""Of their brightness, how far whites are from it that tell their hue."""

_LOOKED, _LOOKED_AT = 12, 0.3
"""Texels by which whites are known at least, and trust from which on they count."""


def light_on_eyes(seen: SeenSkin, shelter: Texels, maps: Atlas) -> Texels | None:
    """[3] how bright the light of a picture is beside the even room's, by the whites of the eyes, which
    differ little between people; None where they are not seen. `shelter` [n]: share of the room's light that
    each texel gets."""
    low, high = _WHITES
    there = maps.eyes & (maps.off_axis > low) & (maps.off_axis < high) & (seen.trust > _LOOKED_AT)
    if there.sum() < _LOOKED:
        return None
    whites = printed_albedo(seen.light[there], shelter[there])
    bright = whites.mean(1)
    level = np.percentile(bright, _UNSHADED)
    hue = np.log(whites[np.abs(bright - level) <= _ALIKE * level].mean(0))
    off = np.log(level / (_WHITE * _COMMON))
    dim = min(off, 0.0) / _TELLING
    level = np.log(_COMMON) + off * (1 - 0.5 / (1 + dim**2))
    return np.exp(level + _TINTED * (hue - hue.mean() - _WHITE_HUE)).astype(np.float32)


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
    ratio = seen.light[there].clip(_BLACK) / expected[there].clip(1e-3)
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
