"""The face model is linear blend skinning over a tree of joints, for the built-in head and for FLAME."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import pytest
import torch

from talkcli.engine.face.face_model import JOINTS, PARENTS, FaceModel, load_face_model
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.skinning import joint_transforms, skinned, turned_about
from talkcli.engine.face.topology import Topology

NECK, JAW, LEFT_EYE = (JOINTS.index(name) for name in ("neck", "jaw", "left_eye"))


@functools.cache
def toy(regressor: bool = True, correctives: bool = False) -> FaceModel:
    """A model of twelve vertices with every part that FLAME has."""
    chance = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=chance)

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
        weights=noise(12, 5).softmax(1),
        joint_regressor=noise(5, 12).softmax(1) if regressor else None,
        pose_correctives=noise(36, 12, 3) * 0.01 if correctives else None,
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


def test_no_pose_returns_the_template():
    model = toy()
    torch.testing.assert_close(model.posed(torch.zeros(4), torch.zeros(3)), model.template)


@pytest.mark.parametrize("correctives", [False, True])
def test_posing_equals_the_chain_of_matrices(correctives: bool):
    model = toy(correctives=correctives)
    identity, weights = torch.tensor([1.0, -0.5]), torch.tensor([0.3, 1.0, 0.0])
    root, neck, jaw, eyes = pose(1)[0], pose(2)[0], pose(3)[0], pose(4, 2)[0]
    shaped = model.neutral(identity) + (weights[:, None, None] * model.shapes).sum(0)
    rotations = matrix(torch.stack([root, neck, jaw, *eyes]))
    if model.pose_correctives is not None:
        feature = (rotations[1:] - torch.eye(3)).flatten()
        shaped_by_pose = shaped + (feature[:, None, None] * model.pose_correctives).sum(0)
        fixed = replace(model, joint_regressor=None, joints=model.joints_of(shaped))
    else:
        shaped_by_pose, fixed = shaped, model
    expected = torch.stack([chained(fixed, v, rotations, shaped_by_pose) for v in range(12)])
    torch.testing.assert_close(
        model.posed(identity, weights, jaw, neck, eyes, root), expected, atol=1e-5, rtol=1e-5
    )


def test_a_batch_is_its_frames_one_by_one():
    model = toy()
    identity, weights, jaw, neck, eyes = torch.randn(5, 4), torch.rand(5, 3), pose(5), pose(5), pose(5, 2)
    whole = model.posed(identity, weights, jaw, neck, eyes)
    for i in range(5):
        torch.testing.assert_close(whole[i], model.posed(identity[i], weights[i], jaw[i], neck[i], eyes[i]))


def test_a_root_turn_is_rigid():
    model = toy()
    moved = model.posed(torch.zeros(4), torch.zeros(3), root=torch.tensor([0.3, -1.0, 0.2]))
    torch.testing.assert_close(torch.pdist(moved), torch.pdist(model.template))


def test_joints_follow_the_identity_only_with_a_regressor():
    identity = torch.ones(4)
    moving, fixed = toy(), toy(regressor=False)
    assert (moving.joints_of(moving.neutral(identity)) - moving.joints_of(moving.template)).abs().max() > 0.01
    torch.testing.assert_close(fixed.joints_of(fixed.neutral(identity)), fixed.joints)


def test_skinning_by_one_joint_equals_turning_about_it():
    model = toy()
    vertices, turn = model.template[None], matrix(pose(1))
    rotations = torch.eye(3).repeat(1, 5, 1, 1)
    rotations[:, NECK] = turn
    share = model.weights[:, 1:].sum(1)
    expected = skinned(vertices, model.weights, joint_transforms(rotations, model.joints, PARENTS))
    got = turned_about(vertices, share, turn, torch.zeros(1, 3), model.joints[NECK])
    torch.testing.assert_close(got, expected)


def test_a_name_without_a_side_is_both_sides():
    assert toy().weight_vector(eyeBlink=0.5).tolist() == [0.0, 0.5, 0.5]
    with pytest.raises(KeyError, match="jawWide"):
        toy().weight_vector(jawWide=1.0)


def test_names_and_shapes_must_be_as_many():
    with pytest.raises(ValueError, match="3 shapes and 1 names"):
        replace(toy(), shape_names=("jawOpen",))


class TestTalkHead:
    model = property(lambda self: load_face_model())

    def test_interface_is_flame_like(self):
        model: FaceModel = self.model
        assert 6000 <= len(model.template) <= 12500
        assert len(model.identity) >= 50 and len(model.expression) == 50 and len(model.joints) == 5
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
        still = torch.zeros(len(model.shapes))
        opened = model.posed(torch.zeros(1), still, jaw=torch.tensor([0.25, 0.0, 0.0]))
        assert opened[upper, 1] - opened[lower, 1] > 0.015

    def test_eyes_turn_about_their_centres(self):
        model: FaceModel = self.model
        ball = model.topology.regions["left_eye"].long()
        turn = torch.tensor([[0.0, 0.4, 0.0], [0.0, 0.0, 0.0]])
        moved = model.posed(torch.zeros(1), torch.zeros(len(model.shapes)), eyes=turn)
        centre = model.joints[LEFT_EYE]
        before, after = (v[ball] - centre for v in (model.template, moved))
        torch.testing.assert_close(after.norm(dim=1), before.norm(dim=1), atol=3e-4, rtol=0)
        pupil = before[:, 2].argmax()
        assert math.isclose(float(torch.atan2(after[pupil, 0], after[pupil, 2])), 0.4, abs_tol=0.03)

    def test_shoulders_stay_when_the_neck_turns(self):
        model: FaceModel = self.model
        moved = model.posed(
            torch.zeros(1), torch.zeros(len(model.shapes)), neck=torch.tensor([0.0, 0.5, 0.0])
        )
        low = model.template[:, 1] < model.template[:, 1].min() + 0.03
        torch.testing.assert_close(moved[low], model.template[low], atol=1e-5, rtol=0)
        assert (moved - model.template).norm(dim=1).max() > 0.03

    def test_landmarks_follow_the_chin(self):
        model: FaceModel = self.model
        rest = model.landmarks(model.template)
        opened = model.landmarks(model.template + model.shapes[model.shape_names.index("jawOpen")])
        assert rest.shape == (68, 3)
        assert (rest - opened)[8, 1] > 0.015 and (rest - opened)[27].norm() < 1e-3
