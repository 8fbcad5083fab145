"""Constants that take a while: made when they are first asked for, and once if threads ask together."""

from __future__ import annotations

import functools
from collections.abc import Callable
from threading import Lock
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

_KEPT = 4
"""Results of a function, those asked for last."""


def once(make: Callable[_P, _T]) -> Callable[_P, _T]:
    """Of a function that makes the same of the same: it is cached, and whoever asks meanwhile waits."""
    made, alone = functools.lru_cache(_KEPT)(make), Lock()

    @functools.wraps(make)
    def asked(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with alone:
            return made(*args, **kwargs)  # type: ignore[arg-type] (that they can be hashed, nobody can say)

    return asked
