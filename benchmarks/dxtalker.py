"""3DXTalker at the published size against itself written plainly: python benchmarks/dxtalker.py [STEPS]

Plain is how the steps of the flow are written in the paper's formulas: each hears the recording anew (WavLM,
emotion2vec+, amplitude) and makes of it anew what blocks attend to. Ours hears once. One window of 10 s, one
thread, float32, random weights; CPU time in interleaved rounds of one run, so that a busy machine counts for
both alike. STEPS (2) are measured, and what the paper's 32 cost follows from them. Fast: ours as `--precision
fast` takes steps, in bfloat16 where the CPU has instructions for it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from talkcli.engine.assets import asset
from talkcli.engine.audio.amplitude import amplitude
from talkcli.engine.device import half_products
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.methods.dxtalker.anchors import anchored_noise
from talkcli.engine.methods.dxtalker.config import DxTalkerConfig
from talkcli.engine.methods.dxtalker.hearing import anchors_of
from talkcli.engine.methods.dxtalker.talker import DxTalker
from talkcli.engine.methods.dxtalker.velocity import Condition
from talkcli.engine.speech import SAMPLE_RATE, load_speech
from talkcli.engine.struct import stack

ROUNDS, PAPER = 3, 32
"""The latter are the paper's steps."""


class Window:
    """10 s of speech, and what a motion of it begins as."""

    def __init__(self, talker: DxTalker) -> None:
        config, self.talker = talker.config, talker
        wave = load_speech(asset("hello.wav")).waveform
        self.waveform = torch.cat([wave, wave])[: config.window * SAMPLE_RATE // config.fps]
        anchors = anchors_of(self.amplitude(), config)
        self.noise = anchored_noise(anchors, 0, config.window, config.layout.dims, 0)[None]
        self.reference = torch.zeros(1, config.layout.dims)

    def amplitude(self) -> Tensor:
        return amplitude(self.waveform, self.talker.config.window, self.talker.config.fps)

    def heard(self) -> Condition:
        """All that a step is told beside time and noise."""
        config, talker = self.talker.config, self.talker
        heard = talker.hearing.listened(self.waveform, self.amplitude(), Fraction(config.fps))
        streams = stack([heard(0, config.window)])
        return talker.network.condition(streams, talker.seen(self.reference))

    def drawn(self, steps: int, plain: bool, heard: Condition | None = None) -> Tensor:
        """So many steps of the way, hearing at each or once, where it is not heard yet."""
        x, condition = self.noise, heard or self.heard()
        for step in range(steps):
            condition = self.heard() if plain and step else condition
            velocity = self.talker.network(x, torch.tensor([step / PAPER]), condition)
            x = x + velocity / PAPER
        return x


def published() -> DxTalker:
    """Random weights, with the numbers that FLAME has, on shapes of the built-in rig."""
    torch.manual_seed(0)
    names = load_rig("facekit").shape_names[: DxTalkerConfig.expression]
    talker = DxTalker(DxTalkerConfig(rig_shapes=names)).eval()
    for name, weight in talker.network.named_parameters():
        if name.endswith("leave.weight") or name.startswith("tell"):
            torch.nn.init.normal_(weight, std=0.02)
    return talker


def seconds(task: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """CPU time, and what came of it."""
    begun = time.process_time()
    made = task()
    return time.process_time() - begun, made


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("steps", type=int, nargs="?", default=2)
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    window = Window(published())
    window.drawn(1, plain=False)
    times: dict[str, list[float]] = {"hearing": [], "plain": [], "ours": [], "fast": []}
    apart = off = 0.0
    for _ in range(ROUNDS):
        times["hearing"].append(seconds(lambda: window.heard().reference)[0])
        spent, plain = seconds(lambda: window.drawn(steps, plain=True))
        times["plain"].append(spent / steps)
        spent, ours = seconds(lambda: window.drawn(steps, plain=False))
        times["ours"].append((spent - times["hearing"][-1]) / steps)
        heard = window.heard()
        with half_products(torch.device("cpu"), "fast"):
            spent, fast = seconds(partial(window.drawn, steps, plain=False, heard=heard))
        times["fast"].append(spent / steps)
        apart = max(apart, float((plain - ours).abs().max()))
        off = max(off, float((fast - ours).norm() / (ours - window.noise).norm()))
    hearing, plain_step, step, fast_step = (statistics.median(row) for row in times.values())
    whole, plainly = hearing + PAPER * step, PAPER * plain_step
    found = {
        "hearing s": hearing,
        "a plain step s": plain_step,
        "a step of ours s": step,
        f"{PAPER} plain steps s": plainly,
        f"{PAPER} steps of ours s": whole,
        "times less": plainly / whole,
        "a step alone, times less": plain_step / step,
        "numbers apart": apart,
        "a fast step s": fast_step,
        f"{PAPER} fast steps s": hearing + PAPER * fast_step,
        "times less, fast": plainly / (hearing + PAPER * fast_step),
        "fast steps off by, of their way": off,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, value in found.items():
        print(f"{name:34}{value:10.4g}")


if __name__ == "__main__":
    main()
