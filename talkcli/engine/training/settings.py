"""What a training run would do, as plain values: from TOML, changed by name, and back to TOML."""

from __future__ import annotations

import dataclasses
import inspect
import json
import typing
from collections.abc import Callable, Mapping
from typing import Any

from talkcli.engine.clips import DrawnBy
from talkcli.engine.config import checked
from talkcli.engine.errors import BadUsage, pick
from talkcli.engine.training.stage import (
    ONE_CYCLE,
    TO_HALF,
    TO_TENTH,
    TO_THREEFOLD,
    RateSchedule,
    Stage,
    cosine,
    steady,
)

SCHEDULES: Mapping[str, RateSchedule] = {
    "steady": steady,
    "cosine": cosine,
    "to-half": TO_HALF,
    "to-tenth": TO_TENTH,
    "to-threefold": TO_THREEFOLD,
    "one-cycle": ONE_CYCLE,
}

Factory = Callable[..., Stage[Any, Any] | None]
"""config, options by name -> stage; None where a config has nothing to learn in it."""

_OF_STAGE = {
    "steps": int,
    "batch": int,
    "at_once": int,
    "bf16": bool,
    "ema": float,
    "ema_rises": bool,
    "schedule": str,
    "drawn_by": DrawnBy,
}
_OF_UPDATE = {"lr": float, "weight_decay": float, "clip_norm": float}
_LIMITS = {
    "steps": (1, 1e9),
    "batch": (1, 65_536),
    "at_once": (0, 65_536),
    "ema": (0, 1),
    "lr": (0, 10),
    "weight_decay": (0, 10),
    "clip_norm": (1e-9, 1e9),
}

_LEAST = {
    "excerpt": 0, "views": 0, "every": 1, "seconds": 0, "margin": 0, "mouth": 0, "stress": 0, "blind": 0,
    "mishear": 0,
}  # fmt: skip
"""Of options that stages have of their own."""


def tuned(make: Factory, config: Any, values: Mapping[str, Any], name: str) -> Stage[Any, Any] | None:
    """The stage that `make` gives, its own options and everybody's (steps, lr ...) taken from `values`."""
    options = {p.name for p in inspect.signature(make).parameters.values() if p.kind is p.KEYWORD_ONLY}
    for key in values:
        pick(key, {*options, *_OF_STAGE, *_OF_UPDATE}, f"setting of stage {name}")
    hints = typing.get_type_hints(make)
    given = {key: checked(value, hints[key], key) for key, value in values.items() if key in options}
    for key, least in _LEAST.items():
        if given.get(key, least) < least:
            raise BadUsage(f"Setting {key} cannot be {given[key]}.", f"Give {least} or more.")
    stage = make(config, **given)
    if stage is None:
        return None
    fields = {key: checked(values[key], kind, key) for key, kind in _OF_STAGE.items() if key in values}
    if "schedule" in fields:
        fields["schedule"] = SCHEDULES[pick(fields["schedule"], SCHEDULES, "schedule")]
    rates = {key: checked(values[key], kind, key) for key, kind in _OF_UPDATE.items() if key in values}
    for key, (low, high) in _LIMITS.items():
        value = {**fields, **rates}.get(key)
        if value is not None and not low <= value <= high:
            raise BadUsage(f"Setting {key} cannot be {value}.", f"Give {low:g} to {high:g}.")
    updates = tuple(dataclasses.replace(update, **rates) for update in stage.updates)
    return dataclasses.replace(stage, updates=updates, **fields)


def values_of(stage: Stage[Any, Any], make: Factory, given: Mapping[str, Any]) -> dict[str, Any]:
    """What `tuned` could be given to make this stage."""
    parameters = inspect.signature(make).parameters.values()
    options = {p.name: given.get(p.name, p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}
    schedule = next(name for name, function in SCHEDULES.items() if function == stage.schedule)
    fields = {
        "steps": stage.steps,
        "batch": stage.batch,
        "at_once": stage.at_once,
        "bf16": stage.bf16,
        "ema": stage.ema,
        "ema_rises": stage.ema_rises,
        "schedule": schedule,
        "drawn_by": stage.drawn_by,
    }
    rates = {key: getattr(stage.updates[0], key) for key in _OF_UPDATE}
    return {key: value for key, value in {**fields, **rates, **options}.items() if value is not None}


def as_toml(values: Mapping[str, Any], at: str = "") -> str:
    """Plain values and nested tables of them; what is None is left out."""
    plain = {k: v for k, v in values.items() if not (v is None or isinstance(v, Mapping))}
    tables = {k: v for k, v in values.items() if isinstance(v, Mapping)}
    lines = [f"{key} = {_inline(value)}" for key, value in plain.items()]
    for key, table in tables.items():
        lines += ["", f"[{at}{key}]", as_toml(table, f"{at}{key}.")]
    return "\n".join(lines)


def by_dotted_name(settings: Mapping[str, Any], at: str = "") -> dict[str, str]:
    """Each setting of a run as `--set` takes it: `config.features`, `memorise.lr` -> its value in TOML.

    What has an option of its own (model, size, seed) is left out, and what is None.
    """
    names: dict[str, str] = {}
    for key, value in settings.items():
        name = f"{at}{key}"
        if isinstance(value, Mapping):
            names |= by_dotted_name(value, f"{name}.")
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping):
            for place, part in enumerate(value):
                names |= by_dotted_name(part, f"{name}.{place}.")
        elif at and value is not None:
            names[name] = _inline(value)
    return names


def _inline(value: Any) -> str:
    """A plain value, a list, or a table within a list."""
    if isinstance(value, Mapping):
        parts = (f"{key} = {_inline(part)}" for key, part in value.items() if part is not None)
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_inline(part) for part in value) + "]"
    return json.dumps(value)


def by_stage(settings: Mapping[str, Any], stages: Mapping[str, Factory], config: type) -> dict[str, Any]:
    """Settings by table: `lr` speaks to every stage, `features` to the config, `memorise.lr` to one stage."""
    fields = {field.name for field in dataclasses.fields(config)}
    sorted_out: dict[str, Any] = {"config": {}, **{name: {} for name in stages}}
    for key, value in settings.items():
        if key in sorted_out:
            if not isinstance(value, Mapping):
                raise BadUsage(f"{key} is a table of settings.", f"Write --set {key}.NAME=VALUE.")
            sorted_out[key] |= value
        elif key in fields:
            sorted_out["config"][key] = value
        else:
            options = {p for make in stages.values() for p in inspect.signature(make).parameters}
            pick(key, {*fields, *sorted_out, *_OF_STAGE, *_OF_UPDATE, *options - {"config"}}, "setting")
            for name, make in stages.items():
                if key in {*_OF_STAGE, *_OF_UPDATE, *inspect.signature(make).parameters}:
                    sorted_out[name][key] = value
    return sorted_out
