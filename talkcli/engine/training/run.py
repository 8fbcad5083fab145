"""A training run: stages one after the other on the same clips, told moment by moment."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from talkcli.engine.clips import ClipSet
from talkcli.engine.device import pick_device
from talkcli.engine.training.ahead import dice
from talkcli.engine.training.fit import Step, fit, is_leader
from talkcli.engine.training.stage import Stage

LOG_EVERY = 10
"""Steps between two points of a curve."""


@dataclass(frozen=True)
class Moment:
    stage: str
    learnt: Mapping[str, int]
    """Of what it learns, and of how many; before its first step of all clips that it goes through."""
    steps: int
    """Of the whole stage."""
    step: Step | None
    """None while the stage goes through the clips, before its first step."""
    losses: Mapping[str, float]
    """Means over the last steps."""


def train(
    network: nn.Module,
    stages: Mapping[str, Stage[Any, Any]],
    clips: ClipSet,
    *,
    seed: int = 0,
    device: str = "cpu",
    folder: Path | None = None,
) -> Iterator[Moment]:
    """Train in place, stage after stage. A stage that `folder` holds the state of goes on where it stopped.

    The folder, which must exist, gets STAGE.state and, where tensorboard is installed, log/STAGE.
    """
    where = pick_device(device)
    network.to(where)
    for name, stage in stages.items():
        yield Moment(name, {"clips": len(clips)}, stage.steps, None, {})
        example = stage.begin(network, clips, dice(seed))
        learnt = learnt_by(stage, clips)
        batches = clips.batches(example, stage.batch, stage.drawn_by)
        state = folder and folder / f"{name}.state"
        with _curves(folder and folder / "log" / name) as draw:
            for step in fit(network, stage, batches, seed=seed, device=where, state=state):
                draw(step)
                yield Moment(name, learnt, stage.steps, step, step.means)


def learnt_by(stage: Stage[Any, Any], clips: ClipSet) -> Mapping[str, int]:
    """Of what a stage that has begun learns, and of how many."""
    return {"clips": len(clips)} if stage.learnt is None else stage.learnt()


def draws_curves() -> bool:
    """Whether tensorboard is here to keep the curves of a run."""
    return importlib.util.find_spec("tensorboard") is not None


@contextmanager
def _curves(folder: Path | None) -> Iterator[Callable[[Step], None]]:
    """What keeps every tenth step for tensorboard; of several processes, the first one's."""
    if folder is None or not draws_curves() or not is_leader():
        yield lambda step: None
        return
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))

    def keep(step: Step) -> None:
        if step.number % LOG_EVERY == 0:
            for term, value in step.losses.items():
                writer.add_scalar(term, value, step.number)
            writer.add_scalar("rate", step.rate, step.number)
            writer.add_scalar("waited", step.waited, step.number)

    try:
        yield keep
    finally:
        writer.close()
