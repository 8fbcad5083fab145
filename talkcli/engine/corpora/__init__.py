"""The roll of corpora, read without importing any of them."""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from talkcli.engine.errors import BadInput, BadUsage, pick

if TYPE_CHECKING:
    from talkcli.engine.clips import Clip

CORPORA = {
    "vocaset": "talkcli.engine.corpora.vocaset",
    "biwi": "talkcli.engine.corpora.biwi",
    "textalk4d": "talkcli.engine.corpora.textalk4d",
}
"""Each module has read(folder) -> {name: how to get the clip}, which can be pickled; split_of(name); and what
clips.json says: SPLITS, LICENCE, SOURCE, MADE. Where it has a dataclass Settings, read takes one besides."""


def convert(
    corpus: str,
    raw: Path,
    folder: Path,
    jobs: int = 1,
    settings: Mapping[str, Any] = MappingProxyType({}),
    overwrite: bool = False,
) -> Iterator[tuple[str, float]]:
    """Write clips.json, then every clip that is not there yet; yields each name with its seconds.

    A folder of another corpus or of other settings is refused, or with `overwrite` begun anew.
    """
    from talkcli.engine.clips import Contents, lay_out, write_all
    from talkcli.engine.config import with_values

    module = importlib.import_module(CORPORA[pick(corpus, CORPORA, "corpus")])
    kind = getattr(module, "Settings", None)
    if settings and kind is None:
        raise BadUsage(f"{corpus} has no settings.", "Leave out --config and --set.")
    if not raw.is_dir():
        raise BadInput(f"{raw} is not a folder.", "Check the name.")
    chosen = with_values(kind(), settings) if kind else None
    found = module.read(raw, *([chosen] if chosen else []))
    splits: dict[str, list[str]] = {split: [] for split in module.SPLITS}
    for name in found:
        splits[module.split_of(name)].append(name)
    made = module.MADE | (dataclasses.asdict(chosen) if chosen else {})
    missing = lay_out(Contents(splits, module.LICENCE, module.SOURCE, made), folder, overwrite)
    yield from write_all(
        {name: functools.partial(_write, found[name], folder, name) for name in missing}, jobs
    )


def _write(get: Callable[[], Clip], folder: Path, name: str) -> float:
    from talkcli.engine.clips import save_clip

    clip = get()
    save_clip(clip, folder, name)
    return clip.speech.seconds
