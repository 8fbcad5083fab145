"""Gaussians know what a film shows of them, and are in its light where it shows nothing."""

from __future__ import annotations

import functools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch

from talkcli.engine.assets import asset
from talkcli.engine.capture.film_splats import lit_gaussians, own_colours, seen_gaussians
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import gaussians
from talkcli.engine.motion import Coefficients, Head, Motion
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.splat_fit import Shots, SplatFit, SplatFitSettings
from talkcli.engine.rendering.splat_seeds import seeded_gaussians
from talkcli.engine.rendering.splats import draw_views

FRAMES = 8


@functools.cache
def filmed() -> tuple[Avatar, Motion, Shots]:
    """A bare head of 3000 Gaussians that turns to both sides before one camera, and black pictures of it."""
    kofi = replace(load_avatar(asset("kofi.avatar")), worn=(), splats=None)
    seeds = seeded_gaussians(kofi, 3000)
    head = replace(kofi, splats=replace(seeds, uv=torch.zeros(3000, 2)))  # all of it is skin
    turns = torch.zeros(FRAMES, 3)
    turns[:, 1] = torch.linspace(-0.4, 0.4, FRAMES)
    face = Coefficients(torch.zeros(FRAMES, len(load_face_model().shapes)), torch.zeros(FRAMES, 3))
    camera = portrait(head, "front", (96, 96)).part([0] * FRAMES)
    black = torch.zeros(FRAMES, 96, 96, 4, dtype=torch.uint8)
    motion = Motion(Fraction(25), face, Head(turns, torch.zeros(FRAMES, 3)))
    return head, motion, Shots(black, camera, torch.arange(FRAMES))


def hidden() -> torch.Tensor:
    """[n] whether a Gaussian is at the back of the scalp."""
    head = filmed()[0]
    assert head.splats is not None
    places = (head.neutral[head.splats.corners] * head.splats.weights[..., None]).sum(1)
    scalp = torch.isin(head.splats.corners, load_face_model().topology.regions["scalp"].long()).all(1)
    return scalp & (places[:, 2] < places[scalp, 2].median() - 0.02)


def test_gaussians_are_shown_by_a_film_where_its_camera_sees_them():
    """In front of the face, not behind the head."""
    head = filmed()[0]
    assert head.splats is not None
    share = seen_gaussians(*filmed()).share
    nose = torch.isin(head.splats.corners, load_face_model().topology.regions["nose"].long()).all(1)
    assert nose.sum() > 50 and hidden().sum() > 50
    assert share[nose].median() > 0.8 and share[hidden()].quantile(0.9) < 0.01


def test_what_a_film_does_not_show_is_in_its_light():
    """All that is seen is darker than the look, and redder: so is then the back of the head."""
    head, motion, shots = filmed()
    dim = torch.tensor([0.6, 0.45, 0.45])
    pictures = []
    for number in range(FRAMES):
        cloud = gaussians(motion, head, number, number + 1, acting=False)[0]
        seen = draw_views(cloud, shots.camera.part([number]))
        own = seen.colour[0] / seen.coverage.clamp(min=1e-6) * dim[:, None, None]
        pictures.append(torch.cat([own, seen.coverage]))
    shown = replace(shots, pictures=(torch.stack(pictures).permute(0, 2, 3, 1) * 255).byte())
    lit = lit_gaussians(head, seen_gaussians(head, motion, shown))
    assert head.splats is not None
    changed = (lit.colour[:, 0] / head.splats.colour[:, 0].clamp(min=0.01))[hidden()].median(0).values
    assert (changed - dim).abs().max() < 0.15
    assert torch.equal(lit_gaussians(head, seen_gaussians(*filmed())).colour, head.splats.colour), "unseen"


def test_what_pictures_hardly_show_keeps_its_colour():
    """Steps towards a black head, with and without a wish to stay: the nose turns dark either way."""
    head, motion, shots = filmed()
    assert head.splats is not None
    shown = replace(shots, pictures=shots.pictures + torch.tensor([0, 0, 0, 255], dtype=torch.uint8))
    nose = torch.isin(head.splats.corners, load_face_model().topology.regions["nose"].long()).all(1)
    changes = []
    for weight in (0.0, 3.0):
        fit = SplatFit(head, motion, shown, SplatFitSettings(8, recoloured=weight))
        for _ in fit.steps():
            pass
        changes.append((fit.splats.colour - head.splats.colour).abs().mean((1, 2)))
    free, held = changes
    assert held[hidden()].mean() < 0.5 * free[hidden()].mean()
    assert held[nose].median() > 0.7 * free[nose].median()


def test_colours_beside_an_outline_are_the_person_s_own():
    picture = np.full((40, 40, 4), 200, np.uint8)
    picture[..., 3] = 0
    picture[10:30, 10:30] = 40, 50, 60, 255
    picture[10, 10:30, :3] = 200  # what stands behind is taken for the person
    cleaned = own_colours(picture)
    assert (cleaned[..., :3] == (40, 50, 60)).all() and (cleaned[..., 3] == picture[..., 3]).all()
    nobody = np.zeros((8, 8, 4), np.uint8)
    assert (own_colours(nobody) == nobody).all()
