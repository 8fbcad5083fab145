"""A motion on an avatar's Gaussians as pictures, one by one, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from talkcli.engine.compiled import is_cached
from talkcli.engine.device import cores
from talkcli.engine.errors import BadInput, pick
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.carried_splats import carry_splats, film_carrier, turn_lobes
from talkcli.engine.face.expressed import rested
from talkcli.engine.face.gaussians import BoundGaussians, Gaussians
from talkcli.engine.face.geometry import check_moves, gaussian_frames, posed
from talkcli.engine.face.laid_texels import lay_texels
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.rendering.backdrop import backdrop
from talkcli.engine.rendering.camera import Camera, centred_camera, look_at
from talkcli.engine.rendering.painting import expose
from talkcli.engine.rendering.picture import TABLES, Pixels, shrunk
from talkcli.engine.rendering.render import FINER, QUALITIES, drawn_in_order, parts_of
from talkcli.engine.rendering.splat_kernels import (
    count_bands,
    fill_bands,
    lay_on,
    lay_splats,
    project_splats,
    see_colours,
    sort_by_depth,
)
from talkcli.engine.rendering.splats import draw_views


def splat_frames(
    motion: Motion,
    avatar: Avatar,
    camera: Camera,
    background: str = "studio",
    *,
    wrinkles: bool = True,
    texture: bool = True,
    quality: str = "standard",
    workers: int | None = None,
) -> Iterator[Pixels]:
    """The pictures of a motion on an avatar that has Gaussians, as `frames` gives them of its mesh.

    The same bytes for any number of `workers`. `wrinkles`, `texture`, `background`: see `frames`. `quality`:
    fine draws four pixels of each. What is wrong is said at the call, before the first picture.
    """
    finer = FINER if pick(quality, QUALITIES, "quality") == "fine" else 1
    if not avatar.has_gaussians:
        raise BadInput(f"Avatar {avatar.name} has no Gaussians.", "Give one that has, or draw its mesh.")
    check_moves(motion, avatar)
    motion, avatar = rested(motion, avatar)
    motion = motion if texture else replace(motion, texture=None)
    camera = Camera(camera.views, camera.lenses * finer, camera.sizes * finer)
    bare = _bare(background, camera.width, camera.height)

    def draw(moment: tuple[Callable[[], Gaussians], int]) -> Pixels:
        make, view = moment
        seen = draw_views(make(), camera.part([view]), workers=1)
        picture = _bytes(seen.colour[0], seen.coverage[0], bare)
        return picture if finer == 1 else shrunk(picture, finer)

    def moments() -> Iterator[tuple[Callable[[], Gaussians], int]]:
        acting = wrinkles or motion.texture is not None
        for start, stop in parts_of(len(motion)):
            makers = gaussian_frames(motion, avatar, start, stop, acting=acting)
            for number, make in enumerate(makers, start):
                yield make, number % len(camera.views)

    return drawn_in_order(moments(), draw, workers or cores())


def _bare(background: str, width: int, height: int) -> torch.Tensor | None:
    """sRGB 0..1 [3, height, width] of a picture without anybody; None if it is transparent."""
    behind = backdrop(background, width, height)
    if behind is None:
        return None
    pixels = np.empty((height, width, 3), np.uint8)
    expose(TABLES.value, behind, pixels)
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255


def _bytes(colour: torch.Tensor, coverage: torch.Tensor, bare: torch.Tensor | None) -> NDArray[np.uint8]:
    """[height, width, 3], or 4 without a background."""
    if bare is not None:
        pixels = np.empty((*coverage.shape, 3), np.uint8)
        lay_on(bare.numpy(), colour.numpy(), coverage.numpy(), pixels)
        return pixels
    planes = torch.cat([colour / coverage.clamp(min=1e-6), coverage[None]])
    return (planes.permute(1, 2, 0).clamp(0, 1) * 255 + 0.5).byte().contiguous().numpy()


def splats_are_compiled() -> bool:
    """Whether the first picture of Gaussians comes at once."""
    return is_cached(
        carry_splats, count_bands, expose, fill_bands, lay_on, lay_splats, lay_texels, project_splats,
        see_colours, sort_by_depth, turn_lobes,
    )  # fmt: skip


def compile_splats() -> None:
    """Draw one small picture and pose one head, so that what a film needs is compiled and kept."""
    one = Gaussians(torch.zeros(1, 3), 0.1 * torch.eye(3)[None], torch.ones(1), torch.ones(1, 4, 3))
    camera = centred_camera(look_at(torch.tensor([0.0, 0, 1]), torch.zeros(3))[None], 50.0, 16, 16)
    seen, bare = draw_views(one, camera), _bare("white", 16, 16)
    _bytes(seen.colour[0], seen.coverage[0], bare)
    whole, shapes = (np.zeros((1, 3), np.int32), np.zeros(1, np.int32)), ((3, 3), (1, 3, 3), (1, 11), (1, 3))
    points, mix, form, colours = (np.zeros(shape, np.float32) for shape in shapes)
    rest = (np.zeros(9, np.float32), np.ones((1, 1), np.float32), np.zeros(1, np.float32))
    drawn = (np.zeros((1, 3), np.float32), mix.copy(), np.zeros(1, np.float32), mix[:, :1].copy())
    lay_texels(points, whole[0], mix, whole[1], form, colours, colours.copy(), *rest, *drawn)
    head, ones = talking_head(), torch.ones(1, 4, 3)
    bound = BoundGaussians(
        head.faces[:1], torch.eye(3)[:1], ones[:, 0], ones[..., 0], ones[:, 0], ones[:, 0, 0], ones
    )  # fmt: skip
    film_carrier(bound, head.neutral)(head.neutral)
    posed(Motion(Fraction(1), Vertices(torch.zeros(1, *head.neutral.shape))), head)
