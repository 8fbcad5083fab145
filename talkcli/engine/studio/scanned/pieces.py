"""Pieces of cloth on the way to a garment: grids of points, their place in the atlas, their grain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scanned.garments import CLOTH_PARTS, Garment
from talkcli.engine.studio.scanned.mesh import boxed

Rectangle = tuple[float, float, float, float]
"""Left, bottom, right, top within a box of the atlas."""


@dataclass(frozen=True)
class Piece:
    points: Array
    """[n, 3] mm"""
    faces: Index
    corners: Array
    """[faces, 3, 2] uv in the atlas"""
    part: Index
    """[faces] of CLOTH_PARTS"""
    dye: Index
    """[faces] of the wearer's three"""
    edge: Array
    """[n] mm from what lies on the skin"""
    lift: Array
    """[n] mm above the cloth that lies lowest"""
    grain: Array
    """[n, 2] mm along and across the cloth"""


def grid(
    points: Array,
    part: str | Sequence[str],
    *,
    box: str,
    rectangle: Rectangle,
    edge: Array | float,
    lift: Array | float,
    dye: int = 0,
    closed: bool = False,
    spots: tuple[Array, Array] | None = None,
    grain: Array | None = None,
) -> Piece:
    """Cloth of points [rows, columns, 3]: a column runs down or outwards, a row to the wearer's left as seen
    from outside. `part`: of all, or of each row. `spots`: u of columns and v of rows, 0..1, instead of their
    mean distances; `closed`: the last column joins the first."""
    rows, columns = points.shape[:2]
    number = np.arange(rows * columns).reshape(rows, columns)
    wrapped = np.concatenate([number, number[:, :1]], 1) if closed else number
    a, b, c, d = (corner.ravel() for corner in _squares(wrapped))
    faces = np.stack([a, c, b, b, c, d], 1).reshape(-1, 3)
    along = _lengths(points.transpose(1, 0, 2), closed)
    across = _lengths(points, False)
    u, v = spots or (along / along[-1], across / across[-1])
    left, bottom, right, top = rectangle
    wide, tall = np.meshgrid(left + u * (right - left), top - v * (top - bottom))
    p, q, r, s = (corner.reshape(-1, 2) for corner in _squares(boxed(np.stack([wide, tall], -1), box)))
    corners = np.stack([p, r, q, q, r, s], 1).reshape(-1, 3, 2)
    if grain is None:
        grain = np.stack(np.meshgrid(along[:columns], across), -1)
    names = [part] * rows if isinstance(part, str) else part
    kinds = np.array([CLOTH_PARTS.index(name) for name in names[: rows - 1]])
    return Piece(
        points.reshape(-1, 3), faces, corners, np.repeat(kinds, 2 * (wrapped.shape[1] - 1)),
        np.full(len(faces), dye), np.broadcast_to(edge, points.shape[:2]).ravel().astype(float),
        np.broadcast_to(lift, points.shape[:2]).ravel().astype(float), grain.reshape(-1, 2),
    )  # fmt: skip


def _squares(values: NDArray) -> tuple[NDArray, ...]:
    return values[:-1, :-1], values[:-1, 1:], values[1:, :-1], values[1:, 1:]


def _lengths(lines: Array, closed: bool) -> Array:
    """[n] mean distances along lines of n points [n, lines, 3]."""
    lines = np.concatenate([lines, lines[:1]]) if closed else lines
    return np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(lines, axis=0), axis=-1).mean(1))])


def other_side(piece: Piece) -> Piece:
    """The other side's, painted with the same texels."""
    return replace(
        piece,
        points=piece.points * [-1, 1, 1],
        faces=piece.faces[:, [0, 2, 1]],
        corners=piece.corners[:, [0, 2, 1]],
    )


def sewn(pieces: Sequence[Piece], tight: bool) -> Garment:
    starts = np.cumsum([0, *(len(piece.points) for piece in pieces)])
    faces = np.concatenate([piece.faces + start for piece, start in zip(pieces, starts, strict=False)])
    corners = np.concatenate([piece.corners for piece in pieces])
    places, index = np.unique(np.round(corners.reshape(-1, 2), 5), axis=0, return_inverse=True)

    def of(name: str) -> Array:
        return np.concatenate([getattr(piece, name) for piece in pieces])

    return Garment(
        points=torch.from_numpy(of("points") / 1000).float(),
        faces=torch.from_numpy(faces.astype(np.int32)),
        uv=torch.from_numpy(places).float(),
        uv_faces=torch.from_numpy(index.reshape(-1, 3).astype(np.int32)),
        part=torch.from_numpy(of("part").astype(np.int32)),
        colour=torch.from_numpy(of("dye").astype(np.int32)),
        from_edge=torch.from_numpy(of("edge") / 1000).float(),
        lift=torch.from_numpy(of("lift") / 1000).float(),
        grain=torch.from_numpy(of("grain") / 1000).float(),
        tight=tight,
    )
