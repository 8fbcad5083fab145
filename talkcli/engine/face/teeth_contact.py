"""Lips slide over teeth: an arch is a wall round an axis, as far out as its teeth and gums, with an edge."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from talkcli.engine.struct import TensorStruct

WIDEST = 1.9
"""Radians from the middle of an arch to its last tooth."""

_APART = 0.0002
"""Metres between lip and tooth."""

_ALONG = 0.85
"""How much of a push the loops on either side take over, so that a lip keeps its thickness."""

LEAVING = (1.0,) * 12 + (0.85, 0.65, 0.4, 0.2)
"""How much of a push each loop of the mouth follows, from its lining outwards."""

UNDER = (0.15, 0.3, 0.5, 0.7, 0.9, 1.0, 1.0, 1.0, 1.0, 1.0, 0.95, 0.8, 0.6, 0.4, 0.2, 0.08)
"""And of a lip that slides under an edge."""

EDGE_WINS, _UNDECIDED = 0.75, 0.3
"""A lip slides past an edge where that is shorter than this part of the way round the wall, by less the
nearer to it, over so large a part of the way."""

_TOUCHED = 0.0003
"""Metres in the wall from which on a loop counts in full for the way past its edge."""


class DentalArch(TensorStruct):
    """The upper or the lower teeth; lengths in metres on the mean face."""

    marks: Int[Tensor, " marks"]
    """Vertices of teeth: where they are, the arch is."""
    axis: Float[Tensor, " 3"]
    """A point on the vertical axis."""
    heights: Float[Tensor, " 2"]
    """The lowest and the highest row of the wall, from the axis's point."""
    wall: Float[Tensor, "rows angles"]
    """How far out from the axis teeth and gums reach, by height and by angle from the subject's right to the
    left; 0 where there is nothing."""
    edge: Float[Tensor, " angles"]
    """The height at which teeth end."""
    upper: bool

    def placed(self, vertices: Tensor, template: Tensor) -> tuple[Tensor, Tensor]:
        """turn [frames, 3, 3] and shift [frames, 3]: `still @ turn + shift` is where the teeth are."""
        still = template[self.marks]
        middle = still.mean(0)
        moved = vertices[:, self.marks]
        turn = torch.linalg.pinv(still - middle) @ moved
        return turn, moved.mean(1) - middle @ turn


def off_teeth(
    lips: Float[Tensor, "frames rings columns 3"],
    upper: Bool[Tensor, " columns"],
    arch: DentalArch,
    vertices: Float[Tensor, "frames verts 3"],
    template: Float[Tensor, "verts 3"],
) -> Float[Tensor, "frames rings columns 3"]:
    """Lips pushed out to the wall of an arch; the lip of the other arch slides past its edge where that is
    nearer."""
    turn, shift = arch.placed(vertices, template)
    still = _held_still(lips, arch, turn, shift)
    still = _past_edge(still, upper != arch.upper, arch)
    out = _pushed(still, arch)
    still = still + _outward(still) * (spread(out) * torch.tensor(LEAVING)[:, None])[..., None]
    still = still + _outward(still) * _pushed(still, arch)[..., None]
    return (still + arch.axis) @ turn[:, None] + shift[:, None, None]


def out_of_teeth(
    lips: Float[Tensor, "frames rings columns 3"],
    arch: DentalArch,
    vertices: Float[Tensor, "frames verts 3"],
    template: Float[Tensor, "verts 3"],
) -> Float[Tensor, "frames rings columns 3"]:
    """What lips have entered a wall since, they leave straight."""
    turn, shift = arch.placed(vertices, template)
    still = _held_still(lips, arch, turn, shift)
    still = still + _outward(still) * _pushed(still, arch)[..., None]
    return (still + arch.axis) @ turn[:, None] + shift[:, None, None]


def entered(
    lips: Float[Tensor, "frames rings columns 3"],
    arch: DentalArch,
    vertices: Float[Tensor, "frames verts 3"],
    template: Float[Tensor, "verts 3"],
) -> Float[Tensor, "frames rings columns"]:
    """How deep lips lie inside the wall, metres."""
    turn, shift = arch.placed(vertices, template)
    return (_pushed(_held_still(lips, arch, turn, shift), arch) - _APART).clamp(min=0)


def _held_still(lips: Tensor, arch: DentalArch, turn: Tensor, shift: Tensor) -> Tensor:
    """Lips about the axis of teeth that stand where the template's do."""
    return (lips - shift[:, None, None]) @ torch.linalg.inv(turn)[:, None] - arch.axis


def _past_edge(still: Tensor, other: Tensor, arch: DentalArch) -> Tensor:
    out = _pushed(still, arch)
    edge = _edge_at(still, arch)
    sign = -1.0 if arch.upper else 1.0
    over = ((edge - still[..., 1]) * sign + _APART) * (out / _TOUCHED).clamp(max=1)
    past, round_ = over.amax(1), out.amax(1)
    slides = ((EDGE_WINS * round_ - past) / (_UNDECIDED * round_ + 1e-6)).clamp(0, 1) * other
    way = sign * torch.maximum(past * slides, _evened(past * slides)) * other
    moved = torch.zeros_like(still)
    moved[..., 1] = way[:, None] * torch.tensor(UNDER)[:, None]
    return still + moved


def spread(out: Float[Tensor, "frames rings columns"]) -> Float[Tensor, "frames rings columns"]:
    """Pushes that the loops and columns beside them follow."""
    rows = list(out.unbind(1))
    for order in (range(1, len(rows)), range(len(rows) - 2, -1, -1)):
        for k in order:
            before = k - 1 if order.step > 0 else k + 1
            rows[k] = torch.maximum(rows[k], _ALONG * rows[before])
    whole = torch.stack(rows, 1)
    return torch.maximum(whole, _evened(_evened(whole)))


def _evened(values: Tensor) -> Tensor:
    """Means over three columns of a closed loop."""
    return (values.roll(1, -1) + 2 * values + values.roll(-1, -1)) / 4


def _outward(still: Tensor) -> Tensor:
    x, _, z = still.unbind(-1)
    far = torch.hypot(x, z).clamp(min=1e-6)
    return torch.stack([x / far, torch.zeros_like(x), z / far], -1)


def _pushed(still: Tensor, arch: DentalArch) -> Float[Tensor, "frames rings columns"]:
    """How far each point has to go outwards."""
    from talkcli.engine.face.wall_depths import wall_depths  # numba is slow to load, for those who pose

    out = torch.empty(still.shape[:-1])
    low, high = arch.heights.tolist()
    wall_depths(
        still.reshape(-1, 3).numpy(), arch.wall.numpy(), low, high, WIDEST, _APART, out.view(-1).numpy()
    )
    return out


def _edge_at(still: Tensor, arch: DentalArch) -> Float[Tensor, "frames rings columns"]:
    """The height of an arch's edge at the angle of each point."""
    last = len(arch.edge) - 1
    angle = ((torch.atan2(still[..., 0], still[..., 2]) / WIDEST + 1) / 2 * last).clamp(0, last)
    left = angle.long().clamp(max=last - 1)
    return torch.lerp(arch.edge[left], arch.edge[left + 1], angle - left)
