"""What each sample of a picture sees: ids and depth, against a rasteriser as one would write it on paper."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from procedural_head import ball

from talkcli.engine.errors import MissingAsset
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.rendering.camera import look_at, portrait
from talkcli.engine.rendering.compiling import compile_renderer
from talkcli.engine.rendering.rasterize import NEAR, SUBSAMPLE, project, rasterize, sheet


@pytest.fixture(scope="session", autouse=True)
def compiled():
    compile_renderer()


def see(vertices, faces, view, focal, width, height, two_sided=None):
    """Face number [height, width] (-1: none) and 1 / distance there, at every pixel centre."""
    snapped, nearness = np.zeros((len(vertices), 2), np.int64), np.zeros(len(vertices))
    project(vertices, view, focal, width, height, snapped, nearness)
    ids, depth = sheet(height, width)
    sides = np.zeros(len(faces), np.uint8) if two_sided is None else two_sided.astype(np.uint8)
    rasterize(snapped, nearness, faces, sides, np.arange(len(faces), dtype=np.uint32), 0, ids, depth)
    return ids[:, :width], depth[:, :width]


def plainly(vertices, faces, view, focal, width, height, two_sided):
    """The rasteriser as one would write it on paper: every sample against every face."""
    seen = vertices.astype(np.float64) @ view[:3, :3].T + view[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.rint((width * 0.5 + focal * seen[:, 0] / -seen[:, 2]) * SUBSAMPLE)
        y = np.rint((height * 0.5 - focal * seen[:, 1] / -seen[:, 2]) * SUBSAMPLE)
        near = 1 / -seen[:, 2]
    drawn = -seen[:, 2] >= NEAR
    ids = np.full((height, width), -1, np.int32)
    depth = np.zeros((height, width))
    py, px = np.mgrid[0:height, 0:width] * SUBSAMPLE + SUBSAMPLE // 2
    for number, face in enumerate(faces):
        if not drawn[face].all():
            continue
        corners = np.stack([x[face], y[face]], 1).astype(np.int64)
        (ax, ay), (bx, by), (cx, cy) = corners
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0 or (area > 0 and not two_sided[number]):
            continue
        inside, edges = np.ones((height, width), bool), []
        for start, end in ((1, 2), (2, 0), (0, 1)):
            (sx, sy), (ex, ey) = corners[start], corners[end]
            edge = ((ex - sx) * (py - sy) - (ey - sy) * (px - sx)) * np.sign(area)
            dx, dy = (ex - sx) * np.sign(area), (ey - sy) * np.sign(area)
            top_or_left = dy < 0 or (dy == 0 and dx > 0)
            inside &= edge >= 0 if top_or_left else edge > 0
            edges.append(edge)
        share = np.stack(edges, -1) / abs(area)
        here = share @ near[face]
        wins = inside & (here > depth * (1 + 1e-7))
        ids[wins], depth[wins] = number, here[wins]
    return ids, depth


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), behind=st.booleans())
def test_ids_and_depth_equal_the_plain_rasteriser(seed, behind):
    rng = np.random.default_rng(seed)
    vertices = rng.normal(0, 0.25, (24, 3)).astype(np.float32)
    faces = np.stack([rng.permutation(24)[:3] for _ in range(30)]).astype(np.uint32)
    two_sided = rng.random(30) < 0.5
    eye = torch.tensor([0.2, 0.1, 0.25 if behind else 1.5])
    view = look_at(eye, torch.zeros(3)).double().numpy()
    ids, depth = see(vertices, faces, view, 60.0, 48, 40, two_sided)
    expected, plain = plainly(vertices, faces, view, 60.0, 48, 40, two_sided)
    assert np.allclose(depth, plain, rtol=5e-5, atol=1e-7)  # single precision: 1.7e-5 in 4,000 scenes
    assert (ids != expected).sum() < 5  # two surfaces that meet in a pixel, to single precision


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), focal=st.sampled_from([150.0, 2000.0, 5000.0, 20_000.0]))
@example(seed=34, focal=2000.0)
@example(seed=20, focal=5000.0)
def test_slivers_of_any_length_are_seen_as_the_plain_rasteriser_sees_them(seed, focal):
    """Hair is of such triangles; most of the longer ones reach out of the picture."""
    rng = np.random.default_rng(seed)
    size = 40 / focal
    ends = rng.normal(0, 1, (24, 2, 3)) * rng.choice([size, 0.3], (24, 1, 1)) * [1, 1, 0.2]
    aside = ends[:, :1] + rng.normal(0, 1.5 / focal, (24, 1, 3)) * rng.choice([1, 4], (24, 1, 1))
    near = rng.uniform(-size, size, (24, 1, 3)) * [1, 1, 0]
    vertices = (np.concatenate([ends, aside], 1) - ends[:, :1] + near).reshape(-1, 3).astype(np.float32)
    faces = np.arange(72, dtype=np.uint32).reshape(24, 3)
    view = look_at(torch.tensor([0.0, 0.0, 1.0]), torch.zeros(3)).double().numpy()
    ids, depth = see(vertices, faces, view, focal, 64, 48, np.ones(24, bool))
    expected, plain = plainly(vertices, faces, view, focal, 64, 48, np.ones(24, bool))
    assert (ids >= 0).sum() > 20 and np.array_equal(ids >= 0, expected >= 0)
    assert np.allclose(depth, plain, rtol=1e-5) and (ids == expected).mean() > 0.99


def test_a_closed_mesh_has_no_holes_and_shared_edges_are_drawn_once():
    vertices, faces, _ = ball()
    view = look_at(torch.tensor([0.3, 0.2, 1.0]), torch.zeros(3)).double().numpy()
    turned = faces.numpy().astype(np.uint32)
    count = np.zeros((80, 80), int)
    for face in turned:
        count += see(vertices.numpy(), face[None], view, 300.0, 80, 80)[0] >= 0
    assert set(np.unique(count)) == {0, 1}
    rows, columns = np.nonzero(count)
    for row in np.unique(rows):
        span = np.sort(columns[rows == row])
        assert len(span) == span[-1] - span[0] + 1


def test_depth_is_perspective_correct():
    """Every sample's point, unprojected from its depth, lies in the triangle's plane."""
    vertices = np.array([[-1, -1, 0.5], [1, -1, -4], [0, 1, -1]], np.float32)
    view = look_at(torch.tensor([0.0, 0.0, 2.0]), torch.zeros(3)).double().numpy()
    ids, depth = see(vertices, np.array([[0, 1, 2]], np.uint32), view, 40.0, 64, 64)
    rows, columns = np.nonzero(ids == 0)
    assert len(rows) > 100
    distance = 1 / depth[rows, columns].astype(float)
    across, down = (columns + 0.5 - 32) / 40 * distance, -(rows + 0.5 - 32) / 40 * distance
    points = np.stack([across, down, 2 - distance], 1)
    normal = np.cross(vertices[1] - vertices[0], vertices[2] - vertices[0])
    assert np.abs((points - vertices[0]) @ normal / np.linalg.norm(normal)).max() < 0.02


def test_faces_behind_the_camera_are_dropped():
    vertices = np.array([[-1, -1, 0], [1, -1, 0], [0, 1, 3]], np.float32)
    view = look_at(torch.tensor([0.0, 0.0, 2.0]), torch.zeros(3)).double().numpy()
    assert (see(vertices, np.array([[0, 1, 2]], np.uint32), view, 40.0, 32, 32)[0] == -1).all()


@pytest.mark.skipif(importlib.util.find_spec("pyrender") is None, reason="pyrender is not installed")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("preset", ["front", "three-quarter", "profile"])
def test_pyrender_sees_the_same_silhouette(preset):
    from talkcli.engine.rendering.pyrender_renderer import open_window

    vertices, faces, _ = ball()
    avatar = Avatar("egg", vertices * torch.tensor([0.8, 1.3, 1.0]), faces, torch.tensor([0]))
    camera = portrait(avatar, preset, (256, 192))
    view = camera.view(0).double().numpy()
    try:
        window = open_window(avatar, camera)
    except MissingAsset as missing:
        pytest.skip(missing.message)
    picture, theirs = window.shot(avatar.neutral.numpy(), view)
    window.close()
    ids, _ = see(
        avatar.neutral.numpy(),
        faces.numpy().astype(np.uint32),
        view,
        camera.centred(0)[1],
        256,
        192,
        np.ones(len(faces), bool),
    )
    ours = ids >= 0
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.995
    assert picture.shape == (192, 256, 3) and picture[theirs].mean() > 20
