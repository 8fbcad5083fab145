"""numba with its cache where this user can write: a source install may be read-only."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np

from talkcli.engine.assets import cache_folder

FREE = {"contract", "arcp", "nsz", "afn", "reassoc"}


def _can_cache() -> bool:
    """Point numba at a folder for this state of the sources: it does not see changes in what it inlines."""
    if not numba.config.CACHE_DIR:  # type: ignore[attr-defined]
        sources = sorted(Path(__file__).parent.glob("*.py"))
        state = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
        try:
            folder = cache_folder() / "numba" / hashlib.sha256(repr(state).encode()).hexdigest()[:16]
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return False
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    return True


_CACHE = _can_cache()
_njit: Any = numba.njit
_kernel = functools.partial(_njit, cache=_CACHE, nogil=True, error_model="numpy", _nrt=False)
"""Kernels borrow their arrays and make none: counting references would cost more than their arithmetic."""


def _single(function: Callable[..., Any]) -> Callable[..., Any]:
    """Its literals in single precision: one double among them would make doubles of all they touch."""
    code = function.__code__
    literals = tuple(np.float32(value) if type(value) is float else value for value in code.co_consts)
    function.__code__ = code.replace(co_consts=literals)
    return function


def fast(function: Callable[..., Any]) -> Any:
    """In single precision, free to reorder: for colours, which are rounded to bytes anyway."""
    return _kernel(_single(function), fastmath=FREE)


def inlined(function: Callable[..., Any]) -> Any:
    """As `fast`, and melted into its caller."""
    return _kernel(_single(function), fastmath=FREE, forceinline=True)


def exact(function: Callable[..., Any]) -> Any:
    """IEEE arithmetic in the order written: the same result on every machine."""
    return _kernel(function)


def is_cached(*kernels: object) -> bool:
    """Whether every kernel has been compiled on this machine before."""
    indices = [Path(kernel._cache._cache_file._index_path) for kernel in kernels]  # type: ignore[attr-defined]
    return _CACHE and all(index.is_file() for index in indices)
