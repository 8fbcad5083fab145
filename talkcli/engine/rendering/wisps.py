"""Hair that no comb has caught: single hairs that leave the head of hair, short ones that grow before it, and
the unrest of its outside."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import KDTree
from torch import Tensor

from talkcli.engine.face.worn import Worn
from talkcli.engine.rendering.strands import FINE_HAIR, across_of

_Floats = NDArray[np.float64]

UNREST, UNREST_ALONG, SHARE_OF_LENGTH = (0.042, 0.014), (0.0028, 0.0009), 0.045
"""Metres from one swelling of hair to the next, wide and narrow ones; by how much they push hair aside and
out, standard deviation, and at most of its length."""

ASTRAY, ASTRAY_LONG, ASTRAY_OF = 0.28, (0.010, 0.070), 0.45
"""Hairs that leave the head of hair, for each ribbon on its outside; metres of their length, and at most of
the ribbon's."""

ASTRAY_RISE, ASTRAY_TURN = (0.06, 0.75), 0.5
"""Radians at which they leave it; which they turn aside, standard deviation."""

DOWNY_HAIRS, DOWNY_LONG, DOWNY_BEFORE, DOWNY_TURN = 3.0, (0.005, 0.018), 0.005, 0.8
"""Short hairs for each ribbon of a hairline; metres of their length, and by which they grow before it;
radians that they turn from its way, standard deviation."""

SHORN, UNDERGROWTH, STREWN, WINDING = 0.010, 1.2, 0.0011, 0.0007
"""Metres of hair up to which it is cropped; hairs that then grow between each ribbon and the next; metres
that they stand aside, and that they wind, standard deviations."""

WISP_WIDTH, DOWNY_WIDTH = 0.00012, 0.0001
"""Metres."""

OUTERMOST = 0.0025
"""Metres within which the outermost hair of a place is its outside."""


def unrested(worn: Worn, neutral: NDArray[np.float32]) -> Worn:
    """The same ribbons with swellings of whole locks, so that no outline is smooth."""
    lines = _lines(worn)
    chance = np.random.default_rng(_seed(worn))
    side, outward = across_of(lines, neutral)
    along = np.linspace(0, 1, worn.nodes)[:, None]
    long = _lengths(lines)[:, None, None]
    pushed = np.zeros_like(lines)
    for wave, much in zip(UNREST, UNREST_ALONG, strict=True):
        much = np.minimum(much, SHARE_OF_LENGTH * long * much / UNREST_ALONG[0])
        pushed += much * (_noise(lines, wave, chance) * outward + _noise(lines, wave, chance) * side)
    pushed *= np.minimum(2.5 * along, 1)
    return replace(worn, points=torch.from_numpy((lines + pushed).reshape(-1, 3)).float())


def wisps_of(worn: Worn, neutral: NDArray[np.float32]) -> Worn:
    """Of ribbons of hair the single hairs that leave them, and those before their hairline."""
    lines, chance = _lines(worn), np.random.default_rng(_seed(worn) + 1)
    astray, parents = _astray(lines, neutral, chance)
    down, others = _downy(worn, lines, neutral, chance)
    low, between = _undergrowth(lines, neutral, chance)
    parent = np.concatenate([parents, others, between])
    widths = np.repeat([WISP_WIDTH, DOWNY_WIDTH, WISP_WIDTH], [len(astray), len(down), len(low)])
    widths *= chance.uniform(0.7, 1.3, len(parent))
    tint = worn.colour.double().numpy()[parent * len(worn.colour) // len(lines)]
    tint *= chance.uniform(0.8, 1.25, len(parent))[:, None]
    carriers, shares = (_rows(rows, len(lines), parent) for rows in (worn.carriers, worn.shares))
    points = np.concatenate([astray, down, low]).reshape(-1, 3)
    return replace(
        worn, name=f"{worn.name} wisps", points=torch.from_numpy(points).float(),
        carriers=carriers, shares=shares, colour=torch.from_numpy(np.clip(tint, 0, 255).astype(np.uint8)),
        widths=torch.from_numpy(widths).float(), hides=None,
    )  # fmt: skip


def _astray(
    lines: _Floats, neutral: NDArray[np.float32], chance: np.random.Generator
) -> tuple[_Floats, NDArray[np.int64]]:
    """[n, nodes, 3] and which ribbon each leaves."""
    side, outward = across_of(lines, neutral)
    count, nodes = lines.shape[:2]
    long = _lengths(lines)
    flat = lines.reshape(-1, 3)
    _, near = KDTree(flat).query(flat, 12, distance_upper_bound=0.012)
    near = np.where(near < len(flat), near, np.arange(len(flat))[:, None])
    above = ((flat[near] - flat[:, None]) * outward.reshape(-1, 1, 3)).sum(2).max(1)
    outer = above.reshape(count, nodes) < OUTERMOST
    outer[:, [0, -1]] = False
    ribbons = np.flatnonzero(outer.any(1))
    parent = chance.choice(ribbons, int(ASTRAY * len(ribbons))) if len(ribbons) else ribbons
    where = (outer[parent] * chance.random((len(parent), nodes))).argmax(1)
    here = parent, where
    t = np.linspace(0, 1, nodes)
    length = np.minimum(chance.uniform(*ASTRAY_LONG, len(parent)), ASTRAY_OF * long[parent])
    ways = _unit(np.gradient(lines, axis=1))[here]
    rise = chance.uniform(*ASTRAY_RISE, len(parent))[:, None] * (
        1 - 0.8 * chance.random((len(parent), 1)) * t
    )
    aside = ASTRAY_TURN * (
        chance.standard_normal((len(parent), 1)) + chance.standard_normal((len(parent), 1)) * t
    )
    heading = np.cos(aside)[..., None] * ways[:, None] + np.sin(aside)[..., None] * side[here][:, None]
    heading = np.cos(rise)[..., None] * heading + np.sin(rise)[..., None] * outward[here][:, None]
    return _runs(lines[here], heading, length), parent


def _downy(
    worn: Worn, lines: _Floats, neutral: NDArray[np.float32], chance: np.random.Generator
) -> tuple[_Floats, NDArray[np.int64]]:
    assert worn.widths is not None
    widths, nodes = worn.widths.double().numpy(), lines.shape[1]
    fine = np.flatnonzero(widths < FINE_HAIR * np.median(widths))
    parent = chance.choice(fine, int(DOWNY_HAIRS * len(fine))) if len(fine) else fine
    side, outward = (vectors[parent, 0] for vectors in across_of(lines, neutral))
    ways, t = _unit(lines[parent, 1] - lines[parent, 0]), np.linspace(0, 1, nodes)
    count = len(parent)
    turn = DOWNY_TURN * (chance.standard_normal((count, 1)) + 0.7 * chance.standard_normal((count, 1)) * t)
    heading = np.cos(turn)[..., None] * ways[:, None] + np.sin(turn)[..., None] * side[:, None]
    length = np.minimum(chance.uniform(*DOWNY_LONG, count), 1.2 * _lengths(lines)[parent])
    lift = (0.12 - 0.30 * t * length[:, None] / DOWNY_LONG[1]) + 0.1 * np.abs(
        chance.standard_normal((count, 1))
    )
    heading = _unit(heading + lift[..., None] * outward[:, None])
    root = lines[parent, 0] - DOWNY_BEFORE * chance.random((count, 1)) ** 1.5 * ways
    root += 0.0015 * chance.standard_normal((count, 1)) * side
    return _runs(root, heading, length), parent


def _undergrowth(
    lines: _Floats, neutral: NDArray[np.float32], chance: np.random.Generator
) -> tuple[_Floats, NDArray[np.int64]]:
    count, nodes = lines.shape[:2]
    if np.median(_lengths(lines)) > SHORN:
        return np.zeros((0, nodes, 3)), np.zeros(0, np.int64)
    parent = chance.choice(count, int(UNDERGROWTH * count))
    side, outward = (vectors[parent] for vectors in across_of(lines, neutral))
    ways = _unit(lines[parent, 1] - lines[parent, 0])
    aside = STREWN * chance.standard_normal((2, len(parent), 1, 1))
    wound = (
        WINDING
        * np.cumsum(chance.standard_normal((2, len(parent), nodes, 1)), 2)
        * np.linspace(0, 1, nodes)[:, None]
    )
    flat = ways - (ways * outward[:, 0]).sum(1, keepdims=True) * outward[:, 0]
    moved = aside[0] * side[:, :1] + aside[1] * flat[:, None] + wound[0] * side + wound[1] * outward
    return lines[parent] + moved, parent


def _runs(root: _Floats, ways: _Floats, length: _Floats) -> _Floats:
    steps = ways[:, :-1] * (length / (ways.shape[1] - 1))[:, None, None]
    return root[:, None] + np.concatenate([np.zeros_like(steps[:, :1]), np.cumsum(steps, 1)], 1)


def _noise(points: _Floats, wave: float, chance: np.random.Generator) -> _Floats:
    """[..., 1] smooth, of deviation 1, with waves so long."""
    ways = _unit(chance.standard_normal((7, 3))) * (2 * np.pi / wave) * chance.uniform(0.7, 1.4, (7, 1))
    phases = chance.uniform(0, 2 * np.pi, 7)
    return np.sin(points @ ways.T + phases).sum(-1, keepdims=True) * np.sqrt(2 / 7)


def _seed(worn: Worn) -> int:
    return zlib.crc32(worn.points.numpy().tobytes())


def _lines(worn: Worn) -> _Floats:
    return worn.points.double().numpy().reshape(-1, worn.nodes, 3)


def _lengths(lines: _Floats) -> _Floats:
    return np.linalg.norm(np.diff(lines, axis=1), axis=2).sum(1)


def _rows(rows: Tensor, strands: int, parent: NDArray[np.int64]) -> Tensor:
    """One row for each wisp: that of its parent's root."""
    each = len(rows) // strands
    return rows[torch.from_numpy(parent * each if each else parent * len(rows) // strands)]


def _unit(vectors: _Floats) -> _Floats:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
