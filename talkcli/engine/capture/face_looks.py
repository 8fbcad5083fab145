"""What faces look like beside light and pose, and how like two are: whether films show one person or two.

Learnt by recipes/fit_looks.py from pictures of people of the studio, in the light of several rooms.
"""

from __future__ import annotations

import functools
import json
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter
from scipy.spatial import Delaunay

from talkcli.engine.assets import DEFAULT_RIG, asset
from talkcli.engine.capture.detector import Photo
from talkcli.engine.capture.landmark_sets import SKIN_POINTS
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.rendering.colours import linear
from talkcli.engine.studio.arrays import Array, Index

_FILE = "face_looks.json"

LOOKS_UNIT = 1e-3
"""Of the whole numbers in it."""

SAME_PERSON = 0.7
"""How like looks are, at least, that are of one person."""

_ACROSS, _SAMPLES = 32, 4
"""Cells from one side of a face to the other, and samples of a picture from side to side of a cell."""

_AROUND = 4.0
"""Cells: what is wider in a face's light is the room's."""

_DARK = 0.05
"""Of white: what is darker differs little."""


class PeopleDiffer(NamedTuple):
    """What tells looks of people apart."""

    middle: Array
    """[cells] of all on average"""
    ways: Array
    """[rank, cells] in which people differ, of whom each is the same in every light and face"""


class _Layout(NamedTuple):
    """Where the cells' samples lie between points of a face; _SAMPLES² of each cell in turn."""

    corners: Index
    """[samples, 3] points"""
    shares: Array
    """[samples, 3] of them"""
    cells: NDArray[np.bool_]
    """[rows, _ACROSS] that lie on a face"""
    inner: NDArray[np.bool_]
    """[rows, _ACROSS] of these, without the outermost, in which what is behind shows"""


def face_looks(picture: Photo, points: Array) -> Array:
    """[cells] logarithms of how much brighter each part of a face is than what is around it, by the
    detector's points [points, 2]."""
    corners, shares, cells, inner = _layout()
    places = np.einsum("nk,nkc->nc", shares, points[corners]).astype(int)
    column, row = places.clip(0, np.array(picture.shape[1::-1]) - 1).T
    light = linear(picture[row, column]).mean(-1).reshape(-1, _SAMPLES**2).mean(1)
    shown = np.zeros(cells.shape)
    shown[cells] = np.log(light + _DARK)
    around = gaussian_filter(shown, _AROUND) / gaussian_filter(cells.astype(float), _AROUND).clip(1e-3)
    return (shown - around)[inner]


def likeness(one: Array, other: Array) -> float:
    """-1..1 of two looks [cells]: the cosine of what tells each from all."""
    middle, ways = people_differ()
    a, b = (ways @ (each - middle) for each in (one, other))
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


@functools.cache
def people_differ() -> PeopleDiffer:
    told = json.loads(asset(_FILE).read_text())
    return PeopleDiffer(*(LOOKS_UNIT * np.array(told[name], float) for name in PeopleDiffer._fields))


@functools.cache
def _layout() -> _Layout:
    """On the mean face from the front."""
    model = load_rig(DEFAULT_RIG)
    flat = landmark_points(model.template, model.topology, "mediapipe").double().numpy()[:SKIN_POINTS, :2]
    flat = flat * [1, -1]
    low, size = flat.min(0), np.ptp(flat, axis=0)
    rows = round(_ACROSS * size[1] / size[0])
    within = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    down, aside = ((np.arange(count)[:, None] + within) / count for count in (rows, _ACROSS))
    both = np.broadcast_arrays(aside[:, None], down[:, None, :, None])  # [rows, _ACROSS, down, aside]
    places = low + size * np.stack(both, -1).reshape(-1, 2)
    net = Delaunay(flat)
    found = net.find_simplex(places)
    cells: NDArray[np.bool_] = np.all((found >= 0).reshape(rows, _ACROSS, -1), axis=-1)
    some = np.repeat(cells.ravel(), _SAMPLES**2)
    affine = net.transform[found[some]]
    two = np.einsum("nij,nj->ni", affine[:, :2], places[some] - affine[:, 2])
    shares = np.concatenate([two, 1 - two.sum(1, keepdims=True)], 1)
    inner = np.array(binary_erosion(cells), np.bool_)
    return _Layout(net.simplices[found[some]].astype(np.int64), shares, cells, inner)
