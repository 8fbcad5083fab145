"""Configs: changed by name, from TOML, with a neighbour for every misspelling."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkcli.engine.config import checked, from_values, load_toml, parse_settings, with_values
from talkcli.engine.errors import BadInput, BadUsage


@dataclass(frozen=True)
class Inner:
    width: int = 64
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    lr: float = 1e-4
    name: str = "x"
    seed: int | None = None
    flag: bool = False
    sizes: tuple[int, ...] = (1, 2)
    inner: Inner = field(default_factory=Inner)


def test_settings_reach_nested_fields_and_leave_the_rest():
    changed = with_values(
        Outer(), parse_settings(["lr=5e-5", "inner.width=128", "flag=true", "sizes=[3, 4]"])
    )
    assert changed == Outer(lr=5e-5, flag=True, sizes=(3, 4), inner=Inner(width=128))


def test_a_whole_number_is_a_fine_float_and_a_word_is_text():
    assert with_values(Outer(), parse_settings(["lr=1", "name=hello world"])) == Outer(
        lr=1.0, name="hello world"
    )


@pytest.mark.parametrize(
    "pair, says", [("lrr=1", "'lr'"), ("inner.witdh=1", "'width'"), ("nonsense=1", "Known: ")]
)
def test_a_misspelt_name_shows_its_neighbour(pair, says):
    with pytest.raises(BadUsage) as told:
        with_values(Outer(), parse_settings([pair]))
    assert says in told.value.hint


@pytest.mark.parametrize(
    "pair", ["lr=fast", "flag=1", "seed=1.5", "inner.kind=c", "inner=3", "inner.width=true"]
)
def test_a_value_of_another_type_is_refused(pair):
    with pytest.raises(BadUsage):
        with_values(Outer(), parse_settings([pair]))


@pytest.mark.parametrize(
    ("hint", "value", "read"),
    [
        (tuple[str, ...], ["a", "b"], ("a", "b")), (tuple[str, ...], [], ()),
        (tuple[str, ...], ["a", 1], None),
        (tuple[float, float], [1, 2.5], (1.0, 2.5)), (tuple[float, float], [1.0], None),
        (tuple[float, ...], [1.0, math.inf], None), (tuple[int, ...], [True], None),
        (tuple[int, ...], [10**30], None), (tuple[str, ...] | None, None, None), (tuple[int, ...], 3, None),
    ],
)  # fmt: skip
def test_each_of_a_list_is_of_its_type(hint, value, read):
    if read is None and value is not None:
        with pytest.raises(BadUsage, match="Setting sizes"):
            checked(value, hint, "sizes")
    else:
        assert checked(value, hint, "sizes") == read


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused(value):
    with pytest.raises(BadUsage, match="lr"):
        with_values(Outer(), parse_settings([f"lr={value}"]))


@pytest.mark.parametrize(
    "hint, words",
    [
        (int, "a whole number"),
        (float | None, "a number or none"),
        (Literal["voice", "clips"], "voice or clips"),
        (tuple[int, ...], "a list"),
    ],
)
def test_a_type_is_said_in_words(hint, words):
    with pytest.raises(BadUsage, match="speed cannot be") as refused:
        checked({}, hint, "speed")
    assert refused.value.hint == f"It is {words}."


@pytest.mark.parametrize("pair", ["lr", "=3", " =3", ""])
def test_what_is_no_setting_is_refused(pair):
    with pytest.raises(BadUsage, match="is not a setting"):
        parse_settings([pair])


def test_from_values_is_the_inverse_of_asdict():
    from dataclasses import asdict

    config = Outer(lr=1e-3, seed=7, inner=Inner(8, "b"))
    assert from_values(Outer, asdict(config)) == config


@given(st.text(max_size=40))
def test_no_setting_does_worse_than_bad_usage(text):
    try:
        with_values(Outer(), parse_settings([text, f"inner.{text}"]))
    except BadUsage as told:
        assert told.hint


def test_later_settings_win():
    assert parse_settings(["lr=1", "lr=2"]) == {"lr": 2}


@pytest.mark.parametrize("content", [b"lr = ", b"\xff\xfe", b"lr = 1\nlr = 2"])
def test_a_broken_file_is_named(content, tmp_path):
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(BadInput, match=r"x\.toml"):
        load_toml(tmp_path / "x.toml")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInput, match="gone"):
        load_toml(tmp_path / "gone.toml")


def test_a_file_and_flags_are_the_same_settings(tmp_path):
    (tmp_path / "x.toml").write_text("lr = 5e-5\n[inner]\nwidth = 8\n")
    told: dict[str, Any] = parse_settings(["lr=5e-5", "inner.width=8"])
    assert load_toml(tmp_path / "x.toml") == told


@dataclass(frozen=True)
class Short:
    width: int = 1
    kind: Literal["short"] = "short"


@dataclass(frozen=True)
class Long:
    depth: int = 2
    kind: Literal["long"] = "long"


@dataclass(frozen=True)
class Many:
    parts: tuple[Short | Long, ...] = (Short(),)
    one: Short | Long = Long()


def test_a_setting_of_one_kind_becomes_another_by_a_table_of_that_kind():
    many = Many(one=Short(5))
    assert with_values(many, {"one": {"kind": "long", "depth": 3}}).one == Long(3)
    assert with_values(many, {"one": {"kind": "short"}}).one == with_values(many, {"one": {}}).one == Short(5)


def test_a_field_of_several_kinds_is_read_by_its_kind():
    from dataclasses import asdict

    config = Many((Long(7), Short(3)), Short(9))
    assert from_values(Many, asdict(config)) == config
    assert with_values(Many(), parse_settings(["parts=long"])) == Many((Long(),))
    assert with_values(Many(), {"parts": ["long", {"kind": "short", "width": 5}]}) == Many((Long(), Short(5)))
    assert with_values(config, parse_settings(["parts.1.width=4", "one.width=2"])) == Many(
        (Long(7), Short(4)), Short(2)
    )


@pytest.mark.parametrize(
    "pair, says",
    [
        ("parts=lang", "'long'"),
        ("parts.1.width=3", "0"),
        ("parts.0.widht=3", "'width'"),
        ("parts=3", "Short"),
    ],
)
def test_an_unknown_kind_or_place_is_refused_with_its_neighbour(pair, says):
    with pytest.raises(BadUsage) as told:
        with_values(Many(), parse_settings([pair]))
    assert says in told.value.hint


def test_a_table_without_a_kind_is_refused_where_there_are_several():
    with pytest.raises(BadUsage, match="kind of one"):
        from_values(Many, {"one": {"width": 3}})
