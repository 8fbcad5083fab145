"""An avatar with Gaussians, from the shell's side: films, pictures, .ply, and what is refused."""

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
from films import pictures
from fuzz.small import bare_avatar
from PIL import Image

from talkcli.engine.face.avatar import Avatar, save_avatar
from talkcli.engine.face.gaussians import BoundGaussians, quaternion_matrix
from talkcli.engine.face.geometry import gaussians
from talkcli.engine.motion import Head, Motion, Vertices, save_motion
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.splat_film import splat_frames


def red_one(bases: int = 4) -> Avatar:
    """Red Gaussians in the middle of every face, which look green from one side."""
    avatar = bare_avatar()
    count = len(avatar.faces)
    colour = torch.zeros(count, bases, 3)
    colour[:, 0] = torch.tensor([0.9, 0.1, 0.2])
    colour[:, 3, 1] = 0.3
    own = BoundGaussians(
        avatar.faces, torch.full((count, 3), 1 / 3), torch.zeros(count, 3),
        torch.tensor([[0.9, 0.0, 0.0, 0.4]]).repeat(count, 1),
        torch.tensor([[0.03, 0.028, 0.004]]).repeat(count, 1),
        torch.linspace(0.5, 1, count), colour,
    )  # fmt: skip
    return replace(avatar, name="red", splats=own)


@pytest.fixture
def red(tmp_path) -> Path:
    save_avatar(red_one(), tmp_path / "red.avatar")
    return tmp_path / "red.avatar"


def nodding(count: int = 5) -> Motion:
    turn = torch.zeros(count, 3)
    turn[:, 1] = torch.linspace(0, 0.8, count)
    return Motion(Fraction(25), Vertices(torch.zeros(count, 12, 3)), Head(turn, torch.zeros(count, 3)))


@pytest.fixture
def motion(tmp_path) -> Path:
    save_motion(nodding(), tmp_path / "nod.motion")
    return tmp_path / "nod.motion"


def test_they_cover_what_the_mesh_covers_from_every_side():
    avatar = red_one()
    camera = portrait(avatar, "orbit", (64, 64), fps=0.5)
    still = Motion(Fraction(1), Vertices(torch.zeros(len(camera.views), 12, 3)))
    ours = list(splat_frames(still, avatar, camera, "transparent", workers=1))
    mesh = list(frames(still, avatar, camera, background="transparent", workers=1))
    assert len(ours) == 6 and ours[0].shape == (64, 64, 4)
    for one, other in zip(ours, mesh, strict=True):
        shown, covered = one[..., 3] > 127, other[..., 3] > 127
        assert (shown & covered).sum() / (shown | covered).sum() > 0.85
        assert one[shown][:, 0].mean() > 200
    assert not np.array_equal(ours[0], ours[3])


def test_any_number_of_workers_draws_the_same_bytes_and_fine_is_the_mean_of_four():
    avatar, motion = red_one(), nodding()
    camera = portrait(avatar, "front", (48, 48))
    one = list(splat_frames(motion, avatar, camera, workers=1))
    three = list(splat_frames(motion, avatar, camera, workers=3))
    assert len(one) == 5 and all(np.array_equal(a, b) for a, b in zip(one, three, strict=True))
    assert not np.array_equal(one[0], one[4])
    fine = next(splat_frames(motion, avatar, camera, quality="fine", workers=1))
    assert fine.shape == (48, 48, 3) and np.abs(fine.astype(int) - one[0]).mean() < 6


def test_the_background_is_that_of_the_mesh_and_shines_through():
    avatar, camera = red_one(), portrait(red_one(), "front", (48, 48))
    ours = next(splat_frames(nodding(), avatar, camera, "#204060", workers=1)).astype(float)
    mesh = next(frames(nodding(), avatar, camera, background="#204060", workers=1))
    assert np.array_equal(ours[0, 0], mesh[0, 0])
    clear = next(splat_frames(nodding(), avatar, camera, "transparent", workers=1)).astype(float)
    share = clear[..., 3:] / 255
    assert np.abs(clear[..., :3] * share + ours[0, 0] * (1 - share) - ours).max() < 2


def test_an_avatar_that_has_gaussians_is_drawn_of_them_unless_its_mesh_is_asked_for(
    talk, motion, red, tmp_path
):
    def shown(name: str, *words: str) -> np.ndarray:
        talk("render", motion, "-a", red, "--size", "32", "-o", tmp_path / name, *words)
        return np.asarray(Image.open(tmp_path / name / "000000.png"))

    plain, splats = shown("a.png"), shown("b.png", "--as", "splats")
    mesh = shown("c.png", "--as", "mesh")
    assert np.array_equal(plain, splats) and not np.array_equal(plain, mesh)
    assert plain[16, 16, 0] > 180 > plain[16, 16, 1] and abs(int(mesh[16, 16, 0]) - mesh[16, 16, 1]) < 40
    answer = talk(
        "render", motion, "-a", red, "--size", "32", "-o", tmp_path / "a.mp4", "--json", "--camera", "orbit"
    )
    assert json.loads(answer.stdout)["frames"] == 5 and len(pictures(tmp_path / "a.mp4")) == 5


def test_a_ply_of_gaussians_is_one_of_3dgs(talk, motion, red, tmp_path):
    talk("render", motion, "-a", red, "-o", tmp_path / "a.ply")
    assert len(list((tmp_path / "a.ply").glob("*.ply"))) == 5
    head = (tmp_path / "a.ply" / "000003.ply").read_bytes().split(b"end_header")[0].decode()
    assert "synthetic" in head or "comment {" in head
    names = [line.split()[-1] for line in head.splitlines() if line.startswith("property")]
    assert names[:9] == ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    assert names[9:] == [
        *(f"f_rest_{number}" for number in range(9)), "opacity",
        *(f"scale_{number}" for number in range(3)), *(f"rot_{number}" for number in range(4)),
    ]  # fmt: skip
    loaded = trimesh.load(tmp_path / "a.ply" / "000003.ply")
    data = loaded.metadata["_ply_raw"]["vertex"]["data"]

    def columns(prefix: str, count: int) -> torch.Tensor:
        return torch.from_numpy(np.stack([data[f"{prefix}_{n}"] for n in range(count)], 1).astype(np.float32))

    cloud = gaussians(nodding(), red_one())[3]
    places = torch.from_numpy(np.stack([data[axis] for axis in "xyz"], 1))
    torch.testing.assert_close(places, cloud.places, atol=1e-6, rtol=0)
    torch.testing.assert_close(columns("f_dc", 3) * 0.28209479177387814 + 0.5, cloud.colour[:, 0])
    rest = columns("f_rest", 9).view(-1, 3, 3).mT
    torch.testing.assert_close(rest, cloud.colour[:, 1:])
    opacity = torch.sigmoid(torch.from_numpy(data["opacity"].astype(np.float32)))
    torch.testing.assert_close(opacity, cloud.opacity, atol=2e-6, rtol=0)
    axes = quaternion_matrix(columns("rot", 4)) * columns("scale", 3).exp()[:, None]
    torch.testing.assert_close(axes @ axes.mT, cloud.axes @ cloud.axes.mT, atol=1e-8, rtol=1e-4)


def test_a_ply_of_the_mesh_is_still_to_be_had(talk, motion, red, tmp_path):
    talk("render", motion, "-a", red, "-o", tmp_path / "a.ply", "--as", "mesh")
    mesh: Any = trimesh.load(tmp_path / "a.ply" / "000000.ply", process=False)
    assert len(mesh.faces) == 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--as", "splats", "-o", "a.obj"], "A .obj holds no Gaussians"),
        (["--as", "splat", "-o", "a.mp4"], "'splats'"),
        (["--renderer", "pyrender", "-o", "a.mp4"], "Add --as mesh"),
    ],
)
def test_what_gaussians_cannot_is_refused_before_any_work(
    talk, motion, red, tmp_path, monkeypatch, words, said
):
    monkeypatch.chdir(tmp_path)
    assert said in talk("render", motion, "-a", red, *words, code=2).stderr
    assert not list(tmp_path.glob("a.*"))


@pytest.mark.parametrize("verb", ["render", "animate"])
def test_an_avatar_without_any_is_refused(talk, motion, bare_face, untaught, hello, tmp_path, verb):
    words = {"render": [motion], "animate": [hello, "-m", untaught]}[verb]
    told = talk(verb, *words, "-a", bare_face, "--as", "splats", "-o", tmp_path / "a.mp4", code=2).stderr
    assert "Avatar bare has no Gaussians" in told and "--as mesh" in told


def test_it_speaks(talk, red, untaught, hello, tmp_path):
    talk("animate", hello, "-m", untaught, "-a", red, "--size", "32", "-o", tmp_path / "a.mp4")
    film = pictures(tmp_path / "a.mp4")
    assert len(film) > 20 and film[3][16, 16, 0] > 150 > film[3][16, 16, 1]
