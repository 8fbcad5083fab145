"""Files that are read as far as they go: one of Python's own makes room for whatever is asked of it first."""

from __future__ import annotations

import io
import stat
from os import fstat
from pathlib import Path


class Measured(io.BufferedReader):
    """The bytes of a file, of which a read takes no more than are there. Errors as in `open`."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        status = fstat(self.fileno())
        self._size = status.st_size if stat.S_ISREG(status.st_mode) else None

    def __repr__(self) -> str:
        """As libraries say which file they read."""
        return repr(str(self.name))

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > 0 and self._size is not None:
            size = min(size, max(0, self._size - self.tell()))
        return super().read(size)
