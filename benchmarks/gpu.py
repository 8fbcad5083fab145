"""What a card makes of talk, against what it is meant to: python -m benchmarks.gpu

    python -m benchmarks.gpu --out gpu.json                     (at most 8 minutes)
    python -m benchmarks.gpu --device cpu --tiny                (a rehearsal, small networks)
    python -m benchmarks.gpu --only splats starters --seconds 60

Networks of published size have weights drawn by chance: what they say means nothing, and costs as much. Each
section has a time of its own and fails alone; the table grows as it is measured, and the JSON after each.
"""

from __future__ import annotations

import argparse
import datetime
import faulthandler
import gc
import json
import os
import platform
import signal
import subprocess
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks import gpu_sections
from benchmarks.gpu_card import Card, Row, forget
from talkcli.engine.device import pick_device

SECTIONS: dict[str, tuple[Callable[[Card], Iterator[Row]], float]] = {
    "agreement": (gpu_sections.agreement, 45),
    "starters": (gpu_sections.starters, 40),
    "memorytalker": (gpu_sections.memorytalker, 25),
    "textalker": (gpu_sections.textalker, 75),
    "compiled": (gpu_sections.compiled_textalker, 75),
    "3dxtalker": (gpu_sections.dxtalker, 40),
    "diffuse": (gpu_sections.learns_diffuse, 60),
    "motion": (gpu_sections.learns_motion, 30),
    "texture": (gpu_sections.learns_texture, 30),
    "encoding": (gpu_sections.encoding, 30),
    "memorise": (gpu_sections.learns_memorise, 25),
    "stylise": (gpu_sections.learns_stylise, 20),
    "flow": (gpu_sections.learns_flow, 30),
    "splats": (gpu_sections.splats, 50),
    "heads": (gpu_sections.heads, 40),
    "meshes": (gpu_sections.meshes, 40),
    "person": (gpu_sections.person, 100),
}
"""And the seconds that each may take; what is measured first is what a short run should tell."""
GRACE = 30
"""Seconds after which a section that does not come back ends the run."""
REHEARSED = 8
"""How much longer a section may take in a rehearsal."""


class TimeUp(BaseException):
    """No `except Exception` swallows it."""


def ring(number: int, frame: object) -> None:
    raise TimeUp


def measured(section: Callable[[Card], Iterator[Row]], card: Card, limit: float) -> dict[str, Any]:
    """The rows of a section, and what ended it early."""
    rows: list[dict[str, Any]] = []
    found: dict[str, Any] = {"rows": rows}
    begun = time.perf_counter()
    faulthandler.dump_traceback_later(limit + GRACE, exit=True)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        for row in section(card):
            rows.append({**row._asdict(), "reached": row.reached})
            verdict = {None: "", True: "reached", False: "MISSED"}[row.reached]
            print(f"  {row.what:58}{row.value:>12.5g} {row.unit:14}{row.goal:>10}  {verdict}", flush=True)
    except TimeUp:
        found["ended"] = f"after {limit:.0f} s"
    except Exception as error:
        found["ended"] = f"{type(error).__name__}: {error}"[:600]
        found["traceback"] = traceback.format_exc()[-3000:]
        traceback.print_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
    if "ended" in found:
        print(f"  ENDED {found['ended']}", flush=True)
    found["seconds"] = round(time.perf_counter() - begun, 1)
    return found


def facts(card: Card, commit: str) -> dict[str, Any]:
    return {
        "card": torch.cuda.get_device_name() if card.is_cuda else platform.processor() or "CPU",
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit or commit_here(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "tiny": card.tiny,
    }


def commit_here() -> str:
    words = ["git", "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parent)
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def main() -> None:
    begun = time.perf_counter()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tiny", action="store_true", help="A rehearsal.")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="NAME", help=", ".join(SECTIONS))
    parser.add_argument("--seconds", type=float, default=480, help="All in all.")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--commit", default="", help="For copies without a repository.")
    given = parser.parse_args()
    signal.signal(signal.SIGALRM, ring)
    warnings.simplefilter("ignore")
    card = Card(pick_device(given.device), given.tiny)
    results = {**facts(card, given.commit), "sections": {}}
    print(", ".join(f"{name} {value}" for name, value in results.items() if name != "sections"), flush=True)
    for name, (section, limit) in SECTIONS.items():
        left = given.seconds - (time.perf_counter() - begun)
        if given.only and name not in given.only:
            continue
        print(f"{name}", flush=True)
        if left < 5:
            results["sections"][name] = {"rows": [], "ended": "before it began: no time is left"}
            print("  no time is left", flush=True)
        else:
            results["sections"][name] = measured(
                section, card, min(limit * (REHEARSED if card.tiny else 1), left - 2)
            )
            gc.collect()
            forget(card)
        given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    early = [name for name, found in results["sections"].items() if "ended" in found]
    print(f"{time.perf_counter() - begun:.0f} s; ended early: {', '.join(early) or 'none'}", flush=True)


if __name__ == "__main__":
    main()
