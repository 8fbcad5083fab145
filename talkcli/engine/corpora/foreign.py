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


def load_faces(path: Path) -> Int[Tensor, "faces 3"]:
    """The triangles of an .obj or .ply file; polygons are fanned."""
    try:
        polygons = _obj_polygons(path) if path.suffix == ".obj" else _ply_polygons(path)
    except (OSError, ValueError, IndexError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not a mesh: {error}.", "Fetch it again.") from error
    fans = [(p[0], p[i], p[i + 1]) for p in polygons for i in range(1, len(p) - 1)]
    return torch.tensor(fans, dtype=torch.long)


def _obj_polygons(path: Path) -> list[list[int]]:
    rows = (line.split()[1:] for line in path.read_text().splitlines() if line.startswith("f "))
    return [[int(corner.split("/")[0]) - 1 for corner in row] for row in rows]


_PLY_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip


def _ply_polygons(path: Path) -> list[list[int]]:
    data = path.read_bytes()
    end = data.index(b"end_header\n") + len(b"end_header\n")
    header = [line.split() for line in data[:end].decode("ascii").splitlines()]
    style = next(row[1] for row in header if row[0] == "format")
    elements: list[tuple[str, int, list[list[str]]]] = []
    for row in header:
        if row[0] == "element":
            elements.append((row[1], int(row[2]), []))
        elif row[0] == "property":
            elements[-1][2].append(row[1:])
    if style == "ascii":
        lines = iter(data[end:].decode("ascii").splitlines())
        rows = {name: [next(lines).split() for _ in range(count)] for name, count, _ in elements}
        return [[int(word) for word in row[1 : 1 + int(row[0])]] for row in rows["face"]]
    order, at = ("<" if style == "binary_little_endian" else ">"), end
    for name, count, properties in elements:
        if name != "face":
            at += count * sum(np.dtype(_PLY_TYPES[kind]).itemsize for kind, _ in properties)
            continue
        _, size_type, index_type, _ = properties[0]
        size, index = (np.dtype(order + _PLY_TYPES[kind]) for kind in (size_type, index_type))
        polygons = []
        for _ in range(count):
            corners = int(np.frombuffer(data, size, 1, at)[0])
            at += size.itemsize
            polygons.append(np.frombuffer(data, index, corners, at).tolist())
            at += corners * index.itemsize
        return polygons
    raise ValueError("it has no faces")
