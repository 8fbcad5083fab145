"""What a corpus is: a value, as a method is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from talkcli.engine.clips import Clip


@dataclass(frozen=True)
class Corpus:
    name: str
    source: str
    """What it is called in print."""
    licence: str
    splits: tuple[str, ...]
    read: Callable[..., Mapping[str, Callable[[], Clip]]]
    """Folder, settings if it has some -> name of each clip, and how to get it, which can be pickled."""
    split_of: Callable[[str], str | None]
    """Name of a clip -> its split; None if it is in no published one."""
    made: Mapping[str, Any] = field(default_factory=dict)
    """What else clips.json says of how they were made."""
    in_metres: bool = True
    """Whether its lengths are known, so that a head can be told from what is none."""
    settings: type | None = None
    """Dataclass of its settings, changed by `talk prepare --set`."""
