"""From a motion and an avatar to pictures, one by one, in constant memory."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import local
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.device import cores, pick_device
from talkcli.engine.errors import BadUsage, pick
from talkcli.engine.face.acting import painted, wrinkles_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.expressed import rested
from talkcli.engine.face.geometry import TINT, check_moves, posed
from talkcli.engine.motion import Motion, Textures, ratios
from talkcli.engine.rendering.acting_skin import wrinkle_maps
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.lights import light_rig
from talkcli.engine.rendering.picture import Painter, Pixels, PosedMoment
from talkcli.engine.rendering.qualities import QUALITIES, RENDERERS, check_quality
from talkcli.engine.rendering.rasterize import HIDDEN
from talkcli.engine.rendering.surface import CLAY_LOOK, coarseness_of, surface_for

_M = TypeVar("_M")
_T = TypeVar("_T")

FINER = 2
"""Times as many samples along each side as standard that a fine picture has, but for a photographer's."""
FIRST_FRAMES = 4
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
    own, spare = local(), collections.deque([make()])

    def drawn(moment: _M) -> Pixels:
        if not hasattr(own, "tool"):
            try:
                own.tool = spare.pop()
            except IndexError:
                own.tool = make()
        return draw(own.tool, moment)

    return drawn


def parts_of(frames: int) -> Iterator[tuple[int, int]]:
    """Where parts begin and end that are posed together: few at first, for whom drawing waits, then more."""
    start, length = 0, FIRST_FRAMES
    while start < frames:
        yield start, min(start + length, frames)
        start, length = start + length, min(2 * length, FRAMES_AHEAD)


def _moments(
    motion: Motion, avatar: Avatar, camera: Camera, textures: Textures | None
) -> Iterator[PosedMoment]:
    for start, stop in parts_of(len(motion)):
        part = posed(motion, avatar, start, stop)
        tints = None if textures is None else ratios(textures, start, stop).numpy()
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
