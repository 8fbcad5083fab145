"""Gaussians: what is drawn of them and the gradients, against plain torch in double precision."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from talkcli.engine.face.gaussians import Gaussians
from talkcli.engine.face.harmonics import BASES, harmonics, turned_harmonics
from talkcli.engine.face.rotations import matrix
from talkcli.engine.rendering.camera import Camera, calibrated_camera, centred_camera, look_at
from talkcli.engine.rendering.splats import DrawnViews, draw_clouds, draw_views

SIZE = WIDTH, HEIGHT = 42, 90
"""More rows than one band has."""


def cloud(count: int, bases: int = 1, seed: int = 0, extent: float = 0.03) -> Gaussians:
    """Ellipsoids of all kinds in a ball before the camera."""
    chance = torch.Generator().manual_seed(seed)
    places = 0.25 * torch.randn(count, 3, generator=chance)
    turn, _ = torch.linalg.qr(torch.randn(count, 3, 3, generator=chance))
    scale = extent * torch.exp(0.5 * torch.randn(count, 1, 3, generator=chance))
    colour = 0.3 * torch.rand(count, bases, 3, generator=chance)
    colour[:, 0] += 0.4
    return Gaussians(places, turn * scale, 0.1 + 0.85 * torch.rand(count, generator=chance), colour)


def studio() -> Camera:
    """Two cameras, neither centred nor with square pixels."""
    k = torch.tensor([[[60.0, 0, 19], [0, 63, 47], [0, 0, 1]], [[55.0, 0, 22], [0, 55, 41], [0, 0, 1]]])
    turn = matrix(torch.tensor([[0.1, 0.2, 0.0], [0.0, -0.7, 0.3]]))
    extrinsics = torch.cat([turn, torch.tensor([[0.05, 0.0, 1.5], [0.0, 0.1, 1.2]])[..., None]], 2)
    return calibrated_camera(k, extrinsics, torch.tensor([SIZE, SIZE]))


def plainly(cloud: Gaussians, camera: Camera, background: Tensor) -> DrawnViews:
    """Every Gaussian against every pixel, in double precision."""
    seen = [_one_view(cloud, camera, number, background) for number in range(len(camera.views))]
    return DrawnViews(*(torch.stack(parts) for parts in zip(*seen, strict=True)))


def _one_view(cloud: Gaussians, camera: Camera, number: int, background: Tensor) -> tuple[Tensor, ...]:
    view = camera.views[number].double()
    turn, shift = view[:3, :3] * torch.tensor([[1.0], [-1], [-1]]), view[:3, 3] * torch.tensor([1.0, -1, -1])
    fx, fy, cx, cy = camera.lenses[number].double()
    z = (cloud.places @ turn.T + shift)[:, 2]
    there = torch.nonzero((z >= 0.01) & (cloud.opacity >= 1 / 255))[:, 0]
    there = there[torch.argsort(z[there].detach(), stable=True)]
    x, y, z = (cloud.places[there] @ turn.T + shift).unbind(-1)
    nought = torch.zeros_like(z)
    jacobian = torch.stack([fx / z, nought, -fx * x / z**2, nought, fy / z, -fy * y / z**2], -1)
    flat = jacobian.view(-1, 2, 3) @ turn @ cloud.axes[there]
    inverse = torch.linalg.inv(flat @ flat.mT + 0.3 * torch.eye(2, dtype=torch.float64))
    rows, columns = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    u, v = fx * x / z + cx, fy * y / z + cy
    away = torch.stack([columns - u[:, None, None], rows - v[:, None, None]], -1)
    fall = torch.exp(-0.5 * torch.einsum("nhwi,nij,nhwj->nhw", away, inverse, away))
    alphas = (cloud.opacity[there, None, None] * fall).clamp(max=0.999)
    alphas = torch.where(alphas >= 1 / 255, alphas, 0.0)
    ways = torch.nn.functional.normalize(cloud.places[there] + turn.T @ shift, dim=1)
    values = harmonics(ways, cloud.colour.shape[1])
    colours = (values[..., None] * cloud.colour[there]).sum(1).clamp(min=0)
    light, depth = torch.ones(HEIGHT, WIDTH, dtype=torch.float64), torch.zeros(HEIGHT, WIDTH)
    picture = torch.zeros(3, HEIGHT, WIDTH, dtype=torch.float64)
    for alpha, colour, far in zip(alphas, colours, z, strict=True):
        weight = torch.where(light > 1e-4, alpha * light, 0.0)
        picture, depth = picture + weight * colour[:, None, None], depth + weight * far
        light = light - weight
    covered = light < 1
    depth = torch.where(covered, depth / (1 - light).where(covered, 1.0), 0.0)
    return picture + light * background[:, None, None], 1 - light, depth


def leaves(cloud: Gaussians, dtype: torch.dtype = torch.float32) -> Gaussians:
    return cloud.map(lambda tensor: tensor.to(dtype).clone().requires_grad_())


def worth(drawn: DrawnViews) -> Tensor:
    """A number that depends on every pixel of everything that is drawn."""
    assert drawn.depth is not None
    chance = torch.Generator().manual_seed(9)
    parts = (drawn.colour, drawn.coverage, drawn.depth * drawn.coverage)
    return sum((torch.rand(part.shape, generator=chance).to(part) * part**2).sum() for part in parts)  # type: ignore[return-value]


BACKGROUND = torch.tensor([0.1, 0.5, 0.9])


def gradients(cloud: Gaussians, drawn: DrawnViews) -> list[Tensor]:
    return list(torch.autograd.grad(worth(drawn), list(vars(cloud).values())))


def check(cloud: Gaussians, camera: Camera) -> None:
    """A pixel may close one splat earlier, or an edge of alpha 1/255 fall to its other side."""
    quick, exact = leaves(cloud), leaves(cloud, torch.float64)
    drawn = draw_views(quick, camera, BACKGROUND[:, None, None], depth=True)
    truth = plainly(exact, camera, BACKGROUND)
    assert drawn.depth is not None and truth.depth is not None
    for ours, theirs in (
        (drawn.colour, truth.colour),
        (drawn.coverage, truth.coverage),
        (drawn.depth * drawn.coverage, truth.depth * truth.coverage),
    ):
        assert (ours - theirs).abs().mean() < 2e-5 and (ours - theirs).abs().max() < 8e-3
    for ours, theirs in zip(gradients(quick, drawn), gradients(exact, truth), strict=True):
        assert ours.isfinite().all() and (ours - theirs).norm() < 2e-3 * theirs.norm() + 1e-9


@pytest.mark.parametrize("bases", [1, 9])
def test_pictures_and_gradients_are_those_of_plain_torch(bases):
    check(cloud(80, bases), studio())


def test_so_are_they_where_gaussians_are_strange():
    """Behind and in the camera, of no size and of any, clear and opaque, flat, beside the picture."""
    ordinary, camera = cloud(16), studio()
    eye = torch.linalg.inv(camera.views[0])
    places, axes, opacity = ordinary.places.clone(), ordinary.axes.clone(), ordinary.opacity.clone()
    places[0], places[1] = eye[:3, 3], (eye @ torch.tensor([0.0, 0, 1, 1]))[:3]
    places[2], places[3] = (eye @ torch.tensor([3.0, 0, -2, 1]))[:3], torch.tensor([0.0, 90, 0])
    axes[4], axes[5], axes[6, :, 1:] = axes[4] * 1e-6, axes[5] * 40, 0.0
    axes[7] = 0.0
    opacity[8], opacity[9], opacity[10] = 0.0, 1.0, 1 / 300
    check(Gaussians(places, axes, opacity, ordinary.colour), camera)


def test_no_gaussians_are_the_background():
    drawn = draw_views(cloud(0), studio(), BACKGROUND[:, None, None], depth=True)
    assert torch.equal(drawn.colour, BACKGROUND[:, None, None].expand(2, 3, HEIGHT, WIDTH))
    assert not drawn.coverage.any() and drawn.depth is not None and not drawn.depth.any()


def test_threads_views_beside_and_the_order_of_gaussians_change_no_bit():
    camera, together = studio(), leaves(cloud(120, 4))
    drawn = draw_views(together, camera, depth=True, workers=3)
    found = gradients(together, drawn)
    alone = leaves(cloud(120, 4))
    single = draw_views(alone, camera, depth=True, workers=1)
    assert all(torch.equal(a, b) for a, b in zip(found, gradients(alone, single), strict=True))
    for number in range(2):
        one = draw_views(alone, camera.part([number]), workers=1)
        assert torch.equal(one.colour[0], drawn.colour[number])
    shuffled = cloud(120, 4).map(lambda tensor: tensor.flip(0))
    assert torch.equal(draw_views(leaves(shuffled), camera).colour, drawn.colour)
    assert torch.equal(draw_views(shuffled, camera).colour, draw_views(cloud(120, 4), camera).colour)


def test_one_gaussian_on_the_axis_is_a_bell_of_known_width():
    sigma, away, focal = 0.02, 2.0, 300.0
    one = Gaussians(torch.zeros(1, 3), sigma * torch.eye(3)[None], torch.tensor([0.8]), torch.ones(1, 1, 3))
    camera = centred_camera(look_at(torch.tensor([0.0, 0.0, away]), torch.zeros(3))[None], focal, 33, 33)
    drawn = draw_views(one, camera, depth=True)
    wide = math.sqrt((focal * sigma / away) ** 2 + 0.3)
    steps = torch.arange(-4.0, 5.0)
    assert torch.allclose(
        drawn.coverage[0, 16, 12:21], 0.8 * torch.exp(-0.5 * (steps / wide) ** 2), atol=1e-5
    )
    assert drawn.depth is not None and abs(float(drawn.depth[0, 16, 16]) - away) < 1e-5


def test_the_nearer_hides_the_farther():
    sheet = 0.5 * torch.eye(3).repeat(2, 1, 1)
    sheet[:, 2] = 0
    two = Gaussians(
        torch.tensor([[0.0, 0, 0], [0, 0, 0.5]]), sheet, torch.ones(2), torch.eye(3)[:2, None].contiguous()
    )
    views = torch.stack([look_at(torch.tensor([0.0, 0.0, z]), torch.zeros(3)) for z in (2.0, -2.0)])
    front, back = draw_views(two, centred_camera(views, 60.0, 16, 16)).colour[:, :, 8, 8]
    assert torch.allclose(front, torch.tensor([0.001, 0.999, 0]), atol=2e-3)
    assert torch.allclose(back, torch.tensor([0.999, 0.001, 0]), atol=2e-3)


@pytest.mark.parametrize("bases", BASES)
def test_harmonics_are_orthonormal_and_turn_with_what_they_colour(bases):
    chance = torch.Generator().manual_seed(3)
    height = 1 - (2 * torch.arange(4000, dtype=torch.float64) + 1) / 4000
    angle = torch.pi * (3 - 5**0.5) * torch.arange(4000)
    ring = (1 - height**2).sqrt()
    sphere = torch.stack([ring * angle.cos(), ring * angle.sin(), height], 1)
    values = harmonics(sphere, bases)
    gram = 4 * torch.pi * values.mT @ values / len(sphere)
    assert torch.allclose(
        gram, torch.diag(torch.tensor([4 * torch.pi] + [1.0] * (bases - 1)).double()), atol=2e-2
    )
    colour = torch.randn(5, bases, 3, generator=chance, dtype=torch.float64)
    turns = matrix(torch.randn(5, 3, generator=chance, dtype=torch.float64))
    ways = torch.nn.functional.normalize(torch.randn(5, 3, generator=chance, dtype=torch.float64), dim=1)
    before = (harmonics(ways, bases)[..., None] * colour).sum(1)
    after = turned_harmonics(colour, turns)
    seen = harmonics((turns @ ways[..., None])[..., 0], bases)
    assert torch.allclose((seen[..., None] * after).sum(1), before, atol=1e-12)


def drawn_together(device: str) -> tuple[list[Gaussians], Camera, DrawnViews]:
    clouds, both = [cloud(200, 4, seed).to(device) for seed in (3, 4)], studio()
    camera = both.part([0, 1, 1, 0])
    return clouds, camera, draw_clouds(clouds, camera, BACKGROUND[None, :, None, None])


def test_pictures_are_the_same_whether_gradients_are_asked_for():
    own, camera = cloud(200, 4, 3), studio()
    learning = own.map(lambda part: part.clone().requires_grad_())
    one, other = draw_views(own, camera), draw_views(learning, camera)
    torch.testing.assert_close(one.colour, other.colour.detach(), atol=1e-6, rtol=0)
    assert torch.equal(one.coverage, other.coverage)


def test_clouds_are_drawn_together_as_one_by_one():
    clouds, camera, seen = drawn_together("cpu")
    for own, at in zip(clouds, (slice(0, 2), slice(2, 4)), strict=True):
        alone = draw_views(own, camera.part(at), BACKGROUND[:, None, None])
        assert torch.equal(seen.colour[at], alone.colour) and torch.equal(seen.coverage[at], alone.coverage)


@pytest.mark.gpu
def test_gsplat_draws_clouds_together_as_our_kernels_do():
    pytest.importorskip("gsplat")
    here, there = drawn_together("cpu")[2], drawn_together("cuda")[2]
    for ours, theirs in zip((here.colour, here.coverage), (there.colour, there.coverage), strict=True):
        off = (ours - theirs.cpu()).abs()
        assert off.mean() < 5e-4 and off.max() < 5 / 255  # whose opacity is about 1/255 is drawn, or not


@pytest.mark.gpu
def test_gsplat_draws_the_same_and_gives_the_same_gradients():
    pytest.importorskip("gsplat")
    ours, theirs = leaves(cloud(300, 9)), leaves(cloud(300, 9).to("cuda"))
    here = draw_views(ours, studio(), BACKGROUND[:, None, None], depth=True)
    there = draw_views(theirs, studio(), BACKGROUND[:, None, None], depth=True)
    assert (here.colour - there.colour.cpu()).abs().max() < 5e-3
    for a, b in zip(gradients(ours, here), gradients(theirs, there), strict=True):
        assert (a - b.cpu()).norm() < 1e-2 * a.norm()
