"""What pictures of an avatar need and no motion changes, made on a thread while somebody else is at work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from talkcli.engine.device import on_threads
from talkcli.engine.face.acting import skin_ratios, wrinkles_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.geometry import TINT
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import look_at, parse_size, portrait
from talkcli.engine.rendering.shot import MESH, PHOTO, Shot, drawn_as, needs_pictures, seen_as, stage_of


@contextmanager
def pictures_ahead(shot: Shot, paths: Iterable[Path]) -> Iterator[Callable[[Avatar], object]]:
    """A function that is told whose pictures there will be: what a film of their mesh needs is then made on a
    thread of its own, to which torch leaves a core all the while. Whatever is wrong there is met again, and
    told, where pictures are drawn."""
    if not needs_pictures(paths):
        yield lambda avatar: None
        return
    with on_threads(max(1, torch.get_num_threads() - 1)):
        beside = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        try:
            yield lambda avatar: beside.submit(_make_ready, shot, avatar)
        finally:
            beside.shutdown(wait=False, cancel_futures=True)


def _make_ready(shot: Shot, avatar: Avatar) -> None:
    with suppress(Exception):
        if shot.renderer == "pyrender":
            return
        import av  # noqa: F401 (whoever writes the film finds it loaded)

        if drawn_as(shot, avatar) != MESH:
            _draw_splats(avatar)
            return
        from talkcli.engine.rendering.compiling import is_compiled
        from talkcli.engine.rendering.picture import Painter, PosedMoment
        from talkcli.engine.rendering.surface import coarseness_of, surface_for

        if not is_compiled(shot.quality):  # which takes a while, and is told
            return
        quality = shot.quality
        if stage_of(shot, avatar) == PHOTO:
            from talkcli.engine.rendering.photo_stage import drawn_there

            avatar, quality = drawn_there(avatar), "standard"
        surface = surface_for(seen_as(shot, avatar), coarseness_of(quality, *parse_size(shot.size)))
        view = look_at(torch.tensor([0.0, 0.0, 1.0]), torch.zeros(3)).double().numpy()
        head = avatar.neutral.numpy().astype(np.float32)
        Painter(surface, 16, 16).draw(PosedMoment(head, view, 50.0))  # which loads all kernels
        wrinkles = wrinkles_of(avatar)
        if shot.texture and wrinkles is not None:
            skin_ratios(wrinkles, TINT)


def _draw_splats(avatar: Avatar) -> None:
    """One small picture of a face at rest, which reads its head and loads all kernels."""
    from talkcli.engine.rendering.splat_film import splat_frames, splats_are_compiled

    if not splats_are_compiled() or avatar.rig is None:
        return
    rig = load_rig(avatar.rig)
    weights = torch.zeros(1, len(rig.shape_names))
    still = Motion(Fraction(1), Coefficients(weights, torch.zeros(1, 3), avatar.rig))
    next(splat_frames(still, avatar, portrait(avatar, "front", (16, 16)), workers=1))
