"""Whatever is killed leaves nothing half-written, loses little, and goes on to the same end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
import torch
from kills import ROUTES, kill_at_random

from talkcli.engine import files
from talkcli.engine.destinations import replacing
from talkcli.engine.files import FORMAT, save_tensors
from talkcli.engine.studio.espeak import has_espeak


def test_what_is_being_saved_has_no_name_but_the_one_that_is_swept(tmp_path, monkeypatch):
    """A library that writes beside it, and renames, leaves that behind where it is killed."""

    @contextmanager
    def watched(path: Path) -> Iterator[Path]:
        with replacing(path) as temporary:
            before = temporary.stat().st_ino
            yield temporary
            assert temporary.stat().st_ino == before

    monkeypatch.setattr(files, "replacing", watched)
    save_tensors({"x": torch.zeros(9)}, {"format": FORMAT, "kind": "x"}, tmp_path / "x")


@pytest.mark.slow
@pytest.mark.parametrize("name", ROUTES)
def test_a_run_that_is_killed_leaves_nothing_broken_and_ends_the_same(name, tmp_path):
    if name == "prepare" and not has_espeak():
        pytest.skip("espeak-ng is not installed")
    assert kill_at_random(name, 2, Random(), tmp_path)["kills"] == 2
