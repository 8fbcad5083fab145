"""Gaussians that a head carries: where they go, how they stretch, how their skin acts, their files."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from fuzz.small import bare_avatar
from torch import Tensor

from talkcli.engine.assets import asset
from talkcli.engine.errors import BadInput, Untrusted
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.face.carried_splats import film_carrier
from talkcli.engine.face.gaussians import (
    BoundGaussians,
    Gaussians,
    carried_gaussians,
    carrier_of,
    matrix_quaternion,
    quaternion_matrix,
    tangent_frames,
)
from talkcli.engine.face.geometry import gaussians, vertices
from talkcli.engine.face.harmonics import turned_harmonics
from talkcli.engine.face.rotations import matrix
from talkcli.engine.motion import Coefficients, Head, Motion, Textures, Vertices

COUNT = 30


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def bound(avatar: Avatar, bases: int = 1) -> BoundGaussians:
    """On faces of the avatar, and one on three vertices that share none."""
    corners = avatar.faces[(random(COUNT) * len(avatar.faces)).long()].clone()
    corners[0] = torch.tensor([0, 5, 7])
    weights = random(COUNT, 3, seed=1) + 0.1
    return BoundGaussians(
        corners, weights / weights.sum(1, keepdim=True), 0.01 * (random(COUNT, 3, seed=2) - 0.5),
        random(COUNT, 4, seed=3) - 0.5, 0.002 + 0.01 * random(COUNT, 3, seed=4), random(COUNT, seed=5),
        random(COUNT, bases, 3, seed=6), 2 * random(COUNT, 2, seed=7) - 1,
    )  # fmt: skip


def somebody(bases: int = 1) -> Avatar:
    avatar = bare_avatar()
    return replace(avatar, splats=bound(avatar, bases))


def still(frames: int, verts: int = 12, head: Head | None = None) -> Motion:
    return Motion(Fraction(25), Vertices(torch.zeros(frames, verts, 3)), head)


def on(avatar: Avatar, moved: Tensor) -> Gaussians:
    """Where a head at `moved` carries the Gaussians."""
    return gaussians(Motion(Fraction(25), Vertices((moved - avatar.neutral)[None])), avatar)[0]


def test_on_the_neutral_face_they_are_as_they_were_bound():
    avatar = somebody(bases=4)
    own = avatar.splats
    assert own is not None
    cloud = gaussians(still(1), avatar)[0]
    frames = tangent_frames(avatar.neutral[own.corners])
    foot = (avatar.neutral[own.corners] * own.weights[..., None]).sum(1)
    torch.testing.assert_close(cloud.places, foot + (frames @ own.offsets[..., None])[..., 0])
    axes = frames @ quaternion_matrix(own.rotations) * own.scales[:, None]
    torch.testing.assert_close(cloud.axes, axes)
    torch.testing.assert_close(cloud.colour, own.colour, atol=1e-5, rtol=0)
    assert torch.equal(cloud.opacity, own.opacity)


@pytest.mark.parametrize("bases", [1, 4, 9])
def test_a_rigid_motion_of_the_head_moves_and_turns_them_rigidly_with_their_colours(bases):
    avatar = somebody(bases=bases)
    turn, shift = matrix(torch.tensor([0.4, -1.1, 0.3])), torch.tensor([0.1, -0.3, 0.2])
    before, after = on(avatar, avatar.neutral), on(avatar, avatar.neutral @ turn.mT + shift)
    torch.testing.assert_close(after.places, before.places @ turn.mT + shift, atol=1e-6, rtol=0)
    torch.testing.assert_close(after.axes, turn @ before.axes, atol=1e-7, rtol=0)
    torch.testing.assert_close(after.colour, turned_harmonics(before.colour, turn), atol=1e-5, rtol=0)


def test_head_pose_carries_them_as_the_vertices():
    avatar = somebody()
    track = still(3, head=Head(0.5 * random(3, 3, seed=8), 0.1 * random(3, 3, seed=9)))
    moved = vertices(track, avatar)
    assert avatar.splats is not None
    for cloud, other in zip(
        gaussians(track, avatar), carried_gaussians(avatar.splats, avatar.neutral, moved), strict=True
    ):
        torch.testing.assert_close(cloud.places, other.places, atol=1e-7, rtol=0)
    part = gaussians(track, avatar, 1, 2)
    assert len(part) == 1
    torch.testing.assert_close(part[0].axes, gaussians(track, avatar)[1].axes, atol=1e-6, rtol=0)


@pytest.mark.parametrize("bases", [1, 4])
def test_in_a_film_they_are_carried_as_where_gradients_are_asked_for(bases):
    avatar = somebody(bases=bases)
    head = avatar.neutral + 0.01 * random(*avatar.neutral.shape, seed=5)
    assert avatar.splats is not None
    one, other = (carry(avatar.splats, avatar.neutral)(head) for carry in (film_carrier, carrier_of))
    torch.testing.assert_close(one.places, other.places, atol=1e-7, rtol=0)
    torch.testing.assert_close(one.axes, other.axes, atol=1e-7, rtol=1e-5)
    torch.testing.assert_close(one.colour, other.colour, atol=1e-6, rtol=0)


def test_scale_follows_stretch():
    avatar = somebody()
    before, larger = on(avatar, avatar.neutral), on(avatar, 1.5 * avatar.neutral)
    torch.testing.assert_close(larger.axes, 1.5 * before.axes)
    torch.testing.assert_close(larger.places, 1.5 * before.places)
    flat = Avatar("flat", torch.eye(3) * 0.1, torch.tensor([[0, 1, 2]]), torch.tensor([0]))
    corners = flat.neutral[flat.faces]
    frame = tangent_frames(corners)[0]
    one = BoundGaussians(
        flat.faces, torch.full((1, 3), 1 / 3), torch.zeros(1, 3), torch.tensor([[1.0, 0, 0, 0]]),
        torch.full((1, 3), 0.01), torch.ones(1), torch.zeros(1, 1, 3),
    )  # fmt: skip
    flat = replace(flat, splats=one)
    along = torch.outer(frame[:, 0], frame[:, 0])
    wide = on(flat, flat.neutral + flat.neutral @ along)  # twice as long along the first edge
    expected = frame * torch.tensor([0.02, 0.01, 0.01 * 2**0.5])
    torch.testing.assert_close(wide.axes[0], expected, atol=1e-6, rtol=0)


def test_a_triangle_that_collapses_leaves_numbers():
    avatar = somebody(bases=4)
    cloud = on(avatar, torch.zeros_like(avatar.neutral))
    assert all(bool(tensor.isfinite().all()) for tensor in vars(cloud).values())


def test_gradients_reach_the_head_and_all_that_is_bound():
    avatar = somebody(bases=4)
    assert avatar.splats is not None
    own = avatar.splats.map(lambda t: t.requires_grad_() if t.is_floating_point() else t)
    heads = avatar.neutral[None].clone().requires_grad_()
    cloud = carried_gaussians(own, avatar.neutral, heads)[0]
    sum((tensor**2).sum() for tensor in vars(cloud).values()).backward()  # type: ignore[union-attr]
    parts = (own.weights, own.offsets, own.rotations, own.scales, own.opacity, own.colour, heads)
    assert all(part.grad is not None and part.grad.isfinite().all() and part.grad.any() for part in parts)


def test_quaternions_and_matrices_are_each_others_inverse():
    turns = matrix(torch.cat([6 * random(40, 3) - 3, torch.eye(3) * torch.pi, torch.zeros(1, 3)]))
    quaternions = matrix_quaternion(turns)
    torch.testing.assert_close(quaternion_matrix(quaternions), turns, atol=1e-5, rtol=0)
    torch.testing.assert_close(quaternions.norm(dim=1), torch.ones(44))


def test_a_skin_that_changes_changes_those_that_lie_on_it():
    avatar = somebody()
    own = avatar.splats
    assert own is not None and own.uv is not None
    halves = torch.zeros(1, 3, 4, 4)
    halves[:, 0, :2] = 0.5  # red, of the upper half
    track = replace(still(2), texture=Textures(torch.tensor([[0.0], [1.0]]), halves))
    first, second = gaussians(track, avatar)
    assert torch.equal(first.colour, own.colour)
    upper = (own.uv[:, 1] > 0.5) & (own.uv[:, 0] >= 0)
    ratio = torch.where(upper, torch.tensor(0.5).exp(), 1.0)
    assert 0 < upper.sum() < COUNT
    torch.testing.assert_close(second.colour[:, 0, 0], own.colour[:, 0, 0] * ratio)
    assert torch.equal(second.colour[:, 0, 1:], own.colour[:, 0, 1:])
    unmoved = gaussians(track, avatar, acting=False)[1]
    assert torch.equal(unmoved.colour, own.colour)


def test_the_rigs_skin_acts_on_them():
    ada = load_avatar(asset("ada.avatar"))
    own = replace(bound(ada), uv=random(COUNT, 2, seed=7))
    ada = replace(ada, splats=own)
    weights = torch.zeros(2, 53)
    weights[1] = 0.7
    rest, acting = gaussians(Motion(Fraction(30), Coefficients(weights, torch.zeros(2, 3))), ada)
    assert torch.equal(rest.colour, own.colour) and not torch.equal(acting.colour, own.colour)


def test_an_avatar_keeps_them_in_its_file(tmp_path):
    avatar = somebody(bases=4)
    save_avatar(avatar, tmp_path / "a.avatar")
    read = load_avatar(tmp_path / "a.avatar").splats
    assert read is not None and avatar.splats is not None
    for name, tensor in vars(avatar.splats).items():
        assert torch.equal(getattr(read, name), tensor), name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("corners", torch.tensor([[0, 1, 12]])),
        ("corners", torch.tensor([[1, 1, 2]])),
        ("weights", torch.tensor([[0.5, 0.6, 0.0]])),
        ("scales", torch.tensor([[0.1, 0.0, 0.1]])),
        ("offsets", torch.full((1, 3), 1e20)),
        ("rotations", torch.zeros(1, 4)),
        ("opacity", torch.tensor([1.01])),
        ("colour", torch.zeros(1, 5, 3)),
    ],
)
def test_an_avatar_whose_gaussians_cannot_be_drawn_does_not_exist(tmp_path, field, value):
    avatar = bare_avatar()
    one = bound(avatar).map(lambda tensor: tensor[1:2])
    avatar = replace(avatar, splats=one)
    object.__setattr__(one, field, value)  # as a file might hold it
    save_avatar(avatar, tmp_path / "a.avatar")
    with pytest.raises(Untrusted):
        load_avatar(tmp_path / "a.avatar")


def test_more_than_a_file_should_hold_is_refused(monkeypatch):
    monkeypatch.setattr("talkcli.engine.face.gaussians.MOST_NUMBERS", 100)
    with pytest.raises(ValueError, match="more than 100"):
        somebody()


def test_an_avatar_without_any_says_so(tmp_path: Path):
    with pytest.raises(BadInput, match="bare has no Gaussians"):
        gaussians(still(1), bare_avatar())
