"""A motion in the form that its file name asks for: itself, a film, pictures, meshes, weights or skins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from talkcli.engine.errors import BadUsage, OutOfResources, pick
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.expressed import rested
from talkcli.engine.files import replacing
from talkcli.engine.motion import Motion, save_motion
from talkcli.engine.rendering.backdrop import backdrop
from talkcli.engine.rendering.camera import parse_size, portrait
from talkcli.engine.rendering.export import PICTURES, WRITERS, origin_of
from talkcli.engine.rendering.picture import Pixels
from talkcli.engine.rendering.render import RENDERERS, check_quality, frames
from talkcli.engine.rendering.side_by_side import Film, side_by_side
from talkcli.engine.rendering.splat_files import write_splats
from talkcli.engine.rendering.splat_film import splat_frames
from talkcli.engine.video import FORMATS, write_video

MOTION = ".motion"
MESH, SPLATS = FORMS = "mesh", "splats"
"""What an avatar may be drawn as."""
SPLAT_FILE = ".ply"
"""Of the files that hold geometry the one that may hold Gaussians."""


@dataclass(frozen=True)
class Shot:
    """How a motion is shown in pictures; the words are those of `talk render`."""

    camera: str = "front"
    size: str = "512"
    background: str = "studio"
    renderer: str = "numba"
    wrinkles: bool = True
    """Whether the skin folds and flushes with expression."""
    texture: bool = True
    """Whether the motion's own texture changes it."""
    quality: str = "standard"
    """Or fine: every hair, four times the samples."""
    form: str | None = None
    """Of FORMS; None: Gaussians of an avatar that has them."""


@dataclass(frozen=True)
class Act:
    """A motion on its face, with what stands below it where several are shown side by side."""

    motion: Motion
    avatar: Avatar
    label: str = ""


Show = Callable[[Iterable[Pixels], Path, int], Iterable[Pixels]]
"""Passes the pictures of a file, so many, through, and shows on the way how far they are."""


def unseen(pictures: Iterable[Pixels], path: Path, count: int) -> Iterable[Pixels]:
    """Pictures whose progress nobody watches."""
    return pictures


def needs_pictures(paths: Iterable[Path]) -> bool:
    """Whether one of these files is made of pictures."""
    return any(path.suffix.lower() in (*FORMATS, *PICTURES) for path in paths)


def drawn_as(shot: Shot, avatar: Avatar, suffix: str = "") -> str:
    """Which of FORMS an avatar is drawn as, in a file of that suffix. BadUsage where it cannot be."""
    asked = None if shot.form is None else pick(shot.form, FORMS, "form")
    geometry = suffix in WRITERS and suffix != SPLAT_FILE
    if asked == SPLATS and avatar.splats is None:
        raise BadUsage(f"Avatar {avatar.name} has no Gaussians.", "Leave --as out, or give --as mesh.")
    if asked == SPLATS and geometry:
        raise BadUsage(
            f"A {suffix} holds no Gaussians.", f"Write a film or a {SPLAT_FILE}, or leave --as out."
        )
    if asked == MESH or avatar.splats is None or geometry:
        return MESH
    if shot.renderer == "pyrender":
        raise BadUsage("pyrender draws no Gaussians.", "Add --as mesh, or use --renderer numba.")
    return SPLATS


def check_shot(shot: Shot, avatar: Avatar, paths: Iterable[Path], moves: Collection[str] = ()) -> None:
    """BadUsage, before any work, for what these files cannot show of a talker that moves these tracks."""
    pick(shot.renderer, RENDERERS, "renderer")
    check_quality(shot.renderer, shot.quality)
    for suffix in ("", *(path.suffix.lower() for path in paths)):
        drawn_as(shot, avatar, suffix)
    if shot.renderer == "pyrender" and "skin" in moves:
        hint = "Add --set texture=false, or use --renderer numba."
        raise BadUsage("pyrender draws no changing skin.", hint)
    portrait(avatar, shot.camera, parse_size(shot.size))
    backdrop(shot.background, 16, 16)


def write(
    acts: Sequence[Act], path: Path, shot: Shot = Shot(), *, sound: Path | None = None, show: Show = unseen
) -> tuple[int, Fraction]:
    """Write a motion, or several side by side as pictures; how many frames, and how many a second.

    The suffix says the form. `sound` is heard in a film. A failure leaves no file.
    """
    suffix = path.suffix.lower()
    acts = acts if suffix == MOTION else [_rested(act) for act in acts]
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
    pictures, count, fps = _pictures(acts, shot)
    frames = show(pictures, path, count)
    if suffix in PICTURES:
        PICTURES[suffix](frames, fps, path)
    else:
        origin = origin_of(first.motion, *(act.avatar for act in acts))
        metadata = {"title": f"{first.avatar.name}, synthetic", "comment": origin}
        write_video(frames, fps, path, speech=sound, metadata=metadata)
    return count, fps


def write_together(
    act: Act, paths: Sequence[Path], shot: Shot = Shot(), *, sound: Path | None = None, show: Show = unseen
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


def _rested(act: Act) -> Act:
    """With the avatar's resting expression in the motion."""
    return Act(*rested(act.motion, act.avatar), act.label)


def _pictures(acts: Sequence[Act], shot: Shot) -> tuple[Iterator[Pixels], int, Fraction]:
    """The pictures, how many, and how many a second."""
    films = [Film(_frames(act, shot), len(act.motion), act.motion.fps, act.label) for act in acts]
    if len(films) == 1 and not films[0].label:
        return films[0].frames, films[0].length, films[0].fps
    return side_by_side(films)


def _frames(act: Act, shot: Shot) -> Iterator[Pixels]:
    camera = portrait(act.avatar, shot.camera, parse_size(shot.size), float(act.motion.fps))
    acting = {"wrinkles": shot.wrinkles, "texture": shot.texture}
    if drawn_as(shot, act.avatar) == SPLATS:
        return splat_frames(act.motion, act.avatar, camera, shot.background, **acting, quality=shot.quality)
    return frames(
        act.motion, act.avatar, camera, shot.renderer, shot.background, **acting, quality=shot.quality
    )
