"""Eyelids lie on eyeballs: they slide round them, meet and never cross."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from talkcli.engine.struct import TensorStruct

LID_RINGS = ("crease", "tarsus", "lid", "margin", "inner_margin", "hidden")
"""The loops that slide; `margin` is the lid's outer edge, `inner_margin` touches the eyeball."""

_MEETING_LOOPS = ("margin", "inner_margin")
"""The loops that meet those of the other lid."""

_SLIDE = (0.15, 0.5, 0.85, 1.0, 1.0, 1.0)
"""How much of a correction of its margin each loop follows."""

CLEARANCE = (0.0012, 0.0012, 0.0010, 0.0008, 0.00025, 0.0002)
"""Metres that each loop keeps from the eyeball, if it does so at rest."""

_SEAL = 0.1
"""Fraction of the resting aperture below which lids are shut: a blink is a blink on every face."""

SUDDEN = 5
"""How late on its way a lid is drawn to the other one: by closure to this power."""

FOLLOW_UPPER = 0.7
"""Share of the way to where lids meet that the upper lid goes."""

FLATNESS = 1.5
"""1 bends the seam of shut lids as a parabola; more leaves the canthi flatter."""

FADING = 0.6
"""Share of the inner canthus's tilt that each next column keeps."""


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
    for ring, slide in zip(eye.rings, _SLIDE, strict=True):
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


def _met(lids: Tensor, rest: Tensor, eye: Eye) -> Tensor:
    """Lids [frames, rings, columns, 3] on their way to where they meet, the nearly shut shut.

    Everything on the way is a share of the whole way, so that edges that face each other in the open eye and
    lie on each other in the shut one never cross between.
    """
    edges = [LID_RINGS.index(name) for name in _MEETING_LOOPS]
    now, calm = _unrolled(lids[:, edges]), _unrolled(rest[edges])
    sign = torch.where(eye.upper, 1.0, -1.0)
    gap, full = (sign * (at - at[..., eye.opposite, :])[..., 1] for at in (now, calm))
    canthus = eye.opposite == torch.arange(len(eye.opposite))
    openness = (gap / full.clamp(min=1e-3)).amin(1).masked_fill(canthus, 1.0)
    done = ((1 - _zipped(openness)) / (1 - _SEAL)).clamp(0, 1) ** SUDDEN
    met = torch.lerp(now, _shut(now, calm, eye), done[:, None, :, None])
    turn = (met - now)[..., 1]
    led = [turn[:, 1 if name in ("inner_margin", "hidden") else 0] for name in LID_RINGS]
    turned = _turned(lids, torch.stack([lead * slide for lead, slide in zip(led, _SLIDE, strict=True)], 1))
    turned[:, edges] = _rolled(met)
    return turned


def _unrolled(points: Tensor) -> Tensor:
    """Points as x, elevation (radians) about the axis through the eyeball's centre, distance from it."""
    x, y, z = points.unbind(-1)
    return torch.stack([x, torch.atan2(y, z), torch.hypot(y, z)], -1)


def _rolled(points: Tensor) -> Tensor:
    """Points of `_unrolled` in space."""
    x, elevation, distance = points.unbind(-1)
    return torch.stack([x, distance * elevation.sin(), distance * elevation.cos()], -1)


def _shut(edges: Tensor, rest: Tensor, eye: Eye) -> Tensor:
    """The meeting loops [frames, 2, columns, 3], unrolled: an arc that hangs between the canthi.

    The strips between the edges of either lid are cut into triangles along different diagonals; they lie on
    each other without crossing because they are hardly twisted: each column is level but for what the canthi
    themselves are tilted, which fades quickly from the inner one, where columns fan out, and evenly from the
    outer one. Next to a canthus edges keep to the line that leads there.
    """
    columns = edges.shape[2]
    outer, inner, middle = 0, columns // 2, columns // 4
    share = torch.where(eye.upper, FOLLOW_UPPER, 1 - FOLLOW_UPPER)
    half = torch.full_like(share, 0.5)
    out = torch.lerp(edges, edges[:, :, eye.opposite], torch.stack([half, share, half], -1))
    for corner in (outer, inner):
        beside, beyond = ([(corner + k) % columns, (corner - k) % columns] for k in (1, 2))
        near, far = ((rest[:, at, 0] - rest[:, [corner], 0]).mean(1) for at in (beside, beyond))
        line = torch.lerp(out[:, :, corner], out[:, :, beyond].mean(2), (near / far)[:, None])
        out[:, :, beside] = line[:, :, None]
    x, elevation = out[:, 1:, :, 0], out[..., 1]
    part = (x - x[..., [inner]]) / (x[..., [outer]] - x[..., [inner]])
    bow = (part * (1 - part)).clamp(min=0) ** FLATNESS
    level = elevation[:, 1:]
    chord = torch.lerp(level[..., [inner]], level[..., [outer]], part)
    arc = chord + (level - chord)[..., [middle]] * bow / bow[..., [middle]]
    away = (torch.arange(columns) - inner).abs()
    tilt = elevation - arc
    out[..., 1] = arc + tilt[..., [inner]] * FADING**away + tilt[..., [outer]] * (away / inner)
    return out


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
