"""Eyelids lie on eyeballs: they slide round them, meet and never cross."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from talkcli.engine.struct import TensorStruct

_SEAL = 0.12
"""Fraction of the resting aperture below which lids are shut: a blink is a blink on every face."""

SUDDEN = 4
"""How late on its way a lid is drawn to the other one: by closure to this power."""

FOLLOW_UPPER = 0.7
"""Share of the way to where lids meet that the upper lid goes."""

_APART = 0.0001
"""Metres that stay between the margins of shut lids."""

_FOLDED, _FOLD = (0.15, 0.4, 0.7, 0.9, 1.0, 1.0, 1.0), 0.002
"""How closely the last columns before the inner canthus meet, and from which gap on, metres."""

SMALLEST = 0.001
"""Metres: lids that lie nearer at rest, next to a canthus, are taken to be so far apart."""

_KNOTS = 41
"""Of an eyeball's outline, from the pole of its cornea to its back."""

NARROW, _WIDE = 0.4, 2.5
"""The least and most that the shapes of the eyes are scaled to a face's own aperture."""


class LidContact(TensorStruct):
    """One eye: the edge of its lids, all that follows it, and its ball."""

    edge: Int[Tensor, " columns"]
    """The closed loop of the lids that lies on the eyeball, from the outer canthus over the upper lid."""
    upper: Bool[Tensor, " columns"]
    opposite: Int[Tensor, " columns"]
    """The column of the other lid that this one meets; the canthi meet themselves."""
    over: Int[Tensor, "loops pairs"]
    """Loops beyond the edge, the lid's margin first, column by column: of the upper lid."""
    under: Int[Tensor, "loops pairs"]
    """And what they lie on when the lids are shut."""
    outer: Int[Tensor, " loops"]
    """The outer canthus's vertex of each of these loops."""
    lids: Int[Tensor, " lid_verts"]
    """The skin of the lids, the edge itself among it, then the lashes."""
    follow: Float[Tensor, "lid_verts columns"]
    """How much of each column's correction each of them follows."""
    clearance: Float[Tensor, " skin_verts"]
    """Metres that the skin keeps from the eyeball; what lies nearer at rest may do so."""
    ball: Int[Tensor, " ball_verts"]
    centre: Float[Tensor, " 3"]
    """Of the ball of the mean face, metres."""

    def located(self, template: Tensor, neutral: Tensor) -> tuple[Tensor, float]:
        """This face's eyeball: centre [3] metres and size relative to the mean face's."""
        rest, mine = template[self.ball], neutral[self.ball]
        spread = (mine - mine.mean(0)).norm(dim=1).mean() / (rest - rest.mean(0)).norm(dim=1).mean()
        return mine.mean(0) + (self.centre - rest.mean(0)) * spread, float(spread)

    def apertures(self, neutral: Tensor) -> Float[Tensor, " columns"]:
        """How far apart the edges lie at rest, metres."""
        edge = neutral[self.edge]
        return (edge - edge[self.opposite]).norm(dim=1)


def fitted_shapes(
    shapes: Float[Tensor, "shapes verts 3"], eye: LidContact, template: Tensor, neutral: Tensor
) -> Float[Tensor, "shapes verts 3"]:
    """Shapes of the eye region scaled to this face's aperture, column by column, and to its eyeball."""
    wide, mine = eye.apertures(template), eye.apertures(neutral)
    ratio = ((mine + SMALLEST) / (wide + SMALLEST)).clamp(NARROW, _WIDE)
    out = shapes.clone()
    out[:, eye.lids] *= (1 + eye.follow @ (ratio - 1))[:, None]
    out[:, eye.ball] *= eye.located(template, neutral)[1]
    return out


def settle_lids(
    vertices: Float[Tensor, "frames verts 3"], eye: LidContact, template: Tensor, neutral: Tensor
) -> None:
    """In place: round eyeballs, lids that slide on them, meet when nearly shut and stop where they meet."""
    centre = eye.located(template, neutral)[0]
    rest_ball = neutral[eye.ball] - centre
    ball = vertices[:, eye.ball] - centre
    ball *= (rest_ball.norm(dim=1) / ball.norm(dim=2))[..., None]
    vertices[:, eye.ball] = ball + centre

    calm = neutral[eye.edge] - centre
    lids = _met(vertices[:, eye.lids] - centre, vertices[:, eye.edge] - centre, calm, eye)
    skin = eye.lids[: len(eye.clearance)]
    bare = _lifted(lids[:, : len(skin)], neutral[skin] - centre, eye.clearance, ball, rest_ball)
    vertices[:, eye.lids] = torch.cat([bare, lids[:, len(skin) :]], 1) + centre
    vertices[:, eye.edge] = _joined(vertices[:, eye.edge] - centre, calm, eye) + centre
    width = _width(neutral[None, eye.over] - centre, neutral[None, eye.under] - centre)
    over, under = _parted(vertices[:, eye.over] - centre, vertices[:, eye.under] - centre, width)
    outer = _between(vertices[:, eye.outer] - centre, over[:, :, 0], under[:, :, 0], width[:, :, 0])
    for loops, margin in ((eye.over, over), (eye.under, under), (eye.outer, outer)):
        vertices[:, loops] = margin + centre


def _closure(edge: Tensor, calm: Tensor, eye: LidContact) -> Float[Tensor, "frames columns"]:
    """How far each column is shut, 0 to 1: late and smoothly, so that edges never cross on their way."""
    now, rest = _elevation(edge), _elevation(calm)
    sign = torch.where(eye.upper, 1.0, -1.0)
    gap, full = (sign * (at - at[..., eye.opposite]) for at in (now, rest))
    canthus = eye.opposite == torch.arange(len(eye.opposite))
    openness = (1 - (full - gap) / full.clamp(min=SMALLEST / calm.norm(dim=1))).masked_fill(canthus, 1.0)
    return ((1 - _zipped(openness)) / (1 - _SEAL)).clamp(0, 1) ** SUDDEN


def _met(lids: Tensor, edge: Tensor, calm: Tensor, eye: LidContact) -> Float[Tensor, "frames lid_verts 3"]:
    """Lids with their edge on its way to where it meets the other one."""
    done = _closure(edge, calm, eye)
    share = torch.where(eye.upper, FOLLOW_UPPER, 1 - FOLLOW_UPPER)
    height, x = _elevation(edge), edge[..., 0]
    turn = done * share * (height[:, eye.opposite] - height)
    slide = done * 0.5 * (x[:, eye.opposite] - x)
    met = _turned(lids, turn @ eye.follow.T)
    met[..., 0] += slide @ eye.follow.T
    return met


def _joined(edge: Tensor, calm: Tensor, eye: LidContact) -> Float[Tensor, "frames columns 3"]:
    """Edges that are shut lie on each other, column by column."""
    done = _closure(edge, calm, eye)[..., None]
    return torch.lerp(edge, (edge + edge[:, eye.opposite]) / 2, done)


def _width(over: Tensor, under: Tensor) -> Float[Tensor, "frames loops pairs"]:
    """How wide the gap between the lids' margins is, metres."""
    return (_elevation(over) - _elevation(under)) * over.norm(dim=-1)


def _narrowed(width: Tensor, calm: Tensor) -> Tensor:
    """How near margins are that fold when they are: 0 where they are as wide apart as at rest, to 1."""
    return ((calm.clamp(max=_FOLD) - width) / _FOLD).clamp(0, 1)


def _parted(over: Tensor, under: Tensor, calm: Tensor) -> tuple[Tensor, Tensor]:
    """The lids' margins without crossing; next to the inner canthus, where they fold, face to face."""
    fold = torch.zeros(over.shape[2])
    fold[-len(_FOLDED) :] = torch.tensor(_FOLDED)
    between = (under - over) * (_narrowed(_width(over, under), calm) * fold / 2)[..., None]
    over, under = over + between, under - between
    apart = (_APART / over.norm(dim=-1) - _elevation(over) + _elevation(under)).clamp(min=0) / 2
    return _turned(over, apart), _turned(under, -apart)


def _between(outer: Tensor, over: Tensor, under: Tensor, calm: Tensor) -> Float[Tensor, "frames loops 3"]:
    """The outer canthus at the height where the lids beside it meet, the nearer the more they are shut."""
    middle = (_elevation(over) + _elevation(under)) / 2
    return _turned(outer, _narrowed(_width(over, under), calm) * (middle - _elevation(outer)))


def _elevation(points: Tensor) -> Tensor:
    """Radians above the horizontal, about the axis through the eyeball's centre."""
    return torch.atan2(points[..., 1], points[..., 2])


def _zipped(openness: Tensor) -> Tensor:
    """Openness [frames, columns] where a column near a canthus is no wider open than its inner neighbours."""
    columns = openness.shape[1]
    out = openness.clone()
    for corner in (0, columns // 2):
        for way in (1, -1):
            for k in range(columns // 8, 0, -1):
                here, inner = (corner + way * k) % columns, (corner + way * (k + 1)) % columns
                out[:, here] = torch.minimum(out[:, here], out[:, inner])
    return out


def _turned(lids: Tensor, turn: Tensor) -> Tensor:
    """Lids [frames, verts, 3] raised by angles [frames, verts] about the eyeball's horizontal axis."""
    x, y, z = lids.unbind(-1)
    cos, sin = turn.cos(), turn.sin()
    return torch.stack([x, y * cos + z * sin, z * cos - y * sin], -1)


def _lifted(lids: Tensor, rest: Tensor, clearance: Tensor, ball: Tensor, rest_ball: Tensor) -> Tensor:
    """Lids pushed out along the radius where they would enter the eyeball or its cornea."""
    pole = rest_ball.norm(dim=1).argmax()
    radii = _outline(rest_ball, rest_ball[pole])

    def surface(points: Tensor, gaze: Tensor) -> Tensor:
        at = _off_axis(points, gaze) / torch.pi * (len(radii) - 1)
        left = at.floor().clamp(max=len(radii) - 2).long()
        return torch.lerp(radii[left], radii[left + 1], at - left)

    near = rest.norm(dim=-1) - surface(rest, rest_ball[pole].expand_as(rest))
    gaze = ball[:, pole][:, None].expand_as(lids)
    distance = lids.norm(dim=-1)
    floor = surface(lids, gaze) + torch.minimum(near, clearance)
    return lids * (torch.maximum(distance, floor) / distance)[..., None]


def _off_axis(points: Tensor, axis: Tensor) -> Tensor:
    """Radians between points and an axis, 0 to pi."""
    return torch.atan2(torch.linalg.cross(points, axis).norm(dim=-1), (points * axis).sum(-1))


def _outline(ball: Float[Tensor, "ball_verts 3"], axis: Float[Tensor, " 3"]) -> Float[Tensor, " knots"]:
    """How far an eyeball reaches, metres, at even angles off its axis from 0 to pi: a solid of revolution."""
    knots = torch.linspace(0, torch.pi, _KNOTS)
    near = (-((knots[:, None] - _off_axis(ball, axis.expand_as(ball))) / knots[1]).square()).softmax(1)
    return near @ ball.norm(dim=1)
