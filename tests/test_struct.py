"""Structs of tensors: what cannot exist."""

from __future__ import annotations

import importlib
import pkgutil
import typing

import pytest
import torch

import talkcli.engine
from talkcli.engine.motion import Coefficients
from talkcli.engine.struct import TensorStruct, members, stack


class Point(TensorStruct):
    x: torch.Tensor


def test_a_struct_with_wrong_shapes_cannot_exist():
    with pytest.raises(TypeError, match=r"Coefficients\.jaw must be .*got \(3, 3\)"):
        Coefficients(torch.zeros(4, 10), torch.zeros(3, 3))
    with pytest.raises(TypeError, match="expression"):
        Coefficients([[0.0]], torch.zeros(1, 3))  # type: ignore[arg-type]


def test_a_struct_is_frozen():
    with pytest.raises(AttributeError):
        Point(torch.zeros(3)).x = torch.ones(3)  # type: ignore[misc]


class Counted(TensorStruct):
    on_host = ("count",)
    x: torch.Tensor
    count: torch.Tensor
    inner: Point


def test_counts_stay_where_loops_ask_for_them_and_all_else_moves():
    there = Counted(torch.zeros(3), torch.tensor(3), Point(torch.ones(2))).to("meta")
    assert (there.x.is_meta, there.count.is_meta, there.inner.x.is_meta) == (True, False, True)


def test_stacking_adds_one_axis_in_front():
    piled = stack([Point(torch.zeros(3)), Point(torch.ones(3))])
    assert piled.x.shape == (2, 3)


def test_no_field_of_a_struct_may_be_tensors_of_two_shapes():
    """A batch of one kind would pass for a single one of the other: waveforms once did for features."""
    for module in pkgutil.walk_packages(talkcli.engine.__path__, "talkcli.engine."):
        importlib.import_module(module.name)
    structs, waiting = set(), [TensorStruct]
    while waiting:
        waiting += (found := set(waiting.pop().__subclasses__()) - structs)
        structs |= found
    assert len(structs) > 15
    for struct in structs:
        if not struct.__module__.startswith("talkcli."):
            continue
        for name, hint in typing.get_type_hints(struct).items():
            shapes = [member for member in members(hint) if hasattr(member, "dim_str")]
            assert len(shapes) < 2, f"{struct.__name__}.{name}: give each shape a field"
