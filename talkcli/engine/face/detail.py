"""Detail: fine displacement of a face along its normals, by the decoder of a user's EMOCA (2022).

The decoder of Danecek et al. is DECA's (Feng et al. 2021): the jaw, 50 expressions and 128 codes of detail
become a map of displacements over FLAME's texture coordinates. Here each vertex takes what the map says where
it lies.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.assets import data_folder
from talkcli.engine.face.topology import Topology
from talkcli.engine.face.uv_maps import UVReader, read_maps, uv_reader
from talkcli.engine.files import load_struct
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.struct import TensorStruct

DETAIL_FILE = "emoca.detail"
EXPRESSIONS, CODES, DETAIL_SIDE = 50, 128, 256
"""Numbers of a frame that the decoder takes besides the jaw, and texels along a side of its map."""
DEEPEST = 0.01
"""Metres that it displaces at most."""
_SEED, _WIDTHS = (128, 8), (128, 128, 64, 64, 32, 16)
"""Channels and side of the map that it begins with; channels before and after each doubling."""
_AT_ONCE = 16
"""Frames that are decoded together."""


class DetailWeights(TensorStruct):
    """What `talk models import emoca` keeps."""

    weights: Mapping[str, Tensor]
    fixed: Float[Tensor, "side side"] | None
    """What is added to every map, metres."""


class DetailDecoder(nn.Module):
    """Jaw, expression and detail of frames to displacements, metres."""

    def __init__(self) -> None:
        super().__init__()
        channels, side = _SEED
        self.enter = nn.Linear(3 + EXPRESSIONS + CODES, channels * side * side)
        layers: list[nn.Module] = [nn.BatchNorm2d(channels)]
        for before, after in itertools.pairwise(_WIDTHS):
            layers += [
                nn.Upsample(scale_factor=2, mode="bilinear"),
                nn.Conv2d(before, after, 3, padding=1),
                nn.BatchNorm2d(after, eps=0.8),
                nn.LeakyReLU(0.2),
            ]
        self.draw = nn.Sequential(*layers, nn.Conv2d(_WIDTHS[-1], 1, 3, padding=1))

    def forward(self, told: Float[Tensor, "frames 181"]) -> Float[Tensor, "frames 256 256"]:
        return DEEPEST * self.draw(self.enter(told).unflatten(1, (_SEED[0], _SEED[1], -1))).tanh()[:, 0]


def installed_detail() -> Path | None:
    """The file that a user imported."""
    path = data_folder() / DETAIL_FILE
    return path if path.is_file() else None


@functools.lru_cache(maxsize=1)
def _decoder(path: Path) -> tuple[DetailDecoder, Tensor | None]:
    kept: DetailWeights = load_struct(path, (DetailWeights,))
    decoder = DetailDecoder().eval()
    decoder.load_state_dict(dict(kept.weights))
    return decoder, kept.fixed


@functools.lru_cache(maxsize=2)
def _reader(topology: Topology) -> UVReader:
    verts = int(topology.faces.max()) + 1
    return uv_reader(topology.faces, topology.uv, topology.uv_faces, DETAIL_SIDE, verts=verts)


def shows_detail(motion: Motion, topology: Topology) -> bool:
    """Whether a motion has codes of detail that can be drawn on a rig: its authors' texture coordinates are
    there, and the decoder."""
    codes = motion.codes
    has_codes = codes is not None and codes.detail.shape[1] == CODES and isinstance(motion.face, Coefficients)
    return has_codes and not torch.equal(topology.uv_faces, topology.faces) and installed_detail() is not None


@torch.no_grad()
def detailed(
    points: Float[Tensor, "frames verts 3"], motion: Motion, topology: Topology
) -> Float[Tensor, "frames verts 3"]:
    """Vertices before head pose, moved along their normals by decoder and fixed displacement; as they are
    where `shows_detail` says no."""
    path = installed_detail()
    if path is None or not shows_detail(motion, topology):
        return points
    (decoder, fixed), face, codes = _decoder(path), motion.face, motion.codes
    assert isinstance(face, Coefficients) and codes is not None
    known = face.expression[:, :EXPRESSIONS]
    told = torch.cat([face.jaw, F.pad(known, (0, EXPRESSIONS - known.shape[1])), codes.detail], 1)
    maps = torch.cat([decoder(some) for some in told.split(_AT_ONCE)])
    maps = maps if fixed is None else maps + fixed
    return points + normals_of(points, topology.faces) * read_maps(maps[:, None], _reader(topology))


def normals_of(
    points: Float[Tensor, "frames verts 3"], faces: Int[Tensor, "faces 3"]
) -> Float[Tensor, "frames verts 3"]:
    """Unit normals of vertices, faces counting by their area; 0 where a vertex has no face."""
    a, b, c = points[:, faces].unbind(2)
    across = torch.linalg.cross(b - a, c - a).repeat_interleave(3, dim=1)
    return F.normalize(torch.zeros_like(points).index_add_(1, faces.flatten(), across), dim=2)
