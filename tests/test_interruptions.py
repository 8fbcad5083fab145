"""Signals arrive, wait where they must, and leave nobody behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fuzz.seeds import write_clips

from talkcli.app import ended_kindly
from talkcli.engine import errors
from talkcli.engine.clips import ClipSet, load_contents, save_clip, save_contents
from talkcli.engine.errors import reading


def test_a_signal_that_a_library_loses_is_found_again():
    with pytest.raises(KeyboardInterrupt):
        with contextlib.suppress(KeyboardInterrupt):  # lost, as in a callback from C
            errors.interrupt(KeyboardInterrupt())
        with reading("x", "a map"):
            raise ValueError("could not determine the shape")
    errors.forget_interruption()
    with reading("x", "a map"):
        pass


def test_a_first_signal_waits_for_what_is_held_and_a_second_does_not():
    with pytest.raises(KeyboardInterrupt):
        with errors.held():
            errors.interrupt(KeyboardInterrupt())
            done = True
        assert done and errors.interrupted()
        errors.check_interruption()
    errors.forget_interruption()
    with pytest.raises(SystemExit), errors.held():
        errors.interrupt(KeyboardInterrupt())
        errors.interrupt(SystemExit())
    errors.forget_interruption()


WORKERS = """
import os, sys, time
from pathlib import Path
from talkcli.engine.clips import write_all

def slowly():
    Path(sys.argv[1], str(os.getpid())).touch()
    time.sleep(60)
    return 0.0

if __name__ == "__main__":
    list(write_all({"a": slowly, "b": slowly}, 2))
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> bool:
    until = time.monotonic() + seconds
    while not is_so() and time.monotonic() < until:
        time.sleep(0.1)
    return is_so()


def test_workers_end_with_a_parent_that_was_killed(tmp_path):
    (tmp_path / "parent.py").write_text(WORKERS)
    (tmp_path / "pids").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    words = [sys.executable, tmp_path / "parent.py", tmp_path / "pids"]
    with subprocess.Popen(words, env=environment) as parent:
        try:
            assert wait_until(lambda: len(os.listdir(tmp_path / "pids")) == 2)
        finally:
            parent.send_signal(signal.SIGKILL)
    workers = [int(name) for name in os.listdir(tmp_path / "pids")]
    assert wait_until(lambda: not any(map(is_alive, workers)))


def test_a_reader_that_is_gone_ends_the_program_in_silence(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    words = [sys.executable, "-m", "talkcli", "models", "--json"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, env=environment)
    os.close(writing)
    assert done.returncode == 128 + signal.SIGPIPE and not done.stderr


RUNG = """
import os, sys
from talkcli.__main__ import main

module, how = sys.argv[1], int(sys.argv[2])
sys.argv = ["talk", "models"]

class Bell:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), how)

sys.meta_path.insert(0, Bell())
main()
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["talkcli.app", "typer", "talkcli.commands.doctor", "torch"])
def test_a_signal_while_a_module_is_imported_ends_the_program_without_a_traceback(module, how, tmp_path):
    (tmp_path / "rung.py").write_text(RUNG)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    words = [sys.executable, tmp_path / "rung.py", module, str(int(how))]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode == 128 + how, done.stderr
    assert done.stdout == "" and done.stderr == ("error: Interrupted.\n" if how == signal.SIGINT else "")


@pytest.mark.parametrize("kilobytes", [300_000, 450_000, 550_000, 1_400_000])
def test_a_limit_of_memory_that_aborts_libraries_is_told_before(kilobytes, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    shell = f'ulimit -v {kilobytes}; exec "$@"'
    words = ["sh", "-c", shell, "sh", sys.executable, "-m", "talkcli", "evaluate", "--list", "--json"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == json.loads(done.stdout)["exit"] == 5
    assert "ulimit" in done.stderr and "Traceback" not in done.stderr


def test_a_signal_at_any_moment_ends_work_on_clips_in_one_line_and_leaves_nothing_half(
    tmp_path, untaught, bare_face
):
    write_clips(tmp_path / "clips")
    contents = load_contents(tmp_path / "clips")
    for name in ("ada/2", "ada/3"):
        save_clip(ClipSet(tmp_path / "clips")[0], tmp_path / "clips", name)
    save_contents(replace(contents, splits={"train": [f"ada/{n}" for n in range(4)]}), tmp_path / "clips")
    (tmp_path / "runs").mkdir()
    commands = (
        f"personalize {tmp_path / 'clips'} -m {untaught} -a {bare_face} -o x.avatar",
        f"evaluate {tmp_path / 'clips'} -m {untaught} --metric lve --csv x.csv",
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    words = [sys.executable, Path(__file__).parent / "bells.py", tmp_path / "runs", "4", *commands]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    for whole, *rung in json.loads(done.stdout):
        assert whole["code"] == 0 and whole["left"], whole
        for run in rung:
            assert run["code"] == 128 + run["signal"], run
            ending = "error: Interrupted.\n" if run["signal"] == signal.SIGINT else ""
            said = run["err"].removesuffix(ending).splitlines()
            assert run["err"].endswith(ending) and set(said) <= set(whole["err"].splitlines()), run
            assert set(run["left"]) <= set(whole["left"]) and whole["out"].startswith(run["out"]), run


def test_a_signal_that_is_lost_where_nothing_can_be_raised_comes_again_in_silence(capsys):
    class Closing:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), ended_kindly():
        Closing()
        time.sleep(10)
    assert capsys.readouterr().err == ""


def test_what_an_interruption_broke_is_no_fault_of_its_own():
    with pytest.raises(KeyboardInterrupt), ended_kindly():
        with contextlib.suppress(KeyboardInterrupt):  # lost
            signal.raise_signal(signal.SIGINT)
        raise ImportError("half a module")
