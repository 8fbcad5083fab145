"""Meshes for other programs wear what the renderer draws."""

from __future__ import annotations

import importlib.util
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image
from test_worn import VERTS, avatar, cloth, hair, random, turned

from talkcli.engine.assets import asset
from talkcli.engine.errors import MissingAsset
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.look import Look
from talkcli.engine.face.rigs import rigged
from talkcli.engine.motion import Coefficients, Motion, Vertices
from talkcli.engine.rendering.camera import look_at, portrait
from talkcli.engine.rendering.export import WRITERS
from talkcli.engine.rendering.meshes import EXPORTED_COARSENESS
from talkcli.engine.rendering.picture import Painter, PosedMoment
from talkcli.engine.rendering.surface import surface_of

TURNED = Motion(Fraction(25), Vertices(turned(random(VERTS, 3)) - random(VERTS, 3)))
"""Two frames of the small wearer."""


def drawn(person: Avatar, head: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces as the renderer has them when it draws a film of standard quality."""
    rig = rigged(person)
    surface = surface_of(person, None if rig is None else rig.model.topology, EXPORTED_COARSENESS)
    painter = Painter(surface, 16, 16)
    view = look_at(torch.tensor([0.0, 0.0, 1.0]), torch.zeros(3)).double().numpy()
    painter.draw(PosedMoment(np.ascontiguousarray(head.numpy(), np.float32), view, 20.0))
    return painter.vertices, surface.faces


def objects_of(file: Path) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Vertices, the triangles of each object, points of the skin."""
    points, skin, parts, own = [], [], {}, []
    for line in file.read_text().splitlines():
        word, *rest = line.split()
        if word == "o":
            own = parts.setdefault(rest[0], [])
        elif word == "f":
            own.append([int(corner.split("/")[0]) - 1 for corner in rest])
        elif word in ("v", "vt"):
            (points if word == "v" else skin).append([float(value) for value in rest])
    return np.array(points), {name: np.array(faces) for name, faces in parts.items()}, np.array(skin)


@pytest.fixture(scope="module")
def ada() -> Avatar:
    return load_avatar(asset("ada.avatar"))


@pytest.fixture(scope="module")
def speaking(ada) -> Motion:
    """One frame."""
    rig = rigged(ada)
    assert rig is not None
    weights = rig.model.weight_vector(jawOpen=0.4, mouthSmile=0.5)[None]
    return Motion(Fraction(25), Coefficients(weights, torch.tensor([[0.05, -0.2, 0.02]])))


def test_ada_goes_to_other_programs_with_her_hair_and_her_blouse(ada, speaking, tmp_path):
    for suffix in (".obj", ".ply"):
        WRITERS[suffix](speaking, ada, tmp_path / f"a{suffix}")
    places, faces = drawn(ada, vertices(speaking, ada)[0])
    points, parts, skin = objects_of(tmp_path / "a.obj" / "000000.obj")
    assert list(parts) == ["head", "blouse", "wavy"]
    np.testing.assert_allclose(points, places, atol=1e-6)
    assert np.array_equal(np.concatenate(list(parts.values())), faces)
    assert skin.min() >= 0 and skin.max() <= 1
    materials = (tmp_path / "a.obj" / "avatar.mtl").read_text()
    assert "newmtl skin\n" in materials and "newmtl wavy\n" in materials
    assert ada.look is not None
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.obj" / "skin.png")), ada.look.albedo.numpy())
    mesh: Any = trimesh.load(tmp_path / "a.ply" / "000000.ply", process=False)
    assert np.array_equal(mesh.vertices.astype(np.float32), places)
    assert np.array_equal(mesh.faces, faces)
    colours, head = mesh.visual.vertex_colors[:, :3].astype(float), len(ada.neutral)
    lips, tips = colours[ada.lips.numpy()].mean(0), colours[-500:].mean(0)
    assert lips[0] > 1.2 * lips[2] and tips.max() < 100, "lips are red, hair is brown"
    blouse = colours[head : head + len(ada.worn[0].points)].mean(0)
    assert blouse[2] > 1.2 * blouse[0], "the blouse is blue, as her look paints it"


def test_npz_holds_the_bare_head_and_says_so(speaking, ada, tmp_path):
    WRITERS[".npz"](speaking, ada, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as read:
        assert read["vertices"].shape == (1, *ada.neutral.shape)
        assert "bare head" in read["contents"][0]


@pytest.mark.parametrize("look", [False, True])
def test_each_thing_is_an_object_that_moves_with_the_head(look, tmp_path):
    """A bib with corners of its own in the look, a tuft of one grey; without a look the bib has a colour."""
    red = torch.zeros(2, 2, 3, dtype=torch.uint8)
    red[..., 0] = 200
    skin = Look(red, torch.zeros(1, 1, 2, dtype=torch.uint8), torch.zeros(1, 1, dtype=torch.int8))
    bare = avatar(hair(name="my tuft"), cloth())
    layout = {"uv": torch.rand(3, 2), "uv_faces": torch.tensor([[0, 1, 2]]), "look": skin} if look else {}
    person = Avatar(bare.name, bare.neutral, bare.faces, bare.lips, worn=bare.worn, **layout)
    for suffix in (".obj", ".ply"):
        WRITERS[suffix](TURNED, person, tmp_path / f"a{suffix}")
    for number, head in enumerate(vertices(TURNED, person)):
        places, _ = drawn(person, head)
        points, parts, corners = objects_of(tmp_path / "a.obj" / f"{number:06d}.obj")
        assert list(parts) == ["head", "bib", "my_tuft"]
        np.testing.assert_allclose(points, places, atol=1e-6)
        assert len(corners) == (9 if look else 6)
        mesh: Any = trimesh.load(tmp_path / "a.ply" / f"{number:06d}.ply", process=False)
        np.testing.assert_array_equal(mesh.vertices.astype(np.float32), places)
        bib = mesh.visual.vertex_colors[VERTS : VERTS + 6, :3]
        assert (bib == ((200, 0, 0) if look else (0, 0, 0))).all()
    text = (tmp_path / "a.obj" / "avatar.mtl").read_text()
    assert ("newmtl bib" in text) != look and "newmtl my_tuft\n" in text and ("map_Kd" in text) == look


def test_a_head_that_wears_nothing_and_has_no_look_is_vertices_and_faces(bare_face, tmp_path):
    person = load_avatar(bare_face)
    still = Motion(Fraction(25), Vertices(torch.zeros(1, *person.neutral.shape)))
    WRITERS[".obj"](still, person, tmp_path / "a.obj")
    assert [file.name for file in (tmp_path / "a.obj").iterdir()] == ["000000.obj"]
    text = (tmp_path / "a.obj" / "000000.obj").read_text()
    assert {line.split()[0] for line in text.splitlines()} == {"#", "v", "f"}


@pytest.mark.skipif(importlib.util.find_spec("pyrender") is None, reason="pyrender is not installed")
@pytest.mark.filterwarnings("ignore")
def test_pyrender_draws_what_is_worn(ada):
    from talkcli.engine.rendering.pyrender_renderer import open_window

    camera = portrait(ada, "front", (64, 64))
    covered = []
    for person in (ada, Avatar(ada.name, ada.neutral, ada.faces, ada.lips, ada.rig, look=ada.look)):
        try:
            window = open_window(person, camera)
        except MissingAsset as missing:
            pytest.skip(missing.message)
        picture, inside = window.shot(ada.neutral.numpy(), camera.view(0).double().numpy())
        covered.append((inside, picture.astype(int)))
        window.close()
    (dressed, picture), (bare, _) = covered
    assert (dressed & ~bare).sum() > 100 and not (bare & ~dressed).any()
    shoulders = picture[48:][(dressed & ~bare)[48:]].mean(0)
    assert shoulders[2] > 1.2 * shoulders[0], "a blue blouse"
