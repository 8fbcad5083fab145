"""Dataclass configs: from TOML or JSON, and changed by name."""

from __future__ import annotations

import dataclasses
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from talkcli.engine.errors import BadInput, BadUsage, pick

C = TypeVar("C")


def with_values(config: C, values: Mapping[str, Any]) -> C:
    """A copy of a (nested) dataclass with values replaced by name.

    BadUsage for an unknown name, showing its neighbour, for a value of another type and for nan or inf.
    """
    hints = typing.get_type_hints(type(config))
    known = {field.name for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    changed = {}
    for name, value in values.items():
        pick(name, known, f"setting of {type(config).__name__}")
        now = getattr(config, name)
        if dataclasses.is_dataclass(now) and isinstance(value, Mapping):
            changed[name] = with_values(now, value)
        else:
            changed[name] = checked(value, hints[name], name)
    return dataclasses.replace(config, **changed)  # type: ignore[type-var]


def from_values(kind: type[C], values: Mapping[str, Any]) -> C:
    """A dataclass from plain values, nested dataclasses included; BadUsage as in `with_values`."""
    hints = typing.get_type_hints(kind)
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    made = {}
    for name, value in values.items():
        hint = hints[pick(name, known, f"setting of {kind.__name__}")]
        nested = [m for m in (*typing.get_args(hint), hint) if dataclasses.is_dataclass(m)]
        inner = from_values(nested[0], value) if nested and isinstance(value, Mapping) else None  # type: ignore[arg-type]
        made[name] = inner if inner is not None else checked(value, hint, name)
    return kind(**made)


def parse_settings(pairs: list[str]) -> dict[str, Any]:
    """`["lr=5e-5", "encoder.width=64"]` -> `{"lr": 5e-5, "encoder": {"width": 64}}`; TOML or text."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise BadUsage(f"'{pair}' is not a setting.", "Write it as --set name=value.")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        *path, last = name.strip().split(".")
        at = settings
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return settings


def load_toml(path: Path) -> dict[str, Any]:
    """The settings of a TOML file, for `with_values`. BadInput, naming it, where it is no such file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(
            f"Cannot read the settings in {path}: {error}.", "It must be TOML; see recipes/."
        ) from error


def checked(value: Any, hint: Any, name: str) -> Any:
    """A value as a setting of a type: BadUsage, naming the setting, where it is another or nan or inf."""
    if isinstance(value, float) and not math.isfinite(value):
        raise BadUsage(f"Setting {name} cannot be {value}.", "Give a finite number.")
    members = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    if any(_fits(value, member) for member in members):
        return tuple(value) if isinstance(value, list) else value
    if float in members and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    raise BadUsage(f"Setting {name} cannot be {value!r}.", f"It is a {getattr(hint, '__name__', hint)}.")


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint) or hint
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin is Any:
        return True
    if origin is tuple:
        return isinstance(value, (list, tuple))
    if not isinstance(origin, type):
        return False
    return isinstance(value, origin) and not (isinstance(value, bool) and origin is not bool)
