"""Files as other people's corpora have them, read without running anything that they contain."""

from __future__ import annotations

import codecs
import io
import pickle
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

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


class _Numbers:
    """A kind of numbers as pickles describe it. numpy's own takes any state, and what is no kind harms it."""

    def __init__(self, name: object, *_: object) -> None:
        self.kind = np.dtype(str(name))
        if self.kind.kind not in "fiub":
            raise pickle.UnpicklingError(f"it holds {self.kind}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.kind = self.kind.newbyteorder(state[1])


class _Array:
    """An array as pickles describe it: of numbers, as many as its bytes are."""

    values: NDArray[Any]

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, numbers, by_columns, content = state
        content = content.encode("latin1") if isinstance(content, str) else content
        array = np.frombuffer(content, numbers.kind)
        self.values = array.reshape(shape, order="F" if by_columns else "C").copy()


def _scalar(numbers: _Numbers, content: bytes | str) -> Any:
    content = content.encode("latin1") if isinstance(content, str) else content
    return np.frombuffer(content, numbers.kind, 1)[0]


_ALLOWED = {
    "ndarray": _Array,
    "dtype": _Numbers,
    "_reconstruct": _Array,
    "scalar": _scalar,
}
"""What stands for numpy's makers, by their names."""


class _ArraysOnly(pickle._Unpickler):
    """Dicts, lists, strings, numbers and numpy arrays; any other name is refused.

    In Python, as the one in C makes room for what a file claims before it looks whether that is there.
    """

    dispatch: ClassVar = {
        key: read for key, read in pickle._Unpickler.dispatch.items() if key != pickle.BYTEARRAY8[0]
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return codecs.encode
        if module.partition(".")[0] != "numpy" or name not in _ALLOWED:
            raise pickle.UnpicklingError(f"it wants {module}.{name}")
        return _ALLOWED[name]


def _plain(value: Any, known: dict[int, Any]) -> Any:
    """With arrays in the place of what describes them; what stands in many places is made once."""
    if isinstance(value, _Array):
        return value.values
    if not isinstance(value, dict | list | tuple):
        return value
    if id(value) not in known:
        if isinstance(value, dict):
            known[id(value)] = {key: _plain(inner, known) for key, inner in value.items()}
        else:
            known[id(value)] = [_plain(inner, known) for inner in value]
    return known[id(value)]


def load_tree(path: Path) -> dict[Any, Any]:
    """A pickled dict of dicts, lists, numbers, words and arrays, of Python 2 as well."""
    with reading(path, "a plain dict of arrays", "Fetch the original again.", Untrusted):
        content = io.BytesIO(path.read_bytes())  # a file itself makes room for whatever is asked of it
        tree = _plain(_ArraysOnly(content, encoding="latin1").load(), {})
    if not tree or not isinstance(tree, dict):
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
        return checked_indices(load_array(path), path, verts)
    with reading(path, "a list of vertices", "Give whole numbers with commas or blanks."):
        words = re.split(r"[\s,]+", path.read_text(encoding="utf-8").strip())
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
