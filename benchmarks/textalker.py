"""TexTalker's denoising step at the published size against a plain one: python benchmarks/textalker.py

Plain: torch's own decoder layers with a mask, context and frames anew at every step, and a batch of two in
which the null pass runs though the guidance is 1. One thread, float32, random weights; CPU time in
interleaved rounds of one run, so that a busy machine counts alike for both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.generation.guidance import guide
from talkcli.engine.methods.textalker.autoencoder import Autoencoder, AutoencoderConfig
from talkcli.engine.methods.textalker.denoiser import Denoiser, DenoiserConfig
from talkcli.engine.methods.textalker.map_blocks import Attention, Residual, Up

ROUNDS, FAST = 9, 20
"""`FAST` steps make a window with the fast sampler."""
MAPS, MAP_ROUNDS = 2, 3
"""That a process paints after a first one, and how often such a process is begun."""


class Window:
    """The inputs of one window."""

    def __init__(self, config: DenoiserConfig) -> None:
        dice, width = torch.Generator().manual_seed(0), config.features
        self.x = torch.randn(1, config.window, config.dims, generator=dice)
        self.audio = torch.randn(1, config.window, width, generator=dice)
        self.null = torch.randn(1, 1, width, generator=dice).expand(1, config.window, width)
        self.past = torch.randn(1, config.context, config.dims, generator=dice)
        self.past_audio = torch.randn(1, config.context, width, generator=dice)
        self.present = torch.ones(1, config.window)
        self.t = torch.tensor([config.steps // 2])


def plain(net: Denoiser, window: Window, audio: list[Tensor]) -> Tensor:
    """One pass for each `audio`, as one batch, step by step of the specification."""
    batch, context = len(audio), net.config.context
    step = net.diff_step_map(net.TE.pe[0, window.t])[:, None]
    flags = torch.cat([torch.zeros(1, context), window.present], dim=1)[..., None]
    frames = torch.cat([torch.cat([window.past, window.x], dim=1), flags], dim=-1)
    h = (
        torch.cat([step.expand(batch, -1, -1), net.feature_proj(frames.expand(batch, -1, -1))], dim=1)
        + net.PE
    )
    memory = torch.cat([window.past_audio.expand(batch, -1, -1), torch.cat(audio)], dim=1)
    for layer in net.transformer.layers:
        assert isinstance(layer, nn.TransformerDecoderLayer)
        h = layer(h, memory, memory_mask=net.alignment_mask)
    return net.motion_dec(h[:, 1:])[:, context:]


def guided(net: Denoiser, window: Window, scale: float) -> Tensor:
    low, high = plain(net, window, [window.null, window.audio]).split(1)
    return low + scale * (high - low)


def plain_block(block: nn.Module, x: Tensor) -> Tensor:
    """A block of the generator of maps, by its formula."""
    if isinstance(block, Residual):
        y = block.norm1(x)
        y = block.conv1(y * torch.sigmoid(y))
        y = block.norm2(y)
        return block.conv2(y * torch.sigmoid(y)) + block.conv_out(x)
    if isinstance(block, Attention):
        y = block.norm(x)
        q, k, v = (conv(y).flatten(2) for conv in (block.q, block.k, block.v))
        looks = torch.softmax(q.mT @ k * q.shape[1] ** -0.5, 2)
        return x + block.proj_out((v @ looks.mT).unflatten(2, x.shape[2:]))
    if isinstance(block, Up):
        return block.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
    return block(x)


def plain_map(network: Autoencoder, codes: Tensor) -> Tensor:
    for block in network.generator.blocks:
        codes = plain_block(block, codes)
    return codes.sigmoid()


@torch.no_grad()
def a_map(plainly: bool) -> tuple[float, float]:
    """CPU seconds a map, once the first is made; and how far plain ones and ours are apart."""
    torch.manual_seed(0)
    network = Autoencoder(AutoencoderConfig()).eval()
    codes = network.quantise(torch.randn(1 + MAPS, 16, 16, 16)).latents
    one = (lambda code: plain_map(network, code)) if plainly else network.painter().painted
    first = one(codes[:1])
    spent = seconds(lambda: [one(code) for code in codes[1:].split(1)])
    other = network.painter().painted(codes[:1]) if plainly else first
    return spent / MAPS, float((first - other).abs().max())


def a_map_apart(plainly: bool) -> tuple[float, float]:
    """The same in a process of its own, the plain one with torch's own way to memory."""
    name = "plain" if plainly else "ours"
    own = {**os.environ, "THP_MEM_ALLOC_ENABLE": "0" if plainly else "1"}
    command = [sys.executable, __file__, "--map", name]
    told = subprocess.run(command, env=own, capture_output=True, check=True, text=True).stdout
    spent, apart = json.loads(told)
    return spent, apart


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


@torch.no_grad()
def measured() -> dict[str, float]:
    torch.manual_seed(0)
    config = DenoiserConfig()
    net, window = Denoiser(config).eval(), Window(config)

    def prepare() -> Callable[[Tensor, Tensor], Tensor]:
        return guide(
            lambda audio: net.prepare(audio, window.past, window.past_audio, window.present),
            window.audio,
            window.null,
            1.0,
        )

    denoise = prepare()
    difference = (denoise(window.x, window.t) - guided(net, window, 1.0)).abs().max().item()
    works: dict[str, Callable[[], object]] = {
        "plain": lambda: guided(net, window, 1.0),
        "plain_without_null": lambda: plain(net, window, [window.audio]),
        "ours": lambda: denoise(window.x, window.t),
        "ours_prepare": prepare,
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            times[name].append(seconds(work))
    ratio = statistics.median(p / o for p, o in zip(times["plain"], times["ours"], strict=True))
    alone = statistics.median(p / o for p, o in zip(times["plain_without_null"], times["ours"], strict=True))
    middle = {name: statistics.median(values) for name, values in times.items()}
    whole = FAST * middle["plain"] / (FAST * middle["ours"] + middle["ours_prepare"])
    painted = [(a_map_apart(True), a_map_apart(False)) for _ in range(MAP_ROUNDS)]
    plain_maps, our_maps = ([pair[side][0] for pair in painted] for side in (0, 1))
    plain_map_s, our_map_s = statistics.median(plain_maps), statistics.median(our_maps)
    frame = 2 * plain_map_s + FAST * middle["plain"] / config.window
    our_frame = 2 * our_map_s + (FAST * middle["ours"] + middle["ours_prepare"]) / config.window
    return {
        **{f"{name}_ms": round(1000 * value, 1) for name, value in middle.items()},
        "ratio": round(ratio, 2),
        "ratio_without_null": round(alone, 2),
        f"ratio_of_a_window_in_{FAST}_steps": round(whole, 2),
        "max_difference": difference,
        "plain_map_ms": round(1000 * plain_map_s),
        "our_map_ms": round(1000 * our_map_s),
        "ratio_of_a_map": round(
            statistics.median(p / o for p, o in zip(plain_maps, our_maps, strict=True)), 2
        ),
        "max_difference_of_maps": max(pair[0][1] for pair in painted),
        f"plain_frame_of_both_maps_in_{FAST}_steps_ms": round(1000 * frame),
        f"our_frame_of_both_maps_in_{FAST}_steps_ms": round(1000 * our_frame),
        f"ratio_of_a_frame_in_{FAST}_steps": round(frame / our_frame, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--map", choices=("plain", "ours"), help="One side of maps, in this process.")
    side = parser.parse_args().map
    torch.set_num_threads(1)
    if side:
        print(json.dumps(a_map(side == "plain")))
        return
    result = measured()
    for name, value in result.items():
        print(f"{name:>44}  {value:.3g}")
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
