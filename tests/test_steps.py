"""Tensors that a packed file keeps as whole numbers of a step."""

from __future__ import annotations

import pytest
import torch

from talkcli.engine.files import load_struct, save_struct
from talkcli.engine.struct import TensorStruct


class Point(TensorStruct):
    x: torch.Tensor


def test_steps_keep_floats_to_half_a_step_and_refuse_what_is_too_large(tmp_path):
    lines = 0.1 * torch.randn(6, 50, 3, generator=torch.Generator().manual_seed(1))
    struct = Point(lines)
    save_struct(struct, tmp_path / "whole", packed=True)
    save_struct(struct, tmp_path / "steps", packed=True, steps={"x": 1e-3})
    loaded = load_struct(tmp_path / "steps", (Point,)).x
    assert loaded.dtype == torch.float32
    torch.testing.assert_close(loaded, lines, atol=0.5001e-3, rtol=0)
    assert (tmp_path / "steps").stat().st_size < (tmp_path / "whole").stat().st_size / 1.5
    with pytest.raises(ValueError, match="more than 32767 steps"):
        save_struct(struct, tmp_path / "fine", packed=True, steps={"x": 1e-9})
