"""Somebody's Gaussians from their film: hair, cloth and eyes as filmed, on the head that was followed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.capture.detector import Detector
from talkcli.engine.capture.film_crops import square_views
from talkcli.engine.capture.film_squares import film_squares
from talkcli.engine.capture.film_track import TrackedFilm, seen_motion
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.geometry import gaussians
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.motion import Motion
from talkcli.engine.rendering.splat_fit import Shots, SplatFit, SplatFitSettings
from talkcli.engine.rendering.splat_seeds import seeded_gaussians
from talkcli.engine.rendering.splats import draw_views

LEARNT_FROM = 100
"""Pictures at most."""

FILM_GAUSSIANS, FILM_STEPS = 24_000, 900

_LOOKED_AT = 16
"""Pictures by which it is known what a film shows."""

HARDLY_SHOWN, WELL_SHOWN = (0.02, 0.0), (0.1, 0.01)
"""Of what a Gaussian of the skin, and one of hair or cloth, would add to a picture alone: up to which it
stays as the mesh has it, and from which on the film says how it looks. Hair that shines through other hair is
free, or none could vanish where the film has less of it."""

NEAR_SKIN = 5e-3
"""Weight of offsets squared: a film sees from few sides how far off the skin anything is."""

FILM_SQUARE = 256
"""Pixels of a side of what is learnt from."""


def film_fit(tracked: TrackedFilm, avatar: Avatar, detector: Detector, seed: int = 0) -> SplatFit:
    """A fit, not yet begun, of the avatar's Gaussians to the longest run of its film, of which what is kept
    out is left out."""
    some, squares, pictures = film_squares(tracked, detector, FILM_SQUARE, LEARNT_FROM, kept_out=False)
    motion, camera = seen_motion(tracked, load_rig(DEFAULT_RIG), tracked.longest)
    views = square_views(camera.part(some.tolist()), squares, FILM_SQUARE)
    shots = Shots(torch.from_numpy(pictures), views, torch.from_numpy(some))
    seeded = replace(avatar, splats=seeded_gaussians(avatar, FILM_GAUSSIANS, seed))
    held = 1 - shown_by(seeded, motion, shots)
    return SplatFit(
        seeded, motion, shots, SplatFitSettings(steps=FILM_STEPS, stray=NEAR_SKIN), seed, held=held
    )


def shown_by(avatar: Avatar, motion: Motion, shots: Shots) -> Float[Tensor, " n"]:
    """How well some of the pictures show each of the avatar's Gaussians at the best, 0..1: what it adds to a
    picture, if skin is dense, beside what it would add alone, flat before the camera."""
    splats = avatar.splats
    assert splats is not None
    best = torch.zeros(len(splats.opacity))
    skin = torch.zeros(len(best), dtype=torch.bool) if splats.uv is None else (splats.uv >= 0).all(1)
    opacity = torch.where(skin, 1.0, splats.opacity)
    wide = 2 * math.pi * splats.scales[:, :2].prod(1) * opacity
    for number in np.unique(np.linspace(0, len(shots) - 1, _LOOKED_AT).round().astype(int)).tolist():
        pose, camera = int(shots.pose[number]), shots.camera.part([number])
        cloud = gaussians(motion, avatar, pose, pose + 1, acting=False)[0]
        white = torch.ones(len(best), 1, 3).requires_grad_()
        dense = replace(cloud, colour=white, opacity=opacity)
        draw_views(dense, camera).colour[:, 0].sum().backward()
        assert white.grad is not None
        away = -(cloud.places @ camera.views[0, 2, :3] + camera.views[0, 2, 3]).clamp(max=-0.05)
        alone = wide * (camera.lenses[0, 0].float() / away).square()
        best = torch.maximum(best, white.grad[:, 0, 0] / alone)
    hardly, well = (torch.where(skin, *least) for least in (HARDLY_SHOWN, WELL_SHOWN))
    share = ((best - hardly) / (well - hardly)).clamp(0, 1)
    return share * share * (3 - 2 * share)
