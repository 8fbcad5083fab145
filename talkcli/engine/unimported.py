"""What others import for company and nothing here needs, left where it is: seconds of every start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def unimported(*names: str) -> Iterator[None]:
    """Whoever imports modules of these names meanwhile gets empty ones; those already there stay."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update((name, ModuleType(name)) for name in hidden)
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
