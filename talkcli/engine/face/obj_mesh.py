"""Meshes as .obj files have them, their numbering kept."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from talkcli.engine.errors import reading
from talkcli.engine.text_files import text_of


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
