"""What one training stage is: data, nothing runs here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from talkcli.engine.clips import ClipSet, DrawnBy, Example
from talkcli.engine.struct import S

N = TypeVar("N", bound=nn.Module)
"""The network a stage trains: each method's stages speak of its own class."""

Losses = dict[str, Tensor]
"""Named scalar terms, each already weighted: their sum is what is minimised."""


RateSchedule = Callable[[float], float]
"""Share of the learning rate at a share of the steps."""


def steady(progress: float) -> float:
    """The learning rate as given, from first step to last."""
    return 1.0


def cosine(progress: float) -> float:
    """Up over the first 2 % of the steps, then down along half a cosine to 1 %."""
    if progress < 0.02:
        return 0.01 + 0.99 * progress / 0.02
    return 0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * (progress - 0.02) / 0.98))


@dataclass(frozen=True)
class Annealed:
    """Half a cosine over the whole run, from the learning rate as given to `last` of it, as BasicSR has it.

    The first `rise` of so many `steps` climb towards the rate from 0 instead, in a straight line that does
    not meet the cosine. A run of another length goes through all of it faster or more slowly.
    """

    last: float
    rise: int = 0
    steps: int = 1

    def __call__(self, progress: float) -> float:
        iteration = round(progress * self.steps) + 1
        if iteration < self.rise:
            return iteration / self.rise
        return self.last + (1 - self.last) * (0.5 + 0.5 * math.cos(math.pi * progress))


TO_HALF, TO_THREEFOLD = Annealed(0.5), Annealed(3.0)
TO_TENTH = Annealed(0.1, rise=5_000, steps=120_000)
ONE_CYCLE = Annealed(4e-6)
"""torch's OneCycleLR without a rise (pct_start 0): down to 1 / (25 * 10,000) of the rate."""


@dataclass(frozen=True)
class Update(Generic[N, S]):
    """One optimiser: which weights, and what they minimise."""

    weights: Callable[[N], Iterable[nn.Parameter]]
    losses: Callable[[N, S, torch.Generator], Losses]
    lr: float = 1e-4
    weight_decay: float = 0.0
    """AdamW's; at 0 it is Adam."""
    betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float | None = 1.0
    start: int = 0
    """First step at which this update runs (a critic may wait)."""


@dataclass(frozen=True)
class Stage(Generic[N, S]):
    """A stage is its updates, run in order at every step. What no update trains is frozen, and in eval mode
    but for what is `awake`."""

    updates: tuple[Update[N, S], ...]
    begin: Callable[[N, ClipSet, torch.Generator], Example[S]]
    """Once, before the first step: statistics of the data into the network's buffers, features of frozen
    parts into memory, new parts from the generator. Returns how one training example is cut from the clips;
    an example holds all that `losses` need."""
    steps: int
    batch: int
    ema: float | None = None
    """Decay a step of the averaged weights that the stage leaves behind; None leaves the last ones."""
    ema_rises: bool = True
    """Whether the decay rises to that, so that a short run forgets the weights it began with."""
    schedule: RateSchedule = steady
    drawn_by: DrawnBy = "clips"
    """What is as likely as any other to be in a batch: a clip, a frame, or nearly so a speaker."""
    at_once: int = 0
    """Examples of a batch that go through the network together, their gradients added up; 0 for all."""
    bf16: bool = False
    """Whether the losses multiply in bfloat16; parts of some methods always do."""
    awake: Callable[[N], Iterable[nn.Module]] = lambda network: ()
    """Frozen parts that stay in training mode, with all that is in them: their dropout is wanted."""
    notes: tuple[str, ...] = ()
    """What a person should know before it begins."""
    end: Callable[[N], None] = lambda network: None
    """Once, after the last step: takes away what only training needed, such as a critic."""
    check: Callable[[], None] = lambda: None
    """Before anything is written: BadUsage or BadInput where it cannot begin."""
    learnt: Callable[[], Mapping[str, int]] | None = None
    """Once it has begun: of what it learns, and of how many; None where that is every clip."""

    def decay(self, number: int) -> float:
        """Of the averaged weights at a step, counted from 0."""
        assert self.ema is not None
        return min(self.ema, (1 + number) / (10 + number)) if self.ema_rises else self.ema
