"""talk render, from the shell's side."""

from __future__ import annotations

import importlib.util
import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from films import header, pictures
from PIL import Image

from talkcli import options
from talkcli.engine.assets import asset
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.motion import Coefficients, Motion, Textures, Vertices, save_motion
from talkcli.engine.rendering import export
from talkcli.engine.rendering.camera import PRESETS
from talkcli.engine.rendering.side_by_side import Film, side_by_side
from talkcli.engine.video import FORMATS

needs_moviepy = pytest.mark.skipif(
    importlib.util.find_spec("moviepy") is None, reason="the extra `film` is not installed"
)


@pytest.fixture
def motion(tmp_path) -> Path:
    offsets = 0.004 * torch.randn(8, 12, 3, generator=torch.Generator().manual_seed(2))
    save_motion(Motion(Fraction(25), Vertices(offsets)), tmp_path / "take.motion")
    return tmp_path / "take.motion"


def test_the_commands_know_the_same_suffixes_as_the_engine():
    assert set(options.FILMS) == set(FORMATS)
    assert set(options.MESHES) == set(export.WRITERS) and set(options.PICTURES) == set(export.PICTURES)
    assert set(options.FOLDERS) < set(options.MESHES) | set(options.PICTURES)


@pytest.mark.parametrize("verb", ["animate", "render"])
def test_help_names_every_format(talk, verb):
    told = talk(verb, "--help").stdout
    for suffix in (*options.FILMS, *options.PICTURES, *options.MESHES):
        assert re.search(rf"(?<!\w)\{suffix}(?!\w)", told), suffix


@pytest.mark.parametrize("suffix", [suffix for suffix in options.FOLDERS if suffix != ".textures"])
def test_a_folder_of_frames_is_replaced_when_asked(talk, motion, bare_face, tmp_path, suffix):
    folder = tmp_path / f"a{suffix}"
    folder.mkdir()
    (folder / f"000099{suffix}").touch()
    words = ("render", motion, "-a", bare_face, "--size", "32", "-o", folder)
    assert "--overwrite" in talk(*words, code=2).stderr and len(list(folder.iterdir())) == 1
    talk(*words, "--overwrite")
    assert len(list(folder.glob(f"*{suffix}"))) == 8


def test_a_skin_that_changes_becomes_a_folder_of_textures(talk, motion, bare_face, tmp_path):
    weights = torch.zeros(4, 1)
    weights[2] = 1.0
    rest = Coefficients(torch.zeros(4, 54), torch.zeros(4, 3))
    dark = Textures(weights, torch.full((1, 3, 8, 8), -0.5))
    save_motion(Motion(Fraction(30), rest, texture=dark), tmp_path / "dark.motion")
    talk("render", tmp_path / "dark.motion", "-a", "ada", "-o", tmp_path / "a.textures")
    shown = sorted((tmp_path / "a.textures").glob("*.png"))
    skins = [np.asarray(Image.open(path)).astype(float) for path in shown]
    assert [skin.shape for skin in skins] == [(1024, 1024, 3)] * 4
    assert np.array_equal(skins[0], skins[3])
    assert np.abs(skins[2] - skins[0] * np.exp(-0.5)).max() <= 1
    talk("render", tmp_path / "dark.motion", "-a", "ada", "-o", tmp_path / "a.textures", "--overwrite")
    said = talk("render", motion, "-a", bare_face, "-o", tmp_path / "b.textures", code=3)
    assert "talk models" in said.stderr and not (tmp_path / "b.textures").exists()


def test_the_rigs_skin_folds_with_its_shapes(talk, tmp_path):
    brows = torch.stack([torch.zeros(54), load_face_model().weight_vector(browInnerUp=1.0)])
    motion = Motion(Fraction(30), Coefficients(brows, torch.zeros(2, 3)))
    save_motion(motion, tmp_path / "brows.motion")
    talk("render", tmp_path / "brows.motion", "-a", "ada", "-o", tmp_path / "a.textures")
    calm, raised = (np.asarray(Image.open(path)).astype(float) for path in sorted(tmp_path.glob("a.*/*.png")))
    look = load_avatar(asset("ada.avatar")).look
    assert look is not None and np.array_equal(calm, look.albedo.numpy())
    assert np.abs(raised - calm).max() > 20


def test_a_motion_becomes_a_film_with_sound(talk, motion, bare_face, hello, tmp_path):
    film = tmp_path / "take.mp4"
    said = talk("render", motion, "-a", bare_face, "--audio", hello, "--size", "64x48", "-o", film)
    assert said.stdout.strip() == str(film)
    info = header(film)
    assert (info.width, info.height, info.fps, info.has_sound) == (64, 48, 25, True)
    shots = pictures(film)
    assert len(shots) == 8 and np.ptp(shots[0].astype(int)) > 60


@pytest.mark.parametrize("camera", PRESETS)
def test_every_camera_makes_a_film(talk, motion, bare_face, tmp_path, camera):
    talk("render", motion, "-a", bare_face, "--camera", camera, "--size", "32", "-o", tmp_path / "a.mp4")
    assert len(pictures(tmp_path / "a.mp4")) == 8


def test_json_says_what_was_made(talk, motion, bare_face, tmp_path):
    said = talk("render", motion, "-a", bare_face, "--size", "32", "-o", tmp_path / "a.gif", "--json")
    told = json.loads(said.stdout)
    assert told["frames"] == 8 and told["fps"] == "25" and told["output"] == str(tmp_path / "a.gif")


def test_another_rate_keeps_the_length(talk, motion, bare_face, tmp_path):
    talk("render", motion, "-a", bare_face, "--size", "32", "--fps", "50", "-o", tmp_path / "a.mp4")
    assert header(tmp_path / "a.mp4").fps == 50
    assert abs(len(pictures(tmp_path / "a.mp4")) - 16) <= 1


def test_transparent_pictures(talk, motion, bare_face, tmp_path):
    talk(
        "render",
        motion,
        "-a",
        bare_face,
        "--size",
        "32",
        "--background",
        "transparent",
        "-o",
        tmp_path / "a.png",
    )
    image = np.asarray(Image.open(tmp_path / "a.png" / "000003.png"))
    assert image.shape == (32, 32, 4) and set(np.unique(image[..., 3])) >= {0, 255}


def test_fine_pictures_differ_from_standard_ones_in_their_edges_alone(talk, motion, bare_face, tmp_path):
    for quality in ("standard", "fine"):
        words = ("-a", bare_face, "--size", "64", "--quality", quality, "-o", tmp_path / f"{quality}.png")
        talk("render", motion, *words)
    plain, fine = (
        np.asarray(Image.open(tmp_path / f"{quality}.png" / "000003.png")).astype(int)
        for quality in ("standard", "fine")
    )
    change = np.abs(plain - fine).max(2)
    assert 0 < (change > 8).mean() < 0.2


def test_vertices_as_npz(talk, motion, bare_face, tmp_path):
    talk("render", motion, "-a", bare_face, "-o", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as read:
        assert read["vertices"].shape == (8, 12, 3)


@needs_moviepy
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_two_motions_stand_side_by_side_under_their_names(talk, motion, bare_face, tmp_path):
    both = tmp_path / "both.mp4"
    labels = ["--label", "mine", "--label", "theirs"]
    talk("render", motion, motion, "-a", bare_face, *labels, "--size", "96", "-o", both)
    info = header(both)
    assert (info.width, info.height) == (192, 96)
    shots = pictures(both)
    assert len(shots) == 8
    left, right = shots[0][:, :96].astype(int), shots[0][:, 96:].astype(int)
    assert np.abs(left[:70] - right[:70]).mean() < 3, "the same motion"
    assert np.abs(left[84:] - right[84:]).max() > 40, "another label"


@needs_moviepy
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_films_of_different_rates_and_lengths_keep_time():
    def film(count: int, fps: int) -> Film:
        shots = (np.full((4, 4, 3), 10 * n, np.uint8) for n in range(count))
        return Film(shots, count, Fraction(fps), "")

    joint, length, fps = side_by_side([film(20, 20), film(5, 10)])
    assert (length, fps) == (20, 20)
    shots = list(joint)
    assert [int(shot[0, 0, 0]) for shot in shots] == [10 * n for n in range(20)]
    assert [int(shot[0, 4, 0]) for shot in shots] == [10 * min(n // 2, 4) for n in range(20)]


def test_an_existing_film_is_not_replaced_unasked(talk, motion, bare_face, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"mine")
    said = talk("render", motion, "-a", bare_face, "-o", tmp_path / "a.mp4", code=2)
    assert "--overwrite" in said.stderr and (tmp_path / "a.mp4").read_bytes() == b"mine"
    talk("render", motion, "-a", bare_face, "--size", "32", "-o", tmp_path / "a.mp4", "--overwrite")
    assert header(tmp_path / "a.mp4").width == 32


@pytest.mark.parametrize(
    "words, told",
    [
        (["-o", "a.exe"], ".mp4"),
        (["-o", "a.gif", "--audio", "hello.wav"], "--audio"),
        (["-o", "a.mp4", "--camera", "side"], "profile"),
        (["-o", "a.mp4", "--size", "huge"], "640x480"),
        (["-o", "a.mp4", "--renderer", "povray"], "numba"),
        (["-o", "a.mp4", "--quality", "best"], "fine"),
        (["-o", "a.mp4", "--quality", "fine", "--renderer", "pyrender"], "one quality"),
        (["-o", "a.mp4", "--background", "transparent"], ".png"),
        (["-o", "a.mp4", "--background", "#12"], "#202830"),
        (["-o", "a.mp4", "--label", "one", "--label", "two"], "--label"),
        (["-o", "a.mp4", "--fps", "0"], "29.97"),
    ],
)
def test_bad_options_are_refused_with_the_way_out(
    talk, motion, bare_face, tmp_path, monkeypatch, words, told
):
    monkeypatch.chdir(tmp_path)
    said = talk("render", motion, "-a", bare_face, *words, code=2)
    assert told in said.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["take.motion"]


def test_what_is_no_motion_is_said(talk, bare_face, hello, tmp_path):
    assert "hello.wav" in talk("render", hello, "-a", bare_face, "-o", tmp_path / "a.mp4", code=6).stderr
    assert (
        "gone.motion"
        in talk("render", tmp_path / "gone.motion", "-a", bare_face, "-o", tmp_path / "a.mp4", code=3).stderr
    )
    assert not (tmp_path / "a.mp4").exists()


def test_a_motion_of_another_mesh_leaves_no_film(talk, bare_face, tmp_path):
    save_motion(Motion(Fraction(25), Vertices(torch.zeros(3, 7, 3))), tmp_path / "other.motion")
    talk("render", tmp_path / "other.motion", "-a", bare_face, "-o", tmp_path / "a.mp4", code=3)
    assert [path.name for path in tmp_path.iterdir()] == ["other.motion"]
