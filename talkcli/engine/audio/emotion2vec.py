"""emotion2vec (Ma et al. 2023): speech as states that tell feelings, by a data2vec 2.0 encoder of our own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.ear import PiecewiseEar
from talkcli.engine.audio.wav2vec import long_enough, normalised
from talkcli.engine.config import check_limits
from talkcli.engine.errors import Untrusted
from talkcli.engine.speech import FIELD, SAMPLE_RATE, TICK

_KERNELS, _STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
"""Of its convolutions: FIELD samples wide together, TICK apart."""


@dataclass(frozen=True)
class Emotion2vecConfig:
    """emotion2vec+ base by default."""

    hidden: int = 768
    heads: int = 12
    feed_forward: int = 3072
    blocks: int = 12
    """Four of its prenet and eight of its trunk, which are alike."""
    convolution: int = 512
    positions: int = 5
    """Convolutions that say where a tick stands."""
    position_kernel: int = 19
    position_groups: int = 16
    extra_tokens: int = 10
    kind: Literal["emotion2vec"] = "emotion2vec"

    def __post_init__(self) -> None:
        check_limits(self, hidden=(1, 65_536), heads=(1, 1024), feed_forward=(1, 1 << 20), blocks=(1, 256))
        check_limits(self, convolution=(1, 65_536), positions=(0, 256), position_kernel=(1, 4095))
        check_limits(self, position_groups=(1, 4096), extra_tokens=(0, 4096))
        if self.hidden % self.heads or self.hidden % self.position_groups or self.position_kernel % 2 == 0:
            raise ValueError(
                f"hidden is {self.hidden}, no multiple of its heads and groups, or a kernel even"
            )


class Emotion2vecBlock(nn.Module):
    """Attention with a bias, then a perceptron, each normed after it is added."""

    def __init__(self, config: Emotion2vecConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv, self.proj = (
            nn.Linear(config.hidden, 3 * config.hidden),
            nn.Linear(config.hidden, config.hidden),
        )
        self.norm1, self.norm2 = nn.LayerNorm(config.hidden), nn.LayerNorm(config.hidden)
        self.fc1 = nn.Linear(config.hidden, config.feed_forward)
        self.fc2 = nn.Linear(config.feed_forward, config.hidden)

    def forward(
        self, x: Float[Tensor, "batch tokens hidden"], bias: Float[Tensor, "1 heads tokens tokens"]
    ) -> Float[Tensor, "batch tokens hidden"]:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).flatten(2)
        x = self.norm1(x + self.proj(attended))
        return self.norm2(x + self.fc2(F.gelu(self.fc1(x))))


class Emotion2vecEar(PiecewiseEar):
    """Its frame features, 50 ticks a second; pieces of sound are normed as wholes, as its pipeline does."""

    first = FIELD / 2 / TICK
    longest = 30 * SAMPLE_RATE // TICK

    def __init__(self, config: Emotion2vecConfig) -> None:
        super().__init__()
        self.config = config
        channels = (1, *[config.convolution] * len(_KERNELS))
        self.convolutions = nn.ModuleList(
            [
                nn.Conv1d(channels[i], channels[i + 1], kernel, stride, bias=False)
                for i, (kernel, stride) in enumerate(zip(_KERNELS, _STRIDES, strict=True))
            ]
        )
        self.norms = nn.ModuleList([nn.LayerNorm(config.convolution) for _ in _KERNELS])
        self.project_norm = nn.LayerNorm(config.convolution)
        self.project = nn.Linear(config.convolution, config.hidden)
        self.positions = nn.ModuleList(
            [
                nn.Conv1d(
                    config.hidden, config.hidden, config.position_kernel,
                    padding=config.position_kernel // 2, groups=config.position_groups,
                )
                for _ in range(config.positions)
            ]
        )  # fmt: skip
        self.extra_tokens = nn.Parameter(torch.zeros(1, config.extra_tokens, config.hidden))
        self.alibi_scale = nn.Parameter(torch.ones(1, 1, config.heads, 1, 1))
        self.prenet_norm = nn.LayerNorm(config.hidden)
        self.blocks = nn.ModuleList([Emotion2vecBlock(config) for _ in range(config.blocks)])

    @property
    def width(self) -> int:
        return self.config.hidden

    def ticks(self, sound: Float[Tensor, " samples"]) -> Float[Tensor, "ticks hidden"]:
        return self(normalised(long_enough(sound[None])[0])[None])[0]

    def forward(self, sound: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch ticks hidden"]:
        x = sound[:, None]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.gelu(norm(convolution(x).transpose(1, 2)).transpose(1, 2))
        x = self.project(self.project_norm(x.transpose(1, 2)))
        x = x + self._placed(x)
        tokens, ticks = self.config.extra_tokens, x.shape[1]
        x = self.prenet_norm(torch.cat([self.extra_tokens.expand(len(x), -1, -1), x], dim=1))
        bias = F.pad(alibi(self.config.heads, ticks, x.device).to(x), (tokens, 0, tokens, 0))
        bias = bias[None] * self.alibi_scale[0].clamp(min=0)
        for block in self.blocks:
            x = block(x, bias)
        return x[:, tokens:]

    def _placed(self, x: Float[Tensor, "batch ticks hidden"]) -> Float[Tensor, "batch ticks hidden"]:
        """Where each tick stands, from its neighbours."""
        for convolution in self.positions:
            x = convolution(x.transpose(1, 2)).transpose(1, 2)
            x = F.gelu(F.layer_norm(x, x.shape[-1:]))
        return x


def alibi(heads: int, ticks: int, device: torch.device | None = None) -> Float[Tensor, "heads ticks ticks"]:
    """-slope |i - j| (Press et al. 2022, the same both ways).

    Slopes of counts between two powers of two are those of the lower, then every other one of the higher.
    """
    lower = 1 << (heads.bit_length() - 1)
    slopes = [2 ** (-8 * (i + 1) / lower) for i in range(lower)]
    slopes += [2 ** (-4 * (2 * i + 1) / lower) for i in range(heads - lower)]
    at = torch.arange(ticks, device=device)
    return -torch.tensor(slopes, device=device)[:, None, None] * (at[:, None] - at).abs()


_AUDIO = r"^modality_encoders\.AUDIO\."
_PUBLISHED = (
    (_AUDIO + r"local_encoder\.conv_layers\.(\d+)\.0\.", r"convolutions.\1."),
    (_AUDIO + r"local_encoder\.conv_layers\.(\d+)\.2\.1\.", r"norms.\1."),
    (_AUDIO + r"project_features\.1\.", "project_norm."),
    (_AUDIO + r"project_features\.2\.", "project."),
    (_AUDIO + r"context_encoder\.norm\.", "prenet_norm."),
    (_AUDIO + r"(extra_tokens|alibi_scale)$", r"\1"),
    (r"\.attn\.(qkv|proj)\.", r".\1."),
    (r"\.mlp\.(fc1|fc2)\.", r".\1."),
)
"""Names in the published checkpoints -> ours, but for what is counted anew."""


def emotion2vec_weights(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's weights by our names, from those of a published checkpoint; its decoder and its head of
    nine moods are left."""
    prenet = [
        int(m[1]) for key in published if (m := re.match(_AUDIO + r"context_encoder\.blocks\.(\d+)\.", key))
    ]
    first_of_trunk = 1 + max(prenet, default=-1)
    renamed = {}
    for key, tensor in published.items():
        name = re.sub(r"^blocks\.(\d+)\.", lambda m: f"blocks.{int(m[1]) + first_of_trunk}.", key)
        name = re.sub(_AUDIO + r"context_encoder\.blocks\.", "blocks.", name)
        name = re.sub(
            _AUDIO + r"relative_positional_encoder\.(\d+)\.0\.", lambda m: f"positions.{int(m[1]) - 1}.", name
        )
        for pattern, ours in _PUBLISHED:
            name = re.sub(pattern, ours, name)
        renamed[name] = tensor
    return {
        key: tensor for key, tensor in renamed.items() if not key.startswith(("proj.", "modality_encoders"))
    }


def take_emotion2vec(ear: Emotion2vecEar, published: Mapping[str, Tensor], source: str) -> None:
    """A published checkpoint's weights into an ear; Untrusted where one is missing or of another size."""
    own, theirs = ear.state_dict(), emotion2vec_weights(published)
    for name, tensor in own.items():
        there = theirs.get(name)
        if there is None or there.shape != tensor.shape:
            size = "missing" if there is None else str(tuple(there.shape))
            raise Untrusted(
                f"{source} is no emotion2vec of this size: {name} is {size}, not {tuple(tensor.shape)}.",
                "Set config.emotion to its sizes, or give model.pt of emotion2vec_plus_base.",
            )
    ear.load_state_dict({name: theirs[name] for name in own})
