"""Cameras: what they frame, how they turn."""

from __future__ import annotations

import math

import pytest
import torch

from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.rendering.camera import (
    PRESETS,
    Camera,
    calibrated_camera,
    look_at,
    parse_size,
    portrait,
)


@pytest.fixture
def box() -> Avatar:
    """A box that is 16 cm wide, 24 cm tall and 20 cm deep, away from the origin."""
    corners = torch.tensor([[x, y, z] for x in (-0.08, 0.08) for y in (0.0, 0.24) for z in (-0.1, 0.1)])
    return Avatar(
        "box", corners + torch.tensor([0.3, 1.5, -0.2]), torch.tensor([[0, 1, 2]]), torch.tensor([0])
    )


def pixels(points: torch.Tensor, camera: Camera, frame: int = 0) -> torch.Tensor:
    """Where points are seen, [points, 2]: x to the right, y downwards."""
    view = camera.view(frame)
    seen = points @ view[:3, :3].mT + view[:3, 3]
    lens = camera.lenses[frame % len(camera.views)].float()
    return lens[2:] + lens[:2] * seen[:, :2] * torch.tensor([1.0, -1.0]) / -seen[:, 2:]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", [(512, 512), (640, 360), (360, 640)])
def test_every_preset_shows_all_of_a_bare_mesh_and_fills_most_of_the_picture(box, preset, size):
    camera = portrait(box, preset, size)
    assert (camera.width, camera.height) == size
    for frame in range(0, len(camera.views), 10):
        seen = pixels(box.neutral, camera, frame) / torch.tensor(size)
        assert (seen > 0).all() and (seen < 1).all()
        assert (seen.amax(0) - seen.amin(0)).max() > 0.6


def test_the_subjects_left_is_on_the_right_of_the_front_view(box):
    seen = pixels(box.neutral, portrait(box))
    left, right = box.neutral[:, 0] > 0.3, box.neutral[:, 0] < 0.3
    assert seen[left, 0].min() > seen[right, 0].max()
    high, low = box.neutral[:, 1] > 1.6, box.neutral[:, 1] < 1.6
    assert seen[high, 1].max() < seen[low, 1].min()


def test_profile_looks_along_the_subjects_side():
    view = portrait(
        Avatar("x", torch.rand(9, 3), torch.tensor([[0, 1, 2]]), torch.tensor([0])), "profile"
    ).view(0)
    back = view[2, :3]
    assert torch.allclose(back, torch.tensor([1.0, 0.0, 0.0]), atol=1e-6)


@pytest.mark.parametrize("preset", ["orbit", "swing"])
def test_an_orbit_and_a_swing_move_and_come_back(box, preset):
    camera = portrait(box, preset, fps=25)
    steps = (camera.views[1:] - camera.views[:-1]).flatten(1).norm(dim=1)
    assert steps.max() < 0.05 and steps.max() > 1e-3
    assert (camera.view(0) - camera.view(len(camera.views) - 1)).abs().max() < steps.max() * 1.5
    assert torch.equal(camera.view(3), camera.view(3 + len(camera.views)))


def turns(camera: Camera) -> torch.Tensor:
    """Degrees that each view stands to the subject's left, without jumps."""
    backs = camera.views[:, 2, :3]
    steps = torch.atan2(backs[:, 0], backs[:, 2]).diff().add(math.pi).remainder(2 * math.pi).sub(math.pi)
    return torch.rad2deg(torch.cat([torch.zeros(1), steps.cumsum(0)]))


def test_an_orbit_goes_round_and_a_swing_to_both_sides(box):
    round_, swing = (turns(portrait(box, preset, fps=25)) for preset in ("orbit", "swing"))
    count = len(round_)
    assert count == 300 and torch.allclose(round_, torch.arange(count) * 360 / count, atol=0.01)
    assert swing.max() == pytest.approx(40, abs=0.1) and swing.min() == pytest.approx(-40, abs=0.1)


@pytest.mark.parametrize(("text", "even"), [("513", "514x514"), ("640x481", "640x482"), ("17x17", "18x18")])
def test_an_odd_size_is_refused_with_the_even_one_beside_it(text, even):
    with pytest.raises(BadUsage, match="is odd") as caught:
        parse_size(text)
    assert even in caught.value.hint and min(parse_size(even)) > 0


def test_looking_at_a_target_puts_it_in_the_middle():
    target = torch.tensor([0.1, -0.3, 0.2])
    view = look_at(torch.tensor([1.0, 0.5, 2.0]), target)
    seen = view[:3, :3] @ target + view[:3, 3]
    assert seen[:2].abs().max() < 1e-6 and seen[2] < 0
    assert torch.allclose(view[:3, :3] @ view[:3, :3].mT, torch.eye(3), atol=1e-6)
    assert math.isclose(float(torch.linalg.det(view[:3, :3])), 1, abs_tol=1e-6)


def test_sizes_are_one_number_or_two():
    assert parse_size("512") == (512, 512)
    assert parse_size("640x480") == (640, 480) == parse_size(" 640 X 480 ")


@pytest.mark.parametrize("text", ["", "0", "-5", "12", "640x", "1e3", "99999", "512x512x3", "large"])
def test_a_size_that_is_none_says_how_to_write_one(text):
    with pytest.raises(BadUsage) as caught:
        parse_size(text)
    assert "640x480" in caught.value.hint


def test_an_unknown_preset_names_its_neighbour(box):
    with pytest.raises(BadUsage) as caught:
        portrait(box, "frnt")
    assert "front" in caught.value.hint


def studio() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """K, [R | t] and sizes of two cameras, R from random quaternions."""
    chance = torch.Generator().manual_seed(5)
    turn, _ = torch.linalg.qr(torch.randn(2, 3, 3, generator=chance))
    turn = turn * torch.linalg.det(turn)[:, None, None]
    shift = torch.tensor([[0.1, -0.2, 3.0], [0.0, 0.3, 2.0]])
    matrix = torch.tensor(
        [[[900, 0, 300.25], [0, 880, 260.5], [0, 0, 1]], [[700, 0, 411], [0, 700, 200], [0, 0, 1]]]
    )
    return matrix, torch.cat([turn, shift[..., None]], 2), torch.tensor([[640, 480], [800, 400]])


def test_a_calibrated_camera_puts_points_where_its_matrices_do():
    matrix, extrinsics, sizes = studio()
    camera = calibrated_camera(matrix, extrinsics, sizes)
    points = 0.3 * torch.randn(20, 3, generator=torch.Generator().manual_seed(1))
    for number in range(2):
        seen = matrix[number] @ (extrinsics[number, :, :3] @ points.mT + extrinsics[number, :, 3:])
        expected = (seen[:2] / seen[2]).mT + 0.5  # OpenCV counts from the centre of the first pixel
        assert torch.allclose(pixels(points, camera, number), expected, atol=1e-3)
    colmap = calibrated_camera(matrix, extrinsics, sizes, first_pixel=0.5)
    assert torch.equal(colmap.lenses[:, 2:] + 0.5, camera.lenses[:, 2:])
    assert torch.equal(calibrated_camera(matrix, camera_rows(extrinsics), sizes).views, camera.views)


def camera_rows(extrinsics: torch.Tensor) -> torch.Tensor:
    return torch.cat([extrinsics, torch.tensor([0.0, 0, 0, 1]).expand(len(extrinsics), 1, 4)], 1)


def test_every_lens_has_a_centred_one_that_takes_the_same_picture():
    camera = calibrated_camera(*studio())
    points = 0.3 * torch.randn(20, 3, generator=torch.Generator().manual_seed(1))
    for number, (width, height) in enumerate(camera.sizes.tolist()):
        view, focal = camera.centred(number)
        seen = points.double() @ view[:3, :3].mT + view[:3, 3]
        middle = torch.tensor([width / 2, height / 2])
        same = middle + focal * seen[:, :2] * torch.tensor([1.0, -1.0]) / -seen[:, 2:]
        assert torch.allclose(same.float(), pixels(points, camera, number), atol=2e-3)


def test_a_film_has_pictures_of_one_size_and_a_studio_may_have_several():
    camera = calibrated_camera(*studio())
    with pytest.raises(ValueError, match="several sizes"):
        _ = camera.width
    assert (camera.part([1]).width, camera.part([1]).height) == (800, 400)
    skewed, extrinsics, sizes = studio()
    skewed[0, 0, 1] = 1.0
    with pytest.raises(ValueError, match="skewed"):
        calibrated_camera(skewed, extrinsics, sizes)


def test_a_portrait_is_centred_and_its_view_is_no_other(box):
    camera = portrait(box, "orbit")
    view, focal = camera.centred(3)
    assert torch.equal(view, camera.view(3).double()) and focal == camera.lenses[3, 0]
