"""Scans: a captured face as a mesh with a texture, which becomes an avatar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.errors import BadInput, reading
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.look import Look
from talkcli.engine.face.obj_mesh import load_obj
from talkcli.engine.pictures import load_picture
from talkcli.engine.text_files import text_of

TEXTALK4D_UNIT = 0.165
"""Metres of one unit of TexTalk4D's meshes, by the size of its heads (15 to 18 cm): the authors publish none,
so that what is measured in millimetres may be a tenth too small or too large."""
MATT = (96, 140)
"""Strength and roughness of gloss, of 255: a scan has no such maps."""
LARGEST_SKIN = 2048
"""Texels along a side of the neutral skin that an avatar keeps, at most; TexTalk4D has 8192."""


def load_obj_vertices(path: Path, verts: int) -> Float[Tensor, "verts 3"]:
    """The vertices of one more frame of a mesh whose faces are known."""
    with reading(path, "a frame of this mesh"):
        text = text_of(path, "replace")
        lines = [line for line in text.splitlines() if line.startswith("v ")]
        if len(lines) != verts:
            raise ValueError(f"it has {len(lines)} vertices, the first frame {verts}")
        return torch.from_numpy(np.loadtxt(lines, np.float32, usecols=(1, 2, 3), ndmin=2))


def scanned_avatar(
    name: str, mesh_path: Path, skin: Path, unit: float, largest: int = LARGEST_SKIN
) -> Avatar:
    """A neutral mesh (.obj) with its texture, in metres, of which one unit of the mesh has so many.

    BadInput for a mesh that is damaged or has no texture coordinates.
    """
    mesh = load_obj(mesh_path)
    hint = "Fetch it again, or unpack its archive again."
    if not len(mesh.uv_faces):
        raise BadInput(f"{mesh_path} has no texture coordinates.", "Export it again with them.")
    lips = torch.zeros(0, dtype=torch.long)
    look = _matt_look(skin, largest)
    with reading(mesh_path, "the mesh of a head", hint):
        return Avatar(
            name, mesh.vertices * unit, mesh.faces, lips, look=look, uv=mesh.uv, uv_faces=mesh.uv_faces
        )


def _matt_look(path: Path, largest: int) -> Look:
    """The neutral skin, evenly matt: the textures hold what light did to pores and folds already."""
    albedo = load_picture(path, largest)
    return Look(albedo, torch.tensor([[MATT]], dtype=torch.uint8), torch.zeros(1, 1, dtype=torch.int8))
