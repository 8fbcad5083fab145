"""Compiled kernels are kept where this user can write, for as long as their sources stay as they are."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from talkcli.engine import compiled

KERNELS = """
import numpy as np
from talkcli.engine.compiled import exact, is_cached, making_arrays

@exact
def double(x):
    return 2 * x

@making_arrays
def doubles(x):
    made = np.empty_like(x)
    for i in range(len(x)):
        made[i] = double(x[i])
    return made

print(is_cached(double, doubles))
assert doubles(np.array([1.0, 2.5])).tolist() == [2.0, 5.0]
print(is_cached(double, doubles), sum(doubles.stats.cache_hits.values()))
"""


@pytest.fixture
def run(tmp_path: Path):
    """Runs kernels.py with a cache: what it says of itself before and after."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "kernels.py").write_text(KERNELS)

    def running(cache: Path) -> list[str]:
        without = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
        environment = {**without, "TALK_CACHE": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
        environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
        words = [sys.executable, str(sources / "kernels.py")]
        said = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
        return said.stdout.split()

    return running


def test_a_kernel_is_compiled_once_until_a_file_beside_it_changes(run, tmp_path):
    assert run(tmp_path / "cache") == ["False", "True", "0"]
    assert run(tmp_path / "cache") == ["True", "True", "1"]
    (tmp_path / "sources" / "neighbour.py").write_text("")
    assert run(tmp_path / "cache") == ["False", "True", "0"]
    assert {path.name for path in (tmp_path / "sources").iterdir()} == {"kernels.py", "neighbour.py"}


@pytest.fixture
def run_here(tmp_path: Path, monkeypatch, capsys):
    """The same in this process, which compiles or reads the kernels again each time."""
    monkeypatch.setattr("numba.config.CACHE_DIR", "")
    source = tmp_path / "kernels.py"
    source.write_text(KERNELS)

    def running(cache: Path) -> list[str]:
        monkeypatch.setenv("TALK_CACHE", str(cache))
        compiled._cache_of.cache_clear()
        runpy.run_path(str(source))
        return capsys.readouterr().out.split()

    yield running
    compiled._cache_of.cache_clear()
    compiled.faults.clear()


def test_without_a_cache_a_kernel_works_all_the_same(run_here, tmp_path):
    (tmp_path / "file").write_text("")
    assert run_here(tmp_path / "file") == ["False", "False", "0"]
    assert compiled.faults


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_damaged_cache_is_made_anew(run_here, tmp_path, suffix):
    cache = tmp_path / "cache"
    run_here(cache)
    for damage in (lambda data: b"", lambda data: data[:100], lambda data: data[:-9] + b"\0" * 9):
        files = list(cache.rglob(f"*{suffix}"))
        assert len(files) == 2
        for file in files:
            file.write_bytes(damage(file.read_bytes()))
        assert run_here(cache)[1] == "True"
        assert run_here(cache) == ["True", "True", "1"]
