"""Gaussians: soft ellipsoids that make a picture; BoundGaussians: those that a head carries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.face.harmonics import BASES, turned_harmonics
from talkcli.engine.struct import TensorStruct

MOST_NUMBERS = 8 << 20
"""That the Gaussians of one avatar may be together: 32 MB, or 335 thousand of plain colour."""

FARTHEST = 10.0
"""Metres that none is large or off its triangle; also the most that a vertex has of it."""

LEAST_AREA = 1e-12
"""Square metres of twice a carrying triangle, below which its plane is not known."""


class Gaussians(TensorStruct):
    """N Gaussians in the world, as a renderer draws them. Their covariances are axes @ axes^T."""

    places: Float[Tensor, "n 3"]
    """Metres."""
    axes: Float[Tensor, "n 3 3"]
    """Columns: one standard deviation along each axis, metres; at right angles unless they are sheared."""
    opacity: Float[Tensor, " n"]
    """0..1 in the middle."""
    colour: Float[Tensor, "n bases 3"]
    """sRGB 0..1 from anywhere, then how it changes by the way in which a camera looks, see `harmonics`."""

    def __len__(self) -> int:
        return len(self.places)


class BoundGaussians(TensorStruct):
    """N Gaussians in the frames of triangles of a head's vertices: the first edge, across it, out of it.

    Where its triangle goes, turns and stretches, a Gaussian does; out of the plane it stretches as the root
    of the triangle's area.
    """

    corners: Int[Tensor, "n 3"]
    """Vertices of the head: of one of its faces, or any three that are not in line."""
    weights: Float[Tensor, "n 3"]
    """Barycentric: they add to 1."""
    offsets: Float[Tensor, "n 3"]
    """From there on the neutral face, metres in the frame."""
    rotations: Float[Tensor, "n 4"]
    """Quaternions w x y z in the frame."""
    scales: Float[Tensor, "n 3"]
    """Standard deviations on the neutral face, metres."""
    opacity: Float[Tensor, " n"]
    """0..1 in the middle."""
    colour: Float[Tensor, "n bases 3"]
    """As in `Gaussians`, in the axes of the neutral face."""
    uv: Float[Tensor, "n 2"] | None = None
    """Where on the skin they are, which may change its colour, origin bottom left; below 0 they are not."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.colour.shape[1] not in BASES:
            raise ValueError(f"BoundGaussians.colour has {self.colour.shape[1]} bases, not one of {BASES}")
        if sum(t.numel() for t in vars(self).values() if isinstance(t, Tensor)) > MOST_NUMBERS:
            raise ValueError(f"BoundGaussians are more than {MOST_NUMBERS} numbers")
        if not len(self):
            return
        if bool((self.weights.sum(1) - 1).abs().max() > 1e-3):
            raise ValueError("BoundGaussians.weights do not add to 1")
        if any(bool((t.abs() > FARTHEST).any()) for t in (self.weights, self.offsets, self.scales)):
            raise ValueError(f"BoundGaussians reach further than {FARTHEST:g} metres")
        if bool((self.scales <= 0).any()) or bool((self.rotations.norm(dim=1) == 0).any()):
            raise ValueError("BoundGaussians without extent or without a rotation")
        if bool((self.opacity < 0).any()) or bool((self.opacity > 1).any()):
            raise ValueError("BoundGaussians.opacity is not within 0..1")

    def __len__(self) -> int:
        return len(self.corners)

    def check_head(self, neutral: Float[Tensor, "verts 3"]) -> None:
        """ValueError unless such a head can carry them."""
        if not len(self):
            return
        if not 0 <= int(self.corners.min()) <= int(self.corners.max()) < len(neutral):
            raise ValueError(f"BoundGaussians.corners points outside {len(neutral)} vertices")
        one, other = _edges(neutral[self.corners])
        if bool((torch.linalg.cross(one, other).norm(dim=-1) < LEAST_AREA).any()):
            raise ValueError("BoundGaussians.corners holds vertices that are in line")


def carried_gaussians(
    bound: BoundGaussians, neutral: Float[Tensor, "verts 3"], heads: Float[Tensor, "frames verts 3"]
) -> list[Gaussians]:
    """The Gaussians of a head that was `neutral` when its vertices are at `heads`, metres, frame by frame."""
    return list(map(carrier_of(bound, neutral), heads))


def carrier_of(
    bound: BoundGaussians, neutral: Float[Tensor, "verts 3"]
) -> Callable[[Float[Tensor, "verts 3"]], Gaussians]:
    """What carries the Gaussians of a head that was `neutral` to where its vertices are, metres."""
    columns = columns_of(bound, neutral)
    before = tangent_frames(neutral[bound.corners]) if bound.colour.shape[1] > 1 else None

    def carried(head: Float[Tensor, "verts 3"]) -> Gaussians:
        corners = head[bound.corners]
        posed = _spanned(corners) @ columns
        places = (corners * bound.weights[..., None]).sum(1) + posed[..., 0]
        colour = bound.colour
        if before is not None:
            colour = turned_harmonics(colour, tangent_frames(corners) @ before.mT)
        return Gaussians(places, posed[..., 1:], bound.opacity, colour)

    return carried


def columns_of(bound: BoundGaussians, neutral: Float[Tensor, "verts 3"]) -> Float[Tensor, "n 3 4"]:
    """Offset and axes of each Gaussian of a head that is `neutral`, by both edges of its triangle and what is
    out of it, the root of twice its area long."""
    turned = quaternion_matrix(bound.rotations) * bound.scales[:, None]
    return _on_edges(neutral[bound.corners]) @ torch.cat([bound.offsets[..., None], turned], 2)


def gathered(clouds: Sequence[Gaussians]) -> Gaussians:
    """Several clouds as one, with as many harmonics as any of them has."""
    bases = max(cloud.colour.shape[1] for cloud in clouds)
    colours = [F.pad(cloud.colour, (0, 0, 0, bases - cloud.colour.shape[1])) for cloud in clouds]
    return Gaussians(
        torch.cat([cloud.places for cloud in clouds]),
        torch.cat([cloud.axes for cloud in clouds]),
        torch.cat([cloud.opacity for cloud in clouds]),
        torch.cat(colours),
    )


def quaternion_matrix(quaternions: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """Of quaternions w x y z of any length but 0."""
    w, x, y, z = F.normalize(quaternions, dim=-1).unbind(-1)
    rows = [
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1),
        torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1),
        torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1),
    ]
    return torch.stack(rows, -2)


def matrix_quaternion(rotations: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Unit quaternions w x y z, w at least 0: the eigenvector of the largest eigenvalue of 4 q q^T - 1."""
    m = rotations
    xx, yy, zz = m.diagonal(dim1=-2, dim2=-1).unbind(-1)
    wx, wy, wz = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz, yz = m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0], m[..., 1, 2] + m[..., 2, 1]
    rows = [
        torch.stack([xx + yy + zz, wx, wy, wz], -1),
        torch.stack([wx, xx - yy - zz, xy, xz], -1),
        torch.stack([wy, xy, yy - xx - zz, yz], -1),
        torch.stack([wz, xz, yz, zz - xx - yy], -1),
    ]
    products = torch.stack(rows, -2) + torch.eye(4, dtype=m.dtype)
    best = products.diagonal(dim1=-2, dim2=-1).argmax(-1)
    row = F.normalize(products.take_along_dim(best[..., None, None], -2)[..., 0, :], dim=-1)
    return torch.where(row[..., :1] < 0, -row, row)


def tangent_frames(corners: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Columns: along the first edge of each triangle, across it, out of it; corners by rows."""
    one, other = _edges(corners)
    along = F.normalize(one, dim=-1)
    out = F.normalize(torch.linalg.cross(one, other), dim=-1)
    return torch.stack([along, torch.linalg.cross(out, along), out], -1)


def _edges(corners: Float[Tensor, "*batch 3 3"]) -> tuple[Tensor, Tensor]:
    return corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]


def _spanned(corners: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Columns: both edges of each triangle, and out of it the root of twice its area."""
    one, other = _edges(corners)
    out = torch.linalg.cross(one, other)
    root = out.norm(dim=-1, keepdim=True).clamp(min=LEAST_AREA).sqrt()
    return torch.stack([one, other, out / root], -1)


def _on_edges(corners: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """What `_spanned` takes to the frames of `tangent_frames`: its inverse times them."""
    one, other = _edges(corners)
    length, root = one.norm(dim=-1), torch.linalg.cross(one, other).norm(dim=-1).sqrt()
    high = root**2 / length
    aside = (one * other).sum(-1) / length
    zero = torch.zeros_like(length)
    rows = [
        torch.stack([1 / length, -aside / (length * high), zero], -1),
        torch.stack([zero, 1 / high, zero], -1),
        torch.stack([zero, zero, 1 / root], -1),
    ]
    return torch.stack(rows, -2)
