"""The autoencoder of UV maps: a grid of latents, each snapped to the nearest code, makes a map (VQ-GAN).

One architecture for motion and for wrinkles, with weights of their own. Layout, names and order of the blocks
are those of the published checkpoints, which are CodeFormer's (Zhou et al. 2022), whose network is that of
Esser et al. 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from talkcli.engine.config import check_limits
from talkcli.engine.device import Precision
from talkcli.engine.errors import BadInput
from talkcli.engine.methods.textalker.map_blocks import Attention, Chain, Down, Residual, Up, norm
from talkcli.engine.methods.textalker.painter import MapPainter

COMMITMENT = 1.0
CODEBOOK = 0.25
"""Weights of the two halves of the codebook loss, as published: beta is on the codes, not on the encoder."""

DECAY = 0.99
"""Of the running use of a code, a step."""


@dataclass(frozen=True)
class AutoencoderConfig:
    """As published for maps of 512."""

    size: int = 512
    channels: int = 3
    width: int = 64
    """Channels at full size; `multipliers` of it at every halving."""
    multipliers: tuple[int, ...] = (1, 2, 2, 4, 4, 8)
    blocks: int = 2
    """Residual blocks a level."""
    attention: tuple[int, ...] = (16,)
    """Sizes at which every residual block is followed by attention; the innermost has it anyway."""
    latent: int = 16
    """Channels of the grid of latents."""
    codes: int = 1024
    patch: int = 1
    """Side of the squares of texels that become one; 2 leaves a quarter of the work at full size."""
    groups: int = 32
    """Of a group norm, or the largest divisor of it that divides the channels."""
    restart: float = 0.0
    """A code used less than this part of the average moves onto a latent (Dhariwal et al. 2020, appendix B);
    0, as published, leaves codes alone. The first batch places them all."""

    def __post_init__(self) -> None:
        check_limits(self, size=(4, 8192), channels=(1, 64), width=(1, 4096), multipliers=(1, 64))
        check_limits(self, blocks=(1, 64), attention=(1, 8192), latent=(1, 4096), codes=(2, 1 << 20))
        check_limits(self, patch=(1, 64), groups=(1, 4096), restart=(0, 1))
        if not self.multipliers or not self.grid:
            raise ValueError(f"size is {self.size}, too small for {len(self.multipliers)} multipliers")

    @property
    def grid(self) -> int:
        """The side of the grid of latents."""
        return self.size // self.patch >> (len(self.multipliers) - 1)

    @property
    def dims(self) -> int:
        """Numbers that make one map's latents."""
        return self.latent * self.grid**2


class Quantised(NamedTuple):
    """Latents snapped to their codes."""

    latents: Float[Tensor, "b latent g g"]
    """The codes; gradients pass to what was snapped."""
    indices: Int[Tensor, "b g g"]
    loss: Float[Tensor, ""]

    @property
    def perplexity(self) -> Float[Tensor, ""]:
        """How many codes a batch would use, were all used alike."""
        share = self.indices.flatten().bincount() / self.indices.numel()
        return (-share * (share + 1e-10).log()).sum().exp()


class Quantiser(nn.Module):
    """The codebook."""

    def __init__(self, codes: int, width: int, restart: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, width)
        nn.init.uniform_(self.embedding.weight, -1 / codes, 1 / codes)
        self.restart = restart
        if restart:
            self.register_buffer("use", torch.zeros(codes))

    def nearest(self, latents: Float[Tensor, "b latent g g"]) -> Int[Tensor, "b g g"]:
        """The index of the code closest to each latent."""
        z, e = latents.movedim(1, -1).flatten(0, 2), self.embedding.weight
        distance = z.square().sum(1, keepdim=True) + e.square().sum(1) - 2 * z @ e.T
        return distance.argmin(1).reshape(latents.shape[0], *latents.shape[2:])

    def codes(self, indices: Int[Tensor, "b g g"]) -> Float[Tensor, "b latent g g"]:
        return self.embedding(indices).movedim(-1, 1)

    def forward(self, latents: Float[Tensor, "b latent g g"]) -> Quantised:
        with torch.autocast(latents.device.type, enabled=False):
            latents = latents.float()
            indices = self.nearest(latents)
            codes = self.codes(indices)
            loss = COMMITMENT * F.mse_loss(latents, codes.detach())
            loss = loss + CODEBOOK * F.mse_loss(codes, latents.detach())
            return Quantised(latents + (codes - latents).detach(), indices, loss)

    @torch.no_grad()
    def revive(self, latents: Float[Tensor, "b latent g g"], generator: torch.Generator) -> None:
        """Move the codes that are hardly used onto latents drawn from these; all of them the first time.

        Processes that train together keep the codebook of the first.
        """
        use, count = self.get_buffer("use"), self.embedding.num_embeddings
        latents = latents.float()
        indices, fresh = self.nearest(latents).flatten(), use.any()
        used = torch.zeros_like(use).scatter_add_(0, indices, torch.ones_like(indices, dtype=use.dtype))
        use.lerp_(used / indices.numel(), 1 - DECAY)
        idle = (use < self.restart / count) | ~fresh
        picks = torch.randint(indices.numel(), (count,), generator=generator)
        places = latents.movedim(1, -1).flatten(0, 2)[picks.to(latents.device, non_blocking=True)]
        self.embedding.weight.copy_(places.where(idle[:, None], self.embedding.weight))
        use.masked_fill_(idle, 1 / count)
        if distributed.is_available() and distributed.is_initialized():
            distributed.broadcast(self.embedding.weight, src=0)
            distributed.broadcast(use, src=0)


class Autoencoder(nn.Module):
    """Maps to latents, latents to codes, codes to maps."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        if config.patch * config.grid << (len(config.multipliers) - 1) != config.size:
            raise BadInput(
                f"a map of {config.size} texels cannot be halved {len(config.multipliers) - 1} times",
                "choose a size that is a multiple of a power of two, or fewer multipliers",
            )
        self.config = config
        self.encoder = Chain(encoder_blocks(config))
        self.quantize = Quantiser(config.codes, config.latent, config.restart)
        self.generator = Chain(generator_blocks(config))
        self._painter: tuple[tuple[object, ...], MapPainter] | None = None

    @property
    def last_weight(self) -> Float[Tensor, "channels width 3 3"]:
        """Of the generator's last convolution."""
        return self.generator.blocks[-1].get_parameter("weight")

    def encode(self, maps: Float[Tensor, "b channels size size"]) -> Float[Tensor, "b latent g g"]:
        """Latents before quantisation: what diffusion learns to draw."""
        return self.encoder(F.pixel_unshuffle(maps, self.config.patch))

    def quantise(self, latents: Float[Tensor, "b latent g g"]) -> Quantised:
        return self.quantize(latents)

    def generate(self, codes: Float[Tensor, "b latent g g"]) -> Float[Tensor, "b channels size size"]:
        """Maps in (0, 1) of latents that are codes already."""
        return F.pixel_shuffle(self.generator(codes), self.config.patch).sigmoid()

    def decode(
        self, latents: Float[Tensor, "b latent g g"], precision: Precision = "full"
    ) -> Float[Tensor, "b channels size size"]:
        """Maps in (0, 1). Without gradients, grids that snap to the same codes are painted once, in float16
        where the device and `precision` say so."""
        if torch.is_grad_enabled():
            return self.generate(self.quantise(latents).latents)
        grids, which = self.quantize.nearest(latents.float()).unique(dim=0, return_inverse=True)
        return self.painter(precision).painted(self.quantize.codes(grids))[which]

    def painter(self, precision: Precision = "full") -> MapPainter:
        """The generator as it is now, laid out for painting: made once, until a weight changes."""
        last, config = self._painter, self.config
        state = (precision, *((weight.data_ptr(), weight._version) for weight in self.generator.parameters()))
        if last is None or last[0] != state:
            widths = [config.width * times for times in config.multipliers]
            largest = max(widths[:2]) * (config.size // config.patch) ** 2
            codes = (config.latent, config.grid, config.grid)
            last = self._painter = state, MapPainter(self.generator, codes, config.patch, largest, precision)
        return last[1]

    def forward(
        self, maps: Float[Tensor, "b channels size size"]
    ) -> tuple[Float[Tensor, "b channels size size"], Quantised]:
        """What comes out when maps go in, and what they were snapped to."""
        codes = self.quantise(self.encode(maps))
        return self.generate(codes.latents), codes


def encoder_blocks(config: AutoencoderConfig) -> list[nn.Module]:
    """From a map to latents, level by level."""
    widths, groups = [config.width * m for m in config.multipliers], config.groups
    blocks: list[nn.Module] = [nn.Conv2d(config.channels * config.patch**2, config.width, 3, padding=1)]
    width = config.width
    for level, outputs in enumerate(widths):
        for _ in range(config.blocks):
            blocks += level_blocks(config, level, width, outputs)
            width = outputs
        if level < len(widths) - 1:
            blocks.append(Down(width))
    blocks += innermost(width, groups)
    return [*blocks, norm(width, groups), nn.Conv2d(width, config.latent, 3, padding=1)]


def generator_blocks(config: AutoencoderConfig) -> list[nn.Module]:
    """From codes to a map: the encoder's way back."""
    widths, groups = [config.width * m for m in config.multipliers], config.groups
    width = widths[-1]
    blocks: list[nn.Module] = [nn.Conv2d(config.latent, width, 3, padding=1), *innermost(width, groups)]
    for level in reversed(range(len(widths))):
        for _ in range(config.blocks):
            blocks += level_blocks(config, level, width, widths[level])
            width = widths[level]
        if level:
            blocks.append(Up(width))
    return [*blocks, norm(width, groups), nn.Conv2d(width, config.channels * config.patch**2, 3, padding=1)]


def innermost(width: int, groups: int) -> list[nn.Module]:
    return [Residual(width, width, groups), Attention(width, groups), Residual(width, width, groups)]


def level_blocks(config: AutoencoderConfig, level: int, inputs: int, outputs: int) -> list[nn.Module]:
    """One residual block of a level, and attention where the level has it."""
    looks = config.size // config.patch >> level in config.attention
    block = Residual(inputs, outputs, config.groups)
    return [block, Attention(outputs, config.groups)] if looks else [block]
