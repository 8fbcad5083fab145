"""The rigs that there are, by name: the built-in one and those that a user imported."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from talkcli.engine.assets import DEFAULT_RIG, data_folder
from talkcli.engine.errors import BadInput
from talkcli.engine.face.face_model import FaceModel, load_face_model
from talkcli.engine.face.topology import Landmarks, Topology
from talkcli.engine.files import load_struct

RIGS: dict[str, Callable[[], FaceModel]] = {DEFAULT_RIG: load_face_model}
"""What `Avatar.rig` may name -> its loader, which reads its file once; beside those that a user imported."""
RIG_SUFFIX, ORIGIN_SUFFIX = ".rig", ".json"
"""Of an imported rig, and of what is known of the files that it was made of."""

FORMER = "talk-head"
"""The head of versions before this one, of which files may still speak."""


def load_rig(name: str) -> FaceModel:
    """The face model of that name, on the mean face; BadInput for one that is not installed."""
    if name in RIGS:
        return RIGS[name]()
    imported = imported_rigs()
    if name not in imported:
        choices = f"Known rigs: {', '.join([*RIGS, *imported])}."
        former = "It is of an earlier version: make it again. " if name == FORMER else ""
        flame = "FLAME is yours to bring: talk models import flame FILE. " if name.startswith("flame") else ""
        raise BadInput(f"The rig {name} is not installed.", former + flame + choices)
    return _imported(imported[name])


def imported_rigs() -> dict[str, Path]:
    """The files of rigs that a user imported, by name."""
    return {path.stem: path for path in sorted(data_folder().glob(f"*{RIG_SUFFIX}"))}


@functools.lru_cache(maxsize=2)
def _imported(path: Path) -> FaceModel:
    return load_struct(path, (FaceModel, Topology, Landmarks))
