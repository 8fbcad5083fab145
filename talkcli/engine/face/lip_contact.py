"""Lips meet, press and never cross: two surfaces, each seen as a height over what lies between them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from talkcli.engine.struct import TensorStruct

_FOLLOW = (0.15, 0.3, 0.5, 0.7, 0.9, 1.0, 1.0, 1.0, 1.0, 1.0, 0.95, 0.8, 0.6, 0.4, 0.2, 0.08)
"""How much of a shift of the lip each loop follows, from the mouth's lining outwards."""

BULGE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.05, 0.15, 0.3, 0.4, 0.4, 0.3, 0.15, 0.05, 0.0)
"""How far each loop comes forward per metre that lips press into each other."""

TOUCHING = slice(2, 14)
"""The loops that may touch the other lip."""

STATIONS, DEPTHS = 31, 16
"""Places from corner to corner, and from back to front, where the gap is measured."""

_SEAL, _REACH = 0.0005, 0.0014
"""Metres: gaps under SEAL are shut, gaps over REACH are left alone."""

LIP_AIR, _LEAST_AIR = 0.0002, 0.0001
"""Metres: the most and the least that stays between shut lips, so that their triangles do not cut each
other. Lips in between are left alone."""

HALF_OPEN, _PRESS, MENDED, _ROUNDS = 0.45, 0.0003, 0.006, 3
"""The weight at which mouthClose is fitted, how far lips press then and the most that is mended, metres."""

_LOOSE = (0.0, 0.0, 0.0, 0.0003, 0.0006)
"""Metres that facing columns, from a corner on, may be further out of line than on the mean face."""

_FAR = 1.0
"""Metres: where a lip is said to be that is not there."""


class LipContact(TensorStruct):
    rings: Int[Tensor, "rings columns"]
    """Closed loops with the same columns, from the mouth's lining over the slit to the skin round lips."""
    upper: Bool[Tensor, " columns"]
    """Columns from the first corner, 0, to the second one, both left out, belong to the upper lip."""

    @property
    def corner(self) -> int:
        """The column of the second corner."""
        return int(self.upper.sum()) + 1


class Slit(NamedTuple):
    """What lies between the lips of some frames; metres."""

    middle: Float[Tensor, "frames 1"]
    half: Float[Tensor, "frames 1"]
    """Of the mouth's width."""
    depths: Float[Tensor, "frames stations depths"]
    roof: Float[Tensor, "frames stations depths"]
    """The lowest of the upper lip; FAR where there is none."""
    floor: Float[Tensor, "frames stations depths"]
    """The highest of the lower lip."""

    @property
    def gaps(self) -> Float[Tensor, "frames stations"]:
        """From lip to lip where they are nearest; below 0 they cross."""
        return (self.roof - self.floor).amin(-1).clamp(max=_FAR)


def settled_lips(
    lips: Float[Tensor, "frames rings columns 3"], mouth: LipContact
) -> Float[Tensor, "frames rings columns 3"]:
    """No lip crosses the other, gaps too thin to be meant are shut, lips that press bulge."""
    gaps = measured(lips, mouth).gaps
    drawn = ((gaps - _SEAL) / (1 - _SEAL / _REACH)).clamp(min=LIP_AIR)
    shut = torch.where(gaps < _REACH, torch.minimum(gaps, drawn), gaps).clamp(min=_LEAST_AIR)
    lips = moved(lips, mouth, smoothed(shut - gaps), smoothed((-gaps).clamp(min=0)))
    return moved(lips, mouth, _within((_LEAST_AIR - measured(lips, mouth).gaps).clamp(min=0)))


def parted_lips(
    lips: Float[Tensor, "frames rings columns 3"],
    mouth: LipContact,
    template: Float[Tensor, "rings columns 3"],
) -> Float[Tensor, "frames rings columns 3"]:
    """What still crosses meets halfway, triangle by triangle, in the corners column by column."""
    from talkcli.engine.face.lip_surfaces import part_lips  # numba is slow to load, for those who pose

    out = _folded(lips, mouth, template)
    touching = out[:, TOUCHING].double().contiguous()
    part_lips(touching.numpy(), mouth.corner, _LEAST_AIR)
    out[:, TOUCHING] = touching.float()
    return out


def _folded(lips: Tensor, mouth: LipContact, template: Tensor) -> Float[Tensor, "frames rings columns 3"]:
    """Next to a corner, where lips fold into each other, facing columns are as far apart as on the mean face
    at most, and the more so the nearer they are."""
    columns, corner = len(mouth.upper), mouth.corner
    steps = torch.arange(1, len(_LOOSE) + 1)
    above = torch.cat([steps, corner - steps])
    below = torch.cat([columns - steps, corner + steps])
    between, calm = lips[:, :, below] - lips[:, :, above], template[:, below] - template[:, above]
    gap = -between[..., 1]
    level = between * torch.tensor([1.0, 0.0, 1.0])
    most = calm[..., ::2].norm(dim=-1) + torch.tensor(_LOOSE).repeat(2) + gap.clamp(min=0)
    step = level * (1 - most / level.norm(dim=-1).clamp(min=1e-9)).clamp(min=0)[..., None] / 2
    out = lips.clone()
    out[:, :, above] += step
    out[:, :, below] -= step
    return out


def closing(
    jaw_open: Float[Tensor, "verts 3"],
    mouth_close: Float[Tensor, "verts 3"],
    mouth: LipContact,
    neutral: Float[Tensor, "verts 3"],
) -> Float[Tensor, "verts 3"]:
    """mouthClose as this face needs it: lips just press each other when it is on as far as the jaw opens."""
    close, rest, opened = mouth_close.clone(), neutral[mouth.rings], jaw_open[mouth.rings]
    for _ in range(_ROUNDS):
        lips = (rest + HALF_OPEN * (opened + close[mouth.rings]))[None]
        parting = smoothed(-_PRESS - measured(lips, mouth).gaps.clamp(max=MENDED))
        close[mouth.rings] += (moved(lips, mouth, parting) - lips)[0] / HALF_OPEN
    return close


def stations_of(mouth: LipContact) -> Float[Tensor, " stations"]:
    """-1 at the second corner to 1 at the first, denser towards the corners."""
    return torch.sin(torch.linspace(-1, 1, STATIONS) * torch.pi / 2)


def measured(lips: Float[Tensor, "frames rings columns 3"], mouth: LipContact) -> Slit:
    """The gap between the lips, as profiles across them from corner to corner."""
    ends = lips[:, TOUCHING, :: mouth.corner, 0][..., :2]
    first, second = ends[..., 0].amin(1, keepdim=True), ends[..., 1].amax(1, keepdim=True)
    middle, half = (first + second) / 2, (first - second) / 2
    x = middle + half * stations_of(mouth)
    corner = mouth.corner
    upper = lips[:, TOUCHING, : corner + 1].flip(2)
    lower = torch.cat([lips[:, TOUCHING, corner:], lips[:, TOUCHING, :1]], 2)
    above, below = _profiles(upper, x), _profiles(lower, x)
    low = torch.maximum(above[..., 1].amin(1), below[..., 1].amin(1))
    high = torch.minimum(above[..., 1].amax(1), below[..., 1].amax(1))
    share = torch.linspace(0.01, 0.99, DEPTHS)
    depths = low[..., None] + (high - low).clamp(min=0)[..., None] * share
    roof = -_envelope(above * torch.tensor([-1.0, 1.0]), depths)
    floor = _envelope(below, depths)
    return Slit(middle, half, depths, roof, floor)


def _profiles(half: Tensor, x: Tensor) -> Float[Tensor, "frames rings stations 2"]:
    """(y, z) of loops [frames, rings, columns, 3], x ascending, at x [frames, stations]."""
    knots = half[..., 0].cummax(-1).values
    at = x[:, None].expand(-1, half.shape[1], -1).contiguous()
    right = torch.searchsorted(knots, at).clamp(1, knots.shape[-1] - 1)
    low, high = torch.gather(knots, 2, right - 1), torch.gather(knots, 2, right)
    part = ((at - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)[..., None]
    index = right[..., None].expand(-1, -1, -1, 2)
    values = half[..., 1:]
    return torch.lerp(torch.gather(values, 2, index - 1), torch.gather(values, 2, index), part)


def _envelope(profiles: Tensor, depths: Tensor) -> Float[Tensor, "frames stations depths"]:
    """The highest y of profiles [frames, rings, stations, 2] at each z; -FAR where there is none."""
    start, step = profiles[:, :-1, :, None], (profiles[:, 1:] - profiles[:, :-1])[:, :, :, None]
    rise = step[..., 1]
    part = (depths[:, None] - start[..., 1]) / torch.where(rise.abs() < 1e-7, 1e-7, rise)
    height = start[..., 0] + part * step[..., 0]
    return height.masked_fill((part < 0) | (part > 1), -_FAR).amax(1)


def _within(values: Float[Tensor, "frames stations"]) -> Float[Tensor, "frames stations"]:
    """The same without the corners, where lips end and a gap means nothing."""
    return torch.nn.functional.pad(values[:, 1:-1], (1, 1))


def smoothed(values: Float[Tensor, "frames stations"]) -> Float[Tensor, "frames stations"]:
    """Evened out along the lips, 0 at their corners."""
    padded = _within(values)
    return torch.nn.functional.pad((padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4, (1, 1))


def moved(
    lips: Float[Tensor, "frames rings columns 3"],
    mouth: LipContact,
    parting: Float[Tensor, "frames stations"],
    pressure: Float[Tensor, "frames stations"] | None = None,
) -> Float[Tensor, "frames rings columns 3"]:
    """Lips parted by metres at each station, half each, and bulging where they are pressed."""
    sign = torch.where(mouth.upper, 0.5, -0.5)
    sign[0] = sign[mouth.corner] = 0.0
    corners = lips[:, TOUCHING, :: mouth.corner, 0][..., :2]
    first, second = corners[..., 0].amin(1)[:, None, None], corners[..., 1].amax(1)[:, None, None]
    place = (2 * lips[..., 0] - first - second) / (first - second)
    at = (place.clamp(-1, 1).asin() / torch.pi + 0.5) * (STATIONS - 1)
    up = _read(parting, at) * sign * torch.tensor(_FOLLOW)[:, None]
    out = torch.zeros_like(up)
    if pressure is not None:
        out = _read(pressure, at) * torch.tensor(BULGE)[:, None]
    return lips + torch.stack([torch.zeros_like(up), up, out], -1)


def _read(values: Tensor, at: Tensor) -> Tensor:
    """Values [frames, stations] between stations, at [frames, rings, columns]."""
    left = at.floor().clamp(0, STATIONS - 2)
    part, index = at - left, left.long().flatten(1)
    low, high = torch.gather(values, 1, index), torch.gather(values, 1, index + 1)
    return torch.lerp(low.view_as(part), high.view_as(part), part)
