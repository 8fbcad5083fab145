"""HuBERT taken apart: equal to transformers' own, at a rate of our choice."""

import json

import pytest
import torch
from safetensors.torch import save_file

from talkcli.engine.audio.encoder import HubertConfig, HubertEncoder, load_hubert, normalised
from talkcli.engine.errors import BadInput, MissingAsset

transformers = pytest.importorskip("transformers")

SMALL = HubertConfig(
    hidden=48, layers=2, heads=4, feed_forward=96, convolution=32, position_kernel=16, position_groups=4
)


def encoder() -> HubertEncoder:
    torch.manual_seed(0)
    return HubertEncoder(SMALL).eval()


def noise(samples: int) -> torch.Tensor:
    return torch.randn(1, samples, generator=torch.Generator().manual_seed(1))


def test_at_its_own_rate_it_is_transformers_hubert():
    ours, sound = encoder(), noise(32_000)
    with torch.no_grad():
        hidden = ours.hubert(sound).last_hidden_state
        letters, ticks = ours(sound, torch.tensor([32_000]), torch.tensor([hidden.shape[1]]))
    assert ticks.tolist() == [99]
    torch.testing.assert_close(letters, ours.letters(hidden), atol=1e-6, rtol=0)


@pytest.mark.parametrize("samples, ticks", [(400, 1), (720, 2), (16_000, 49), (32_000, 99), (100, 1)])
def test_the_convolutions_give_fifty_ticks_a_second(samples, ticks):
    assert encoder().convolve(noise(samples)).shape[1] == ticks


@pytest.mark.parametrize(
    "frames, double, ticks", [(60, False, 60), (49, True, 98), (20, True, 40), (80, True, 98)]
)
def test_ticks_follow_the_frames(frames, double, ticks):
    letters, counts = encoder()(noise(32_000), torch.tensor([32_000]), torch.tensor([frames]), double=double)
    assert letters.shape == (1, ticks, 32) and counts.tolist() == [ticks]


def test_training_masks_and_evaluation_does_not():
    ours, sound = encoder(), noise(16_000)
    samples, frames = torch.tensor([16_000]), torch.tensor([30])
    assert torch.equal(ours(sound, samples, frames)[0], ours(sound, samples, frames)[0])
    ours.train()
    letters, _ = ours(sound, samples, frames)
    letters.sum().backward()
    assert ours.hubert.masked_spec_embed.grad.abs().sum() > 0
    assert all(p.grad is None for p in ours.hubert.feature_extractor.parameters())


def test_normalising_forgets_level_and_offset():
    sound = noise(1000)[0]
    torch.testing.assert_close(normalised(sound * 3 + 1), normalised(sound), atol=1e-5, rtol=0)
    assert torch.isfinite(normalised(torch.zeros(1000))).all()


def test_weights_come_from_a_local_folder(tmp_path):
    source = encoder()
    (tmp_path / "config.json").write_text(json.dumps(source.hubert.config.to_dict()))
    weights = dict(source.hubert.state_dict())
    conv = "encoder.pos_conv_embed.conv."
    weights[conv + "weight_g"] = weights.pop(conv + "parametrizations.weight.original0")
    weights[conv + "weight_v"] = weights.pop(conv + "parametrizations.weight.original1")
    save_file(weights, tmp_path / "model.safetensors")
    loaded = load_hubert(tmp_path).eval()
    sound = noise(8000)
    with torch.no_grad():
        assert torch.equal(loaded.hubert(sound).last_hidden_state, source.hubert(sound).last_hidden_state)
    headed = {f"hubert.{k}": v for k, v in weights.items()} | {
        "lm_head.weight": source.letters.weight.detach().clone(),
        "lm_head.bias": source.letters.bias.detach().clone(),
    }
    save_file(headed, tmp_path / "model.safetensors")
    assert torch.equal(load_hubert(tmp_path).letters.weight, source.letters.weight)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(MissingAsset):
        load_hubert(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    save_file({"x": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(BadInput):
        load_hubert(tmp_path)
