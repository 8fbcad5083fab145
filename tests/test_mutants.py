"""The faults that `python -m tests.mutants` puts in still have a place in the code."""

from __future__ import annotations

import pytest
from mutants import MUTANTS, REPOSITORY


@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_has_one_place(name):
    mutant = MUTANTS[name]
    assert (REPOSITORY / mutant.file).read_text(encoding="utf-8").count(mutant.right) == 1
    assert (REPOSITORY / "tests" / mutant.tests).is_file()
