"""Somebody's Gaussians from their film: hair, cloth and eyes as filmed, on the head that was followed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from scipy.spatial import KDTree
from torch import Tensor

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.capture.beside_shots import beside_shots
from talkcli.engine.capture.detector import Detector, Photo
from talkcli.engine.capture.film_crops import PERSON_AROUND, square_views
from talkcli.engine.capture.film_squares import film_squares
from talkcli.engine.capture.film_track import TrackedFilm, seen_motion
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.gaussians import BoundGaussians, carried_gaussians
from talkcli.engine.face.geometry import gaussians
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.motion import Motion
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.splat_fit import Shots, SplatFit, SplatFitSettings
from talkcli.engine.rendering.splat_seeds import seeded_gaussians
from talkcli.engine.rendering.splats import draw_views
from talkcli.engine.struct import along_frames

LEARNT_FROM = 100
"""Pictures at most."""

BODIES = 24
"""Pictures at most of which more than the head is learnt."""

FILM_GAUSSIANS, FILM_STEPS = 24_000, 1440

_LOOKED_AT = 16
"""Pictures by which it is known what a film shows."""

HARDLY_SHOWN, WELL_SHOWN = (0.04, 0.0), (0.12, 0.01)
"""Of what a Gaussian of the skin, and one of hair or cloth, would add to a picture alone: up to which it
stays as the mesh has it in the film's light, and from which on the film says how it looks. Hair that shines
through other hair is free, or none could vanish where the film has less of it."""

NEAR_SKIN = 5e-3
"""Weight of offsets squared: a film sees from few sides how far off the skin anything is."""

NEAR_COLOUR = 1.0
"""Weight of changes of colour squared: what is seen edge-on would take any that mends its neighbours'
faults."""

FILM_SQUARE = 256
"""Pixels of a side of what is learnt from: of the person, and of the face alone."""

FACE_AROUND = 1.2
"""Side of a square that shows the face alone, in distances from the forehead to the chin."""

_SURELY, _OUTLINE = 250, 3
"""Byte of a mask; pixels inside its outline whose colour may be that of what stands behind."""

_NEAR, _ALIKE, _NEIGHBOURS = 0.01, 0.05, 48
"""Metres and sRGB within which Gaussians are of one stuff in one light, and by how many each is known."""
_WORN_TOLD = 400
"""Of those that are worn, about so many are asked: cloth has patterns, and light is much the same on it."""
_DARK, _MOST = 0.1, math.log(2)
"""sRGB below which ratios of colours say little; the most of their logarithms."""
_A_PIXEL = 1.0
"""What a Gaussian adds to pictures before its colour counts as seen."""


def film_fit(tracked: TrackedFilm, avatar: Avatar, detector: Detector, seed: int = 0) -> SplatFit:
    """A fit, not yet begun, of the avatar's Gaussians to the longest run of its film, of which what is kept
    out is left out."""
    motion, camera = seen_motion(tracked, load_rig(DEFAULT_RIG), tracked.longest)
    shots = _filmed(tracked, avatar, detector, motion, camera)
    seeded = replace(avatar, splats=seeded_gaussians(avatar, FILM_GAUSSIANS, seed))
    seen = seen_gaussians(seeded, motion, shots)
    lit = replace(avatar, splats=lit_gaussians(seeded, seen))
    settings = SplatFitSettings(
        FILM_STEPS, coverage=1.0, inside=True, stray=NEAR_SKIN, recoloured=NEAR_COLOUR
    )
    told = shots.joined(beside_shots(motion, avatar, camera, FILM_SQUARE))
    return SplatFit(lit, motion, told, settings, seed, held=1 - seen.share)


def _filmed(
    tracked: TrackedFilm, avatar: Avatar, detector: Detector, motion: Motion, camera: Camera
) -> Shots:
    """Squares of the film: of the person, of the face, and of the body; these below the first only as far as
    the mesh goes, whose arms are cut off."""
    numbers, squares, pictures, bodies = film_squares(
        tracked, detector, FILM_SQUARE, LEARNT_FROM, kept_out=False,
        arounds=(PERSON_AROUND, FACE_AROUND), bodies=BODIES,
    )  # fmt: skip
    views = square_views(camera.part(numbers.tolist()), squares, FILM_SQUARE)
    lower = list(range(len(numbers) - bodies, len(numbers)))
    some = numbers[lower].tolist()
    bust = along_frames(motion, lambda track: track[some])
    mesh = frames(bust, avatar, views.part(lower), background="transparent")
    person = dict(zip(numbers[::-1].tolist(), squares[::-1], strict=True))
    for number, drawn in zip(lower, mesh, strict=True):
        (_, top, side), (_, above, tall) = squares[number], person[int(numbers[number])]
        row = int(np.clip((above + tall - top) / side, 0, 1) * FILM_SQUARE)
        cover = pictures[number, row:, :, 3]
        cover[:] = np.minimum(cover, drawn[row:, :, 3])
    cut = np.stack([own_colours(picture) for picture in pictures])
    return Shots(torch.from_numpy(cut), views, torch.from_numpy(numbers))


def own_colours(cut: Photo) -> Photo:
    """The person's colours, carried outwards from inside the outline: beyond it, and nearly so within, a
    picture is of what stands behind."""
    inside = ndimage.binary_erosion(cut[..., 3] > _SURELY, iterations=_OUTLINE)
    if not inside.any():
        return cut
    outside = np.logical_not(inside)
    nearest: Any = ndimage.distance_transform_edt(outside, return_distances=False, return_indices=True)
    rows, columns = nearest
    return np.concatenate([cut[rows, columns, :3], cut[..., 3:]], 2)


def _worn(splats: BoundGaussians) -> Bool[Tensor, " n"]:
    """Which are hair or cloth, not skin."""
    if splats.uv is None:
        return torch.ones(len(splats), dtype=torch.bool)
    return (splats.uv < 0).any(1)


class SeenGaussians(NamedTuple):
    """What pictures show of each Gaussian."""

    share: Float[Tensor, " n"]
    """How well one of them does at the best, 0..1: what it adds to a picture, if skin is dense, beside what
    it would add alone, flat before the camera."""
    weight: Float[Tensor, " n"]
    """Pixels of the person that it adds to all of them"""
    colour: Float[Tensor, "n 3"]
    """sRGB, mean of these"""


def seen_gaussians(avatar: Avatar, motion: Motion, shots: Shots) -> SeenGaussians:
    """What some of the pictures show of the avatar's Gaussians."""
    splats = avatar.splats
    assert splats is not None
    best, weight, colour = torch.zeros(len(splats)), torch.zeros(len(splats)), torch.zeros(len(splats), 3)
    skin = ~_worn(splats)
    opacity = torch.where(skin, 1.0, splats.opacity)
    wide = 2 * math.pi * splats.scales[:, :2].prod(1) * opacity
    for number in np.unique(np.linspace(0, len(shots) - 1, _LOOKED_AT).round().astype(int)).tolist():
        pose, camera = int(shots.pose[number]), shots.camera.part([number])
        cloud = gaussians(motion, avatar, pose, pose + 1, acting=False)[0]
        picture = shots.pictures[number].permute(2, 0, 1).float() / 255
        whole, person = torch.ones_like(picture[3:]), picture[3:]
        added = []
        for shown in (torch.cat([whole, person, person]), picture[:3] * person):
            plain = torch.ones(len(best), 1, 3).requires_grad_()
            drawn = draw_views(replace(cloud, colour=plain, opacity=opacity), camera)
            (drawn.colour[0] * shown).sum().backward()
            assert plain.grad is not None
            added.append(plain.grad[:, 0])
        away = -(cloud.places @ camera.views[0, 2, :3] + camera.views[0, 2, 3]).clamp(max=-0.05)
        alone = wide * (camera.lenses[0, 0].float() / away).square()
        best = torch.maximum(best, added[0][:, 0] / alone)
        weight, colour = weight + added[0][:, 1], colour + added[1]
    hardly, well = (torch.where(skin, *least) for least in (HARDLY_SHOWN, WELL_SHOWN))
    share = ((best - hardly) / (well - hardly)).clamp(0, 1)
    return SeenGaussians(share * share * (3 - 2 * share), weight, colour / weight.clamp(min=1e-6)[:, None])


def lit_gaussians(avatar: Avatar, seen: SeenGaussians) -> BoundGaussians:
    """The avatar's in the light of what was seen: each as much lighter or darker than the mesh's look as
    those are that were seen near it and are of its colour; of what is worn as most of those are that lie
    about it, or a tie would be light on the shirt beside it."""
    splats = avatar.splats
    assert splats is not None
    known = seen.weight * seen.share > _A_PIXEL
    if int(known.sum()) < 2:
        return splats
    own, worn = splats.colour[:, 0], _worn(splats)
    rest = carried_gaussians(splats, avatar.neutral, avatar.neutral[None])[0].places
    places = torch.cat([rest / _NEAR, own / _ALIKE], 1).numpy()
    ratio = ((seen.colour + _DARK) / (own + _DARK)).log()
    change = torch.zeros_like(own)
    for mine, asked in ((worn, _WORN_TOLD), (~worn, len(own))):
        told = torch.nonzero(known & mine)[:, 0]
        told = told[:: max(1, len(told) // asked)]
        if len(told) < 2:
            continue
        _, near = KDTree(places[told.numpy()]).query(places[mine.numpy()], k=min(_NEIGHBOURS, len(told)))
        there = told[torch.from_numpy(near)]
        trust = seen.weight[there][..., None]
        mean = (ratio[there] * trust).sum(1) / trust.sum(1)
        change[mine] = ratio[there].median(1).values if mine is worn else mean
    change = change.clamp(-_MOST, _MOST)
    lit = ((own + _DARK) * change.exp() - _DARK).clamp(0, 1)
    return replace(splats, colour=torch.cat([lit[:, None], splats.colour[:, 1:]], 1))
