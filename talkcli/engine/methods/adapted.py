"""A talker adapted to one person, by the stages that its method has for that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from talkcli.engine.clips import clips_of_one
from talkcli.engine.errors import BadUsage
from talkcli.engine.methods import load_method
from talkcli.engine.methods.method import Talker
from talkcli.engine.methods.plan import begin_run, forget_states, stages_of
from talkcli.engine.training.run import Moment, train
from talkcli.engine.training.settings import by_stage


def adapted(
    talker: Talker,
    source: Path,
    settings: Mapping[str, Any] = MappingProxyType({}),
    *,
    seed: int = 0,
    device: str = "cpu",
    folder: Path | None = None,
    resume: bool = False,
) -> Iterator[Moment]:
    """Train the talker in place on the clips of one person; nothing, where its method has no stages for that
    or the source is no folder of clips.

    `captured` writes down afterwards what the talker learnt. `settings` are those of the stages; `folder`,
    made when it is needed, keeps their state, so that a stopped run can `resume`.
    """
    method = load_method(talker.method)
    if not (method.adapt and source.is_dir()):
        for value, option, verb in ((settings, "--set", "set"), (resume, "--resume", "resumed")):
            if value:
                reason = "learns from clips only" if method.adapt else "learns nothing new of a person"
                raise BadUsage(f"{method.name} {reason}, so nothing can be {verb}.", f"Leave {option} out.")
        return
    tables = by_stage(settings, method.adapt, method.config)
    if tables["config"]:
        raise BadUsage(f"{next(iter(tables['config']))} is a setting of talk train.", "Leave it out.")
    clips, stages = clips_of_one(source), stages_of(method.adapt, talker, tables)
    clips.check()
    if folder is not None:
        begin_run(folder, resume)
    yield from train(talker, stages, clips, seed=seed, device=device, folder=folder)
    if folder is not None:
        forget_states(folder)
