"""Everything a person sees: progress and messages on stderr, results on stdout."""

from __future__ import annotations

import functools
import itertools
import json
import os
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from talkcli import streams
from talkcli.engine.errors import BadUsage, OutOfResources, TalkError, check_interruption, counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from talkcli.engine.face.avatar import Avatar
    from talkcli.engine.methods.method import Talker
    from talkcli.engine.rendering.shot import Shot
    from talkcli.engine.training.run import Moment

T = TypeVar("T")
M = TypeVar("M", bound="Moment")

DETAIL_EVERY = 200
"""Training steps between two lines under -v."""
LINE_EVERY = 30.0
"""Seconds between two lines of a training that no terminal shows."""

_loudness = {"quiet": False, "verbose": False}


def set_quiet(value: bool) -> bool:
    _loudness["quiet"] = value
    return value


def set_verbose(value: bool) -> bool:
    _loudness["verbose"] = value
    return value


@functools.cache
def _rich(stderr: bool) -> Console:
    """Made on first use: `talk --help` needs no rich. Text is never read as markup or emoji."""
    from rich.console import Console

    class Patient(Console):
        def on_broken_pipe(self) -> None:
            streams.nobody_reads()

    return Patient(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)


def visible(text: object) -> str:
    """One line that no file name can break or colour: control characters and stray bytes as escapes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in str(text)
    )


def say(text: object) -> None:
    """Tell the person what was done; silent under -q."""
    if not _loudness["quiet"]:
        _rich(True).print(visible(text))


def detail(text: object) -> None:
    """What only -v wants to know."""
    if _loudness["verbose"]:
        from rich.text import Text

        _rich(True).print(Text(visible(text), "dim"))


def warn(*texts: object) -> None:
    """Some things, or none, are not as they should be, and the work goes on."""
    from rich.text import Text

    for text in texts:
        _rich(True).print(Text.assemble(("warning: ", "bold yellow"), visible(text)))


def fail(message: str, hint: str = "") -> None:
    """Two lines: what went wrong, and the way out."""
    lines = [("error: ", "bold red", message), *([(" hint: ", "dim", hint)] if hint else [])]
    try:
        from rich.text import Text

        for label, style, text in lines:
            _rich(True).print(Text.assemble((label, style), visible(text)))
    except Exception:  # there may be no memory for colours
        for label, _, text in lines:
            print(f"{label}{visible(text)}", file=sys.stderr)


def fault(error: BaseException) -> TalkError:
    """A fault of ours, told: its name, and under -v where it happened."""
    if _loudness["verbose"]:
        _rich(True).print("".join(traceback.format_exception(error)))
    advice = "" if _loudness["verbose"] else " Run it again with -v for the traceback."
    bug = TalkError(f"This is a bug in talk: {type(error).__name__}: {error}", f"Please report it.{advice}")
    fail(bug.message, bug.hint)
    return bug


def answer(text: object) -> None:
    """A result, one line on stdout."""
    print(visible(text))


def answer_json(value: Any) -> None:
    """One JSON object on stdout; paths as text, what is not a number as null."""

    def plain(item: Any) -> Any:
        if isinstance(item, Mapping):
            return {str(key): plain(inner) for key, inner in item.items()}
        if isinstance(item, (list, tuple)):
            return [plain(inner) for inner in item]
        if isinstance(item, float) and (item != item or item in (float("inf"), float("-inf"))):
            return None
        return item if isinstance(item, (str, int, float, bool, type(None))) else str(item)

    print(json.dumps(plain(value), indent=2))


def answer_failure(value: Any) -> None:
    """The last that programs are told, as JSON; None: nothing. What stdout cannot take is lost."""
    try:
        if value is not None:
            answer_json(value)
        sys.stdout.flush()
    except OSError:
        streams.discard_stdout()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """A table on stdout; the first column is text, the others stand right.

    The first column, a word or a number is never broken: where a terminal is too narrow, the columns stand in
    several tables below each other, each with the first column.
    """
    cells = [[visible(cell) for cell in line] for line in (columns, *rows)]
    console, first, last = _rich(False), 1, len(columns)
    while True:
        grid = _grid([[line[0], *line[first:last]] for line in cells], title)
        whole = console.measure(grid, options=console.options.update(max_width=10_000))
        if not console.is_terminal:
            grid.width = whole.maximum
        elif whole.minimum > console.width and last > first + 1:
            last -= 1
            continue
        elif whole.minimum > console.width:
            grid.width = whole.minimum
        console.print(grid)
        if last >= len(columns):
            return
        first, last = last, len(columns)


def _grid(cells: Sequence[Sequence[str]], title: str) -> Table:
    """The cells, columns in the first line, each column as wide as its longest word at least."""
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table

    grid = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for index, column in enumerate(zip(*cells, strict=True)):
        words = (part for cell in column for part in (cell.split() if index else [cell]))
        width = max(map(cell_len, words), default=0)
        grid.add_column(
            column[0],
            justify="right" if index else "left",
            overflow="fold",
            min_width=width,
            no_wrap=not index,
        )
    for line in cells[1:]:
        grid.add_row(*line)
    return grid


def _shows_progress() -> bool:
    return not _loudness["quiet"] and _rich(True).is_terminal


def progress(items: Iterable[T], label: str, total: int | None = None, unit: str = "") -> Iterator[T]:
    """The items, with a bar, their rate in `unit`s a second and the time left; only on a terminal."""
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # type: ignore[arg-type]
    if not _shows_progress():
        for item in items:
            check_interruption()
            yield item
        return
    from rich import progress as bars

    columns = [
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[rate]}"),
        bars.TimeRemainingColumn(elapsed_when_finished=True),
    ]
    with bars.Progress(*columns, console=_rich(True)) as bar:
        task = bar.add_task(visible(label), total=total, rate="")
        for item in items:
            check_interruption()
            yield item
            speed = bar.tasks[0].speed
            bar.update(task, advance=1, rate=f"{speed:.3g} {unit}/s" if unit and speed else "")


@contextmanager
def share_done(label: str) -> Iterator[Callable[[float], None]]:
    """A bar that is told the share done, 0 to 1; only on a terminal."""
    if not _shows_progress():
        yield lambda share: check_interruption()
        return
    from rich import progress as bars

    columns = [bars.TextColumn("{task.description}"), bars.BarColumn(), bars.TaskProgressColumn()]
    with bars.Progress(*columns, bars.TimeRemainingColumn(), console=_rich(True)) as bar:
        task = bar.add_task(visible(label), total=1.0)

        def update(share: float) -> None:
            check_interruption()
            bar.update(task, completed=share)

        yield update


@contextmanager
def step(label: str) -> Iterator[None]:
    """A piece of work without a count: a spinner on a terminal."""
    if not _shows_progress():
        yield
        return
    with _rich(True).status(visible(label)):
        yield


def training(moments: Iterable[M]) -> Iterator[M]:
    """The moments of a training run, each stage with a spinner until its first step and then a bar.

    Off a terminal a line every LINE_EVERY seconds says how far it is, and one when a stage ends.
    """
    for stage, of_stage in itertools.groupby(moments, lambda moment: moment.stage):
        rest = iter(of_stage)
        first = next(rest)
        yield first
        begun = told = time.monotonic()
        with step(f"{stage}: going through {_counts(first.learnt)}"):
            ready = list(itertools.islice(rest, 1))
        if not _rich(True).is_terminal and ready:
            say(f"{stage}: {counted(first.steps, 'steps')} on {_counts(ready[0].learnt)}")
        for moment in progress(itertools.chain(ready, rest), stage, first.steps, "steps"):
            if moment.step is not None and moment.step.number % DETAIL_EVERY == 0:
                detail(f"{stage}  {moment.step}")
            if moment.step is not None and not _rich(True).is_terminal:
                done = moment.step.number + 1
                if done == first.steps or time.monotonic() - told > LINE_EVERY:
                    told = time.monotonic()
                    terms = "  ".join(f"{term} {value:.4g}" for term, value in moment.losses.items())
                    say(f"{stage}: step {done} of {first.steps}, {told - begun:.0f} s  {terms}")
            yield moment


def _counts(things: Mapping[str, int]) -> str:
    return " and ".join(counted(count, nouns) for nouns, count in things.items())


def rendering(pictures: Iterable[T], path: Path, count: int) -> Iterator[T]:
    """The pictures of a file that is being written, with a bar."""
    return progress(pictures, f"Rendering {path}", count, "frames")


def writing(paths: Sequence[Path]) -> AbstractContextManager[None]:
    """A spinner while files are written, unless the pictures of one of them show a bar."""
    from talkcli.engine.rendering.shot import needs_pictures

    return nullcontext() if needs_pictures(paths) else step(f"Writing {paths[0]}")


def get_renderer_ready(paths: Iterable[Path], shot: Shot, avatar: Avatar) -> None:
    """Compile the built-in renderer where these files need it and it never was."""
    from talkcli.engine.rendering.shot import SPLATS, drawn_as, needs_pictures

    if not needs_pictures(paths):
        return
    from talkcli.engine.compiled import faults

    if drawn_as(shot, avatar) == SPLATS:
        from talkcli.engine.rendering.splat_film import compile_splats as compile_it
        from talkcli.engine.rendering.splat_film import splats_are_compiled as compiled
    else:
        from talkcli.engine.rendering.compiling import compile_renderer, is_compiled

        compile_it, compiled = (
            functools.partial(each, shot.quality) for each in (compile_renderer, is_compiled)
        )
    if shot.renderer == "numba" and not compiled():
        with step("Compiling the renderer, once"):
            compile_it()
    if faults:
        warn(f"The cache of compiled code cannot be used, so that every film begins later. {faults[0]}")
        faults.clear()


def get_talker_ready(talker: Talker, seconds: float) -> None:
    """Compile what a talker had better compile before it speaks for so long."""
    if waiting := talker.waits(seconds):
        try:
            with step(waiting):
                talker.get_ready()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            warn(f"Nothing is compiled here, so that it takes longer. {reason}")


_outputs: list[Path] = []
_inputs: list[Path] = []


def begin(arguments: Iterable[object]) -> None:
    """Another command begins, with these arguments that name no output: whatever files they name, as they are
    or as NAME=FILE, are its inputs."""
    _outputs.clear()
    _inputs.clear()
    for argument in arguments:
        for value in argument if isinstance(argument, (list, tuple)) else (argument,):
            if isinstance(value, (str, Path)):
                _inputs.extend(Path(text) for text in (str(value), str(value).partition("=")[2]) if text)


def claim(
    path: Path,
    overwrite: bool,
    inputs: Iterable[Path] = (),
    *,
    folder: bool = False,
    parents: bool = False,
) -> Path:
    """Refuse what cannot or must not be written before any work is done, not after.

    BadUsage if `path` exists (unless `overwrite`), is one of the command's arguments or of other `inputs`, is
    claimed already, is a pipe or a device, or is a folder although the output is none (`folder`);
    OutOfResources if the folder that it lies in is missing, unless it is to be made (`parents`), or cannot be
    written.
    """
    above = path.parent
    refuse_stdout(path)
    try:
        if path.is_dir() and not folder:
            raise BadUsage(f"{path} is a folder.", "Give the name of a file.")
        if path.exists() and any(_same(path, source) for source in (*inputs, *_inputs)):
            raise BadUsage(f"{path} is an input and would be overwritten.", "Give another name.")
        if any(path.absolute() == other.absolute() or _same(path, other) for other in _outputs):
            raise BadUsage(f"{path} is named for two outputs.", "Give each a name of its own.")
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise BadUsage(f"{path} is a pipe or a device.", "Give the name of a file.")
        if os.path.lexists(path) and not overwrite:
            raise BadUsage(f"{path} exists already.", "Give --overwrite to replace it, or another name.")
        while parents and not os.path.lexists(above):
            above = above.parent
        if not above.is_dir():
            if os.path.lexists(above):
                raise OutOfResources(f"{above} is no folder.", "Give another name.")
            hint = f"mkdir -p {shlex.quote(str(path.parent))}"
            raise OutOfResources(f"The folder {above} does not exist.", hint)
    except OSError as error:
        raise OutOfResources(f"Cannot write {path}: {error.strerror}.", "Give another name.") from error
    if not os.access(above, os.W_OK | os.X_OK):
        raise OutOfResources(f"The folder {above} cannot be written.", "Give a name in another folder.")
    _outputs.append(path)
    return path


def refuse_stdout(output: Path | None) -> None:
    """BadUsage for `-`, which stands for stdin where something is read."""
    if str(output) == "-":
        raise BadUsage("Only answers are written to stdout.", "Give the name of a file or a folder.")


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False
