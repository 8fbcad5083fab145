"""The velocity network: shared blocks that hear words, then branches for pose, expression and identity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from talkcli.engine.layers.attention import padding_mask
from talkcli.engine.layers.rotary import RotaryTurns, rotary_turns
from talkcli.engine.methods.dxtalker.blocks import AdaptiveBlock, KeysValues
from talkcli.engine.methods.dxtalker.config import TIMES, DxTalkerConfig
from talkcli.engine.methods.dxtalker.face_vector import FaceParts
from talkcli.engine.methods.dxtalker.hearing import LOUDNESS_REACH, Streams

TIME_FEATURES = 256


@dataclass(frozen=True)
class Condition:
    """All that does not change from noise to motion, worked out once."""

    own: Float[Tensor, "batch frames features"] | None
    """Each frame's own speech, where it joins the noise."""
    memories: tuple[KeysValues | None, ...]
    """Of every block, in order."""
    reference: Float[Tensor, "batch features"]
    turns: RotaryTurns
    present: Bool[Tensor, "batch 1 1 frames"] | None


class Branch(nn.Module):
    """Blocks of its own and what is read from them."""

    def __init__(self, config: DxTalkerConfig, blocks: int, numbers: int, listens: bool = True) -> None:
        super().__init__()
        self.blocks = stacked(config, blocks, listens)
        self.norm = nn.LayerNorm(config.features)
        self.enter = nn.Linear(config.features, 2 * config.features)
        self.leave = nn.Linear(2 * config.features, numbers)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def read(self, x: Float[Tensor, "batch frames features"]) -> Float[Tensor, "batch frames numbers"]:
        return self.leave(nn.functional.gelu(self.enter(self.norm(x))))


def stacked(config: DxTalkerConfig, count: int, listens: bool = True) -> nn.ModuleList:
    sizes = (config.features, config.heads, config.feed_forward, config.dropout)
    return nn.ModuleList([AdaptiveBlock(*sizes, listens) for _ in range(count)])


class VelocityNetwork(nn.Module):
    """dx/dt of normalised face vectors on the way from noise (t = 0) to motion (t = 1)."""

    def __init__(self, config: DxTalkerConfig, speech: int, own: int, emotion: int) -> None:
        super().__init__()
        self.config, layout, features = config, config.layout, config.features
        self.noise = nn.Linear(layout.dims, features)
        self.reference = nn.Linear(layout.dims, features)
        self.time = nn.Sequential(
            nn.Linear(TIME_FEATURES, features), nn.SiLU(), nn.Linear(features, features)
        )
        self.tell = nn.Linear(features, 6 * features)
        nn.init.zeros_(self.tell.weight)
        nn.init.zeros_(self.tell.bias)
        self.speech = _entrance(speech, features)
        self.own = nn.Linear(own, features) if config.reach >= 0 else None
        self.loudness = _entrance(2 * LOUDNESS_REACH + 1, features) if config.amplitude else None
        self.emotion = _entrance(emotion, features) if config.emotion else None
        self.unheard = nn.Parameter(torch.zeros(features)) if config.drop else None
        """What stands for every frame of speech where nothing is heard."""
        self.shared = stacked(config, config.shared_blocks)
        self.pose = Branch(config, config.pose_blocks, layout.head + layout.jaw + layout.translation)
        self.expression = Branch(config, config.expression_blocks, layout.expression)
        still = layout.identity + layout.detail
        self.identity = Branch(config, config.identity_blocks, still, listens=False) if still else None

    def condition(
        self,
        streams: Streams,
        reference: Float[Tensor, "batch dims"],
        frames: Int[Tensor, " batch"] | None = None,
        heard: Bool[Tensor, " batch"] | None = None,
    ) -> Condition:
        """`frames` are how many each has, where some are padded; `heard` which of a batch hear at all."""
        longest = streams.speech.shape[1]
        by = rotary_turns(longest, self.config.features // self.config.heads, streams.speech.device)
        speech = self._dropped(self.speech(streams.speech), heard)
        loud = speech if self.loudness is None else self._dropped(self.loudness(streams.loudness), heard)
        felt = speech
        if self.emotion is not None and streams.emotion is not None:
            felt = self._dropped(self.emotion(streams.emotion), heard)
        own = None
        if self.own is not None and streams.own is not None:
            own = self.own(streams.own)
            own = own if heard is None else own * heard[:, None, None]
        memories = [
            memory
            for blocks, x in ((self.shared, speech), (self.pose.blocks, loud), (self.expression.blocks, felt))
            for memory in remembered(blocks, x, by)
        ]
        present = None
        if frames is not None and bool((frames != longest).any()):
            present = ~padding_mask(frames, longest, streams.speech.device)[:, None, None]
        return Condition(own, tuple(memories), self.reference(reference), by, present)

    def forward(
        self, x: Float[Tensor, "batch frames dims"], t: Float[Tensor, " batch"], condition: Condition
    ) -> Float[Tensor, "batch frames dims"]:
        """`reference` of the condition is normalised as it was learnt; t goes from 0 to 1."""
        x = self.noise(x) if condition.own is None else self.noise(x) + condition.own
        told = self.time(instants(t).to(x)) + condition.reference
        modulation = self.tell(nn.functional.silu(told)).unflatten(1, (6, -1))
        memories = iter(condition.memories)

        def through(blocks: nn.ModuleList, x: Tensor) -> Tensor:
            for block in blocks:
                x = block(x, modulation, next(memories, None), condition.turns, condition.present)
            return x

        x = through(self.shared, x)
        pose, expression, identity = (
            x[..., :0] if branch is None else branch.read(through(branch.blocks, x))
            for branch in (self.pose, self.expression, self.identity)
        )
        layout = self.config.layout
        head, jaw, translation = pose.split((layout.head, layout.jaw, layout.translation), dim=-1)
        identity, detail = identity.split((layout.identity, layout.detail), dim=-1)
        return layout.pack(FaceParts(identity, expression, head, jaw, detail, translation))

    def _dropped(self, x: Tensor, heard: Bool[Tensor, " batch"] | None) -> Tensor:
        if heard is None or self.unheard is None:
            return x
        return torch.where(heard[:, None, None], x, self.unheard.to(x))


def remembered(
    blocks: nn.ModuleList, heard: Float[Tensor, "batch frames features"], by: RotaryTurns
) -> list[KeysValues | None]:
    """What every block keeps of what is heard."""
    return [block.memory(heard, by) for block in blocks if isinstance(block, AdaptiveBlock)]


def _entrance(numbers: int, features: int) -> nn.Sequential:
    """Something heard, as wide as the network."""
    return nn.Sequential(
        nn.Linear(numbers, features), nn.GELU(), nn.Linear(features, features), nn.LayerNorm(features)
    )


def instants(t: Float[Tensor, " batch"]) -> Float[Tensor, "batch time"]:
    """Sinusoids of the training step that a time is, of periods from 2 pi to 20,000 pi steps."""
    half = TIME_FEATURES // 2
    rates = torch.exp(-math.log(10_000) * torch.arange(half, device=t.device) / half)
    angles = (TIMES * t)[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=1)
