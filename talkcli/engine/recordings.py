"""Recordings: which files of a folder count as recordings."""

from __future__ import annotations

from pathlib import Path

SOUND_SUFFIXES = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".wma", ".amr", ".caf",
)  # fmt: skip
FILM_SUFFIXES = (
    ".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".3gp", ".mpg", ".mpeg", ".ts", ".flv",
)  # fmt: skip


def recordings_in(folder: Path) -> list[Path]:
    """The files of a folder that are recordings by their suffix, by name."""
    suffixes = (*SOUND_SUFFIXES, *FILM_SUFFIXES)
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.is_file())
