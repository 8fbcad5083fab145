"""stdout and stderr as they are given: closed, full, of few letters, or with a reader that is gone."""

from __future__ import annotations

import io
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn


def open_closed_streams() -> None:
    """Where a program is begun without stdout or stderr (`talk models >&-`), what it says goes nowhere; so
    does what stderr cannot take (`2>/dev/full`)."""
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _Lossy(sys.stderr.buffer, sys.stderr.encoding, "replace", line_buffering=True)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (for as long as it runs)


class _Lossy(io.TextIOWrapper):
    """Messages that cannot be written are lost; the work is not."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def write_any_text() -> None:
    """Let a terminal that cannot show a letter show a question mark for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def nobody_reads() -> NoReturn:
    """End as the system ends programs whose reader is gone: `talk evaluate --list | head -1`."""
    discard_stdout()
    raise SystemExit(128 + signal.SIGPIPE)


def discard_stdout() -> None:
    """From now on what is answered goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_read() -> bool:
    """Whether what was written arrives."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return False
    return True
