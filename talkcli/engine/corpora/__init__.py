"""The roll of corpora, read without importing any of them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from talkcli.engine.errors import pick

CORPORA = {
    "vocaset": "talkcli.engine.corpora.vocaset",
    "biwi": "talkcli.engine.corpora.biwi",
}
"""Each module has read(folder) -> (name, how to get the clip) and contents(names)."""


def convert(corpus: str, raw: Path, folder: Path) -> Iterator[tuple[str, float]]:
    """Write every clip that is not there yet, then clips.json; yields each name with its seconds."""
    from talkcli.engine.clips import has_clip, save_clip, save_contents

    module = importlib.import_module(CORPORA[pick(corpus, CORPORA, "corpus")])
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, get in module.read(raw):
        if not has_clip(folder, name):
            clip = get()
            save_clip(clip, folder, name)
            yield name, clip.speech.seconds
        names.append(name)
    save_contents(module.contents(names), folder)
