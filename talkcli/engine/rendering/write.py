"""A motion in the form that its file name asks for: itself, a film, pictures, meshes, weights or skins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from talkcli.engine.destinations import replacing
from talkcli.engine.device import on_threads
from talkcli.engine.errors import BadUsage, OutOfResources
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.expressed import rested
from talkcli.engine.motion import Motion, save_motion
from talkcli.engine.rendering.export import PICTURES, WRITERS, origin_of
from talkcli.engine.rendering.shot import AS_USUAL, SPLATS, Shot, drawn_as, seen_as, shot_frames
from talkcli.engine.rendering.side_by_side import Film, side_by_side
from talkcli.engine.rendering.splat_files import write_splats
from talkcli.engine.video import write_video

if TYPE_CHECKING:
    from talkcli.engine.rendering.picture import Pixels

MOTION = ".motion"


@dataclass(frozen=True)
class Act:
    """A motion on its face, with what stands below it where several are shown side by side."""

    motion: Motion
    avatar: Avatar
    label: str = ""


Show = Callable[["Iterable[Pixels]", Path, int], "Iterable[Pixels]"]
"""Passes the pictures of a file, so many, through, and shows on the way how far they are."""


def unseen(pictures: Iterable[Pixels], path: Path, count: int) -> Iterable[Pixels]:
    """Pictures whose progress nobody watches."""
    return pictures


def write(
    acts: Sequence[Act], path: Path, shot: Shot = AS_USUAL, *, sound: Path | None = None, show: Show = unseen
) -> tuple[int, Fraction]:
    """Write a motion, or several side by side as pictures; how many frames, and how many a second.

    The suffix says the form. `sound` is heard in a film. A failure leaves no file.
    """
    suffix = path.suffix.lower()
    acts = acts if suffix == MOTION else [_shown(act, shot) for act in acts]
    first = acts[0]
    if suffix == MOTION or suffix in WRITERS:
        if len(acts) > 1:
            raise BadUsage(f"{len(acts)} motions cannot share one {suffix}.", "Write them one by one.")
        if suffix == MOTION:
            save_motion(first.motion, path)
        else:
            splats = drawn_as(shot, first.avatar, suffix) == SPLATS
            (write_splats if splats else WRITERS[suffix])(first.motion, first.avatar, path)
        return len(first.motion), first.motion.fps
    with on_threads(1):  # whoever draws has all cores
        pictures, count, fps = _pictures(acts, shot)
        frames = show(pictures, path, count)
        origin = origin_of(first.motion, *(act.avatar for act in acts))
        if suffix in PICTURES:
            PICTURES[suffix](frames, fps, path, origin)
        else:
            metadata = {"title": f"{first.avatar.name}, synthetic", "comment": origin}
            write_video(frames, fps, path, speech=sound, metadata=metadata)
    return count, fps


def write_together(
    act: Act, paths: Sequence[Path], shot: Shot = AS_USUAL, *, sound: Path | None = None, show: Show = unseen
) -> None:
    """One motion in several forms, all of them or none.

    The first is written last: until it is there, the others wait under temporary names.
    """
    with ExitStack() as waiting:
        for path in paths[1:]:
            temporary = waiting.enter_context(replacing(path))
            try:
                write([act], temporary, shot, sound=sound, show=lambda images, _, n: show(images, path, n))  # noqa: B023 (used at once)
            except OutOfResources as error:
                message = error.message.replace(str(temporary), str(path))
                raise OutOfResources(message, error.hint) from error
        write([act], paths[0], shot, sound=sound, show=show)


def _shown(act: Act, shot: Shot) -> Act:
    """With the avatar's resting expression in the motion, and with the look that is asked for."""
    return Act(*rested(act.motion, seen_as(shot, act.avatar)), act.label)


def _pictures(acts: Sequence[Act], shot: Shot) -> tuple[Iterator[Pixels], int, Fraction]:
    """The pictures, how many, and how many a second."""
    films = [
        Film(shot_frames(shot, act.motion, act.avatar), len(act.motion), act.motion.fps, act.label)
        for act in acts
    ]
    if len(films) == 1 and not films[0].label:
        return films[0].frames, films[0].length, films[0].fps
    return side_by_side(films)
