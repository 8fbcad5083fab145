"""Eyelids lie on eyeballs: they slide round them, meet and never cross."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from talkcli.engine.struct import TensorStruct

LID_RINGS = ("crease", "tarsus", "lid", "margin", "inner_margin", "hidden")
"""The loops that slide; `margin` is the lid's outer edge, `inner_margin` touches the eyeball."""

EDGES = ("margin", "inner_margin")
"""The loops that meet those of the other lid."""

SLIDE = (0.15, 0.5, 0.85, 1.0, 1.0, 1.0)
"""How much of a correction of its margin each loop follows."""

CLEARANCE = (0.0012, 0.0012, 0.0010, 0.0008, 0.00025, 0.0002)
"""Metres that each loop keeps from the eyeball, if it does so at rest."""

SEAL = 0.1
"""Fraction of the resting aperture below which lids are shut: a blink is a blink on every face."""

TOGETHER = 1.6
"""Apertures over which a closing lid's two edges fall into step; touching makes the rest exact."""

FOLLOW_UPPER = 0.7
"""Share of a correction that the upper lid takes."""


class Eye(TensorStruct):
    """One eye: its lids' loops and its ball."""

    rings: Int[Tensor, "rings columns"]
    """LID_RINGS, each a closed loop with the same columns."""
    upper: Bool[Tensor, " columns"]
    opposite: Int[Tensor, " columns"]
    """The column of the other lid that this one meets; the canthi meet themselves."""
    lashes: Int[Tensor, " lash_verts"]
    lash_columns: Int[Tensor, " lash_verts"]
    """The column of the margin that each lash vertex rides on."""
    ball: Int[Tensor, " ball_verts"]
    centre: Float[Tensor, " 3"]
    """Of the ball of the mean face, metres."""

    def located(self, template: Tensor, neutral: Tensor) -> tuple[Tensor, float]:
        """This face's eyeball: centre [3] metres and size relative to the mean face's."""
        rest, mine = template[self.ball], neutral[self.ball]
        spread = (mine - mine.mean(0)).norm(dim=1).mean() / (rest - rest.mean(0)).norm(dim=1).mean()
        return mine.mean(0) + (self.centre - rest.mean(0)) * spread, float(spread)

    def apertures(self, neutral: Tensor) -> Float[Tensor, " columns"]:
        """How far apart the margins lie at rest, metres."""
        margin = neutral[self.rings[LID_RINGS.index("margin")]]
        return (margin - margin[self.opposite]).norm(dim=1)


def fitted_shapes(
    shapes: Float[Tensor, "shapes verts 3"], eye: Eye, template: Tensor, neutral: Tensor
) -> Float[Tensor, "shapes verts 3"]:
    """Shapes of the eye region scaled to this face's aperture, column by column, and to its eyeball."""
    wide, mine = eye.apertures(template), eye.apertures(neutral)
    ratio = ((mine + 5e-4) / (wide + 5e-4)).clamp(0.3, 3.0)
    out = shapes.clone()
    for ring, slide in zip(eye.rings, SLIDE, strict=True):
        out[:, ring] *= (1 + (ratio - 1) * min(1.0, slide * 1.2))[:, None]
    out[:, eye.lashes] *= ratio[eye.lash_columns, None]
    out[:, eye.ball] *= eye.located(template, neutral)[1]
    return out


def settle_lids(
    vertices: Float[Tensor, "frames verts 3"], eye: Eye, template: Tensor, neutral: Tensor
) -> None:
    """In place: round eyeballs, lids that slide on them, meet when nearly shut and stop where they meet."""
    centre = eye.located(template, neutral)[0]
    rest = neutral - centre
    ball = vertices[:, eye.ball] - centre
    radius = rest[eye.ball].norm(dim=1)
    ball *= (radius / ball.norm(dim=2))[..., None]
    vertices[:, eye.ball] = ball + centre

    lids = vertices[:, eye.rings] - centre
    lids = _met(_lifted(lids, rest[eye.rings], ball, rest[eye.ball]), rest[eye.rings], eye)
    lashes = vertices[:, eye.lashes] - centre
    margin = LID_RINGS.index("margin")
    before = vertices[:, eye.rings[margin]] - centre
    lashes = lashes + (lids[:, margin] - before)[:, eye.lash_columns]
    vertices[:, eye.rings] = lids + centre
    vertices[:, eye.lashes] = lashes + centre


def _elevation(points: Tensor) -> Tensor:
    """Angle about the horizontal axis through the eyeball's centre, radians, up is positive."""
    return torch.atan2(points[..., 1], points[..., 2])


def _met(lids: Tensor, rest: Tensor, eye: Eye) -> Tensor:
    """Lids [frames, rings, columns, 3] turned about the eyeball: no pair crossed, the nearly shut shut."""
    canthus = eye.opposite == torch.arange(len(eye.opposite))
    sign = torch.where(eye.upper, 1.0, -1.0).masked_fill(canthus, 0.0)
    share = sign * torch.where(eye.upper, FOLLOW_UPPER, 1 - FOLLOW_UPPER)
    gaps, fulls = {}, {}
    for name in EDGES:
        ring = LID_RINGS.index(name)
        angle, calm = _elevation(lids[:, ring]), _elevation(rest[ring])
        gaps[name], fulls[name] = sign * (angle - angle[:, eye.opposite]), sign * (calm - calm[eye.opposite])
    parts = [gaps[name] / fulls[name].clamp(min=1e-3) for name in EDGES]
    openness = _zipped(torch.minimum(*parts).masked_fill(canthus, 1.0))
    left = ((openness - SEAL) / (1 - SEAL)).clamp(min=0)
    step = ((1 - openness) / TOGETHER).clamp(0, 1)
    turns = {n: share * step * (left * fulls[n] - gaps[n]) for n in EDGES}
    touch = (1 - left / SEAL).clamp(0, 1) * sign.abs()
    led = [turns["inner_margin" if name in ("inner_margin", "hidden") else "margin"] for name in LID_RINGS]
    turned = _turned(lids, torch.stack([lead * slide for lead, slide in zip(led, SLIDE, strict=True)], 1))
    for name in EDGES:
        ring = LID_RINGS.index(name)
        own, other = turned[:, ring], turned[:, ring, eye.opposite]
        turned[:, ring] = _creased(torch.lerp(own, (own + other) / 2, touch[..., None]), rest[ring], touch)
    return turned


def _zipped(openness: Tensor) -> Tensor:
    """Openness [frames, columns] where a column near a canthus is no wider open than its inner neighbours."""
    columns = openness.shape[1]
    out = openness.clone()
    for corner in (0, columns // 2):
        for way in (1, -1):
            for k in (3, 2, 1):
                here, inner = (corner + way * k) % columns, (corner + way * (k + 1)) % columns
                out[:, here] = torch.minimum(out[:, here], out[:, inner])
    return out


def _turned(lids: Tensor, turn: Tensor) -> Tensor:
    """Lids raised by angles [frames, rings, columns] about the eyeball's horizontal axis."""
    x, y, z = lids.unbind(-1)
    cos, sin = turn.cos(), turn.sin()
    return torch.stack([x, y * cos + z * sin, z * cos - y * sin], -1)


def _creased(edge: Tensor, rest: Tensor, touch: Tensor) -> Tensor:
    """An edge [frames, columns, 3]; next to a canthus shut lids keep to the line that leads there."""
    columns = edge.shape[1]
    out = edge.clone()
    for corner in (0, columns // 2):
        beside, beyond = ([(corner + k) % columns, (corner - k) % columns] for k in (1, 2))
        step = (rest[beside] - rest[corner]).norm(dim=1).mean() / (rest[beyond] - rest[corner]).norm(
            dim=1
        ).mean()
        line = torch.lerp(edge[:, corner], edge[:, beyond].mean(1), step)[:, None]
        out[:, beside] = torch.lerp(edge[:, beside], line, touch[:, beside, None])
    return out


def _lifted(lids: Tensor, rest: Tensor, ball: Tensor, rest_ball: Tensor) -> Tensor:
    """Lids pushed out along the radius where they would enter the eyeball or its cornea."""
    pole = rest_ball[:, 2].argmax()
    angles = (
        torch.nn.functional.cosine_similarity(rest_ball, rest_ball[pole][None], dim=1).clamp(-1, 1).acos()
    )
    order = angles.argsort()
    knots, radii = angles[order], rest_ball[order].norm(dim=1)

    def surface(points: Tensor, gaze: Tensor) -> Tensor:
        off = torch.nn.functional.cosine_similarity(points, gaze, dim=-1).clamp(-1, 1).acos()
        right = torch.searchsorted(knots, off.contiguous()).clamp(1, len(knots) - 1)
        low, high = knots[right - 1], knots[right]
        part = ((off - low) / (high - low + 1e-9)).clamp(0, 1)
        return torch.lerp(radii[right - 1], radii[right], part)

    clear = torch.tensor(CLEARANCE)[:, None]
    clear = torch.minimum(rest.norm(dim=-1) - surface(rest, rest_ball[pole].expand_as(rest)), clear)
    gaze = ball[:, pole][:, None, None].expand_as(lids)
    distance = lids.norm(dim=-1)
    floor = surface(lids, gaze) + clear
    return lids * (torch.maximum(distance, floor) / distance)[..., None]
