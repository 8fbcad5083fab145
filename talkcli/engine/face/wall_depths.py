"""How deep points lie in the wall of an arch of teeth."""

from __future__ import annotations

import math

from talkcli.engine.compiled import exact


@exact
def wall_depths(points, wall, low, high, widest, air, out):
    """Fill out [n], metres, for points [n, 3]; a wall is linear between its cells and goes on beyond them."""
    rows, angles = wall.shape
    for n in range(len(points)):
        x, z = points[n, 0], points[n, 2]
        row = min(max((points[n, 1] - low) / (high - low) * (rows - 1), 0.0), rows - 1.0)
        angle = min(max((math.atan2(x, z) / widest + 1) / 2 * (angles - 1), 0.0), angles - 1.0)
        top, left = min(int(row), rows - 2), min(int(angle), angles - 2)
        down, right = row - top, angle - left
        upper = wall[top, left] * (1 - right) + wall[top, left + 1] * right
        lower = wall[top + 1, left] * (1 - right) + wall[top + 1, left + 1] * right
        reach = upper * (1 - down) + lower * down
        out[n] = max(reach + air - math.sqrt(x * x + z * z), 0.0) if reach > 0.01 else 0.0
