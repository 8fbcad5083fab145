"""Contact mends what a linear face gets wrong and leaves alone what is right."""

from __future__ import annotations

import functools

import pytest
import torch

from talkcli.engine.face.contact import Contact
from talkcli.engine.face.edges import facing
from talkcli.engine.face.face_model import FaceModel, load_face_model
from talkcli.engine.face.lips import LIP_RINGS


@functools.cache
def model() -> FaceModel:
    return load_face_model()


def touching() -> Contact:
    contact = model().contact
    assert isinstance(contact, Contact)
    return contact


def settled(moved: torch.Tensor) -> torch.Tensor:
    """Faces [frames, verts, 3] of the mean person after contact."""
    out = moved.clone()
    touching().settle(out, model().template, model().template)
    return out


def linear(**named: float) -> torch.Tensor:
    """One face [1, verts, 3] as the shapes alone make it."""
    weights = model().weight_vector(**named)
    return (model().template + (weights[:, None, None] * model().shapes).sum(0))[None]


def gaps(vertices: torch.Tensor) -> torch.Tensor:
    upper, lower = model().topology.lip_pairs.long().T
    return vertices[..., upper, 1] - vertices[..., lower, 1]


def shut_by(depth: float) -> torch.Tensor:
    """The mean face with its lower lip pushed up into the upper one by metres."""
    moved = model().template[None].clone()
    mouth = touching().mouth
    rings = mouth.rings[: LIP_RINGS.index("gutter")]
    lower = rings[:, ~mouth.upper]
    moved[:, lower, 1] += depth
    return moved


def test_a_resting_face_stays():
    torch.testing.assert_close(settled(model().template[None])[0], model().template, atol=1e-6, rtol=0)


@pytest.mark.parametrize("depth", [0.0005, 0.002, 0.005])
def test_crossed_lips_meet(depth: float):
    assert gaps(shut_by(depth)).min() < -0.9 * depth
    assert gaps(settled(shut_by(depth))).abs().max() < 5e-5


def test_pressed_lips_move_both_and_bulge():
    before, after = shut_by(0.003), settled(shut_by(0.003))
    upper, lower = model().topology.lip_pairs.long()[13]
    assert after[0, upper, 1] > before[0, upper, 1] and after[0, lower, 1] < before[0, lower, 1]
    red = touching().mouth.rings[LIP_RINGS.index("red_middle"), 14]
    assert after[0, red, 2] > before[0, red, 2]


def test_an_open_mouth_is_left_alone():
    moved = linear(jawOpen=0.5)
    mouth = touching().mouth.rings
    torch.testing.assert_close(settled(moved)[:, mouth], moved[:, mouth], atol=2e-4, rtol=0)


def test_only_lips_lids_lashes_and_eyeballs_are_touched():
    contact = touching()
    touched = torch.zeros(len(model().template), dtype=torch.bool)
    touched[contact.mouth.rings.flatten()] = True
    for eye in (contact.left, contact.right):
        for part in (eye.rings.flatten(), eye.lashes, eye.ball):
            touched[part] = True
    moved = model().template + 0.002 * torch.randn(
        3, *model().template.shape, generator=torch.Generator().manual_seed(0)
    )
    torch.testing.assert_close(settled(moved)[:, ~touched], moved[:, ~touched], atol=0, rtol=0)


def test_frames_do_not_see_each_other():
    frames = torch.cat([linear(eyeBlink=1.0), linear(jawOpen=0.4), shut_by(0.003)])
    torch.testing.assert_close(settled(frames)[1:2], settled(frames[1:2]))


def test_lower_lip_stays_out_of_the_upper_teeth():
    moved = settled(linear(jawOpen=0.06, mouthRollLower=1.0, mouthUpperUp=0.3))[0]
    contact = touching()
    slit = contact.mouth.rings[LIP_RINGS.index("slit"), ~contact.mouth.upper]
    middle = slit[moved[slit, 0].abs() < 0.01]
    teeth = moved[contact.mouth.upper_teeth]
    front, edge = teeth[:, 2].max(), teeth[:, 1].min()
    assert bool(((moved[middle, 2] > front - 1e-3) | (moved[middle, 1] < edge + 1e-3)).all())


def test_eyeballs_stay_round_between_two_looks():
    half = settled(linear(eyeLookOutLeft=0.5, eyeLookInRight=0.5))[0]
    for eye in (touching().left, touching().right):
        rest = (model().template[eye.ball] - eye.centre).norm(dim=1)
        torch.testing.assert_close((half[eye.ball] - eye.centre).norm(dim=1), rest, atol=5e-5, rtol=0)


def test_lids_travel_round_the_ball_not_through_it():
    for weight in (0.25, 0.5, 0.75, 1.0):
        vertices = settled(linear(eyeBlink=weight))[0]
        for eye in (touching().left, touching().right):
            ball = (model().template[eye.ball] - eye.centre).norm(dim=1).min()
            assert (vertices[eye.rings[:-1]] - eye.centre).norm(dim=-1).min() > ball


def test_lashes_ride_on_their_lids():
    for eye in (touching().left, touching().right):
        open_, shut = settled(linear())[0], settled(linear(eyeBlink=1.0))[0]
        margin = eye.rings[3][eye.lash_columns]
        before, after = ((v[eye.lashes] - v[margin]).norm(dim=1) for v in (open_, shut))
        assert (after - before).abs().max() < 0.0025


def test_facing_reads_the_other_edge_at_its_own_place():
    upper = torch.tensor([True, True, True, False, False, False])
    corner = torch.tensor([True, False, False, True, False, False])
    x = torch.tensor([[1.0, 0.4, -0.4, -1.0, -0.5, 0.5]])
    heights = torch.tensor([[[0.0], [1.0], [1.0], [0.0], [-1.0], [-2.0]]])
    other = facing(x, heights, upper, corner)[0, :, 0]
    torch.testing.assert_close(other[1], torch.tensor(-1.9))
    torch.testing.assert_close(other[4], torch.tensor(5 / 6))
