"""Pre-norm transformer blocks with rotary positions; in the decoder's every branch is told the step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.layers.rotary import RotaryTurns, turned_by

Remembered = tuple[Float[Tensor, "batch heads memory width"], Float[Tensor, "batch heads memory width"]]
"""Keys, turned by their place, and values of what is attended to."""


class RotaryAttention(nn.Module):
    """Frames to frames; the numbers of queries and keys are turned by where they stand."""

    def __init__(self, features: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query = nn.Linear(features, features)
        self.key_value = nn.Linear(features, 2 * features)
        self.leave = nn.Linear(features, features)

    def remember(self, x: Float[Tensor, "batch memory features"], by: RotaryTurns) -> Remembered:
        """Tokens past the last turn have no place, and are not turned."""
        key, value = self.key_value(x).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        placed = len(by[0])
        return torch.cat([turned_by(key[:, :, :placed], by), key[:, :, placed:]], dim=2), value

    def forward(
        self, x: Float[Tensor, "batch frames features"], memory: Remembered, by: RotaryTurns
    ) -> Float[Tensor, "batch frames features"]:
        query = turned_by(self.query(x).unflatten(2, (self.heads, -1)).transpose(1, 2), by)
        key, value = memory
        dropout = self.dropout if self.training else 0.0
        if torch.is_grad_enabled() and x.device.type == "cpu":  # the fused one learns slower there
            shares = (query * query.shape[-1] ** -0.5 @ key.transpose(2, 3)).softmax(-1)
            attended = F.dropout(shares, dropout) @ value
        else:
            attended = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return self.leave(attended.transpose(1, 2).flatten(2))


class FeedForward(nn.Sequential):
    def __init__(self, features: int, inner: int, dropout: float) -> None:
        super().__init__(
            nn.Linear(features, inner), nn.GELU(), nn.Dropout(dropout), nn.Linear(inner, features)
        )


class PlainBlock(nn.Module):
    """Self-attention and a perceptron."""

    def __init__(self, features: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.attend, self.think = (
            RotaryAttention(features, heads, dropout),
            FeedForward(features, feed_forward, dropout),
        )
        self.attend_norm, self.think_norm = nn.LayerNorm(features), nn.LayerNorm(features)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch frames features"], by: RotaryTurns
    ) -> Float[Tensor, "batch frames features"]:
        y = self.attend_norm(x)
        x = x + self.dropout(self.attend(y, self.attend.remember(y, by), by))
        return x + self.dropout(self.think(self.think_norm(x)))


class ToldBlock(nn.Module):
    """Self-attention, attention to what is heard, and a perceptron: of each y the residue is (1 + s) y + b.

    s and b come from the step and from all that is heard (FiLM, Perez et al. 2018).
    """

    def __init__(self, features: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.attend, self.listen = (RotaryAttention(features, heads, dropout) for _ in range(2))
        self.think = FeedForward(features, feed_forward, dropout)
        self.norms = nn.ModuleList([nn.LayerNorm(features) for _ in range(3)])
        self.told = nn.Sequential(nn.Mish(), nn.Linear(features, 6 * features))
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.told[1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.told[1].bias)  # type: ignore[arg-type]

    def films(self, told: Float[Tensor, "batch features"]) -> Sequence[Tensor]:
        """Scale and shift of each branch in turn."""
        return self.told(told)[:, None].chunk(6, dim=-1)

    def forward(
        self,
        x: Float[Tensor, "batch frames features"],
        told: Float[Tensor, "batch features"],
        memory: Remembered,
        by: RotaryTurns,
    ) -> Float[Tensor, "batch frames features"]:
        scale_a, shift_a, scale_l, shift_l, scale_t, shift_t = self.films(told)
        y = self.norms[0](x)
        y = self.attend(y, self.attend.remember(y, by), by)
        x = torch.addcmul(x + shift_a, 1 + scale_a, self.dropout(y))
        y = self.listen(self.norms[1](x), memory, by)
        x = torch.addcmul(x + shift_l, 1 + scale_l, self.dropout(y))
        y = self.think(self.norms[2](x))
        return torch.addcmul(x + shift_t, 1 + scale_t, self.dropout(y))
