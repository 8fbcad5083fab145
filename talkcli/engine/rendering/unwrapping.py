"""What pictures show of points on a surface."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from talkcli.engine.rendering.camera import Camera

_CELLS = 64
"""Along the longer side of a picture: the grid on which is told what lies in front."""
_SLACK = 0.006
"""Metres that a point may lie behind the nearest of its cell, beside what the surface falls away there."""
_STEEPEST = 2.0
"""Metres for each across, that a surface may fall away within a cell."""
_LEAST_FACING = 0.15
"""Cosine of the steepest angle at which a picture tells something."""
_OPAQUE = 250
"""Of 255: coverage of the pixels that tell something."""


@torch.no_grad()
def seen_colours(
    places: Float[Tensor, "n 3"],
    normals: Float[Tensor, "n 3"],
    camera: Camera,
    pictures: UInt8[Tensor, "views height width 4"],
    hiding: Float[Tensor, "m 3"] | None = None,
) -> tuple[Float[Tensor, "views n 3"], Float[Tensor, "views n"]]:
    """sRGB 0..1 of points in each view's picture, and how much that is worth: the squared cosine between the
    normal and the way to the camera; 0, and black, of those that are hidden, turned away or not in it.

    Metres; unit normals. Points hide others behind them on a coarse grid, so they should be dense: a few in
    each of 64 x 64 cells; `hiding`: more that do, without colours of their own.
    """
    colours = places.new_zeros(len(pictures), len(places), 3)
    weights = places.new_zeros(len(pictures), len(places))
    near = (places if hiding is None else torch.cat([places, hiding])).mT.contiguous()
    across = normals.mT.contiguous()
    height, width = pictures.shape[1:3]
    cell = -(-max(height, width) // _CELLS)
    columns, own = -(-width // cell), slice(0, len(places))
    for number, picture in enumerate(pictures):
        view, lens = camera.view(number).to(places), camera.lenses[number % len(camera.lenses)].tolist()
        seen = view[:3, :3] @ near + view[:3, 3:]
        depth = -seen[2]
        inverse = 1 / depth.clamp(min=1e-6)
        x = seen[0] * inverse * lens[0] + (lens[2] - 0.5)
        y = seen[1] * inverse * -lens[1] + (lens[3] - 0.5)
        inside = (depth > 1e-3) & (x >= 0) & (x < width - 1) & (y >= 0) & (y < height - 1)
        column, row = x.where(inside, 0.0).int(), y.where(inside, 0.0).int()
        cells = (row // cell * columns + column // cell).long()
        nearest = depth.new_full((columns * -(-height // cell),), torch.inf)
        nearest = nearest.scatter_reduce(0, cells, depth.where(inside, torch.inf), "amin")
        x_way, y_way, z_way = seen[:, own]
        far = (x_way * x_way + y_way * y_way + z_way * z_way).sqrt()
        out = view[:3, :3] @ across
        facing = -(out[0] * x_way + out[1] * y_way + out[2] * z_way) / far
        steep = ((1 - facing**2).clamp(min=0).sqrt() / facing.clamp(min=1e-3)).clamp(max=_STEEPEST)
        slack = _SLACK + depth[own] * steep * (2 * cell / (lens[0] + lens[1]))
        front = depth[own] <= nearest[cells[own]] + slack
        shown = (inside[own] & front & (facing >= _LEAST_FACING)).nonzero()[:, 0]
        column, row = column[shown], row[shown]
        start = row * width + column
        pixels = picture.contiguous().view(torch.int32).flatten()
        right, down = x[shown] - column, y[shown] - row
        total, opaque = places.new_zeros(len(shown), 4), torch.ones_like(shown, dtype=torch.bool)
        for step, share in (
            (0, (1 - right) * (1 - down)),
            (1, right * (1 - down)),
            (width, (1 - right) * down),
            (width + 1, right * down),
        ):
            values = pixels.index_select(0, start + step).view(torch.uint8).view(-1, 4)
            total += share[:, None] * values
            opaque &= values[:, 3] >= _OPAQUE
        shown, total = shown[opaque], total[opaque]
        colours[number].index_copy_(0, shown, total[:, :3] / 255)
        weights[number].index_copy_(0, shown, facing[shown] ** 2)
    return colours, weights
