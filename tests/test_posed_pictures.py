"""Pictures with cameras as others keep them, and where in their world the head is."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from talkcli.engine.capture.marks import marks_on
from talkcli.engine.capture.person_shots import person_shots
from talkcli.engine.capture.posed_pictures import PosedPictures, holds_posed_pictures, posed_pictures
from talkcli.engine.capture.world_alignment import aligned_pictures, similarity
from talkcli.engine.errors import BadInput
from talkcli.engine.face.gaussians import matrix_quaternion
from talkcli.engine.face.rigs import load_rig, talking_head
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.studio.captures import studio_cameras

SIZE = 40
CAMERAS = studio_cameras(SIZE).part([1, 3, 5])


@pytest.fixture(scope="module")
def marks():
    return marks_on(load_rig("facekit"), talking_head().neutral)


def pictures_in(folder: Path, count: int = 3, mode: str = "RGBA") -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:03}.png" for number in range(count)]
    for number, name in enumerate(names):
        noise = np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 4), np.uint8)
        Image.fromarray(noise).convert(mode).save(folder / name)
    return names


def frames_of(camera: Camera, names: list[str], at: str = "images/") -> list[dict[str, object]]:
    poses = torch.linalg.inv(camera.views.double()).tolist()
    return [
        {"file_path": f"{at}{name}", "transform_matrix": pose}
        for name, pose in zip(names, poses, strict=True)
    ]


def told(folder: Path, frames: object, **more: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "transforms.json").write_text(json.dumps({"frames": frames, **more}))
    return folder


def lens_words(camera: Camera) -> dict[str, float]:
    return dict(zip(("fl_x", "fl_y", "cx", "cy"), camera.lenses[0].tolist(), strict=True))


def same_cameras(source: PosedPictures, camera: Camera) -> None:
    for number, picture in enumerate(source.pictures):
        torch.testing.assert_close(picture.view.float(), camera.views[number].float(), atol=1e-5, rtol=0)
        torch.testing.assert_close(picture.lens, camera.lenses[number], atol=1e-4, rtol=0)


def colmap_poses(camera: Camera) -> list[tuple[list[float], list[float]]]:
    flip = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)[:, None]
    views = camera.views.double()[:, :3] * flip
    return [(matrix_quaternion(view[:, :3]).tolist(), view[:, 3].tolist()) for view in views]


def colmap_text(folder: Path, names: list[str], model: str = "PINHOLE", bend: str = "") -> Path:
    (folder / "sparse/0").mkdir(parents=True)
    lens = " ".join(map(str, CAMERAS.lenses[0].tolist()))
    (folder / "sparse/0/cameras.txt").write_text(f"# cameras\n7 {model} {SIZE} {SIZE} {lens}{bend}\n")
    lines = ["# images", "# points"]
    for number, (name, (turn, shift)) in enumerate(zip(names, colmap_poses(CAMERAS), strict=True)):
        lines += [f"{number + 1} {' '.join(map(str, turn + shift))} 7 {name}", "1.5 2.5 -1" * (number % 2)]
    (folder / "sparse/0/images.txt").write_text("\n".join(lines) + "\n")
    return folder


def colmap_bytes(folder: Path, names: list[str]) -> Path:
    (folder / "sparse").mkdir(parents=True)
    cameras = struct.pack("<QiiQQ4d", 1, 7, 1, SIZE, SIZE, *CAMERAS.lenses[0].tolist())
    images = struct.pack("<Q", len(names))
    for number, (name, (turn, shift)) in enumerate(zip(names, colmap_poses(CAMERAS), strict=True)):
        images += struct.pack("<i7di", number + 1, *turn, *shift, 7) + name.encode() + b"\0"
        images += struct.pack("<Q", number) + struct.pack("<ddq", 1.0, 2.0, -1) * number
    (folder / "sparse/cameras.bin").write_bytes(cameras)
    (folder / "sparse/images.bin").write_bytes(images)
    return folder


def test_frames_of_nerf_and_insta_are_the_cameras_they_were(tmp_path):
    names = pictures_in(tmp_path / "images")
    frames = frames_of(CAMERAS, [name.removesuffix(".png") for name in names])
    across = float(CAMERAS.lenses[0, 0])
    for words in (
        {**lens_words(CAMERAS), "w": SIZE, "h": SIZE},
        {"fx": across, "fy": across, "cx": SIZE / 2, "cy": SIZE / 2},
        {"camera_angle_x": 2 * math.atan(SIZE / 2 / across)},
    ):
        source = posed_pictures(told(tmp_path, frames, **words))
        same_cameras(source, CAMERAS)
        assert [each.path.name for each in source.pictures] == names and not source.aligned


def test_colmap_as_text_and_as_bytes_is_the_cameras_it_was(tmp_path):
    for make, folder in ((colmap_text, tmp_path / "text"), (colmap_bytes, tmp_path / "bytes")):
        names = pictures_in(folder / "images")
        assert holds_posed_pictures(make(folder, names))
        source = posed_pictures(folder)
        same_cameras(source, CAMERAS)
        assert [each.path.name for each in source.pictures] == names


def test_every_eighth_picture_is_kept_out_where_no_other_is_named(tmp_path):
    names = pictures_in(tmp_path / "images", 9)
    camera = studio_cameras(SIZE).part([*range(9)])
    source = posed_pictures(told(tmp_path, frames_of(camera, names), **lens_words(camera)))
    assert [number for number, each in enumerate(source.pictures) if each.kept_out] == [7]
    test = {"frames": frames_of(camera, names)[:1], **lens_words(camera)}
    (tmp_path / "transforms_test.json").write_text(json.dumps(test))
    assert [each.kept_out for each in posed_pictures(tmp_path).pictures] == [False] * 9 + [True]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"k1": 0.1}, "bends straight lines"),
        ({"fl_x": None}, "transforms.json"),
        ({"frames": []}, "no frames"),
        ({"frames": [{"file_path": "gone.png"}]}, r"gone\.png does not exist"),
        ({"frames": 3}, "transforms.json"),
    ],
    ids=str,
)
def test_what_is_no_transforms_json_is_refused_by_name(tmp_path, words, said):
    names = pictures_in(tmp_path / "images")
    folder = told(tmp_path, **{"frames": frames_of(CAMERAS, names), **lens_words(CAMERAS), **words})
    with pytest.raises(BadInput, match=said):
        posed_pictures(folder)


def test_bent_and_damaged_models_of_colmap_are_refused(tmp_path):
    names = pictures_in(tmp_path / "a/images")
    with pytest.raises(BadInput, match="bends straight lines"):
        posed_pictures(colmap_text(tmp_path / "a", names, "OPENCV", " 0.1 0 0 0"))
    folder = colmap_bytes(tmp_path / "b", pictures_in(tmp_path / "b/images"))
    (folder / "sparse/images.bin").write_bytes((folder / "sparse/images.bin").read_bytes()[:100])
    with pytest.raises(BadInput, match=r"images\.bin"):
        posed_pictures(folder)


@pytest.mark.parametrize("file", ["cameras", "images"])
@pytest.mark.parametrize("number", ["nan", "inf", "0.0"])
def test_a_camera_of_colmap_without_focal_length_or_pose_is_refused(tmp_path, file, number):
    folder = colmap_text(tmp_path, pictures_in(tmp_path / "images"))
    path = folder / f"sparse/0/{file}.txt"
    focals = " ".join(map(str, CAMERAS.lenses[0].tolist()[:2]))
    turn = " ".join(map(str, colmap_poses(CAMERAS)[0][0]))
    old, count = {"cameras": (focals, 2), "images": (turn, 4)}[file]
    before = path.read_text()
    path.write_text(before.replace(old, " ".join([number] * count)))
    assert path.read_text() != before
    with pytest.raises(BadInput, match=r"images\.txt"):
        posed_pictures(folder)


def elsewhere(camera: Camera) -> tuple[Camera, float]:
    """The same cameras in a world that is turned, shifted and counted otherwise."""
    scale, turn = (
        3.5,
        torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)).double())[0],
    )
    turn = turn * torch.linalg.det(turn)
    views = camera.views.double().clone()
    views[:, :3, :3] = views[:, :3, :3] @ turn.mT
    views[:, :3, 3] = scale * views[:, :3, 3] - views[:, :3, :3] @ torch.tensor([1.0, -2.0, 0.5]).double()
    return Camera(views, camera.lenses, camera.sizes), scale


def test_points_bring_another_world_to_the_head(tmp_path, marks):
    names = pictures_in(tmp_path / "images")
    camera, _ = elsewhere(CAMERAS)
    points = {}
    for name, view, lens in zip(names, CAMERAS.views.double(), CAMERAS.lenses, strict=True):
        there = torch.from_numpy(marks.mean) @ view[:3, :3].mT + view[:3, 3]
        x, y = lens[2] - lens[0] * there[:, 0] / there[:, 2], lens[3] + lens[1] * there[:, 1] / there[:, 2]
        points[name] = torch.stack([x, y], 1).tolist()
    (tmp_path / "landmarks.json").write_text(json.dumps(points))
    source = posed_pictures(told(tmp_path, frames_of(camera, names), **lens_words(camera)))
    aligned = aligned_pictures(source, marks, None)
    for picture, view in zip(aligned.pictures, CAMERAS.views, strict=True):
        torch.testing.assert_close(picture.view.float(), view, atol=1e-4, rtol=0)


def test_without_points_or_a_detector_it_says_what_to_give(tmp_path, marks):
    source = posed_pictures(
        told(tmp_path, frames_of(CAMERAS, pictures_in(tmp_path / "images")), **lens_words(CAMERAS))
    )
    with pytest.raises(BadInput, match="where in its world the head is") as refused:
        aligned_pictures(source, marks, None)
    assert "landmarks.json" in refused.value.hint and "talkcli[capture]" in refused.value.hint


def test_similarity_is_found_again():
    source = np.random.default_rng(0).normal(size=(20, 3))
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    target = 2.5 * source @ turn.T + [1, 2, 3]
    scale, found, shift = similarity(source, target, np.ones(20))
    assert scale == pytest.approx(2.5) and np.allclose(found, turn) and np.allclose(shift, [1, 2, 3])


def test_pictures_of_their_size_stay_and_others_are_cut_to_the_head(tmp_path):
    names = pictures_in(tmp_path / "images")
    source = posed_pictures(told(tmp_path, frames_of(CAMERAS, names), **lens_words(CAMERAS), aligned=True))
    model = load_rig("facekit")
    shots = person_shots(source, model, SIZE, None)
    assert torch.equal(shots.pictures[0], torch.from_numpy(np.array(Image.open(tmp_path / "images/000.png"))))
    wide = Image.new("RGBA", (3 * SIZE, 2 * SIZE), (0, 0, 0, 0))
    for name in names:
        wide.paste(Image.open(tmp_path / "images" / name), (SIZE, SIZE // 2))
        wide.save(tmp_path / "images" / name)
    lens = lens_words(CAMERAS)
    moved = {**lens, "cx": lens["cx"] + SIZE, "cy": lens["cy"] + SIZE // 2}
    again = posed_pictures(told(tmp_path, frames_of(CAMERAS, names), **moved, aligned=True))
    cut = person_shots(again, model, SIZE, None)
    assert cut.pictures.shape == shots.pictures.shape
    middle = torch.tensor([0.0, 0.008, 0.01])
    for camera in (shots.camera, cut.camera):
        there = camera.views[0, :3, :3] @ middle + camera.views[0, :3, 3]
        x = camera.lenses[0, 2] - camera.lenses[0, 0] * there[0] / there[2]
        assert abs(float(x) - SIZE / 2) < SIZE / 8


def test_pictures_without_alpha_take_masks_or_are_refused(tmp_path):
    names = pictures_in(tmp_path / "images", mode="RGB")
    source = posed_pictures(told(tmp_path, frames_of(CAMERAS, names), **lens_words(CAMERAS), aligned=True))
    with pytest.raises(BadInput, match="which pixels") as refused:
        person_shots(source, load_rig("facekit"), SIZE, None)
    assert "masks/" in refused.value.hint
    (tmp_path / "masks").mkdir()
    for name in names:
        Image.new("L", (SIZE, SIZE), 77).save(tmp_path / "masks" / name)
    shots = person_shots(source, load_rig("facekit"), SIZE, None)
    assert bool((shots.pictures[..., 3] == 77).all())
