"""A head of Gaussians on the texels of its mesh, decoded frame by frame from what the face does.

The decoder is that of Teotia et al. 2025 (UniGAHA): a branch for form and one for colour, each from codes to
a map, biased at every size by maps of the person's own.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.config import check_limits
from talkcli.engine.face.face_model import JOINTS, carried_by
from talkcli.engine.face.gaussians import Gaussians, quaternion_matrix
from talkcli.engine.face.harmonics import BASES, turning_of
from talkcli.engine.face.known_rigs import load_rig
from talkcli.engine.face.texel_layout import TexelLayout, texel_layout, texels_on
from talkcli.engine.struct import TensorStruct

FORM = 11
"""Numbers of a texel's form: place 3, quaternion 4, logarithms of scales 3, opacity 1."""
_REACH = 0.01
"""Metres that a Gaussian is off its texel where the decoder says 1."""
_WIDE, _THIN = 0.75, 0.2
"""Scales along and out of the skin of a Gaussian at rest, in texels."""
_LEAST, _MOST = 2e-4, 14e-3
"""Metres of a scale at rest."""
_SWELLS = 3.0
"""By what power of e a scale differs from that at most."""
_LEAK, _EVEN = 0.2, 0.5**0.5
"""Of what is below 0 after a layer; of a sum of two, so that it is as large as each."""
SUMMARY = 32
"""Numbers in which a branch is told who it is, beside the maps of the person."""
_LOBES = 0.3
"""Of harmonics beyond the first, where the decoder says 1."""
MOST_HEAD_NUMBERS = 64 << 20
"""That a head may be made of: 128 MB in half precision."""
_OPACITY, _OPENS = 2.5, 4.0
"""Logit of a Gaussian's opacity at rest, and its change where the decoder says 1."""
_SIZES = np.array([_REACH, _WIDE, _THIN, _LEAST, _MOST, _SWELLS, _LOBES, _OPACITY, _OPENS], np.float32)
"""As lay_texels takes them."""


@dataclass(frozen=True)
class DecoderConfig:
    rig: str = DEFAULT_RIG
    coarsest: int = 5
    """Texels along a side of the coarsest maps; each width more doubles them."""
    widths: tuple[int, ...] = (64, 64, 48, 32, 24)
    """Channels of the maps, coarsest first; those of what is drawn come after."""
    expression: int = 48
    """Numbers of the code that says what the face does."""
    identity: int = 148
    """Numbers of the code that says who it is."""
    bases: int = 4
    """Harmonics of a colour."""

    def __post_init__(self) -> None:
        check_limits(self, coarsest=(1, 64), expression=(1, 4096), identity=(1, 4096))
        if not 2 <= len(self.widths) <= 10 or min(self.widths) < 1 or self.bases not in BASES:
            raise ValueError(f"widths {self.widths} and {self.bases} bases make no decoder")

    @property
    def size(self) -> int:
        """Texels along a side of what is drawn."""
        return self.coarsest << len(self.widths)


class HeadMaps(TensorStruct):
    """What is a person's own in the decoder: one's, or those of several at once."""

    form: tuple[Float[Tensor, "*batch channels side side"], ...]
    """What biases the branch of form, from the second coarsest on."""
    look: tuple[Float[Tensor, "*batch channels side side"], ...]
    base: Float[Tensor, "*batch 3 size size"]
    """sRGB 0..1 of the skin at rest, lit."""


def doubled(inputs: int, outputs: int, *, last: bool = False) -> nn.ConvTranspose2d:
    """A layer that makes a map twice as large; the last of several says little at first."""
    layer = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)
    if layer.weight.is_meta:  # there are sizes alone, and torch would load its compiler to draw none
        return layer
    nn.init.kaiming_normal_(layer.weight, _LEAK)
    assert layer.bias is not None
    with torch.no_grad():
        layer.weight.mul_(0.05 if last else 1.4)
        layer.bias.zero_()
    return layer


class MapBranch(nn.Module):
    """From codes to a map of so many channels."""

    def __init__(self, config: DecoderConfig, outputs: int) -> None:
        super().__init__()
        widths, self.side = config.widths[1:], 2 * config.coarsest
        self.summary = nn.Linear(config.identity, SUMMARY)
        self.first = nn.Linear(config.expression + SUMMARY, widths[0] * self.side**2)
        pairs = zip(widths, (*widths[1:], outputs), strict=True)
        self.ups = nn.ModuleList(doubled(a, b, last=b == outputs) for a, b in pairs)

    def forward(
        self,
        expression: Float[Tensor, "batch expression"],
        identity: Float[Tensor, "*batch identity"],
        biases: Sequence[Float[Tensor, "*batch channels side side"]],
    ) -> Float[Tensor, "batch outputs size size"]:
        codes = torch.cat([expression, self.summary(identity).expand(len(expression), -1)], 1)
        x = F.leaky_relu(self.first(codes), _LEAK).unflatten(1, (-1, self.side, self.side))
        for number, (layer, bias) in enumerate(zip(self.ups, biases, strict=True), 1):
            x = layer((x + bias) * _EVEN)
            if number < len(self.ups):
                x = F.leaky_relu(x, _LEAK)
        return x


class HeadDecoder(nn.Module):
    """From codes and the maps of a person to Gaussians on a mesh that moves."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.form = MapBranch(config, FORM)
        self.look = MapBranch(config, 3 * config.bases)

    @property
    def layout(self) -> TexelLayout:
        return texel_layout(self.config.rig, self.config.size)

    def forward(
        self,
        vertices: Float[Tensor, "frames verts 3"],
        expression: Float[Tensor, "frames expression"],
        identity: Float[Tensor, "*frames identity"],
        maps: HeadMaps,
    ) -> list[Gaussians]:
        """One cloud a frame; the vertices are the head before it turns. Identity and maps are those of one
        person, or of whoever each frame shows."""
        layout = self.layout
        there = layout.texels.to(expression.device)
        form = self.form(expression, identity, maps.form).flatten(2)[:, :, there].mT
        look = self.look(expression, identity, maps.look).flatten(2)[:, :, there].mT
        base = maps.base.flatten(-2)[..., there].mT
        texels = texels_on(vertices, layout)
        places = texels.places + (texels.frames @ (_REACH * form[..., :3, None]))[..., 0]
        spacing = texels.spacing
        rest = torch.cat([_WIDE * spacing, _THIN * spacing.prod(-1, keepdim=True).sqrt()], -1)
        scales = rest.clamp(_LEAST, _MOST) * form[..., 7:10].clamp(-_SWELLS, _SWELLS).exp()
        turns = quaternion_matrix(form[..., 3:7] + form.new_tensor([1.0, 0, 0, 0]))
        axes = texels.frames @ (turns * scales[..., None, :])
        opacity = torch.sigmoid(_OPENS * form[..., 10] + _OPACITY)
        lobes = _LOBES * look[..., 3:].unflatten(-1, (-1, 3))
        colour = torch.cat([(base + look[..., :3])[..., None, :], lobes], -2)
        return [Gaussians(*parts) for parts in zip(places, axes, opacity, colour, strict=True)]


class GaussianHead(TensorStruct):
    """What an avatar keeps of a decoder: its weights and its own maps. Half precision will do."""

    rig: str
    coarsest: int
    widths: tuple[int, ...]
    bases: int
    shapes: tuple[str, ...]
    """Of the rig, whose weights are coded."""
    to_codes: Float[Tensor, "shapes expression"]
    identity: Float[Tensor, " identity"]
    weights: Mapping[str, Tensor]
    maps: HeadMaps

    def __post_init__(self) -> None:
        super().__post_init__()
        tensors = [self.to_codes, self.identity, *self.weights.values(), self.maps.base]
        tensors += [*self.maps.form, *self.maps.look]
        if sum(tensor.numel() for tensor in tensors) > MOST_HEAD_NUMBERS:
            raise ValueError(f"GaussianHead is more than {MOST_HEAD_NUMBERS} numbers")
        if len(self.shapes) != len(self.to_codes) or len(set(self.shapes)) < len(self.shapes):
            raise ValueError(f"GaussianHead codes {len(self.to_codes)} shapes and names {len(self.shapes)}")
        with torch.device("meta"):  # sizes alone: a file may claim any
            wanted = {name: tensor.shape for name, tensor in HeadDecoder(self.config).state_dict().items()}
        if {name: tensor.shape for name, tensor in self.weights.items()} != wanted:
            raise ValueError("GaussianHead.weights are not those of its decoder")
        side, size = 2 * self.coarsest, self.config.size
        sides = [(width, side << n, side << n) for n, width in enumerate(self.widths[1:])]
        for maps in (self.maps.form, self.maps.look):
            if [tuple(each.shape) for each in maps] != sides:
                raise ValueError("GaussianHead.maps do not fit its decoder")
        if tuple(self.maps.base.shape) != (3, size, size):
            raise ValueError("GaussianHead.maps have a base of another size")

    @property
    def config(self) -> DecoderConfig:
        return DecoderConfig(
            self.rig, self.coarsest, self.widths, self.to_codes.shape[1], len(self.identity), self.bases
        )


class _Ready(NamedTuple):
    """A head in single precision, its maps by texels (channels last), as it is decoded fastest."""

    decoder: HeadDecoder
    """What each layer is told is not scaled, but its weights are."""
    to_codes: Float[Tensor, "shapes expression"]
    identity: Float[Tensor, " identity"]
    form: tuple[Float[Tensor, "channels side side"], ...]
    look: tuple[Float[Tensor, "channels side side"], ...]
    base: NDArray[np.float32]
    """[size * size, 3]"""
    corners: NDArray[np.int32]
    mix: NDArray[np.float32]
    texels: NDArray[np.int32]
    """The layout's."""


@functools.lru_cache(maxsize=4)
def _ready(head: GaussianHead) -> _Ready:
    """The last ones are kept."""
    decoder = HeadDecoder(head.config)
    decoder.load_state_dict({name: tensor.float() for name, tensor in head.weights.items()})
    decoder.eval().requires_grad_(False)
    for branch in (decoder.form, decoder.look):
        for name, weight in branch.ups.named_parameters():
            if name.endswith("weight"):
                weight.mul_(_EVEN)
    layout, single = decoder.layout, head.map(Tensor.float)

    def last(biases: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(each[None].to(memory_format=torch.channels_last) for each in biases)

    return _Ready(
        decoder, single.to_codes, single.identity, last(single.maps.form), last(single.maps.look),
        single.maps.base.flatten(1).mT.contiguous().numpy(),
        layout.corners.int().numpy(), layout.mix.numpy(), layout.texels.int().numpy(),
    )  # fmt: skip


def _map_of(
    branch: MapBranch, codes: Tensor, identity: Tensor, biases: tuple[Tensor, ...]
) -> Float[Tensor, "frames texels channels"]:
    """What a branch makes of codes, without gradients, by a decoder of `_ready`."""
    told = torch.cat([codes, branch.summary(identity).expand(len(codes), -1)], 1)
    x = F.leaky_relu_(branch.first(told), _LEAK).unflatten(1, (-1, branch.side, branch.side))
    x = x.contiguous(memory_format=torch.channels_last)
    for number, (layer, bias) in enumerate(zip(branch.ups, biases, strict=True), 1):
        x = layer(x.add_(bias))
        if number < len(biases):
            F.leaky_relu_(x, _LEAK)
    return x.permute(0, 2, 3, 1).flatten(1, 2).contiguous()


@torch.no_grad()
def head_gaussians(
    head: GaussianHead,
    vertices: Float[Tensor, "frames verts 3"],
    weights: Float[Tensor, "frames shapes"],
    turns: Float[Tensor, "frames 3 3"] | None = None,
) -> list[Gaussians]:
    """Frames of a head whose mesh is at `vertices`, metres, and whose rig's shapes weigh so much (those of
    `head.shapes`). `turns`: how far its neck has turned it; colours are seen from where they turned to, less
    those of the neck, and not those of the shoulders."""
    from talkcli.engine.face.laid_texels import lay_texels  # numba is slow to load, for those who draw

    ready, share = _ready(head), turned_share(head.rig, head.config.size).numpy()
    codes, count = weights @ ready.to_codes, len(share)
    form = _map_of(ready.decoder.form, codes, ready.identity, ready.form).numpy()
    look = _map_of(ready.decoder.look, codes, ready.identity, ready.look).numpy()
    if turns is None:
        turns, share = torch.eye(3).expand(len(vertices), 3, 3), np.zeros_like(share)
    turning = turning_of(turns.float(), head.bases).contiguous().numpy()
    points, clouds = np.ascontiguousarray(vertices.numpy(), np.float32), []
    for frame, vertex in enumerate(points):
        cloud = [
            np.empty(shape, np.float32)
            for shape in ((count, 3), (count, 3, 3), count, (count, head.bases, 3))
        ]
        lay_texels(
            vertex, ready.corners, ready.mix, ready.texels, form[frame], look[frame], ready.base, _SIZES,
            turning[frame], share, *cloud,
        )  # fmt: skip
        clouds.append(Gaussians(*map(torch.from_numpy, cloud)))
    return clouds


@functools.cache
def turned_share(rig: str, size: int) -> Float[Tensor, " n"]:
    """How much of the neck's turn each texel of a rig's head takes."""
    share = load_rig(rig).weights[:, carried_by(JOINTS.index("neck"))].sum(1)
    layout = texel_layout(rig, size)
    return (layout.mix[:, 0] * share[layout.corners]).sum(1).clamp(0, 1)
