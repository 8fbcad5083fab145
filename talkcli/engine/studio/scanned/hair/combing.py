"""Which way hair is combed: a direction over the skin for every place, by the name of a way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.hair.roots import unit_of
from talkcli.engine.studio.scanned.hair.styles import HairStyle

CROWN = np.array([8.0, 126.0, -44.0])
"""mm: the whorl that hair turns away from."""

Combing = Callable[[Array, Array, HairStyle], Array]
"""Of places [n, 3] mm, of the sides [n] of the parting that their hair grows on (-1 right, 1 left), and of a
style: the way [n, 3]."""


def height(places: Array, low: float = 55.0, high: float = 100.0) -> Array:
    """[n, 1] 0 at the sides .. 1 over the crown, smoothly."""
    t = np.clip((places[..., 1:2] - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def front(places: Array) -> Array:
    """[n, 1] 0 behind .. 1 at the forehead."""
    return np.clip((places[..., 2:] - 10) / 55, 0, 1)


def _whorl(places: Array, sides: Array, style: HairStyle) -> Array:
    down = np.array([0.0, -0.6, -0.1]) * (1 - height(places))
    return unit_of(places - CROWN) + down


def _swept(places: Array, sides: Array, style: HairStyle) -> Array:
    """From the whorl, over the forehead to the left and up."""
    aside = np.array([1.1, 0.35, -0.15]) * front(places) * height(places, 70, 110)
    return _whorl(places, sides, style) + aside


def _parted(places: Array, sides: Array, style: HairStyle) -> Array:
    """Away from the parting, a little back; down at the sides."""
    top = height(places, 50, 95)
    across = sides[:, None] * np.array([1.0, 0.0, 0.0])
    back = np.array([0.0, 0.25, -0.75]) * front(places)
    return top * (across + back) + (1 - top) * np.array([0.0, -0.8, -0.45])


def _back(places: Array, sides: Array, style: HairStyle) -> Array:
    behind = np.clip((-places[:, 2:] - 40) / 40, 0, 1)
    return np.array([0.0, 0.3, -1.0]) * (1 - behind) + np.array([0.0, -1.0, -0.1]) * behind


def _falling(places: Array, sides: Array, style: HairStyle) -> Array:
    """Aside from the parting, off the forehead, and down."""
    top = height(places, 45, 110)
    across = sides[:, None] * np.array([1.0, 0.0, 0.0])
    ahead = np.clip((places[:, 2:] - 22) / 34, 0, 1) * np.clip((112 - places[:, 1:2]) / 40, 0, 1)
    down = np.array([0.0, -1.0, 0.0]) * (1 - 0.8 * top)
    near = np.exp(-(((places[:, :1] - style.part) / 16) ** 2)) * top
    swept = 1 - style.curtain
    back = np.array([0.0, 0.2, -1.0]) * (
        0.35 * top + swept * ahead + (0.8 * swept + 0.25) * near * front(places)
    )
    return top * across * (1 - near * (0.35 + 0.45 * front(places)) * swept) + down * (1 - near) + back


def _gathered(places: Array, sides: Array, style: HairStyle) -> Array:
    return unit_of(np.array(style.pole) - places)


WAYS: Mapping[str, Combing] = {
    "whorl": _whorl,
    "swept": _swept,
    "parted": _parted,
    "back": _back,
    "falling": _falling,
    "gathered": _gathered,
}
