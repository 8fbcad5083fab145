"""Dials: how strongly, how smoothly and when a spoken motion moves, and how much life is beside it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv1d, pad

from talkcli.engine.editing.life import LifeAmounts
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.motion import Coefficients, Folds, Motion, Shapes, Textures, Vertices
from talkcli.engine.struct import along_frames

DIAL_LIMITS = {
    "strength": (0.0, 2.0),
    "smooth": (0.0, 1000.0),
    "offset": (-1000.0, 1000.0),
    "life": (0.0, 1.0),
    "head": (0.0, 2.0),
    "gaze": (0.0, 2.0),
    "blinks": (0.0, 2.0),
}
UPPER_FACE = ("brow", "eye")
"""Prefixes of the shapes that are no part of the mouth."""


@dataclass(frozen=True)
class Dials:
    """As a network speaks, where nothing is turned. BadUsage for what lies outside DIAL_LIMITS."""

    strength: float = 1.0
    """Factor on what the mouth does."""
    smooth: float = 0.0
    """Milliseconds over which the network's motion is averaged: a Gaussian's width at half its height."""
    offset: float = 0.0
    """Milliseconds by which the network's motion comes later than the sound."""
    life: float = 1.0
    """How much of head movement, glances, blinks and brows there is, of none to all."""
    head: float | None = None
    """Factor on head movement; `life` where it is None, as the next two."""
    gaze: float | None = None
    """Factor on how far glances go."""
    blinks: float | None = None
    """Factor on how often the eyes blink."""

    def __post_init__(self) -> None:
        for name, value in self.turned.items():
            low, high = DIAL_LIMITS[name]
            if not low <= value <= high:
                raise BadUsage(f"--{name} cannot be {value:g}.", f"Give {low:g} to {high:g}.")

    @property
    def turned(self) -> dict[str, float]:
        """Those that are not as they were."""
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        return {name: value for name, value in vars(self).items() if value != defaults[name]}

    @property
    def amounts(self) -> LifeAmounts:
        head, gaze, blinks = (
            self.life if part is None else part for part in (self.head, self.gaze, self.blinks)
        )
        return LifeAmounts(head, gaze, blinks, self.life)


AS_SPOKEN = Dials()


def as_dialled(motion: Motion, dials: Dials) -> Motion:
    """A network's motion, later, smoother and stronger as the dials say; whatever they leave stays."""
    fps = float(motion.fps)
    if dials.offset:
        motion = along_frames(motion, lambda track: _later(track, dials.offset / 1000 * fps))
    if dials.smooth:
        deviation = dials.smooth / 1000 * fps / math.sqrt(8 * math.log(2))
        motion = along_frames(motion, lambda track: _smoothed(track, deviation))
    return motion if dials.strength == 1 else _stronger(motion, dials.strength)


def _later(track: Float[Tensor, "frames ..."], frames: float) -> Float[Tensor, "frames ..."]:
    """Linear between frames, the ends held."""
    at = (torch.arange(len(track), dtype=torch.float64) - frames).clamp(0, len(track) - 1)
    before = at.floor().long()
    after = (before + 1).clamp(max=len(track) - 1)
    share = (at - before).to(track.dtype).view(-1, *[1] * (track.dim() - 1))
    return torch.lerp(track[before], track[after], share)


def _smoothed(track: Float[Tensor, "frames ..."], deviation: float) -> Float[Tensor, "frames ..."]:
    """A Gaussian mean over time, the ends held."""
    reach = math.ceil(3 * deviation)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / deviation) ** 2).to(track)
    columns = track.flatten(1).T[:, None] if track.dim() > 1 else track[None, None]
    means = conv1d(pad(columns, (reach, reach), mode="replicate"), (kernel / kernel.sum())[None, None])
    return means[:, 0].T.reshape(track.shape)


def _stronger(motion: Motion, factor: float) -> Motion:
    """The mouth of a rig, the whole of a bare mesh, with the skin. A shape that was within 1 stays so."""
    face, skin = motion.face, motion.texture
    match face:
        case Coefficients():
            names = load_rig(face.rig).shape_names[: face.expression.shape[1]]
            mouth = torch.tensor([not name.startswith(UPPER_FACE) for name in names])
            scaled = torch.minimum(face.expression * factor, face.expression.clamp(min=1))
            face = Coefficients(torch.where(mouth, scaled, face.expression), face.jaw * factor, face.rig)
        case Shapes():
            face = Shapes(face.weights * factor, face.basis)
        case Vertices():
            face = Vertices(face.offsets * factor)
    if isinstance(skin, Folds):
        skin = Folds(torch.minimum(skin.weights * factor, skin.weights.clamp(min=1)))
    elif isinstance(skin, Textures):
        skin = Textures(skin.weights * factor, skin.basis)
    return dataclasses.replace(motion, face=face, texture=skin)
