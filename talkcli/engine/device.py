"""Device: where networks run, and how exactly; everything else lives on the CPU, on so many of its cores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import torch
from threadpoolctl import threadpool_limits

from talkcli.engine.errors import BadUsage, pick

Precision = Literal["full", "fast"]
"""full: float32 in earnest, so that devices make the same face but for rounding. fast, on CUDA: products
in TF32, and float16 where that moves nothing by more than a map's texels show; there, and on a CPU that has
instructions for it, bfloat16 where networks draw by it as well."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
"""Linux gives torch's large tensors pages of 2 MB: maps of 512² with 128 channels are 33,000 small ones,
which take longer to come by than to fill."""
_CACHES = 16 << 20
"""Bytes that a CPU keeps near; more at a time is slower."""
_SHARE = 8
"""What is painted at a time may take one part in so many of a card's memory."""


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


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """What torch computes meanwhile on the CPU, here and on threads begun since, takes so many; and so do
    numpy's products and solutions, whose idle threads would not let others be."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count, "blas"):
            yield
    finally:
        torch.set_num_threads(before)


def set_precision(precision: str) -> Precision:
    """Of all that this process computes on CUDA from now on: torch's own defaults are neither of the two."""
    known: Precision = "fast" if pick(precision, PRECISIONS, "precision") == "fast" else "full"
    _allow_tf32(known == "fast")
    return known


def exact_kind(device: torch.device) -> torch.dtype:
    """What sums are taken in that must not lose digits: float64 where there is any."""
    return torch.float32 if device.type == "mps" else torch.float64


@contextmanager
def exact_products() -> Iterator[None]:
    """Without TF32 for a while, whatever the precision is."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    _allow_tf32(False)
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@contextmanager
def seeking_the_fastest() -> Iterator[None]:
    """Convolutions that are met for the first time meanwhile keep the way that was fastest: worth its seconds
    where they come back often."""
    before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def _allow_tf32(allowed: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def painting_kind(device: torch.device, precision: Precision) -> torch.dtype:
    """Of networks that draw pictures."""
    return torch.float16 if precision == "fast" and device.type == "cuda" else torch.float32


def painting_room(device: torch.device) -> int:
    """Bytes that what is painted at a time should stay within: the same on every run."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory // _SHARE
    return _CACHES


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether it has instructions for bfloat16: without them a CPU takes 25 times as long as in float32."""
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16"))
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)


def bfloat16_products(device: torch.device, wanted: bool = True) -> torch.autocast:
    """Products in bfloat16 if `wanted` where the device multiplies it, or if a whole step is computed so."""
    enabled = torch.is_autocast_enabled(device.type) or (wanted and multiplies_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def half_products(device: torch.device, precision: Precision) -> torch.autocast:
    """Products in bfloat16 for a while, where it is to be fast and the device multiplies it: for networks
    taught that way."""
    enabled = precision == "fast" and multiplies_bfloat16(device)
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)
