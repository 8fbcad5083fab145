"""The network of UniGAHA's diffusion: codes of a window, from noise, speech, lips and what is past."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from talkcli.engine.layers.rotary import RotaryTurns, rotary_turns
from talkcli.engine.methods.unigaha.blocks import PlainBlock, Remembered, ToldBlock
from talkcli.engine.methods.unigaha.config import UnigahaConfig

_STEP_FEATURES = 256
_STEP_TOKENS = 2
"""Of the step among what is attended to."""


@dataclass(frozen=True)
class HeardWindow:
    """All that does not change from noise to codes, worked out once."""

    joined: Float[Tensor, "batch frames features"] | None
    """What joins the noise of each frame."""
    whole: Float[Tensor, "batch features"]
    """What is heard in all."""
    memories: tuple[Remembered, ...]
    """Of every block, in order."""
    turns: RotaryTurns


@dataclass(frozen=True)
class Carried:
    """The first frames of windows, where they are known; zeros elsewhere."""

    numbers: Float[Tensor, "batch frames dims"]
    known: Bool[Tensor, "batch frames"]


class CodeDenoiser(nn.Module):
    """What `config.target` says, of numbers at a step of 1 to `config.steps`."""

    def __init__(self, config: UnigahaConfig, heard: int) -> None:
        super().__init__()
        self.config, features = config, config.features
        sizes = (features, config.heads, config.feed_forward, config.dropout)
        self.enter = nn.Linear(2 * config.diffused + 1, features)
        self.hear = nn.Sequential(nn.Linear(heard, features), nn.LayerNorm(features))
        self.lips = nn.Linear(config.lips, features)
        self.unheard = nn.Parameter(0.02 * torch.randn(features))
        """What stands for every frame where neither speech nor lips are told."""
        self.listening = nn.ModuleList([PlainBlock(*sizes) for _ in range(config.listening_layers)])
        self.whole = nn.Sequential(
            nn.LayerNorm(features), nn.Linear(features, features), nn.SiLU(), nn.Linear(features, features)
        )
        self.step = nn.Sequential(
            nn.Linear(_STEP_FEATURES, features), nn.Mish(), nn.Linear(features, features)
        )
        self.step_tokens = nn.Linear(features, _STEP_TOKENS * features)
        self.blocks = nn.ModuleList([ToldBlock(*sizes) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(features)
        self.leave = nn.Linear(features, config.diffused)

    def listen(
        self,
        heard: Float[Tensor, "batch frames heard"],
        lips: Float[Tensor, "batch frames lips"],
        deaf: Bool[Tensor, " batch"] | None = None,
    ) -> HeardWindow:
        """`deaf`: which of a batch are told nothing."""
        x = self.hear(heard) + self.lips(lips.to(heard))
        if deaf is not None:
            x = torch.where(deaf[:, None, None], self.unheard.to(x), x)
        joined = x if self.config.joined else None
        by = rotary_turns(x.shape[1], self.config.features // self.config.heads, x.device)
        for block in self.listening:
            x = block(x, by)
        memories = tuple(block.listen.remember(x, by) for block in self._told_blocks())
        return HeardWindow(joined, self.whole(x.mean(1)), memories, by)

    def forward(
        self,
        x: Float[Tensor, "batch frames dims"],
        t: Int[Tensor, " batch"],
        past: Carried,
        heard: HeardWindow,
    ) -> Float[Tensor, "batch frames dims"]:
        step = self.step(step_waves(t).to(x))
        tokens = self.step_tokens(step).unflatten(1, (_STEP_TOKENS, -1))
        nowhere = (heard.turns[0][:0], heard.turns[1][:0])
        x = self.enter(torch.cat([x, past.numbers.to(x), past.known[..., None].to(x)], dim=-1))
        x = x if heard.joined is None else x + heard.joined
        for block, (key, value) in zip(self._told_blocks(), heard.memories, strict=True):
            step_key, step_value = block.listen.remember(tokens, nowhere)
            memory = torch.cat([key, step_key], dim=2), torch.cat([value, step_value], dim=2)
            x = block(x, step + heard.whole, memory, heard.turns)
        return self.leave(self.norm(x))

    def _told_blocks(self) -> list[ToldBlock]:
        return [block for block in self.blocks if isinstance(block, ToldBlock)]


def step_waves(t: Int[Tensor, " batch"]) -> Float[Tensor, "batch waves"]:
    """Sinusoids of a step, of periods from 2 pi to 20,000 pi steps."""
    half = _STEP_FEATURES // 2
    rates = torch.exp(-math.log(10_000) * torch.arange(half, device=t.device) / half)
    angles = t[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=1)
