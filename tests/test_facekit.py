"""The scanned head pulls every face without tearing, and each shape does what its name says."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from triangles import crossings

from talkcli.engine.assets import asset
from talkcli.engine.face.face_contact import FaceContact
from talkcli.engine.face.face_model import JOINTS, FaceModel, load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.jaw import JAW_OPEN
from talkcli.engine.face.lid_contact import LidContact
from talkcli.engine.face.lip_contact import TOUCHING, measured
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.face.topology import MATERIALS
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.studio.expression_space import natural_faces
from talkcli.engine.studio.scanned.people import Person, mirroring, sample_person
from talkcli.engine.studio.scanned.shapes import ARKIT, SHAPE_NAMES

PEOPLE = 10

SLIVER = 2e-8
"""Twice the area, square metres, of triangles that contact has pressed flat in a corner of the mouth."""

CARUNCLE = 0.004
"""Metres from the inner canthus within which shut lids fold into each other, out of sight."""


def model() -> FaceModel:
    return load_face_model()


def test_readme_says_of_the_head_what_it_is():
    head = model()
    marks = {name: len(embedding.triangles) for name, embedding in head.topology.landmarks.items()}
    tongue = [name for name in head.shape_names if name not in ARKIT]
    told = (
        f"one mesh of {len(head.template):,} vertices and {len(head.topology.faces):,} triangles, "
        f"{len(head.identity)} identity modes, {len(head.shapes)} shapes by name "
        f"(ARKit's {len(head.shapes) - len(tongue)}, {', '.join(f'`{name}`' for name in tongue)}), "
        f"{len(head.expression)} expression components, joints of neck, jaw and eyes, "
        f"{marks['ibug68']} iBUG and {marks['mediapipe']} MediaPipe landmarks"
    )
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    assert told in " ".join(readme.split())
    assert JOINTS == ("root", "neck", "jaw", "left_eye", "right_eye")


def touching() -> FaceContact:
    contact = model().contact
    assert isinstance(contact, FaceContact)
    return contact


def eyes() -> tuple[LidContact, LidContact]:
    return touching().left, touching().right


@functools.cache
def people() -> list[Person]:
    return [sample_person(seed) for seed in range(PEOPLE)]


def posed(weights: torch.Tensor, neutral: torch.Tensor | None = None) -> torch.Tensor:
    """Faces [frames, verts, 3] of one person with contact, metres."""
    return turned(weights, torch.zeros(len(weights), 3), neutral)


def turned(weights: torch.Tensor, jaw: torch.Tensor, neutral: torch.Tensor | None = None) -> torch.Tensor:
    """The same with a jaw that turns (axis-angle), as a motion is drawn."""
    who = replace(talking_head("facekit"), neutral=model().template if neutral is None else neutral)
    return vertices(Motion(Fraction(30), Coefficients(weights, jaw, "facekit")), who)


def face(**named: float) -> torch.Tensor:
    """Vertices [verts, 3] of the mean face."""
    return posed(model().weight_vector(**named)[None])[0]


def faces_within(vertices: torch.Tensor) -> np.ndarray:
    inside = torch.zeros(len(model().template), dtype=torch.bool)
    inside[vertices.flatten()] = True
    triangles = model().topology.faces.long()
    return triangles[inside[triangles].all(1)].numpy()


@functools.cache
def lip_faces() -> np.ndarray:
    return faces_within(touching().mouth.rings[TOUCHING])


@functools.cache
def lid_faces() -> np.ndarray:
    """Skin of the lids that follows its edge by a third or more."""
    skin = model().topology.faces[model().topology.materials == MATERIALS.index("skin")].unique()
    both = [eye.lids[eye.follow.sum(1) > 0.33] for eye in eyes()]
    return np.concatenate([faces_within(lids[torch.isin(lids, skin.long())]) for lids in both])


def cut_lips(points: torch.Tensor, depth: float) -> int:
    """Pairs of triangles of the upper and the lower lip that pierce each other."""
    mouth, upper = touching().mouth, torch.zeros(len(points), dtype=torch.bool)
    upper[mouth.rings[:, mouth.upper].flatten()] = True
    above = upper[torch.from_numpy(lip_faces())].any(1).numpy()
    pairs = crossings(points.double().numpy(), lip_faces(), depth)
    return int((above[pairs[:, 0]] != above[pairs[:, 1]]).sum())


def cut_lids(points: torch.Tensor, depth: float) -> int:
    """Pairs of triangles of the lids that pierce each other, the fold at the inner canthus aside."""
    corners = points.double().numpy()
    pairs = crossings(corners, lid_faces(), depth)
    middles = corners[lid_faces()[pairs[:, 0]]].mean(1)
    canthi = corners[[int(eye.edge[len(eye.edge) // 2]) for eye in eyes()]]
    return int((np.linalg.norm(middles[:, None] - canthi, axis=2).min(1) > CARUNCLE).sum())


def gaps(faces: torch.Tensor) -> torch.Tensor:
    """From lip to lip [frames, stations], metres, the corners left out."""
    mouth = touching().mouth
    return measured(faces[:, mouth.rings], mouth).gaps[:, 2:-2]


def test_the_file_is_small_and_whole():
    assert asset("head.safetensors").stat().st_size < 5e6
    assert len(model().identity) == 100 and model().shape_names == SHAPE_NAMES
    assert len(ARKIT) == 52 and list(ARKIT) == sorted(ARKIT)
    torch.testing.assert_close(model().weights.sum(1), torch.ones(len(model().weights)), atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    "name",
    [name for name in ARKIT if name.endswith("Left") and not name.startswith(("jaw", "mouthL", "eyeLook"))],
)
def test_left_is_plus_x_and_mirrors_right(name: str):
    left = model().shapes[SHAPE_NAMES.index(name)]
    right = model().shapes[SHAPE_NAMES.index(name.replace("Left", "Right"))]
    side = model().template[:, 0] > 0.002
    assert left[side].square().sum() > 4 * left[~side].square().sum()
    torch.testing.assert_close(left.square().sum(), right.square().sum(), rtol=0.05, atol=0)


def test_jaw_carries_the_lower_teeth_rigidly_and_leaves_the_upper():
    teeth = model().topology.regions["teeth"].long()
    moved = model().shapes[SHAPE_NAMES.index("jawOpen")][teeth].norm(dim=1)
    lower = teeth[moved > 0.01]
    assert (moved < 1e-4).sum() + len(lower) == len(teeth) and 0.4 < len(lower) / len(teeth) < 0.6
    before, after = torch.pdist(model().template[lower][::5]), torch.pdist(face(jawOpen=1.0)[lower][::5])
    torch.testing.assert_close(after, before, rtol=0.03, atol=4e-4)


def test_the_angle_of_a_jaw_is_the_shape_jaw_open():
    angles = torch.tensor([-0.03, 0.1, 0.2, 0.30, 0.44])
    jaw = torch.stack([angles, torch.zeros(5), torch.zeros(5)], 1)
    weights = angles[:, None] / JAW_OPEN * model().weight_vector(jawOpen=1.0)
    for person in people()[:3]:
        by_angle = turned(torch.zeros_like(weights), jaw, person.neutral)
        torch.testing.assert_close(by_angle, posed(weights, person.neutral), atol=1e-6, rtol=0)


def test_teeth_turn_about_the_hinge_however_far_the_jaw_opens():
    teeth = model().topology.regions["teeth"].long()
    angles = torch.tensor([[0.1, 0, 0], [0.2, 0, 0], [0.30, 0, 0], [0.44, 0, 0]])
    for person in people()[:3]:
        joints = model().joints_of(person.neutral)
        ridden = model().turned(person.neutral.expand(4, -1, -1), "jaw", joints, angles)
        opened = posed(angles[:, :1] / JAW_OPEN * model().weight_vector(jawOpen=1.0), person.neutral)
        assert (opened - ridden)[:, teeth].norm(dim=2).max() < 3e-4


def test_a_jaw_that_turns_aside_takes_the_chin_along_and_leaves_the_brow():
    moved = turned(torch.zeros(1, len(SHAPE_NAMES)), torch.tensor([[0.0, 0.1, 0.0]]))[0]
    chin = model().landmarks(moved)[8, 0] - model().landmarks(model().template)[8, 0]
    assert chin > 0.005
    upper = model().topology.regions["upper_face"].long()
    high = upper[model().template[upper, 1] > 0.01]
    torch.testing.assert_close(moved[high], model().template[high], atol=1e-3, rtol=0)


def test_eyes_turn_about_their_centres_in_shapes_and_joints():
    for side, eye in zip(("left", "right"), eyes(), strict=True):
        centre = model().joints[JOINTS.index(f"{side}_eye")]
        torch.testing.assert_close(centre, eye.centre, atol=2e-4, rtol=0)
        rest = (model().template[eye.ball] - centre).norm(dim=1)
        half = face(eyeLookOut=0.5, eyeLookUp=0.3)[eye.ball]
        torch.testing.assert_close((half - centre).norm(dim=1), rest, atol=3e-4, rtol=0)
    turn = torch.tensor([[0.0, 0.4, 0.0]])
    moved = model().turned(model().template[None], "left_eye", model().joints, turn)[0]
    pupil = eyes()[0].ball[(model().template[eyes()[0].ball, 2]).argmax()]
    assert moved[pupil, 0] - model().template[pupil, 0] > 0.005


def test_lids_follow_the_gaze_a_little():
    for eye in eyes():
        lid = eye.edge[eye.upper][4:-4]
        rest, up, down = (
            face(**look)[lid, 1].mean() for look in ({}, {"eyeLookUp": 1.0}, {"eyeLookDown": 1.0})
        )
        assert 0.001 < up - rest < 0.006 and 0.001 < rest - down < 0.009


@pytest.mark.parametrize("degrees", list(itertools.product((-20.0, 20.0), (-30.0, 30.0), (-15.0, 15.0))))
def test_no_turn_of_the_head_folds_the_skin(degrees: tuple[float, float, float]):
    triangles = model().topology.faces[model().topology.materials == MATERIALS.index("skin")].long()
    rotation = torch.deg2rad(torch.tensor([degrees]))

    def normals(points: torch.Tensor) -> torch.Tensor:
        a, b, c = points[triangles].unbind(1)
        return torch.linalg.cross(b - a, c - a)

    for person in people()[:4]:
        moved = model().turned(person.neutral[None], "neck", model().joints_of(person.neutral), rotation)[0]
        calm = normals(person.neutral)
        real = calm.norm(dim=1) > SLIVER
        assert ((calm * normals(moved)).sum(1) > 0)[real].all() and real.float().mean() > 0.999


def test_shoulders_stay_when_the_neck_turns():
    moved = model().turned(model().template[None], "neck", model().joints, torch.tensor([[0.0, 0.5, 0.0]]))[0]
    low = model().template[:, 1] < model().template[:, 1].min() + 0.03
    torch.testing.assert_close(moved[low], model().template[low], atol=1e-5, rtol=0)
    triangles = model().topology.faces[model().topology.materials == 0].long()
    before, after = (points[triangles] for points in (model().template, moved))
    long, longer = ((c - c.roll(1, 1)).norm(dim=2) for c in (before, after))
    assert (longer / long).max() < 2.0


def test_tongue_comes_out_between_the_teeth():
    points = face(jawOpen=0.5, tongueOut=1.0, mouthLowerDown=0.3)
    tongue, lips = (model().topology.regions[name].long() for name in ("tongue", "lips"))
    middle = lips[points[lips, 0].abs() < 0.006]
    assert points[tongue, 2].max() > points[middle, 2].max() - 0.004


def test_landmarks_lie_on_what_they_name():
    marks = model().landmarks(model().template)
    assert marks.shape == (68, 3) and model().landmarks(model().template, "mediapipe").shape == (478, 3)
    assert (marks[1:16, 0].diff() > 0).all()
    iris = model().landmarks(model().template, "mediapipe")[[468, 473]]
    assert iris[0, 0] < 0 < iris[1, 0]
    for start, eye in ((36, eyes()[1]), (42, eyes()[0])):
        away = (marks[start : start + 6] - eye.centre).norm(dim=1)
        assert away.max() < 0.022 and away.min() > 0.014
    for number, eye in ((468, eyes()[1]), (473, eyes()[0])):
        rim = model().landmarks(model().template, "mediapipe")[number : number + 5]
        assert ((rim[1:] - rim[0]).norm(dim=1) - 0.006).abs().max() < 0.0015
        assert (rim[0] - eye.centre).norm() > 0.017


def test_no_two_triangles_of_the_skin_share_a_texel():
    topology, size = model().topology, 700
    hits = np.zeros((size, size), np.int32)
    for a, b, c in topology.uv.double().numpy()[topology.uv_faces[: len(topology.faces) - 800]] * size:
        low, high = np.floor(np.min([a, b, c], 0)).astype(int), np.ceil(np.max([a, b, c], 0)).astype(int)
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) < 1e-9:
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        v = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
        w = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
        hits[low[1] : high[1], low[0] : high[0]] += (v > 1e-9) & (w > 1e-9) & (v + w < 1 - 1e-9)
    assert (hits > 1).sum() < 2e-3 * (hits > 0).sum()


@pytest.mark.parametrize("depth", [0.0005, 0.002, 0.004])
def test_crossed_lips_meet(depth: float):
    moved = model().template[None].clone()
    mouth = touching().mouth
    moved[:, mouth.rings[:, ~mouth.upper][:, 1:-1], 1] += depth
    assert gaps(moved).min() < -0.6 * depth
    touching().settle(moved, model().template, model().template)
    assert gaps(moved).min() > -1e-4 and gaps(moved).max() < 5e-4


def test_an_open_mouth_is_left_alone():
    weights = model().weight_vector(jawOpen=0.5)
    moved = model().template + (weights[:, None, None] * model().shapes).sum(0)
    mouth = touching().mouth.rings[:, 8:33]
    settled = moved[None].clone()
    touching().settle(settled, model().template, model().template)
    torch.testing.assert_close(settled[0, mouth], moved[mouth], atol=2e-4, rtol=0)


def test_frames_do_not_see_each_other():
    weights = torch.stack([model().weight_vector(**w) for w in ({"eyeBlink": 1.0}, {"mouthPucker": 1.0})])
    torch.testing.assert_close(posed(weights)[1:], posed(weights[1:]))


def test_a_person_at_rest_stays_and_nothing_of_them_crosses():
    for person in people():
        again = model().settled(person.neutral)
        torch.testing.assert_close(again, person.neutral, atol=1e-6, rtol=0)
        assert not cut_lips(person.neutral, 1e-4)
        assert not cut_lids(person.neutral, 1e-4)
        assert gaps(person.neutral[None]).max() < 4e-4


def test_lips_close_over_an_open_jaw_for_everybody():
    poses = [{"jawOpen": w, "mouthClose": w} for w in (0.1, 0.3, 0.6)] + [{"mouthPress": 0.7}]
    weights = torch.stack([model().weight_vector(**pose) for pose in poses])
    for person in people():
        assert gaps(posed(weights, person.neutral)).max() < 7e-4


def test_natural_faces_do_not_cut_themselves():
    weights = torch.from_numpy(natural_faces(SHAPE_NAMES, 12, seed=1)).float()
    lips = lids = total = 0
    for person in people():
        for points in posed(weights, person.neutral):
            lips += cut_lips(points, 1.5e-4) > 0
            lids += cut_lids(points, 4e-4) > 0
            total += 1
    assert lips <= 0.025 * total and lids <= 0.01 * total


def test_a_blink_shuts_every_eye_whatever_else_the_face_does():
    company = ({}, {"eyeSquint": 1.0}, {"eyeLookDown": 1.0}, {"cheekSquint": 1.0, "mouthSmile": 1.0})
    weights = torch.stack([model().weight_vector(eyeBlink=1.0, **other) for other in company])
    for person in people():
        faces = posed(weights, person.neutral)
        for eye in eyes():
            edge = faces[:, eye.edge]
            assert (edge - edge[:, eye.opposite]).norm(dim=2).max() < 1e-5


def test_lids_close_steadily():
    weights = torch.stack([model().weight_vector(eyeBlink=i / 40) for i in range(41)])
    for person in people()[:4]:
        faces = posed(weights, person.neutral)
        for eye in eyes():
            edge = faces[:, eye.edge]
            gap = (edge - edge[:, eye.opposite]).norm(dim=2)
            assert (gap.diff(dim=0) < 5e-5).all()


def test_lids_never_enter_the_eyeball():
    chosen = [{"eyeBlink": 1.0}, {"eyeBlink": 0.5}, {"eyeSquint": 1.0}, {"eyeLookDown": 1.0}]
    weights = torch.stack([model().weight_vector(**pose) for pose in chosen])
    for person in people():
        faces = posed(weights, person.neutral)
        for eye in eyes():
            centre, _ = eye.located(model().template, person.neutral)
            ball = (faces[:, eye.ball] - centre).norm(dim=2).min()
            assert (faces[:, eye.edge] - centre).norm(dim=2).min() > ball - 1e-4


def test_a_seed_is_a_person():
    first, again, other = sample_person(3), sample_person(3), sample_person(4)
    assert torch.equal(first.neutral, again.neutral) and first.skin == again.skin
    assert (first.neutral - other.neutral).norm(dim=1).max() > 0.003


def test_people_are_bounded_and_nearly_symmetric():
    for person in people():
        code = person.identity.double().numpy()
        assert np.abs(code).max() < 3 and np.linalg.norm(code) < 8.7
        uneven = (code - code @ mirroring()) / 2 @ model().identity.double().numpy().reshape(100, -1)
        assert np.sqrt((uneven.reshape(-1, 3) ** 2).sum(1).mean()) < 0.0012


def test_men_have_heavier_jaws_than_women_of_the_same_seed():
    widths = {male: [] for male in (0.0, 1.0)}
    for seed in range(5):
        for male in widths:
            marks = model().landmarks(sample_person(seed, male, 30.0).neutral)
            widths[male].append(float(marks[12, 0] - marks[4, 0]))
    assert np.mean(widths[1.0]) > np.mean(widths[0.0]) + 0.004


def test_age_sinks_cheeks_and_jowls():
    young, old = (sample_person(2, 1.0, age).neutral for age in (30.0, 70.0))
    jaw = model().topology.regions["jaw"].long()
    assert (old - young)[jaw, 1].mean() < -2e-4 and (old - young)[jaw, 1].min() < -0.002
