"""The one training loop: a generator of steps that saves itself and goes on where it stopped."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from talkcli.engine.errors import MissingAsset, TalkError, Untrusted
from talkcli.engine.files import FORMAT, load_tensors, save_tensors
from talkcli.engine.struct import S
from talkcli.engine.training.stage import N, Stage


@dataclass(frozen=True)
class Step:
    number: int
    """Counted from 0."""
    losses: dict[str, float]
    rate: float
    """Learning rate of the first update."""

    @property
    def total(self) -> float:
        return sum(self.losses.values())

    def __str__(self) -> str:
        return "  ".join([f"step {self.number}", *(f"{k} {v:.4g}" for k, v in self.losses.items())])


def fit(
    network: N,
    stage: Stage[N, S],
    batches: Iterator[S],
    *,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
    state: Path | None = None,
    every: int = 500,
) -> Iterator[Step]:
    """Train in place; yield every step so that the caller may show, log or stop.

    `state` is written every `every` steps and at the end, and read first if it is there: a crash loses at
    most `every` steps, and the resumed run takes the very steps of the uninterrupted one, since `generator`
    (which `batches` must share) is saved too. Under `accelerate launch` each process takes its own batches
    and the gradients are averaged.
    """
    team = _Team.joined()
    device = team.device or device
    network.to(device)
    groups = [list(update.weights(network)) for update in stage.updates]
    before = {p: p.requires_grad for p in network.parameters()}
    _teach(network, {id(p) for group in groups for p in group})
    optimisers = [
        torch.optim.AdamW(group, lr=update.lr, betas=update.betas, weight_decay=update.weight_decay)
        for group, update in zip(groups, stage.updates, strict=True)
    ]
    average = {name: p.detach().clone() for name, p in network.named_parameters()} if stage.ema else {}
    run = _Run(network, optimisers, average, generator)
    first = run.load(state) if state is not None and state.exists() else 0
    team.part(generator, first)
    try:
        for number in range(first, stage.steps):
            batch, seen = next(batches).to(device), {}
            scale = stage.schedule(number / stage.steps)
            for update, group, optimiser in zip(stage.updates, groups, optimisers, strict=True):
                if number < update.start:
                    continue
                for settings in optimiser.param_groups:
                    settings["lr"] = update.lr * scale
                with torch.random.fork_rng():
                    torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
                    losses = update.losses(network, batch, generator)
                    total = torch.stack(list(losses.values())).sum()
                    optimiser.zero_grad(set_to_none=True)
                    total.backward()
                team.average(group)
                norm = clip_grad_norm_(group, update.clip_norm or float("inf"))
                if not (torch.isfinite(total) and torch.isfinite(norm)):
                    terms = ", ".join(f"{name} {term.item():.4g}" for name, term in losses.items())
                    raise TalkError(
                        f"Training left the finite numbers at step {number}: {terms}.",
                        "Resume with a lower learning rate: --resume --set lr=...",
                    )
                optimiser.step()
                seen |= {name: term.item() for name, term in losses.items()}
            if stage.ema:
                _follow(average, network, min(stage.ema, (1 + number) / (10 + number)))
            if state is not None and team.leads and ((number + 1) % every == 0 or number + 1 == stage.steps):
                run.save(state, number + 1)
            yield Step(number, seen, stage.updates[0].lr * scale)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if name in average:
                    parameter.copy_(average[name])
        stage.end(network)
    finally:
        for parameter, wanted in before.items():
            parameter.requires_grad_(wanted)
            parameter.grad = None
        network.eval()


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
def _follow(average: dict[str, Tensor], network: nn.Module, decay: float) -> None:
    for name, parameter in network.named_parameters():
        average[name].lerp_(parameter, 1 - decay)


@dataclass(frozen=True)
class _Run:
    """All that the next step depends on, in one file."""

    network: nn.Module
    optimisers: Sequence[torch.optim.Optimizer]
    average: dict[str, Tensor]
    generator: torch.Generator

    def save(self, path: Path, steps: int) -> None:
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        tensors["generator"] = self.generator.get_state()
        for number, optimiser in enumerate(self.optimisers):
            for index, moments in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser.{number}.{index}.{k}": v for k, v in moments.items()}
        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        save_tensors(tensors, {"format": FORMAT, "kind": "TrainingState", "steps": steps}, path)

    def load(self, path: Path) -> int:
        """Steps taken so far."""
        tensors, header = load_tensors(path)

        def under(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        try:
            self.network.load_state_dict(under("network."))
            for name, tensor in under("average.").items():
                self.average[name].copy_(tensor)
            for number, optimiser in enumerate(self.optimisers):
                moments: dict[int, dict[str, Tensor]] = {}
                for name, tensor in under(f"optimiser.{number}.").items():
                    index, kind = name.split(".", 1)
                    moments.setdefault(int(index), {})[kind] = tensor
                optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
            self.generator.set_state(tensors["generator"])
            return int(header["steps"])
        except (RuntimeError, KeyError, ValueError) as error:
            raise Untrusted(
                f"{path} is the state of another training run: {str(error).splitlines()[0]}",
                "Train without --resume, or with the settings it was begun with.",
            ) from error


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

    def part(self, generator: torch.Generator, step: int) -> None:
        """Dice of its own for every process but the first."""
        if self.accelerator is not None and not self.leads:
            rank: int = self.accelerator.process_index
            generator.manual_seed(generator.initial_seed() + 1_000_003 * step + rank)

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
