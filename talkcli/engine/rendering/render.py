"""From a motion and an avatar to pictures, one by one, in constant memory."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from threading import local
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from talkcli.engine.compiled import is_cached
from talkcli.engine.device import cores, pick_device
from talkcli.engine.errors import BadUsage, pick
from talkcli.engine.face.acting import painted, wrinkles_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.expressed import rested
from talkcli.engine.face.geometry import TINT, check_moves, posed
from talkcli.engine.face.look import Wrinkles
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.face.worn import Worn
from talkcli.engine.motion import Motion, Textures, Vertices, ratios
from talkcli.engine.rendering.acting_skin import blend_wrinkles, wrinkle_maps
from talkcli.engine.rendering.bending import lay_over, trace_back
from talkcli.engine.rendering.camera import Camera, look_at
from talkcli.engine.rendering.dressing import carry
from talkcli.engine.rendering.gathering import arrange, survey
from talkcli.engine.rendering.hidden import bury, look_in
from talkcli.engine.rendering.lights import light_rig
from talkcli.engine.rendering.occlusion import face_camera, light_mouth, look_up
from talkcli.engine.rendering.painting import develop, expose, paint, paint_finely
from talkcli.engine.rendering.picture import Painter, Pixels, PosedMoment
from talkcli.engine.rendering.qualities import QUALITIES, RENDERERS, check_quality
from talkcli.engine.rendering.rasterize import HIDDEN, band, project, rasterize
from talkcli.engine.rendering.surface import CLAY_LOOK, coarseness_of, surface_for, surface_of, vertex_normals

_M = TypeVar("_M")
_T = TypeVar("_T")

FINER = 2
"""Times as many samples along each side as standard that a fine picture has, but for a photographer's."""
FRAMES_AHEAD = 32
"""Frames whose vertices are in memory at once."""


def frames(
    motion: Motion,
    avatar: Avatar,
    camera: Camera,
    renderer: str = "numba",
    background: str = "studio",
    *,
    wrinkles: bool = True,
    texture: bool = True,
    quality: str = "standard",
    workers: int | None = None,
) -> Iterator[Pixels]:
    """The pictures of a motion, uint8 [height, width, 3], or 4 on a transparent background.

    The same bytes for any number of `workers` (threads; by default the cores). `wrinkles=False`: the skin
    does not act; `texture=False`: nor does the motion's own texture change it. `quality`: fine takes a
    `close_up` by a `Photographer`; of pytorch3d every hair, and 16 samples a pixel instead of 4. What is
    wrong is said at the call, before the first picture.
    """
    pick(renderer, RENDERERS, "renderer")
    pick(quality, QUALITIES, "quality")
    if renderer == "pyrender":
        check_quality(renderer, quality)
        if texture and motion.texture is not None:
            raise BadUsage(
                "pyrender draws no changing skin.", "Use --renderer numba, or leave the texture out."
            )
        from talkcli.engine.rendering.pyrender_renderer import open_window

        return open_window(avatar, camera, background).shots(_moments(motion, avatar, camera, None))
    scene = mesh_scene(
        motion, avatar, camera, background, wrinkles=wrinkles, texture=texture, quality=quality
    )
    if renderer == "pytorch3d":
        from talkcli.engine.rendering.pytorch3d_renderer import CardPainter, pytorch3d_finder

        card = CardPainter(scene.painter(), pytorch3d_finder(), pick_device())
        return drawn_in_order(scene.moments, card.draw, 1)

    if quality == "fine":
        from talkcli.engine.rendering.photographing import Photographer  # slow to load, as `close_up` is

        draw = by_thread(lambda: Photographer(scene.painter(1, True)), Photographer.draw)
    else:
        draw = by_thread(scene.painter, Painter.draw)
    return drawn_in_order(scene.moments, draw, workers or cores())


class MeshScene(NamedTuple):
    moments: Iterator[PosedMoment]
    painter: Callable[..., Painter]
    """Makes one more, `finer` than usual or `near_by` if asked: a thread needs its own"""


def mesh_scene(
    motion: Motion, avatar: Avatar, camera: Camera, background: str, *,
    wrinkles: bool, texture: bool, quality: str, shown: NDArray[np.bool_] | None = None,
) -> MeshScene:  # fmt: skip
    """What `frames` draws. `shown`: which faces of the head, where not all are, and none is seen near by."""
    check_moves(motion, avatar)
    motion, avatar = rested(motion, avatar)
    acting = wrinkles_of(avatar) if wrinkles and avatar.look is not None else None
    finest, nearest = FINER if quality == "fine" else 1, quality if shown is None else "standard"
    motion = motion if texture else replace(motion, texture=None)
    with ThreadPoolExecutor(1) as beside:
        tints = beside.submit(painted, motion.texture, wrinkles_of(avatar), TINT) if motion.texture else None
        surface = surface_for(avatar, coarseness_of(nearest, camera.width, camera.height))
    if shown is not None:
        sides = surface.sides.copy()
        sides[: len(shown)][~shown] = HIDDEN
        surface = surface._replace(sides=sides)
    maps, light = wrinkle_maps(acting), light_rig(avatar.look or CLAY_LOOK)

    def painter(finer: int = finest, near_by: bool = False) -> Painter:
        return Painter(surface, camera.width, camera.height, background, maps, light, finer, near_by)

    return MeshScene(_moments(motion, avatar, camera, tints and tints.result()), painter)


def by_thread(make: Callable[[], _T], draw: Callable[[_T, _M], Pixels]) -> Callable[[_M], Pixels]:
    """`draw` with a tool that every thread has for itself; the first is made at once."""
    own = local()
    own.tool = make()

    def drawn(moment: _M) -> Pixels:
        if not hasattr(own, "tool"):
            own.tool = make()
        return draw(own.tool, moment)

    return drawn


def _moments(
    motion: Motion, avatar: Avatar, camera: Camera, textures: Textures | None
) -> Iterator[PosedMoment]:
    for start in range(0, len(motion), FRAMES_AHEAD):
        part = posed(motion, avatar, start, start + FRAMES_AHEAD)
        tints = None if textures is None else ratios(textures, start, start + FRAMES_AHEAD).numpy()
        for i, shape in enumerate(part.vertices.numpy()):
            view, focal = camera.centred(start + i)
            acts = None if part.folds is None else part.folds[i].numpy()
            tint = None if tints is None else tints[i]
            yield PosedMoment(np.ascontiguousarray(shape, np.float32), view.numpy(), focal, acts, tint)


def made_before(items: Iterator[_M], most: int) -> Generator[_M, None, None]:
    """The same items, made on a thread of its own, up to `most` before they are asked for."""
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="posing") as beside:
        try:
            waiting = collections.deque(beside.submit(next, items, end) for _ in range(most))
            while (item := waiting.popleft().result()) is not end:
                waiting.append(beside.submit(next, items, end))
                yield item  # type: ignore[misc]
        finally:
            beside.shutdown(cancel_futures=True)


def drawn_in_order(moments: Iterator[_M], draw: Callable[[_M], Pixels], workers: int) -> Iterator[Pixels]:
    """Pictures in order. With several workers three things are done at once: what comes next is posed, on a
    thread of its own; threads draw, at most two frames each ahead; and whoever asks writes."""
    if workers == 1:
        yield from (draw(moment) for moment in moments)
        return
    with ThreadPoolExecutor(workers) as pool, closing(made_before(moments, FRAMES_AHEAD)) as posed_ones:
        waiting: collections.deque[Future[Pixels]] = collections.deque()
        try:
            waiting.extend(pool.submit(draw, moment) for moment in itertools.islice(posed_ones, 2 * workers))
            while waiting:
                image = waiting.popleft().result()
                waiting.extend(pool.submit(draw, moment) for moment in itertools.islice(posed_ones, 1))
                yield image
        finally:
            for future in waiting:
                future.cancel()


def is_compiled(quality: str = "standard") -> bool:
    """Whether the first picture comes at once; if not, `compile_renderer` takes a quarter of a minute."""
    return is_cached(
        *([paint_finely] if quality == "fine" else []),
        arrange,
        band,
        blend_wrinkles,
        carry,
        develop,
        expose,
        bury,
        face_camera,
        lay_over,
        light_mouth,
        look_in,
        look_up,
        paint,
        project,
        rasterize,
        survey,
        trace_back,
        vertex_normals,
    )


def compile_renderer(quality: str = "standard") -> None:
    """Draw one small picture and pose one head, so that every kernel is compiled and kept for next time."""
    corners = torch.tensor([[-0.1, -0.1, 0.0], [0.1, -0.1, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.1]])
    faces = torch.tensor([[0, 1, 3], [1, 2, 3], [2, 0, 3]])
    tuft = Worn(
        name="tuft",
        kind="strands",
        points=torch.tensor([[0.0, 0.0, 0.1], [0.0, 0.0, 0.2]]),
        carriers=torch.tensor([[3]]),
        shares=torch.ones(1, 1),
        anchors=torch.arange(4),
        colour=torch.zeros(1, 3, dtype=torch.uint8),
        faces=torch.zeros(0, 3, dtype=torch.long),
        nodes=2,
        widths=torch.tensor([0.01]),
    )
    surface = surface_of(Avatar("pyramid", corners, faces, torch.tensor([0]), worn=(tuft,)), None)
    wrinkles = Wrinkles(
        ("all",),
        torch.ones(1, 8, 8, dtype=torch.int8),
        torch.ones(1, 8, 8, dtype=torch.int8),
        torch.ones(1, 1),
    )
    painter = Painter(surface, 16, 16, maps=wrinkle_maps(wrinkles))
    view = look_at(torch.tensor([0.0, 0.0, 1.0]), torch.zeros(3)).double().numpy()
    moment = PosedMoment(corners.numpy(), view, 50.0, np.ones(1, np.float32))
    painter.draw(moment)
    if quality == "fine":
        painter.light(moment)
    lips, mouth = np.zeros((1, 2), np.int64), np.zeros(0, np.int64)
    look_in(painter.snapped, painter.nearness, lips, surface.faces, mouth, painter.seen.sides, painter.lit)
    offsets = np.zeros((2, 2, 2))
    trace_back(offsets, 16.0, offsets.copy())
    clear = np.zeros((16, 16, 4), np.uint8)
    lay_over(
        clear.astype(np.float32), offsets, 16.0, clear, offsets[0].astype(np.float32), clear[..., :3].copy()
    )
    head = talking_head()
    posed(Motion(Fraction(1), Vertices(torch.zeros(1, *head.neutral.shape))), head)
