"""A trial: what a reader makes of a spoilt file, in this process or in a child that is watched."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import signal
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from talkcli.app import _as_talk_error
from talkcli.engine.errors import LONGEST_MESSAGE

from .readers import Ended, Reader

KINDS = (0, 2, 3, 4, 5, 6)
"""How a program may end, and a reader: 1 is a bug."""
CPU_SECONDS, WALL_SECONDS = 10, 60
"""What one file may take; the second is for those that wait."""
SPARE_BYTES = 1_000_000_000
"""That one small file may take beyond what the program has."""
TRIALS_EACH = 200
"""Files that one child reads, so that what they leave in it does not add up."""
DETAIL_LETTERS = 2500


@dataclass(frozen=True)
class Outcome:
    code: int
    message: str = ""
    trace: str = ""
    noise: str = ""
    """What was written on stderr beside it."""


@dataclass(frozen=True)
class Finding:
    kind: str
    detail: str

    @property
    def place(self) -> str:
        """By which two findings are one."""
        frames = re.findall(r'File "([^"]+)", line (\d+)', self.detail)
        last = next((f for f in reversed(frames) if "talkcli" in f[0]), frames[-1] if frames else ("", ""))
        words = "" if frames else self.detail[:60]
        return f"{self.kind} {Path(last[0]).name}:{last[1]} {words!r}"


def outcome(reader: Reader, target: Path, seeds: Path) -> Outcome:
    """How it ends, with the exit code that the program would have."""
    try:
        reader.read(target, seeds)
    except Ended as ended:
        told = re.search(r"error: (.*)", str(ended))
        return Outcome(ended.code, told[1] if told else "", str(ended) if ended.code == 1 else "")
    except Exception as error:
        talk_error, trace = _as_talk_error(error), traceback.format_exc()
        if talk_error is None:
            return Outcome(1, f"{type(error).__name__}: {error}", trace)
        return Outcome(talk_error.exit_code, talk_error.message, "" if talk_error.hint else trace)
    return Outcome(0)


def judged(ended: Outcome, target: Path) -> Finding | None:
    """What is wrong with how it ended, if anything is."""
    if ended.code not in KINDS:
        return Finding("bug", ended.trace or ended.message)
    if ended.trace:
        return Finding("no hint", ended.trace)
    if ended.code == 5:
        return Finding("memory", ended.message)
    if ended.code in (3, 6) and not any(part in ended.message for part in _names(target)):
        return Finding("unnamed", ended.message)
    if len(ended.message) > LONGEST_MESSAGE:
        return Finding("long message", ended.message)
    if ended.noise:
        return Finding("noise", ended.noise)
    return None


def _names(target: Path) -> set[str]:
    """What a message may call the file, or what is around it; there is one model in a command."""
    inside = list(target.rglob("*")) if target.is_dir() else []
    return {
        "his model",
        target.name,
        target.stem,
        *(path.name for path in inside),
        *(path.stem for path in inside),
    }


class Child:
    """A process that reads spoilt files one after another, with little memory and little time for each.

    One that ended, and one that has read so many, is followed by another.
    """

    def __init__(self, readers: Mapping[str, Reader], seeds: Path, noise: Path) -> None:
        self._readers, self._seeds, self._noise = readers, seeds, noise
        self._pid, self._left = 0, 0
        self._ask, self._answer = -1, -1

    def try_(self, name: str, target: Path) -> Finding | None:
        """What is wrong with how a reader takes a spoilt file, if anything is.

        A lack of memory is tried again where nothing was read before, as that takes memory too.
        """
        finding = self._try(name, target)
        if finding is not None and finding.kind == "memory" and self._left < TRIALS_EACH - 1:
            self.end()
            finding = self._try(name, target)
        return finding

    def _try(self, name: str, target: Path) -> Finding | None:
        if not self._left:
            self.end()
            self._begin()
        self._left -= 1
        os.truncate(self._noise, 0)
        os.write(self._ask, f"{json.dumps([name, str(target)])}\n".encode())
        told = self._told()
        if told is not None and told.endswith("\n"):
            said = self._noise.read_text(errors="replace")
            return judged(Outcome(**{**json.loads(told), "noise": said}), target)
        status = self.end()
        if told is None:
            return Finding("hang", f"no answer in {WALL_SECONDS} s")
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        said = f"signal {number}\n{self._noise.read_text(errors='replace')}"
        return Finding("hang" if number == signal.SIGXCPU else "crash", said)

    def end(self) -> int:
        """Have it gone; how it ended."""
        status, self._left = 0, 0
        if self._pid:
            os.close(self._ask)
            os.close(self._answer)
            os.kill(self._pid, signal.SIGKILL)
            _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return status

    def _begin(self) -> None:
        self._noise.touch()
        asked, self._ask = os.pipe()
        self._answer, tell = os.pipe()
        self._pid, self._left = os.fork(), TRIALS_EACH
        if self._pid:
            os.close(asked)
            os.close(tell)
            return
        try:
            _limit(self._noise)
            self._serve(asked, tell)
        finally:
            os._exit(0)

    def _serve(self, asked: int, tell: int) -> None:
        with os.fdopen(asked) as questions, os.fdopen(tell, "w") as answers:
            for line in questions:
                name, target = json.loads(line)
                _limit_seconds()
                Path("/proc/self/clear_refs").write_text("5")  # the highest is as it is now
                before = _most_memory()
                ended = outcome(self._readers[name], Path(target), self._seeds)
                grown = _most_memory() - before
                if grown > SPARE_BYTES:
                    ended = Outcome(5, f"{grown >> 20} MB")
                print(json.dumps(asdict(ended)), file=answers, flush=True)

    def _told(self) -> str | None:
        """What it said; None where it never did."""
        pieces, until = [], time.monotonic() + WALL_SECONDS
        while not pieces or not pieces[-1].endswith(b"\n"):
            ready, _, _ = select.select([self._answer], [], [], max(0.0, until - time.monotonic()))
            piece = os.read(self._answer, 1 << 16) if ready else None
            if not piece:
                if piece is None:
                    return None
                _wait(self._pid)
                break
            pieces.append(piece)
        return b"".join(pieces).decode()


def _wait(pid: int) -> None:
    """Until it has ended, so that killing it does not hide how; it stays to be asked for."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def _limit(noise: Path) -> None:
    """Little memory, and a file for what is written on stderr."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = used + SPARE_BYTES + (SPARE_BYTES >> 1)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(noise, os.O_WRONLY | os.O_APPEND), 2)


def _limit_seconds() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + CPU_SECONDS, hard))


def _most_memory() -> int:
    """The most bytes since they were counted anew."""
    peak = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    return int(peak[1]) * 1024 if peak else 0
