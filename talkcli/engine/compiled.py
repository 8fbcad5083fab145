"""numba with its cache where this user can write: a source install may be read-only."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core.caching import FunctionCache, IndexDataCacheFile

from talkcli.engine.assets import cache_folder

_FREE_MATHS = {"contract", "arcp", "nsz", "afn", "reassoc"}


faults: list[str] = []
"""What was wrong with the cache: kernels are compiled without it."""


class _SealedFile(IndexDataCacheFile):
    """numba's files, each compiled kernel behind a digest of itself: what is damaged is not run."""

    def _load_data(self, name: str) -> Any:
        data = Path(self._data_path(name)).read_bytes()
        if hashlib.sha256(data[32:]).digest() != data[:32]:
            raise ValueError(f"{name} is damaged")
        return pickle.loads(data[32:])

    def _save_data(self, name: str, data: Any) -> None:
        code = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(code).digest() + code)


class _Cache(FunctionCache):
    """A cache that is no input: whatever is wrong with it, the kernel is compiled."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        file = self._cache_file
        self._cache_file = _SealedFile(self._cache_path, self._impl.filename_base, file._source_stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:
            faults.append(f"{self._cache_path}: {error}")
            self._forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception as error:
            faults.append(f"{self._cache_path}: {error}")
            self._forget()

    def _forget(self) -> None:
        """So that the next one is written anew, or that nothing half-written is found."""
        with contextlib.suppress(OSError):
            Path(self._cache_file._index_path).unlink(missing_ok=True)


@functools.cache
def _cache_of(sources: Path) -> str:
    """A folder for this state of a folder of sources: numba does not see changes in what it inlines."""
    state = [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(sources.glob("*.py"))]
    try:
        folder = cache_folder() / "numba" / hashlib.sha256(repr(state).encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        faults.append(str(error))
        return ""
    return str(folder)


def _kernel(function: Callable[..., Any], **settings: Any) -> Any:
    config: Any = numba.config  # type: ignore[attr-defined]
    users = config.CACHE_DIR
    place = users or _cache_of(Path(function.__code__.co_filename).parent)
    kernel: Any = numba.njit(function, **settings)
    if place:
        config.CACHE_DIR = place
        try:
            kernel._cache = _Cache(kernel.py_func)
        except (OSError, RuntimeError) as error:
            faults.append(f"{place}: {error}")
        finally:
            config.CACHE_DIR = users
    return kernel


_lending = functools.partial(_kernel, nogil=True, error_model="numpy", _nrt=False)
"""Kernels borrow their arrays and make none: counting references would cost more than their arithmetic."""


def _single(function: Callable[..., Any]) -> Callable[..., Any]:
    """Its literals in single precision: one double among them would make doubles of all they touch."""
    code = function.__code__
    literals = tuple(np.float32(value) if type(value) is float else value for value in code.co_consts)
    function.__code__ = code.replace(co_consts=literals)
    return function


def fast(function: Callable[..., Any]) -> Any:
    """In single precision, free to reorder: for colours, which are rounded to bytes anyway."""
    return _lending(_single(function), fastmath=_FREE_MATHS)


def inlined(function: Callable[..., Any]) -> Any:
    """As `fast`, and melted into its caller."""
    return _lending(_single(function), fastmath=_FREE_MATHS, forceinline=True)


def exact(function: Callable[..., Any]) -> Any:
    """IEEE arithmetic in the order written: the same result on every machine."""
    return _lending(function)


def making_arrays(function: Callable[..., Any]) -> Any:
    """As `exact`, for kernels that return arrays of their own."""
    return _kernel(function)


def is_cached(*kernels: object) -> bool:
    """Whether every kernel has been compiled on this machine before."""
    files = (getattr(kernel._cache, "_cache_file", None) for kernel in kernels)  # type: ignore[attr-defined]
    return all(file is not None and Path(file._index_path).is_file() for file in files)
