"""Garments cut to the mean bust of the scanned head: bodies with neckbands that have a thickness, folds that
fall from shoulders and run in from the armpits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from talkcli.engine.studio import noise
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.scanned.bust import Bust
from talkcli.engine.studio.scanned.collars import jacket_front, shirt_collar, shirt_front, tie
from talkcli.engine.studio.scanned.garments import Garment
from talkcli.engine.studio.scanned.pieces import Piece, grid, sewn

_COLUMNS, _ROWS, _AHEAD = 150, 21, 0.42
"""Of a body: columns around, rows beneath the neckband; how much denser columns are in front."""

_NEAR = 105.0
"""mm below a neckline that portraits show: texels are dense there."""

_Line = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Cut:
    neck: _Line
    """Height, mm, of the neckline by degrees from the front; a V is drawn by `opens`."""
    band: _Line
    """Profile of the neckline: mm below it and mm above the cloth; the first lies beneath the second."""
    folds: float
    """Depth of its folds, 1 of cotton."""
    drape: float = 0.6
    """How far it spans hollows of neck and chest, 0..1."""
    opens: tuple[float, float, float] | None = None
    """mm beside the midline and height at which an open front begins, and the height at which it ends."""
    lift: float = 0.0
    """mm that it lies above the lowest cloth."""
    padding: float = 0.0
    """mm of its shoulders' padding."""
    calm: float = 0.0
    """mm below its neckline without folds."""
    gathers: float = 0.0
    """mm of fine pleats beneath its neckline."""
    under: float = 1.0
    """mm of the neckline that cover a placket."""
    front: Literal["shirt", "jacket"] | None = None
    tight: bool = True


_ROUND: _Line = ((0, -150), (18, -148.6), (36, -143), (60, -130), (90, -124), (130, -116), (180, -112))
_HIGH: _Line = ((0, -145), (18, -143.8), (36, -138.5), (60, -128), (90, -121), (130, -113), (180, -109))
_SCOOP: _Line = (
    (0, -171),
    (14, -169.7),
    (28, -165),
    (50, -152),
    (75, -140),
    (90, -136),
    (130, -126),
    (180, -121),
)
_COLLARED: _Line = ((0, -140), (40, -134), (90, -126), (135, -120), (180, -116))

CUTS: Mapping[str, Cut] = {
    "t-shirt": Cut(
        _ROUND,
        ((5, -2.6), (1, -1.6), (-0.4, 0.2), (0.6, 1.6), (4, 2.0), (9, 2.0), (14, 1.8), (16.2, 1.5),
         (17.4, 0.0), (19.5, 0.6), (24, 0.7)),
        1.0,
    ),
    "jumper": Cut(
        _HIGH,
        ((6, -2.6), (2, -1.8), (-0.6, 0.4), (0.2, 2.4), (3, 3.6), (8, 4.0), (14, 3.9), (19, 3.4), (21.5, 2.2),
         (23, 0.6), (26, 1.2), (31, 1.5)),
        1.35, drape=0.75,
    ),
    "top": Cut(
        _SCOOP,
        ((5, -2.4), (1, -1.6), (-0.3, 0.0), (0.5, 1.3), (3, 1.6), (6, 1.5), (7.4, 0.9),
         (8.4, -0.1), (10, 0.4), (14, 0.5)),
        0.9, drape=0.5,
    ),
    "shirt": Cut(
        _COLLARED, ((5, -1.6), (1, -1.0), (-0.2, 0.0), (0.6, 0.9), (4, 1.0), (10, 0.8)), 0.9,
        opens=(47, -130, -190), calm=36.0, under=4.0, front="shirt",
    ),
    "blouse": Cut(
        _ROUND,
        ((5, -2.4), (1, -1.6), (-0.3, 0.0), (0.5, 1.4), (3, 1.7), (7, 1.6), (9, 1.0),
         (10.2, -0.1), (12, 0.5), (16, 0.6)),
        0.8, opens=(58, -128, -182), gathers=2.2, under=11.0, front="shirt",
    ),
    "jacket": Cut(
        ((0, -150), (40, -140), (70, -131), (90, -125), (135, -116), (180, -112)),
        ((6, -1.6), (1, -1.2), (-0.2, 0.0), (0.8, 1.2), (5, 1.2)), 0.55, drape=0.9,
        opens=(74, -126, -330), lift=5.0, padding=5.0, front="jacket",
    ),
}  # fmt: skip

_BENEATH = Cut(_COLLARED, ((2, 0.0), (6, 0.0)), 0.3)
"""The shirt under a jacket."""


def tailored(bust: Bust) -> dict[str, Garment]:
    """Every garment of CUTS."""
    return {name: sewn(_garment(bust, cut), cut.tight) for name, cut in CUTS.items()}


def _garment(bust: Bust, cut: Cut) -> list[Piece]:
    bust = bust.spanned(_neckline(cut, bust.angles), cut.drape)
    if cut.front == "jacket":
        assert cut.opens is not None
        return [
            _body(bust, cut, (0.0, 0.0, 0.80, 1.0)),
            _body(bust, _BENEATH, (0.82, 0.0, 1.0, 1.0), dye=1, columns=56, within=105.0),
            *shirt_collar(bust, False, (0.0, 0.0, 0.33, 1.0), 1),
            *jacket_front(
                bust, _opening(cut.opens), cut.lift, ((0.34, 0.0, 0.54, 1.0), (0.55, 0.0, 0.72, 1.0))
            ),
            *tie(bust, ((0.88, 0.0, 1.0, 1.0), (0.73, 0.0, 0.87, 1.0)), 2),
        ]
    pieces = [_body(bust, cut, (0.0, 0.0, 1.0, 1.0))]
    if cut.front == "shirt":
        assert cut.opens is not None
        pieces += shirt_front(
            bust, _opening(cut.opens), cut.opens[2], cut.under, (0.72, 0.0, 0.88, 1.0), (0.90, 0.0, 1.0, 0.4)
        )
    if cut.front == "shirt" and cut.neck is _COLLARED:
        pieces += shirt_collar(bust, True, (0.0, 0.0, 0.70, 1.0))
    return pieces


def _opening(opens: tuple[float, float, float]) -> Callable[[Array], Array]:
    """mm beside the midline of an open front's edge by height, below 0 where it is shut."""
    wide, start, stop = opens

    def beside(height: Array) -> Array:
        share = (height - stop) / (start - stop)
        return wide * share

    return beside


def _body(
    bust: Bust,
    cut: Cut,
    rectangle: tuple[float, float, float, float],
    *,
    dye: int = 0,
    columns: int = _COLUMNS,
    within: float = 180.0,
) -> Piece:
    """Cloth from a neckline down; `within`: degrees to either side of the front."""
    whole = within >= 180
    turn = np.linspace(-0.5, 0.5, columns, endpoint=not whole) * within / 180
    angle = 2 * np.pi * turn - _AHEAD * np.sin(2 * np.pi * turn)
    level = _neckline(cut, angle)
    end = np.interp(angle, bust.angles, bust.lengths, period=2 * np.pi)
    edge = bust.down_to(angle, level)
    if cut.opens is not None:
        edge = np.maximum(edge, _opened(bust, angle, _opening(cut.opens)))
    edge = np.minimum(edge, end - 12)
    below, raised = np.array(cut.band).T
    last = below[-1]
    reach = np.linspace(0, 1, _ROWS + 1)[1:] ** 1.25
    room = np.maximum(end - edge - last, 2.0)
    rows = np.concatenate(
        [np.broadcast_to(below[:, None], (len(below), columns)), last + reach[:, None] * room]
    )
    raised = np.concatenate([raised, np.full(_ROWS, raised[-1])])
    length = np.minimum(edge + rows, end)
    place, normal = (
        values.reshape(*length.shape, 3)
        for values in bust.at(np.broadcast_to(angle, length.shape).ravel(), length.ravel())
    )
    free = np.clip((rows - cut.calm) / 30, 0, 1)[..., None]
    depth = cut.folds * _folds(place.reshape(-1, 3)).reshape(length.shape)
    if cut.gathers:
        around = np.broadcast_to(
            np.cumsum(np.linalg.norm(np.diff(place[2], axis=0, prepend=place[2][:1]), axis=1)), length.shape
        )
        pleat = noise.octaves(np.stack([around / 9, rows / 160, 0 * rows], -1).reshape(-1, 3), 2, 31)
        depth = depth + cut.gathers * pleat.reshape(length.shape) * np.exp(-((rows / 70) ** 2))
    side = np.abs(place[..., 0])
    shoulder = smooth(side, 95, 165) * smooth(place[..., 1], -235, -180)
    lift = cut.lift + raised[:, None]
    points = place + (lift + cut.padding * shoulder)[..., None] * normal + depth[..., None] * free * normal
    mean = np.concatenate([[0], np.cumsum(np.diff(rows.mean(1)).clip(0.6))])
    down = np.minimum(mean, _NEAR) + 0.35 * np.maximum(mean - _NEAR, 0)
    middle = np.abs(angle).argmin()
    along = np.cumsum(np.linalg.norm(np.diff(points[2], axis=0, prepend=points[2][:1]), axis=1))
    grain = np.stack(np.broadcast_arrays(np.abs(along - along[middle]), rows), -1)
    parts = ["band" if s < last - 6 else "body" for s in below] + ["body"] * _ROWS
    return grid(
        points, parts, box="cloth", rectangle=rectangle, edge=rows.clip(0) + 4 * cut.lift, lift=lift, dye=dye,
        closed=whole, spots=(np.linspace(0, 1, columns + whole), down / down[-1]), grain=grain,
    )  # fmt: skip


def _neckline(cut: Cut, angle: Array) -> Array:
    """[n] heights by angles."""
    degrees, heights = np.array(cut.neck, float).T
    even = np.concatenate([-degrees[:0:-1], degrees, 360 - degrees[-2::-1]])
    line = PchipInterpolator(even, np.concatenate([heights[:0:-1], heights, heights[-2::-1]]))
    around = np.rad2deg(angle)[:, None] + np.linspace(-9, 9, 13)
    return line(around).mean(1)


def _opened(bust: Bust, angle: Array, opening: Callable[[Array], Array]) -> Array:
    """[n] mm down each column to where it leaves an open front."""
    length = np.linspace(0, 1, 240)
    out = np.zeros(len(angle))
    for number, way in enumerate(angle):
        if abs(way) > 1.6:
            continue
        whole = float(np.interp(way, bust.angles, bust.lengths))
        place, _ = bust.at(np.full(240, way), length * whole)
        gap = opening(place[:, 1]) - np.abs(place[:, 0])
        inside = np.flatnonzero(gap > 0)
        if len(inside):
            i = min(inside[-1], 238)
            part = gap[i] / max(gap[i] - gap[i + 1], 1e-9)
            out[number] = (length[i] + np.clip(part, 0, 1) * (length[1])) * whole
    return out


def _folds(points: Array) -> Array:
    """[n] mm of long soft folds: from the shoulders to the armpits, fanned out above these, slack across."""
    x, y, z = points.T
    side, left = np.abs(x), 40.0 * np.sign(x)
    drag = np.stack([(0.87 * side + 0.5 * y) / 24, (0.5 * side - 0.87 * y) / 120, z / 90 + left], 1)
    fan = np.arctan2(y + 268, side - 148)
    far = np.hypot(y + 268, side - 148)
    rays = np.stack([fan * 3.4, far / 130, left + np.sign(z)], 1)
    front = smooth(z, -55, -20) * (1 - 0.7 * smooth(side, 130, 165) * smooth(y, -200, -185))
    slack = np.stack([x / 110, (y + 0.0018 * x**2) / 24, z / 80], 1)
    pulled = _creased(noise.octaves(drag, 1, 700)) * np.clip((-128 - y) / 50, 0, 1) * smooth(side, 20, 80)
    pulled = front * pulled
    armpit = front * _creased(noise.octaves(rays, 1, 701)) * np.exp(-((far / 95) ** 2))
    hanging = noise.octaves(slack, 1, 702) * np.clip((-150 - y) / 40, 0, 1)
    return 5.0 * pulled + 8.0 * armpit + 0.9 * hanging


def _creased(values: NDArray[np.floating]) -> Array:
    """Round backs and narrow valleys."""
    return np.sqrt(values.astype(float) ** 2 + 0.012) - 0.3
