"""People of the studio, a file each, in a folder that says by what plan it was filled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from talkcli.engine.clips import write_all
from talkcli.engine.config import with_values
from talkcli.engine.destinations import made_folder, replacing
from talkcli.engine.errors import BadInput, BadUsage, reading
from talkcli.engine.files import save_struct
from talkcli.engine.struct import TensorStruct
from talkcli.engine.text_files import text_of


class Sitting(NamedTuple):
    """What a folder of people is filled with."""

    what: str
    """Many of them, as a person is told."""
    suffix: str
    """Of a person's file."""
    plan_file: str
    make: Callable[[Any, int], TensorStruct]
    """plan, number -> that person's file; the same give the same."""
    beside: tuple[str, ...] = ()
    """Suffixes of what is made of the files and kept with them."""


def people_files(sitting: Sitting, folder: Path, test: bool = False) -> list[Path]:
    """The files of those to learn from, seven of eight, or of the others, for tests. BadInput where there is
    nobody."""
    paths = sorted(folder.glob(f"*{sitting.suffix}"))
    chosen = [path for number, path in enumerate(paths) if (number % 8 == 7) == test]
    if not chosen:
        hint = f"Make some: talk prepare {sitting.what} FOLDER"
        raise BadInput(f"{folder} holds no {sitting.what} to learn from.", hint)
    return chosen


def lacking_people(sitting: Sitting, plan: Any, folder: Path, overwrite: bool = False) -> list[str]:
    """The people of a plan whom a folder lacks; a plan is a frozen dataclass with `people`, whose defaults
    make one. BadUsage where the folder holds those of another that differs in more than how many people there
    are, unless it is to be begun anew."""
    people: int = plan.people
    told = folder / sitting.plan_file
    if overwrite:
        for path in folder.glob("p*.*"):
            if path.suffix in (sitting.suffix, *sitting.beside):
                path.unlink()
    elif told.is_file():
        again = "Prepare them again with --overwrite."
        with reading(told, f"a plan of {sitting.what}", again):
            before = with_values(type(plan)(), dict(json.loads(text_of(told))))
        if replace(before, people=people) != plan:
            raise BadUsage(
                f"{folder} holds {sitting.what} of another plan.", "Give another folder, or --overwrite."
            )
    made_folder(folder)
    with replacing(told) as temporary:
        temporary.write_text(json.dumps(asdict(plan), indent=1) + "\n", encoding="utf-8")
    names = [f"p{number:04}" for number in range(people)]
    return [name for name in names if not (folder / f"{name}{sitting.suffix}").is_file()]


def sit_all(
    sitting: Sitting, plan: Any, folder: Path, jobs: int = 1, overwrite: bool = False
) -> Iterator[str]:
    """Write the people that the folder lacks, in so many processes; yields the name of each."""
    names = lacking_people(sitting, plan, folder, overwrite)
    tasks = {name: partial(_write, sitting, plan, folder, name) for name in names}
    yield from (name for name, _ in write_all(tasks, jobs))


def _write(sitting: Sitting, plan: Any, folder: Path, name: str) -> None:
    save_struct(sitting.make(plan, int(name.removeprefix("p"))), folder / f"{name}{sitting.suffix}")
