"""Files that are read as text: TOML, JSON, words, meshes in letters."""

from __future__ import annotations

import io
from pathlib import Path

LONGEST_TEXT = 256 << 20
"""Bytes of a file that is read as text: meshes are the longest."""


def text_of(path: Path, errors: str = "strict", longest: int = LONGEST_TEXT) -> str:
    """The text of a file in UTF-8. ValueError where it has more than `longest` bytes, as a device may."""
    with path.open("rb") as file:
        content = file.read(longest + 1)
    if len(content) > longest:
        raise ValueError(f"it has more than {longest} bytes")
    return io.TextIOWrapper(io.BytesIO(content), "utf-8", errors).read()
