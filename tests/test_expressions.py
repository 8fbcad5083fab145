"""The built-in head pulls every face without tearing, and each shape does what its name says."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from triangles import crossings

from talkcli.engine.face.arkit import ARKIT
from talkcli.engine.face.contact import Contact
from talkcli.engine.face.eyelids import LID_RINGS, Eye
from talkcli.engine.face.face_model import FaceModel, load_face_model
from talkcli.engine.face.lips import LIP_RINGS
from talkcli.engine.studio.expression_space import natural_faces
from talkcli.engine.studio.shape.expressions import SHAPE_NAMES

PEOPLE = 50


@functools.cache
def model() -> FaceModel:
    return load_face_model()


def touching() -> Contact:
    contact = model().contact
    assert isinstance(contact, Contact)
    return contact


def eyes() -> tuple[Eye, Eye]:
    return touching().left, touching().right


@functools.cache
def people() -> torch.Tensor:
    """Neutral faces [people, verts, 3], metres."""
    chance = torch.Generator().manual_seed(7)
    return model().neutral(torch.randn(PEOPLE, len(model().identity), generator=chance).clamp(-2.5, 2.5))


def posed(weights: torch.Tensor, neutral: torch.Tensor | None = None) -> torch.Tensor:
    """Faces [frames, verts, 3] of one person with contact, metres."""
    rest = model().template if neutral is None else neutral
    moved = rest + (weights @ model().shapes_of(rest).flatten(1)).unflatten(1, (-1, 3))
    touching().settle(moved, model().template, rest)
    return moved


def face(**named: float) -> torch.Tensor:
    """Vertices [verts, 3] of the mean face."""
    return posed(model().weight_vector(**named)[None])[0]


@functools.cache
def lip_faces() -> np.ndarray:
    """Triangles of the lips and of the skin round them."""
    rings = touching().mouth.rings[: LIP_RINGS.index("behind") + 1]
    return _faces_of(rings)


@functools.cache
def lid_faces() -> np.ndarray:
    return np.concatenate([_faces_of(eye.rings) for eye in eyes()])


def _faces_of(rings: torch.Tensor) -> np.ndarray:
    inside = torch.zeros(len(model().template), dtype=torch.bool)
    inside[rings.flatten()] = True
    faces = model().topology.faces.long()
    return faces[inside[faces].all(1)].numpy()


def turned_over(vertices: torch.Tensor, rest: torch.Tensor, eye: Eye) -> torch.Tensor:
    """Which triangles of the lids' skin look the other way than at rest, the lids' roll aside."""
    faces = torch.from_numpy(_faces_of(eye.rings[: LID_RINGS.index("margin") + 1]))
    centre, _ = eye.located(model().template, rest)
    now, calm = ((points - centre)[faces] for points in (vertices, rest))
    elevations = [torch.atan2(corners[..., 1], corners[..., 2]).mean(1) for corners in (now, calm)]
    roll = elevations[0] - elevations[1]
    normal, still = (torch.linalg.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]) for c in (now, calm))
    x, y, z = still.unbind(1)
    rolled = torch.stack([x, y * roll.cos() + z * roll.sin(), z * roll.cos() - y * roll.sin()], 1)
    return (normal * rolled).sum(1) <= 0


def gap_of_lips(vertices: torch.Tensor) -> torch.Tensor:
    upper, lower = model().topology.lip_pairs.long().T
    return (vertices[..., upper, 1] - vertices[..., lower, 1]).abs()


def test_all_arkit_shapes_are_there_by_name():
    assert len(ARKIT) == 52 == len(set(ARKIT))
    assert list(ARKIT) == sorted(ARKIT)
    assert model().shape_names == SHAPE_NAMES


@pytest.mark.parametrize("name", [name for name in SHAPE_NAMES if not name.startswith("tongue")])
def test_every_shape_moves_what_it_is_named_for(name: str):
    regions = ("left_eye", "right_eye") if name.startswith("eyeLook") else ("face", "eyes")
    part = torch.cat([model().topology.regions[region].long() for region in regions])
    assert model().shapes[SHAPE_NAMES.index(name)][part].norm(dim=1).max() > 0.001


@pytest.mark.parametrize(
    "name", [name for name in ARKIT if name.endswith("Left") and not name.startswith(("jaw", "mouthL"))]
)
def test_left_is_plus_x_and_mirrors_right(name: str):
    left = model().shapes[SHAPE_NAMES.index(name)]
    right = model().shapes[SHAPE_NAMES.index(name.replace("Left", "Right"))]
    side = model().template[:, 0] > 0.002
    assert left[side].square().sum() > 4 * left[~side].square().sum()
    torch.testing.assert_close(left.square().sum(), right.square().sum(), rtol=0.05, atol=0)


def test_smile_raises_and_widens_the_corners_and_lifts_the_cheeks():
    corner = touching().mouth.rings[LIP_RINGS.index("slit"), 0]
    moved = (face(mouthSmile=1.0) - model().template)[corner]
    assert moved[0] > 0.004 and moved[1] > 0.004 and moved[2] < -0.002


def test_pucker_narrows_and_protrudes():
    slit = touching().mouth.rings[LIP_RINGS.index("slit")]
    rest, moved = model().template[slit], face(mouthPucker=1.0)[slit]
    width = (moved[:, 0].max() - moved[:, 0].min()) / (rest[:, 0].max() - rest[:, 0].min())
    assert width < 0.7
    assert (moved - rest)[:, 2].min() > 0.003


def test_jaw_carries_the_lower_teeth_rigidly_and_leaves_the_upper():
    teeth = model().topology.regions["teeth"].long()
    moved = (model().shapes[SHAPE_NAMES.index("jawOpen")])[teeth].norm(dim=1)
    assert (moved < 1e-4).sum() == (moved > 0.01).sum() == len(teeth) // 2
    lower = teeth[moved > 0.01]
    before, after = torch.pdist(model().template[lower]), torch.pdist(face(jawOpen=1.0)[lower])
    torch.testing.assert_close(after, before, rtol=0.02, atol=2e-4)


def test_corners_follow_the_jaw_half_way():
    rings = touching().mouth.rings[LIP_RINGS.index("slit")]
    down = -model().shapes[SHAPE_NAMES.index("jawOpen")][rings, 1]
    assert 0.3 < down[0] / down.max() < 0.65


def test_tongue_comes_out_between_the_teeth():
    faces = face(jawOpen=0.35, tongueOut=1.0, mouthLowerDown=0.3)
    tongue, teeth = (model().topology.regions[name].long() for name in ("tongue", "teeth"))
    slit = faces[touching().mouth.rings[LIP_RINGS.index("slit")]]
    assert faces[tongue, 2].max() > slit[:, 2].max()
    incisors = teeth[(model().template[teeth, 0].abs() < 0.006) & (model().template[teeth, 2] > 0.085)]
    below = model().shapes[SHAPE_NAMES.index("jawOpen")][incisors].norm(dim=1) > 0.01
    upper, lower = faces[incisors[~below]], faces[incisors[below]]
    over_teeth = (faces[tongue, 2] > lower[:, 2].min()) & (faces[tongue, 0].abs() < 0.006)
    heights = faces[tongue[over_teeth], 1]
    assert lower[:, 1].max() - 1e-3 < heights.min() and heights.max() < upper[:, 1].min() + 1e-3


@pytest.mark.parametrize("name", [name for name in SHAPE_NAMES if name != "mouthClose"])
def test_no_shape_makes_lips_or_lids_cut_themselves(name: str):
    vertices = posed(torch.eye(len(SHAPE_NAMES))[None, SHAPE_NAMES.index(name)])[0].double().numpy()
    assert not len(crossings(vertices, lip_faces(), 5e-5))
    assert not len(crossings(vertices, lid_faces(), 5e-5))


def test_natural_faces_do_not_cut_themselves():
    faces = posed(torch.from_numpy(natural_faces(SHAPE_NAMES, 200, seed=1)).float()).double().numpy()
    lips = sum(len(crossings(vertices, lip_faces(), 1e-4)) > 0 for vertices in faces)
    lids = sum(len(crossings(vertices, lid_faces(), 1e-4)) > 0 for vertices in faces)
    assert lips == lids == 0


def test_nobody_is_torn_in_a_blink_a_word_or_a_smile():
    poses = (
        {},
        {"eyeBlink": 1.0},
        {"jawOpen": 0.5},
        {"mouthPucker": 0.9, "jawOpen": 0.12},
        {"mouthSmile": 0.9},
    )
    weights = torch.stack([model().weight_vector(**pose) for pose in poses])
    for neutral in people():
        for vertices in posed(weights, neutral).double().numpy():
            assert not len(crossings(vertices, lip_faces(), 1e-4))
            assert not len(crossings(vertices, lid_faces(), 1e-4))


BLINKS = (
    {"eyeBlink": 0.3, "eyeSquint": 1.0, "cheekSquint": 1.0},
    {"eyeBlink": 0.6, "eyeLookDown": 1.0},
    {"eyeBlink": 0.6, "eyeSquint": 0.7, "eyeLookUp": 0.8, "browInnerUp": 0.8},
    {"eyeBlink": 0.9, "eyeLookUp": 0.5},
    {"eyeBlink": 0.9, "eyeLookUp": 1.0},
    {"eyeBlink": 0.9, "eyeLookOut": 1.0},
    {"eyeBlink": 0.9, "eyeWide": 0.5},
    {"eyeBlink": 0.9, "mouthSmile": 0.9, "cheekSquint": 0.6},
    {"eyeBlink": 1.0, "eyeWide": 1.0},
    {"eyeBlink": 1.0, "eyeLookDown": 1.0},
    {"eyeBlink": 1.0, "eyeSquint": 0.8, "cheekSquint": 0.7, "browDown": 0.8},
    {"eyeSquint": 1.0, "eyeLookDown": 1.0, "cheekSquint": 1.0, "browDown": 1.0},
)


def test_lids_neither_cross_nor_turn_over_in_any_blink():
    weights = torch.stack([model().weight_vector(**blink) for blink in BLINKS])
    for neutral in people()[::4]:
        for vertices in posed(weights, neutral):
            assert not len(crossings(vertices.double().numpy(), lid_faces(), 1e-4))
            for eye in eyes():
                assert not turned_over(vertices, neutral, eye).any()


def test_a_blink_shuts_every_eye_whatever_else_the_face_does():
    company = ({}, {"eyeSquint": 1.0}, {"eyeLookDown": 1.0}, {"cheekSquint": 1.0, "mouthSmile": 1.0})
    weights = torch.stack([model().weight_vector(eyeBlink=1.0, **other) for other in company])
    for neutral in people():
        faces = posed(weights, neutral)
        for eye in eyes():
            for name in ("margin", "inner_margin"):
                edge = faces[:, eye.rings[LID_RINGS.index(name)]]
                assert (edge - edge[:, eye.opposite]).norm(dim=2).max() < 1e-5


def test_lids_close_steadily():
    weights = torch.stack([model().weight_vector(eyeBlink=i / 40) for i in range(41)])
    for neutral in people()[:10]:
        faces = posed(weights, neutral)
        for eye in eyes():
            edge = faces[:, eye.rings[LID_RINGS.index("inner_margin")]]
            gap = (edge - edge[:, eye.opposite]).norm(dim=2)
            assert (gap.diff(dim=0) < 1e-5).all()


def test_lids_never_enter_the_eyeball():
    chosen = (
        {"eyeBlink": 1.0},
        {"eyeBlink": 0.5},
        {"eyeSquint": 1.0},
        {"eyeLookDown": 1.0},
        {"eyeLookUp": 1.0},
    )
    weights = torch.stack([model().weight_vector(**pose) for pose in chosen])
    for neutral in people()[:20]:
        for vertices in posed(weights, neutral):
            for eye in eyes():
                centre, _ = eye.located(model().template, neutral)
                ball = (vertices[eye.ball] - centre).norm(dim=1).min()
                lids = (vertices[eye.rings[:-1]] - centre).norm(dim=-1)
                assert lids.min() > ball


def test_over_shut_lids_stay_shut_without_crossing():
    weights = model().weight_vector(eyeBlink=1.0, eyeSquint=1.0, eyeLookDown=0.8)
    vertices = posed(weights[None])[0]
    for eye in eyes():
        edge = vertices[eye.rings[LID_RINGS.index("margin")]]
        below = (edge - edge[eye.opposite])[eye.upper, 1]
        assert below.min() > -5e-5 and below.max() < 3e-4


def test_lips_close_over_an_open_jaw_for_everybody():
    poses = [{"jawOpen": w, "mouthClose": w} for w in (0.1, 0.3, 0.6)] + [{"mouthPress": 0.7}]
    weights = torch.stack([model().weight_vector(**pose) for pose in poses])
    for neutral in people():
        assert gap_of_lips(posed(weights, neutral)).max() < 3e-4


def test_components_code_natural_faces_with_unit_deviation():
    shapes = model().shapes[:, model().topology.regions["face"].long()].flatten(1).double()
    components = model().expression.double() @ shapes
    faces = torch.from_numpy(natural_faces(SHAPE_NAMES, 400, seed=3)) @ shapes
    codes = torch.linalg.lstsq(components.T, faces.T).solution.T
    assert len(components) == 50
    assert (faces - codes @ components).norm() < 0.01 * faces.norm()
    spread = codes[:, :5].square().mean(0).sqrt()
    assert spread.min() > 0.6 and spread.max() < 1.6
