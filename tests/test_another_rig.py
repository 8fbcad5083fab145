"""A rig that is not the built-in head fits in without a touched caller: here one of FLAME's shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from procedural_head import ball

from talkcli.engine.clips import Clip, ClipSet, Contents, flat, save_clip, save_contents
from talkcli.engine.editing.life import with_life
from talkcli.engine.editing.retiming import at_rate
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.face.face_model import JOINTS, PARENTS, FaceModel
from talkcli.engine.face.geometry import posed, rig_weights, vertices
from talkcli.engine.face.known_rigs import RIGS
from talkcli.engine.face.rigs import check_wears, rigged, talking_head
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.topology import MATERIALS, Topology
from talkcli.engine.methods import load_method
from talkcli.engine.metrics.evaluate import Case, evaluate
from talkcli.engine.motion import Coefficients, Head, Motion, Vertices, load_motion, save_motion
from talkcli.engine.phones import PHONE_INDEX, Phones
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.export import WRITERS
from talkcli.engine.rendering.render import frames
from talkcli.engine.speech import Speech

FPS = Fraction(25)
COUNT = 10


def flame_like() -> FaceModel:
    """Components with signs, joints that move with identity, pose correctives; no wrinkles, no landmarks."""
    points, faces, uv = ball()
    dice = torch.Generator().manual_seed(0)
    verts = len(points)
    front = points[:, 2].argsort(descending=True)
    upper, lower = (front[points[front, 1] * side > 0][:3] for side in (1, -1))
    lips = torch.cat([upper, lower])
    topology = Topology(
        "flame-toy", faces, uv, faces, torch.full((len(faces),), MATERIALS.index("skin")), {"lips": lips}, {},
        torch.stack([upper, lower], 1),
    )  # fmt: skip
    shares = torch.rand(verts, 5, generator=dice)
    shares[:, 0] = 0  # nothing hangs on the root alone, so turning joint by joint is linear blend skinning
    regressor = torch.rand(5, verts, generator=dice)
    regressor = regressor / regressor.sum(1, keepdim=True)
    return FaceModel(
        topology=topology,
        template=points,
        identity=0.01 * torch.randn(7, verts, 3, generator=dice),
        shapes=0.005 * torch.randn(9, verts, 3, generator=dice),
        shape_names=tuple(f"expression{number:03}" for number in range(9)),
        expression=torch.eye(9),
        joints=regressor @ points,
        weights=shares / shares.sum(1, keepdim=True),
        joint_regressor=regressor,
        pose_shapes=0.002 * torch.randn(5, 9, verts, 3, generator=dice),
        signed=True,
    )


@pytest.fixture
def model(monkeypatch) -> Iterator[FaceModel]:
    made = flame_like()
    monkeypatch.setitem(RIGS, "flame-toy", lambda: made)
    yield made


@pytest.fixture
def ida(model) -> Avatar:
    return avatar(model, "ida", 1)


def avatar(model: FaceModel, name: str, seed: int) -> Avatar:
    identity = torch.randn(7, generator=torch.Generator().manual_seed(seed))
    lips = model.topology.regions["lips"]
    return Avatar(name, model.neutral(identity), model.topology.faces, lips, "flame-toy", identity)


def speaking(count: int = COUNT, seed: int = 2) -> Motion:
    dice = torch.Generator().manual_seed(seed)
    jaw = torch.rand(count, 3, generator=dice) * torch.tensor([0.4, 0.1, 0.1])
    turned = Head(0.6 * torch.rand(count, 3, generator=dice), 0.01 * torch.rand(count, 3, generator=dice))
    face = Coefficients(torch.randn(count, 9, generator=dice), jaw, "flame-toy")
    return Motion(FPS, face, turned, provenance={"synthetic": True})


def skinned(model: FaceModel, who: Avatar, motion: Motion) -> torch.Tensor:
    """FLAME's own way: all offsets first, then one blend of the joints' transforms (Li et al. 2017)."""
    assert isinstance(motion.face, Coefficients) and motion.head is not None and model.pose_shapes is not None
    count = len(motion)
    joints = model.joints_of(who.neutral)
    turns = torch.zeros(count, len(JOINTS), 3)
    turns[:, JOINTS.index("neck")], turns[:, JOINTS.index("jaw")] = motion.head.rotation, motion.face.jaw
    rotations = torch.stack([matrix(turns[:, joint]) for joint in range(len(JOINTS))], 1)
    known = model.shapes[: motion.face.expression.shape[1]]
    moved = who.neutral + (motion.face.expression @ known.flatten(1)).unflatten(1, (-1, 3))
    moved = moved + torch.einsum("fjk,jkvc->fvc", (rotations - torch.eye(3)).flatten(2), model.pose_shapes)
    worlds: list[torch.Tensor] = []
    for joint, parent in enumerate(PARENTS):
        shift = joints[joint] if parent < 0 else joints[joint] - joints[parent]
        local = torch.eye(4).repeat(count, 1, 1)
        local[:, :3, :3], local[:, :3, 3] = rotations[:, joint], shift
        if JOINTS[joint] == "neck":
            local[:, :3, 3] += motion.head.translation
        worlds.append(local if parent < 0 else worlds[parent] @ local)
    relative = []
    for joint, world in enumerate(worlds):
        back = torch.eye(4)
        back[:3, 3] = -joints[joint]
        relative.append(world @ back)
    blend = torch.einsum("vj,fjab->fvab", model.weights, torch.stack(relative, 1))
    return (blend[..., :3, :3] @ moved[..., None])[..., 0] + blend[..., :3, 3]


def test_a_rig_of_flames_shape_moves_as_flame_does(model, ida):
    motion = speaking()
    torch.testing.assert_close(vertices(motion, ida), skinned(model, ida, motion), atol=1e-5, rtol=0)


def test_pose_correctives_are_the_entries_of_the_turn(model):
    """Half a turn about x: cos - 1 = -2 at (1, 1) and (2, 2), and nothing elsewhere."""
    assert model.pose_shapes is not None
    jaw = model.pose_shapes[JOINTS.index("jaw")]
    half = torch.tensor([[torch.pi, 0.0, 0.0], [0.0, 0.0, 0.0]])
    bend = model.correctives("jaw", half)
    assert bend is not None and not bend[1].any()
    torch.testing.assert_close(bend[0], -2 * (jaw[4] + jaw[8]), atol=1e-6, rtol=0)
    assert replace(model, pose_shapes=None).correctives("jaw", half) is None


def test_its_joints_follow_the_identity(model, ida):
    other = avatar(model, "ola", 5)
    here, there = rigged(ida), rigged(other)
    assert here is not None and there is not None
    assert (here.joints - there.joints).norm(dim=1).min() > 1e-4
    torch.testing.assert_close(here.joints, model.joint_regressor @ ida.neutral)


def test_weights_with_signs_are_kept_and_found_again(ida, model):
    motion = replace(speaking(), head=None)
    assert isinstance(motion.face, Coefficients)
    assert torch.equal(rig_weights(motion, ida), motion.face.expression)
    dense = Vertices((motion.face.expression @ model.shapes.flatten(1)).unflatten(1, (-1, 3)))
    found = rig_weights(replace(motion, face=dense), ida)
    torch.testing.assert_close(found, motion.face.expression, atol=0.02, rtol=0)
    part = posed(motion, ida, 2, 5)
    assert (
        part.folds is None
        and part.weights is not None
        and torch.equal(part.weights, motion.face.expression[2:5])
    )


def test_it_is_drawn_and_written_and_what_it_lacks_is_said(ida, tmp_path):
    motion = speaking(3)
    pictures = list(frames(motion, ida, portrait(ida, size=(48, 48)), background="black", workers=1))
    assert len(pictures) == 3 and all(picture.max() > 60 for picture in pictures)
    assert not np.array_equal(pictures[0], pictures[1])
    WRITERS[".npz"](motion, ida, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as arrays:
        np.testing.assert_allclose(arrays["vertices"], vertices(motion, ida).numpy())
    WRITERS[".obj"](motion, ida, tmp_path / "a.obj")
    text = (tmp_path / "a.obj" / "000002.obj").read_text()
    assert text.count("\nvt ") == len(ida.neutral)
    with pytest.raises(BadInput, match="no rig with the shapes of ARKit"):
        WRITERS[".csv"](motion, ida, tmp_path / "a.csv")
    with pytest.raises(BadInput, match="does not change the skin"):
        WRITERS[".textures"](motion, ida, tmp_path / "a.textures")


def test_it_is_saved_and_read_with_its_name(ida, tmp_path):
    save_avatar(ida, tmp_path / "ida.avatar")
    save_motion(speaking(), tmp_path / "x.motion")
    who, motion = load_avatar(tmp_path / "ida.avatar"), load_motion(tmp_path / "x.motion")
    assert isinstance(motion.face, Coefficients) and motion.face.rig == who.rig == "flame-toy"
    assert torch.equal(vertices(motion, who), vertices(speaking(), ida))
    with pytest.raises(BadInput, match="moves the rig flame-toy but avatar mean has the rig facekit"):
        vertices(motion, talking_head())
    with pytest.raises(BadInput, match="moves the rig facekit; avatar ida has flame-toy"):
        check_wears(ida, "facekit")


def test_its_mouth_is_scored(ida):
    """Its lips are known, so LVE and closure are; the mouth that phones ask for is the built-in head's."""
    motion = replace(speaking(50), head=None)
    times = torch.tensor([0.0, 0.5, 1.0, 1.5])
    said = Phones(torch.tensor([PHONE_INDEX["P"], PHONE_INDEX["AA"], PHONE_INDEX["M"]]), times[:3], times[1:])
    cases = [Case("x", motion, ida, motion, phones=said)]
    scores = {score.metric: score for score in evaluate(["lve", "closure"], cases)}
    assert scores["lve"].value == 0 and 0 <= scores["closure"].value <= 1
    moved = replace(speaking(50, seed=3), head=None)
    assert evaluate(["lve"], [Case("x", moved, ida, motion)])[0].value > 0


def test_life_moves_the_head_of_a_rig_without_lids(ida):
    motion = replace(speaking(50), head=None)
    alive = with_life(motion, Speech(torch.randn(32_000, generator=torch.Generator().manual_seed(0))), ida)
    assert torch.equal(flat(alive), flat(motion)) and alive.head is not None and alive.head.rotation.any()


def test_another_rate_keeps_its_rig(ida):
    other = at_rate(speaking(), Fraction(50))
    assert isinstance(other.face, Coefficients) and other.face.rig == "flame-toy" and len(other) == 20
    torch.testing.assert_close(vertices(other, ida)[::2], vertices(speaking(), ida))


def clips_of(model: FaceModel, folder: Path) -> ClipSet:
    names = ["ida/0", "ola/0"]
    for number, name in enumerate(names):
        who = avatar(model, name.split("/")[0], number)
        sound = Speech(0.1 * torch.randn(16_000, generator=torch.Generator().manual_seed(number)))
        motion = replace(speaking(30), fps=Fraction(30), head=None)
        save_clip(Clip(sound, motion, who), folder, name)
    save_contents(Contents({"train": names}, "CC0-1.0", "this test"), folder)
    return ClipSet(folder)


def test_methods_learn_the_shapes_that_the_clips_move_or_say_what_is_missing(model, tmp_path):
    clips = clips_of(model, tmp_path)
    config = load_method("textalker").sizes["starter"](clips)
    assert config.rig == "flame-toy" and config.rig_shapes == model.shape_names
    with pytest.raises(BadInput, match="rig flame-toy has no shapes of speech"):
        load_method("memorytalker").sizes["starter"](clips)
    with pytest.raises(BadInput, match="rig flame-toy has no shape jawOpen"):
        model.columns(["expression000", "jawOpen"])
