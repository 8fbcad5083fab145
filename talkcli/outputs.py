"""Which recording becomes which files."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from talkcli import console, options
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.recordings import FILM_SUFFIXES, recordings_in

MOTION = ".motion"


@dataclass(frozen=True)
class Task:
    audio: Path
    """`-` is stdin."""
    outputs: tuple[Path, ...]


def tasks_of(audio: list[Path], output: Path | None) -> Iterator[Task]:
    """What becomes what; BadUsage where two recordings would become the same file."""
    recordings = [recording for path in audio for recording in _recordings(path)]
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
    sources: dict[Path, Path] = {}
    for recording in recordings:
        outputs = (output,) if output is not None and not folder else _beside(recording, output)
        for path in outputs:
            if path in sources:
                raise BadUsage(
                    f"{sources[path]} and {recording} would both become {path}.", "Animate them one by one."
                )
            sources[path] = recording
        yield Task(recording, outputs)


def claim_outputs(tasks: Iterable[Task], background: str, overwrite: bool, inputs: Iterable[Path]) -> None:
    """Refuse what cannot or must not be written before any work is done."""
    for task in tasks:
        for path in task.outputs:
            suffix = options.known_format(path, background, also=(MOTION,))
            console.claim(path, overwrite, (task.audio, *inputs), folder=suffix in options.FOLDERS)


def _beside(recording: Path, folder: Path | None) -> tuple[Path, ...]:
    """A film and its motion, in the folder or else beside the recording."""
    stdin = str(recording) == "-"
    name = "speech" if stdin else recording.stem
    where = folder or (Path() if stdin else recording.parent)
    if recording.suffix.lower() == ".mp4" and folder is None:
        name += ".talk"  # beside its own source
    return (where / f"{name}.mp4", where / f"{name}{MOTION}")


def _recordings(path: Path) -> list[Path]:
    """The file itself, or the recordings in a folder; films that stand beside their motion are our own."""
    if str(path) == "-" or not path.is_dir():
        return [path]
    recordings = [
        file
        for file in recordings_in(path)
        if file.suffix.lower() not in FILM_SUFFIXES or not file.with_suffix(MOTION).exists()
    ]
    if not recordings:
        raise BadInput(f"The folder {path} holds no recordings.", "Give audio files, or a folder of them.")
    return recordings
