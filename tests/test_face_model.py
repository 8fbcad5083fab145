"""The face model is linear blend skinning over a tree of joints."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
import torch

from talkcli.engine.face.face_model import JOINTS, PARENTS, FaceModel, carried_by, load_face_model
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.topology import Topology

LEFT_EYE = JOINTS.index("left_eye")


@functools.cache
def toy(regressor: bool = True) -> FaceModel:
    """A model of twelve vertices, each between a joint and the one that carries it."""
    chance = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=chance)

    between = torch.rand(12, generator=chance)
    shares = torch.zeros(12, 5)
    for vertex in range(12):
        joint = 1 + vertex % 4
        shares[vertex, joint] += between[vertex]
        shares[vertex, PARENTS[joint]] += 1 - between[vertex]
    faces = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]])
    topology = Topology(
        "toy", faces, noise(12, 2), faces, torch.zeros(4, dtype=torch.long), {}, {}, faces[:, :2]
    )
    return FaceModel(
        topology,
        template=noise(12, 3),
        identity=noise(4, 12, 3) * 0.1,
        shapes=noise(3, 12, 3) * 0.1,
        shape_names=("jawOpen", "eyeBlinkLeft", "eyeBlinkRight"),
        expression=noise(2, 3),
        joints=noise(5, 3),
        weights=shares,
        joint_regressor=noise(5, 12).softmax(1) if regressor else None,
    )


def pose(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, 3, generator=torch.Generator().manual_seed(sum(shape) + 1)) * 0.4


def chained(model: FaceModel, vertex: int, rotations: torch.Tensor, shaped: torch.Tensor) -> torch.Tensor:
    """One vertex by the textbook: G_j = G_parent [R_j | J_j - J_parent], v = sum_j w_j G_j G_rest^-1 v."""
    joints = model.joints_of(shaped)
    worlds: list[torch.Tensor] = []
    for j, parent in enumerate(PARENTS):
        local = torch.eye(4)
        local[:3, :3] = rotations[j]
        local[:3, 3] = joints[j] - (joints[parent] if parent >= 0 else 0)
        worlds.append(worlds[parent] @ local if parent >= 0 else local)
    total = torch.zeros(3)
    for j, world in enumerate(worlds):
        rest = torch.eye(4)
        rest[:3, 3] = -joints[j]
        point = torch.cat([shaped[vertex], torch.ones(1)])
        total += model.weights[vertex, j] * (world @ rest @ point)[:3]
    return total


@pytest.mark.parametrize("joint", JOINTS)
def test_no_turn_moves_nothing(joint: str):
    vertices = toy().template.expand(2, -1, -1)
    torch.testing.assert_close(toy().turned(vertices, joint, toy().joints, torch.zeros(2, 3)), vertices)


def test_turning_leaves_first_equals_the_chain_of_matrices():
    model = toy()
    shaped = model.neutral(torch.tensor([1.0, -0.5])) + 0.3 * model.shapes[0]
    turns, joints = pose(3, len(JOINTS)), model.joints_of(shaped)
    moved = shaped.expand(3, -1, -1)
    for joint in reversed(range(len(JOINTS))):
        moved = model.turned(moved, JOINTS[joint], joints, turns[:, joint])
    expected = [[chained(model, v, matrix(turn), shaped) for v in range(12)] for turn in turns]
    torch.testing.assert_close(moved, torch.stack([torch.stack(e) for e in expected]), atol=1e-5, rtol=1e-5)


def test_a_joint_carries_what_hangs_on_it():
    carried = {name: {JOINTS[j] for j in carried_by(JOINTS.index(name))} for name in JOINTS}
    assert carried["root"] == set(JOINTS) and carried["neck"] == set(JOINTS) - {"root"}
    assert carried["jaw"] == {"jaw"} and carried["left_eye"] == {"left_eye"}


def test_a_root_turn_is_rigid():
    model = toy()
    moved = model.turned(model.template[None], "root", model.joints, torch.tensor([[0.3, -1.0, 0.2]]))
    torch.testing.assert_close(torch.pdist(moved[0]), torch.pdist(model.template))


def test_joints_follow_the_identity_only_with_a_regressor():
    identity = torch.ones(4)
    moving, fixed = toy(), toy(regressor=False)
    assert (moving.joints_of(moving.neutral(identity)) - moving.joints_of(moving.template)).abs().max() > 0.01
    torch.testing.assert_close(fixed.joints_of(fixed.neutral(identity)), fixed.joints)


def test_a_name_without_a_side_is_both_sides():
    assert toy().weight_vector(eyeBlink=0.5).tolist() == [0.0, 0.5, 0.5]
    with pytest.raises(KeyError, match="jawWide"):
        toy().weight_vector(jawWide=1.0)


def test_names_and_shapes_must_be_as_many():
    with pytest.raises(ValueError, match="3 shapes and 1 names"):
        replace(toy(), shape_names=("jawOpen",))


class TestBuiltInHead:
    model = property(lambda self: load_face_model())

    def test_interface_is_flame_like(self):
        model: FaceModel = self.model
        assert len(model.template) == 18_964 == len(model.weights)
        assert len(model.identity) == 100 and len(model.expression) == 50 and len(model.joints) == 5
        assert model.template.dtype == torch.float32

    def test_weights_sum_to_one(self):
        model: FaceModel = self.model
        torch.testing.assert_close(model.weights.sum(1), torch.ones(len(model.weights)), atol=2e-3, rtol=0)
        assert model.weights.min() >= -1e-3

    def test_regressor_finds_the_joints(self):
        model: FaceModel = self.model
        torch.testing.assert_close(model.joints_of(model.template), model.joints, atol=3e-4, rtol=0)

    def test_positive_jaw_rotation_opens_the_mouth(self):
        model: FaceModel = self.model
        upper, lower = model.topology.lip_pairs.long()[13]
        opened = model.turned(model.template[None], "jaw", model.joints, torch.tensor([[0.25, 0.0, 0.0]]))[0]
        assert opened[upper, 1] - opened[lower, 1] > 0.015

    def test_eyes_turn_about_their_centres(self):
        model: FaceModel = self.model
        ball = model.topology.regions["left_eye"].long()
        turn = torch.tensor([[0.0, 0.4, 0.0]])
        moved = model.turned(model.template[None], "left_eye", model.joints, turn)[0]
        centre = model.joints[LEFT_EYE]
        before, after = (v[ball] - centre for v in (model.template, moved))
        torch.testing.assert_close(after.norm(dim=1), before.norm(dim=1), atol=3e-4, rtol=0)
        front = before[:, 2] > 0.005
        angles = [torch.atan2(points[front, 0], points[front, 2]) for points in (before, after)]
        torch.testing.assert_close(angles[1] - angles[0], torch.full_like(angles[0], 0.4), atol=1e-3, rtol=0)

    def test_shoulders_stay_when_the_neck_turns(self):
        model: FaceModel = self.model
        moved = model.turned(model.template[None], "neck", model.joints, torch.tensor([[0.0, 0.5, 0.0]]))[0]
        low = model.template[:, 1] < model.template[:, 1].min() + 0.03
        torch.testing.assert_close(moved[low], model.template[low], atol=1e-5, rtol=0)
        assert (moved - model.template).norm(dim=1).max() > 0.03

    def test_landmarks_follow_the_chin(self):
        model: FaceModel = self.model
        rest = model.landmarks(model.template)
        opened = model.landmarks(model.template + model.shapes[model.shape_names.index("jawOpen")])
        assert rest.shape == (68, 3)
        assert (rest - opened)[8, 1] > 0.015 and (rest - opened)[27].norm() < 1e-3
