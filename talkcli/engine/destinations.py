"""Destinations: where files and folders are written, whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from talkcli.engine.errors import BadUsage, OutOfResources, lacks_memory

_MOST_BYTES = 100
"""Of a name within the name of a temporary sibling: letters may take four, and names of files have 255."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary sibling that becomes `path` when the block succeeds and vanishes when it does not.

    Where `path` is a link, what it points to is written. OutOfResources if the folder is missing or cannot
    be written. What a killed process left behind goes.
    """
    path = _swept(path)
    temporary = _beside(path)
    try:
        temporary.touch()
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _unwritten(path: Path, error: OSError) -> Exception:
    """What to raise where something could not be written."""
    if lacks_memory(error):
        return MemoryError()
    hint = "Give another name."
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = "Free some space, or give a name on another disk."
    return OutOfResources(f"Cannot write {path}: {error.strerror or error}.", hint)


def made_folder(folder: Path) -> Path:
    """A folder to write into, made where it is not there, with those above it. BadUsage where a file has its
    name, OutOfResources where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise BadUsage(f"{folder} cannot be a folder: a file is there.", "Give another name.") from error
    except OSError as error:
        reason = error.strerror or error
        raise OutOfResources(
            f"The folder {folder} cannot be made: {reason}.", "Give another name."
        ) from error
    return folder


def _swept(path: Path) -> Path:
    """What is to be written at `path`, which may be a link to it; what killed processes left there goes."""
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    head, tail = _ends(path)
    for leftover in path.parent.glob(f"{escape(head)}*{escape(tail)}"):
        pid = leftover.name.removeprefix(head).removesuffix(tail)
        if pid.isdigit() and not _is_alive(int(pid)):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)
    return path


def _beside(path: Path) -> Path:
    """The temporary sibling that this process writes."""
    head, tail = _ends(path)
    return path.with_name(f"{head}{os.getpid()}{tail}")


def _ends(path: Path) -> tuple[str, str]:
    """What stands before and behind the number of a process in the names of temporary siblings: of any name
    that a file may have so much that theirs are not too long."""
    name, suffix = path.name, path.suffix
    while len(os.fsencode(name)) > _MOST_BYTES:
        name = name[:-1]
    return f".{name}.", suffix if len(os.fsencode(suffix)) <= _MOST_BYTES else ""


def _is_alive(pid: int) -> bool:
    """Whether a process of that number runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def replacing_folder(path: Path, *suffixes: str) -> Iterator[Path]:
    """A temporary sibling folder that becomes `path` when the block succeeds and vanishes otherwise.

    A folder that holds anything but files of these suffixes is never replaced; where `path` is a link, the
    folder that it points to is. What a killed process left behind goes.
    """
    path = _swept(path)
    temporary = _beside(path)
    foreign = next((file for file in path.glob("*") if file.suffix not in suffixes), None)
    if foreign is not None:
        raise BadUsage(f"{path} holds other files, such as {foreign.name}.", "Give another name.")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        yield temporary
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
