"""Files as other people's corpora have them, read without running anything that they contain."""

from __future__ import annotations

import codecs
import importlib
import io
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from talkcli.engine.errors import BadInput, MissingAsset, Untrusted
from talkcli.engine.scans import load_obj


def find(folder: Path, *names: str, hint: str) -> Path:
    """The first of these file names that lies anywhere in the folder."""
    for name in names:
        paths = sorted(folder.rglob(name))
        if paths:
            return paths[0]
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
    except MemoryError:
        raise
    except Exception as error:  # bytes that are no pickle can make its reader fail in any way
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
