"""The universal head (UHAP of Teotia et al. 2025): one code says who, one what the face does.

What is linear is solved before training, not learnt: expression codes are those of `expression_codes`,
identity codes begin with the rig's own identity and go on with principal components of people's lit skins.
Networks learn what that leaves over.
"""

from __future__ import annotations

import functools
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.face.expression_codes import CodeSpace, expression_codes
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.gaussian_head import DecoderConfig, HeadDecoder, HeadMaps, doubled
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.face.texel_layout import texels_on
from talkcli.engine.methods.unigaha.prior_config import PriorConfig

_CORRECTS = 0.1
"""What the stacks of the encoder say is worth beside what is solved."""
_UNSURE = -2.5
"""Logarithm of a code's deviation at first."""
_OF_PLACES, _OF_LOOKS = 100.0, 4.0
"""What differences of metres and of sRGB 0..1 are multiplied by for the stacks."""
_RIDGE = 1e-4
"""Of the least squares that read codes from places, of the largest square."""
_SKIN_RIDGE = 1e-5
"""Of the least squares that read a look from a skin, of the largest square."""
GUIDED = 0.02
"""Of the deviation of each shape and identity, where the guide's layers say 1."""


@functools.lru_cache(maxsize=4)
def _moves_of(rig: str, shape: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """[shape, 3 verts] and [shapes, 3 verts]: what identities and shapes of a rig move, metres."""
    model = load_rig(rig)
    return model.identity[:shape].flatten(1).to(device), model.shapes.flatten(1).to(device)


class NeutralDecoder(nn.Module):
    """From who somebody is to maps at every size: the biases of a branch, and a last one of 3 channels."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        widths, self.side = config.widths, config.coarsest
        self.first = nn.Linear(config.identity, widths[0] * self.side**2)
        ups = [doubled(before, after) for before, after in pairwise(widths)]
        self.ups = nn.ModuleList([*ups, doubled(widths[-1], 3, last=True)])

    def forward(self, identity: Float[Tensor, "*batch identity"]) -> tuple[list[Tensor], Tensor]:
        """[*batch, channels, side, side] from the second coarsest on; [*batch, 3, size, size]."""
        x = F.leaky_relu(self.first(identity), 0.2).unflatten(-1, (-1, self.side, self.side))
        maps = []
        for layer in self.ups[:-1]:
            x = F.leaky_relu(layer(x), 0.2)
            maps.append(x)
        return maps, self.ups[-1](x)


class ExpressionEncoder(nn.Module):
    """Mean and logarithm of the deviation of an expression code, from how texels of a face differ from those
    of the face at rest: in colour and in place."""

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.encoder
        self.stacks = nn.ModuleList(_stack(widths) for _ in range(2))
        side = config.decoder.size // 2
        for _ in widths:
            side //= 2
        self.head = nn.Linear(2 * widths[-1] * side**2, 2 * config.decoder.expression)
        with torch.no_grad():
            self.head.weight.mul_(0.1)

    def forward(
        self,
        looks: Float[Tensor, "faces n 3"],
        places: Float[Tensor, "faces n 3"],
        solved: Float[Tensor, "3*n expression"],
        texels: Tensor,
    ) -> tuple[Float[Tensor, "faces expression"], Float[Tensor, "faces expression"]]:
        size, told = self.config.decoder.size, []
        for stack, track, factor in zip(self.stacks, (looks, places), (_OF_LOOKS, _OF_PLACES), strict=True):
            maps = track.new_zeros(len(track), 3, size * size)
            maps[:, :, texels] = factor * track.mT
            told.append(stack(F.avg_pool2d(maps.unflatten(2, (size, size)), 2)).flatten(1))
        mean, deviation = self.head(torch.cat(told, 1)).chunk(2, 1)
        return places.flatten(1) @ solved + _CORRECTS * mean, _UNSURE + _CORRECTS * deviation


def _stack(widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise((3, *widths)):
        layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)


class Prior(nn.Module):
    """Encoder, decoders and guide mesh; `people` are the codes of those it learns from, while it learns."""

    mesh_mean: Tensor
    """[verts, 3] of a face at rest whose identity is 0, metres."""
    skin_mean: Tensor
    """[3, size, size] sRGB 0..1 of a lit skin."""
    skin_steps: Tensor
    skin_step: Tensor
    """[solved, 3, size, size] and [solved]: what a number of the look adds to it, in so large steps."""
    look_mean: Tensor
    look_factor: Tensor
    """[look], [look, look]: looks of people are look_mean + look_factor @ noise."""

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        self.people: nn.Embedding | None = None
        decoder = config.decoder
        self.encoder = ExpressionEncoder(config)
        self.decoder = HeadDecoder(decoder)
        self.neutral_form, self.neutral_look = NeutralDecoder(decoder), NeutralDecoder(decoder)
        model = self.rig
        moved = config.shape + len(model.shape_names)
        self.guide = nn.Sequential(
            nn.Linear(decoder.expression + decoder.identity, config.hidden), nn.LeakyReLU(0.2),
            nn.Linear(config.hidden, config.hidden), nn.LeakyReLU(0.2),
            nn.Linear(config.hidden, moved),
        )  # fmt: skip
        skin = 3, decoder.size, decoder.size
        self.register_buffer("mesh_mean", model.template.clone())
        self.register_buffer("skin_mean", torch.full(skin, 0.5))
        self.register_buffer("skin_steps", torch.zeros(config.solved, *skin, dtype=torch.int8))
        self.register_buffer("skin_step", torch.zeros(config.solved))
        self.register_buffer("look_mean", torch.zeros(config.look))
        self.register_buffer("look_factor", torch.eye(config.look))

    @property
    def rig(self) -> FaceModel:
        return load_rig(self.config.decoder.rig)

    @property
    def codes(self) -> CodeSpace:
        """Of the weights of all shapes of the rig."""
        return expression_codes(self.rig, self.rig.shape_names, self.config.decoder.expression)

    @property
    def skins(self) -> Float[Tensor, "solved 3 size size"]:
        return self.skin_steps * self.skin_step[:, None, None, None]

    @torch.no_grad()
    def keep_skins(self, skins: Float[Tensor, "solved 3 size size"]) -> None:
        """Each in bytes: 127 steps up and down."""
        self.skin_step.copy_(skins.abs().amax((1, 2, 3)).clamp(min=1e-9) / 127)
        self.skin_steps.copy_((skins / self.skin_step[:, None, None, None]).round())

    @torch.no_grad()
    def identity_code(
        self, shape: Float[Tensor, " n_identity"], skin: Float[Tensor, "n 3"], known: Bool[Tensor, " n"]
    ) -> Float[Tensor, " identity"]:
        """Of a face whose rig's identity and lit skin are given, sRGB 0..1 where it is known."""
        config, texels = self.config, self.decoder.layout.texels
        mean = self.skin_mean.flatten(1)[:, texels]
        skins = self.skins.flatten(2)[:, :, texels].flatten(1)
        off = torch.where(known, skin.mT - mean, 0.0).flatten()
        gram = skins @ skins.mT
        gram = gram + _SKIN_RIDGE * gram.diagonal().amax().clamp(min=1e-6) * torch.eye(len(gram))
        identity = torch.zeros(config.decoder.identity)
        identity[: config.shape] = shape[: config.shape]
        identity[config.shape : config.shape + config.solved] = torch.linalg.solve(gram, skins @ off)
        return identity

    def maps(
        self,
        identity: Float[Tensor, "*batch identity"],
        skin_of: Float[Tensor, "*batch identity"] | None = None,
    ) -> HeadMaps:
        """What is somebody's own in the decoder, or several people's; `skin_of`: whose skin that is, where
        somebody else's."""
        form, _ = self.neutral_form(identity)
        look, skin = self.neutral_look(identity)
        shape, solved = self.config.shape, self.config.solved
        base = skin + self.skin_mean
        if solved:
            owner = identity if skin_of is None else skin_of
            code = owner[..., shape : shape + solved] * self.skin_step
            base = base + torch.einsum("...k,kcyx->...cyx", code, self.skin_steps.to(code))
        return HeadMaps(tuple(form), tuple(look), base)

    def guide_mesh(
        self, expression: Float[Tensor, "faces expression"], identity: Float[Tensor, "*faces identity"]
    ) -> Float[Tensor, "faces verts 3"]:
        """Metres: the rig's own identity and shapes, corrected; of one person, or of each face's own."""
        told = torch.cat([expression, identity.expand(len(expression), -1)], 1)
        shape = self.config.shape
        corrected = GUIDED * self.guide(told)
        who = identity[..., :shape] + corrected[:, :shape]
        weights = expression @ self.codes.to_weights.to(expression) + corrected[:, shape:]
        identities, shapes = _moves_of(self.config.decoder.rig, shape, who.device)
        moved = who @ identities + weights @ shapes
        return self.mesh_mean + moved.unflatten(1, (-1, 3))

    def solved_codes(self) -> Float[Tensor, "3*n expression"]:
        """What reads codes from differences of texels' places, metres: least squares over the rig's shapes on
        its mean face."""
        rig, layout = self.rig, self.decoder.layout
        rest = texels_on(rig.template[None], layout).places
        moved = texels_on(rig.template + rig.shapes, layout).places - rest
        rows = moved.flatten(1).double()
        gram = rows @ rows.mT
        gram += _RIDGE * gram.diagonal().amax() * torch.eye(len(gram))
        return (torch.linalg.solve(gram, rows).mT @ self.codes.to_codes.double()).float()
