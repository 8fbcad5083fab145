"""Whatever is killed leaves nothing half-written, loses little, and goes on to the same end."""

from __future__ import annotations

from random import Random

import pytest
from kills import ROUTES, kill_at_random

from talkcli.engine.studio.espeak import has_espeak


@pytest.mark.slow
@pytest.mark.parametrize("name", ROUTES)
def test_a_run_that_is_killed_leaves_nothing_broken_and_ends_the_same(name, tmp_path):
    if name == "prepare" and not has_espeak():
        pytest.skip("espeak-ng is not installed")
    assert kill_at_random(name, 4, Random(), tmp_path)["kills"] == 4
