"""Our renderer against pyrender (OSMesa) on the built-in head at 512 x 512: python benchmarks/render.py

CPU milliseconds a frame (process time) in interleaved rounds of one run, so that a busy machine counts alike
for both. Ours has 2 x 2 samples a pixel, skin, wrinkles, shadows; pyrender one sample and four lights.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from talkcli.engine.assets import DEFAULT_RIG, assets_folder
from talkcli.engine.errors import MissingAsset
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.geometry import rig_weights, vertices
from talkcli.engine.face.look import activations
from talkcli.engine.face.rigs import load_rig, talking_head
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.acting_skin import wrinkle_maps
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.picture import Painter
from talkcli.engine.rendering.pyrender_renderer import open_window
from talkcli.engine.rendering.render import compile_renderer
from talkcli.engine.rendering.surface import surface_of

FRAMES, ROUNDS, SIZE = 24, 9, 512


def head() -> Avatar:
    """A bundled avatar with its look; the plain mean head if none is bundled."""
    for path in sorted(assets_folder().rglob("*.avatar")):
        avatar = load_avatar(path)
        if avatar.rig == DEFAULT_RIG and avatar.look is not None:
            return avatar
    return talking_head()


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


def main() -> None:
    avatar, motion = head(), talking()
    model = load_rig(DEFAULT_RIG)
    camera = portrait(avatar, "front", (SIZE, SIZE))
    view = camera.view(0).double().numpy()
    places = vertices(motion, avatar).numpy()
    maps = wrinkle_maps(model.wrinkles)
    active = np.zeros((FRAMES, len(maps.boxes)), np.float32)
    if model.wrinkles is not None:
        active = activations(model.wrinkles, rig_weights(motion, avatar)).numpy()
    compile_renderer()
    painter = Painter(surface_of(avatar, model.topology), SIZE, SIZE, maps=maps)
    draws: dict[str, Callable[[int], object]] = {
        "numba": lambda frame: painter.draw(places[frame], view, camera.focal, active[frame])
    }
    try:
        window = open_window(avatar, camera)
        draws["pyrender"] = lambda frame: window.shot(places[frame], view)
    except MissingAsset as missing:
        print(f"without pyrender: {missing.message} {missing.hint}")
    for draw in draws.values():
        draw(0)
    rounds = [{name: cost(draw) for name, draw in draws.items()} for _ in range(ROUNDS)]
    median = {name: statistics.median(one[name] for one in rounds) for name in draws}
    least = {name: min(one[name] for one in rounds) for name in draws}
    print(f"{avatar.name}: {len(avatar.neutral)} vertices, {len(avatar.faces)} faces, {SIZE} x {SIZE}")
    print(f"{'renderer':10s} {'CPU ms/frame, median':>22s} {'least':>8s}")
    for name in draws:
        print(f"{name:10s} {median[name]:22.1f} {least[name]:8.1f}")
    told = {
        "vertices": len(avatar.neutral),
        "faces": len(avatar.faces),
        "size": SIZE,
        "samples_per_pixel": {"numba": 4, "pyrender": 1},
        "cpu_ms_per_frame_median": {name: round(value, 2) for name, value in median.items()},
        "cpu_ms_per_frame_least": {name: round(value, 2) for name, value in least.items()},
    }
    if "pyrender" in median:
        ratio = statistics.median(one["pyrender"] / one["numba"] for one in rounds)
        told["pyrender_over_numba"] = round(ratio, 2)
        print(f"pyrender takes {ratio:.1f} times the CPU time of ours")
    Path(__file__).with_suffix(".json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
