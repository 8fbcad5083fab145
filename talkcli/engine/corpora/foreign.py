"""Files as other people's corpora have them, read without running anything that they contain."""

from __future__ import annotations

import codecs
import importlib
import io
import pickle
import re
from collections.abc import Iterable
from pathlib import Path
from pickletools import genops
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from talkcli.engine.errors import BadInput, MissingAsset, Untrusted, reading
from talkcli.engine.scans import load_obj


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


_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): codecs.encode,
}


_MEMO = ("PUT", "BINPUT", "LONG_BINPUT")
"""Opcodes whose argument sizes a table of what was read, which never needs more entries than the file has
bytes."""


class _ArraysOnly(pickle.Unpickler):
    """Dicts, lists, strings, numbers and numpy arrays; any other name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy") and name in ("_reconstruct", "scalar"):
            return getattr(importlib.import_module("numpy._core.multiarray"), name)
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it wants {module}.{name}")
        return _ALLOWED[module, name]


def load_tree(path: Path) -> dict[Any, Any]:
    """A pickled dict of dicts, lists, numbers, words and arrays, of Python 2 as well."""
    with reading(path, "a plain dict of arrays", "Fetch the original again.", Untrusted):
        content = path.read_bytes()
        if any(code.name in _MEMO and (place or 0) > len(content) for code, place, _ in genops(content)):
            raise ValueError("it asks for more memory than it can use")
        tree = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
    if not isinstance(tree, dict):
        raise Untrusted(f"{path} is not a plain dict of arrays.", "Fetch the original again.")
    return tree


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """A pickled dict of arrays, of Python 2 as well."""
    values = load_tree(path)
    if not all(isinstance(value, np.ndarray) for value in values.values()):
        raise Untrusted(f"{path} is not a plain dict of arrays.", "Fetch the original again.")
    return values


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
        array = load_array(path)
        if array.dtype.kind not in "iu":
            raise BadInput(f"{path} holds {array.dtype}, not whole numbers.", "Give indices of vertices.")
        indices = np.asarray(array).astype(np.int64).ravel()
    else:
        with reading(path, "a list of vertices", "Give whole numbers with commas or blanks."):
            words = re.split(r"[\s,]+", path.read_text(encoding="utf-8").strip())
            indices = np.array([int(word) for word in words], np.int64)
    if not len(indices) or indices.min() < 0 or indices.max() >= verts:
        raise BadInput(f"{path} speaks of vertices outside 0..{verts - 1}.", "Give indices of this mesh.")
    return torch.from_numpy(indices)


def load_faces(path: Path) -> Int[Tensor, "faces 3"]:
    """The triangles of an .obj or .ply file; polygons are fanned."""
    if path.suffix.lower() == ".obj":
        return load_obj(path).faces
    import trimesh

    with reading(path, "a mesh"):
        mesh = trimesh.load_mesh(path, process=False)
        return torch.from_numpy(np.array(mesh.faces, np.int64))
