"""Collars with a stand and a leaf, lapels, plackets with buttons, ties: strips of cloth with a thickness that
lie on the bust. All in mm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial import KDTree

from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.bust import BOTTOM, CORE, Bust
from talkcli.engine.studio.scanned.pieces import Piece, Rectangle, grid, other_side

Spot = tuple[float, float]
"""Degrees from the front and height, mm."""

_STATIONS = 30
"""Of half a collar, from the nape to its front end."""

_LEAF = (0.05, 0.2, 0.37, 0.54, 0.71, 0.86, 0.955, 1.0, 0.955)
"""Share of a leaf's width at each of its rows; the last turns under."""

_THICK = 1.5
"""mm of a folded collar or lapel."""

_PLACKET = (
    (-14.6, 0.4), (-14.2, 1.2), (-12.5, 1.7), (-8.0, 1.8), (-3.0, 1.8), (0.0, 1.8), (3.0, 1.8), (8.0, 1.8),
    (12.5, 2.1), (14.2, 1.9), (14.6, 0.0),
)  # fmt: skip
"""mm beside the midline and above the cloth: one edge is folded, the other one turned."""

_BUTTON, _SIDES = 5.4, 14
"""Radius, mm, and corners of a button."""

_KNOT: tuple[tuple[float, float, float], ...] = (
    (-121.0, 12.0, 4.0), (-122.5, 15.5, 7.0), (-127.0, 17.0, 9.0), (-136.0, 17.0, 10.0),
    (-145.0, 15.0, 9.6), (-154.0, 13.0, 8.8), (-160.0, 11.6, 7.6), (-162.5, 10.6, 5.0), (-162.0, 8.0, 2.0),
)  # fmt: skip
"""Height, half width and depth of a tie's knot."""

_BLADE = ((-300.0, -230.0, -190.0, -158.0), (32.0, 22.0, 16.0, 10.5))
"""Heights and half widths of what hangs from it."""

_BLADE_PROFILE = (
    (-1.0, -3.0), (-1.0, 0.0), (-0.93, 1.0), (-0.6, 1.9), (-0.2, 2.4), (0.2, 2.4), (0.6, 1.9), (0.93, 1.0),
    (1.0, 0.0), (1.0, -3.0),
)  # fmt: skip
"""Across it: shares of its half width and mm of height."""


def _line(spots: Sequence[Spot], count: int) -> tuple[Array, Array]:
    """Angles, radians, and heights of a smooth line through spots."""
    places = np.array(spots)
    way = np.linalg.norm(np.diff(places * [1.1, 1.0], axis=0), axis=1)
    share = np.concatenate([[0], np.cumsum(way)]) / way.sum()
    angle, height = PchipInterpolator(share, places)(np.linspace(0, 1, count)).T
    return np.deg2rad(angle), height


def _off(bust: Bust, angle: Array, height: Array, gap: Array | float) -> Array:
    place, normal = bust.on(angle, height)
    return place + np.broadcast_to(gap, len(place))[:, None] * normal


def _leaf(bust: Bust, fold: Array, rim: Array, gap: float, bulge: float) -> Array:
    """[_LEAF, stations, 3] cloth from a fold to a rim, lying on the bust."""
    rows = []
    for row, share in enumerate(_LEAF):
        points = (1 - share) * fold + share * rim
        under = row == len(_LEAF) - 1
        height = -2.4 if under else _THICK if share < 0.9 else _THICK * (0.9 if share < 1 else 0.45)
        near = np.clip(share / 0.25, 0, 1)
        base = bust.clear(points, np.full(len(points), gap * near + (1 - near) * -3.0))
        ray = base - CORE
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        rows.append(base + (height + bulge * np.sin(np.pi * share) ** 1.2) * ray)
    return np.array(rows)


def _ended(rows: Array) -> Array:
    """One more station: the free end of a leaf turned under."""
    last = rows[:, -1]
    ray = last - CORE
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    back = rows[:, -2] - last
    back /= np.maximum(np.linalg.norm(back, axis=1, keepdims=True), 1e-9)
    return np.concatenate([rows, (last - _THICK * ray + 0.8 * back)[:, None]], 1)


def _to_rim(rows: Array, free: Array) -> Array:
    """[rows, stations, 2] mm along and to the nearest free edge [n, 3]."""
    along = np.cumsum(np.linalg.norm(np.diff(rows.mean(0), axis=0, prepend=rows.mean(0)[:1]), axis=1))
    fine = np.concatenate([np.linspace(a, b, 6) for a, b in pairwise(free)])
    distance = KDTree(fine).query(rows.reshape(-1, 3))[0].reshape(rows.shape[:2])
    return np.stack([np.broadcast_to(along, distance.shape), distance], -1)


def collar(
    bust: Bust,
    fold: Sequence[Spot],
    rim: Sequence[Spot],
    rectangle: Rectangle,
    *,
    stand: float,
    gap: float,
    bulge: float,
    dye: int,
    corner: Spot | None = None,
    loose: float = 0.0,
    part: str = "collar",
) -> list[Piece]:
    """Both halves of a collar: a stand that rises so many mm against the neck, a fold, a leaf that falls to
    its rim. `gap`: mm between leaf and bust; `corner`: where the rim ends after a sharp corner; `loose`: mm
    from what lies on the skin to its fold."""
    angle, height = _line(fold, _STATIONS)
    edge_angle, edge_height = _line(rim, _STATIONS - (corner is not None))
    if corner is not None:
        edge_angle = np.append(edge_angle, np.deg2rad(corner[0]))
        edge_height = np.append(edge_height, corner[1])
    base = gap - 2.0
    crest = _off(bust, angle, height, base + 1.0) + np.array([0, 1.4, 0])
    outside = _off(bust, angle, height - 1.5, base + 2.6)
    leaf = _leaf(bust, outside, _off(bust, edge_angle, edge_height, gap), gap, bulge)
    inner = [
        _off(bust, angle, height - stand * share, base + low)
        for share, low in ((1, -1.6), (0.55, -1.2), (0.2, -1.0), (0.04, -0.6))
    ]
    rows = _ended(np.concatenate([np.array(inner), crest[None], leaf]))
    grain = _to_rim(rows, np.concatenate([leaf[-2], leaf[-2::-1, -1]]))
    row = np.concatenate([np.zeros(len(inner) + 1), np.array(_LEAF)])[:, None]
    lift = np.concatenate([np.full(len(inner), base - 1), [base], np.full(len(_LEAF), gap)])[:, None]
    lift[-1] -= _THICK
    half = grid(
        rows[:, ::-1],
        part,
        box="trim",
        rectangle=rectangle,
        edge=loose + 40 * row,
        lift=lift.clip(-1),
        dye=dye,
        grain=grain[:, ::-1],
    )
    return [half, other_side(half)]


def shirt_collar(bust: Bust, opened: bool, rectangle: Rectangle, dye: int = 0) -> list[Piece]:
    """Buttoned for a tie, or open at the throat."""
    nape: list[Spot] = [(180, -99), (135, -104), (90, -112)]
    hang: list[Spot] = [(180, -131), (135, -139), (92, -144)]
    if opened:
        fold, rim = [*nape, (62, -122), (46, -133), (35, -147)], [*hang, (66, -158), (54, -172), (46, -184)]
        return collar(bust, fold, rim, rectangle, stand=26, gap=1.4, bulge=2.6, dye=dye)
    fold, rim = [*nape, (50, -119), (20, -123), (1.5, -124.5)], [*hang, (66, -152), (50, -165), (42, -181)]
    return collar(bust, fold, rim, rectangle, stand=22, gap=1.6, bulge=2.0, dye=dye)


def shirt_front(
    bust: Bust,
    opening: Callable[[Array], Array],
    top: float,
    under: float,
    rectangle: Rectangle,
    button: Rectangle,
) -> list[Piece]:
    """A placket from where an open front is shut, at `top`, downwards, with buttons; `opening`: mm beside the
    midline of the front's edge by height, `under` mm of which cover it."""
    across = np.array([x for x, _ in _PLACKET])
    level = np.arange(top, top + 60)
    begin = np.interp(np.maximum(np.abs(across) - 2.5, 0), opening(level), level) - under
    share = np.linspace(0, 1, 20)[:, None] ** 1.3
    heights = (1 - share) * begin + share * BOTTOM
    raised = np.array([up for _, up in _PLACKET])
    angle = bust.towards(np.broadcast_to(across, heights.shape).ravel(), heights.ravel())
    points = _off(bust, angle, heights.ravel(), np.broadcast_to(raised, heights.shape).ravel())
    points = points.reshape(*heights.shape, 3)
    grain = np.stack(np.broadcast_arrays(heights, across.max() - np.abs(across)), -1)
    spots = ((across - across[0]) / np.ptp(across), share[:, 0])
    strip = grid(
        points,
        "placket",
        box="trim",
        rectangle=rectangle,
        edge=20.0,
        lift=raised.clip(0),
        grain=grain,
        spots=spots,
    )
    places = np.arange(top - under - 9, BOTTOM + 10, -58.0)
    return [strip, *(_button(bust, float(height), button) for height in places)]


def _button(bust: Bust, height: float, rectangle: Rectangle) -> Piece:
    place, normal = bust.on(np.zeros(1), np.array([height]))
    ahead = normal[0] / np.linalg.norm(normal[0])
    left = np.array([1.0, 0, 0])
    up = np.cross(ahead, left)
    around = np.linspace(0, 2 * np.pi, _SIDES, endpoint=False)
    ring = np.cos(around)[:, None] * left + np.sin(around)[:, None] * up
    rings = ((0.02, 1.5), (0.62, 1.5), (0.76, 2.3), (0.93, 2.2), (1.0, 1.4), (1.0, 0.0))
    points = np.array([place[0] + (1.9 + rise) * ahead + _BUTTON * share * ring for share, rise in rings])
    spread = np.array(
        [[_BUTTON * share * np.stack([np.cos(a), np.sin(a)]) for a in around] for share, _ in rings]
    )
    return grid(
        points, "button", box="trim", rectangle=rectangle, edge=20.0, lift=3.0, closed=True, grain=spread
    )


def jacket_front(
    bust: Bust, opening: Callable[[Array], Array], lift: float, rectangles: tuple[Rectangle, Rectangle]
) -> list[Piece]:
    """A collar and lapels, which part in a notch; `opening`: mm beside the midline of the front's edge by
    height; `lift`: mm that the jacket lies above the lowest cloth."""
    gorge = np.array([-152.0])
    start = float(np.rad2deg(bust.towards(opening(gorge), gorge))[0])
    notch = _spot(bust, 90.0, -168.5)
    collar_fold: list[Spot] = [(180, -108), (135, -113), (100, -123), (82, -132), (start, -152)]
    collar_rim: list[Spot] = [(180, -146), (135, -152), (104, -156), (90, -157), _spot(bust, 106.0, -155.0)]
    halves = collar(
        bust,
        collar_fold,
        collar_rim,
        rectangles[0],
        stand=14,
        gap=lift + 2.6,
        bulge=1.2,
        dye=0,
        corner=notch,
        loose=30.0,
        part="lapel",
    )
    share = np.linspace(0, 1, 22)
    low = -152 - 146 * share
    fold = _off(bust, bust.towards(opening(low), low), low, lift + 1.4)
    outer = np.interp(share, (0, 0.35, 0.7, 1), (124, 118, 96, 50))
    down = np.interp(share, (0, 1), (-184, -299))
    rim = _off(bust, bust.towards(outer, down), down, lift + 2)
    leaf = _leaf(bust, fold, rim, lift + 2.2, 1.6)
    inside = _off(bust, bust.towards(opening(low) + 5, low), low, lift - 1.0)
    inner = _off(bust, bust.towards(opening(low), low), low, lift + 0.2)
    rows = np.concatenate([inside[None], inner[None], leaf])
    top = rows[:, :1] - (_THICK * 0.8) * _ray(rows[:, :1])
    rows = np.concatenate([top, rows], 1)
    grain = _to_rim(rows, np.concatenate([leaf[-2, ::-1], leaf[-2::-1, 0]]))
    columns = rows[:, ::-1]
    lapel = grid(
        columns,
        "lapel",
        box="trim",
        rectangle=rectangles[1],
        edge=40.0,
        lift=lift + 1.0,
        grain=grain[:, ::-1],
    )
    return [*halves, lapel, other_side(lapel)]


def _spot(bust: Bust, x: float, height: float) -> Spot:
    return float(np.rad2deg(bust.towards(np.array([x]), np.array([height])))[0]), height


def _ray(points: Array) -> Array:
    ray = points - CORE
    return ray / np.linalg.norm(ray, axis=-1, keepdims=True)


def tie(bust: Bust, rectangles: tuple[Rectangle, Rectangle], dye: int) -> list[Piece]:
    """A knot and the blade beneath it."""
    around = np.linspace(-np.pi, np.pi, 20, endpoint=False)
    rings = []
    for height, wide, deep in _KNOT:
        place, _ = bust.on(np.zeros(1), np.array([height]))
        x = wide * np.sign(np.sin(around)) * np.abs(np.sin(around)) ** 0.75
        z = deep * np.sign(np.cos(around)) * np.abs(np.cos(around)) ** 0.75
        lean = 0.08 * x
        rings.append(np.stack([x, height - lean, place[0, 2] + 5.0 + z], 1))
    flat = np.array(rings)
    knot = grid(
        flat, "knot", box="trim", rectangle=rectangles[0], edge=30.0, lift=-4.0, dye=dye, closed=True,
        grain=flat[..., :2],
    )  # fmt: skip
    heights = np.arange(-154.0, BOTTOM, -6.0)
    half = np.interp(heights, *_BLADE)
    lines = []
    for share, up in _BLADE_PROFILE:
        dimple = 3.0 * np.exp(-((share / 0.4) ** 2)) * np.exp(-(((heights + 166) / 14) ** 2))
        lines.append(_off(bust, bust.towards(half * share, heights), heights, 5.0 + up - dimple))
    points = np.array(lines).transpose(1, 0, 2)
    down = heights[0] - heights
    down = np.minimum(down, 66) + 0.25 * np.maximum(down - 66, 0)
    spots = (np.linspace(0, 1, len(_BLADE_PROFILE)), down / down[-1])
    blade = grid(
        points,
        "tie",
        box="trim",
        rectangle=rectangles[1],
        edge=30.0,
        lift=5.0,
        dye=dye,
        grain=points[..., :2],
        spots=spots,
    )
    return [knot, blade]
