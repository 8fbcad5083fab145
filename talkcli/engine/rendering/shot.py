"""Shot: how a motion is shown in pictures, and what of an avatar that draws: the one place that chooses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from talkcli.engine.errors import BadUsage, pick
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.detail import shows_detail
from talkcli.engine.face.rigs import rigged
from talkcli.engine.motion import Motion
from talkcli.engine.rendering.backdrop import STUDIO, backdrop
from talkcli.engine.rendering.camera import parse_size, portrait
from talkcli.engine.rendering.export import PICTURES, WRITERS
from talkcli.engine.rendering.qualities import RENDERERS, check_quality
from talkcli.engine.video import FORMATS

if TYPE_CHECKING:
    from talkcli.engine.rendering.picture import Pixels

MESH, SPLATS = FORMS = "mesh", "splats"
"""What an avatar may be drawn as."""
PHOTO, STUDIO_STAGE = GROUNDS = "photo", "studio"
"""Where it may stand: in the photograph that it was made from, or before a background."""
PHOTOGRAPHED, STUDIO_LOOK = LOOKS = "photographed", "studio"
"""How its skin may look: as the photograph shows it, or as we paint it for studio light."""
SPLAT_FILE = ".ply"
"""Of the files that hold geometry the one that may hold Gaussians."""


@dataclass(frozen=True)
class Shot:
    """How a motion is shown in pictures; the words are those of `talk render`."""

    camera: str = "front"
    size: str = "512"
    background: str = STUDIO
    renderer: str = "numba"
    wrinkles: bool = True
    """Whether the skin folds and flushes with expression."""
    texture: bool = True
    """Whether the motion's own texture changes it."""
    quality: str = "standard"
    """Or fine: as a camera sees it, hair by hair."""
    form: str | None = None
    """Of FORMS; None: Gaussians of an avatar that has them."""
    stage: str | None = None
    """Of GROUNDS; None: the photograph of an avatar that holds one, where the rest of the shot lets it."""
    look: str | None = None
    """Of LOOKS; None: the avatar's own."""


AS_USUAL = Shot()


def drawn_as(shot: Shot, avatar: Avatar, suffix: str = "") -> str:
    """Which of FORMS an avatar is drawn as, in a file of that suffix. BadUsage where it cannot be."""
    asked = None if shot.form is None else pick(shot.form, FORMS, "form")
    geometry = suffix in WRITERS and suffix != SPLAT_FILE
    if asked == SPLATS and not avatar.has_gaussians:
        raise BadUsage(f"Avatar {avatar.name} has no Gaussians.", "Leave --as out, or give --as mesh.")
    if asked == SPLATS and geometry:
        raise BadUsage(
            f"A {suffix} holds no Gaussians.", f"Write a film or a {SPLAT_FILE}, or leave --as out."
        )
    in_photo = asked is None and shot.stage == PHOTO and avatar.photograph is not None
    if asked == MESH or not avatar.has_gaussians or geometry or (in_photo and suffix != SPLAT_FILE):
        return MESH
    if shot.renderer != AS_USUAL.renderer:
        raise BadUsage(f"{shot.renderer} draws no Gaussians.", "Add --as mesh, or use --renderer numba.")
    return SPLATS


def stage_of(shot: Shot, avatar: Avatar) -> str:
    """Which of GROUNDS an avatar stands on in pictures. BadUsage where it cannot."""
    asked = None if shot.stage is None else pick(shot.stage, GROUNDS, "stage")
    if asked == PHOTO and avatar.photograph is None:
        raise BadUsage(
            f"Avatar {avatar.name} holds no photograph.", "Make one of a picture: talk personalize me.jpg"
        )
    others: list[str] = []
    for name in ("camera", "background", "renderer"):
        if getattr(shot, name) != getattr(AS_USUAL, name):
            others.append(f"--{name} {getattr(shot, name)}")
    others += ["--look studio"] if shot.look == STUDIO_LOOK else []
    if asked == PHOTO and shot.form == SPLATS:
        raise BadUsage(
            "A photograph speaks by its mesh.", "Leave out --as splats, or give --stage studio for Gaussians."
        )
    others += ["--as splats"] if drawn_as(shot, avatar) == SPLATS else []
    if asked == PHOTO and others:
        raise BadUsage(f"A photograph stays as it is: {', '.join(others)}.", "Leave out one or the other.")
    return STUDIO_STAGE if asked == STUDIO_STAGE or avatar.photograph is None or others else PHOTO


def seen_as(shot: Shot, avatar: Avatar) -> Avatar:
    """The avatar with the look that the shot asks for. BadUsage where it has none such."""
    if shot.look is None:
        return avatar
    pick(shot.look, LOOKS, "look")
    if avatar.studio_look is None and shot.look == PHOTOGRAPHED:
        raise BadUsage(
            f"Avatar {avatar.name} was not made from a photograph.",
            "Leave --look out, or give another avatar.",
        )
    return replace(avatar, look=avatar.studio_look or avatar.look) if shot.look == STUDIO_LOOK else avatar


def needs_pictures(paths: Iterable[Path]) -> bool:
    """Whether one of these files is made of pictures."""
    return any(path.suffix.lower() in (*FORMATS, *PICTURES) for path in paths)


def check_shot(shot: Shot, avatar: Avatar, paths: Iterable[Path], moves: Collection[str] = ()) -> None:
    """BadUsage, before any work, for what these files cannot show of a talker that moves these tracks."""
    pick(shot.renderer, RENDERERS, "renderer")
    check_quality(shot.renderer, shot.quality)
    seen_as(shot, avatar)
    for suffix in ("", *(path.suffix.lower() for path in paths)):
        drawn_as(shot, avatar, suffix)
    if shot.renderer == "pyrender" and "skin" in moves:
        hint = "Add --set texture=false, or use --renderer numba."
        raise BadUsage("pyrender draws no changing skin.", hint)
    size = parse_size(shot.size)
    stage_of(shot, avatar)
    portrait(avatar, shot.camera, size)
    backdrop(shot.background, 16, 16)


def notes_on(shot: Shot, motion: Motion, avatar: Avatar, paths: Iterable[Path]) -> list[str]:
    """What is to be said of what shows this motion."""
    return [*_undrawn(motion, avatar), *_notes_on_pictures(shot, motion, avatar, list(paths))]


def _undrawn(motion: Motion, avatar: Avatar) -> list[str]:
    """Of codes of detail that the motion has and nothing here can draw."""
    rig = rigged(avatar)
    if rig is None or motion.codes is None or not bool(motion.codes.detail.any()):
        return []
    if shows_detail(motion, rig.model.topology):
        return []
    return ["Its codes of detail are not drawn: that takes talk models import emoca, and FLAME with uv=."]


def _notes_on_pictures(shot: Shot, motion: Motion, avatar: Avatar, paths: list[Path]) -> list[str]:
    shown = [
        path.suffix.lower() for path in paths if needs_pictures([path]) or path.suffix.lower() == SPLAT_FILE
    ]
    if avatar.gaussian_head is not None and any(drawn_as(shot, avatar, suffix) == SPLATS for suffix in shown):
        return _notes_on_gaussians(shot, avatar)
    if avatar.gaussian_head is not None and avatar.look is None and not _skinless(paths):
        hint = " Leave --as mesh out to see it." if shot.form == MESH and needs_pictures(paths) else ""
        return [f"{avatar.name}'s skin is of Gaussians alone: the mesh is shown in clay.{hint}"]
    if not needs_pictures(paths) or stage_of(shot, avatar) == STUDIO_STAGE:
        return []
    from talkcli.engine.rendering.photo_stage import FARTHEST_TURN, farthest_turn

    turn = farthest_turn(motion)
    if turn <= FARTHEST_TURN:
        return []
    return [
        f"The head turns by {turn:.0f} degrees; in its photograph it is held within {FARTHEST_TURN:.0f}: "
        "talk render --stage studio shows all of it."
    ]


def _notes_on_gaussians(shot: Shot, avatar: Avatar) -> list[str]:
    """What pictures of a Gaussian head leave out."""
    notes = []
    if avatar.worn and avatar.splats is None:
        names = ", ".join(thing.name for thing in avatar.worn)
        notes.append(f"What {avatar.name} wears has no Gaussians and is not shown: {names}; --as mesh does.")
    if avatar.photograph is not None and shot.stage is None and shot.form is None:
        notes.append(f"{avatar.name} is drawn of Gaussians, in the studio; --stage photo has the photograph.")
    if not shot.wrinkles:
        notes.append("A Gaussian head folds and flushes by itself: --no-wrinkles needs --as mesh.")
    return notes


def _skinless(paths: Iterable[Path]) -> bool:
    """Whether none of these files shows a skin: weights or bare geometry."""
    return all(path.suffix.lower() not in (*FORMATS, *PICTURES, ".obj", SPLAT_FILE) for path in paths)


def shot_frames(shot: Shot, motion: Motion, avatar: Avatar) -> Iterator[Pixels]:
    """The pictures of a motion."""
    size = parse_size(shot.size)
    acting = {"wrinkles": shot.wrinkles, "texture": shot.texture, "quality": shot.quality}
    if stage_of(shot, avatar) == PHOTO:
        from talkcli.engine.rendering.photo_stage import photo_frames

        return photo_frames(motion, avatar, size, **acting)
    camera = portrait(avatar, shot.camera, size, float(motion.fps))
    if drawn_as(shot, avatar) == SPLATS:
        from talkcli.engine.rendering.splat_film import splat_frames

        return splat_frames(motion, avatar, camera, shot.background, **acting)
    from talkcli.engine.rendering.render import frames  # kernels are slow to load, for those who draw

    return frames(motion, avatar, camera, shot.renderer, shot.background, **acting)
