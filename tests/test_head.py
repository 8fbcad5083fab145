"""The built-in head: one closed, unfolded, well-behaved mesh for everybody."""

import hashlib

import numpy as np
import pytest
import torch

from talkcli.engine.face.face_model import FaceModel, load_face_model
from talkcli.engine.studio.head import identity_space
from talkcli.engine.studio.painted_parts import PARTS
from talkcli.engine.studio.shape import parts
from talkcli.engine.studio.shape.assembly import average_head, build_head, modes
from talkcli.engine.studio.shape.head_mesh import HeadMesh
from talkcli.engine.studio.shape.identity import MODE_NAMES, HeadParameters, sample
from talkcli.engine.studio.shape.modes import MODE_FIELDS


@pytest.fixture(scope="module")
def head() -> HeadMesh:
    return average_head()


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return load_face_model()


@pytest.fixture(scope="module")
def people(model: FaceModel) -> np.ndarray:
    """[50, V, 3] mm: random identities of the baked space."""
    generator = torch.Generator().manual_seed(50)
    identity = torch.randn(50, len(model.identity), generator=generator).clamp(-2.5, 2.5)
    return model.neutral(identity).numpy().astype(np.float64) * 1000


def area_vectors(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[..., faces[:, i], :] for i in range(3))
    return np.cross(b - a, c - a)


def ring_faces(head: HeadMesh) -> np.ndarray:
    """Triangles of lids and lips."""
    inside = np.zeros(len(head.vertices), bool)
    inside[head.mouth.rings[:10]] = True
    for eye in head.eyes.values():
        inside[eye.rings] = True
    return head.faces[inside[head.faces].all(1)]


def test_parts_are_disjoint_and_make_up_the_head(head: HeadMesh):
    assert tuple(head.parts) == PARTS
    everything = np.concatenate(list(head.parts.values()))
    assert np.array_equal(np.sort(everything), np.arange(len(head.vertices)))
    assert 6000 <= len(head.vertices) <= 12000


def test_the_asset_is_what_the_code_makes(head: HeadMesh, model: FaceModel):
    assert np.array_equal(model.topology.faces.numpy(), head.faces)
    assert np.abs(model.template.numpy() * 1000 - head.vertices).max() < 0.05


def test_every_edge_is_shared_by_at_most_two_triangles_that_agree_on_outside(head: HeadMesh):
    faces = head.faces
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert len(np.unique(edges, axis=0)) == len(edges)


def test_the_skin_is_open_only_at_the_eyes(head: HeadMesh):
    kinds = head.materials
    sheet = head.faces[(kinds == 0) | (kinds == 5)]
    sheet = sheet[np.isin(sheet, np.concatenate([head.parts["skin"], head.parts["cavity"]])).all(1)]
    edges = np.sort(np.concatenate([sheet[:, [0, 1]], sheet[:, [1, 2]], sheet[:, [2, 0]]]), 1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    rims = np.concatenate([eye.ring("hidden") for eye in head.eyes.values()])
    assert set(unique[count == 1].ravel()) == set(rims)


def test_no_two_triangles_overlap_in_uv(head: HeadMesh):
    size = 1024
    hits = np.zeros((size, size), np.int32)
    for a, b, c in head.uv[head.uv_faces] * size:
        low = np.floor(np.min([a, b, c], 0)).astype(int)
        high = np.ceil(np.max([a, b, c], 0)).astype(int)
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) < 1e-9:
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        v = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
        w = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
        hits[low[1] : high[1], low[0] : high[0]] += (v > 1e-9) & (w > 1e-9) & (v + w < 1 - 1e-9)
    assert hits.max() == 1
    assert (hits > 0).mean() > 0.8
    assert head.uv.min() >= 0 and head.uv.max() <= 1


def test_left_and_right_are_mirror_images(head: HeadMesh):
    symmetric = np.setdiff1d(np.arange(len(head.vertices)), head.parts["hair"])
    twin = head.mirror[symmetric]
    assert np.abs(head.vertices[twin] * [-1, 1, 1] - head.vertices[symmetric]).max() < 0.05


def test_closed_lips_touch_without_a_gap_for_everybody(head: HeadMesh, people: np.ndarray):
    upper, lower = head.mouth.pairs.T
    assert head.mouth.upper[1] and np.array_equal(head.mouth.slit[1:28], upper)
    assert np.abs(head.vertices[upper] - head.vertices[lower]).max() < 1e-9
    assert np.abs(people[:, upper] - people[:, lower]).max() < 0.01


def test_eyeballs_stay_inside_the_lids_for_everybody(head: HeadMesh, people: np.ndarray):
    for side, eye in head.eyes.items():
        ball = head.parts[f"{side}_eye"][-1 - 4 * parts.EYEBALL_COLUMNS : -1]
        lids = np.concatenate([eye.ring(name) for name in ("inner_margin", "margin", "lid", "tarsus")])
        for face in people:
            system = np.column_stack([2 * face[ball], np.ones(len(ball))])
            solution = np.linalg.lstsq(system, (face[ball] ** 2).sum(1), rcond=None)[0]
            radius = np.sqrt(solution[3] + solution[:3] @ solution[:3])
            assert np.linalg.norm(face[lids] - solution[:3], axis=1).min() > radius


def test_no_triangle_of_lids_or_lips_turns_over_for_anybody(head: HeadMesh, people: np.ndarray):
    faces = ring_faces(head)
    average = area_vectors(head.vertices, faces)
    assert ((area_vectors(people, faces) * average).sum(-1) > 0).all()


def test_hardly_any_triangle_of_the_skin_turns_over(head: HeadMesh, people: np.ndarray):
    faces = head.faces[head.materials == 0]
    turned = (area_vectors(people, faces) * area_vectors(head.vertices, faces)).sum(-1) <= 0
    assert turned.mean() < 1e-4


def test_people_never_seen_are_in_the_space(head: HeadMesh):
    space = identity_space(head)
    rng = np.random.default_rng(7)
    errors = []
    face = len(MODE_FIELDS) + 5
    fields = modes()[:, head.parts["skin"]]
    basis = np.tensordot(space.components[:60], fields, 1).reshape(60, -1)
    for _ in range(20):
        values = sample(rng).values.copy()
        values[face:] = 0
        offset = np.tensordot(values - space.mean, fields, 1)
        fit = np.linalg.lstsq(basis.T, offset.ravel(), rcond=None)[0] @ basis
        errors.append(np.linalg.norm(offset - fit.reshape(offset.shape), axis=1).mean())
    assert np.mean(errors) < 0.1
    assert space.variance[49] > 0.99


def test_a_face_at_rest_neither_stares_nor_frowns(head: HeadMesh):
    eye, mouth = head.eyes["left"], head.mouth
    lid = head.vertices[eye.ring("margin")[eye.upper], 1].max()
    iris = eye.centre[1] + eye.radius * np.sin(parts.IRIS_ANGLE)
    assert 0.8 < iris - lid < 2.0
    corner, middle = mouth.slit[0], mouth.slit[np.abs(mouth.u) < 0.45]
    assert 0 < head.vertices[corner, 1] - head.vertices[middle, 1].mean() < 2


def test_ears_reach_from_the_brow_to_the_base_of_the_nose(head: HeadMesh):
    height = head.vertices[head.parts["left_ear"], 1]
    assert 30 < height.max() < 44 and -32 < height.min() < -20


def test_the_neck_has_muscles_and_a_hollow_between_them(head: HeadMesh):
    """At the height of the hollow over the breastbone the skin lies further back than on both sides of it."""
    x, y, z = head.vertices[head.parts["skin"]].T
    level = (np.abs(y + 170) < 12) & (z > 0)
    hollow, muscle = z[level & (np.abs(x) < 4)], z[level & (np.abs(x) > 10) & (np.abs(x) < 20)]
    assert muscle.max() > hollow.max() + 2


def test_every_mode_changes_the_face(head: HeadMesh):
    assert len(MODE_NAMES) >= 60
    assert (np.abs(modes()).max((1, 2)) > 0.25).all()


def test_one_parameter_moves_only_what_it_names(head: HeadMesh):
    longer = build_head(HeadParameters.of(nose_length=1.0)).vertices - head.vertices
    assert np.linalg.norm(longer[head.parts["left_eye"]], axis=1).max() < 0.2
    assert longer[:, 1].min() < -1.5


def test_the_same_code_makes_the_same_bytes(head: HeadMesh):
    def digest() -> str:
        pieces = [parts.eyeball(), parts.ear(), parts.teeth("upper"), parts.tongue()]
        return hashlib.sha256(b"".join(p.vertices.tobytes() + p.uv.tobytes() for p in pieces)).hexdigest()

    assert digest() == digest()
    again = sample(np.random.default_rng(1)).values
    assert np.array_equal(again, sample(np.random.default_rng(1)).values)


def test_landmarks_lie_on_what_they_name(model: FaceModel, head: HeadMesh):
    marks = model.landmarks(model.template, "ibug68").numpy() * 1000
    assert len(marks) == 68
    assert len(model.landmarks(model.template, "mediapipe")) == 468
    right, left = marks[48], marks[54]
    corners = head.vertices[head.mouth.ring("border")]
    assert abs(right[0] - corners[:, 0].min()) < 2 and abs(left[0] - corners[:, 0].max()) < 2
    assert marks[8, 1] < -90 and abs(marks[8, 0]) < 1
    assert marks[30, 2] > head.vertices[head.parts["skin"], 2].max() - 2
    for start, side in ((36, "right"), (42, "left")):
        away = np.linalg.norm(marks[start : start + 6] - head.eyes[side].centre, axis=1)
        assert away.max() < 20 and away.min() > 11
    assert (np.diff(marks[1:16, 0]) > 0).all()


def test_regions_are_where_they_should_be(model: FaceModel):
    regions, vertices = model.topology.regions, model.template
    wanted = "lips upper_face eyes nose jaw ears neck scalp teeth tongue left_eye right_eye cavity lashes"
    assert set(wanted.split()) <= set(regions)
    assert vertices[regions["left_eye"], 0].min() > 0 > vertices[regions["right_eye"], 0].max()
    assert vertices[regions["upper_face"], 1].min() > vertices[regions["jaw"], 1].max()
    skin = set(regions["upper_face"].tolist()) | set(regions["jaw"].tolist())
    assert not skin & set(regions["lips"].tolist())
