"""A rig seen as UV maps: its shapes as offset maps, and weights found again in a map."""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.topology import MATERIALS, Topology
from talkcli.engine.face.uv_maps import UVMap, drawn, uv_map

LIP_TEXEL, SKIN_TEXEL, INNER_TEXEL = 30.0, 1.0, 0.05
"""How much a texel of the lips, of other skin, and of teeth, tongue, eyes and hair counts."""
RIDGE_OF_MAPS = 1e-5
"""Of the largest eigenvalue: keeps weights small where shapes look alike."""


class RigMaps(NamedTuple):
    basis: Float[Tensor, "shapes 3 size size"]
    """What each shape moves at weight 1, metres; 0 where nothing is drawn."""
    importance: Float[Tensor, "size size"]
    """LIP_TEXEL, SKIN_TEXEL or INNER_TEXEL; 0 where nothing is drawn."""
    solve: Float[Tensor, "shapes texels"]
    """weights = solve @ map.flatten(): weighted least squares."""

    def to(self, device: torch.device) -> RigMaps:
        """The same for weights that are on a device."""
        return RigMaps(*(part.to(device) for part in self))

    def maps(self, weights: Float[Tensor, "*b shapes"]) -> Float[Tensor, "*b 3 size size"]:
        """Offsets in metres of shape weights."""
        return (weights @ self.basis.flatten(1)).unflatten(-1, self.basis.shape[1:])

    def weights(self, maps: Float[Tensor, "b 3 size size"]) -> Float[Tensor, "b shapes"]:
        """The shape weights whose maps are nearest."""
        return maps.flatten(1) @ _brought(self.solve, maps.device).T


@functools.lru_cache(maxsize=4)
def _brought(solve: Tensor, device: torch.device) -> Tensor:
    """To where maps are, once."""
    return solve.to(device)


@functools.lru_cache(maxsize=4)
def rig_maps(model: FaceModel, size: int, names: tuple[str, ...]) -> RigMaps:
    """Of the named shapes on the mean face."""
    topology = model.topology
    atlas = uv_map(topology.faces, topology.uv, topology.uv_faces, size)
    basis, importance = drawn(model.shapes[model.columns(names)], atlas), _importance(topology, atlas)
    weighted = (basis * importance).flatten(1)
    gram = (weighted.double() @ basis.flatten(1).double().T).float()
    ridge = RIDGE_OF_MAPS * torch.linalg.eigvalsh(gram)[-1] * torch.eye(len(gram))
    return RigMaps(basis, importance, torch.linalg.solve(gram + ridge, weighted))


def _importance(topology: Topology, atlas: UVMap) -> Float[Tensor, "size size"]:
    of_vertex = torch.full((int(topology.faces.max()) + 1,), INNER_TEXEL)
    of_vertex[topology.faces[topology.materials == MATERIALS.index("skin")]] = SKIN_TEXEL
    of_vertex[topology.regions["lips"]] = LIP_TEXEL
    importance = torch.zeros(atlas.size**2)
    importance[atlas.texels] = of_vertex[atlas.corners].amin(1)
    return importance.view(atlas.size, atlas.size)
