"""The monocular encoder: from one picture of a face to the code of its expression, as UniGAHA has it.

Two ways see the picture: a truncated ResNet34 the whole of it, a few convolutions its fine lines, and
transformers read both. Ours also says how the head is turned, where in the picture the face is, so that it
can be followed, and where its landmarks are; codes are read from these, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.methods.unigaha.monocular_config import MonocularConfig

PLACE = 3
"""Numbers of a turn, and of where a face is."""
_GROUPS = 8
"""Of channels, that are normalised together."""
_MIXED, _DECODED, _READ = 2, 4, 3
"""How much wider perceptrons are inside than tokens: where these lie side by side, where they do not, and
where all is read."""
_MARKED = 4.0
"""How much landmarks count for beside tokens when they are read."""


class SeenFace(NamedTuple):
    codes: Float[Tensor, "batch codes"]
    turns: Float[Tensor, "batch 3"]
    """Of the head to the camera, axis-angle, radians."""
    places: Float[Tensor, "batch 3"]
    """Where the square about the face lies (`portraits.face_squares`): how far its middle is to the right of
    the picture's and below it, in sides of the picture; the logarithm of its side, of the picture's."""
    marks: Float[Tensor, "batch marks 2"]
    """Landmarks: how far to the right of the picture's middle and below it, in sides of the picture."""


def _normed(channels: int) -> nn.GroupNorm:
    groups = next(count for count in range(min(_GROUPS, channels), 0, -1) if channels % count == 0)
    return nn.GroupNorm(groups, channels)


class ResidualBlock(nn.Module):
    """Two convolutions beside a way past them (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([_normed(outputs), _normed(outputs)])
        plain = stride == 1 and inputs == outputs
        self.past = (
            nn.Identity()
            if plain
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), _normed(outputs))
        )

    def forward(self, x: Float[Tensor, "batch inputs h w"]) -> Float[Tensor, "batch outputs H W"]:
        y = F.relu(self.norms[0](self.first(x)))
        return F.relu(self.norms[1](self.second(y)) + self.past(x))


class TokenBlock(nn.Module):
    """Pre-norm attention and a perceptron; `depthwise`: which sees each token's neighbours, as SegFormer's
    (Xie et al. 2021) does."""

    def __init__(self, features: int, heads: int, wider: int, *, depthwise: bool = False) -> None:
        super().__init__()
        self.heads, inner = heads, wider * features
        self.norms = nn.ModuleList([nn.LayerNorm(features), nn.LayerNorm(features)])
        self.ask, self.leave = nn.Linear(features, 3 * features), nn.Linear(features, features)
        self.widen, self.narrow = nn.Linear(features, inner), nn.Linear(inner, features)
        self.beside = nn.Conv2d(inner, inner, 3, 1, 1, groups=inner) if depthwise else None

    def forward(self, x: Float[Tensor, "batch tokens features"]) -> Float[Tensor, "batch tokens features"]:
        asked = self.ask(self.norms[0](x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = asked.unbind(0)
        x = x + self.leave(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
        y = self.widen(self.norms[1](x))
        if self.beside is not None:
            side = round(y.shape[1] ** 0.5)
            y = self.beside(y.mT.unflatten(2, (side, side))).flatten(2).mT
        return x + self.narrow(F.gelu(y))


class MonocularEncoder(nn.Module):
    def __init__(self, config: MonocularConfig) -> None:
        super().__init__()
        self.config = config
        first, (lines, shapes, joined) = config.widths[0], config.sharp
        self.stem = nn.Sequential(nn.Conv2d(5, first, 7, 2, 3, bias=False), _normed(first), nn.ReLU())
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise((first, *config.widths))):
            for block in range(config.blocks[number]):
                enters = block == 0
                stride = 2 if enters and number else 1
                layers.append(ResidualBlock(inputs if enters else outputs, outputs, stride))
        self.whole = nn.Sequential(*layers, nn.Conv2d(config.widths[-1], joined, 1))
        self.lines = nn.Sequential(
            nn.Conv2d(5, lines, 7, 2, 3), nn.ReLU(), nn.Conv2d(lines, shapes, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(shapes, joined, 1),
        )  # fmt: skip
        features = config.features
        self.patch, self.patch_norm = nn.Conv2d(joined, features, 3, 1, 1), nn.LayerNorm(features)
        self.look = TokenBlock(features, config.heads, _MIXED, depthwise=True)
        self.fuse = nn.Conv2d(features + joined, features, 3, 1, 1)
        self.spots = nn.Parameter(0.02 * torch.randn(config.coarse**2, features))
        self.decode = nn.Sequential(
            *(TokenBlock(features, config.heads, _DECODED) for _ in range(config.layers))
        )
        self.norm = nn.LayerNorm(features)
        self.spot = nn.Sequential(
            nn.Conv2d(features + joined, joined, 3, 1, 1), nn.ReLU(), nn.Conv2d(joined, config.marks, 1)
        ) if config.marks else None  # fmt: skip
        self.read = nn.Linear(features * config.pooled**2 + 2 * config.marks, _READ * features)
        self.leave = nn.Linear(_READ * features, config.codes + 2 * PLACE)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)

    def forward(self, pictures: Float[Tensor, "batch 3 side side"]) -> SeenFace:
        """Of pictures, sRGB 0..1, `config.side` pixels wide and high, about as large as the square about the
        face that each shows."""
        x, side = self._placed(pictures), self.config.coarse
        whole = self.whole(F.max_pool2d(self.stem(x), 3, 2, 1))
        tokens = self.look(self.patch_norm(self.patch(whole).flatten(2).mT))
        fine = self.lines(x)
        lines = F.interpolate(fine.float(), (side, side), mode="bilinear", antialias=True)
        fused = self.fuse(torch.cat([tokens.mT.unflatten(2, (side, side)), lines], 1))
        decoded = self.norm(self.decode(fused.flatten(2).mT + self.spots)).mT.unflatten(2, (side, side))
        marks = self._marks(fine, decoded)
        means = F.adaptive_avg_pool2d(decoded, self.config.pooled)
        read = F.gelu(self.read(torch.cat([means.flatten(1), _MARKED * marks.flatten(1)], 1)))
        codes, turns, places = self.leave(read).split((self.config.codes, PLACE, PLACE), 1)
        return SeenFace(codes, turns, places, marks)

    def _marks(
        self, fine: Float[Tensor, "batch joined h w"], decoded: Float[Tensor, "batch features side side"]
    ) -> Float[Tensor, "batch marks 2"]:
        """Means of maps of where each landmark is likely to be (integral regression, Sun et al. 2018)."""
        if self.spot is None:
            return fine.new_zeros(len(fine), 0, 2)
        across = fine.shape[3]
        seen = torch.cat([F.interpolate(decoded, fine.shape[2:], mode="bilinear"), fine], 1)
        likely = self.spot(seen).float().flatten(2).softmax(2).unflatten(2, (across, across))
        line = (torch.arange(across, device=fine.device) + 0.5) / across - 0.5
        return torch.stack([likely.sum(2) @ line, likely.sum(3) @ line], 2)

    def _placed(self, pictures: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch 5 side side"]:
        """With where each pixel is, as Live3DPortrait (Trevithick et al. 2023) has it."""
        line = torch.linspace(-1, 1, self.config.side, device=pictures.device)
        where = torch.stack(torch.meshgrid(line, line, indexing="xy"))
        return torch.cat([2 * pictures - 1, where.expand(len(pictures), -1, -1, -1)], 1)


def crop_affine(square: Sequence[float], side: int, roll: float = 0.0) -> tuple[float, ...]:
    """What takes pixels of a picture of `side` to those of a square (column and row of its middle, side),
    rolled by an angle, radians: the six numbers of PIL's affine transforms."""
    x, y, size = square
    step = size / side
    across, down = step * float(torch.tensor(roll).cos()), step * float(torch.tensor(roll).sin())
    half = side / 2
    return (
        across, -down, x - half * (across - down),
        down, across, y - half * (down + across),
    )  # fmt: skip
