"""Dataclass configs: from TOML or JSON, and changed by name."""

from __future__ import annotations

import dataclasses
import math
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from talkcli.engine.errors import BadUsage, pick, reading
from talkcli.engine.text_files import text_of

_Config = TypeVar("_Config")

LARGEST_INTEGER = (1 << 63) - 1
"""Of a setting, as of TOML."""
LARGEST_TOML = 1 << 20
"""Bytes of a file of settings."""
DEEPEST_KEY = 16
"""Parts of a dotted name: its reader takes the square of their number in time."""


def with_values(config: _Config, values: Mapping[str, Any]) -> _Config:
    """A copy of a (nested) dataclass with values replaced by name; in a tuple of dataclasses, by number.

    BadUsage for an unknown name, showing its neighbour, for a value of another type and for nan or inf.
    """
    hints = typing.get_type_hints(type(config))
    fields = {field.name for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    changed = {}
    for name, value in values.items():
        pick(name, fields, "setting")
        now = getattr(config, name)
        several, kind = len(_dataclasses(hints[name])) > 1, getattr(now, "kind", None)
        of_another = several and isinstance(value, Mapping) and value.get("kind", kind) != kind
        if dataclasses.is_dataclass(now) and isinstance(value, Mapping) and not of_another:
            changed[name] = with_values(now, value)
        elif isinstance(now, tuple) and isinstance(value, Mapping):
            changed[name] = _renewed(now, value, name)
        else:
            changed[name] = _read(value, hints[name], name)
    return _sensible(lambda: dataclasses.replace(config, **changed))  # type: ignore[type-var]


def _renewed(now: tuple[Any, ...], values: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    """A tuple of dataclasses, some of which have other values: {"0": {"width": 64}}."""
    places = [str(place) for place, config in enumerate(now) if dataclasses.is_dataclass(config)]
    for place in values:
        pick(place, places, f"number among {name}")
    return tuple(with_values(each, values.get(str(place), {})) for place, each in enumerate(now))


def from_values(kind: type[_Config], values: Mapping[str, Any]) -> _Config:
    """A dataclass from plain values, nested dataclasses included; BadUsage as in `with_values`.

    Where a field may be one of several dataclasses, `kind` among the values says which.
    """
    hints = typing.get_type_hints(kind)
    fields = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    known = {name: hints[pick(name, fields, "setting")] for name in values}
    members = {name: _read(value, known[name], name) for name, value in values.items()}
    return _sensible(lambda: kind(**members))


def check_limits(config: Any, **limits: tuple[float, float]) -> None:
    """ValueError where a named setting of a config, or one of its numbers, lies outside its limits."""
    for name, (low, high) in limits.items():
        value = getattr(config, name)
        for number in value if isinstance(value, tuple) else (value,):
            if not low <= number <= high:
                raise ValueError(f"{name} is {number:g}, not from {low:g} to {high:g}")


def _sensible(make: Callable[[], _Config]) -> _Config:
    """A config that agreed with itself; BadUsage where it did not."""
    try:
        return make()
    except ValueError as error:
        raise BadUsage(f"Settings that cannot be: {error}.", "Give other values.") from error


def _read(value: Any, hint: Any, name: str) -> Any:
    """A plain value as a setting of a type: a table as a dataclass, a list of tables as a tuple of them.

    The name of a kind alone is that kind as it comes.
    """
    if typing.get_origin(hint) is tuple and _dataclasses(typing.get_args(hint)[0]):
        each = value if isinstance(value, (list, tuple)) else [value]
        return tuple(_read(part, typing.get_args(hint)[0], name) for part in each)
    kinds = _dataclasses(hint)
    if isinstance(value, Mapping) and kinds:
        return from_values(kinds[0] if len(kinds) == 1 else _of_kind(kinds, value.get("kind"), name), value)
    if isinstance(value, str) and len(kinds) > 1:
        return _of_kind(kinds, value, name)()
    return checked(value, hint, name)


def _members(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the one type."""
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _dataclasses(hint: Any) -> list[Any]:
    return [member for member in _members(hint) if dataclasses.is_dataclass(member)]


def _of_kind(kinds: list[Any], kind: Any, name: str) -> Any:
    """The dataclass whose `kind` that is."""
    by_kind = {each.kind: each for each in kinds}
    return by_kind[pick(str(kind), by_kind, f"kind of {name}")]


def parse_settings(pairs: list[str]) -> dict[str, Any]:
    """`["lr=5e-5", "encoder.width=64"]` -> `{"lr": 5e-5, "encoder": {"width": 64}}`; TOML or text."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise BadUsage(f"'{pair}' is not a setting.", "Write it as --set name=value.")
        *path, last = name.strip().split(".")
        at = settings
        for part in path:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise BadUsage(f"{name} is set although {part} is a value.", "Set one or the other.")
        if isinstance(at.get(last), dict):
            raise BadUsage(f"{name} is set although it has settings of its own.", "Set one or the other.")
        at[last] = _value(text, name)
    return settings


def _value(text: str, name: str) -> Any:
    """A value of TOML, or else text."""
    if "\n" in text or "\r" in text:
        raise BadUsage(f"Setting {name} has several lines.", "Give --set once for each setting.")
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text
    except RecursionError as error:
        raise BadUsage(f"Setting {name} is nested too deeply.", "Give a plain value.") from error


def load_toml(path: Path) -> dict[str, Any]:
    """The settings of a TOML file, for `with_values`. BadInput, naming it, where it is no such file."""
    with reading(path, "a file of settings", "It must be TOML; see recipes/."):
        text = text_of(path, longest=LARGEST_TOML)
        if any(len(line.split("=")[0].split(".")) > DEEPEST_KEY for line in text.splitlines()):
            raise ValueError(f"a name has more than {DEEPEST_KEY} parts")
        return tomllib.loads(text)


def checked(value: Any, hint: Any, name: str) -> Any:
    """A value as a setting of a type: BadUsage, naming the setting, where it is another or nan or inf."""
    if isinstance(value, float) and not math.isfinite(value):
        raise BadUsage(f"Setting {name} cannot be {value}.", "Give a finite number.")
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise BadUsage(f"Setting {name} is too large a number.", "Give a smaller one.")
    for member in _members(hint):
        if typing.get_origin(member) is tuple and isinstance(value, (list, tuple)):
            first, *others = typing.get_args(member)
            kinds = [first] * len(value) if others == [...] else [first, *others]
            if len(kinds) == len(value):
                return tuple(checked(part, kind, name) for part, kind in zip(value, kinds, strict=True))
        elif _fits(value, member):
            return tuple(value) if isinstance(value, list) else value
    if float in _members(hint) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    raise BadUsage(f"Setting {name} cannot be {value!r}.", f"It is {in_words(hint)}.")


def in_words(hint: Any) -> str:
    """What a person may write for a type."""
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "none"}

    def word(member: Any) -> str:
        if typing.get_origin(member) is typing.Literal:
            return " or ".join(map(str, typing.get_args(member)))
        if typing.get_origin(member) is tuple:
            return "a list"
        return words.get(member, getattr(member, "__name__", str(member)))

    return " or ".join(map(word, _members(hint)))


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint) or hint
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin is Any:
        return True
    if not isinstance(origin, type):
        return False
    return isinstance(value, origin) and not (isinstance(value, bool) and origin is not bool)
