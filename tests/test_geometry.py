"""A motion on an avatar becomes vertices, whatever kind its face track is, in any pieces."""

from __future__ import annotations

import functools
from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import FaceModel, load_face_model
from talkcli.engine.face.geometry import chunks, offsets, rig_weights, vertices
from talkcli.engine.face.jaw import JAW_OPEN, arc_weights, arc_weights_at
from talkcli.engine.face.rotations import matrix
from talkcli.engine.motion import Coefficients, Face, Head, Motion, Shapes, Vertices
from talkcli.engine.studio.scanned.people import sample_person

FRAMES = 9


@functools.cache
def model() -> FaceModel:
    return load_face_model()


@functools.cache
def person() -> Avatar:
    """Somebody who wears the rig."""
    who, topology = sample_person(2), model().topology
    return Avatar("person", who.neutral, topology.faces, topology.regions["lips"], DEFAULT_RIG, who.identity)


@functools.cache
def bare() -> Avatar:
    """A mesh without a rig."""
    points = torch.randn(20, 3, generator=torch.Generator().manual_seed(1)) * 0.1
    return Avatar("bare", points, torch.tensor([[0, 1, 2]]), torch.tensor([3, 4]))


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def head(count: int = FRAMES) -> Head:
    return Head(0.3 * (random(count, 3, seed=5) - 0.5), 0.01 * random(count, 3, seed=6))


def speaking() -> Coefficients:
    """A few shapes that no contact needs to mend."""
    weights = torch.zeros(FRAMES, len(model().shapes))
    for name in ("jawOpen", "mouthSmileLeft", "browInnerUp", "mouthFunnel"):
        weights[:, model().shape_names.index(name)] = 0.1 + 0.5 * random(FRAMES, seed=len(name))
    return Coefficients(weights, torch.zeros(FRAMES, 3))


def motion(face: Face, turned: Head | None = None) -> Motion:
    return Motion(Fraction(30), face, turned)


def test_vertices_of_a_bare_mesh_are_neutral_plus_offsets():
    track = random(FRAMES, 20, 3)
    torch.testing.assert_close(vertices(motion(Vertices(track)), bare()), bare().neutral + track)


def test_shapes_are_the_vertices_they_stand_for():
    weights, basis = random(FRAMES, 4), 0.01 * random(4, 20, 3)
    dense = Vertices((weights @ basis.flatten(1)).unflatten(1, (-1, 3)))
    torch.testing.assert_close(
        vertices(motion(Shapes(weights, basis)), bare()), vertices(motion(dense), bare())
    )


def test_rest_is_the_neutral_face():
    still = Coefficients(torch.zeros(2, len(model().shapes)), torch.zeros(2, 3))
    moved = vertices(motion(still), person())
    assert (moved - person().neutral).norm(dim=-1).max() < 1e-6


def test_missing_coefficients_are_zero():
    short = Coefficients(speaking().expression[:, :26], torch.zeros(FRAMES, 3))
    padded = torch.nn.functional.pad(short.expression, (0, len(model().shapes) - 26))
    full = Coefficients(padded, torch.zeros(FRAMES, 3))
    torch.testing.assert_close(vertices(motion(short), person()), vertices(motion(full), person()))


def test_a_jaw_rotation_opens_the_mouth_beside_the_shapes():
    jaw = torch.zeros(FRAMES, 3)
    jaw[:, 0] = 0.2
    still = torch.zeros(FRAMES, len(model().shapes))
    moved = offsets(motion(Coefficients(still, jaw)), person())
    upper, lower = model().topology.lip_pairs.long()[13]
    assert (moved[:, lower, 1] < -0.01).all() and (moved[:, upper, 1].abs() < 0.003).all()


@pytest.mark.parametrize("kind", ["vertices", "shapes", "coefficients"])
def test_ranges_and_chunks_are_cut_from_the_whole(kind: str):
    count = len(person().neutral)
    face: Face = {
        "vertices": lambda: Vertices(0.001 * random(FRAMES, count, 3)),
        "shapes": lambda: Shapes(random(FRAMES, 3), 0.001 * random(3, count, 3)),
        "coefficients": speaking,
    }[kind]()
    track = motion(face, head())
    whole = vertices(track, person())
    assert whole.shape == (FRAMES, count, 3) and whole.dtype == torch.float32
    part, parts = vertices(track, person(), 2, 7), torch.cat(list(chunks(track, person(), 4)))
    for away in ((part - whole[2:7]).norm(dim=-1), (parts - whole).norm(dim=-1)):
        assert away.max() < 1e-6
    torch.testing.assert_close(rig_weights(track, person(), 2, 7), rig_weights(track, person())[2:7])


def test_the_motion_and_the_avatar_are_not_changed():
    track = 0.001 * random(FRAMES, len(person().neutral), 3)
    before, rest = track.clone(), person().neutral.clone()
    vertices(motion(Vertices(track), head()), person())
    assert torch.equal(track, before) and torch.equal(person().neutral, rest)


def test_a_bare_mesh_turns_as_one():
    track = Vertices(torch.zeros(FRAMES, 20, 3))
    moved = vertices(motion(track, head()), bare())
    for frame in moved:
        torch.testing.assert_close(torch.pdist(frame), torch.pdist(bare().neutral))


def test_a_rig_turns_its_head_and_keeps_its_shoulders():
    turned = replace(head(), translation=torch.zeros(FRAMES, 3))
    moved = vertices(motion(speaking(), turned), person())
    still = vertices(motion(speaking()), person())
    low = person().neutral[:, 1] < person().neutral[:, 1].min() + 0.02
    torch.testing.assert_close(moved[:, low], still[:, low], atol=1e-5, rtol=0)
    face = model().topology.regions["nose"].long()
    pivot = model().joints_of(person().neutral)[1]
    expected = (still[:, face] - pivot) @ matrix(turned.rotation).mT + pivot
    torch.testing.assert_close(moved[:, face], expected, atol=2e-4, rtol=0)


def test_offsets_know_nothing_of_head_pose():
    track = speaking()
    torch.testing.assert_close(offsets(motion(track, head()), person()), offsets(motion(track), person()))


def test_weights_are_recovered_from_the_vertices_they_made():
    track = motion(speaking())
    truth = rig_weights(track, person())
    recovered = rig_weights(motion(Vertices(offsets(track, person()))), person())
    assert recovered.min() >= 0 and recovered.max() <= 1
    for name in ("jawOpen", "mouthSmileLeft", "browInnerUp"):
        column = model().shape_names.index(name)
        torch.testing.assert_close(recovered[:, column], truth[:, column], atol=0.05, rtol=0)


def test_jaw_rotation_counts_as_jaw_open():
    jaw = torch.zeros(FRAMES, 3)
    jaw[:, 0] = JAW_OPEN / 2
    still = torch.zeros(FRAMES, len(model().shapes))
    weights = rig_weights(motion(Coefficients(still, jaw)), person())
    torch.testing.assert_close(weights[:, model().shape_names.index("jawOpen")], torch.full((FRAMES,), 0.5))


def test_an_hour_of_shapes_costs_only_the_frames_asked_for():
    count = len(person().neutral)
    hour = motion(Shapes(random(108_000, 8), 0.001 * random(8, count, 3)))
    assert vertices(hour, person(), 90_000, 90_010).shape == (10, count, 3)
    assert next(chunks(hour, person(), 16)).shape == (16, count, 3)


@pytest.mark.parametrize(
    "face",
    [Vertices(torch.zeros(2, 7, 3)), Shapes(torch.zeros(2, 1), torch.zeros(1, 7, 3))],
    ids=["vertices", "shapes"],
)
def test_another_face_s_motion_is_refused(face: Face):
    for avatar in (bare(), person()):
        with pytest.raises(BadInput, match="moves 7 vertices"):
            vertices(motion(face), avatar)


def test_what_cannot_be_drawn_is_refused():
    still = Coefficients(torch.zeros(2, 5), torch.zeros(2, 3))
    with pytest.raises(BadInput, match="bare mesh"):
        vertices(motion(still), bare())
    with pytest.raises(BadInput, match="no rig"):
        rig_weights(motion(still), bare())
    with pytest.raises(BadInput, match="99 shapes"):
        vertices(motion(Coefficients(torch.zeros(2, 99), torch.zeros(2, 3))), person())
    with pytest.raises(BadInput, match="moves the rig flame but avatar person has the rig facekit"):
        vertices(motion(Coefficients(torch.zeros(2, 9), torch.zeros(2, 3), "flame")), person())
    with pytest.raises(BadInput, match="20 vertices"):
        vertices(motion(still), replace(bare(), rig=DEFAULT_RIG))
    with pytest.raises(BadInput, match="flame is not installed"):
        vertices(motion(still), replace(bare(), rig="flame"))


def test_what_an_earlier_version_made_is_refused_with_a_way_out():
    face = Coefficients(torch.zeros(2, 54), torch.zeros(2, 3), "talk-head")
    with pytest.raises(BadInput, match="rig talk-head") as caught:
        vertices(motion(face), person())
    assert "animate again" in caught.value.hint
    with pytest.raises(BadInput, match="talk-head is not installed") as caught:
        vertices(motion(face), replace(person(), rig="talk-head"))
    assert "make it again" in caught.value.hint


def test_one_angle_of_a_jaw_bends_as_many_do_and_its_slope_is_that_of_the_bend():
    reach, angles = 0.42, torch.tensor([0.0, 0.1, 0.1 + 1e-6, 0.42], dtype=torch.float64)
    many = arc_weights(angles, reach)
    here, slope = (torch.tensor(each, dtype=torch.float64) for each in arc_weights_at(0.1, reach))
    torch.testing.assert_close(here, many[1], rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(slope, (many[2] - many[1]) / 1e-6, rtol=1e-4, atol=1e-7)
    assert arc_weights_at(0.0, reach)[0] == (0.0, 0.0)
