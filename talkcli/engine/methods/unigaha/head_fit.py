"""A new person from pictures with known cameras: first who they are among all people, then what is their own
(the two stages of UniGAHA's personalisation)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from talkcli.engine.face.gaussian_head import GaussianHead, HeadDecoder, HeadMaps
from talkcli.engine.face.texel_layout import texels_on
from talkcli.engine.methods.unigaha.heads import code_by_skin, head_of
from talkcli.engine.methods.unigaha.prior import Prior
from talkcli.engine.methods.unigaha.prior_stage import SPOTS, importance_of, picture_terms
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.unwrapping import seen_colours
from talkcli.engine.states import adam_tensors, gone_on_from, load_state, save_state, take_adam_tensors
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.stage import cosine

L1, SSIM, COVERAGE = 10.0, 0.5, 0.5
"""Weights of what pictures differ by."""
LOOKED_THROUGH = 16
"""Pictures at most by which it is told what they show."""
SHOWN = 0.05
"""The least that they must show of a texel that is not a guess."""
AT_REST = 0.15
"""Root of the sum of squares of weights up to which a face tells of its skin at rest; where none does, the
calmest does."""
CODE, OWN = "code", "own"
"""What is learnt first, and then."""
_STATE = "HeadFit"


class FacePictures(TensorStruct):
    """Pictures of one head that does not turn, by cameras about it."""

    pictures: UInt8[Tensor, "shots height width 4"]
    """sRGB, and how much of a pixel the person covers."""
    camera: Camera
    """A view a shot."""
    weights: Float[Tensor, "shots shapes"]
    """What the face does, in weights of all shapes of the rig."""
    cut_out: bool = False
    """Whether pictures tell nothing where they are not covered."""


class KnownFace(TensorStruct):
    """Somebody by whom a fit begins."""

    identity: Float[Tensor, " identity"]
    """The code"""
    neutral: Float[Tensor, "verts 3"]
    """Metres"""
    skin: Float[Tensor, "3 size size"]
    """sRGB 0..1 as it is lit, of all texels"""


@dataclass(frozen=True)
class HeadFitSettings:
    code_steps: int = 80
    """In which the identity code alone learns."""
    own_steps: int = 120
    """In which maps and decoder do."""
    shots: int = 2
    """Pictures a step."""
    code_rate: float = 6e-2
    own_rate: float = 1e-3
    shape_rate: float = 2e-3
    """Of the form, which goes on learning beside maps and decoder."""
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
    """A fit to pictures, step by step; of one seed step n is the same in any run, resumed or whole."""

    def __init__(
        self,
        prior: Prior,
        pictures: FacePictures,
        settings: HeadFitSettings = HeadFitSettings(),
        seed: int = 0,
        known: KnownFace | None = None,
    ) -> None:
        """Where the prior is, the steps are taken. `known`: who it is, where that is known already."""
        self._device, self._there = next(prior.parameters()).device, prior
        self.prior = prior if self._device.type == "cpu" else copy.deepcopy(prior).cpu()
        self.pictures, self.settings = pictures.to("cpu"), settings
        self.seed, self.step = seed, 0
        self._codes = self.pictures.weights @ self.prior.codes.to_codes
        self._start = torch.zeros(prior.config.decoder.identity)
        self._start[prior.config.shape :] = prior.look_mean
        self._known, self._own_form = known, torch.zeros(())
        if known is not None:
            self._start = known.identity.clone()
            with torch.no_grad():
                self._own_form = known.neutral - self.prior.guide_mesh(self._rest, self._start)[0]
        self._decoder: HeadDecoder = self._there.decoder
        self._kept: HeadMaps | None = None
        self._hidden = torch.zeros(0, dtype=torch.bool)
        self._learn({"identity": self._start}, settings.code_rate)

    @property
    def stage(self) -> str:
        """Of CODE and OWN, that of the next step."""
        return CODE if self.step < self.settings.code_steps else OWN

    @property
    def identity(self) -> Float[Tensor, " identity"]:
        """The code as it is now."""
        return self._learnt["identity"].detach().cpu()

    @torch.no_grad()
    def result(self) -> FittedHead:
        """As it stands; after the code alone with the skin that the pictures show."""
        identity = self.identity.clone()
        if self._kept is None:
            identity, base = self._skinned(identity)
            head = head_of(self.prior, identity, base)
        else:
            weights = {name: tensor.half().cpu() for name, tensor in self._decoder.state_dict().items()}
            maps = self._maps().map(lambda tensor: tensor.detach().half().cpu())
            head = replace(head_of(self.prior, identity), weights=weights, maps=maps)
        return FittedHead(head, self._mesh(self._rest, identity)[0])

    @property
    def _rest(self) -> Float[Tensor, "1 expression"]:
        return torch.zeros(1, self.prior.config.decoder.expression)

    def _mesh(
        self, codes: Float[Tensor, "some expression"], identity: Float[Tensor, " identity"]
    ) -> Float[Tensor, "some verts 3"]:
        """The guide mesh, where the code is; a known face keeps what it has beside the code."""
        prior = self.prior if identity.device.type == "cpu" else self._there
        return prior.guide_mesh(codes, identity) + self._own_form.to(identity.device)

    def run(self) -> Iterator[float]:
        """The loss of every step that is left."""
        while self.step < self.settings.code_steps + self.settings.own_steps:
            yield self.advance()

    def advance(self) -> float:
        """One step; its loss."""
        settings = self.settings
        if self.stage == OWN and self._kept is None:
            self._begin_own(*self._skinned(self.identity))
        share = self.step / max(1, settings.code_steps)
        if self.stage == OWN:
            share = (self.step - settings.code_steps) / settings.own_steps
        for group in self._adam.param_groups:
            group["lr"] = group["first"] * cosine(share)
        loss = self._loss()
        slopes = torch.autograd.grad(loss, list(self._learnt.values()))
        for (name, tensor), slope in zip(self._learnt.items(), slopes, strict=True):
            tensor.grad = slope
            if name == "identity" and self._known is not None:
                slope[: self.prior.config.shape] = 0  # the form is known better than a cut-out face tells it
        self._adam.step()
        self.step += 1
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """All that another fit of the same pictures needs to go on."""
        tensors = adam_tensors(self._adam, self._learnt)
        if self._kept is not None:
            tensors |= {"begun": self._start, "begun.base": self._kept.base}
        save_state(tensors, path, _STATE, self.step)

    def resume(self, path: Path) -> None:
        """Go on from what `save` wrote. Errors as in `load_state`, and BadInput for another fit's."""
        tensors, header = load_state(path, _STATE)
        with gone_on_from(path):
            if "begun" in tensors:
                self._begin_own(tensors["begun"], tensors["begun.base"])
            self.step = int(header["steps"])
            steps = self.step - (self.settings.code_steps if "begun" in tensors else 0)
            take_adam_tensors(self._adam, self._learnt, tensors, steps)

    def _learn(self, start: dict[str, Tensor], rate: float, shape_rate: float | None = None) -> None:
        """Parameters themselves, copies of other tensors."""
        self._learnt = {
            name: tensor
            if isinstance(tensor, nn.Parameter)
            else tensor.detach().to(self._device, copy=True).requires_grad_()
            for name, tensor in start.items()
        }
        groups = [
            {"params": [tensor], "lr": own, "first": own}
            for name, tensor in self._learnt.items()
            for own in [rate if shape_rate is None or name != "identity" else shape_rate]
        ]
        self._adam = torch.optim.Adam(groups, betas=(0.9, 0.99))

    def _begin_own(self, identity: Float[Tensor, " identity"], base: Float[Tensor, "3 size size"]) -> None:
        """Maps and decoder, beside the form, from a code and the skin at rest."""
        self._start = identity.clone()
        with torch.no_grad():
            self._kept = replace(self.prior.maps(identity), base=base)
            self._hidden = self._looked_through(torch.arange(len(self._codes)), identity)[1] <= SHOWN
        decoder = HeadDecoder(self.prior.config.decoder).to(self._device)
        decoder.load_state_dict(self.prior.decoder.state_dict())
        kept = self._kept
        start = {"identity": identity, "base": kept.base}
        for name, maps in (("form", kept.form), ("look", kept.look)):
            start |= {f"{name}.{number}": each for number, each in enumerate(maps)}
        start |= {f"decoder.{name}": tensor for name, tensor in decoder.named_parameters()}
        self._learn(start, self.settings.own_rate, self.settings.shape_rate)
        self._decoder = decoder

    def _maps(self) -> HeadMaps:
        assert self._kept is not None
        form, look = (
            tuple(self._learnt[f"{name}.{number}"] for number in range(len(self._kept.form)))
            for name in ("form", "look")
        )
        return HeadMaps(form, look, self._learnt["base"])

    def _dice(self) -> torch.Generator:
        return torch.Generator().manual_seed(1_000_003 * self.seed + self.step)

    def _loss(self) -> Tensor:
        settings, identity, shape = self.settings, self._learnt["identity"], self.prior.config.shape
        start = self._start.to(self._device)
        strange = settings.plain * (identity - start).square().mean()
        if self._kept is None:
            return self._seen(identity, self._there.decoder, self._there.maps(identity)) + strange
        told = torch.cat([identity[:shape], start[shape:]])
        strayed = settings.anchor * self._strayed(self._kept, self._hidden)
        return self._seen(told, self._decoder, self._maps()) + strayed + strange

    def _seen(self, identity: Tensor, decoder: HeadDecoder, maps: HeadMaps) -> Tensor:
        """The loss of some pictures."""
        dice = self._dice()
        shots = torch.randperm(len(self._codes), generator=dice)[: self.settings.shots]
        background = torch.rand(3, generator=dice).to(self._device)
        codes = self._codes[shots].to(self._device)
        meshes = self._mesh(codes, identity)
        clouds = decoder(meshes, codes, identity, maps)
        regions = self.prior.rig.topology.regions
        spots = torch.stack([meshes[:, regions[name]].mean(1) for name in SPOTS], 1).detach()
        views = self.pictures.camera.part(shots.tolist())
        pictures = self.pictures.pictures[shots].to(self._device)
        weight, cut_out = importance_of(spots, views), self.pictures.cut_out
        terms = picture_terms(clouds, views, pictures, background, weight, cut_out)
        return L1 * terms["l1"] + SSIM * terms["ssim"] + COVERAGE * terms["coverage"]

    def _strayed(self, before: HeadMaps, hidden: Bool[Tensor, " n"]) -> Tensor:
        """What texels that nothing shows differ by from what everybody's decoder makes of another face: the
        inside of a mouth must not take the colour of what lies in front of it."""
        maps, start = self._maps(), self._start.to(self._device)
        code = torch.randn(1, self._codes.shape[1], generator=self._dice()).to(self._device) * 0.7
        there, terms = self.prior.decoder.layout.texels[hidden], []
        old = before.map(lambda tensor: tensor.to(self._device))
        for branch, kept, own, known in (
            (self._decoder.form, self._there.decoder.form, maps.form, old.form),
            (self._decoder.look, self._there.decoder.look, maps.look, old.look),
        ):
            made = branch(code, start, own).flatten(2)[:, :, there]
            with torch.no_grad():
                wanted = kept(code, start, known).flatten(2)[:, :, there]
            terms.append((made - wanted).abs().mean())
        base = (maps.base - old.base).flatten(1)[:, there]
        return terms[0] + terms[1] + base.abs().mean()

    def shown(self) -> Bool[Tensor, " n"]:
        """Which texels any picture shows, by the guide mesh as it stands."""
        return self._looked_through(torch.arange(len(self._codes)), self.identity)[1] > SHOWN

    @torch.no_grad()
    def _skinned(
        self, identity: Float[Tensor, " identity"]
    ) -> tuple[Float[Tensor, " identity"], Float[Tensor, "3 size size"]]:
        """The code whose skin is most like what pictures show on that form, and the skin that they show."""
        effort = self.pictures.weights.norm(dim=1)
        calm = torch.nonzero(effort <= max(AT_REST, float(effort.min())))[:, 0]
        colours, seen = self._looked_through(calm, identity)
        code, base = code_by_skin(self.prior, identity, colours, seen > SHOWN)
        code[self.prior.config.shape + self.prior.config.solved :] = identity[
            self.prior.config.shape + self.prior.config.solved :
        ]
        if self._known is not None:
            texels = self.prior.decoder.layout.texels[seen <= SHOWN]
            base.flatten(1)[:, texels] = self._known.skin.flatten(1)[:, texels]
        return code, base

    @torch.no_grad()
    def _looked_through(
        self, shots: Int[Tensor, " some"], identity: Float[Tensor, " identity"]
    ) -> tuple[Float[Tensor, "n 3"], Float[Tensor, " n"]]:
        """sRGB 0..1 of texels in some of these pictures, and how well they show each."""
        picks = shots[torch.linspace(0, len(shots) - 1, min(LOOKED_THROUGH, len(shots))).round().long()]
        sums, total = torch.zeros(len(self.prior.decoder.layout.texels), 3), 0
        for shot, mesh in zip(picks.tolist(), self._mesh(self._codes[picks], identity), strict=True):
            texels = texels_on(mesh[None], self.prior.decoder.layout)
            normals = texels.frames[0, :, :, 2].contiguous()
            view = self.pictures.camera.part([shot])
            colours, seen = seen_colours(texels.places[0], normals, view, self.pictures.pictures[[shot]])
            sums, total = sums + (colours * seen[..., None])[0], total + seen[0]
        assert isinstance(total, Tensor)
        return sums / total.clamp(min=1e-6)[:, None], total
