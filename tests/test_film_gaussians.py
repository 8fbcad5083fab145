"""Gaussians know what a film shows of them, and are in its light where it shows nothing."""

from __future__ import annotations

import functools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch

from talkcli.engine.assets import asset
from talkcli.engine.capture.beside_shots import BESIDE_DEGREES, beside_shots
from talkcli.engine.capture.film_crops import body_square
from talkcli.engine.capture.film_splats import SeenGaussians, lit_gaussians, own_colours, seen_gaussians
from talkcli.engine.capture.landmark_sets import CHIN
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


def test_cloth_below_a_picture_takes_its_light_from_wide_parts_of_it():
    """A white tie on a black shirt, of which the film shows the upper half and the mesh no tie."""
    head = filmed()[0]
    assert head.splats is not None
    cloth = replace(head.splats, uv=None, colour=torch.full_like(head.splats.colour, 0.05))
    places = (head.neutral[cloth.corners] * cloth.weights[..., None]).sum(1)
    shown = (places[:, 1] > places[:, 1].median()).float()
    tie = places[:, 0].abs() < 0.012
    colour = torch.where(tie[:, None], 0.9, 0.06).expand(-1, 3).contiguous()
    lit = lit_gaussians(replace(head, splats=cloth), SeenGaussians(shown, 10 * shown, colour))
    below = tie & (shown == 0)
    assert below.sum() > 50 and lit.colour[below].quantile(0.95) < 0.1


def test_pictures_from_beside_show_bare_skin_from_both_sides():
    """Of a head with hair at its cheeks, none of it, and no two from one side after each other."""
    motion, shots = filmed()[1:]
    ada = replace(load_avatar(asset("ada.avatar")), splats=None)
    camera = portrait(ada, "front", (96, 96)).part([0] * FRAMES)
    beside = beside_shots(motion, ada, camera, 96)
    assert (
        beside.cut_out is not None
        and beside.cut_out.all()
        and len(shots.joined(beside)) == FRAMES + len(beside)
    )
    ahead = beside.camera.views[:, 2, :3] @ camera.views[0, 2, :3]
    assert np.allclose(np.degrees(np.arccos(ahead[[0, -1]].numpy())), BESIDE_DEGREES, atol=0.5)
    assert (beside.camera.views[:-1, 2, 0] * beside.camera.views[1:, 2, 0] < 0).all()
    skin = beside.pictures[beside.pictures[..., 3] == 255][:, :3].float()
    assert set(beside.pictures[..., 3].unique().tolist()) == {0, 255} and len(skin) > 96 * 96
    assert skin.mean(1).quantile(0.02) > 40, "hair is darker"


def test_a_cut_out_tells_nothing_of_where_the_person_is_not():
    head, motion, shots = filmed()
    for cut_out, same in ((True, True), (False, False)):
        told = replace(shots, cut_out=torch.full((FRAMES,), cut_out))
        fit = SplatFit(head, motion, told, SplatFitSettings(2, inside=True, stray=0))
        before = fit.splats.opacity
        for _ in fit.steps():
            pass
        assert torch.allclose(fit.splats.opacity, before) is same


def test_a_square_of_a_body_is_as_large_as_the_picture_and_shows_the_chin():
    points = np.zeros((478, 2))
    points[CHIN] = 260, 400
    left, top, side = body_square(points, (544, 960))
    assert (left, side) == (0, 544) and top < 400 < top + side / 4 and top + side <= 960
    points[CHIN] = 900, 700
    left, top, side = body_square(points, (1920, 1080))
    assert (top, side) == (0, 1080) and left == 900 - 540


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
