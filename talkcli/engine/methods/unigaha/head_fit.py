"""A new person from pictures with known cameras: first who they are among all people, then what is their own
(the two stages of UniGAHA's personalisation)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from talkcli.engine.face.gaussian_head import GaussianHead, HeadDecoder, HeadMaps
from talkcli.engine.face.texel_layout import texels_on
from talkcli.engine.methods.unigaha.heads import head_of
from talkcli.engine.methods.unigaha.prior import Prior
from talkcli.engine.methods.unigaha.prior_stage import SPOTS, importance_of, picture_terms
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.unwrapping import seen_colours
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.stage import cosine

L1, SSIM, COVERAGE = 10.0, 0.5, 0.5
"""Weights of what pictures differ by."""
LOOKED_THROUGH = 16
"""Pictures at most by which it is told what they show."""
SHOWN = 0.05
"""The least that they must show of a texel that is not a guess."""


class FacePictures(TensorStruct):
    """Pictures of one head that does not turn, by cameras about it."""

    pictures: UInt8[Tensor, "shots height width 4"]
    """sRGB, and how much of a pixel the person covers."""
    camera: Camera
    """A view a shot."""
    weights: Float[Tensor, "shots shapes"]
    """What the face does, in weights of all shapes of the rig."""


@dataclass(frozen=True)
class HeadFitSettings:
    code_steps: int = 150
    """In which the identity code alone learns."""
    own_steps: int = 250
    """In which maps and decoder do."""
    shots: int = 2
    """Pictures a step."""
    code_rate: float = 2e-2
    own_rate: float = 1e-3
    plain: float = 1e-3
    """Weight of a code that is unlike anybody's."""
    anchor: float = 2.0
    """Weight of what changes where no picture shows anything, in other faces."""


@dataclass(frozen=True)
class FittedHead:
    head: GaussianHead
    neutral: Float[Tensor, "verts 3"]
    """Metres: the guide mesh at rest."""


class HeadFit:
    """A fit to pictures, step by step; of one seed the same."""

    def __init__(
        self,
        prior: Prior,
        pictures: FacePictures,
        settings: HeadFitSettings = HeadFitSettings(),
        seed: int = 0,
    ) -> None:
        self.prior, self.pictures, self.settings = prior, pictures, settings
        self.seed, self.step = seed, 0
        self.identity = torch.zeros(prior.config.decoder.identity)
        self.identity[prior.config.shape :] = prior.look_mean
        self._codes = pictures.weights @ prior.codes.to_codes
        self._decoder: HeadDecoder = prior.decoder
        self._maps: HeadMaps | None = None

    @torch.no_grad()
    def result(self) -> FittedHead:
        """As it stands."""
        rest = torch.zeros(1, self.prior.config.decoder.expression)
        neutral = self.prior.guide_mesh(rest, self.identity)[0]
        head = head_of(self.prior, self.identity.detach())
        if self._maps is not None:
            weights = {name: tensor.half() for name, tensor in self._decoder.state_dict().items()}
            maps = self._maps.map(lambda tensor: tensor.detach().half())
            head = replace(head, weights=weights, maps=maps)
        return FittedHead(head, neutral)

    def run(self) -> Iterator[float]:
        """The loss of every step."""
        frozen = [each for each in self.prior.parameters() if each.requires_grad]
        for each in frozen:
            each.requires_grad_(False)
        try:
            yield from self._code()
            yield from self._own()
        finally:
            for each in frozen:
                each.requires_grad_(True)

    def _code(self) -> Iterator[float]:
        settings, start = self.settings, self.identity.clone()
        learnt = self.identity.clone().requires_grad_()
        adam = torch.optim.Adam([learnt], settings.code_rate, betas=(0.9, 0.99))
        for number in range(settings.code_steps):
            adam.param_groups[0]["lr"] = settings.code_rate * cosine(number / settings.code_steps)
            loss = self._seen(learnt, self.prior.decoder, self.prior.maps(learnt))
            loss = loss + settings.plain * (learnt - start).square().mean()
            yield _descended(adam, loss)
            self.identity = learnt.detach().clone()
            self.step += 1

    def _own(self) -> Iterator[float]:
        settings, config = self.settings, self.prior.config.decoder
        if not settings.own_steps:
            return
        with torch.no_grad():
            before = self.prior.maps(self.identity)
            hidden = ~self.shown()
        self._maps = before.map(lambda tensor: tensor.clone().requires_grad_())
        self._decoder = HeadDecoder(config)
        self._decoder.load_state_dict(self.prior.decoder.state_dict())
        maps = [*self._maps.form, *self._maps.look, self._maps.base]
        adam = torch.optim.Adam([*self._decoder.parameters(), *maps], settings.own_rate, betas=(0.9, 0.99))
        for number in range(settings.own_steps):
            adam.param_groups[0]["lr"] = settings.own_rate * cosine(number / settings.own_steps)
            loss = self._seen(self.identity, self._decoder, self._maps)
            loss = loss + settings.anchor * self._strayed(before, hidden)
            yield _descended(adam, loss)
            self.step += 1

    def _dice(self) -> torch.Generator:
        return torch.Generator().manual_seed(1_000_003 * self.seed + self.step)

    def _seen(self, identity: Tensor, decoder: HeadDecoder, maps: HeadMaps) -> Tensor:
        """The loss of some pictures."""
        dice = self._dice()
        shots = torch.randperm(len(self._codes), generator=dice)[: self.settings.shots]
        background = torch.rand(3, generator=dice)
        meshes = self.prior.guide_mesh(self._codes[shots], identity)
        clouds = decoder(meshes, self._codes[shots], identity, maps)
        regions = self.prior.rig.topology.regions
        spots = torch.stack([meshes[:, regions[name]].mean(1) for name in SPOTS], 1).detach()
        views = self.pictures.camera.part(shots.tolist())
        weight = importance_of(spots, views)
        terms = picture_terms(clouds, views, self.pictures.pictures[shots], background, weight)
        return L1 * terms["l1"] + SSIM * terms["ssim"] + COVERAGE * terms["coverage"]

    def _strayed(self, before: HeadMaps, hidden: Bool[Tensor, " n"]) -> Tensor:
        """What texels that nothing shows differ by from what everybody's decoder makes of another face: the
        inside of a mouth must not take the colour of what lies in front of it."""
        assert self._maps is not None
        code = torch.randn(1, self._codes.shape[1], generator=self._dice()) * 0.7
        there, terms = self.prior.decoder.layout.texels[hidden], []
        for branch, kept, own, old in (
            (self._decoder.form, self.prior.decoder.form, self._maps.form, before.form),
            (self._decoder.look, self.prior.decoder.look, self._maps.look, before.look),
        ):
            made = branch(code, self.identity, own).flatten(2)[:, :, there]
            with torch.no_grad():
                wanted = kept(code, self.identity, old).flatten(2)[:, :, there]
            terms.append((made - wanted).abs().mean())
        base = (self._maps.base - before.base).flatten(1)[:, there]
        return terms[0] + terms[1] + base.abs().mean()

    @torch.no_grad()
    def shown(self) -> Bool[Tensor, " n"]:
        """Which texels any picture shows, by the guide mesh as it stands."""
        count = len(self._codes)
        picks = torch.linspace(0, count - 1, min(LOOKED_THROUGH, count)).round().long()
        total = torch.zeros(len(self.prior.decoder.layout.texels))
        meshes = self.prior.guide_mesh(self._codes[picks], self.identity)
        for shot, mesh in zip(picks.tolist(), meshes, strict=True):
            texels = texels_on(mesh[None], self.prior.decoder.layout)
            normals = texels.frames[0, :, :, 2].contiguous()
            view = self.pictures.camera.part([shot])
            total += seen_colours(texels.places[0], normals, view, self.pictures.pictures[[shot]])[1][0]
        return total > SHOWN


def _descended(adam: torch.optim.Adam, loss: Tensor) -> float:
    adam.zero_grad()
    loss.backward()
    adam.step()
    return float(loss.detach())
