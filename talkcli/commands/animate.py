"""talk animate: speech -> video and motion."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from talkcli import console, options
from talkcli.engine.assets import DEFAULT_AVATAR, DEFAULT_MODEL
from talkcli.engine.errors import BadInput, BadUsage, OutOfResources, TalkError, pick

if TYPE_CHECKING:
    from talkcli.engine.face.avatar import Avatar
    from talkcli.engine.methods.method import Talker
    from talkcli.engine.motion import Motion

SOUNDS = {
    ".wav",
    ".flac",
    ".ogg",
    ".oga",
    ".opus",
    ".mp3",
    ".m4a",
    ".aac",
    ".aif",
    ".aiff",
    ".wma",
    ".amr",
    ".caf",
}
FILMS = {".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".3gp", ".mpg", ".mpeg", ".ts", ".flv"}
"""What of a folder is taken for a recording."""

MOTION = ".motion"


@dataclass(frozen=True)
class Task:
    audio: Path
    """`-` is stdin."""
    outputs: tuple[Path, ...]


@dataclass(frozen=True)
class Picture:
    """How a video of the motion looks."""

    camera: str
    size: str
    background: str
    renderer: str


def run(
    audio: Annotated[
        list[Path], typer.Argument(help="Recordings of speech, or a folder of them; - is WAV on stdin.")
    ],
    model: options.Model = DEFAULT_MODEL,
    avatar: options.Avatar = DEFAULT_AVATAR,
    output: options.Output = None,
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            metavar="[NAME=]FILE",
            help="Whose manner to take: a recording, a folder of clips or an .avatar; skin=FILE: whose skin "
            "to act like; repeatable.",
        ),
    ] = None,
    set_: options.Settings = None,
    life: Annotated[
        bool, typer.Option("--life/--no-life", help="Blinks, glances and head movement beside the mouth.")
    ] = True,
    camera: options.Camera = "front",
    size: options.Size = "512",
    background: options.Background = "studio",
    renderer: options.Renderer = "numba",
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
    recordings it is a folder.

    \b
    Examples:
      talk animate hello.wav
      talk animate interview.m4a --avatar ada --camera three-quarter -o interview.mp4
      talk animate takes/ --output animated/ --seed 7 --json
    """
    tasks = list(_tasks(audio, output))
    rate = options.parse_fps(fps) if fps else None
    face = options.avatar_file(avatar)
    styles = options.named_files(style, "--style")
    for task in tasks:
        for path in task.outputs:
            suffix = options.known_format(path, background, also=(MOTION,))
            inputs = (task.audio, face, *styles.values())
            console.claim(path, overwrite, inputs, folder=suffix in options.FOLDERS)

    with console.step("Loading the model"):
        from talkcli.engine.face.avatar import load_avatar
        from talkcli.engine.methods import open_talker

        talker = open_talker(model, device)
        if set_:
            _draw_by(talker, set_)
        person = load_avatar(face)
    console.detail(f"{talker.method}, weights {talker.weights_sha256}; avatar {face}")
    look = Picture(camera, size, background, renderer)
    suffixes = {path.suffix.lower() for task in tasks for path in task.outputs}
    _check(look, person, suffixes, talker)
    if styles:
        from talkcli.engine.methods.captured import styled

        with console.step("Taking the style over"):
            person = styled(talker, person, styles)
    _unused(talker, person)
    results, faults = [], []
    for task in tasks:
        try:
            results.append(_animate(task, talker, person, look, rate, life, seed))
        except TalkError as error:
            if len(tasks) == 1:
                raise
            console.fail(error.message, error.hint)
            faults.append(error)
            continue
        if not json:
            for path in task.outputs:
                console.answer(path)
    if json:
        console.answer_json({"results": results, "failed": [error.message for error in faults]})
    if faults:
        raise typer.Exit(faults[0].exit_code)


def _tasks(audio: list[Path], output: Path | None) -> Iterator[Task]:
    """What becomes what; BadUsage where two recordings would become the same file."""
    recordings = [found for given in audio for found in _recordings(given)]
    folder = (
        output is not None
        and output.suffix.lower() not in options.FOLDERS
        and (output.is_dir() or not output.suffix)
    )
    if output is not None and not folder and len(recordings) > 1:
        raise BadUsage(
            f"{len(recordings)} recordings cannot all become {output}.", "Give a folder with --output."
        )
    if output is not None and folder and not output.is_dir():
        raise BadUsage(
            f"There is no folder {output}.",
            f"Give a file name with a suffix, or: mkdir {shlex.quote(str(output))}",
        )
    taken: dict[Path, Path] = {}
    for recording in recordings:
        if output is not None and not folder:
            outputs = (output,)
        else:
            name = "speech" if str(recording) == "-" else recording.stem
            where = output or (Path() if str(recording) == "-" else recording.parent)
            if recording.suffix.lower() == ".mp4" and not folder:
                name += ".talk"  # beside its own source
            outputs = (where / f"{name}.mp4", where / f"{name}{MOTION}")
        for path in outputs:
            if path in taken:
                raise BadUsage(
                    f"{taken[path]} and {recording} would both become {path}.", "Animate them one by one."
                )
            taken[path] = recording
        yield Task(recording, outputs)


def _recordings(given: Path) -> list[Path]:
    """The file itself, or the recordings in a folder; videos that stand beside their motion are our own."""
    if str(given) == "-" or not given.is_dir():
        return [given]
    found = [
        path
        for path in sorted(given.iterdir())
        if path.suffix.lower() in SOUNDS
        or (path.suffix.lower() in FILMS and not path.with_suffix(MOTION).exists())
    ]
    if not found:
        raise BadInput(f"The folder {given} holds no recordings.", "Give audio files, or a folder of them.")
    return found


def _check(look: Picture, person: Avatar, suffixes: set[str], talker: Talker) -> None:
    """Refuse what cannot be drawn before the network runs, and have the renderer ready."""
    if ".textures" in suffixes and "skin" not in talker.moves:
        from talkcli.engine.methods import methods_that

        able = " or ".join(methods_that(lambda method: "skin" in method.moves))
        raise BadUsage(f"{talker.method} leaves the skin as it is.", f"For .textures take --model {able}.")
    if not suffixes & {*options.FILMS, *options.PICTURES}:
        return
    from talkcli.engine.rendering.backdrop import backdrop
    from talkcli.engine.rendering.camera import parse_size, portrait
    from talkcli.engine.rendering.render import RENDERERS, compile_renderer, is_compiled

    pick(look.renderer, RENDERERS, "renderer")
    if look.renderer == "pyrender" and "skin" in talker.moves:
        raise BadUsage(
            "pyrender draws no changing skin.", "Add --set texture=false, or use --renderer numba."
        )
    portrait(person, look.camera, parse_size(look.size))
    backdrop(look.background, 16, 16)
    if look.renderer == "numba" and not is_compiled():
        with console.step("Compiling the renderer, once"):
            compile_renderer()


def _unused(talker: Talker, person: Avatar) -> None:
    """Say so where an avatar's manner is of another method."""
    methods = {name.partition("/")[0] for name in person.styles}
    if methods and talker.method not in methods:
        known = " or ".join(sorted(methods))
        console.warn(f"{person.name}'s manner is for {known}: --model {known.split()[0]} would use it.")


def _draw_by(talker: Talker, settings: list[str]) -> None:
    """Change how the talker draws, as `--set steps=25` says."""
    from talkcli.engine.config import parse_settings, with_values

    if talker.sampling is None:
        raise BadUsage(f"{talker.method} draws nothing, so nothing can be set.", "Leave --set out.")
    talker.sampling = with_values(talker.sampling, parse_settings(settings))


def _animate(
    task: Task, talker: Talker, person: Avatar, look: Picture, rate: Fraction | None, life: bool, seed: int
) -> dict[str, Any]:
    """One recording to its outputs, all of them or none."""
    from talkcli.engine.editing.life import with_life
    from talkcli.engine.editing.retiming import at_rate
    from talkcli.engine.sound import called, seekable
    from talkcli.engine.speech import load_speech

    name = called(task.audio)
    with seekable(task.audio) as recording:
        with console.step(f"Listening to {name}"):
            speech = load_speech(recording, name)
        for note in speech.notes:
            console.warn(note)
        with console.share_done(f"Animating {name}") as told:
            motion = talker.animate(speech, person, seed=seed, progress=told)
        if rate is not None:
            motion = at_rate(motion, rate)
        if life:
            motion = with_life(motion, speech, person, seed, talker.moves)
        _write_all(motion, person, task.outputs, look, recording)
    return {
        "audio": task.audio,
        "outputs": list(task.outputs),
        "frames": len(motion),
        "fps": str(motion.fps),
        "seconds": motion.seconds,
        "notes": list(speech.notes),
    }


def _write_all(
    motion: Motion, person: Avatar, paths: tuple[Path, ...], look: Picture, recording: Path
) -> None:
    """The first is written last: until it is there, the others wait under temporary names."""
    from talkcli.engine.files import replacing

    with ExitStack() as waiting:
        for path in paths[1:]:
            temporary = waiting.enter_context(replacing(path))
            try:
                _write(motion, person, temporary, look, recording)
            except OutOfResources as error:
                told = error.message.replace(str(temporary), str(path))
                raise OutOfResources(told, error.hint) from error
        _write(motion, person, paths[0], look, recording)


def _write(motion: Motion, person: Avatar, path: Path, look: Picture, recording: Path) -> None:
    """The motion in the form that the suffix says."""
    suffix = path.suffix.lower()
    if suffix == MOTION:
        from talkcli.engine.motion import save_motion

        save_motion(motion, path)
        return
    from talkcli.engine.rendering.camera import parse_size, portrait
    from talkcli.engine.rendering.export import PICTURES, WRITERS
    from talkcli.engine.rendering.render import frames
    from talkcli.engine.video import write_video

    if suffix in WRITERS:
        with console.step(f"Writing {path}"):
            WRITERS[suffix](motion, person, path)
        return
    camera = portrait(person, look.camera, parse_size(look.size), float(motion.fps))
    shown = frames(motion, person, camera, look.renderer, look.background)
    bar = console.progress(shown, f"Rendering {path}", len(motion), "frames")
    if suffix in PICTURES:
        PICTURES[suffix](bar, motion.fps, path)
    else:
        told = {"title": f"{person.name}, synthetic", "comment": motion.provenance}
        write_video(bar, motion.fps, path, speech=recording, metadata=told)
