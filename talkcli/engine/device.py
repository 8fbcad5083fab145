"""Device: where networks run; everything else lives on the CPU, on so many of its cores."""

from __future__ import annotations

import os

import torch

from talkcli.engine.errors import BadUsage


def pick_device(name: str = "auto") -> torch.device:
    """`auto` takes CUDA, else the CPU; a device asked for by name must be there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BadUsage(f"'{name}' is no device.", "Give auto, cpu, cuda, cuda:N or mps.") from error
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type, False):
        raise BadUsage(f"This machine has no device '{name}'.", "Give --device auto.")
    return device


def cores() -> int:
    """Of those this process may use, as many as numba was told to."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, int(os.environ.get("NUMBA_NUM_THREADS") or allowed))
