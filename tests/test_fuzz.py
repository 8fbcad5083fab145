"""Spoilt files of every kind, read in this process: an answer, or an error that names the file and a way out.

`python -m tests.fuzz` tries many more, in a child process with little memory and little time.
"""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fuzz.mutations import mutated
from fuzz.readers import READERS, drawn, lay_out_spoilt, seeds_of, victims_in
from fuzz.seeds import write_seeds
from fuzz.trial import judged, outcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LIGHT = [name for name, reader in READERS.items() if not reader.heavy]
ROUTES = ("networks, speaking", "motions, scored")
"""Of the heavy ones."""


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_seeds(tmp_path_factory.mktemp("seeds") / "seeds")


@pytest.mark.parametrize("name", LIGHT)
def test_every_seed_is_read_while_it_is_whole(name, seeds, tmp_path):
    whole = seeds_of(READERS[name], seeds)
    assert whole
    for seed in whole:
        victim = victims_in(seed)[0]
        target = lay_out_spoilt(seed, victim, victim.read_bytes(), tmp_path / seed.name)
        ended = outcome(READERS[name], target, seeds)
        assert ended.code == 0, ended


def answers(name: str, number: int, seeds: Path, tmp_path: Path) -> None:
    dice = Random(number)
    seed, victim, other = drawn(READERS[name], seeds, dice)
    place = tmp_path / "trial"
    target = lay_out_spoilt(seed, victim, mutated(victim.read_bytes(), other, dice), place)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        finding = judged(outcome(READERS[name], target, seeds), target)
    shutil.rmtree(place)
    assert finding is None, finding


SPOILT: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@settings(max_examples=200, **SPOILT)
@given(name=st.sampled_from(LIGHT), number=st.integers(0, 1 << 32))
def test_a_spoilt_file_is_an_answer_or_an_error_that_names_it(name, number, seeds, tmp_path):
    answers(name, number, seeds, tmp_path)


@settings(max_examples=8, **SPOILT)
@given(name=st.sampled_from(ROUTES), number=st.integers(0, 1 << 32))
def test_so_it_is_on_whole_routes_through_the_program(name, number, seeds, tmp_path):
    answers(name, number, seeds, tmp_path)
