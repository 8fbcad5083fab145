"""Scans: a captured face as a mesh with a texture, which becomes an avatar."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.look import Look
from talkcli.engine.pictures import load_picture

TEXTALK4D_UNIT = 0.165
"""Metres of one unit of TexTalk4D's meshes, by the size of its heads (15 to 18 cm): the authors publish none,
so that what is measured in millimetres may be a tenth too small or too large."""
MATT = (96, 140)
"""Strength and roughness of gloss, of 255: a scan has no such maps."""
LARGEST_SKIN = 2048
"""Texels along a side of the neutral skin that an avatar keeps, at most; TexTalk4D has 8192."""


class ObjMesh(NamedTuple):
    vertices: Float[Tensor, "verts 3"]
    faces: Int[Tensor, "faces 3"]
    uv: Float[Tensor, "uv_verts 2"]
    """Origin bottom left; empty where the file has none."""
    uv_faces: Int[Tensor, "faces 3"]
    """Empty where a corner names no texture coordinate."""


def load_obj(path: Path) -> ObjMesh:
    """An .obj with its numbering kept, which trimesh splits at seams; polygons are fanned."""
    try:
        rows: dict[str, list[list[str]]] = {"v": [], "vt": [], "f": []}
        for line in path.read_text(encoding="utf-8").splitlines():
            kind, *words = line.split() or [""]
            if kind in rows:
                rows[kind].append(words)
        polygons = [[corner.split("/") for corner in row] for row in rows["f"]]
        fans = [(p[0], p[i], p[i + 1]) for p in polygons for i in range(1, len(p) - 1)]
        faces = np.array([[int(corner[0]) for corner in fan] for fan in fans], np.int64).reshape(-1, 3)
        mapped = all(len(corner) > 1 and corner[1] for fan in fans for corner in fan)
        uv_fans = [[int(corner[1]) for corner in fan] for fan in fans] if mapped else []
        vertices = np.array([row[:3] for row in rows["v"]], np.float32).reshape(-1, 3)
        uv = np.array([row[:2] for row in rows["vt"]], np.float32).reshape(-1, 2)
        if min(faces.min(initial=1), np.min(uv_fans, initial=1)) < 1:
            raise ValueError("it counts from its end")
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is not a mesh: {error}.", "Fetch it again.") from error
    uv_faces = np.array(uv_fans, np.int64).reshape(-1, 3)
    return ObjMesh(
        torch.from_numpy(vertices),
        torch.from_numpy(faces - 1),
        torch.from_numpy(uv),
        torch.from_numpy(uv_faces - 1),
    )


def load_obj_vertices(path: Path, verts: int) -> Float[Tensor, "verts 3"]:
    """The vertices of one more frame of a mesh whose faces are known."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("v ")]
        if len(lines) != verts:
            raise ValueError(f"it has {len(lines)} vertices, the first frame {verts}")
        return torch.from_numpy(np.loadtxt(lines, np.float32, usecols=(1, 2, 3), ndmin=2))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is no frame of this mesh: {error}.", "Fetch it again.") from error


def scanned_avatar(
    name: str, mesh_path: Path, skin: Path, unit: float, largest: int = LARGEST_SKIN
) -> Avatar:
    """A neutral mesh (.obj) with its texture, in metres, of which one unit of the mesh has so many.

    BadInput for a mesh that is damaged or has no texture coordinates.
    """
    mesh = load_obj(mesh_path)
    hint = "Fetch it again, or unpack its archive again."
    if not len(mesh.uv_faces):
        raise BadInput(f"{mesh_path} has no texture coordinates.", hint)
    lips = torch.zeros(0, dtype=torch.long)
    look = _matt_look(skin, largest)
    try:
        return Avatar(
            name, mesh.vertices * unit, mesh.faces, lips, look=look, uv=mesh.uv, uv_faces=mesh.uv_faces
        )
    except ValueError as error:
        raise BadInput(f"{mesh_path} is damaged: {error}.", hint) from error


def _matt_look(path: Path, largest: int) -> Look:
    """The neutral skin, evenly matt: the textures hold what light did to pores and folds already."""
    albedo = load_picture(path, largest)
    return Look(albedo, torch.tensor([[MATT]], dtype=torch.uint8), torch.zeros(1, 1, dtype=torch.int8))
