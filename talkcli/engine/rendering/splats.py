"""Gaussians to pictures, and gradients back: by our own kernels on the CPU, by gsplat on CUDA."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from talkcli.engine.device import cores
from talkcli.engine.face.gaussians import Gaussians
from talkcli.engine.face.harmonics import harmonics
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.lanes import ABREAST
from talkcli.engine.rendering.splat_kernels import (
    BAND_ROWS,
    SPLAT_FIELDS,
    SUMS,
    count_bands,
    fill_bands,
    gather_sums,
    lay_splats,
    lift_splats,
    project_splats,
    see_colours,
    sort_by_depth,
    unproject_splats,
)

_Floats = NDArray[np.float32]
_T = TypeVar("_T")
_OPENCV = [1.0, -1.0, -1.0]
"""What turns our cameras' axes into OpenCV's."""
_PARTS = ("places", "axes", "opacity", "colour")
"""Of Gaussians."""


class DrawnViews(NamedTuple):
    """What the views of a camera see."""

    colour: Float[Tensor, "views 3 height width"]
    """sRGB 0..1, over the background."""
    coverage: Float[Tensor, "views height width"]
    """0..1: how much of the background is hidden."""
    depth: Float[Tensor, "views height width"] | None
    """Metres along the axis, the mean of what covers; 0 where nothing does."""


def draw_views(
    gaussians: Gaussians,
    camera: Camera,
    background: Float[Tensor, "*#views 3 #height #width"] | None = None,
    *,
    depth: bool = False,
    workers: int | None = None,
) -> DrawnViews:
    """All views of a camera, whose pictures have one size; differentiable in all that the Gaussians are.

    On the CPU the same numbers for any number of `workers` (threads; by default the cores), and a view's are
    the same whatever views are beside it. Gaussians on CUDA are drawn there by gsplat; MissingAsset without
    it. `background`: sRGB 0..1; without one black.
    """
    size = camera.width, camera.height
    axes = camera.views.new_tensor(_OPENCV)[:, None]
    views, lenses = camera.views[:, :3] * axes, camera.lenses.float()
    places, shape = gaussians.places, (gaussians.axes, gaussians.opacity)
    if places.is_cuda:
        from talkcli.engine.rendering.gsplat_renderer import blended_by_gsplat

        def blended(colours: Tensor) -> tuple[Tensor, Tensor]:
            there = views.to(places), lenses.to(places)
            return blended_by_gsplat(places, *shape, colours, *there, size)
    else:

        def blended(colours: Tensor) -> tuple[Tensor, Tensor]:
            count = workers or cores()
            numbers = [number.float() for number in (places, *shape, colours)]
            return _Blended.apply(*numbers, views.float(), lenses, size, count)  # type: ignore[no-any-return]

    colour, coverage = blended(_seen_colours(places, gaussians.colour, views.to(places)))
    if background is not None:
        colour = colour + (1 - coverage)[:, None] * background.to(colour)
    if not depth:
        return DrawnViews(colour, coverage, None)
    along = places @ views[:, 2, :3].to(places).mT + views[:, 2, 3].to(places)
    total, _ = blended(along.mT[..., None].expand(-1, -1, 3))
    covered = coverage > 0
    return DrawnViews(colour, coverage, torch.where(covered, total[:, 0] / coverage.where(covered, 1.0), 0.0))


def draw_clouds(
    clouds: Sequence[Gaussians],
    camera: Camera,
    background: Float[Tensor, "#views 3 #height #width"],
    *,
    workers: int | None = None,
) -> DrawnViews:
    """Each cloud, of as many Gaussians as any other, in as many of the views: the first, the next and so
    on. As `draw_views` draws them one by one, and on CUDA all at once."""
    each = len(camera.views) // len(clouds)
    if not clouds[0].places.is_cuda:
        parts = [camera.part(slice(n * each, (n + 1) * each)) for n in range(len(clouds))]
        drawn = [draw_views(*pair, background, workers=workers) for pair in zip(clouds, parts, strict=True)]
        colour, coverage = (
            torch.cat([getattr(one, name) for one in drawn]) for name in ("colour", "coverage")
        )
        return DrawnViews(colour, coverage, None)
    from talkcli.engine.rendering.gsplat_renderer import blended_by_gsplat

    all_of = {name: torch.stack([getattr(cloud, name) for cloud in clouds]) for name in _PARTS}
    places = all_of["places"]
    views = (camera.views[:, :3] * camera.views.new_tensor(_OPENCV)[:, None]).to(places)
    views, lenses = (part.unflatten(0, (-1, each)) for part in (views, camera.lenses.to(places)))
    colours = _seen_colours(places, all_of["colour"], views)
    cloud = places, all_of["axes"], all_of["opacity"], colours
    colour, coverage = blended_by_gsplat(*cloud, views, lenses, (camera.width, camera.height))
    colour = colour + (1 - coverage)[..., None, :, :] * background.to(colour)
    return DrawnViews(colour.flatten(0, 1), coverage.flatten(0, 1), None)


def _seen_colours(
    places: Float[Tensor, "*batch n 3"],
    colour: Float[Tensor, "*batch n bases 3"],
    views: Float[Tensor, "*batch views 3 4"],
) -> Float[Tensor, "*colours n 3"]:
    """sRGB of each Gaussian in each view, at least 0; one for all views where none depends on the view."""
    bases = colour.shape[-2]
    if bases == 1:
        return colour[..., 0, :].clamp(min=0)
    eyes = -(views[..., :3].mT @ views[..., 3:])[..., 0]
    if bases == 4 and not (places.is_cuda or places.requires_grad or colour.requires_grad):
        seen = torch.empty(len(eyes), len(places), 3)
        for number, eye in enumerate(eyes):
            see_colours(_array(places), _array(colour), _array(eye), seen[number].numpy())
        return seen
    ways = torch.nn.functional.normalize(places[..., None, :, :] - eyes[..., None, :], dim=-1)
    return (harmonics(ways, bases)[..., None] * colour[..., None, :, :, :]).sum(-2).clamp(min=0)


class _Seen(NamedTuple):
    """One view of Gaussians on its way to a picture and back."""

    view: _Floats
    lens: _Floats
    colours: _Floats
    splats: _Floats
    depths: _Floats
    starts: NDArray[np.int64]
    entries: NDArray[np.int32]
    pixels: _Floats
    """[4 * height * (width + ABREAST)] light, red, green, blue"""


class _Blended(torch.autograd.Function):
    """Colours [views, 3, height, width] over black and coverage [views, height, width]."""

    @staticmethod
    def forward(ctx: Any, places, axes, opacity, colours, views, lenses, size, workers):
        width, height = size
        own = _array(places), _array(axes), _array(opacity)
        paints, cameras, optics = _array(colours), _array(views), _array(lenses)

        def project(number: int) -> _Seen:
            paint = paints[number] if paints.ndim == 3 else paints
            return _seen(*own, paint, cameras[number], optics[number], width, height)

        seen = _each(project, range(len(cameras)), workers)

        def lay(at: tuple[int, int]) -> None:
            one, band = seen[at[0]], at[1]
            lay_splats(one.splats, one.colours, _of_band(one, band), band, height, width, one.pixels)

        _each(lay, _bands(seen), workers)
        planes = torch.stack([_planes(one.pixels, 4, height, width) for one in seen])[..., :width]
        ctx.kept = seen, own, colours.shape, width, height, workers
        return planes[:, 1:].contiguous(), 1 - planes[:, 0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        of_pictures, of_coverage = gradients
        seen, own, shape, width, height, workers = ctx.kept
        behind = [_behind(*each) for each in zip(seen, of_pictures, of_coverage, strict=True)]
        sums = [np.empty((len(one.entries), SUMS), np.float32) for one in seen]

        def lift(at: tuple[int, int]) -> None:
            one, band = seen[at[0]], at[1]
            mine = sums[at[0]][one.starts[band] : one.starts[band + 1]]
            lanes = np.empty(SUMS * ABREAST, np.float32)
            entries = _of_band(one, band)
            lift_splats(one.splats, one.colours, entries, band, height, width, behind[at[0]], lanes, mine)

        _each(lift, _bands(seen), workers)
        grads = [np.zeros_like(array) for array in own]
        of_colours = np.zeros(shape, np.float32)
        for number, one in enumerate(seen):
            totals = np.zeros((len(own[0]), SUMS), np.float32)
            gather_sums(one.entries, sums[number], totals)
            unproject_splats(*own[:2], one.splats, one.depths, one.view, one.lens, totals, *grads)
            of_colours[number if of_colours.ndim == 3 else slice(None)] += totals[:, SUMS - 3 :]
        return (*map(torch.from_numpy, grads), torch.from_numpy(of_colours), None, None, None, None)


def _seen(
    places: _Floats, axes: _Floats, opacity: _Floats, colours: _Floats, view: _Floats, lens: _Floats,
    width: int, height: int,
) -> _Seen:  # fmt: skip
    """A view before its splats are laid: projected, in order of depth, in bands."""
    n, bands = len(places), -(-height // BAND_ROWS)
    splats, depths = np.empty((n, SPLAT_FIELDS), np.float32), np.empty(n, np.float32)
    project_splats(places, axes, opacity, view, lens, width, height, splats, depths)
    order, spare = np.empty((2, n), np.int32)
    order = order[: sort_by_depth(depths.view(np.uint32), np.empty((3, 2048), np.int64), order, spare)]
    starts = np.empty(bands + 1, np.int64)
    count_bands(splats, order, starts)
    entries = np.empty(starts[-1], np.int32)
    fill_bands(splats, order, starts, np.empty(bands, np.int64), entries)
    line = height * (width + ABREAST)
    pixels = np.zeros(4 * line, np.float32)
    pixels[:line] = 1
    return _Seen(view, lens, colours, splats, depths, starts, entries, pixels)


def _behind(one: _Seen, of_picture: Tensor, of_coverage: Tensor) -> _Floats:
    """The planes that `lift_splats` reads: light; what all that is behind is worth; gradient of colours."""
    _, height, width = of_picture.shape
    front = _planes(one.pixels, 4, height, width)
    planes = torch.zeros(5, height, width + ABREAST)
    planes[0] = 1
    planes[2:, :, :width] = of_picture
    worth = (of_picture * front[1:, :, :width]).sum(0)
    planes[1, :, :width] = worth - front[0, :, :width] * of_coverage
    return planes.numpy().reshape(-1)


def _planes(pixels: _Floats, count: int, height: int, width: int) -> Float[Tensor, "planes height line"]:
    return torch.from_numpy(pixels).view(count, height, width + ABREAST)


def _bands(seen: list[_Seen]) -> list[tuple[int, int]]:
    return [(number, band) for number, one in enumerate(seen) for band in range(len(one.starts) - 1)]


def _of_band(one: _Seen, band: int) -> NDArray[np.int32]:
    return one.entries[one.starts[band] : one.starts[band + 1]]


def _array(tensor: Tensor) -> _Floats:
    return np.ascontiguousarray(tensor.detach().numpy(), np.float32)


def _each(work: Callable[[Any], _T], items: Iterable[Any], workers: int) -> list[_T]:
    """What the work makes of each item, in their order, by so many threads."""
    if workers == 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, items))
