"""What an avatar wears as Gaussians, in the light in which its mesh is drawn."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.gaussians import BoundGaussians, Gaussians, carried_gaussians
from talkcli.engine.face.geometry import posed
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.rendering.splat_fit import (
    Shots,
    SplatFit,
    SplatFitSettings,
    photographed,
    portraits_around,
)
from talkcli.engine.rendering.splat_seeds import seeded_gaussians
from talkcli.engine.rendering.splats import draw_views

_BENEATH = 6_000
"""Gaussians that stand for the head beneath while colours are found."""
_SCATTERED = 2
"""Times as many Gaussians at first, of which those are kept that are seen most: hair lies in layers."""
_BASES = 4
_ROUNDS = 4
"""In which colours are found."""
_CALM = 0.1
"""How much change by direction is held back, beside what pictures say of a Gaussian."""
_KNOWN = 3.0
"""Pixels of all pictures together that a Gaussian must fill to be coloured by them: what they hardly show
keeps the colour of its look."""
_STRIDE = 0.6
"""Of each round: the harmonics of a direction add up to less than the reciprocal."""


def worn_gaussians(
    avatar: Avatar, count: int = 12_000, *, views: int = 8, size: int = 256, steps: int = 150, seed: int = 0
) -> BoundGaussians | None:
    """So many Gaussians on what an avatar wears, coloured as pictures of it from all sides show them; None
    where it wears nothing. `steps`: of a fit of everything about them after that."""
    if not any(len(worn.points) for worn in avatar.worn):
        return None
    head = seeded_gaussians(avatar, _BENEATH, seed, _BASES, of="head")
    seeds = _joined(seeded_gaussians(avatar, _SCATTERED * count, seed, _BASES, of="worn"), head)
    rest = Motion(Fraction(1), Vertices(torch.zeros(1, *avatar.neutral.shape)))
    bare = replace(avatar, gaussian_head=None, rest=None)
    shots = photographed(bare, rest, portraits_around(avatar, views, (size, size)))
    cloud = carried_gaussians(seeds, avatar.neutral, posed(rest, bare).vertices)[0]
    shown = _shown(shots, cloud)
    best = shown[: _SCATTERED * count].argsort(descending=True, stable=True)[:count].sort().values
    kept = torch.cat([best, torch.arange(_SCATTERED * count, len(seeds))])
    seeds, cloud = seeds.map(lambda tensor: tensor[kept]), cloud.map(lambda tensor: tensor[kept])
    coloured = replace(seeds, colour=_seen_in(shots, cloud, shown[kept]))
    if steps:
        fit = SplatFit(replace(bare, splats=coloured), rest, shots, SplatFitSettings(steps), seed)
        for _ in fit.steps():
            pass
        coloured = fit.splats
    return replace(coloured.map(lambda tensor: tensor[:count].clone()), uv=None)


def _joined(one: BoundGaussians, other: BoundGaussians) -> BoundGaussians:
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in vars(one)}
    return BoundGaussians(**{name: torch.cat(pair) for name, pair in pairs.items()})


def _shown(shots: Shots, cloud: Gaussians) -> Float[Tensor, " n"]:
    """How many pixels of all pictures each Gaussian of a cloud fills."""
    colour = torch.full((len(cloud), 1, 3), 0.5, requires_grad=True)
    seen = draw_views(replace(cloud, colour=colour), shots.camera)
    covered = shots.pictures[..., 3:].permute(0, 3, 1, 2).float() / 255
    return torch.autograd.grad((seen.colour * covered).sum(), colour)[0][:, 0, 0]


def _seen_in(shots: Shots, cloud: Gaussians, shown: Float[Tensor, " n"]) -> Float[Tensor, "n bases 3"]:
    """The colours with which a cloud looks most as pictures do where it covers anything: least squares, by
    simultaneous reconstruction (Gilbert 1972) with Nesterov's momentum."""
    pictures = shots.pictures.permute(0, 3, 1, 2).float() / 255
    target, covered = pictures[:, :3], pictures[:, 3:]
    known = shown[:, None, None].clamp(min=_KNOWN)
    wanted = draw_views(cloud, shots.camera).coverage[:, None] * target
    last = ahead = cloud.colour
    calm = torch.tensor([0.0] + [_CALM] * (_BASES - 1))[:, None]
    for number in range(_ROUNDS):
        ahead.requires_grad_()
        drawn = draw_views(replace(cloud, colour=ahead), shots.camera).colour
        (slope,) = torch.autograd.grad(((drawn - wanted).square() * covered).sum() / 2, ahead)
        with torch.no_grad():
            now = ahead - _STRIDE * (slope / known + calm * ahead)
            ahead, last = now + number / (number + 3) * (now - last), now
    return last
