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
    from talkcli.engine.corpora.corpus import Corpus

CORPORA = {
    "vocaset": "talkcli.engine.corpora.vocaset",
    "biwi": "talkcli.engine.corpora.biwi",
    "textalk4d": "talkcli.engine.corpora.textalk4d",
}
"""Each module has CORPUS, a value."""


def load_corpus(name: str) -> Corpus:
    return importlib.import_module(CORPORA[pick(name, CORPORA, "corpus")]).CORPUS


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

    value = load_corpus(corpus)
    if settings and value.settings is None:
        raise BadUsage(f"{corpus} has no settings.", "Leave out --config and --set.")
    if not raw.is_dir():
        raise BadInput(f"{raw} is not a folder.", "Check the name.")
    choices = with_values(value.settings(), settings) if value.settings else None
    getters = value.read(raw) if choices is None else value.read(raw, choices)
    splits: dict[str, list[str]] = {split: [] for split in value.splits}
    for name in getters:
        split = value.split_of(name)
        assert split is not None, f"{name} is in no split, and was read"
        splits[split].append(name)
    provenance = {"corpus": value.name, **value.made, **(dataclasses.asdict(choices) if choices else {})}
    missing = lay_out(Contents(splits, value.licence, value.source, provenance), folder, overwrite)
    yield from write_all(
        {name: functools.partial(_write, getters[name], folder, name) for name in missing}, jobs
    )


def _write(get: Callable[[], Clip], folder: Path, name: str) -> float:
    from talkcli.engine.clips import save_clip

    clip = get()
    save_clip(clip, folder, name)
    return clip.speech.seconds
