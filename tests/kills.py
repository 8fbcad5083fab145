"""python tests/kills.py: kill verbs that write at random moments, and see what they leave behind.

After each kill every file that has its name is whole; the same command again ends as if nothing had been,
with the same bytes, and leaves nothing hidden. A training loses no more than it may (SAVED_AFTER, shortened).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import av
import soundfile

from talkcli.engine.assets import asset
from talkcli.engine.checkpoint import load_checkpoint
from talkcli.engine.config import load_toml
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.files import load_tensors
from talkcli.engine.motion import load_motion

SAVED_AFTER = 1.0
"""Seconds after which a training is saved here; its own are 120."""
SLACK = 5.0
"""Seconds for a step, and for saving, of a busy machine."""
PROGRAM = f"""
import sys
from talkcli.engine.training import fit
fit.SAVED_AFTER = {SAVED_AFTER}
from talkcli.app import app
if __name__ == "__main__":
    app()
"""


def _film(path: Path) -> None:
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 1


WHOLE: Mapping[str, Callable[[Path], object]] = {
    ".motion": load_motion,
    ".avatar": load_avatar,
    ".ckpt": load_checkpoint,
    ".state": load_tensors,
    ".wav": soundfile.read,
    ".json": lambda path: json.loads(path.read_text()),
    ".toml": load_toml,
    ".mp4": _film,
    "": load_avatar,
}
"""What reads a file to its end, by suffix."""


@dataclass(frozen=True)
class Route:
    words: Callable[[Path], list[object]]
    """Of a folder to write to."""
    again: tuple[str, ...] = ()
    """What is said besides when it is given again."""


def _train(folder: Path) -> list[object]:
    sizes = ("features=16", "feed_forward=32", "batch=2", "steps=400")
    settings = [word for size in sizes for word in ("--set", size)]
    return ["train", asset("clips"), "--stage", "memorise", *settings, "-o", folder / "x.ckpt"]


MOTION = asset("clips") / "s0039/003.motion"
VOICE = MOTION.with_suffix(".wav")

ROUTES = {
    "train": Route(_train, ("--resume",)),
    "prepare": Route(
        lambda folder: [
            "prepare", "studio", folder / "clips", "--set", "speakers=2", "--set", "takes=2",
            "--set", "flite=0", "--jobs", 2,
        ]
    ),
    "animate": Route(
        lambda folder: [
            "animate", asset("hello.wav"), "-m", "memorytalker", "--size", 64, "-o", folder / "x.mp4",
        ],
        ("--overwrite",),
    ),
    "emote": Route(
        lambda folder: [
            "emote", MOTION, "--mood", "sad@0-1,happy@1.5-", "--audio", VOICE, "--size", 64,
            "-o", folder / "x.mp4",
        ],
        ("--overwrite",),
    ),
    "pose": Route(
        lambda folder: [
            "pose", MOTION, "--prompt", "energetic presentation", "--audio", VOICE, "--size", 64,
            "-o", folder / "x.mp4",
        ],
        ("--overwrite",),
    ),
    "personalize": Route(
        lambda folder: ["personalize", VOICE, "-o", folder / "x.avatar"], ("--overwrite",)
    ),
}  # fmt: skip


def begun(words: list[object], scratch: Path) -> subprocess.Popen[bytes]:
    (scratch / "program.py").write_text(PROGRAM)
    root = str(Path(__file__).parent.parent)
    return subprocess.Popen(
        [sys.executable, scratch / "program.py", *map(str, words)],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def ended(words: list[object], scratch: Path) -> float:
    """Seconds that it took. AssertionError where it did not end well."""
    start = time.monotonic()
    process = begun(words, scratch)
    _, said = process.communicate()
    assert process.returncode == 0, said.decode()
    return time.monotonic() - start


def digests(folder: Path) -> dict[str, str]:
    """What every result holds; curves and settings beside a training are none."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and ".run" not in str(path.parent))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def check_whole(folder: Path) -> int:
    """Read every file that has its name to its end; how many have none yet."""
    hidden = 0
    for path in folder.rglob("*"):
        if path.name.startswith("."):
            hidden += 1
        elif path.is_file() and "tfevents" not in path.name:
            WHOLE[path.suffix](path)
    return hidden


def check_kill(route: Route, folder: Path, scratch: Path, moment: float) -> tuple[int, float]:
    """Kill a run after so many seconds: what has no name yet, and seconds of training that are lost."""
    unfinished = any(folder.rglob("*"))
    process = begun([*route.words(folder), *(route.again if unfinished else ())], scratch)
    began = time.time()
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    killed = time.time()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()
    hidden = check_whole(folder)
    states = [path.stat().st_mtime for path in folder.rglob("*.state")]
    lost = killed - max(states) if states and max(states) > began else 0.0
    assert lost < SAVED_AFTER + SLACK, f"{lost:.1f} s of training are lost"
    return hidden, lost


def kill_at_random(name: str, kills: int, dice: Random, scratch: Path, in_a_row: int = 2) -> dict[str, float]:
    """Kill a route so often, `in_a_row` times before it may end; what was seen."""
    route, seen = ROUTES[name], {"kills": 0, "hidden": 0, "lost": 0.0, "finished": 0}
    ended(route.words(_fresh(scratch / "whole")), scratch)
    expected = digests(scratch / "whole")
    seconds = ended(route.words(_fresh(scratch / "whole")), scratch)  # now that everything is compiled
    assert digests(scratch / "whole") == expected, f"{name} is not determined by its words"
    while seen["kills"] < kills:
        folder = _fresh(scratch / "killed")
        for _ in range(min(in_a_row, kills - int(seen["kills"]))):
            hidden, lost = check_kill(route, folder, scratch, dice.uniform(0, seconds))
            seen = {**seen, "kills": seen["kills"] + 1, "hidden": seen["hidden"] + hidden}
            seen["lost"] = max(seen["lost"], lost)
            if digests(folder) == expected and not list(folder.rglob("*.state")):
                seen["finished"] += 1
                break
        else:
            ended([*route.words(folder), *route.again], scratch)
        assert digests(folder) == expected, f"{name} ended otherwise"
        stays = [str(path) for path in folder.rglob(".*")]
        assert not stays, f"hidden stays {stays}"
    return seen


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=14, help="of each verb")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=ROUTES, action="append")
    options = parser.parse_args()
    for name in options.only or ROUTES:
        with tempfile.TemporaryDirectory() as scratch:
            print(name, kill_at_random(name, options.kills, Random(options.seed), Path(scratch)), flush=True)


if __name__ == "__main__":
    main()
