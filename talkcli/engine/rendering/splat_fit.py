"""Gaussians that learn to look as pictures do, on a head that moves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.gaussians import BoundGaussians, carried_gaussians
from talkcli.engine.face.geometry import colour_changes, posed
from talkcli.engine.face.rigs import rig_of, rigged
from talkcli.engine.motion import Coefficients, Motion, Vertices
from talkcli.engine.rendering.camera import Camera, centred_camera, look_at, portrait
from talkcli.engine.rendering.likeness import window_ssim
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.splat_seeds import seeded_gaussians
from talkcli.engine.rendering.splats import draw_views
from talkcli.engine.states import adam_tensors, gone_on_from, load_state, save_state, take_adam_tensors
from talkcli.engine.struct import TensorStruct, along_frames

LEARNING_RATES = {
    "offsets": 0.02,
    "rotations": 0.01,
    "scales": 0.02,
    "opacity": 0.03,
    "colour": 0.008,
    "lobes": 0.002,
}
"""Of Adam, at first: of offsets in units of the space that a Gaussian has, logarithms of scales, logits,
sRGB; lobes are the harmonics beyond the first."""
SLOWING = 0.1
"""Of the rates, from the first step to the last."""
SWELL, ROOM = 0.02, 3.0
"""Weight of scales beyond so many times the space that a Gaussian has."""
_BETAS, _TINY = (0.9, 0.99), 1e-12
_STATE = "SplatFit"


class Shots(TensorStruct):
    """Pictures of a moving head, each by its own view of one camera."""

    pictures: UInt8[Tensor, "shots height width 4"]
    """sRGB, and how much of a pixel the person covers."""
    camera: Camera
    pose: Int[Tensor, " shots"]
    """Which frame of the motion each shows."""
    cut_out: Bool[Tensor, " shots"] | None = None
    """Which of them tell nothing where the person does not cover them; none unless given."""

    def __len__(self) -> int:
        return len(self.pictures)

    def joined(self, other: Shots) -> Shots:
        """Both, of one motion, those of `other` last."""
        cameras = zip(vars(self.camera).values(), vars(other.camera).values(), strict=True)
        cut_out = [
            torch.zeros(len(each), dtype=torch.bool) if each.cut_out is None else each.cut_out
            for each in (self, other)
        ]
        return Shots(
            torch.cat([self.pictures, other.pictures]),
            Camera(*(torch.cat(pair) for pair in cameras)),
            torch.cat([self.pose, other.pose]),
            torch.cat(cut_out),
        )


@dataclass(frozen=True)
class SplatFitSettings:
    steps: int = 1500
    ssim: float = 0.2
    """Weight of 1 - SSIM beside an L1 of 1."""
    coverage: float = 0.5
    """Weight of the L1 of coverage."""
    inside: bool = False
    """Whether colours are learnt from the person alone: what covers more than it should would take the mean
    of the colours behind"""
    stray: float = 3e-4
    """Weight of offsets squared, in units of the space that a Gaussian has"""
    recoloured: float = 0.0
    """Weight of changes of colour squared: what pictures hardly show keeps the colour that it began with"""


class SplatFit:
    """A fit that goes on step by step; of one seed step n is the same in any run, resumed or whole."""

    def __init__(
        self,
        avatar: Avatar,
        motion: Motion,
        shots: Shots,
        settings: SplatFitSettings = SplatFitSettings(),
        seed: int = 0,
        device: torch.device | str = "cpu",
        held: Float[Tensor, " n"] | None = None,
    ) -> None:
        """Fits the Gaussians that the avatar has, which its moving head carries; the motion's frames are what
        `Shots.pose` counts. `held`: how much of each one stays as it is, 0..1. BadInput for an avatar without
        any."""
        if avatar.splats is None:
            raise BadInput(f"Avatar {avatar.name} has no Gaussians to fit.", "Scatter some over it first.")
        self._first, self._neutral = avatar.splats.to(device), avatar.neutral.to(device)
        self._shots, self._device = shots, device
        self._settings, self._seed, self.step = settings, seed, 0
        part = posed(motion, avatar)
        self._heads, own = part.vertices.to(device), self._first
        changes = colour_changes(motion, avatar, part.folds)
        self._changes = None if changes is None else changes.to(device)
        self._space = own.scales.amax(1, keepdim=True)
        start = {
            "offsets": own.offsets / self._space,
            "rotations": F.normalize(own.rotations, dim=1),
            "scales": own.scales.log(),
            "opacity": torch.logit(own.opacity.clamp(0.01, 0.99)),
            "colour": own.colour[:, :1],
            "lobes": own.colour[:, 1:],
        }
        self._start, self._free = start, None if held is None else (1 - held).to(device)
        self._learnt = {name: tensor.clone().requires_grad_() for name, tensor in start.items()}
        groups = [{"params": [tensor], "lr": LEARNING_RATES[name]} for name, tensor in self._learnt.items()]
        self._adam = torch.optim.Adam(groups, betas=_BETAS, eps=_TINY)

    @property
    def splats(self) -> BoundGaussians:
        """As they are now."""
        return self._bound().map(lambda tensor: tensor.detach().cpu())

    def steps(self) -> Iterator[float]:
        """The loss of every step that is left."""
        while self.step < self._settings.steps:
            yield self.advance()

    def advance(self) -> float:
        """One step on one picture; its loss."""
        dice = torch.Generator().manual_seed(1_000_003 * self._seed + self.step)
        number = self._turn(len(self._shots))
        share = self.step / max(1, self._settings.steps)
        for group, rate in zip(self._adam.param_groups, LEARNING_RATES.values(), strict=True):
            group["lr"] = rate * SLOWING**share
        loss = self._loss(number, torch.rand(3, generator=dice).to(self._device))
        self._adam.zero_grad()
        loss.backward()
        self._adam.step()
        self.step += 1
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """All that another fit of the same pictures needs to go on."""
        save_state(adam_tensors(self._adam, self._learnt), path, _STATE, self.step)

    def resume(self, path: Path) -> None:
        """Go on from what `save` wrote. Errors as in `load_state`, and BadInput for another fit's."""
        tensors, header = load_state(path, _STATE)
        with gone_on_from(path):
            self.step = int(header["steps"])
            take_adam_tensors(self._adam, self._learnt, tensors, self.step)

    def _turn(self, count: int) -> int:
        """Which picture it is the turn of: all of them in an order of each round's own."""
        around, place = divmod(self.step, count)
        dice = torch.Generator().manual_seed(2_000_003 * self._seed + around)
        return int(torch.randperm(count, generator=dice)[place])

    def _bound(self) -> BoundGaussians:
        own = self._learnt
        if self._free is not None:
            free, start = self._free, self._start
            shares = {n: free.view(-1, *(1,) * (tensor.ndim - 1)) for n, tensor in own.items()}
            own = {n: torch.lerp(start[n], tensor, shares[n]) for n, tensor in own.items()}
        return replace(
            self._first,
            offsets=own["offsets"] * self._space,
            rotations=own["rotations"],
            scales=own["scales"].exp(),
            opacity=own["opacity"].sigmoid(),
            colour=torch.cat([own["colour"], own["lobes"]], 1),
        )

    def _loss(self, number: int, background: Float[Tensor, " 3"]) -> Tensor:
        pose = int(self._shots.pose[number])
        cloud = carried_gaussians(self._bound(), self._neutral, self._heads[pose : pose + 1])[0]
        if self._changes is not None:
            cloud = replace(cloud, colour=cloud.colour * self._changes[pose][:, None])
        behind = background[:, None, None]
        seen = draw_views(cloud, self._shots.camera.part([number]), behind)
        truth = self._shots.pictures[number].to(self._device).permute(2, 0, 1).float() / 255
        covered = truth[3]
        target = truth[:3] * covered + behind * (1 - covered)
        drawn, settings = seen.colour[0], self._settings
        if settings.inside:
            drawn = torch.lerp(target, drawn, covered)
        loss = (drawn - target).abs().mean() + settings.ssim * (1 - window_ssim(drawn, target))
        missing = (seen.coverage[0] - covered).abs()
        if self._shots.cut_out is not None and bool(self._shots.cut_out[number]):
            missing = missing * covered
        loss = loss + settings.coverage * missing.mean()
        room = (self._learnt["scales"].exp() / self._space - ROOM).clamp(min=0)
        changed = self._learnt["colour"] - self._start["colour"]
        loss = loss + settings.recoloured * changed.square().mean()
        return loss + settings.stray * self._learnt["offsets"].square().mean() + SWELL * room.mean()


def rehearsal(avatar: Avatar, poses: int, seed: int = 0) -> Motion:
    """A face at rest, then in faces made of a few of its shapes each; a bare mesh rests."""
    rig = rigged(avatar)
    if rig is None:
        return Motion(Fraction(1), Vertices(torch.zeros(poses, *avatar.neutral.shape)))
    dice = torch.Generator().manual_seed(seed)
    weights = torch.zeros(poses, len(rig.shapes))
    for row in weights[1:]:
        some = torch.randperm(len(row), generator=dice)[:5]
        row[some] = 0.2 + 0.7 * torch.rand(len(some), generator=dice)
    return Motion(Fraction(1), Coefficients(weights, torch.zeros(poses, 3), rig_of(avatar)))


def portraits_around(avatar: Avatar, views: int, size: tuple[int, int]) -> Camera:
    """Views from all sides, every second one from above or below, as far away as a portrait."""
    front = portrait(avatar, "front", size)
    view, focal = front.view(0), float(front.lenses[0, 0])
    eye, ahead = -view[:3, :3].mT @ view[:3, 3], -view[2, :3]
    distance = float((avatar.neutral.mean(0) - eye) @ ahead)
    target = eye + distance * ahead
    sides = []
    for number in range(views):
        yaw, pitch = 2 * math.pi * number / views, math.radians((0, 14, 0, -9)[number % 4])
        way = [math.sin(yaw) * math.cos(pitch), math.sin(pitch), math.cos(yaw) * math.cos(pitch)]
        sides.append(look_at(target + distance * torch.tensor(way), target))
    return centred_camera(torch.stack(sides), focal, *size)


def photographed(avatar: Avatar, motion: Motion, camera: Camera) -> Shots:
    """Every view of every frame, as the mesh renderer draws the avatar."""
    views = len(camera.views)
    every = along_frames(motion, lambda track: track.repeat_interleave(views, 0))
    shown = frames(every, replace(avatar, splats=None), camera, background="transparent")
    pictures = torch.stack([torch.from_numpy(picture) for picture in shown])
    number = torch.arange(len(pictures)) % views
    return Shots(pictures, camera.part(number.tolist()), torch.arange(len(pictures)) // views)


def fit_to_mesh(
    avatar: Avatar,
    count: int = 24_000,
    *,
    views: int = 12,
    poses: int = 12,
    size: int = 256,
    bases: int = 1,
    settings: SplatFitSettings = SplatFitSettings(),
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> SplatFit:
    """A fit, not yet begun, of so many Gaussians to what the mesh renderer draws of an avatar in several
    faces from all sides."""
    seeded = replace(avatar, splats=seeded_gaussians(avatar, count, seed, bases))
    motion = rehearsal(avatar, poses, seed)
    shots = photographed(avatar, motion, portraits_around(avatar, views, (size, size)))
    return SplatFit(seeded, motion, shots, settings, seed, device)
