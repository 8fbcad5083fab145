"""Recipes and benchmarks say what they are before they do anything."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = {ROOT / "benchmarks" / name for name in ("beside.py", "gpu_card.py", "gpu_sections.py")}
"""Of a script: they are not run."""
SCRIPTS = [
    *sorted((ROOT / "recipes").glob("*.py")),
    *sorted(set((ROOT / "benchmarks").glob("*.py")) - PARTS),
    ROOT / "tests/kills.py",
    ROOT / "tests/mutants.py",
]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_script_tells_what_it_is_and_takes_no_option_for_a_folder(path, tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location(f"script_{path.parent.name}_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, script)
    monkeypatch.syspath_prepend(ROOT)
    spec.loader.exec_module(script)
    monkeypatch.chdir(tmp_path)
    for word, code in (("--help", 0), ("--nonsense", 2)):
        monkeypatch.setattr(sys, "argv", [str(path), word])
        with pytest.raises(SystemExit) as end:
            script.main()
        said = capsys.readouterr()
        assert end.value.code == code and "usage:" in said.out + said.err
        assert code or " ".join((script.__doc__ or "-").split())[:40] in " ".join(said.out.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["footage", "reenacted"])
def test_a_benchmark_of_people_whom_nobody_knows_lists_those_it_knows(name, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT)
    script = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(sys, "argv", [name, str(tmp_path / "films"), "--people", "noor", "zoe"])
    with pytest.raises(SystemExit) as end:
        script.main()
    said = capsys.readouterr().err.splitlines()[-1]
    assert end.value.code == 2 and "zoe" in said and "noor" in said and "kofi" in said
    assert not list(tmp_path.iterdir())
