"""Which recording becomes which files, and all of them in turn."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import typer

from talkcli import console, options
from talkcli.engine.assets import assets_folder
from talkcli.engine.errors import BadInput, BadUsage, TalkError
from talkcli.engine.recordings import FILM_SUFFIXES, SOUND_SUFFIXES, passed_over, recordings_in

MOTION = ".motion"
H = TypeVar("H")
"""A recording as it was heard."""
M = TypeVar("M")
"""What is said of it."""


@dataclass(frozen=True)
class Task:
    audio: Path
    """`-` is stdin."""
    outputs: tuple[Path, ...]


@dataclass(frozen=True)
class Batch:
    tasks: tuple[Task, ...]
    skipped: int = 0
    """Files of the given folders that are no recordings."""
    folder: Path | None = None
    """Where the outputs go, to be made if need be."""

    @property
    def outputs(self) -> list[Path]:
        return [path for task in self.tasks for path in task.outputs]

    def claim(self, background: str, overwrite: bool, inputs: Iterable[Path]) -> None:
        """Refuse what cannot or must not be written before any work is done."""
        for task in self.tasks:
            for path in task.outputs:
                suffix = options.known_format(path, background, also=(MOTION,))
                console.claim(
                    path,
                    overwrite,
                    (task.audio, *inputs),
                    folder=suffix in options.FOLDERS,
                    parents=self.folder is not None,
                )
        options.tell_unused(self.outputs)


def claim_motion(
    output: Path, background: str, audio: Path | None, overwrite: bool, inputs: Iterable[Path]
) -> None:
    """Refuse what cannot or must not be written of one edited motion, a .motion or a form that shows it."""
    suffix = options.known_format(output, background, also=(MOTION,))
    check_sound(suffix, audio)
    console.claim(output, overwrite, inputs, folder=suffix in options.FOLDERS)
    options.tell_unused([output])


def check_sound(suffix: str, audio: Path | None) -> None:
    """BadUsage for sound that a form cannot hold."""
    if audio and suffix not in options.FILMS:
        hint = f"Leave --audio out, or write one of {' '.join(options.FILMS)}."
        raise BadUsage(f"A {suffix} has no sound.", hint)


def batch_of(audio: Sequence[Path], output: Path | None, formats: str | None = None) -> Batch:
    """What becomes what.

    A folder to write to need not be there. Recordings that differ in their suffix alone keep it: a.wav.mp4
    and a.mp3.mp4. BadUsage where two would become the same file nevertheless.
    """
    recordings = [recording for path in audio for recording in _recordings(options.recording_file(path))]
    skipped = sum(passed_over(path) for path in audio if str(path) != "-" and path.is_dir())
    several = len(recordings) > 1 or any(path.is_dir() for path in audio)
    suffixes = parse_formats(formats) if formats is not None else (".mp4", MOTION)
    console.refuse_stdout(output)
    if output is None or _is_folder(output, several):
        return Batch(_named_for(recordings, output, suffixes), skipped, output)
    if formats is not None:
        raise BadUsage(f"{output} says its format.", "Leave --format out, or give a folder with --output.")
    if len(recordings) > 1:
        raise BadUsage(
            f"{len(recordings)} recordings cannot all become {output}.", "Give a folder with --output."
        )
    return Batch((Task(recordings[0], (output,)),), skipped)


def check_heard(batch: Batch) -> None:
    """BadInput for pictures, in which nothing is heard."""
    for path in (task.audio for task in batch.tasks):
        if path.suffix.lower() in (*SOUND_SUFFIXES, *FILM_SUFFIXES) or not path.is_file():
            continue
        from talkcli.engine.pictures import is_picture

        if is_picture(path):
            raise BadInput(
                f"{path} is a picture, in which nothing is heard.",
                f"Make an avatar of it: talk personalize {path}; it speaks with --avatar.",
            )


def parse_formats(text: str) -> tuple[str, ...]:
    """The suffixes of `csv,motion,mp4`, each once."""
    known = (MOTION, *options.FILMS, *options.PICTURES, *options.MESHES)
    suffixes = tuple(dict.fromkeys(f".{name.strip().lower().removeprefix('.')}" for name in text.split(",")))
    for suffix in suffixes:
        if suffix not in known:
            raise BadUsage(
                f"'{suffix[1:]}' is not a format.", f"Known: {', '.join(name[1:] for name in known)}."
            )
    return suffixes


def _is_folder(output: Path, several: bool) -> bool:
    """Whether an output is where files go, there or to be made; folders of frames are files in that sense."""
    suffix = output.suffix.lower()
    if suffix in options.FOLDERS:
        return False
    known = (MOTION, *options.FILMS, *options.PICTURES, *options.MESHES)
    return output.is_dir() or not suffix or (several and suffix not in known)


def _named_for(recordings: Sequence[Path], folder: Path | None, suffixes: Sequence[str]) -> tuple[Task, ...]:
    """Each recording's outputs; names that would meet keep the recordings' own suffixes."""
    full: set[int] = set()
    while True:
        names = [
            _beside(recording, folder, place in full, suffixes) for place, recording in enumerate(recordings)
        ]
        places: dict[Path, list[int]] = {}
        for place, name in enumerate(names):
            places.setdefault(name, []).append(place)
        meeting = {place for group in places.values() if len(group) > 1 for place in group}
        if not meeting:
            return tuple(
                Task(recording, tuple(name.with_name(name.name + suffix) for suffix in suffixes))
                for recording, name in zip(recordings, names, strict=True)
            )
        if meeting <= full:
            first, second, *_ = sorted(meeting)
            both = f"{recordings[first]} and {recordings[second]} would both become {names[first]}"
            raise BadUsage(f"{both}{suffixes[0]}.", "Animate them one by one.")
        full |= meeting


def _beside(recording: Path, folder: Path | None, full: bool, suffixes: Sequence[str]) -> Path:
    """An output without its suffix, in the folder or else beside the recording."""
    stdin = str(recording) == "-"
    name = "speech" if stdin else recording.name if full else recording.stem
    ours = recording.parent == assets_folder()  # where nobody's outputs belong
    source = Path() if stdin or ours else recording.parent
    if recording.suffix.lower() in suffixes and (folder or source).absolute() == source.absolute():
        name += ".talk"  # beside its own source
    return (folder or source) / name


def _recordings(path: Path) -> list[Path]:
    """The file itself, or the recordings in a folder."""
    if str(path) == "-" or not path.is_dir():
        return [path]
    recordings = recordings_in(path)
    if not recordings:
        raise BadInput(f"The folder {path} holds no recordings.", "Give audio files, or a folder of them.")
    return recordings


def in_groups(
    batch: Batch,
    hear: Callable[[Task], AbstractContextManager[H]],
    has_room: Callable[[Sequence[H]], bool],
    speak: Callable[[Sequence[H]], Sequence[M | TalkError]],
    write: Callable[[Task, H, M], Mapping[str, Any]],
    json: bool,
) -> None:
    """Do every task and answer: what was made, or one JSON object.

    Recordings are heard one by one, spoken in groups that are full where `has_room` says so, and then
    written. One that fails does not stop the others; the first failure gives the exit code. With `json` every
    failure is in the answer; without it that of a single recording is the program's own.
    """
    results: list[Mapping[str, Any]] = []
    failed: dict[Task, dict[str, str | int]] = {}

    @contextmanager
    def noting(task: Task) -> Iterator[None]:
        try:
            yield
        except TalkError as error:
            if len(batch.tasks) == 1 and not json:
                raise
            console.fail(error.message, error.hint)
            failed[task] = error.as_answer

    waiting = collections.deque(batch.tasks)

    def one_group(until_written: ExitStack) -> None:
        group: list[tuple[Task, H]] = []
        while waiting and (not group or has_room([heard for _, heard in group])):
            task = waiting.popleft()
            with noting(task):
                group.append((task, until_written.enter_context(hear(task))))
        motions = speak([heard for _, heard in group]) if group else []
        for (task, heard), motion in zip(group, motions, strict=True):
            with noting(task):
                if isinstance(motion, TalkError):
                    raise motion
                results.append(write(task, heard, motion))
                for path in () if json else task.outputs:
                    console.answer(path)

    while waiting:
        with ExitStack() as until_written:
            one_group(until_written)
    failures = [{"audio": task.audio, **failed[task]} for task in batch.tasks if task in failed]
    if json:
        console.answer_json({"results": results, "failed": failures, "skipped": batch.skipped})
    elif batch.skipped:
        files = "1 file is no recording" if batch.skipped == 1 else f"{batch.skipped} files are no recordings"
        console.say(f"{len(results)} made, {len(failures)} failed; {files}.")
    if failures:
        raise typer.Exit(int(failures[0]["exit"]))
