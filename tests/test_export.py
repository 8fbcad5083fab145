"""Writers: what other programs read back is what was written, all of it or nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from films import header
from PIL import Image

from talkcli.engine.errors import BadInput, BadUsage, OutOfResources
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.look import Look
from talkcli.engine.motion import Head, Motion, Textures, Vertices
from talkcli.engine.rendering.export import PICTURES, WRITERS
from talkcli.engine.rendering.shot import Shot
from talkcli.engine.rendering.write import Act, write

FPS = Fraction(30000, 1001)


@pytest.fixture
def avatar(bare_face) -> Avatar:
    return load_avatar(bare_face)


@pytest.fixture
def motion() -> Motion:
    return Motion(FPS, Vertices(0.01 * torch.randn(5, 12, 3, generator=torch.Generator().manual_seed(1))))


def test_npz_holds_every_vertex(motion, avatar, tmp_path):
    WRITERS[".npz"](motion, avatar, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as read:
        assert np.array_equal(read["vertices"], vertices(motion, avatar).numpy())
        assert np.array_equal(read["faces"], avatar.faces.numpy())
        assert Fraction(*read["fps"].tolist()) == FPS


@pytest.mark.parametrize("suffix", [".obj", ".ply"])
def test_meshes_read_back(motion, avatar, tmp_path, suffix):
    WRITERS[suffix](motion, avatar, tmp_path / f"a{suffix}")
    files = sorted((tmp_path / f"a{suffix}").iterdir())
    assert [file.name for file in files] == [f"{n:06d}{suffix}" for n in range(5)]
    expected = vertices(motion, avatar).numpy()
    for file, places in zip(files, expected, strict=True):
        mesh: Any = trimesh.load(file, process=False)
        assert np.allclose(mesh.vertices, places, atol=1e-6)
        assert np.array_equal(mesh.faces, avatar.faces.numpy())


def test_csv_of_a_bare_mesh_says_why_not(motion, avatar, tmp_path):
    with pytest.raises(BadInput, match="no rig"):
        WRITERS[".csv"](motion, avatar, tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def pictures(count: int = 6, channels: int = 3) -> list[np.ndarray]:
    return [np.full((8, 12, channels), 40 * n, np.uint8) for n in range(count)]


def test_png_is_a_folder_of_frames(tmp_path):
    PICTURES[".png"](iter(pictures(channels=4)), FPS, tmp_path / "a.png", "{}")
    for number, expected in enumerate(pictures(channels=4)):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png" / f"{number:06d}.png")), expected)
    assert Fraction(json.loads((tmp_path / "a.png" / "fps.json").read_text())["fps"]) == FPS


@pytest.mark.parametrize("suffix", [".mp4", ".png", ".gif", ".npz", ".glb", ".obj", ".ply"])
def test_what_shows_somebodys_face_says_from_what_it_was_made(motion, avatar, tmp_path, suffix):
    somebody = replace(avatar, provenance={"synthetic": True, "source": "a photograph"})
    path = tmp_path / f"a{suffix}"
    write([Act(motion, somebody)], path, Shot(size="64"))
    first = sorted(path.iterdir())[0] if path.is_dir() else path
    if suffix in (".png", ".gif"):
        with Image.open(first) as picture:
            said = picture.info["Comment" if suffix == ".png" else "comment"]
    elif suffix == ".npz":
        with np.load(path) as arrays:
            said = str(arrays["provenance"])
    else:
        said = header(path).metadata["comment"] if suffix == ".mp4" else first.read_bytes()
    told = said if isinstance(said, str) else said.decode(errors="ignore")
    assert '"synthetic": true' in told and '"face_from": "a photograph"' in told


def test_gif_keeps_time(tmp_path):
    PICTURES[".gif"](iter(pictures(6)), Fraction(30), tmp_path / "a.gif", "{}")
    with Image.open(tmp_path / "a.gif") as film:
        shown = 0
        for number in range(film.n_frames):  # type: ignore[attr-defined]
            film.seek(number)
            shown += film.info["duration"]
            assert abs(shown - 1000 * (number + 1) / 30) < 10
        assert film.n_frames == 6  # type: ignore[attr-defined]


def test_gif_shows_the_frames_and_stores_what_changes(tmp_path):
    still = np.random.default_rng(0).integers(0, 4, (64, 48, 3), np.uint8) * 80
    moving = []
    for x in (4, 9, 9, 30):
        frame = still.copy()
        frame[20:26, x : x + 6] = 255, 0, 0
        moving.append(frame)
    PICTURES[".gif"](iter(moving), Fraction(25), tmp_path / "a.gif", "{}")
    with Image.open(tmp_path / "a.gif") as film:
        for number, expected in enumerate(moving):
            film.seek(number)
            assert np.array_equal(np.asarray(film.convert("RGB")), expected)
        assert film.info["loop"] == 0
    PICTURES[".gif"](iter([still]), Fraction(25), tmp_path / "one.gif", "{}")
    size = (tmp_path / "one.gif").stat().st_size
    assert (tmp_path / "a.gif").stat().st_size < 2 * size


def test_gif_is_written_as_the_frames_come(tmp_path):
    dice, sizes = np.random.default_rng(0), []

    def shots():
        for _ in range(6):
            sizes.append(sum(file.stat().st_size for file in tmp_path.iterdir()))
            yield dice.integers(0, 255, (128, 128, 3), np.uint8)

    PICTURES[".gif"](shots(), Fraction(25), tmp_path / "a.gif", "{}")
    assert sizes == sorted(set(sizes)) and sizes[-1] > (tmp_path / "a.gif").stat().st_size / 2


@pytest.mark.parametrize("suffix", [".npz", ".glb", ".obj", ".ply"])
def test_a_failure_leaves_nothing_and_keeps_what_was_there(motion, tmp_path, suffix, bare_face):
    whole = load_avatar(bare_face)
    path = tmp_path / f"a{suffix}"
    WRITERS[suffix](motion, whole, path)
    before = sorted(tmp_path.rglob("*"))
    wrong = Motion(FPS, Vertices(torch.zeros(3, 7, 3)))
    with pytest.raises(BadInput):
        WRITERS[suffix](wrong, whole, path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_holds_other_things_is_not_replaced(motion, avatar, tmp_path):
    mine = tmp_path / "a.obj"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(BadUsage, match=r"thesis\.txt"):
        WRITERS[".obj"](motion, avatar, mine)
    assert (mine / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("suffix", [".npz", ".glb", ".obj", ".ply"])
def test_a_missing_folder_is_said(motion, avatar, suffix):
    with pytest.raises(OutOfResources, match="nowhere"):
        WRITERS[suffix](motion, avatar, Path("/nowhere/at/all") / f"a{suffix}")


@pytest.fixture
def painted(motion) -> tuple[Motion, Avatar]:
    """A square of two triangles with a seam, whose skin of 6 x 4 texels pales and reddens."""
    square = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    uv = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5]])
    albedo = torch.randint(0, 256, (6, 4, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    look = Look(albedo, torch.zeros(1, 1, 2, dtype=torch.uint8), torch.zeros(1, 1, dtype=torch.int8))
    corners, seam = torch.tensor([[0, 1, 2], [0, 2, 3]]), torch.tensor([[0, 1, 2], [4, 2, 3]])
    person = Avatar("painted", square, corners, torch.tensor([0]), look=look, uv=uv, uv_faces=seam)
    weights = torch.linspace(0, 1, 5)[:, None].expand(-1, 2).contiguous()
    basis = torch.stack([torch.full((3, 6, 4), -0.5), torch.eye(3)[0][:, None, None].expand(3, 6, 4)])
    return Motion(FPS, Vertices(torch.zeros(5, 4, 3)), texture=Textures(weights, basis)), person


def skin_of(painted: tuple[Motion, Avatar], number: int) -> np.ndarray:
    look, share = painted[1].look, number / 4
    assert look is not None
    change = np.exp(share * np.array([0.5, -0.5, -0.5]))
    return np.clip(look.albedo.numpy() * change, 0, 255)


def test_a_changing_skin_is_written_frame_by_frame(painted, tmp_path):
    WRITERS[".textures"](painted[0], painted[1], tmp_path / "a.textures")
    assert len(list((tmp_path / "a.textures").glob("*.png"))) == 5
    for number in range(5):
        image = np.asarray(Image.open(tmp_path / "a.textures" / f"{number:06d}.png"))
        assert np.abs(image - skin_of(painted, number)).max() <= 0.51


def test_meshes_wear_their_changing_skin(painted, tmp_path):
    WRITERS[".obj"](painted[0], painted[1], tmp_path / "a.obj")
    assert {file.suffix for file in (tmp_path / "a.obj").iterdir()} == {".obj", ".mtl", ".png"}
    mesh: Any = trimesh.load(tmp_path / "a.obj" / "000004.obj", process=False)
    assert len(mesh.visual.uv) == 5, "the seam"
    worn = np.asarray(mesh.visual.material.image)
    assert np.abs(worn - skin_of(painted, 4)).max() <= 0.51
    WRITERS[".obj"](painted[0], painted[1], tmp_path / "a.obj")


def test_npz_holds_the_neutral_face_and_the_pose_and_says_what_it_holds(motion, avatar, tmp_path):
    head = Head(torch.rand(len(motion), 3), torch.rand(len(motion), 3))
    for posed in (replace(motion, head=None), replace(motion, head=head)):
        WRITERS[".npz"](posed, avatar, tmp_path / "a.npz")
        with np.load(tmp_path / "a.npz") as read:
            assert np.array_equal(read["neutral"], avatar.neutral.numpy())
            told = {line.split(" ")[0] for line in read["contents"].tolist()}
            assert told == {*read.files} - {"contents"}
            assert ("head_rotation" in told) == (posed.head is not None)
            if posed.head is not None:
                assert np.array_equal(read["head_rotation"], head.rotation.numpy())
                assert np.array_equal(read["head_translation"], head.translation.numpy())


def test_npz_holds_the_mixture_of_a_changing_skin(painted, tmp_path):
    motion, person = painted
    WRITERS[".npz"](motion, person, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as read:
        assert np.array_equal(read["texture_weights"], motion.texture.weights.numpy())
        assert np.array_equal(read["texture_basis"], motion.texture.basis.numpy())


def test_a_skin_that_does_not_change_or_is_missing_is_said(motion, avatar, painted, tmp_path):
    with pytest.raises(BadInput, match="does not change"):
        WRITERS[".textures"](motion, avatar, tmp_path / "a.textures")
    with pytest.raises(BadInput, match="no skin"):
        WRITERS[".textures"](replace(motion, texture=painted[0].texture), avatar, tmp_path / "a.textures")
    assert list(tmp_path.glob("a*")) == []
