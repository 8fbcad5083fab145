"""Where on a moving head the texels of a map lie: places, frames and sizes for what sits on them."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.face.known_rigs import load_rig
from talkcli.engine.face.uv_maps import uv_map

CHARTS = (
    ((0.0, 0.300, 0.695, 1.0), (0.0, 0.270, 0.725, 1.0)),
    ((0.700, 0.700, 1.0, 1.0), (0.735, 0.730, 1.0, 1.0)),
    ((0.700, 0.500, 0.900, 0.695), (0.735, 0.370, 1.0, 0.720)),
    ((0.700, 0.300, 0.900, 0.497), (0.735, 0.0, 1.0, 0.360)),
    ((0.0, 0.130, 0.400, 0.250), (0.0, 0.0, 0.725, 0.260)),
)
"""Parts of the built-in head's atlas (u from, v from, u to, v to), and where texels are laid out for them:
face, crown and nape, mouth, teeth, eyes. Eyes and teeth get more than their share."""
FACE_AT = ((0.0, 0.24, 0.76, 1.0), (0.0, 0.14, 0.86, 1.0))
"""Across the chart of the face: where in it, and where it is laid out, so that its middle gets more."""
FACE_UP = ((0.0, 0.22, 0.78, 1.0), (0.0, 0.15, 0.87, 1.0))
"""The same from its lower end up."""


class TexelLayout(NamedTuple):
    size: int
    """Texels along a side."""
    texels: Int[Tensor, " n"]
    """row * size + column of those that the head covers; row 0 is the top."""
    corners: Int[Tensor, "n 3"]
    """Vertices of the triangle that each lies in."""
    uv: Float[Tensor, "n 2"]
    """Where each is on the rig's skin, origin bottom left."""
    mix: Float[Tensor, "n 3 3"]
    """Rows: what makes its place of the corners, and how that changes a texel to the right, and down."""


class HeadTexels(NamedTuple):
    """Of each of F heads: N texels."""

    places: Float[Tensor, "frames n 3"]
    """Metres."""
    frames: Float[Tensor, "frames n 3 3"]
    """Columns: to the right on the map, across it, out of the skin."""
    spacing: Float[Tensor, "frames n 2"]
    """Metres between neighbours to the right and below."""


@functools.cache
def texel_layout(rig: str, size: int) -> TexelLayout:
    """The texels of a rig's head: the built-in one laid out by CHARTS, another by its own UVs."""
    topology = load_rig(rig).topology
    uv = laid_out(topology.uv) if rig == "facekit" else topology.uv
    cover = uv_map(topology.faces, uv, topology.uv_faces, size)
    numbers = {tuple(face): number for number, face in enumerate(topology.faces.tolist())}
    face = torch.tensor([numbers[tuple(corners)] for corners in cover.corners.tolist()])
    place = uv[topology.uv_faces[face]].double() * (size - 1)
    x, y = place[..., 0], -place[..., 1]
    ax, ay, bx, by = x[:, 1] - x[:, 0], y[:, 1] - y[:, 0], x[:, 2] - x[:, 0], y[:, 2] - y[:, 0]
    area = (ax * by - ay * bx)[:, None]
    right = torch.stack([ay - by, by, -ay], 1) / area
    down = torch.stack([bx - ax, -bx, ax], 1) / area
    mix = torch.stack([cover.weights.double(), right, down], 1).float()
    skin = (mix[:, :1] @ topology.uv[topology.uv_faces[face]])[:, 0]
    return TexelLayout(size, cover.texels, cover.corners, skin, mix)


def laid_out(uv: Float[Tensor, "uvs 2"]) -> Float[Tensor, "uvs 2"]:
    """The built-in head's UVs by CHARTS."""
    result = uv.clone()
    for number, (chart, room) in enumerate(CHARTS):
        low, high = torch.tensor(chart[:2]), torch.tensor(chart[2:])
        own = ((uv >= low) & (uv <= high)).all(1)
        share = ((uv[own] - low) / (high - low)).double().numpy()
        if number == 0:
            share[:, 0] = np.interp(share[:, 0], *FACE_AT)
            share[:, 1] = np.interp(share[:, 1], *FACE_UP)
        start, end = torch.tensor(room[:2]), torch.tensor(room[2:])
        result[own] = start + torch.from_numpy(share).float() * (end - start)
    return result


def texels_on(vertices: Float[Tensor, "frames verts 3"], layout: TexelLayout) -> HeadTexels:
    """Places pass gradients to the vertices; frames and spacing do not."""
    corners = vertices[:, layout.corners.to(vertices.device)]
    places, right, down = (layout.mix.to(vertices) @ corners).unbind(2)
    with torch.no_grad():
        one, other = corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]
        out = F.normalize(torch.linalg.cross(one, other), dim=-1, eps=1e-20)
        along = F.normalize(right, dim=-1, eps=1e-12)
        across = torch.linalg.cross(out, along)
        spacing = torch.stack([right.norm(dim=-1), (down * across).sum(-1).abs()], -1)
    return HeadTexels(places, torch.stack([along, across, out], -1), spacing)
