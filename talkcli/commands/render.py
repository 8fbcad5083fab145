"""talk render: motion -> pictures, meshes, weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli import console, options
from talkcli.engine.assets import DEFAULT_AVATAR
from talkcli.engine.errors import BadUsage, counted
from talkcli.outputs import check_sound


def run(
    motion: Annotated[list[Path], typer.Argument(help="One .motion, or several to show side by side.")],
    avatar: Annotated[
        list[str] | None,
        typer.Option(
            "--avatar", "-a", help="Whose face: an .avatar file or a bundled name; one, or one each."
        ),
    ] = None,
    output: options.Output = None,
    audio: Annotated[Path | None, typer.Option("--audio", help="The sound of the film.")] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="What to write under a motion; repeat in order.")
    ] = None,
    camera: options.Camera = "front",
    size: options.Size = "512",
    background: options.Background = "studio",
    as_: options.As = None,
    stage: options.Stage = None,
    look: options.Look = None,
    renderer: options.Renderer = "numba",
    quality: options.Quality = "standard",
    wrinkles: Annotated[
        bool, typer.Option("--wrinkles/--no-wrinkles", help="Skin that folds and flushes with expression.")
    ] = True,
    texture: Annotated[
        bool, typer.Option("--texture/--no-texture", help="The skin's colour as the motion says it changes.")
    ] = True,
    fps: options.Fps = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Show a motion as a film, pictures, meshes, skins or weights.

    The suffix of --output says which: .mp4 .m4v .mov .mkv .webm .gif films; .png a folder of pictures, which
    may be transparent; .glb a mesh that moves, .obj .ply folders of meshes, with all that the head wears;
    .npz the bare head's vertices; .csv as Live Link Face records; .textures a folder of skins that fold
    and flush. An avatar that has Gaussians is drawn of them, and its .ply holds them for viewers of
    splats; --as mesh shows its mesh.

    \b
    Examples:
      talk render hello.motion --audio hello.wav -o orbit.mp4 --camera orbit
      talk render hello.motion hello.motion --avatar ada --avatar kofi --size 256 -o both.mp4
    """
    audio = options.recording_file(audio) if audio else None
    output = output or motion[0].with_suffix(".mp4")
    suffix = options.known_format(output, background)
    _check(motion, avatar, label, audio, suffix, background)
    sources = [*motion, *([audio] if audio else [])]
    faces = [options.avatar_file(name) for name in avatar or [DEFAULT_AVATAR]]
    console.claim(output, overwrite, (*sources, *faces), folder=suffix in options.FOLDERS)
    options.tell_unused([output])
    rate = options.parse_fps(fps) if fps else None

    with console.step("Loading"):
        from talkcli.engine.editing.retiming import at_rate
        from talkcli.engine.face.avatar import load_avatar
        from talkcli.engine.face.geometry import load_moves
        from talkcli.engine.rendering.shot import Shot, check_shot, notes_on
        from talkcli.engine.rendering.write import Act, write

        people = [load_avatar(face) for face in faces]
        people = people * len(motion) if len(people) == 1 else people
        motions = [load_moves(path, person) for path, person in zip(motion, people, strict=True)]
        motions = [at_rate(track, rate) for track in motions] if rate else motions
        names = label or ([path.stem for path in motion] if len(motion) > 1 else [""])
        acts = [Act(*each) for each in zip(motions, people, names, strict=True)]
    shot = Shot(camera, size, background, renderer, wrinkles, texture, quality, as_, stage, look)
    for person in people:
        check_shot(shot, person, [output])
        console.get_renderer_ready([output], shot, person)
    notes = dict.fromkeys(note for act in acts for note in notes_on(shot, act.motion, act.avatar, [output]))
    console.warn(*notes)
    with console.writing([output]):
        count, rate = write(acts, output, shot, sound=audio, show=console.rendering)
    if json:
        view = {} if suffix in options.MESHES else {"camera": camera, "size": size, "renderer": renderer}
        seconds = float(count / rate)
        made = {"output": output, "frames": count, "fps": str(rate), "seconds": seconds, **view}
        console.answer_json({**made, "notes": list(notes)})
    else:
        console.answer(output)


def _check(
    motion: list[Path],
    avatar: list[str] | None,
    label: list[str] | None,
    audio: Path | None,
    suffix: str,
    background: str,
) -> None:
    """Refuse options that contradict each other, before anything heavy is imported."""
    if len(motion) > 1 and suffix in options.MESHES:
        raise BadUsage(f"{len(motion)} motions cannot share one {suffix}.", "Write them one by one.")
    if label and len(label) != len(motion):
        raise BadUsage(
            f"{counted(len(label), 'labels')} for {counted(len(motion), 'motions')}.",
            "Give --label once for each.",
        )
    if avatar and len(avatar) not in (1, len(motion)):
        raise BadUsage(
            f"{counted(len(avatar), 'avatars')} for {counted(len(motion), 'motions')}.",
            "Give one, or one for each.",
        )
    check_sound(suffix, audio)
    if background == "transparent" and len(motion) > 1:
        raise BadUsage(f"{len(motion)} motions cannot be transparent together.", "Render them one by one.")
