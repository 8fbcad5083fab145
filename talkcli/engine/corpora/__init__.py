"""The roll of corpora, read without importing any of them."""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from talkcli.engine.errors import BadInput, BadUsage, MissingAsset, Untrusted, pick

if TYPE_CHECKING:
    from talkcli.engine.clips import Clip
    from talkcli.engine.corpora.corpus import Corpus

CORPORA = {
    "vocaset": "talkcli.engine.corpora.vocaset",
    "biwi": "talkcli.engine.corpora.biwi",
    "textalk4d": "talkcli.engine.corpora.textalk4d",
    "talking3d": "talkcli.engine.corpora.talking3d",
}
"""Each module has CORPUS, a value."""


def load_corpus(name: str) -> Corpus:
    return importlib.import_module(CORPORA[pick(name, CORPORA, "corpus")]).CORPUS


@dataclass(frozen=True)
class Outcome:
    """What became of one item of a corpus."""

    name: str
    seconds: float = 0.0
    fate: Literal["kept", "skipped", "refused"] = "kept"
    """Skipped: it belongs to no split; refused: it cannot be a clip."""
    reason: str = ""
    notes: tuple[str, ...] = ()
    """What was wrong with its recording."""


def convert(
    corpus: str,
    raw: Path,
    folder: Path,
    jobs: int = 1,
    settings: Mapping[str, Any] = MappingProxyType({}),
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Write clips.json, then every clip that is not there yet; yields what became of each.

    What cannot be a clip is left out of clips.json. A folder of another corpus or of other settings is
    refused, or with `overwrite` begun anew. BadInput where no clip comes of it.
    """
    from talkcli.engine.clips import Contents, lay_out, save_contents, write_all
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
        if split is None:
            yield Outcome(name, fate="skipped", reason="it is in no published split")
        else:
            splits[split].append(name)
    provenance = {"corpus": value.name, **value.made, **(dataclasses.asdict(choices) if choices else {})}
    contents = Contents(splits, value.licence, value.source, provenance)
    missing = lay_out(contents, folder, overwrite)
    tasks = {
        name: functools.partial(_write, getters[name], folder, name, value.in_metres) for name in missing
    }
    refused: set[str] = set()
    for name, outcome in write_all(tasks, jobs):
        refused |= {name} if outcome.fate == "refused" else set()
        yield outcome
    if refused:
        kept = {split: [name for name in names if name not in refused] for split, names in splits.items()}
        save_contents(dataclasses.replace(contents, splits=kept), folder)
    if not any(set(names) - refused for names in splits.values()):
        raise BadInput(
            f"{raw} gave no clips.", f"It should be laid out as {value.source} is: see its reasons."
        )


def _write(get: Callable[[], Clip], folder: Path, name: str, in_metres: bool) -> Outcome:
    from talkcli.engine.clips import save_clip
    from talkcli.engine.gate import check_clip

    try:
        clip = get()
        check_clip(clip.speech, clip.motion, clip.avatar, in_metres)
    except (BadInput, MissingAsset, Untrusted) as error:
        return Outcome(name, fate="refused", reason=error.message)
    save_clip(clip, folder, name)
    return Outcome(name, clip.speech.seconds, notes=clip.speech.notes)
