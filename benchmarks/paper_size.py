"""Two steps of every stage at paper size: python benchmarks/paper_size.py [CLIPS] [--at-once N]

Each stage has a process, and so a peak of memory, of its own; without CLIPS the bundled ones. `begin` is what
the first step waits for: maps, latents, features. The critic joins at once. `--at-once` runs batches in parts
of so many examples, `--batch` makes them smaller: the published ones want a large card.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from talkcli.engine.assets import asset
from talkcli.engine.device import pick_device
from talkcli.engine.methods.plan import plan_for
from talkcli.engine.training.run import train

STEPS = 2
STAGES = {"memorytalker": ("memorise", "stylise"), "textalker": ("motion", "texture", "diffuse")}


def measured(folder: Path, model: str, stage: str, device: str, changes: dict[str, int]) -> dict[str, Any]:
    """Seconds until the first step and of each, and the most memory, gigabytes."""
    if stage in ("motion", "texture"):
        changes = {**changes, "critic": 0}
    plan = plan_for(folder, changes=changes, model=model, size="paper", stage=stage, steps=STEPS)
    times, begun = [], time.perf_counter()
    for moment in train(plan.talker, plan.stages, plan.clips, device=device):
        if moment.step is not None:
            times.append(time.perf_counter() - begun)
            begun = time.perf_counter()
    if pick_device(device).type == "cuda":
        peak = torch.cuda.max_memory_allocated() / 1e9
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {
        "parameters": sum(p.numel() for p in plan.talker.parameters()) / 1e6,
        "batch": plan.stages[stage].batch,
        "begin": max(0.0, times[0] - times[1]),
        "step": times[1],
        "peak": peak,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clips", nargs="?", type=Path)
    parser.add_argument("--only", help="MODEL.STAGE in this process, as JSON.")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--at-once", type=int)
    parser.add_argument("--batch", type=int)
    options = parser.parse_args()
    folder = options.clips or asset("clips")
    changes = {k: v for k in ("at_once", "batch") if (v := getattr(options, k)) is not None}
    if options.only:
        model, stage = options.only.split(".")
        print(json.dumps(measured(folder, model, stage, options.device, changes)))
        return
    print(f"{'stage':24}{'million':>10}{'batch':>8}{'begin s':>10}{'step s':>10}{'peak GB':>10}")
    for model, stages in STAGES.items():
        for stage in stages:
            words = [sys.executable, __file__, *sys.argv[1:], "--only", f"{model}.{stage}"]
            done = subprocess.run(words, capture_output=True, text=True)
            if done.returncode:
                print(f"{model + '.' + stage:24}ended with {done.returncode}: {done.stderr[-200:].strip()}")
                continue
            row = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{model + '.' + stage:24}{row['parameters']:10.1f}{row['batch']:8}{row['begin']:10.1f}"
                f"{row['step']:10.1f}{row['peak']:10.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
