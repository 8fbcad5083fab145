"""What pictures show of points."""

from __future__ import annotations

import math

import pytest
import torch

from talkcli.engine.rendering.camera import centred_camera, look_at
from talkcli.engine.rendering.unwrapping import seen_colours

SIZE = 96
FOCAL = 300.0


def sphere(count: int = 20_000) -> torch.Tensor:
    height = 1 - (2 * torch.arange(count) + 1) / count
    angle = math.pi * (3 - 5**0.5) * torch.arange(count)
    radius = (1 - height**2).sqrt()
    return torch.stack([radius * angle.cos(), radius * angle.sin(), height], 1)


def painted(normals: torch.Tensor) -> torch.Tensor:
    return 0.5 + 0.4 * normals


def ball_seen_from(eye: torch.Tensor, radius: float) -> torch.Tensor:
    """[96, 96, 4] by the closed form of where each pixel's ray meets the ball."""
    view = look_at(eye, torch.zeros(3))
    row, column = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    ray = torch.stack([column + 0.5 - SIZE / 2, SIZE / 2 - row - 0.5, torch.full((SIZE, SIZE), -FOCAL)], -1)
    ray = torch.nn.functional.normalize(ray @ view[:3, :3], dim=-1)
    along, gap = (ray * eye).sum(-1), eye @ eye - radius**2
    root = along**2 - gap
    hit = eye + (-along - root.clamp(min=0).sqrt())[..., None] * ray
    planes = torch.cat([painted(hit / radius).clamp(0, 1), torch.ones(SIZE, SIZE, 1)], -1)
    return ((root > 0)[..., None] * planes * 255 + 0.5).byte()


@pytest.fixture(scope="module")
def ball():
    eyes = torch.tensor([[0.0, 0.0, 1.0], [0.6, 0.3, -0.7]])
    camera = centred_camera(torch.stack([look_at(eye, torch.zeros(3)) for eye in eyes]), FOCAL, SIZE, SIZE)
    normals = sphere()
    return eyes, camera, normals, torch.stack([ball_seen_from(eye, 0.1) for eye in eyes])


def test_points_of_a_ball_have_the_colours_that_each_picture_shows(ball):
    eyes, camera, normals, pictures = ball
    colours, weights = seen_colours(0.1 * normals, normals, camera, pictures)
    facing = (torch.nn.functional.normalize(eyes[:, None] - 0.1 * normals, dim=-1) * normals).sum(-1)
    assert bool((weights[facing < 0.1] == 0).all())
    assert bool((weights[facing > 0.35] > 0).all())
    seen = weights > 0
    assert torch.allclose(weights[seen], facing[seen] ** 2, atol=1e-5)
    expected = painted(normals).expand_as(colours)
    assert (colours - expected)[facing > 0.5].abs().max() < 0.012
    assert bool((colours[~seen] == 0).all())


def test_what_others_hide_is_worth_nothing(ball):
    _, camera, normals, pictures = ball
    places = torch.cat([0.1 * normals, 0.07 * normals])
    _, weights = seen_colours(places, normals.repeat(2, 1), camera, pictures)
    assert bool((weights[:, len(normals) :] == 0).all())
    colours, weights = seen_colours(0.07 * normals, normals, camera, pictures, hiding=0.1 * normals)
    assert weights.sum() == 0 and colours.sum() == 0


def test_transparent_pixels_tell_nothing(ball):
    _, camera, normals, pictures = ball
    clear = pictures.clone()
    clear[0, :, :, 3] = 128
    _, weights = seen_colours(0.1 * normals, normals, camera, clear)
    assert weights[0].sum() == 0 and weights[1].sum() > 0
