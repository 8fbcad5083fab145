"""Structs of tensors: what cannot exist."""

from __future__ import annotations

import pytest
import torch

from talkcli.engine.motion import Coefficients
from talkcli.engine.struct import TensorStruct, stack


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


def test_stacking_adds_one_axis_in_front():
    piled = stack([Point(torch.zeros(3)), Point(torch.ones(3))])
    assert piled.x.shape == (2, 3)
