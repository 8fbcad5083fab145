"""Frozen dataclasses of tensors that check their own shapes."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform, get_type_hints

import torch
from jaxtyping import jaxtyped
from torch import Tensor

from talkcli.engine.unimported import unimported

with unimported("jax"), jaxtyped("context"):
    pass  # its first use imports jax, where that is installed, to hide from its tracebacks


@dataclass_transform(frozen_default=True)
class TensorStruct:
    """Subclass, annotate fields, done: the subclass is a frozen dataclass."""

    def __init_subclass__(cls) -> None:
        dataclasses.dataclass(frozen=True, eq=False)(cls)

    def __post_init__(self) -> None:
        """A struct with wrong shapes cannot exist; equal axis names must be equal sizes."""
        with jaxtyped("context"):
            for name, hint in _shapes(type(self)).items():
                value = getattr(self, name)
                if not isinstance(value, hint):
                    shape = (
                        f"{tuple(value.shape)} {value.dtype}"
                        if isinstance(value, Tensor)
                        else repr(value)[:80]
                    )
                    raise TypeError(
                        f"{type(self).__name__}.{name} must be {getattr(hint, '__name__', hint)}, got {shape}"
                    )

    on_host: ClassVar[tuple[str, ...]] = ()
    """Fields that `to` leaves where they are: counts that loops ask for, and would wait for."""

    def map(self, fn: Callable[[Tensor], Tensor]) -> Self:
        """A new struct with `fn` applied to every tensor, however deep."""
        return self._mapped(fn, everywhere=True)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """On a device, all but `on_host`."""
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=non_blocking), everywhere=False)

    def _mapped(self, fn: Callable[[Tensor], Tensor], everywhere: bool) -> Self:
        def walk(value: Any) -> Any:
            if isinstance(value, Tensor):
                return fn(value)
            if isinstance(value, Mapping):
                return {k: walk(v) for k, v in value.items()}
            if isinstance(value, tuple):
                return tuple(walk(v) for v in value)
            return value._mapped(fn, everywhere) if isinstance(value, TensorStruct) else value

        left = () if everywhere else self.on_host
        return type(self)(**{k: v if k in left else walk(v) for k, v in vars(self).items()})


S = TypeVar("S", bound=TensorStruct)


def tracks(struct: TensorStruct) -> Iterator[Tensor]:
    """The tensors whose first axis is annotated `frames`, however deep."""
    for name, value in vars(struct).items():
        if isinstance(value, TensorStruct):
            yield from tracks(value)
        elif isinstance(value, Tensor) and name in _track_names(type(struct)):
            yield value


def magnitude(numbers: Tensor) -> float:
    """The largest absolute, 0 of none; not-a-number where one is none."""
    low, high = map(float, torch.aminmax(numbers)) if numbers.numel() else (0.0, 0.0)
    return max(-low, high)


def largest(struct: TensorStruct) -> Iterator[tuple[str, float]]:
    """The largest absolute of each thing that holds numbers with a point, however deep, by its name."""

    def under(at: str, value: Any) -> Iterator[tuple[str, float]]:
        if isinstance(value, Tensor) and value.is_floating_point() and value.numel():
            yield at, magnitude(value)
        elif isinstance(value, float):
            yield at, abs(value)
        value = vars(value) if isinstance(value, TensorStruct) else value
        value = dict(enumerate(value)) if isinstance(value, tuple) else value
        for name, part in value.items() if isinstance(value, Mapping) else ():
            yield from under(f"{at}.{name}" if at else name, part)

    yield from under("", struct)


def along_frames(struct: S, change: Callable[[Tensor], Tensor]) -> S:
    """A new struct with `change` applied to its tracks; whatever has no frames stays."""

    def walk(name: str, value: Any) -> Any:
        if isinstance(value, TensorStruct):
            return along_frames(value, change)
        is_track = isinstance(value, Tensor) and name in _track_names(type(struct))
        return change(value) if is_track else value

    return type(struct)(**{name: walk(name, value) for name, value in vars(struct).items()})


def stack(structs: list[S]) -> S:
    """One struct with a batch axis in front of every tensor."""
    first = structs[0]

    def pile(name: str) -> Any:
        values = [getattr(struct, name) for struct in structs]
        if isinstance(values[0], Tensor):
            return torch.stack(values)
        return stack(values) if isinstance(values[0], TensorStruct) else values[0]

    return type(first)(**{name: pile(name) for name in vars(first)})


@functools.cache
def _shapes(cls: type) -> dict[str, Any]:
    """The fields that hold one tensor, with their annotation."""

    def tensor(hint: Any) -> bool:
        return any(isinstance(member, type) and hasattr(member, "dim_str") for member in members(hint))

    return {k: v for k, v in get_type_hints(cls).items() if tensor(v)}


@functools.cache
def _track_names(cls: type) -> frozenset[str]:
    """The fields whose annotation begins with the axis `frames`."""

    def first(hint: Any) -> str:
        return next(((m.dim_str.split() or [""])[0] for m in members(hint) if hasattr(m, "dim_str")), "")

    return frozenset(name for name, hint in _shapes(cls).items() if first(hint) == "frames")


def members(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the one thing that an annotation names."""
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
