"""Numbers that are spilt: a long row of them lies in a file without a name, and memory holds what is read."""

from __future__ import annotations

import mmap
import sys
import tempfile
from collections.abc import Iterable
from contextlib import closing, suppress
from typing import BinaryIO
from weakref import WeakValueDictionary

import numpy as np
from jaxtyping import Float32
from torch import Tensor

IN_MEMORY = 16 << 20
"""Bytes up to which a row stays in memory: four minutes of speech."""
_PIECE = 1 << 20
"""Bytes that are written together."""
_PAGE_OUT = 21
"""Linux's advice that pages are not needed for now (MADV_PAGEOUT): nothing is lost by it."""
_maps: WeakValueDictionary[int, mmap.mmap] = WeakValueDictionary()
"""By where their numbers begin."""


def spilt(blocks: Iterable[Float32[np.ndarray, ...]]) -> Float32[np.ndarray, " n"]:
    """All numbers of the blocks, one after the other.

    Beyond IN_MEMORY they lie in a file of the folder for temporary files (TMPDIR says which), which vanishes
    with the array: its pages are the system's to give back where memory is short. Where that folder has no
    room they stay in memory. What is written into the array is never in the file.
    """
    with closing(_Store()) as store:
        for block in blocks:
            store.add(np.ascontiguousarray(block, np.float32).tobytes())
        content = store.whole()
    row = np.frombuffer(content, np.float32)
    if isinstance(content, mmap.mmap):
        _maps[row.ctypes.data] = content
    return row


def let_go(row: Tensor) -> None:
    """Tell the system that what memory holds of a row, or of the row that this is a part of, was read.

    What is spilt is read again where it is wanted. Whoever goes through a long recording says so piece by
    piece.
    """
    mapped = _maps.get(row.untyped_storage().data_ptr())
    if mapped is not None and sys.platform == "linux":
        with suppress(OSError):
            mapped.madvise(_PAGE_OUT)


class _Store:
    def __init__(self) -> None:
        self._kept = bytearray()
        self._file: BinaryIO | None = None
        self._written, self._has_room = 0, True

    def add(self, content: bytes) -> None:
        self._kept += content
        if self._has_room and len(self._kept) > (IN_MEMORY if self._file is None else _PIECE):
            self._spill()

    def _spill(self) -> None:
        """What is kept into the file; all of it back into memory where that fails."""
        with suppress(OSError):
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (it stays open)
            if self._file.write(self._kept) == len(self._kept):
                self._written += len(self._kept)
                self._kept = bytearray()
                return
        self._has_room = False
        if self._file is not None:
            self._file.seek(0)
            self._kept = bytearray(self._file.read(self._written)) + self._kept

    def whole(self) -> bytearray | mmap.mmap:
        if self._file is not None and self._has_room and self._kept:
            self._spill()
        if self._file is None or not self._has_room:
            return self._kept
        return mmap.mmap(self._file.fileno(), self._written, access=mmap.ACCESS_COPY)

    def close(self) -> None:
        """A map of the file stays."""
        if self._file is not None:
            self._file.close()
