"""What can go wrong that a user can mend, each kind with its exit code."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST_MESSAGE = 600
"""Letters: a file may hold words of any length, which a message quotes."""


class TalkError(Exception):
    """A fault with the way to mend it: `message` names the file, `hint` the next command."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        message, hint = shortened(message), shortened(hint)
        super().__init__(message)
        self.message, self.hint = message, hint

    @property
    def as_answer(self) -> dict[str, str | int]:
        """What programs are told of it."""
        return {"error": self.message, "hint": self.hint, "exit": self.exit_code}


def shortened(text: str) -> str:
    """The beginning and the end of a text that is too long for a message."""
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 100]} ... {text[-90:]}"


def counted(count: int, nouns: str) -> str:
    """A number of things as people say it: `1 clip` of `clips`."""
    return f"{count} {nouns.removesuffix('s') if count == 1 else nouns}"


class BadUsage(TalkError):
    """Options that contradict each other, or an output that exists already."""

    exit_code = 2


class BadInput(TalkError):
    """A file that cannot be what it was given as."""

    exit_code = 3


class MissingAsset(TalkError):
    """Weights, a program or a package that the user must fetch."""

    exit_code = 4


class OutOfResources(TalkError):
    """No space, no memory, or no permission to write."""

    exit_code = 5


class Untrusted(TalkError):
    """A corrupt file, or one that could do harm."""

    exit_code = 6


_interruption: list[BaseException] = []
"""What a signal raised, until it ends the program."""
_holders: list[object] = []
"""Pieces of work that a first signal lets come to their end."""


def interrupt(reason: BaseException) -> None:
    """Raise what is to end the program, and remember it: libraries lose what is raised in their callbacks."""
    first = not _interruption
    _interruption.append(reason)
    if not (first and _holders):
        raise reason


def interrupted() -> bool:
    """Whether something is to end the program."""
    return bool(_interruption)


def check_interruption() -> None:
    """Raise again what was lost, or held."""
    if _interruption:
        raise _interruption[-1]


@contextmanager
def held() -> Iterator[None]:
    """A piece of work that a signal does not tear, but for a second one: what ends the program waits for
    `check_interruption`."""
    holder = object()
    _holders.append(holder)
    try:
        yield
    finally:
        _holders.remove(holder)


def forget_interruption() -> None:
    """It has arrived where it was going."""
    _interruption.clear()


_NO_MEMORY = (errno.ENOMEM, errno.EAGAIN)
_LACK = ("failed to map segment", "allocate memory", "out of memory", "bad_alloc")
"""What loaders and allocators say, in exceptions of any kind, where there is no memory left."""


def lacks_memory(error: BaseException | None) -> bool:
    """Whether memory was lacking; a file that claims to be huge is told by its reader."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _NO_MEMORY):
            return True
        if any(words in str(error) for words in _LACK):
            return True
        seen.append(error)
        error = error.__cause__ or error.__context__
    return False


REASON_LETTERS = 160
"""Of what a library says of a file, the rest is left out."""


@contextmanager
def reading(
    path: Path | str, what: str, hint: str = "Give another file.", kind: type[TalkError] = BadInput
) -> Iterator[None]:
    """One error that names the file, whatever its reader raises: bytes that a library does not expect make it
    fail in any way.

    `what` it should be, with its article. The error is of `kind`; BadInput where the file cannot be opened.
    """
    try:
        yield
        check_interruption()
    except TalkError:
        raise
    except Exception as error:
        check_interruption()
        if lacks_memory(error):
            raise MemoryError from error
        if isinstance(error, FileNotFoundError) and not Path(path).exists():
            raise BadInput(f"{path} does not exist.", "Check the name.") from error
        if isinstance(error, OSError) and error.errno is not None:
            raise BadInput(
                f"{path} cannot be read: {error.strerror}.", "Check its name and permissions."
            ) from error
        raise kind(f"{path} is not {what}, or is damaged: {reason_of(error)}.", hint) from error


@contextmanager
def naming(thing: Path | str) -> Iterator[None]:
    """What goes wrong with one of several things, with its name in front where nothing names it."""
    try:
        yield
    except TalkError as error:
        if str(thing) in error.message:
            raise
        raise type(error)(f"{thing}: {error.message}", error.hint) from error


def reason_of(error: Exception) -> str:
    """What a library has against a file, in one line."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, EOFError) and not text:
        return "it ends too soon"
    if isinstance(error, (KeyError, AssertionError)) or not text:
        text = f"{type(error).__name__} {text}".strip()
    return text if len(text) <= REASON_LETTERS else f"{text[:REASON_LETTERS]}..."


def pick(name: str, known: Collection[str], what: str) -> str:
    """`name` if known, else a BadUsage that shows the nearest known name and all of them."""
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=1)
        guess = f"Did you mean '{near[0]}'? " if near else ""
        raise BadUsage(f"Unknown {what} '{name}'.", f"{guess}Known: {', '.join(sorted(known))}.")
    return name
