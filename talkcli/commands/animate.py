"""talk animate: speech -> video and motion."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from talkcli import console, options
from talkcli.engine.assets import DEFAULT_AVATAR, DEFAULT_MODEL
from talkcli.engine.errors import TalkError
from talkcli.outputs import Task, claim_outputs, tasks_of

if TYPE_CHECKING:
    from talkcli.engine.face.avatar import Avatar
    from talkcli.engine.methods.method import Talker
    from talkcli.engine.rendering.write import Shot


def run(
    audio: Annotated[
        list[Path], typer.Argument(help="Recordings of speech, or a folder of them; - is WAV on stdin.")
    ],
    model: options.Model = DEFAULT_MODEL,
    avatar: options.Avatar = DEFAULT_AVATAR,
    output: options.Output = None,
    style: Annotated[
        list[str] | None,
        typer.Option("--style", metavar="[NAME=]FILE", help="Whose manner to take; skin=FILE: whose skin."),
    ] = None,
    set_: options.Settings = None,
    life: Annotated[
        bool, typer.Option("--life/--no-life", help="Blinks, glances and head movement beside the mouth.")
    ] = True,
    camera: options.Camera = "front",
    size: options.Size = "512",
    background: options.Background = "studio",
    renderer: options.Renderer = "numba",
    quality: options.Quality = "standard",
    fps: options.Fps = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Make a face speak: a recording in, a video and its motion out.

    Without --output, hello.wav becomes hello.mp4 and hello.motion beside it. With it, the suffix chooses:
    .motion; .mp4 .m4v .mov .mkv .webm .gif films; .png a folder of pictures; .obj .ply folders of meshes;
    .npz all vertices; .csv ARKit weights; .textures a folder of skins that fold and flush. For several
    recordings it is a folder. A style comes from a recording, a folder of clips or an .avatar.

    \b
    Examples:
      talk animate hello.wav
      talk animate interview.m4a --avatar ada --camera three-quarter -o interview.mp4
      talk animate takes/ --output animated/ --seed 7 --json
    """
    tasks = list(tasks_of(audio, output))
    paths = [path for task in tasks for path in task.outputs]
    rate = options.parse_fps(fps) if fps else None
    face = options.avatar_file(avatar)
    styles = options.named_files(style, "--style")
    claim_outputs(tasks, background, overwrite, (face, *styles.values()))

    with console.step("Loading the model"):
        from talkcli.engine.config import parse_settings
        from talkcli.engine.face.avatar import load_avatar
        from talkcli.engine.methods import open_talker
        from talkcli.engine.methods.captured import styled, unused_manner
        from talkcli.engine.methods.speaking import check_outputs, set_sampling
        from talkcli.engine.rendering.write import Shot

        talker = open_talker(model, device)
        set_sampling(talker, parse_settings(set_ or []))
        person = load_avatar(face)
    console.detail(f"{talker.method}, weights {talker.weights_sha256}; avatar {face}")
    shot = Shot(camera, size, background, renderer, quality=quality)
    check_outputs(paths, talker, person, shot)
    console.get_renderer_ready(paths, renderer)
    if styles:
        with console.step("Taking the style over"):
            person = styled(talker, person, styles)
    if warning := unused_manner(talker, person):
        console.warn(warning)
    results, faults = [], []
    for task in tasks:
        try:
            results.append(_animate(task, talker, person, shot, rate, life, seed))
        except TalkError as error:
            if len(tasks) == 1:
                raise
            console.fail(error.message, error.hint)
            faults.append(error)
            continue
        for path in () if json else task.outputs:
            console.answer(path)
    if json:
        console.answer_json({"results": results, "failed": [error.message for error in faults]})
    if faults:
        raise typer.Exit(faults[0].exit_code)


def _animate(
    task: Task, talker: Talker, person: Avatar, shot: Shot, rate: Fraction | None, life: bool, seed: int
) -> dict[str, Any]:
    """One recording to its outputs, all of them or none."""
    from talkcli.engine.methods.speaking import spoken_motion
    from talkcli.engine.rendering.write import Act, write_together
    from talkcli.engine.sound import called, seekable
    from talkcli.engine.speech import load_speech

    name = called(task.audio)
    with seekable(task.audio) as recording:
        with console.step(f"Listening to {name}"):
            speech = load_speech(recording, name)
        for note in speech.notes:
            console.warn(note)
        with console.share_done(f"Animating {name}") as progress:
            motion = spoken_motion(talker, speech, person, seed=seed, fps=rate, life=life, progress=progress)
        with console.writing(task.outputs):
            write_together(Act(motion, person), task.outputs, shot, sound=recording, show=console.rendering)
    length = {"frames": len(motion), "fps": str(motion.fps), "seconds": motion.seconds}
    return {"audio": task.audio, "outputs": list(task.outputs), **length, "notes": list(speech.notes)}
