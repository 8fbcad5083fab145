"""The `talk` command: its verbs and one way to fail."""

from __future__ import annotations

import errno
import functools
import importlib
import inspect
import os
import re
import resource
import signal
import sys
import threading
import typing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Annotated, Any

import typer
import typer.core

from talkcli import __version__, console, options, streams
from talkcli.engine.errors import (
    BadInput,
    BadUsage,
    OutOfResources,
    TalkError,
    check_interruption,
    forget_interruption,
    interrupt,
    lacks_memory,
)

VERBS = (
    "animate", "render", "emote", "pose", "personalize", "prepare", "train", "evaluate", "models", "doctor",
)  # fmt: skip
"""In the order of --help; each is talkcli/commands/VERB.py with `run`, whose docstring is its help."""

INTERRUPTED = 130
"""What shells expect of a program that Ctrl-C ended."""

LEAST_MEMORY = 1_500_000_000
"""Bytes of addresses that libraries, model and head want before a film begins."""

_NO_ROOM = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EMFILE, errno.EROFS, errno.EIO,
}  # fmt: skip
_NO_READING = {errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR}
"""What is claimed for writing can be written: where these come, something was to be read."""


def _as_talk_error(error: BaseException) -> TalkError | None:
    """The exception as an error that the user can act on; None where it is a bug of ours."""
    if isinstance(error, TalkError):
        return error
    if lacks_memory(error):
        return OutOfResources("Not enough memory.", "Close other programs, or work on shorter pieces.")
    if type(error).__name__ == "OutOfMemoryError":
        return OutOfResources("Not enough memory on the device.", "Give --device cpu.")
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        where = f" {error.filename}" if error.filename else ""
        return OutOfResources(
            f"Cannot use{where or ' the disk'}: {error.strerror}.",
            "Free some space, or give another name.",
        )
    if isinstance(error, OSError) and error.errno in _NO_READING:
        where = str(error.filename or "A file")
        return BadInput(f"{where} cannot be read: {error.strerror}.", "Check its name and permissions.")
    if isinstance(error, OSError) and error.errno and error.filename:  # as disks have that come and go
        hint = "Is it still there, and its disk? Then give the command again."
        return OutOfResources(f"Cannot use {error.filename}: {error.strerror}.", hint)
    return None


def _check_memory_limit() -> None:
    """OutOfResources under a limit that libraries meet with abort() while they are loaded."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_MEMORY:
        raise OutOfResources(
            f"A program may have {limit / 1e6:.0f} MB here, and talk needs {LEAST_MEMORY / 1e6:.0f}.",
            "Raise the limit: ulimit -v unlimited; or ask for more where jobs are given their memory.",
        )


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C. A plain KeyboardInterrupt that passes through code compiled from a string, as compilers run it,
    makes `python -m` end by the signal even though it is caught later; a subclass does not."""


@contextmanager
def ended_kindly() -> Iterator[None]:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that no half-written file stays."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = [
        number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN
    ]
    handlers = {number: signal.signal(number, _unwind) for number in signals}
    _earlier.update({int(number): handler for number, handler in handlers.items()})
    unraisable, sys.unraisablehook = sys.unraisablehook, _lost
    try:
        yield
        check_interruption()
    except Exception:
        check_interruption()  # whatever it broke
        raise
    finally:
        forget_interruption()
        sys.unraisablehook = unraisable
        for number, handler in handlers.items():
            signal.signal(number, handler)


_LOSING = ("llvmlite.", "soundfile")
"""Modules whose callbacks from C lose what is raised in them."""
_IMPORTING = ("importlib._bootstrap", "_frozen_importlib")
"""Modules that leave half a module behind where something is raised in them."""
_LOADING = "talkcli.commands."
"""Who imports before anything is begun."""


def _unwind(number: int, frame: FrameType | None) -> None:
    """Raise what ends the program; where it would be lost, and say so, try again later."""
    names: list[str] = []
    while frame is not None:
        names.append(frame.f_globals.get("__name__", ""))
        frame = frame.f_back
    imports = [place for place, name in enumerate(names) if name.startswith(_IMPORTING)]
    earlier = _earlier.get(number)
    if imports and callable(earlier) and "".join(names[imports[-1] + 1 :][:1]).startswith(_LOADING):
        earlier(number, None)
    if imports or any(name.startswith(_LOSING) for name in names):
        _ring_again(number)
        return
    interrupt(_Interrupted() if number == signal.SIGINT else SystemExit(128 + number))


def _ring_again(number: int) -> None:
    """Send a signal once more, when whatever loses it may be over."""
    timer = threading.Timer(0.05, os.kill, (os.getpid(), number))
    timer.daemon = True
    timer.start()


def _lost(unraisable: Any) -> None:
    """What ends the program and was raised where nothing can be, as in a generator that is thrown away."""
    match unraisable.exc_value:
        case _Interrupted():
            _ring_again(signal.SIGINT)
        case SystemExit(code=int(code)):
            _ring_again(code - 128)
        case _:
            sys.__unraisablehook__(unraisable)


_earlier: dict[int, Any] = {}
"""The handlers of before, which end a program that has begun nothing."""


def _as_command(run: Callable[..., None]) -> Callable[..., None]:
    """A verb with the options that every verb has, and one way to fail: two lines and an exit code."""

    @functools.wraps(run)
    def verb(*args: Any, **kwargs: Any) -> None:
        for name in options.EVERY_VERB:
            kwargs.pop(name)
        context: typer.Context = kwargs.pop("context")
        streams.write_any_text()
        console.begin(value for name, value in kwargs.items() if name not in options.OUTPUTS)
        options.remember_given(name for name in kwargs if _is_given(context, name))
        try:
            with ended_kindly():
                _check_memory_limit()
                run(*args, **kwargs)
                if not streams.is_read():
                    streams.nobody_reads()
        except KeyboardInterrupt as error:
            console.fail("Interrupted.")
            raise typer.Exit(INTERRUPTED) from error
        except (typer.Exit, typer.BadParameter):
            raise
        except Exception as error:
            with suppress(OSError):  # of a disk that is full
                if isinstance(error, BrokenPipeError) or not streams.is_read():
                    streams.nobody_reads()
            talk_error = _as_talk_error(error)
            if talk_error is None:
                talk_error = console.fault(error)
            else:
                console.fail(talk_error.message, talk_error.hint)
            console.answer_failure(talk_error.as_answer if kwargs.get("json") else None)
            raise typer.Exit(talk_error.exit_code) from error

    hints = typing.get_type_hints(run, include_extras=True)
    parameters = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(run).parameters.values()
    ]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=option)
        for name, option in options.EVERY_VERB.items()
    ]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    setattr(verb, "__signature__", inspect.Signature([*parameters, *shared, context]))  # noqa: B010 (pyright knows no such field)
    verb.__annotations__ = {**hints, **options.EVERY_VERB, "context": typer.Context}
    return verb


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _show_version(wanted: bool) -> None:
    if wanted:
        console.answer(f"talk {__version__}")
        raise typer.Exit


class _Verbs(typer.core.TyperGroup):
    """The verbs; words that none of them takes are told as every other error is."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> Any:  # type: ignore[override]
        words = list(sys.argv[1:] if args is None else args) or ["--help"]
        streams.open_closed_streams()
        try:
            _check_words(words)
            code = super().main(words, prog_name, **{**extra, "standalone_mode": False})
            if not streams.is_read():
                streams.nobody_reads()
        except typer.Abort:
            code = INTERRUPTED
        except SystemExit as end:
            if end.code == 1:  # click's own for a reader that is gone
                streams.nobody_reads()
            raise
        except Exception as error:
            misread = BadUsage(*_told(error)) if hasattr(error, "format_message") else _as_talk_error(error)
            if misread is None:
                raise
            console.fail(misread.message, misread.hint)
            console.answer_failure(misread.as_answer if "--json" in words else None)
            code = misread.exit_code
        sys.exit(code if isinstance(code, int) else 0)


def _check_words(words: Sequence[str]) -> None:
    """BadUsage for a word that is empty: as a file it would be the folder that one is in."""
    for before, word in zip(["talk", *words], words, strict=False):
        if (not word and before != "--label") or re.fullmatch(r"--(?!label)[a-z-]+=", word):
            name = word.rstrip("=") or before
            raise BadUsage(
                f"Nothing stands after {name}.", "A variable of the shell may be unset: give the word."
            )


def _told(error: Any) -> tuple[str, str]:
    """Message and hint of words that the parser did not understand."""
    where = error.ctx.command_path if getattr(error, "ctx", None) is not None else "talk"
    message = " ".join(error.format_message().split())
    return message if message.endswith((".", "?")) else f"{message}.", f"See: {where} --help"


app = typer.Typer(
    name="talk",
    cls=_Verbs,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback()
def _talk(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Speech-driven 3D talking avatars: audio in, animation or video out."""


for _verb in VERBS:
    app.command(name=_verb)(_as_command(importlib.import_module(f"talkcli.commands.{_verb}").run))
