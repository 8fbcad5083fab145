"""What lips do, from what is heard: a small transformer, learnt first and then left as it is."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from talkcli.engine.layers.rotary import rotary_turns
from talkcli.engine.methods.unigaha.blocks import PlainBlock
from talkcli.engine.methods.unigaha.config import UnigahaConfig


class LipReader(nn.Module):
    """Windows of what is heard to `config.lips` numbers a frame."""

    def __init__(self, config: UnigahaConfig, heard: int) -> None:
        super().__init__()
        self.width = config.lip_features // config.lip_heads
        self.enter = nn.Sequential(nn.Linear(heard, config.lip_features), nn.LayerNorm(config.lip_features))
        sizes = (config.lip_features, config.lip_heads, config.lip_feed_forward, config.dropout)
        self.blocks = nn.ModuleList([PlainBlock(*sizes) for _ in range(config.lip_layers)])
        self.norm = nn.LayerNorm(config.lip_features)
        self.leave = nn.Linear(config.lip_features, config.lips)

    def forward(self, heard: Float[Tensor, "batch frames heard"]) -> Float[Tensor, "batch frames lips"]:
        x, by = self.enter(heard), rotary_turns(heard.shape[1], self.width, heard.device)
        for block in self.blocks:
            x = block(x, by)
        return self.leave(self.norm(x))
