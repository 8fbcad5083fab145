"""Gaussians scattered over an avatar, and fitted to what its mesh looks like."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from fuzz.small import bare_avatar

from talkcli.engine.assets import asset
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.geometry import gaussians, vertices
from talkcli.engine.face.worn import worn_vertices
from talkcli.engine.motion import Coefficients, Head, Motion
from talkcli.engine.rendering.splat_fit import (
    Shots,
    SplatFit,
    SplatFitSettings,
    fit_to_mesh,
    photographed,
    portraits_around,
    rehearsal,
)
from talkcli.engine.rendering.splat_seeds import seeded_gaussians
from talkcli.engine.rendering.splats import draw_views

STEPS = SplatFitSettings(steps=40)


@pytest.fixture(scope="module")
def ada() -> Avatar:
    person = load_avatar(asset("ada.avatar"))
    return replace(person, splats=seeded_gaussians(person, 3000, seed=1))


def small() -> SplatFit:
    return fit_to_mesh(bare_avatar(), 150, views=3, poses=1, size=40, bases=4, settings=STEPS)


def test_seeds_lie_on_the_avatar_and_on_what_it_wears(ada):
    rest = Motion(Fraction(1), Coefficients(torch.zeros(1, 53), torch.zeros(1, 3)))
    cloud, own = gaussians(rest, ada, acting=False)[0], ada.splats
    assert own is not None and own.uv is not None
    on_head = own.uv[:, 0] >= 0
    worn = torch.cat([thing.points[:: 7 if thing.kind == "strands" else 1] for thing in ada.worn])
    foot = (ada.neutral[own.corners] * own.weights[..., None]).sum(1)
    assert on_head.sum() > 1000 and (cloud.places - foot)[on_head].norm(dim=1).max() < 1e-6
    assert (own.weights[on_head] >= 0).all()
    assert torch.cdist(cloud.places[~on_head], worn).amin(1).max() < 0.012
    face = (cloud.places - ada.neutral[ada.lips].mean(0)).norm(dim=1) < 0.03
    assert face.sum() > 100, "they are closest where people look"


def test_hair_turns_with_the_head_as_one(ada):
    rest = Coefficients(torch.zeros(2, 53), torch.zeros(2, 3))
    turn = torch.tensor([[0.0, 0, 0], [0.1, 0.5, 0.0]])
    motion = Motion(Fraction(1), rest, Head(turn, torch.zeros(2, 3)))
    before, after = gaussians(motion, ada, acting=False)
    own, hair = ada.splats, next(worn for worn in ada.worn if worn.kind == "strands")
    assert own is not None
    worn = worn_vertices(hair, ada.neutral, vertices(motion, ada))
    ours = torch.isin(own.corners, hair.anchors.long()).all(1).nonzero()[::4, 0]
    near = torch.cdist(before.places[ours], hair.points).min(1)
    ours, near = ours[near.values < 2e-3], near.indices[near.values < 2e-3]
    assert len(ours) > 50
    moved = (after.places - before.places)[ours] - (worn[1] - worn[0])[near]
    assert moved.norm(dim=1).max() < 6e-3


def test_the_same_seed_scatters_the_same_and_another_others(ada):
    again, other = seeded_gaussians(ada, 3000, seed=1), seeded_gaussians(ada, 3000, seed=2)
    assert ada.splats is not None and torch.equal(again.offsets, ada.splats.offsets)
    assert not torch.equal(again.corners, other.corners)
    flat = Avatar("flat", torch.zeros(3, 3), torch.tensor([[0, 1, 2]]), torch.tensor([0]))
    with pytest.raises(BadInput, match="no surface"):
        seeded_gaussians(flat, 10)


def test_what_is_held_stays_as_it_is_while_others_learn():
    whole = small()
    avatar, first = replace(bare_avatar(), splats=whole.splats), whole.splats
    held = torch.zeros(len(first.opacity))
    held[:50] = 1
    shots = photographed(avatar, rehearsal(avatar, 1), portraits_around(avatar, 3, (40, 40)))
    fit = SplatFit(avatar, rehearsal(avatar, 1), shots, STEPS, held=held)
    for _ in fit.steps():
        pass
    for name in ("offsets", "scales", "colour"):
        moved = (getattr(fit.splats, name) - getattr(first, name)).abs().flatten(1).amax(1)
        assert moved[:50].max() < 1e-6 and moved[50:].max() > 1e-5, name


def test_colours_are_not_learnt_from_where_nobody_is():
    """Of pictures of nobody Gaussians learn to vanish, and no colour."""
    avatar, nobody = replace(bare_avatar(), splats=small().splats), torch.zeros(3, 40, 40, 4)
    assert avatar.splats is not None
    shots = Shots(nobody.byte(), portraits_around(avatar, 3, (40, 40)), torch.zeros(3, dtype=torch.long))
    fit = SplatFit(avatar, rehearsal(avatar, 1), shots, replace(STEPS, inside=True))
    for _ in fit.steps():
        pass
    assert torch.allclose(fit.splats.colour, avatar.splats.colour, atol=1e-7)
    assert fit.splats.opacity.mean() < avatar.splats.opacity.mean() - 0.02


def test_a_fit_comes_nearer_to_the_pictures_and_leaves_an_avatar_that_can_be_drawn():
    fit = small()
    losses = list(fit.steps())
    assert len(losses) == 40 and np.mean(losses[-6:]) < 0.6 * np.mean(losses[:6])
    avatar = replace(bare_avatar(), splats=fit.splats)
    assert avatar.splats is not None and not avatar.splats.colour.requires_grad
    camera = portraits_around(avatar, 4, (40, 40))
    seen = draw_views(gaussians(rehearsal(avatar, 1), avatar)[0], camera)
    assert (seen.coverage[:, 20, 20] > 0.9).all()


def test_a_resumed_fit_is_the_whole_one(tmp_path):
    whole = small()
    for _ in range(4):
        whole.advance()
    first = small()
    for _ in range(2):
        first.advance()
    first.save(tmp_path / "fit.safetensors")
    second = small()
    second.resume(tmp_path / "fit.safetensors")
    assert second.step == 2
    for _ in range(2):
        second.advance()
    for name, tensor in vars(whole.splats).items():
        assert torch.equal(getattr(second.splats, name), tensor), name
    with pytest.raises(BadInput, match="not the state of this run"):
        fit_to_mesh(bare_avatar(), 20, views=1, poses=1, size=16).resume(tmp_path / "fit.safetensors")


@pytest.mark.gpu
def test_a_fit_on_cuda_comes_nearer_too():
    pytest.importorskip("gsplat")
    fit = fit_to_mesh(bare_avatar(), 150, views=3, poses=1, size=40, bases=4, settings=STEPS, device="cuda")
    losses = list(fit.steps())
    assert np.mean(losses[-6:]) < 0.6 * np.mean(losses[:6]) and not fit.splats.colour.is_cuda
