"""TexTalker's denoiser: motion and texture of a window of frames, guessed together from noise and speech."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.config import check_limits
from talkcli.engine.layers.attention import alignment_mask
from talkcli.engine.layers.positions import sinusoids

FPS = 30
"""Frames a second of its windows."""


@dataclass(frozen=True)
class DenoiserConfig:
    """As published by default."""

    features: int = 1024
    window: int = 90
    """Frames made at a time."""
    context: int = 15
    """Frames of the window before, seen again."""
    steps: int = 500
    """Of diffusion, in training."""
    layers: int = 8
    heads: int = 4
    feed_forward: int = 4096
    dropout: float = 0.1
    motion: int = 4096
    """Numbers a frame of the motion latent."""
    texture: int = 4096
    """Numbers a frame of the texture latent."""

    def __post_init__(self) -> None:
        check_limits(self, features=(2, 65_536), window=(2, 10_000), context=(0, 10_000))
        check_limits(self, steps=(2, 100_000), layers=(1, 256), heads=(1, 1024), feed_forward=(1, 1 << 20))
        check_limits(self, dropout=(0, 0.99))
        check_limits(self, motion=(1, 1 << 20), texture=(1, 1 << 20))
        if self.features % self.heads or self.features % 2:
            raise ValueError(f"features are {self.features}, not an even multiple of {self.heads} heads")

    @property
    def dims(self) -> int:
        return self.motion + self.texture


class LayerAudio(NamedTuple):
    """What a layer makes of the audio, whatever the step."""

    told: Float[Tensor, "batch frames features"]
    """What each frame is told."""
    k: Float[Tensor, "batch frames features"]
    v: Float[Tensor, "batch frames features"]
    """For the step token, which looks around."""


class Layer(nn.TransformerDecoderLayer):
    """A post-norm decoder layer for one step token and frames, each of which hears its own audio alone.

    A frame with a single key attends to it wholly, whatever it asks: what it hears is known before the first
    denoising step (`hear`). Only the step token has to look around.
    """

    def hear(self, memory: Float[Tensor, "batch frames features"]) -> LayerAudio:
        attention = self.multihead_attn
        size = memory.shape[-1]
        weight, bias = attention.in_proj_weight[size:], attention.in_proj_bias[size:]
        k, v = F.linear(memory, weight, bias).chunk(2, dim=-1)
        # One attention weight a head: dropping it drops the whole head.
        mask = F.dropout(v.new_ones(*v.shape[:2], attention.num_heads, 1), attention.dropout, self.training)
        dropped = (v.unflatten(-1, (attention.num_heads, -1)) * mask).flatten(2) if self.training else v
        return LayerAudio(attention.out_proj(dropped), k, v)

    def speak(
        self,
        h: Float[Tensor, "batch tokens features"],
        audio: LayerAudio,
        skip: int,
    ) -> Float[Tensor, "batch kept features"]:
        """Tokens from number `skip` on, token 0 being the step; all of them are seen."""
        size, heads = h.shape[-1], self.self_attn.num_heads
        q, k, v = F.linear(h, self.self_attn.in_proj_weight, self.self_attn.in_proj_bias).chunk(3, dim=-1)
        attention_out = _attend(q[:, skip:], k, v, heads, self.self_attn.dropout if self.training else 0.0)
        x = self.norm1(h[:, skip:] + self.dropout1(self.self_attn.out_proj(attention_out)))
        if skip == 0:
            cross = self.multihead_attn
            q = F.linear(x[:, :1], cross.in_proj_weight[:size], cross.in_proj_bias[:size])
            attention_out = _attend(q, audio.k, audio.v, heads, cross.dropout if self.training else 0.0)
            context = torch.cat([cross.out_proj(attention_out), audio.told], dim=1)
        else:
            context = audio.told[:, skip - 1 :]
        x = self.norm2(x + self.dropout2(context))
        return self.norm3(x + self._think(x))

    def _think(self, x: Float[Tensor, "batch tokens features"]) -> Float[Tensor, "batch tokens features"]:
        """Feed forward. Once trained, tokens are columns, a multiple of 16 of them: BLAS is faster then."""
        if self.training:
            return self.dropout3(self.linear2(self.dropout(F.gelu(self.linear1(x)))))
        count = x.shape[0] * x.shape[1]
        columns = F.pad(x.flatten(0, 1), (0, 0, 0, -count % 16)).T.contiguous()
        inner = F.gelu(torch.addmm(self.linear1.bias[:, None], self.linear1.weight, columns))
        outer = torch.addmm(self.linear2.bias[:, None], self.linear2.weight, inner)
        return outer[:, :count].T.reshape(x.shape)


def _attend(q: Tensor, k: Tensor, v: Tensor, heads: int, dropout: float) -> Tensor:
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (q, k, v))
    if torch.is_grad_enabled() and q.device.type == "cpu":  # the fused one learns at a fifth of this speed
        shares = (q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)).softmax(-1)
        return (F.dropout(shares, dropout) @ v).transpose(1, 2).flatten(2)
    return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout).transpose(1, 2).flatten(2)


class Steps(nn.Module):
    pe: Float[Tensor, "1 steps+1 features"]

    def __init__(self, steps: int, features: int) -> None:
        super().__init__()
        self.register_buffer("pe", sinusoids(steps + 1, features)[None])


class Layers(nn.Module):
    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        layers = [
            Layer(
                config.features,
                config.heads,
                dim_feedforward=config.feed_forward,
                dropout=config.dropout,
                activation=F.gelu,
                batch_first=True,
            )
            for _ in range(config.layers)
        ]
        self.layers = nn.ModuleList(layers)

    def __iter__(self) -> Iterator[Layer]:
        return cast(Iterator[Layer], iter(self.layers))


class Denoiser(nn.Module):
    """Section 3.3 of the paper; parts carry the names of the published checkpoints."""

    alignment_mask: Bool[Tensor, "tokens frames"]
    """Kept for the published checkpoints: `Layer` needs no mask."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        width, frames = config.features, config.context + config.window
        self.PE = nn.Parameter(torch.randn(1, 1 + frames, width))
        mask = torch.cat([torch.zeros(1, frames, dtype=torch.bool), alignment_mask(frames, 1)])
        self.register_buffer("alignment_mask", mask)
        self.TE = Steps(config.steps, width)
        self.diff_step_map = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.feature_proj = nn.Linear(config.dims + 1, width)
        self.transformer = Layers(config)
        self.motion_dec = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, config.dims))

    def forward(
        self,
        x: Float[Tensor, "batch window dims"],
        audio: Float[Tensor, "batch window features"],
        past: Float[Tensor, "batch context dims"],
        past_audio: Float[Tensor, "batch context features"],
        t: Int[Tensor, " batch"],
        present: Float[Tensor, "batch window"] | None = None,
    ) -> Float[Tensor, "batch context+window dims"]:
        """The clean frames, context included, that noisy `x` [motion | texture] at step `t` came from.

        `present` is 1 for real frames and 0 for padding.
        """
        return self._denoise(self._prepare(audio, past, past_audio, present), x, t, whole=True)

    def prepare(
        self,
        audio: Float[Tensor, "batch window features"],
        past: Float[Tensor, "batch context dims"],
        past_audio: Float[Tensor, "batch context features"],
        present: Float[Tensor, "batch window"] | None = None,
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """`forward` without the context's output, ready for many steps: what no step changes is done once."""
        memory = self._prepare(audio, past, past_audio, present)
        return lambda x, t: self._denoise(memory, x, t, whole=False)

    def _prepare(self, audio: Tensor, past: Tensor, past_audio: Tensor, present: Tensor | None) -> _Known:
        memory = torch.cat([past_audio, audio], dim=1)
        dims, context = self.config.dims, self.config.context
        weight, bias = self.feature_proj.weight, self.feature_proj.bias
        frames = bias + self.PE[:, 1 + context :]
        frames = frames + (weight[:, dims] if present is None else present[..., None] * weight[:, dims])
        before = F.linear(past, weight[:, :dims], bias) + self.PE[:, 1 : 1 + context]
        memories = [layer.hear(memory) for layer in self.transformer]
        return _Known(before, frames, memories, weight[:, :dims].contiguous())

    def _denoise(self, known: _Known, x: Tensor, t: Tensor, whole: bool) -> Tensor:
        step = self.diff_step_map(self.TE.pe[0, t])[:, None] + self.PE[:, :1]
        h = torch.cat([step, known.before, known.frames + F.linear(x, known.weight)], dim=1)
        last = 1 if whole else 1 + self.config.context
        for number, (layer, audio) in enumerate(zip(self.transformer, known.audio, strict=True), start=1):
            h = layer.speak(h, audio, skip=last if number == self.config.layers else 0)
        return self.motion_dec(h)


@dataclass(frozen=True)
class _Known:
    """What a window's denoising steps share."""

    before: Float[Tensor, "batch context features"]
    """The context's tokens."""
    frames: Float[Tensor, "#batch window features"]
    """The frames' tokens, less their noisy numbers."""
    audio: Sequence[LayerAudio]
    """By layer."""
    weight: Float[Tensor, "features dims"]
    """Of the noisy numbers."""
