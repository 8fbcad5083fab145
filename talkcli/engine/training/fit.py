"""The one training loop: a generator of steps that saves itself and goes on where it stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from talkcli.engine.checkpoint import check_shapes
from talkcli.engine.clips import Draw
from talkcli.engine.errors import (
    BadUsage,
    MissingAsset,
    TalkError,
    check_interruption,
    held,
    interrupted,
)
from talkcli.engine.states import gone_on_from, load_state, save_state
from talkcli.engine.struct import S
from talkcli.engine.training.ahead import THREADS, ahead, dice
from talkcli.engine.training.stage import Losses, N, Stage, Update

STATE = "TrainingState"
"""The kind of file in which a run is kept."""
MEMORY = 0.98
"""Share of the mean losses that each step leaves as it was."""
SAVED_AFTER = 120
"""Seconds after which a run is saved, however many steps that took."""
CHECKED_EVERY, CHECKED_AFTER = 20, 5
"""Steps, or seconds, after which it is asked whether all losses were finite."""


class Readings(Mapping[str, float]):
    """Scalars by name, all read from their device when one of them is asked for: who asks waits for it."""

    def __init__(self, terms: Mapping[str, Tensor]) -> None:
        self._terms = terms

    @cached_property
    def _values(self) -> dict[str, float]:
        values = torch.stack(list(self._terms.values())).tolist() if self._terms else []
        return dict(zip(self._terms, values, strict=True))

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._terms)

    def __len__(self) -> int:
        return len(self._terms)


@dataclass(frozen=True)
class Step:
    number: int
    """Counted from 0."""
    losses: Mapping[str, float]
    rate: float
    """Learning rate of the first update."""
    means: Mapping[str, float]
    """Of the losses, over the last steps."""
    waited: float = 0.0
    """Seconds until its batch was there."""

    @property
    def total(self) -> float:
        return sum(self.losses.values())

    def __str__(self) -> str:
        return "  ".join([f"step {self.number}", *(f"{k} {v:.4g}" for k, v in self.losses.items())])


def fit(
    network: N,
    stage: Stage[N, S],
    draw: Draw[S],
    *,
    seed: int,
    device: torch.device | str = "cpu",
    state: Path | None = None,
    every: int = 500,
    threads: int = THREADS,
) -> Generator[Step, None, None]:
    """Train in place; yield every step so that the caller may show, log or stop.

    The chances of a step follow from `seed` and its number alone: those of its batch, which one of `threads`
    threads draws in advance (0: none), and those within the losses. `state` is written every `every` steps,
    every SAVED_AFTER seconds, after the step in which a signal comes, and at the end; it is read first if it
    is there, and the resumed run takes the very steps of the uninterrupted one. Under `accelerate launch`
    each process has chances of its own, by its rank too, and the gradients are averaged.
    """
    team = _Team.joined()
    device = team.device or device
    network.to(device)
    groups = [list(update.weights(network)) for update in stage.updates]
    before = {p: p.requires_grad for p in network.parameters()}
    learning = {id(p) for group in groups for p in group}
    _teach(network, learning)
    for part in stage.awake(network):
        part.train()
    optimisers = [
        torch.optim.AdamW(group, update.lr, update.betas, weight_decay=update.weight_decay, fused=True)
        for group, update in zip(groups, stage.updates, strict=True)
    ]
    followed = {name: p for name, p in network.named_parameters() if stage.ema and id(p) in learning}
    average = {name: p.detach().clone() for name, p in followed.items()}
    run, watch = _Run(network, optimisers, average, seed, {}), _Watch()
    first = run.load(state) if state is not None and state.exists() else 0
    if first >= stage.steps:  # it was stopped behind its last step, which is told again
        rate = stage.updates[0].lr * stage.schedule((first - 1) / stage.steps)
        yield Step(first - 1, Readings(run.means), rate, Readings(run.means))
    saved, on_cuda = time.monotonic(), torch.device(device).type == "cuda"
    forked = range(torch.cuda.device_count()) if on_cuda else ()

    def drawn(number: int) -> S:
        batch = draw(dice(seed, number, team.rank))
        return batch.map(lambda part: part if part.is_cuda else part.pin_memory()) if on_cuda else batch

    batches = ahead(drawn, first, stage.steps, threads)
    try:
        for number in range(first, stage.steps):
            begun = time.monotonic()
            example = next(batches)
            waited = time.monotonic() - begun
            with held():
                batch, values = example.to(device, non_blocking=on_cuda), {}
                parts = _apart(batch, stage.batch, stage.at_once)
                scale = stage.schedule(number / stage.steps)
                for place, update in enumerate(stage.updates):
                    group, optimiser = groups[place], optimisers[place]
                    if number < update.start:
                        continue
                    generator = dice(seed, number, team.rank, place)
                    for settings in optimiser.param_groups:
                        settings["lr"] = update.lr * scale
                    with torch.random.fork_rng(forked):
                        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
                        optimiser.zero_grad(set_to_none=True)
                        losses = _descend(update, network, parts, generator, stage.bf16)
                    team.average(group)
                    norm = _clipped(group, update.clip_norm)
                    # Like a scaler of gradients: where they are not finite, the weights stay.
                    optimiser.found_inf = (~norm.isfinite()).float()  # type: ignore[attr-defined]
                    optimiser.step()
                    watch.note(number, losses, norm)
                    values |= losses
                run.remember(values)
                if stage.ema:
                    _follow(average, followed, stage.decay(number))
                due = (number + 1) % every == 0 or number + 1 == stage.steps or interrupted()
                due = due or time.monotonic() - saved > SAVED_AFTER
                if due or watch.is_due:
                    watch.check()
                if state is not None and team.leads and due:
                    run.save(state, number + 1)
                    saved = time.monotonic()
            check_interruption()
            rate = stage.updates[0].lr * scale
            yield Step(number, Readings(values), rate, Readings(dict(run.means)), waited)
        with torch.no_grad():
            for name, parameter in followed.items():
                parameter.copy_(average[name])
        stage.end(network)
    finally:
        batches.close()
        for parameter, flag in before.items():
            parameter.requires_grad_(flag)
            parameter.grad = None
        network.eval()


def _apart(batch: S, size: int, at_once: int) -> list[tuple[float, S]]:
    """Parts of a batch of so many examples, each with its share of it."""
    if not 0 < at_once < size:
        return [(1.0, batch)]

    def part(start: int, stop: int) -> tuple[float, S]:
        return (stop - start) / size, batch.map(lambda tensor: tensor[start:stop])

    return [part(start, min(start + at_once, size)) for start in range(0, size, at_once)]


def _descend(
    update: Update[N, S],
    network: N,
    parts: Sequence[tuple[float, S]],
    generator: torch.Generator,
    bf16: bool,
) -> Losses:
    """Gradients of the mean over the parts, and its terms."""
    means: Losses = {}
    kind = next(network.parameters()).device.type
    for share, part in parts:
        with torch.autocast(kind, torch.bfloat16) if bf16 else nullcontext():
            terms = update.losses(network, part, generator)
        (share * torch.stack([term.float() for term in terms.values()]).sum()).backward()
        for name, term in terms.items():
            means[name] = means.get(name, 0) + share * term.detach().float()
    return means


def _clipped(group: Sequence[nn.Parameter], limit: float | None) -> Tensor:
    """The norm of all gradients, which are brought down to the limit where there is one."""
    norm = get_total_norm([p.grad for p in group if p.grad is not None])
    if limit is not None:
        clip_grads_with_norm_(group, limit, norm)
    return norm


def _teach(module: nn.Module, trained: set[int], parent: bool = True) -> None:
    """Training mode and gradients where something is trained; eval mode for every frozen part."""
    own = list(module.parameters())
    mode = any(id(p) in trained for p in own) if own else parent
    module.training = mode
    for parameter in module.parameters(recurse=False):
        parameter.requires_grad_(id(parameter) in trained)
    for child in module.children():
        _teach(child, trained, mode)


@torch.no_grad()
def _follow(average: Mapping[str, Tensor], weights: Mapping[str, Tensor], decay: float) -> None:
    means, now = list(average.values()), list(weights.values())
    torch._foreach_lerp_(means, now, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]


class _Watch:
    """Whether losses and gradients stay finite: asked of the device once for many steps."""

    def __init__(self) -> None:
        self._unread: list[tuple[int, Losses, Tensor]] = []
        self._read_at = time.monotonic()

    def note(self, number: int, losses: Losses, norm: Tensor) -> None:
        self._unread.append((number, losses, norm))

    @property
    def is_due(self) -> bool:
        late = time.monotonic() - self._read_at > CHECKED_AFTER
        return late or len(self._unread) >= CHECKED_EVERY

    def check(self) -> None:
        """TalkError for the first step since the last time at which something was not finite."""
        if not self._unread:
            return
        rows = [torch.stack([*losses.values()]).sum() + norm for _, losses, norm in self._unread]
        for (number, losses, _), sound in zip(
            self._unread, torch.stack(rows).isfinite().tolist(), strict=True
        ):
            if not sound:
                terms = ", ".join(f"{name} {term.item():.4g}" for name, term in losses.items())
                raise TalkError(
                    f"Training left the finite numbers at step {number}: {terms}.",
                    "Resume with a lower learning rate: --resume --set lr=...",
                )
        self._unread.clear()
        self._read_at = time.monotonic()


@dataclass(frozen=True)
class _Run:
    """All that the next step depends on, in one file."""

    network: nn.Module
    optimisers: Sequence[torch.optim.Optimizer]
    average: dict[str, Tensor]
    seed: int
    means: Losses
    """Of the losses, over the last steps."""

    def remember(self, losses: Losses) -> None:
        for name, value in losses.items():
            self.means[name] = self.means.get(name, value).lerp(value, 1 - MEMORY)

    def save(self, path: Path, steps: int) -> None:
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        for number, optimiser in enumerate(self.optimisers):
            for index, moments in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser.{number}.{index}.{k}": v for k, v in moments.items()}
        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        save_state(tensors, path, STATE, steps, seed=self.seed, means=dict(Readings(self.means)))

    def load(self, path: Path) -> int:
        """Steps taken so far."""
        tensors, header = load_state(path, STATE)
        if header.get("seed") != self.seed:
            begun = header.get("seed")
            hint = f"Go on with --seed {begun}, or give --overwrite instead of --resume to begin anew."
            raise BadUsage(f"{path} was begun with seed {begun}, not {self.seed}.", hint)

        def under(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        with gone_on_from(path):
            place = next(self.network.parameters()).device
            for name, mean in header.get("means", {}).items():
                self.means[str(name)] = torch.tensor(float(mean), device=place)
            check_shapes(self.network, under("network."))
            self.network.load_state_dict(under("network."))
            for name, tensor in under("average.").items():
                self.average[name].copy_(tensor)
            for number, optimiser in enumerate(self.optimisers):
                weights = [weight for group in optimiser.param_groups for weight in group["params"]]
                moments: dict[int, dict[str, Tensor]] = {}
                for name, tensor in under(f"optimiser.{number}.").items():
                    index, kind = name.split(".", 1)
                    if tensor.numel() > 1 and tensor.shape != weights[int(index)].shape:
                        raise ValueError("its optimiser has weights of other shapes")
                    moments.setdefault(int(index), {})[kind] = tensor
                optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
            return int(header["steps"])


def is_leader() -> bool:
    """Whether this process writes what all of them trained."""
    return os.environ.get("RANK", "0") == "0"


@dataclass(frozen=True)
class _Team:
    """The processes that train together; alone, every call is free."""

    accelerator: Any | None = None

    @classmethod
    def joined(cls) -> _Team:
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise MissingAsset(
                "Several processes need accelerate.", "pip install 'talkcli[train]'"
            ) from error
        return cls(Accelerator())

    @property
    def rank(self) -> int:
        return 0 if self.accelerator is None else self.accelerator.process_index

    @property
    def leads(self) -> bool:
        return self.accelerator is None or self.accelerator.is_main_process

    @property
    def device(self) -> torch.device | None:
        return None if self.accelerator is None else self.accelerator.device

    def average(self, group: Sequence[nn.Parameter]) -> None:
        """The mean gradient of all processes into each of them."""
        if self.accelerator is None:
            return
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in group]
        flat = self.accelerator.reduce(torch.cat([g.flatten() for g in grads]), "mean")
        for parameter, part in zip(group, flat.split([p.numel() for p in group]), strict=True):
            parameter.grad = part.reshape(parameter.shape)
