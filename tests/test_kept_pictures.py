"""Pictures that files keep with a little loss."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open

from talkcli.engine.errors import Untrusted
from talkcli.engine.face.look import Look
from talkcli.engine.files import load_struct, save_struct, save_tensors


def test_a_picture_loses_little_and_takes_little(tmp_path):
    chance = torch.Generator().manual_seed(0)
    clouds = torch.nn.functional.interpolate(
        torch.rand(1, 3, 12, 8, generator=chance), (384, 256), mode="bilinear"
    )
    grain = 6 * torch.randn(384, 256, 3, generator=chance)
    albedo = (60 + 120 * clouds[0].permute(1, 2, 0) + grain).byte()
    look = Look(albedo, torch.zeros(1, 1, 2, dtype=torch.uint8), torch.zeros(1, 1, dtype=torch.int8))
    plain, small = tmp_path / "plain", tmp_path / "small"
    save_struct(look, plain, packed=True)
    save_struct(look, small, packed=True, pictures={"albedo": 95})
    again = load_struct(small, (Look,))
    assert small.stat().st_size < 0.5 * plain.stat().st_size
    assert (again.albedo.float() - albedo.float()).abs().mean() < 4
    assert torch.equal(again.relief, look.relief)


@pytest.mark.parametrize("claim", [[96, 65, 3], [64, 96, 3], [96, 64, 4], [96, 64], [9000, 9000, 3]])
def test_a_picture_of_another_size_than_it_claims_is_refused(tmp_path, claim):
    albedo = torch.zeros(96, 64, 3, dtype=torch.uint8)
    look = Look(albedo, torch.zeros(1, 1, 2, dtype=torch.uint8), torch.zeros(1, 1, dtype=torch.int8))
    path = tmp_path / "look"
    save_struct(look, path, packed=True, pictures={"albedo": 90})
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["talk"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header["packed"]["albedo"][1] = claim
    save_tensors(tensors, header, path)
    with pytest.raises(Untrusted):
        load_struct(path, (Look,))
