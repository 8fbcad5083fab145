"""Recordings: which files of a folder count as recordings."""

from __future__ import annotations

from pathlib import Path

SOUND_SUFFIXES = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".wma", ".amr", ".caf",
)  # fmt: skip
FILM_SUFFIXES = (
    ".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".3gp", ".mpg", ".mpeg", ".ts", ".flv",
)  # fmt: skip


def recording_beside(file: Path) -> Path | None:
    """The recording that a file was made from: the sound of the same name beside it, where there is one."""
    sounds = (file.with_suffix(suffix) for suffix in SOUND_SUFFIXES)
    return next((path for path in sounds if path.is_file()), None)


def recordings_in(folder: Path) -> list[Path]:
    """The files of a folder that are recordings by their suffix, by name.

    Hidden files are none, nor are films that stand beside a motion of their name: those were made here.
    """
    return sorted(path for path in folder.iterdir() if _is_recording(path))


def _is_recording(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in (*SOUND_SUFFIXES, *FILM_SUFFIXES) or path.name.startswith(".") or not path.is_file():
        return False
    if suffix not in FILM_SUFFIXES or not path.with_suffix(".motion").exists():
        return True
    return suffix != ".mp4" and path.with_suffix(".mp4").exists()  # what that was made from


def passed_over(folder: Path) -> int:
    """How many files of a folder, hidden ones apart, `recordings_in` leaves out."""
    there = sum(path.is_file() and not path.name.startswith(".") for path in folder.iterdir())
    return there - len(recordings_in(folder))
