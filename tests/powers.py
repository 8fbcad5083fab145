"""Permissions that count: of a process of root's, which may do all, so much is taken for a while."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_VERSION = 0x20080522
"""Of the system's call: 64 bits of capabilities, in two parts."""
_ANY_FILE = 0b110
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""


class _Head(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Powers(ctypes.Structure):
    _fields_ = (("held", ctypes.c_uint32), ("allowed", ctypes.c_uint32), ("inherited", ctypes.c_uint32))


def can_be_taken() -> bool:
    """Whether permissions count already, or can be made to."""
    return os.geteuid() != 0 or sys.platform == "linux"


@contextmanager
def without_powers() -> Iterator[None]:
    """Permissions of files count for this thread; `os.access` goes on saying that root may do all, as on a
    disk of another machine."""
    if os.geteuid() != 0:
        yield
        return
    system = ctypes.CDLL(None, use_errno=True)
    head, powers = _Head(_VERSION, 0), (_Powers * 2)()
    assert system.capget(ctypes.byref(head), powers) == 0
    held = powers[0].held
    powers[0].held = held & ~_ANY_FILE
    assert system.capset(ctypes.byref(head), powers) == 0
    try:
        yield
    finally:
        powers[0].held = held
        assert system.capset(ctypes.byref(head), powers) == 0
