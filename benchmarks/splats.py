"""Gaussians drawn, and drawn and taken back, by numbers and sizes: python benchmarks/splats.py

CPU milliseconds (process time) on one thread in interleaved rounds of one run, so that a busy machine counts
alike for all; ratios to 16 thousand at 512 forward. Beside them a frame of the bundled ada at 512, as
a mesh and as 24 thousand Gaussians, from weights of the rig to bytes, and a step of a fit of these at 256.
--device cuda times gsplat by the wall, without ada.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from talkcli.engine.assets import asset
from talkcli.engine.device import pick_device
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.gaussians import Gaussians
from talkcli.engine.rendering.camera import Camera, centred_camera, look_at, portrait
from talkcli.engine.rendering.picture import Pixels
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.splat_film import splat_frames
from talkcli.engine.rendering.splat_fit import fit_to_mesh, rehearsal
from talkcli.engine.rendering.splats import draw_views

ROUNDS, FRAMES = 9, 8
CASES = [(16384, 256), (16384, 512), (24576, 256), (24576, 512), (65536, 512)]
"""Gaussians, and pixels a side."""
UNIT = "16384 at 512, forward"


def egg(count: int, seed: int = 0) -> Gaussians:
    """Flat Gaussians on an egg the size of a head, as large and as close as a head's."""
    chance = torch.Generator().manual_seed(seed)
    out = torch.nn.functional.normalize(torch.randn(count, 3, generator=chance), dim=1)
    aside = torch.linalg.cross(out, torch.tensor([0.3, 1.0, 0.2]).expand_as(out))
    aside = torch.nn.functional.normalize(aside, dim=1)
    frames = torch.stack([aside, torch.linalg.cross(out, aside), out], 2)
    spacing = 0.11 * math.sqrt(11 / count)
    spread = torch.exp(0.3 * torch.randn(count, 1, 3, generator=chance))
    scales = spacing * torch.tensor([0.7, 0.7, 0.15]) * spread
    opacity, colour = (torch.rand(*shape, generator=chance) for shape in ((count,), (count, 1, 3)))
    return Gaussians(out * torch.tensor([0.088, 0.121, 0.099]), frames * scales, 0.3 + 0.7 * opacity, colour)


def portrait_of(side: int) -> Camera:
    focal = 0.5 * side / math.tan(math.radians(15))
    return centred_camera(look_at(torch.tensor([0.0, 0.0, 0.55]), torch.zeros(3))[None], focal, side, side)


def works(device: torch.device) -> dict[str, Callable[[], object]]:
    runs: dict[str, Callable[[], object]] = {}
    for count, side in CASES:
        cloud, camera = egg(count).to(device), portrait_of(side)
        leaves = cloud.map(lambda tensor: tensor.clone().requires_grad_())
        goal = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1)).to(device)

        def forward(cloud: Gaussians = cloud, camera: Camera = camera) -> object:
            return draw_views(cloud, camera, workers=1)

        def both(leaves: Gaussians = leaves, camera: Camera = camera, goal: torch.Tensor = goal) -> object:
            return draw_views(leaves, camera, workers=1).colour.backward(goal)

        runs[f"{count} at {side}, forward"] = forward
        runs[f"{count} at {side}, both"] = both
    return runs


def films() -> dict[str, Callable[[], float]]:
    """CPU milliseconds a frame of ada, and a step of a fit of her."""
    fit = fit_to_mesh(load_avatar(asset("ada.avatar")), CASES[3][0], views=2, poses=2)
    ada = replace(load_avatar(asset("ada.avatar")), splats=fit.splats)
    motion, camera = rehearsal(ada, FRAMES + 1), portrait(ada)

    def a_frame(film: Callable[[], Iterator[Pixels]]) -> float:
        shots = film()
        next(shots)
        start = time.process_time()
        count = sum(1 for _ in shots)
        return (time.process_time() - start) * 1000 / count

    return {
        "ada at 512, mesh": lambda: a_frame(lambda: frames(motion, ada, camera, workers=1)),
        "ada at 512, Gaussians": lambda: a_frame(lambda: splat_frames(motion, ada, camera, workers=1)),
        "ada at 256, step of a fit": lambda: cost(fit.advance, torch.device("cpu")),
    }


def cost(run: Callable[[], object], device: torch.device) -> float:
    """Milliseconds of CPU, or of the wall on CUDA."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    start = clock()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (clock() - start) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    device = pick_device(options.device)
    torch.set_num_threads(1)
    runs = works(device)
    for run in runs.values():
        run()
    measures = {name: functools.partial(cost, run, device) for name, run in runs.items()}
    if device.type == "cpu":
        measures |= films()
    rounds = [{name: measure() for name, measure in measures.items()} for _ in range(options.rounds)]
    results = {}
    print(f"{'':32s} {'ms, median':>12s} {'least':>8s} {'ratio':>8s}")
    for name in measures:
        times = [one[name] for one in rounds]
        ratio = statistics.median(one[name] / one[UNIT] for one in rounds)
        print(f"{name:32s} {statistics.median(times):12.1f} {min(times):8.1f} {ratio:8.2f}")
        results[name] = {
            "median_ms": round(statistics.median(times), 2),
            "least_ms": round(min(times), 2),
            "to_unit": round(ratio, 2),
        }
    answer = {"device": device.type, "unit": UNIT, "cases": results}
    Path(__file__).with_suffix(".json").write_text(json.dumps(answer, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
