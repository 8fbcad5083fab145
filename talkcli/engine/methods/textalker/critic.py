"""What an autoencoder of maps learns from: likeness, codes, and a critic that tells its maps from real ones.

The critic is a PatchGAN (Isola et al. 2017); the objective is VQ-GAN's (Esser et al. 2021, section 3.1), with
the weights that TexTalker was published with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.device import bfloat16_products
from talkcli.engine.methods.textalker.autoencoder import Autoencoder
from talkcli.engine.training.stage import Losses

ADVERSARIAL = 0.2
"""Weight of the critic's verdict, and once more of how far it adapts."""

Likeness = Callable[[Tensor, Tensor], Tensor]
"""How unlike two batches of maps in [0, 1] look: a scalar."""


@dataclass(frozen=True)
class CriticConfig:
    """As published."""

    channels: int = 3
    width: int = 64
    stages: int = 4
    """Halvings, each twice as wide as the one before, up to eight widths."""


class Critic(nn.Module):
    """A verdict on every patch of a map: positive for real."""

    def __init__(self, config: CriticConfig) -> None:
        super().__init__()
        width = config.width
        layers: list[nn.Module] = [
            nn.Conv2d(config.channels, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
        ]
        for stage in range(1, config.stages + 1):
            wider, stride = config.width * min(2**stage, 8), 1 if stage == config.stages else 2
            layers += [
                nn.Conv2d(width, wider, 4, stride, padding=1, bias=False),
                nn.BatchNorm2d(wider),
                nn.LeakyReLU(0.2),
            ]
            width = wider
        self.main = nn.Sequential(*layers, nn.Conv2d(width, 1, 4, padding=1))

    def forward(self, maps: Float[Tensor, "b channels h w"]) -> Float[Tensor, "b 1 rows columns"]:
        return self.main(maps)


def autoencoder_losses(
    autoencoder: Autoencoder,
    maps: Float[Tensor, "b channels size size"],
    *,
    likeness: Likeness | None = None,
    critic: Critic | None = None,
    importance: Float[Tensor, "size size"] | None = None,
    half: bool = False,
    generator: torch.Generator | None = None,
    settled: bool = False,
) -> Losses:
    """What an autoencoder minimises over maps in [0, 1].

    `importance` is how much each texel's error counts, and `half` computes the network in bfloat16. Where the
    config restarts codes, they are drawn by `generator`. `settled`: encoder and codes stay as they are.
    """
    with bfloat16_products(maps.device, half):
        with torch.set_grad_enabled(not settled):
            latents = autoencoder.encode(maps)
            if autoencoder.config.restart and generator is not None and not settled:
                autoencoder.quantize.revive(latents.detach(), generator)
            codes = autoencoder.quantise(latents)
        images = autoencoder.generate(codes.latents)
    losses = {"pixel": pixel_loss(images, maps, importance)}
    if not settled:
        losses["codebook"] = codes.loss
    if likeness is not None:
        losses["likeness"] = likeness(images, maps)
    if critic is not None:
        frozen = {name: weight.detach() for name, weight in critic.named_parameters()}
        verdict = torch.func.functional_call(critic, frozen, (images,))
        fooled = -ADVERSARIAL * verdict.mean()
        likely = losses["pixel"] + losses.get("likeness", 0)
        losses["critic"] = adaptive_weight(likely, fooled, autoencoder.last_weight) * fooled
    return losses


def critic_losses(
    autoencoder: Autoencoder,
    critic: Critic,
    maps: Float[Tensor, "b channels size size"],
    *,
    half: bool = False,
) -> Losses:
    """Hinge: real maps above 1, made ones below -1 (Lim and Ye 2017)."""
    with torch.no_grad(), bfloat16_products(maps.device, half):
        images, _ = autoencoder(maps)
    return {"real": F.relu(1 - critic(maps)).mean(), "made": F.relu(1 + critic(images)).mean()}


def pixel_loss(
    made: Float[Tensor, "b channels size size"],
    maps: Float[Tensor, "b channels size size"],
    importance: Float[Tensor, "size size"] | None = None,
) -> Float[Tensor, ""]:
    """Mean absolute difference, texels weighing by their importance."""
    error = (made - maps).abs()
    if importance is None:
        return error.mean()
    return (error.mean((0, 1)) * importance).sum() / importance.sum()


def adaptive_weight(
    likely: Float[Tensor, ""], fooled: Float[Tensor, ""], last: Float[Tensor, "o i h w"]
) -> Float[Tensor, ""]:
    """As much of the critic as keeps its pull on the last layer below that of likeness (equation 7)."""
    pulls = [torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in (likely, fooled)]
    return ADVERSARIAL * (pulls[0] / (pulls[1] + 1e-4)).clamp(0, 1)
