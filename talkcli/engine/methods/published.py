"""Published checkpoints: what a paper's authors gave out, made a checkpoint of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from talkcli.engine.assets import sha256
from talkcli.engine.checkpoint import save_checkpoint
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.methods.method import Method


def published_files(method: Method, given: Mapping[str | None, Path]) -> list[Path]:
    """The authors' files in the order of `Method.original_files`; None names the only one that there is.

    BadUsage where they are not those of the method, BadInput where one is not there.
    """
    if method.original is None:
        hint = "Train it: talk train CLIPS"
        raise BadUsage(f"{method.name} has no published weights that talk reads.", hint)
    names = method.original_files
    files = {(names[0] if name is None and len(names) == 1 else name): path for name, path in given.items()}
    if set(files) != set(names):
        arguments = "FILE" if len(names) == 1 else " ".join(f"{name}=FILE" for name in names)
        hint = f"talk models import {method.name} {arguments} -o NAME.ckpt"
        raise BadUsage(f"These are not the files of which {method.name} is made.", hint)
    for path in files.values():
        if not path.is_file():
            reason = "is not a file" if path.exists() else "does not exist"
            raise BadInput(f"{path} {reason}.", "Check the name.")
    return [files[name] for name in names]


def import_published(method: Method, files: list[Path], output: Path) -> dict[str, Any]:
    """Read the authors' files, safely, and write the checkpoint; its provenance."""
    assert method.original is not None
    talker = method.original(*files)
    provenance = {
        "source": f"the authors' {', '.join(file.name for file in files)}",
        "source_sha256": " ".join(sha256(file) for file in files),
        "licence": "that of its authors: see where you got it",
        "paper": method.paper,
    }
    save_checkpoint(method.name, talker.config, talker.state_dict(), provenance, output)
    return provenance
