"""python tests/bells.py FOLDER MOMENTS COMMAND ...: give each command again and again, each time with a
signal at another moment, and tell in JSON how it ended; at first without one.

Moments are calls within the engine, which a first run counts; every run is a fork of one process that has
imported everything.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from talkcli.__main__ import main as talk
from talkcli.app import app

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _bell(moment: int, how: int, seen: Callable[[int], object]) -> Callable[[FrameType, str, Any], None]:
    calls = 0

    def hear(frame: FrameType, event: str, _: Any) -> None:
        nonlocal calls
        if event == "call" and frame.f_globals.get("__name__", "").startswith("talkcli.engine"):
            calls += 1
            if calls == moment:
                os.kill(os.getpid(), how)
            seen(calls)

    return hear


def rung(words: list[str], folder: Path, moment: int, how: int) -> dict[str, Any]:
    """How a command ended in a fresh folder of its own, what it said and left; `calls` that were counted."""
    place = Path(tempfile.mkdtemp(dir=folder))
    (place / "tmp").mkdir()
    (place / "work").mkdir()
    pid = os.fork()
    if not pid:
        calls, code = 0, 1

        def note(count: int) -> None:
            nonlocal calls
            calls = count

        try:
            for number, name in ((1, "out"), (2, "err")):
                os.dup2(os.open(place / name, os.O_WRONLY | os.O_CREAT), number)
            os.environ["TMPDIR"] = tempfile.tempdir = str(place / "tmp")
            os.chdir(place / "work")
            sys.argv[1:] = words
            sys.setprofile(_bell(moment, how, note))
            talk()
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.setprofile(None)
            sys.stdout.flush()
            sys.stderr.flush()
            (place / "calls").write_text(str(calls))
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    left = [str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()]
    told = {
        "code": 128 - code if (code := os.waitstatus_to_exitcode(status)) < 0 else code,
        "out": (place / "out").read_text(),
        "err": (place / "err").read_text(),
        "left": sorted(set(left) - {"out", "err", "calls"}),
        "calls": int((place / "calls").read_text()) if (place / "calls").is_file() else 0,
        "moment": moment,
        "signal": int(how),
    }
    shutil.rmtree(place)
    return told


def _import_all(words: list[str], folder: Path) -> None:
    """Whatever the command imports and compiles, for every fork."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory(dir=folder) as scratch, suppress(SystemExit):
        os.chdir(scratch)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            app(words)
    os.chdir(here)


def main() -> None:
    folder, moments, commands = Path(sys.argv[1]), int(sys.argv[2]), list(map(shlex.split, sys.argv[3:]))
    torch.set_num_threads(1)  # a fork waits for ever for threads that it has not
    told: list[list[dict[str, Any]]] = []
    for words in commands:
        _import_all(words, folder)
        whole = rung(words, folder, 0, signal.SIGINT)
        places = [1 + whole["calls"] * number // moments for number in range(moments)]
        told.append([whole, *(rung(words, folder, at, SIGNALS[n % 2]) for n, at in enumerate(places))])
    print(json.dumps(told))


if __name__ == "__main__":
    main()
