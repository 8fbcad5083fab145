"""Batches made in advance: in threads, in order, and the same whether there are threads or not."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch

T = TypeVar("T")

THREADS = max(1, min(8, (os.cpu_count() or 1) - 1))
"""That make batches while a network is busy."""


def dice(seed: int, *place: int) -> torch.Generator:
    """The generator of one place in a run, such as (step, rank): near places have unlike dice."""
    words = np.random.SeedSequence(seed % 2**64, spawn_key=place).generate_state(2)
    return torch.Generator().manual_seed(int(words[0]) << 31 | int(words[1]))


def ahead(make: Callable[[int], T], first: int, last: int, threads: int) -> Generator[T, None, None]:
    """make(first) ... make(last - 1) in order; while one is used, each thread makes one of the next.

    What `make` raises is raised when its number's turn comes. The threads end with the generator.
    """
    if threads == 0:
        yield from map(make, range(first, last))
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="batch") as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for number in range(first, last):
                while number + len(waiting) < min(number + 1 + threads, last):
                    waiting.append(pool.submit(make, number + len(waiting)))
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
