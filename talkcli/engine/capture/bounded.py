"""Bounded least squares: the minimum of a quadratic within bounds, by cyclic coordinate descent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.compiled import exact

SETTLED = 1e-5
"""Standard deviations that a sweep moves at most when it is the last."""


def bounded_minimum(
    hessian: NDArray[np.float64],
    gradient: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    sweeps: int = 200,
) -> NDArray[np.float64]:
    """Where x H x / 2 + g x is least among low <= x <= high, which hold 0; H is positive definite.

    From the minimum without bounds, brought within them.
    """
    x = np.clip(np.linalg.solve(hessian, -gradient), low, high).astype(np.float64)
    if np.all((low < x) & (x < high)):
        return x
    slope = gradient + hessian @ x
    descend(np.ascontiguousarray(hessian), slope, low, high, x, sweeps)
    return x


@exact
def descend(hessian, slope, low, high, x, sweeps):
    """In place: x, and the slope of the quadratic there, to where no coordinate alone can do better."""
    for _ in range(sweeps):
        most = 0.0
        for i in range(len(x)):
            new = min(max(x[i] - slope[i] / hessian[i, i], low[i]), high[i])
            step = new - x[i]
            if step != 0.0:
                x[i] = new
                for j in range(len(x)):
                    slope[j] += step * hessian[i, j]
                most = max(most, abs(step) * np.sqrt(hessian[i, i]))
        if most < SETTLED:
            break
