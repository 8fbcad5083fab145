"""A frame at 512 x 512, by hair; and pyrender (OSMesa) on the bare head: python benchmarks/render.py

CPU milliseconds a frame (process time) in interleaved rounds of one run, so that a busy machine counts alike
for all. Ours has 2 x 2 samples a pixel, skin, wrinkles, shadows; pyrender one sample and four lights.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from talkcli.engine.assets import DEFAULT_RIG, asset
from talkcli.engine.errors import MissingAsset
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.geometry import rig_weights, vertices
from talkcli.engine.face.look import activations
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.acting_skin import wrinkle_maps
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.compiling import compile_renderer
from talkcli.engine.rendering.lights import light_rig
from talkcli.engine.rendering.picture import Painter, PosedMoment
from talkcli.engine.rendering.pyrender_renderer import open_window
from talkcli.engine.rendering.surface import CLAY_LOOK, surface_of

FRAMES, ROUNDS, SIZE = 24, 9, 512
STANDARD = 1.0
"""Coarseness of hair at this size, see `frames`."""


def people() -> dict[str, Avatar]:
    """Bundled people by what covers them, each standard quality."""
    ada, emil, kofi = (load_avatar(asset(f"{name}.avatar")) for name in ("ada", "emil", "kofi"))
    return {"bare head": replace(ada, worn=()), "emil, short": emil, "kofi, cropped": kofi, "ada, long": ada}


def talking() -> Motion:
    """A second of an opening, smiling, blinking face."""
    model = load_rig(DEFAULT_RIG)
    rows = [
        model.weight_vector(
            jawOpen=0.3 - 0.3 * np.cos(i / 2),
            mouthSmile=0.5 + 0.5 * np.sin(i / 5),
            eyeBlink=float(i % 12 == 6),
        )
        for i in range(FRAMES)
    ]
    return Motion(Fraction(FRAMES), Coefficients(torch.stack(rows), torch.zeros(FRAMES, 3)))


def cost(draw: Callable[[int], object]) -> float:
    """CPU milliseconds a frame over all frames once."""
    start = time.process_time()
    for frame in range(FRAMES):
        draw(frame)
    return (time.process_time() - start) * 1000 / FRAMES


def drawing(avatar: Avatar, motion: Motion) -> Callable[[int], object]:
    """Draws a frame as `talk animate` does."""
    model = load_rig(DEFAULT_RIG)
    camera = portrait(avatar, "front", (SIZE, SIZE))
    (view, focal), places = camera.centred(0), vertices(motion, avatar).numpy()
    maps = wrinkle_maps(model.wrinkles)
    active = np.zeros((FRAMES, len(maps.boxes)), np.float32)
    if model.wrinkles is not None:
        active = activations(model.wrinkles, rig_weights(motion, avatar)).numpy()
    surface = surface_of(avatar, model.topology, STANDARD)
    painter = Painter(surface, SIZE, SIZE, maps=maps, light=light_rig(avatar.look or CLAY_LOOK))
    return lambda frame: painter.draw(PosedMoment(places[frame], view.numpy(), focal, active[frame]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    motion, covered = talking(), people()
    compile_renderer()
    draws = {name: drawing(avatar, motion) for name, avatar in covered.items()}
    bare = covered["bare head"]
    try:
        camera = portrait(bare, "front", (SIZE, SIZE))
        window, view, places = (
            open_window(bare, camera),
            camera.view(0).double().numpy(),
            vertices(motion, bare),
        )
        draws["pyrender, bare head"] = lambda frame: window.shot(places[frame].numpy(), view)
    except MissingAsset as missing:
        print(f"without pyrender: {missing.message} {missing.hint}")
    for draw in draws.values():
        draw(0)
    rounds = [{name: cost(draw) for name, draw in draws.items()} for _ in range(ROUNDS)]
    median = {name: statistics.median(one[name] for one in rounds) for name in draws}
    least = {name: min(one[name] for one in rounds) for name in draws}
    ratio = {name: statistics.median(one[name] / one["bare head"] for one in rounds) for name in draws}
    print(f"{len(bare.neutral)} vertices, {len(bare.faces)} faces, {SIZE} x {SIZE}")
    print(f"{'':20s} {'CPU ms/frame, median':>22s} {'least':>8s} {'to bare':>8s}")
    for name in draws:
        print(f"{name:20s} {median[name]:22.1f} {least[name]:8.1f} {ratio[name]:8.2f}")
    results = {
        "size": SIZE,
        "samples_per_pixel": {"numba": 4, "pyrender": 1},
        "cpu_ms_per_frame_median": {name: round(value, 2) for name, value in median.items()},
        "cpu_ms_per_frame_least": {name: round(value, 2) for name, value in least.items()},
        "to_bare_head": {name: round(value, 2) for name, value in ratio.items()},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
