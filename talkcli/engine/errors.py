"""What can go wrong that a user can mend, each kind with its exit code."""

from __future__ import annotations

import difflib
from collections.abc import Collection


class TalkError(Exception):
    """A fault with the way to mend it: `message` names the file, `hint` the next command."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


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


def pick(name: str, known: Collection[str], what: str) -> str:
    """`name` if known, else a BadUsage that shows the nearest known name and all of them."""
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        guess = f"Did you mean '{near[0]}'? " if near else ""
        raise BadUsage(f"Unknown {what} '{name}'.", f"{guess}Known: {', '.join(sorted(known))}.")
    return name
