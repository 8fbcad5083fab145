"""What a command waits for before it begins: files that speaking loads load nothing that only others need."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from talkcli.engine.once import once
from talkcli.engine.unimported import unimported

ROOT = Path(__file__).parent.parent


def named(nodes: list[ast.stmt]) -> Iterator[str]:
    """Modules that are imported by statements of a file, those for type checkers alone left out."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.With | ast.Try):
            yield from named(node.body)


def file_of(module: str) -> Path | None:
    place = ROOT.joinpath(*module.split("."))
    files = [place.with_suffix(".py"), place / "__init__.py"]
    return next((path for path in files if path.is_file()), None)


@functools.cache
def begun_with(path: Path, deep: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    everything = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    return set(named(everything if deep else tree.body))


def loaded(modules: set[str]) -> set[str]:
    """Those modules, the packages that they are in, and all that their files begin with."""
    seen: set[str] = set()
    waiting = set(modules)
    while waiting:
        module = waiting.pop()
        seen.add(module)
        path = file_of(module)
        more = {module.rpartition(".")[0]} - {""}
        waiting |= (more if path is None else more | begun_with(path, deep=False)) - seen
    return seen


def of_verb(verb: str, *beside: str) -> set[str]:
    """What the verb, and files that it shares with others, import when they run; and the methods."""
    files = [ROOT / "talkcli" / "commands" / f"{verb}.py", *(ROOT / "talkcli" / f"{it}.py" for it in beside)]
    methods = {f"talkcli.engine.methods.{name}" for name in ("dxtalker", "memorytalker", "textalker")}
    modules = loaded(methods | set().union(*(begun_with(path, deep=True) for path in files)))
    assert {"talkcli.engine.motion", "torch"} <= modules
    return modules


@pytest.mark.parametrize("verb", ["animate", "render", "emote", "pose"])
def test_nobody_who_speaks_waits_for_scipy(verb):
    modules = of_verb(verb, "animated", "console", "outputs")
    assert not {it for it in modules if it.startswith("scipy.")}, "its rooms, of which each is slow"


@pytest.mark.parametrize("verb", ["animate", "emote", "pose"])
def test_whoever_draws_nothing_waits_for_no_kernels(verb):
    assert not {"numba", "talkcli.engine.compiled"} & of_verb(verb, "animated", "outputs")


def test_whoever_speaks_by_a_universal_head_waits_for_no_painter_of_people():
    modules = loaded({"talkcli.engine.methods.unigaha"})
    assert "talkcli.engine.studio.captures" in modules
    assert not {it for it in modules if it.startswith("talkcli.engine.studio.scanned")}


def test_a_head_of_gaussians_is_checked_without_torchs_compiler():
    told = "import sys, torch\nfrom talkcli.engine.face.gaussian_head import DecoderConfig, HeadDecoder\n"
    told += "with torch.device('meta'):\n    HeadDecoder(DecoderConfig())\n"
    told += "print('torch._dynamo' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_shapes_are_checked_without_a_jax_that_is_installed(tmp_path):
    """jaxtyping would load it, which takes longer than most of what is checked; whoever needs it, gets it."""
    (tmp_path / "jax").mkdir()
    (tmp_path / "jax" / "__init__.py").write_text("whole = True\n", encoding="utf-8")
    told = "import sys, torch\nfrom talkcli.engine.motion import Coefficients\n"
    told += "Coefficients(torch.zeros(2, 51), torch.zeros(2, 3))\nprint('jax' in sys.modules)\n"
    told += "import jax\nprint(jax.whole)"
    answer = subprocess.run(
        [sys.executable, "-c", told],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"},
    )  # fmt: skip
    assert answer.stdout.split() == ["False", "True"]


def test_a_module_that_is_there_is_not_hidden():
    import json

    with unimported("json", "nobody_has_this"):
        assert sys.modules["json"] is json
        import nobody_has_this  # type: ignore[import-not-found]

        assert not hasattr(nobody_has_this, "__file__")
    assert "nobody_has_this" not in sys.modules


def test_threads_that_ask_for_a_constant_together_make_it_once():
    begun = Barrier(2, timeout=60)
    made = []

    @once
    def constant() -> object:
        made.append(1)
        time.sleep(0.05)
        return object()

    def asked(_: int) -> object:
        begun.wait()
        return constant()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(asked, range(2))
    assert first is second and len(made) == 1
