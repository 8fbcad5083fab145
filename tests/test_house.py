"""The rules of the house, kept by reading the code."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from talkcli.app import VERBS, app

REPOSITORY = Path(__file__).parent.parent
ROOT = REPOSITORY / "talkcli"
FILES = sorted(ROOT.rglob("*.py"))
ENGINE = [path for path in FILES if path.is_relative_to(ROOT / "engine")]
BESIDE = ("tests", "recipes", "benchmarks")
WRITTEN = sorted({*FILES, *(path for folder in BESIDE for path in (REPOSITORY / folder).rglob("*.py"))})

FLOORS = [
    {"errors", "measured", "text_files", "unimported", "once"},
    {"struct", "spilt", "config", "assets", "destinations", "device", "sound", "recordings", "voicing"},
    {"files", "compiled", "pickles"},
    {"states", "speech", "motion", "phones", "pictures", "generation", "layers"},
    {"face", "audio", "checkpoint", "video"},
    {"gate", "hub"},
    {"clips", "scans"},
    {"training", "rendering", "metrics", "editing"},
    {"studio", "corpora"},
    {"capture"},
    {"methods"},
    {"installation"},
]
"""A file of the engine imports its own room and lower floors, never a neighbour."""

NEVER = {("methods", "corpora"), ("studio", "metrics")}
"""Rooms that would be below, and have no door."""

SHARED = {
    "METHOD",  # the value of every package in methods/
    "CORPUS",  # the value of every reader in corpora/
    # what a METHOD is made of
    "paper_size", "starter_size", "as_published", "capture_folder", "read_original", "listen",
}  # fmt: skip
"""Names that several files define, because they are the same thing for different papers or corpora."""

BROUGHT = {"llvmlite", "click"}
"""Packages that come with those of `dependencies` that show them: numba, typer."""

FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

FORBIDDEN = re.compile(r"^(utils?|helpers?|common|misc|base(_.*)?|.*_(manager|builder|factory))$")


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[2] if parts[:2] == ["talkcli", "engine"] and len(parts) > 2 else None


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_no_file_outgrows_its_room(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_every_file_is_named_for_what_it_is(path):
    assert not FORBIDDEN.match(path.stem)


def test_every_room_has_its_floor():
    rooms = {path.relative_to(ROOT / "engine").parts[0].removesuffix(".py") for path in ENGINE}
    assert rooms - {"__init__"} == set(FLOOR) & rooms, "place it in FLOORS"


def test_what_files_begin_with_is_installed_with_talk():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installed = {canonicalize_name(Requirement(each).name) for each in project["dependencies"]}
    homes = packages_distributions()
    known = {top for top in homes if {canonicalize_name(home) for home in homes[top]} & installed}
    for path in FILES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            tops = {name.split(".")[0] for name in names}
            assert tops <= known | BROUGHT | sys.stdlib_module_names | {"talkcli"}, name_of(path)


@pytest.mark.parametrize("path", ENGINE, ids=name_of)
def test_arrows_point_down(path):
    here = path.relative_to(ROOT / "engine").parts[0].removesuffix(".py")
    for module in imports(path):
        there = room(module)
        if there in FLOOR and there != here:
            assert FLOOR[there] < FLOOR[here], f"{here} imports {there}"
            assert (here, there) not in NEVER, f"{here} imports {there}"


def public_names(path: Path) -> Iterator[str]:
    """What a file defines at its top level for others to import."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


def test_a_public_name_means_one_thing():
    """Two files may define a name only where both owe it to the same contract (SHARED)."""
    homes: dict[str, list[str]] = {}
    for path in ENGINE:
        for name in dict.fromkeys(public_names(path)):
            homes.setdefault(name, []).append(name_of(path))
    twice = {name: paths for name, paths in homes.items() if len(paths) > 1 and name not in SHARED}
    assert not twice, "rename one by what it means, or make it private where one file uses it"
    idle = {name for name in SHARED if len(homes.get(name, ())) < 2}
    assert not idle, "no longer shared"


def test_a_head_has_one_door():
    """`face.rigs` gives the face model of an avatar, `face.known_rigs` that of a rig's name; only the studio
    makes one."""
    for path in FILES:
        door = any(module.endswith(".load_face_model") for module in imports(path))
        studio = path.is_relative_to(ROOT / "engine" / "studio")
        assert not door or studio or path.parent.name == "face", path


@pytest.mark.parametrize("path", ENGINE, ids=name_of)
def test_the_engine_never_speaks(path):
    above = (
        "typer",
        "rich",
        "click",
        "talkcli.commands",
        "talkcli.console",
        "talkcli.options",
        "talkcli.app",
    )
    for module in imports(path):
        assert not any(module == name or module.startswith(f"{name}.") for name in above), module
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    assert not any(isinstance(call.func, ast.Name) and call.func.id == "print" for call in calls)


def test_there_is_no_circle():
    """Among the files themselves, whatever is imported inside functions counted too."""
    modules = {".".join(path.relative_to(REPOSITORY).with_suffix("").parts): path for path in FILES}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    edges = {
        name: {module for module in imports(path) if module in modules and module != name}
        for name, path in modules.items()
    }
    settled: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in settled:
            for other in edges[name]:
                visit(other, (*trail, name))
            settled.add(name)

    for name in modules:
        visit(name, ())


def test_no_method_knows_another():
    for path in (ROOT / "engine" / "methods").glob("*/*.py"):
        for module in imports(path):
            parts = module.split(".")
            if parts[:3] == ["talkcli", "engine", "methods"] and len(parts) > 3:
                assert parts[3] in (path.parent.name, "method"), f"{path} imports {module}"


def test_the_rolls_load():
    from talkcli.engine.methods import METHODS, load_method

    assert {load_method(name).name for name in METHODS} == set(METHODS)
    for verb in VERBS:
        assert callable(importlib.import_module(f"talkcli.commands.{verb}").run)


def test_every_command_file_is_a_verb():
    files = {path.stem for path in (ROOT / "commands").glob("*.py")} - {"__init__"}
    assert files == set(VERBS)


@pytest.mark.parametrize("path", sorted((ROOT / "commands").glob("*.py")), ids=name_of)
def test_a_command_is_short_because_the_work_has_a_function_in_the_engine(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.parametrize("path", sorted((REPOSITORY / "recipes").glob("*.py")), ids=name_of)
def test_a_recipe_calls_the_engine_and_never_starts_the_program(path):
    outside = ("talkcli.app", "talkcli.commands", "talkcli.__main__", "typer", "runpy")
    assert not any(module.startswith(outside) for module in imports(path))
    strings = {
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not strings & {"talk", "talkcli"}, "the first words of a subprocess"


def test_help_wakes_neither_torch_nor_numpy():
    heavy = ("torch", "numpy", "av", "numba", "scipy", "soundfile", "safetensors", "jaxtyping")
    code = f"import sys, talkcli.app; sys.exit(' '.join(set({heavy!r}) & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr


def documented(text: str) -> list[list[str]]:
    """The `talk` commands that stand on lines of their own, as words, without the remarks behind them."""
    import shlex

    lines = [re.split(r"\s{3,}", line.strip().removeprefix("$ "))[0] for line in text.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("talk ")]


def parses(words: list[str]) -> None:
    """The words are options and arguments that the verb has. Nothing runs; checkpoints must exist."""
    for word in words:
        if word.endswith(".ckpt"):
            Path(word).touch()
    import typer

    verb = typer.main.get_command(app).commands[words[0]]  # type: ignore[attr-defined]
    verb.make_context(words[0], list(words[1:]), resilient_parsing=False)


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_has_two_examples_that_parse(verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(app, [verb, "--help"], terminal_width=200)
    assert shown.exit_code == 0
    examples = [words for words in documented(shown.output) if words[:1] == [verb]]
    assert len(examples) >= 2, shown.output
    for words in examples:
        parses(words)


def test_no_summary_of_a_verb_is_cut_at_eighty_columns():
    shown = CliRunner().invoke(app, ["--help"], terminal_width=80).stdout
    assert all(verb in shown for verb in VERBS) and "..." not in shown.split("Commands:")[1]


@pytest.mark.parametrize("verb", VERBS)
def test_help_names_no_class_of_the_code(verb):
    classes = {
        node.name
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and re.search("[a-z][A-Z]", node.name)
    }
    shown = CliRunner().invoke(app, [verb, "--help"]).output
    assert "RecordingPlan" in classes
    assert not set(re.findall(r"\w+", shown)) & (classes - {"MemoryTalker", "TexTalker"})


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_the_options_that_all_share(verb):
    shown = CliRunner().invoke(app, [verb, "--help"]).output
    assert all(option in shown for option in ("--help", "--quiet", "--verbose", "--json"))


def test_every_command_in_the_readme_parses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(
        r"```(?:sh|bash|console)?\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL
    )
    commands = [words for block in blocks for words in documented(block.replace("\\\n", " "))]
    assert commands
    for words in commands:
        if words[0] in VERBS:
            parses(words)
        else:
            assert words[0].startswith("-"), f"talk {words[0]} is no verb"


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(REPOSITORY / "assets/hello.wav", tmp_path)
    names: dict[str, Any] = {}
    for program in re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL):
        exec(compile(program, "README.md", "exec"), names)
    assert len(names["points"]) == len(names["motion"]) > 100
    assert len((tmp_path / "hello.csv").read_text().splitlines()) == len(names["motion"]) + 1
    assert names["header"] and len(names["tensors"]["face.expression"]) == len(names["motion"])


def test_what_is_kept_clean_is_shipped_with_its_source():
    """Whoever unpacks the source distribution can run what has to pass before a change is taken."""
    tool = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]
    shipped = set(tool["hatch"]["build"]["targets"]["sdist"]["include"])
    assert {*tool["pyright"]["include"], *BESIDE, ".ci", "Makefile", "constraints.txt"} <= shipped
    assert all((REPOSITORY / name).exists() for name in shipped)


def test_doctor_knows_every_extra():
    from talkcli.engine.installation import EXTRAS

    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS) == set(extras) - {"dev"}


def test_every_dependency_is_pinned():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    pinned = dict(
        line.split("==")
        for line in (REPOSITORY / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
    wanted = [
        *project["dependencies"],
        *(need for needs in project["optional-dependencies"].values() for need in needs),
    ]
    for need in map(Requirement, wanted):
        if need.name != "talkcli":
            assert need.specifier.contains(pinned[need.name.lower().replace("_", "-")]), need
