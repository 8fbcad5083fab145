"""States: what a training or a fit that stopped goes on from, in one file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from talkcli.engine.errors import BadInput, TalkError, Untrusted, reading
from talkcli.engine.files import FORMAT, load_tensors, save_tensors, with_article

ANEW = "To begin anew, give the same command with --overwrite instead of --resume."
MOST_STEPS = 10**9
_MOMENTS = ("exp_avg", "exp_avg_sq")


def save_state(tensors: Mapping[str, Tensor], path: Path, kind: str, steps: int, **more: Any) -> None:
    """Tensors, the steps taken and what JSON can say besides, whole or not at all."""
    save_tensors(tensors, {"format": FORMAT, "kind": kind, "steps": steps, **more}, path)


def load_state(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save_state` wrote of that kind. BadInput where it is absent or something else, Untrusted where it
    is damaged; either says how to begin anew."""
    try:
        tensors, header = load_tensors(path)
    except TalkError as error:
        raise type(error)(error.message, ANEW) from error
    if header.get("kind") != kind:
        found = with_article(header.get("kind"))
        raise BadInput(f"{path} holds {found}, not the state of this run ({kind}).", ANEW)
    steps = header.get("steps")
    if type(steps) is not int or not 0 <= steps <= MOST_STEPS:
        raise Untrusted(f"{path} is damaged: it has taken {steps!r:.40} steps.", ANEW)
    return tensors, header


@contextmanager
def gone_on_from(path: Path) -> Iterator[None]:
    """BadInput, with what differs, where the block finds a state to be of another run."""
    with reading(path, "the state of this run", ANEW):
        yield


def adam_tensors(adam: torch.optim.Optimizer, learnt: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What Adam learns, and the moments of each that has any, on the CPU."""
    tensors = {name: tensor.detach().cpu() for name, tensor in learnt.items()}
    for name, tensor in learnt.items():
        moments = adam.state.get(tensor, {})
        tensors |= {f"{name}.{each}": moments[each].cpu() for each in _MOMENTS if moments}
    return tensors


def take_adam_tensors(
    adam: torch.optim.Optimizer, learnt: Mapping[str, Tensor], tensors: Mapping[str, Tensor], steps: int
) -> None:
    """Have Adam, which took so many steps, go on from its tensors. ValueError where they are of others."""
    for name, tensor in learnt.items():
        moments = {each: tensors[f"{name}.{each}"] for each in _MOMENTS if f"{name}.{each}" in tensors}
        for saved in (tensors[name], *moments.values()):
            if saved.shape != tensor.shape:
                raise ValueError(f"{name} is {tuple(saved.shape)}, not {tuple(tensor.shape)}")
        with torch.no_grad():
            tensor.copy_(tensors[name])
        if len(moments) == len(_MOMENTS):
            there = {each: moment.to(tensor.device) for each, moment in moments.items()}
            adam.state[tensor] = {"step": torch.tensor(float(steps)), **there}
