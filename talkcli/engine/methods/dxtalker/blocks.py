"""Transformer blocks that are told the time of the flow and the reference frame by their norms."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.layers.rotary import RotaryTurns, turned_by

KeysValues = tuple[Tensor, Tensor]
"""Of attention: [batch, heads, frames, width] each, keys turned by their place."""


class Attending(nn.Module):
    """Attention of frames to frames; queries, keys and values without bias."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(features, features, bias=False)
        self.key_value = nn.Linear(features, 2 * features, bias=False)
        self.leave = nn.Linear(features, features)

    def memory(self, x: Float[Tensor, "batch frames features"], by: RotaryTurns) -> KeysValues:
        key, value = self.key_value(x).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return turned_by(key, by), value

    def forward(
        self,
        x: Float[Tensor, "batch frames features"],
        memory: KeysValues,
        by: RotaryTurns,
        present: Bool[Tensor, "batch 1 1 frames"] | None,
    ) -> Float[Tensor, "batch frames features"]:
        query = turned_by(self.query(x).unflatten(2, (self.heads, -1)).transpose(1, 2), by)
        attended = F.scaled_dot_product_attention(query, *memory, attn_mask=present)
        return self.leave(attended.transpose(1, 2).flatten(2))


class AdaptiveBlock(nn.Module):
    """Self-attention, cross-attention and a gated perceptron.

    adaLN-Zero (Peebles and Xie 2023), by one projection for all blocks and a table for each (Chen et al.
    2023).
    """

    def __init__(self, features: int, heads: int, feed_forward: int, dropout: float, listens: bool) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(6, features))
        """Added to what time and reference say: shift, scale and gate of each residue but the second."""
        self.attend = Attending(features, heads)
        self.listen = Attending(features, heads) if listens else None
        self.listen_norm = nn.LayerNorm(features) if listens else None
        self.enter = nn.Linear(features, 2 * feed_forward * features)
        self.leave = nn.Linear(feed_forward * features, features)
        self.dropout = nn.Dropout(dropout)

    def memory(self, heard: Float[Tensor, "batch frames features"], by: RotaryTurns) -> KeysValues | None:
        """Keys and values of what is heard: the same at all times of the flow."""
        return None if self.listen is None else self.listen.memory(heard, by)

    def forward(
        self,
        x: Float[Tensor, "batch frames features"],
        told: Float[Tensor, "batch 6 features"],
        memory: KeysValues | None,
        by: RotaryTurns,
        present: Bool[Tensor, "batch 1 1 frames"] | None,
    ) -> Float[Tensor, "batch frames features"]:
        shift_a, scale_a, gate_a, shift_b, scale_b, gate_b = (told + self.table)[:, :, None].unbind(1)
        y = _normed(x) * (1 + scale_a) + shift_a
        x = x + gate_a * self.dropout(self.attend(y, self.attend.memory(y, by), by, present))
        if memory is not None and self.listen is not None and self.listen_norm is not None:
            x = x + self.dropout(self.listen(self.listen_norm(x), memory, by, present))
        gate, value = self.enter(_normed(x) * (1 + scale_b) + shift_b).chunk(2, dim=-1)
        return x + gate_b * self.dropout(self.leave(F.gelu(gate) * value))


def _normed(x: Float[Tensor, "batch frames features"]) -> Float[Tensor, "batch frames features"]:
    return F.layer_norm(x, x.shape[-1:])
