"""Files as other people's corpora have them, read without running anything that they contain."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from talkcli.engine.errors import BadInput, MissingAsset, reading
from talkcli.engine.face.obj_mesh import load_obj
from talkcli.engine.pickles import load_arrays
from talkcli.engine.text_files import text_of


def find(folder: Path, *names: str, hint: str) -> Path:
    """The first of these file names, in capitals or not, that lies anywhere in the folder."""
    for name in names:
        if (path := of_name(folder, name)) is not None:
            return path
    raise MissingAsset(f"{folder} lacks {' or '.join(names)}.", hint)


def of_name(folder: Path, name: str) -> Path | None:
    """The first file of that name, in capitals or not, anywhere in the folder."""
    return next((path for path in sorted(folder.rglob("*")) if path.name.lower() == name.lower()), None)


def files_in(folder: Path) -> list[Path]:
    """The files of a folder by name, hidden ones apart; none where there is no folder."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in paths if path.is_file() and not path.name.startswith(".")]


def of_kind(files: Iterable[Path], suffix: str) -> dict[str, Path]:
    """Those with a suffix, in capitals or not, by the rest of their names."""
    return {path.stem: path for path in files if path.suffix.lower() == suffix}


def load_array(path: Path) -> NDArray[Any]:
    """A .npy of plain numbers, mapped rather than read."""
    with reading(path, "an array"):
        return np.load(path, mmap_mode="r", allow_pickle=False)


def load_templates(path: Path, verts: int) -> dict[str, Float[Tensor, "verts 3"]]:
    """Each subject's neutral face."""
    templates = load_arrays(path)
    for subject, template in templates.items():
        if template.size != 3 * verts:
            raise BadInput(
                f"{path}: {subject} has {template.size} numbers, not {verts} x 3.",
                "Give the templates of this corpus.",
            )
    return {subject: torch.tensor(t.reshape(-1, 3), dtype=torch.float32) for subject, t in templates.items()}


def load_indices(path: Path, verts: int) -> Int[Tensor, " indices"]:
    """Vertex indices from .npy, or from text with commas or blanks; repeated ones stay."""
    if path.suffix.lower() == ".npy":
        return checked_indices(load_array(path), path, verts)
    with reading(path, "a list of vertices", "Give whole numbers with commas or blanks."):
        words = re.split(r"[\s,]+", text_of(path).strip())
        return checked_indices(np.array([int(word) for word in words], np.int64), path, verts)


def checked_indices(array: NDArray[Any], path: Path, verts: int) -> Int[Tensor, " indices"]:
    """An array out of a file as indices of a mesh's vertices; BadInput where it is none."""
    if array.dtype.kind not in "iu":
        raise BadInput(f"{path} holds {array.dtype}, not whole numbers.", "Give indices of vertices.")
    indices = np.asarray(array).astype(np.int64).ravel()
    if not len(indices) or indices.min() < 0 or indices.max() >= verts:
        raise BadInput(f"{path} speaks of vertices outside 0..{verts - 1}.", "Give indices of this mesh.")
    return torch.from_numpy(indices)


def load_faces(path: Path, verts: int | None = None) -> Int[Tensor, "faces 3"]:
    """The triangles of an .obj or .ply file, of `verts` vertices if that is given; polygons are fanned."""
    if path.suffix.lower() == ".obj":
        faces = load_obj(path).faces
    else:
        import trimesh

        with reading(path, "a mesh"):
            mesh = trimesh.load_mesh(path, process=False)
            faces = torch.from_numpy(np.array(mesh.faces, np.int64).reshape(-1, 3))
    if not len(faces):
        raise BadInput(f"{path} has no triangles.", "Give a mesh with faces.")
    if verts is not None and not 0 <= int(faces.min()) <= int(faces.max()) < verts:
        raise BadInput(f"{path} speaks of vertices outside 0..{verts - 1}.", "Give the mesh of this corpus.")
    return faces
