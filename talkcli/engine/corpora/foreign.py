"""Files as other people's corpora have them, read without running anything that they contain."""

from __future__ import annotations

import codecs
import importlib
import io
import pickle
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from talkcli.engine.errors import BadInput, MissingAsset, Untrusted


def find(folder: Path, *names: str, hint: str) -> Path:
    """The first of these file names that lies anywhere in the folder."""
    for name in names:
        found = sorted(folder.rglob(name))
        if found:
            return found[0]
    raise MissingAsset(f"{folder} lacks {' or '.join(names)}.", hint)


def load_array(path: Path) -> NDArray[Any]:
    """A .npy of plain numbers, mapped rather than read."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is not an array: {error}.", "Fetch it again.") from error


_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): codecs.encode,
}


class _ArraysOnly(pickle.Unpickler):
    """Dicts, lists, strings, numbers and numpy arrays; any other name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy") and name in ("_reconstruct", "scalar"):
            return getattr(importlib.import_module("numpy._core.multiarray"), name)
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it wants {module}.{name}")
        return _ALLOWED[module, name]


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """A pickled dict of arrays, of Python 2 as well."""
    try:
        values = _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except (OSError, pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError) as error:
        raise Untrusted(
            f"{path} is not a plain dict of arrays: {error}.", "Fetch the original again."
        ) from error
    if not isinstance(values, dict) or not all(isinstance(value, np.ndarray) for value in values.values()):
        raise Untrusted(f"{path} is not a plain dict of arrays.", "Fetch the original again.")
    return values


def load_templates(path: Path, verts: int) -> dict[str, Float[Tensor, "verts 3"]]:
    """Each subject's neutral face."""
    templates = load_arrays(path)
    for subject, template in templates.items():
        if template.size != 3 * verts:
            raise BadInput(
                f"{path}: {subject} has {template.size} numbers, not {verts} x 3.", "Fetch it again."
            )
    return {subject: torch.tensor(t.reshape(-1, 3), dtype=torch.float32) for subject, t in templates.items()}


def load_indices(path: Path, verts: int) -> Int[Tensor, " indices"]:
    """Vertex indices from .npy, or from text with commas or blanks; repeated ones stay."""
    if path.suffix == ".npy":
        indices = np.asarray(load_array(path)).astype(np.int64).ravel()
    else:
        try:
            indices = np.array([int(word) for word in re.split(r"[\s,]+", path.read_text().strip())])
        except (OSError, ValueError) as error:
            raise BadInput(f"{path} is not a list of vertices: {error}.", "Fetch it again.") from error
    if not len(indices) or indices.min() < 0 or indices.max() >= verts:
        raise BadInput(f"{path} speaks of vertices outside 0..{verts - 1}.", "Fetch it again.")
    return torch.from_numpy(indices)


class ObjMesh(NamedTuple):
    vertices: Float[Tensor, "verts 3"]
    faces: Int[Tensor, "faces 3"]
    uv: Float[Tensor, "uv_verts 2"]
    """Origin bottom left; empty where the file has none."""
    uv_faces: Int[Tensor, "faces 3"]
    """Empty where a corner names no texture coordinate."""


def load_faces(path: Path) -> Int[Tensor, "faces 3"]:
    """The triangles of an .obj or .ply file; polygons are fanned."""
    if path.suffix == ".obj":
        return load_obj(path).faces
    import trimesh

    try:
        mesh = trimesh.load_mesh(path, process=False)
    except (OSError, ValueError, IndexError, KeyError, TypeError) as error:
        raise BadInput(f"{path} is not a mesh: {error}.", "Fetch it again.") from error
    return torch.from_numpy(np.array(mesh.faces, np.int64))


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
