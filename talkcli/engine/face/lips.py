"""Lips meet, press and never cross; they stay in front of the teeth."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from talkcli.engine.face.edges import facing
from talkcli.engine.struct import TensorStruct

LIP_RINGS = (
    "near", "rim", "border", "red_outer", "red_middle", "red_inner", "slit", "behind", "vestibule", "gutter",
)  # fmt: skip
"""Loops round the mouth from the skin over the red of the lips to their inside; lips touch at the slit."""

FOLLOW = (0.0, 0.05, 0.12, 0.3, 0.55, 0.85, 1.0, 1.0, 0.6, 0.2)
"""How much of a correction at the slit each loop follows."""

BULGE = (0.0, 0.0, 0.06, 0.16, 0.18, 0.05, 0.0, 0.0, 0.0, 0.0)
"""How far each loop comes forward per metre that lips press into each other."""

_SEAL, _REACH = 0.00025, 0.0015
"""Metres: gaps under _SEAL are shut, gaps over _REACH are left alone."""

FACING, PAST = 0.0035, 0.007
"""Metres: lips nearer in depth than FACING meet; further than PAST they slide past each other."""

TOOTH_CLEARANCE = 0.0005
"""Metres between lip and tooth, if they are kept at rest."""


class Mouth(TensorStruct):
    """The mouth's loops and the teeth behind them."""

    rings: Int[Tensor, "rings columns"]
    """LIP_RINGS, each a closed loop with the same columns."""
    upper: Bool[Tensor, " columns"]
    corners: Bool[Tensor, " columns"]
    """The two columns that belong to both lips."""
    upper_teeth: Int[Tensor, " upper_marks"]
    """Foremost vertices of the upper arch, and of the lower one."""
    lower_teeth: Int[Tensor, " lower_marks"]


def settle_lips(vertices: Float[Tensor, "frames verts 3"], mouth: Mouth, neutral: Tensor) -> None:
    """In place: no lip crosses the other or a tooth; over-closed lips press flat."""
    lips = vertices[:, mouth.rings]
    lips = _apart_from_teeth(lips, vertices, mouth, neutral)
    lips = _met(lips, mouth, 0.5, _SEAL)
    lips = _met(lips, mouth, 1.0, 0.0)
    vertices[:, mouth.rings] = lips


def _met(lips: Tensor, mouth: Mouth, share: float, seal: float) -> Tensor:
    """Lips [frames, rings, columns, 3] moved by a share of their crossing each, the red following softly.

    Half each brings them to their midline; lips that slid along each other do not meet column by column,
    so that what is left is then mended by all of it. Gaps under `seal` are shut.
    """
    slit = lips[:, LIP_RINGS.index("slit")]
    sign = torch.where(mouth.upper, 1.0, -1.0)
    sign = sign.masked_fill(mouth.corners, 0.0)
    other = facing(slit[..., 0], slit[..., 1:], mouth.upper, mouth.corners)
    gap = sign * (slit[..., 1] - other[..., 0])
    apart = slit[..., 2] - other[..., 1]
    shut = torch.where(gap < _REACH, ((gap - seal) / (1 - seal / _REACH)).clamp(min=0), gap)
    overlap = ((PAST - apart.abs()) / (PAST - FACING)).clamp(0, 1)
    near = overlap * overlap * (3 - 2 * overlap) * sign.abs()
    move = share * sign * (shut - gap) * near
    slide = -0.5 * apart * ((_REACH - gap) / _REACH).clamp(0, 1) * near
    pressed = (-gap).clamp(min=0) * near
    follow, bulge = torch.tensor(FOLLOW)[:, None], torch.tensor(BULGE)[:, None]
    up, out = move[:, None] * follow, slide[:, None] * follow + pressed[:, None] * bulge
    return lips + torch.stack([torch.zeros_like(up), up, out], -1)


def _apart_from_teeth(lips: Tensor, vertices: Tensor, mouth: Mouth, neutral: Tensor) -> Tensor:
    """Lips pushed forward off the teeth, or past the biting edge where that is nearer; not at the corners."""
    rings = slice(LIP_RINGS.index("red_inner"), LIP_RINGS.index("vestibule") + 1)
    rest, inner = neutral[mouth.rings[rings]], lips[:, rings]
    span = neutral[mouth.rings[LIP_RINGS.index("slit")], 0]
    firm = (4 * (1 - (span - span.mean()).abs() / (span - span.mean()).abs().max())).clamp(max=1)[:, None]
    for marks, up in ((mouth.upper_teeth, True), (mouth.lower_teeth, False)):
        still = neutral[marks]
        turn, shift = _rigid(still, vertices[:, marks])
        local = (inner - shift[:, None, None]) @ turn[:, None]
        centre, axes = _arch(still)
        edge = still[:, 1].min() if up else still[:, 1].max()
        flat = torch.stack([(local[..., 0] - centre[0]), (local[..., 2] - centre[1])], -1)
        length = (flat / axes).norm(dim=-1).clamp(min=1e-6)
        calm = (torch.stack([rest[..., 0] - centre[0], rest[..., 2] - centre[1]], -1) / axes).norm(dim=-1)
        size = axes.mean()
        want = torch.minimum(calm, 1 + TOOTH_CLEARANCE / size)
        inside = ((want - length) * size).clamp(min=0)
        overlap = (local[..., 1] - edge if up else edge - local[..., 1]) + TOOTH_CLEARANCE
        own = mouth.upper == up
        past = (overlap > 0) & (inside > 0)
        escape = past & ~own & (overlap < inside)
        outward = flat * (torch.where(past & ~escape, want / length, torch.ones_like(length)) - 1)[..., None]
        down = torch.where(escape, -overlap if up else overlap, torch.zeros_like(overlap))
        push = torch.stack([outward[..., 0], down, outward[..., 1]], -1) * firm
        inner = inner + push @ turn.mT[:, None]
    return torch.cat([lips[:, : rings.start], inner, lips[:, rings.stop :]], 1)


def _rigid(still: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
    """Rotation [frames, 3, 3] and shift [frames, 3] with moved = rotation @ still + shift (Kabsch 1976)."""
    middle, middles = still.mean(0), moved.mean(1)
    u, _, vh = torch.linalg.svd((moved - middles[:, None]).mT @ (still - middle))
    flip = torch.linalg.det(u @ vh)
    turn = (u * torch.stack([torch.ones_like(flip), torch.ones_like(flip), flip], -1)[:, None]) @ vh
    return turn, middles - turn @ middle


def _arch(marks: Tensor) -> tuple[Tensor, Tensor]:
    """The ellipse through an arch's marks seen from above: centre [2] and half axes [2] in (x, z), metres.

    Its centre lies between the hindmost marks: a free centre is badly determined by half an ellipse.
    """
    centre = torch.stack([marks[:, 0].mean(), marks[:, 2].min() - 0.001])
    squares = (100 * (marks[:, [0, 2]] - centre)) ** 2
    inverse = torch.linalg.lstsq(squares, torch.ones(len(marks), 1)).solution[:, 0]
    return centre, inverse.clamp(min=1e-2).rsqrt() / 100
