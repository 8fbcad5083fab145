"""Scans: a captured face as a mesh with a texture, which becomes an avatar."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from talkcli.engine.errors import BadInput, reading
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.look import Look
from talkcli.engine.pictures import load_picture
from talkcli.engine.text_files import text_of

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
    with reading(path, "a mesh"):
        vertices, uv, fans = [], [], []
        for line in text_of(path, "replace").split("\n"):
            kind, *words = line.split() or [""]
            if kind == "v":
                vertices.append(words[:3])
            elif kind == "vt":
                uv.append(words[:2])
            elif kind == "f":
                polygon = [_corner(word, len(vertices), len(uv)) for word in words]
                fans += [(polygon[0], *polygon[i : i + 2]) for i in range(1, len(polygon) - 1)]
        corners = np.array(fans, np.int64).reshape(-1, 3, 2)
        mapped = bool((corners[..., 1] >= 0).all())
        return ObjMesh(
            torch.from_numpy(np.array(vertices, np.float32).reshape(-1, 3)),
            torch.from_numpy(np.ascontiguousarray(corners[..., 0])),
            torch.from_numpy(np.array(uv, np.float32).reshape(-1, 2)),
            torch.from_numpy(np.ascontiguousarray(corners[..., 1] if mapped else corners[:0, :, 1])),
        )


def _corner(word: str, verts: int, uvs: int) -> tuple[int, int]:
    """Vertex and texture coordinate of a corner, from 0, the latter -1 where none is named.

    A file counts from 1, or from -1 backwards from what it has listed so far.
    """
    numbers = []
    for text, count in zip(word.split("/"), (verts, uvs), strict=False):
        number = int(text) if text or not numbers else None
        if number == 0:
            raise ValueError("it counts from 0")
        numbers.append(-1 if number is None else number - 1 if number > 0 else count + number)
        if number is not None and numbers[-1] < 0:
            raise ValueError(f"a face speaks of {text}, and {count} are listed")
    return numbers[0], numbers[1] if len(numbers) > 1 else -1


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
