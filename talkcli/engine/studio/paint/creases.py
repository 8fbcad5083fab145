"""Creases: soft valleys along curves over the skin, with the rims and folds that squeezed skin throws up
beside them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial import KDTree

from talkcli.engine.studio import noise
from talkcli.engine.studio.paint.canvas import Canvas, Field

SPACING = 0.4
"""mm between the points that stand for a curve"""


@dataclass(frozen=True)
class Ground:
    """The front of the skin, ready to be searched."""

    canvas: Canvas
    texels: NDArray[np.int64]
    """[k] of the skin"""
    frontal: KDTree
    """of x and y of the texels that face forward"""
    forward: NDArray[np.int64]
    """[m] those texels"""

    @classmethod
    def of(cls, canvas: Canvas) -> "Ground":
        """Nothing inside lids, nostrils and lips counts as the front."""
        skin = canvas.within("skin")
        forward = np.flatnonzero(
            skin & (canvas.normal[:, 2] > -0.1) & (canvas.lid < 6.5) & (canvas.position[:, 2] > -20)
        )
        return cls(canvas, np.flatnonzero(skin), KDTree(canvas.position[forward, :2]), forward)

    def onto(self, frontal: NDArray) -> NDArray:
        """Points [n, 3] on the skin in front of frontal positions [n, 2] mm."""
        distance, near = self.frontal.query(frontal, k=6)
        depth = self.canvas.position[self.forward[near], 2].astype(np.float64)
        front = depth > depth.max(1, keepdims=True) - 2.0
        weight = front / (distance**2 + 0.05)
        return np.column_stack([frontal, (depth * weight).sum(1) / weight.sum(1)])


def curve(points: list[tuple[float, float]], rng: np.random.Generator, wander: float = 0.5) -> NDArray:
    """A smooth frontal curve [n, 2] through control points that stray by `wander` mm, with a finer tremor."""
    control = np.array(points, float)
    control = control + rng.normal(size=control.shape) * wander * 0.6
    reach = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(control, axis=0), axis=1))])
    steps = np.arange(0, reach[-1], SPACING)
    path = (
        CubicSpline(reach, control)(steps)
        if len(control) > 2
        else np.column_stack([np.interp(steps, reach, control[:, k]) for k in range(2)])
    )
    tremor = np.column_stack([steps / 4.5, np.full_like(steps, rng.uniform(0, 99)), np.zeros_like(steps)])
    across = np.gradient(path, axis=0)[:, ::-1] * [-1, 1]
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    return path + across * wander * noise.octaves(tremor, 2, int(rng.integers(1 << 20)))[:, None]


def fading(
    count: int, rng: np.random.Generator, start: float = 0.25, stop: float = 0.35, uneven: float = 0.4
) -> NDArray:
    """[count] a depth that fades over the first and the last share of a curve and is uneven between."""
    t = np.linspace(0, 1, count)
    rough = noise.octaves(
        np.column_stack([t * count * SPACING / 7, np.full(count, rng.uniform(0, 99)), 0 * t]), 2, 5
    )
    ends = noise.smooth(t, -0.02, start) * noise.smooth(t, 1.02, 1 - stop)
    return ends * np.clip(1 + uneven * rough, 0.2, 1.5)


def crease(
    ground: Ground,
    path: NDArray,
    depth: NDArray,
    width: float,
    bulge: float = 0.0,
    towards: tuple[float, float] = (1.0, 0.0),
) -> Field:
    """Height [n] mm of a valley `depth` [p] mm deep and `width` mm wide along a frontal path [p, 2]. A
    `bulge` (share of the depth) of
    skin rolls up on the side that the frontal direction `towards` points to."""
    canvas = ground.canvas
    line = ground.onto(path)
    reach = width * (7.5 if bulge else 4.5)
    position = canvas.position[ground.texels]
    low, high = line.min(0) - reach, line.max(0) + reach
    near = np.flatnonzero(((position > low) & (position < high)).all(1))
    distance, index = (
        np.asarray(answer) for answer in KDTree(line).query(position[near], distance_upper_bound=reach)
    )
    near_line = np.isfinite(distance)
    near, distance, index = near[near_line], distance[near_line], index[near_line]
    t = distance / width
    height = -np.exp(-t * t) + 0.30 * np.exp(-(((t - 2.2) / 0.9) ** 2))
    if bulge:
        side = (position[near, :2] - line[index, :2]) @ np.array(towards) > 0
        roll = bulge * np.exp(-(((t - 3.0) / 2.0) ** 2))
        height = height + np.where(side, roll, 0.0)
    result = np.zeros(len(canvas.texels), np.float32)
    result[ground.texels[near]] = height * _smoothed(depth)[index]
    return result


def _smoothed(depth: NDArray) -> NDArray:
    kernel = np.hanning(17)[1:-1]
    return np.convolve(np.pad(depth, 7, mode="edge"), kernel / kernel.sum(), "valid")
