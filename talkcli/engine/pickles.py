"""Other people's pickles: arrays in plain containers, read without running anything that they contain; what
torch's files claim to hold."""

from __future__ import annotations

import codecs
import io
import math
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.errors import Untrusted, reading
from talkcli.engine.measured import Measured

Plain = Callable[[Any], Any]


class _Numbers:
    """A kind of numbers as pickles describe it. numpy's own takes any state, and what is no kind harms it."""

    def __init__(self, name: object, *_: object) -> None:
        self.kind = np.dtype(str(name))
        if self.kind.kind not in "fiubO":
            raise pickle.UnpicklingError(f"it holds {self.kind}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.kind = self.kind.newbyteorder(state[1])


class StandIn:
    """What stands for a class of another library: it takes the state and runs nothing."""

    state: Mapping[str, Any]

    def __init__(self, *_: object) -> None:
        self.state = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}

    def array(self, plain: Plain) -> NDArray[Any]:
        """The numbers that the object holds; `plain` makes arrays of what its state holds."""
        raise NotImplementedError


StandIns = Mapping[tuple[str, str], type[StandIn]]
NONE: StandIns = MappingProxyType({})


class _Array:
    """An array as pickles describe it: of numbers, as many as its bytes are, or of plain objects."""

    values: NDArray[Any] | list[Any]

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, numbers, by_columns, content = state
        if numbers.kind.kind == "O":
            if not isinstance(content, list):
                raise pickle.UnpicklingError("it holds objects that are no list")
            self.values = content
            return
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

    def __init__(self, content: BinaryIO, stand_ins: StandIns) -> None:
        super().__init__(content, encoding="latin1")
        self._stand_ins = stand_ins

    dispatch: ClassVar = {
        key: read for key, read in pickle._Unpickler.dispatch.items() if key != pickle.BYTEARRAY8[0]
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return codecs.encode
        if module in ("copy_reg", "copyreg") and name == "_reconstructor" and self._stand_ins:
            return _reconstructed
        if (module, name) in self._stand_ins:
            return self._stand_ins[module, name]
        if module.partition(".")[0] != "numpy" or name not in _ALLOWED:
            raise pickle.UnpicklingError(f"it wants {module}.{name}")
        return _ALLOWED[name]


def _reconstructed(kind: Any, *_: object) -> StandIn:
    """An object of Python 2's second protocol, before its state."""
    if not (isinstance(kind, type) and issubclass(kind, StandIn)):
        raise pickle.UnpicklingError("it makes an object of a kind that is not known")
    return kind()


def _plain(value: Any, known: dict[int, Any]) -> Any:
    """With arrays in the place of what describes them; what stands in many places is made once."""
    if isinstance(value, _Array) and isinstance(value.values, np.ndarray):
        return value.values
    value = value.values if isinstance(value, _Array) else value
    if not isinstance(value, dict | list | tuple | StandIn):
        return value
    if id(value) not in known:
        if isinstance(value, StandIn):
            known[id(value)] = value.array(lambda inner: _plain(inner, known))
        elif isinstance(value, dict):
            known[id(value)] = {key: _plain(inner, known) for key, inner in value.items()}
        else:
            known[id(value)] = [_plain(inner, known) for inner in value]
    return known[id(value)]


NPY = b"\x93NUMPY"
_HINT = "Give the file as its authors publish it; one that was cut short is to be fetched again."


def load_tree(path: Path, stand_ins: StandIns = NONE) -> dict[Any, Any]:
    """A pickled dict of dicts, lists, numbers, words and arrays, of Python 2 as well, or a .npy that holds
    nothing but one; objects of the classes that `stand_ins` names, (module, name), become arrays."""
    with reading(path, "a plain dict of arrays", _HINT, Untrusted), Measured(path) as content:
        stored = content.read(len(NPY)) == NPY
        content.seek(0)
        if stored:
            _skip_header(content)
        tree = _plain(_ArraysOnly(content, stand_ins).load(), {})
        if stored and isinstance(tree, list) and len(tree) == 1:
            tree = tree[0]
    if not isinstance(tree, dict) or not tree:
        raise Untrusted(f"{path} is not a plain dict of arrays.", _HINT)
    return tree


def _skip_header(content: BinaryIO) -> None:
    """To where the pickle of a .npy of objects begins."""
    version = np.lib.format.read_magic(content)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    read(content)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """A pickled dict of arrays, of Python 2 as well."""
    values = load_tree(path)
    if not all(isinstance(value, np.ndarray) for value in values.values()):
        raise Untrusted(f"{path} is not a plain dict of arrays.", _HINT)
    return values


class Inert:
    """What stands for whatever a pickle makes, and keeps none of it."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass


_MAKERS = {
    ("collections", "OrderedDict"), ("collections", "Counter"), ("torch._utils", "_rebuild_parameter"),
    ("torch", "device"), ("_codecs", "encode"), ("numpy", "dtype"), ("builtins", "set"),
    ("__builtin__", "set"),
}  # fmt: skip
_REBUILD = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3")
_SPARE_NUMBERS = 1 << 24
"""That tensors may be made of more than is stored, as views of one another."""


class _Claims(pickle._Unpickler):
    """What a pickle of torch's says that it stores and makes of it.

    Names other than those of plain tensors and arrays are refused: some make room for any number that they
    are told.
    """

    def __init__(self, file: BinaryIO, unread: tuple[str, ...] = ()) -> None:
        super().__init__(file, encoding="latin1")
        self._unread = unread
        self.stored: dict[object, int] = {}
        """Numbers of each storage."""
        self.made = 0
        """Numbers of all tensors."""

    dispatch: ClassVar = _ArraysOnly.dispatch

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch._utils" and name in _REBUILD:
            return self._rebuilt
        if (module, name) == ("torch", "Size"):
            return tuple
        if module.partition(".")[0] == "numpy" and name == "_reconstruct":
            return self._reconstructed
        if (module, name) in _MAKERS or module_within(module, self._unread):
            return Inert
        if module in ("torch", "torch.storage", "numpy"):
            return (module, name)  # says of what kind something is, and cannot be called
        raise pickle.UnpicklingError(f"it wants {module}.{name}")

    def persistent_load(self, pid: Any) -> Inert:
        _, _, key, _, numbers = pid[:5]
        if not isinstance(numbers, int) or numbers < 0:
            raise pickle.UnpicklingError("it stores what is no number of numbers")
        self.stored[key] = numbers
        return Inert()

    def _rebuilt(self, storage: object, offset: object, size: tuple[int, ...], *_: object) -> Inert:
        self.made += math.prod(size)
        return Inert()

    def _reconstructed(self, kind: object, shape: tuple[int, ...], *_: object) -> Inert:
        if math.prod(shape):
            raise pickle.UnpicklingError("it makes an array of nothing")
        return Inert()


def is_archive(path: Path) -> bool:
    """Whether a file begins as zip archives do."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def module_within(module: str, packages: tuple[str, ...]) -> bool:
    """Whether a module is of one of these packages, which end in dots."""
    return f"{module}.".startswith(packages)


def check_claims(path: Path, unread: tuple[str, ...] = ()) -> None:
    """ValueError, or whatever a damaged pickle raises, unless a file that torch saved holds as much as it
    claims to: torch makes room before it looks. Classes of the packages `unread` count as nothing."""
    size = path.stat().st_size
    if is_archive(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > size:
                raise ValueError("it unpacks to more than it is")
            (name,) = (member.filename for member in members if member.filename.endswith("/data.pkl"))
            claims = _Claims(io.BytesIO(archive.read(name)), unread)
        claims.load()
    else:
        with Measured(path) as content:
            _, _, _, claims, _ = parts = [_Claims(content, unread) for _ in range(5)]
            for part in parts:  # magic, version, system, tensors, and the names of what they are stored in
                part.load()
    stored = sum(claims.stored.values())
    if stored > size:
        raise ValueError(f"it claims to store {stored} numbers in {size} bytes")
    if claims.made > 2 * stored + _SPARE_NUMBERS:
        raise ValueError(f"it makes {claims.made} numbers of the {stored} that it stores")
