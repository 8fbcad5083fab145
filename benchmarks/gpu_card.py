"""What benchmarks/gpu.py measures with: a device, networks of published size that never learnt, and faces and
clips that fit them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from talkcli.engine.assets import asset
from talkcli.engine.clips import Clip, ClipSet, Contents, TextureFrames, save_clip, save_contents
from talkcli.engine.config import with_values
from talkcli.engine.device import Precision, set_precision
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.methods import load_method
from talkcli.engine.methods.dxtalker.config import DxTalkerConfig
from talkcli.engine.methods.dxtalker.talker import DxTalker
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig
from talkcli.engine.methods.method import Talker
from talkcli.engine.methods.textalker.talker import Sampling, TexTalkerConfig, as_published
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.speech import SAMPLE_RATE, Speech, load_speech
from tests.fuzz.small import DXTALKER
from tests.paper_size import NARROW

STEPS = 20
"""Of denoising; the published code takes all 500."""


class Row(NamedTuple):
    what: str
    value: float
    unit: str
    least: float | None = None
    most: float | None = None
    """What it is meant to reach, or to stay within."""

    @property
    def goal(self) -> str:
        if self.least is not None:
            return f">= {self.least:g}"
        return "" if self.most is None else f"<= {self.most:g}"

    @property
    def reached(self) -> bool | None:
        if self.least is not None:
            return self.value >= self.least
        return None if self.most is None else self.value <= self.most


@dataclass(frozen=True)
class Card:
    device: torch.device
    tiny: bool
    """Whether networks are small and recordings short, so that a CPU can rehearse."""

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    def finish(self) -> None:
        """Wait for all that was begun."""
        if self.is_cuda:
            torch.cuda.synchronize()

    def seconds(self, work: Callable[[], object]) -> float:
        self.finish()
        begun = time.perf_counter()
        work()
        self.finish()
        return time.perf_counter() - begun

    def milliseconds(self, work: Callable[[], object]) -> float:
        """The median of several, after others that are not counted."""
        count = 1 if self.tiny else 15
        times = [1000 * self.seconds(work) for _ in range(count + 2)]
        return float(np.median(times[2:]))

    def pick(self, whole: Any, tiny: Any) -> Any:
        return tiny if self.tiny else whole


def forget(card: Card) -> None:
    """Give back what no network holds any more."""
    if card.is_cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def gigabytes(card: Card) -> Row:
    return Row("memory", torch.cuda.max_memory_allocated() / 1e9 if card.is_cuda else 0.0, "GB at most")


def precisely(talker: Any, precision: Precision) -> None:
    talker.precision = set_precision(precision)


def config_of(card: Card, name: str) -> Any:
    """As published; of 3dxtalker with the numbers that FLAME has, on shapes of the built-in rig."""
    if name == "3dxtalker":
        names = load_rig("facekit").shape_names[: DxTalkerConfig.expression]
        return card.pick(DxTalkerConfig(rig_shapes=names), DXTALKER)
    config = as_published(TexTalkerConfig()) if name == "textalker" else MemoryTalkerConfig()
    return with_values(config, NARROW[name]) if card.tiny else config


@functools.lru_cache(maxsize=1)
def _drawn(card: Card, name: str) -> Any:
    """The last one is kept, for what comes next often wants it again."""
    torch.manual_seed(0)
    talker = load_method(name).build(config_of(card, name)).to(card.device).eval()
    if isinstance(talker, MemoryTalker):
        torch.nn.init.normal_(talker.output.weight, std=1e-3)
        talker.style.learnt.fill_(True)
    elif isinstance(talker, DxTalker):
        talker.taught.fill_(True)
    return talker


def published(card: Card, name: str) -> Any:
    """A network of published size, its weights drawn by chance or taught by the last section, on the card."""
    talker = _drawn(card, name)
    talker.sampling = talker.config.sampling if name == "3dxtalker" else None
    if name == "textalker":
        talker.sampling = Sampling(steps=card.pick(STEPS, 2))
    precisely(talker, "full")
    return talker


def spoken(seconds: float) -> Speech:
    """The bundled recording, over and over."""
    wave = load_speech(asset("hello.wav")).waveform
    count = int(seconds * SAMPLE_RATE)
    return Speech(wave.repeat(-(-count // len(wave)))[:count].clone())


def frames_a_second(card: Card, talker: Talker, said: Speech, avatar: Avatar) -> float:
    motions: list[Motion] = []
    spent = card.seconds(lambda: motions.append(talker.animate(said, avatar)))
    return len(motions[0]) / spent


def sheet(side: int, verts: int | None = None) -> Avatar:
    """So many vertices, or side x side of them, with a UV layout."""
    at = torch.linspace(0.02, 0.98, side)
    uv = torch.cartesian_prod(at, at)
    corner = torch.arange(side * side).view(side, side)
    squares = corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]
    a, b, c, d = (part.flatten() for part in squares)
    faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])
    neutral = torch.cat([(uv - 0.5) * torch.tensor([0.15, 0.2]), 0.05 * uv.prod(1, keepdim=True)], 1)
    count = side * side if verts is None else verts
    kept = faces[(faces < count).all(1)]
    lips = torch.arange(min(250, count))
    if verts is None:
        return Avatar("sheet", neutral, kept, lips, uv=uv, uv_faces=kept.clone())
    return Avatar("sheet", neutral[:count], kept, lips)


def face_of(card: Card, name: str) -> Avatar:
    """What a talker of published size moves: 11,881 vertices with a UV layout, or 5,023 without."""
    if name == "textalker":
        return sheet(card.pick(109, 8))
    verts = config_of(card, name).verts
    return sheet(int(np.ceil(verts**0.5)), verts)


def sheet_clips(folder: Path, avatar: Avatar, frames: int, texels: int) -> ClipSet:
    """Two speakers with two clips each of a captured mesh, with skins of so many texels a side if any."""
    folder.mkdir(parents=True)
    dice, names = torch.Generator().manual_seed(0), []
    moves = 0.01 * torch.randn(4, len(avatar.neutral), 3, generator=dice)
    film = _skins(folder, texels, frames) if texels else None
    for speaker in ("ada", "ben"):
        for number in range(2):
            weights = 0.05 * torch.randn(frames, 4, generator=dice).cumsum(0)
            offsets = torch.einsum("fk,kvc->fvc", weights, moves)
            loud = torch.rand(frames, generator=dice).repeat_interleave(SAMPLE_RATE // 30 + 1)
            count = frames * SAMPLE_RATE // 30
            sound = Speech(0.2 * torch.randn(count, generator=dice) * loud[:count])
            names.append(f"{speaker}/{number}")
            motion = Motion(Fraction(30), Vertices(offsets))
            save_clip(Clip(sound, motion, replace(avatar, name=speaker), textures=film), folder, names[-1])
    save_contents(Contents({"train": names}, "CC0-1.0", "made to measure"), folder)
    return ClipSet(folder, "train")


def _skins(folder: Path, texels: int, frames: int) -> TextureFrames:
    """A dozen pictures as PNG, in turns."""
    rng, ramp = np.random.default_rng(0), np.linspace(60, 190, texels)
    plain = ramp[:, None, None] * 0.5 + ramp[None, :, None] * 0.4 + np.array([20.0, 5.0, 0.0])
    paths = [folder / f"skin{number}.png" for number in range(12)]
    for number, path in enumerate(paths):
        noisy = plain + rng.normal(0, 4, (texels, texels, 3)) + 3 * number
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, compress_level=3)
    return TextureFrames(paths[0], tuple(paths[number % 12] for number in range(frames)))


def clips_for(card: Card, name: str, folder: Path) -> ClipSet:
    """As a method's corpus has them; 3dxtalker learns from the bundled clips of the rig."""
    if name == "3dxtalker":
        return ClipSet(asset("clips"))
    frames, texels = card.pick((186, 512), (40, 64)) if name == "textalker" else (card.pick(120, 40), 0)
    return sheet_clips(folder / "clips", face_of(card, name), frames, texels)
