"""What people are shown, and what is refused before any work."""

from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from talkcli import console
from talkcli.engine.errors import BadUsage, OutOfResources
from talkcli.engine.metrics.catalogue import METRICS


def test_claims_are_checked_before_any_work(tmp_path):
    (tmp_path / "there").touch()
    with pytest.raises(BadUsage, match="exists already") as caught:
        console.claim(tmp_path / "there", overwrite=False)
    assert "another name" in caught.value.hint, "whichever option named it: --output, --csv or --plot"
    with pytest.raises(BadUsage, match="is a folder"):
        console.claim(tmp_path, overwrite=True)
    with pytest.raises(OutOfResources, match="does not exist"):
        console.claim(tmp_path / "nowhere" / "x", overwrite=False)
    with pytest.raises(OutOfResources, match="Cannot write"):
        console.claim(tmp_path / ("x" * 300), overwrite=False)
    assert console.claim(tmp_path / "there", overwrite=True) == tmp_path / "there"


def test_what_is_shown_is_one_line_whatever_the_name():
    assert console.visible("a\nb\x1b[31m\udcff") == "a\\nb\\x1b[31m\\udcff"
    assert console.visible("schön [bold] :smile:") == "schön [bold] :smile:"


@pytest.mark.parametrize("width", [30, 40, 80, 200])
def test_a_table_breaks_no_number_and_keeps_to_the_terminal(width, monkeypatch):
    out = io.StringIO()
    screen = Console(file=out, width=width, force_terminal=True, color_system=None, soft_wrap=True)
    monkeypatch.setattr(console, "_rich", lambda stderr: screen)
    systems = ["template", "loudness jaw", "pocketsphinx", "memorytalker", "reference"]
    numbers = [f"{10 + place}.4e-05" for place in range(len(systems))]
    console.table(["metric", *systems], [["lve", *numbers]])
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert re.findall(r"[0-9]+\.4e-05", out.getvalue()) == numbers
    assert out.getvalue().count("lve") == out.getvalue().count("metric") <= len(systems)


def test_a_table_that_is_piped_is_one_table_however_wide(capsys, monkeypatch):
    monkeypatch.setattr(console, "_rich", lambda stderr: Console(soft_wrap=True, width=20))
    console.table(["metric", *(f"system {place}" for place in range(20))], [["lve", *range(20)]])
    assert len([line for line in capsys.readouterr().out.splitlines() if line.strip()]) == 3


NAMES = ("loudness jaw of long ago", "two words", "一二三 四")


@settings(max_examples=12, deadline=None)
@given(st.integers(30, 120), st.lists(st.sampled_from(NAMES), min_size=1, max_size=4), st.integers(1, 9))
def test_a_table_never_breaks_its_first_column_or_a_number(width, names, count):
    out = io.StringIO()
    screen = Console(file=out, width=width, force_terminal=True, color_system=None, soft_wrap=True)
    columns = [f"a system with a long name {place}" for place in range(count)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(console, "_rich", lambda stderr: screen)
        console.table(
            ["metric", *columns], [[name, *(f"-1.2{p}e-05" for p in range(count))] for name in names]
        )
    text = out.getvalue()
    tables = text.count("metric")
    assert all(text.count(name) >= tables * names.count(name) for name in set(names))
    assert len(re.findall(r"-1\.2[0-9]e-05", text)) == count * len(names)
    widest = max(map(len, names)) + 16  # of a table with one column more
    assert max(map(len, text.splitlines())) <= max(width, widest)


def test_every_metric_is_listed_with_what_it_is(talk):
    said = talk("evaluate", "--list").stdout
    rows = json.loads(talk("evaluate", "--list", "--json").stdout)["metrics"]
    assert [row["metric"] for row in rows] == list(METRICS)
    assert all(f"{row['metric']}: {row['definition']}" in said and row["definition"] for row in rows)
