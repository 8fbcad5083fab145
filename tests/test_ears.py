"""Ears of every kind: what they hear is transformers' own, at any rate, in windows, from a local folder."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from talkcli.engine.audio.coarticulation import rounded
from talkcli.engine.audio.ear import Ear
from talkcli.engine.audio.ears import (
    EarConfig,
    Ears,
    build_ear,
    ear_config,
    load_ear,
    phone_ear,
    take_phone_ear,
    take_pretrained,
)
from talkcli.engine.audio.logmel_encoder import LogMelEncoderConfig
from talkcli.engine.audio.pretrained import PretrainedEar
from talkcli.engine.audio.starter_ear import StarterEarConfig
from talkcli.engine.audio.wav2vec import HubertConfig, Wav2Vec2Config, WavlmConfig, normalised
from talkcli.engine.audio.whisper import WhisperConfig, whisper_spectra
from talkcli.engine.config import from_values
from talkcli.engine.errors import BadInput, BadUsage, MissingAsset
from talkcli.engine.speech import FIELD

transformers = pytest.importorskip("transformers")

SIZES: dict[str, Any] = {
    "hidden": 32, "layers": 1, "heads": 4, "feed_forward": 48, "convolution": 16, "position_kernel": 16,
    "position_groups": 4,
}  # fmt: skip
CONFIGS: dict[str, EarConfig] = {
    "hubert": HubertConfig(**SIZES),
    "wavlm": WavlmConfig(**SIZES),
    "wavlm large": WavlmConfig(**SIZES, large=True, normalise=True),
    "wav2vec2": Wav2Vec2Config(**SIZES),
    "whisper": WhisperConfig(hidden=32, layers=1, heads=4, feed_forward=48),
    "logmel": LogMelEncoderConfig(width=16, depth=1),
    "starter": StarterEarConfig(WhisperConfig(32, 1, 4, 48, ticks=60), inner=8),
}
KINDS = sorted(CONFIGS)
PRETRAINED = [kind for kind in KINDS if kind not in ("logmel", "starter")]


def ear_of(kind: str) -> Ear:
    torch.manual_seed(0)
    return build_ear(CONFIGS[kind]).eval()


def noise(seconds: float, key: int = 1) -> Tensor:
    return 0.1 * torch.randn(int(16_000 * seconds), generator=torch.Generator().manual_seed(key))


def whisper_of_transformers() -> Any:
    sizes = {f"{part}_{name}": size for part in ("encoder", "decoder")
             for name, size in (("layers", 1), ("attention_heads", 4), ("ffn_dim", 48))}  # fmt: skip
    return transformers.WhisperModel(transformers.WhisperConfig(d_model=32, num_mel_bins=80, **sizes)).eval()


def saved(kind: str, folder: Path, head: str = "") -> Any:
    """transformers' own folder of an untaught model, alone or under a head."""
    torch.manual_seed(5)
    if kind == "whisper":
        whole = whisper_of_transformers()
        model: Any = whole.encoder
        whole.save_pretrained(folder)
    else:
        ear = build_ear(CONFIGS[kind])
        assert isinstance(ear, PretrainedEar)
        model = ear.body
        model.save_pretrained(folder)
    if head:
        weights = load_file(folder / "model.safetensors")
        weights = {f"{head}.{name}": tensor for name, tensor in weights.items()}
        save_file({**weights, "lm_head.weight": torch.zeros(3, 32)}, folder / "model.safetensors")
    return model.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_is_heard_at_its_own_rate(kind):
    ear = ear_of(kind)
    with torch.no_grad():
        for seconds, fps in ((1.0, 30), (1.0, Fraction(25)), (0.01, 30), (2.3, 29.97)):
            frames = max(1, round(seconds * fps))
            heard = ear.heard(noise(seconds), frames, fps)
            assert heard.shape == (frames, ear.width) and torch.isfinite(heard).all()


@pytest.mark.parametrize("kind", KINDS)
def test_silence_is_heard_as_finite_numbers(kind):
    with torch.no_grad():
        assert torch.isfinite(ear_of(kind).heard(torch.zeros(16_000), 30, 30)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_windows_are_the_whole_bit_for_bit_and_another_recording_between_changes_nothing(kind, monkeypatch):
    ear, sound, fps = ear_of(kind), noise(2.9), Fraction(30)
    if kind not in ("logmel", "whisper", "starter"):
        monkeypatch.setattr(ear, "longest", 60)  # pieces of 0.8 s
    with torch.no_grad():
        whole = ear.heard(sound, 87, fps)
        listened = ear.listened(sound, 87, fps)
        parts = []
        for start in range(0, 87, 10):
            parts.append(listened(start, min(start + 10, 87)))
            ear.heard(noise(0.5, start), 15, fps)
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("kind", ["hubert", "wavlm", "wav2vec2", "starter"])
def test_a_piece_hears_nothing_beyond_its_margin(kind, monkeypatch):
    ear = ear_of(kind)
    monkeypatch.setattr(ear, "longest", 60)
    sound = noise(3.0)
    other = sound.clone()
    other[32_000:] = noise(1.0, 9)
    with torch.no_grad():
        one, two = ear.heard(sound, 90, 30), ear.heard(other, 90, 30)
        alone = ear.heard(sound[:32_000], 60, 30)
    assert torch.equal(one[:48], two[:48]) and not torch.equal(one[54:], two[54:])
    assert torch.equal(one[:24], alone[:24])


@pytest.mark.parametrize("kind", ["hubert", "wavlm", "wavlm large", "wav2vec2"])
def test_a_tick_is_transformers_own_hidden_state_at_the_middle_of_what_it_hears(kind):
    ear, sound = ear_of(kind), noise(1.0)
    wanted = CONFIGS[kind]
    assert isinstance(wanted, HubertConfig | WavlmConfig | Wav2Vec2Config)
    with torch.no_grad():
        given = normalised(sound) if wanted.normalise else sound
        hidden = ear.body(given[None]).last_hidden_state[0]  # type: ignore[attr-defined]
        heard = ear.heard(sound, 1600, 1600)  # every 10 samples
    middles = (torch.arange(len(hidden)) * 320 + FIELD // 2) // 10
    torch.testing.assert_close(heard[middles], hidden, atol=1e-5, rtol=0)
    torch.testing.assert_close(heard[middles[3] + 16], (hidden[3] + hidden[4]) / 2, atol=1e-5, rtol=0)


def test_whisper_is_transformers_own_behind_its_own_preprocessor(tmp_path):
    theirs, sound = saved("whisper", tmp_path), noise(1.0)
    ear = load_ear(tmp_path)
    spectra = transformers.WhisperFeatureExtractor(feature_size=80)(
        sound.numpy(), sampling_rate=16_000, return_tensors="pt"
    ).input_features[0]
    padded = torch.cat([sound, torch.zeros(29 * 16_000)])
    torch.testing.assert_close(whisper_spectra(padded[None], 80)[0], spectra, atol=1e-4, rtol=0)
    with torch.no_grad():
        hidden = theirs(spectra[None]).last_hidden_state[0]
        torch.testing.assert_close(ear.heard(sound, 50, 50), hidden[:50], atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", PRETRAINED)
@pytest.mark.parametrize("headed", [False, True])
def test_weights_and_sizes_come_from_a_local_folder(kind, headed, tmp_path):
    head = "model" if kind == "whisper" else kind.split()[0]
    theirs = saved(kind, tmp_path, head if headed else "").state_dict()
    if kind == "wavlm large":
        (tmp_path / "preprocessor_config.json").write_text(json.dumps({"do_normalize": True}))
    assert ear_config(tmp_path) == CONFIGS[kind]
    ear = load_ear(tmp_path)
    ours = ear.state_dict()
    theirs.pop("embed_positions.weight", None)  # sines and cosines
    assert not ear.training and len(ours) == len(theirs)
    assert all(torch.equal(ours[f"model.{name}"], tensor) for name, tensor in theirs.items())


def test_old_spellings_of_weight_norm_are_read(tmp_path):
    model = saved("hubert", tmp_path)
    weights = model.state_dict()
    conv = "encoder.pos_conv_embed.conv."
    weights[conv + "weight_g"] = weights.pop(conv + "parametrizations.weight.original0")
    weights[conv + "weight_v"] = weights.pop(conv + "parametrizations.weight.original1")
    save_file(
        {f"hubert.{name}": tensor.clone() for name, tensor in weights.items()}, tmp_path / "model.safetensors"
    )
    ear = load_ear(tmp_path)
    assert torch.equal(
        ear.state_dict()[f"model.{conv}parametrizations.weight.original1"], weights[conv + "weight_v"]
    )


def test_a_folder_of_another_model_size_or_without_weights_is_refused(tmp_path):
    with pytest.raises(MissingAsset, match=r"config\.json"):
        load_ear(tmp_path)
    saved("wavlm", tmp_path)
    with pytest.raises(BadUsage, match="no wavlm"):
        take_pretrained(Ears([CONFIGS["hubert"]]), tmp_path)
    with pytest.raises(BadUsage, match="other sizes"):
        take_pretrained(Ears([WavlmConfig(**{**SIZES, "layers": 2})]), tmp_path)
    saved("wavlm", tmp_path)
    two = WavlmConfig(**{**SIZES, "layers": 2})
    build_ear(two).body.save_pretrained(tmp_path)  # type: ignore[attr-defined]
    with pytest.raises(BadUsage, match="other sizes"):
        take_pretrained(Ears([CONFIGS["wavlm"]]), tmp_path)
    save_file({"x": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(BadInput, match="does not hold"):
        load_ear(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"half")
    with pytest.raises(BadInput, match="not a file of weights"):
        load_ear(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(MissingAsset, match="safetensors"):
        load_ear(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(BadInput, match="bert"):
        load_ear(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BadInput, match="not a config of transformers"):
        load_ear(tmp_path)


def test_without_transformers_the_hint_is_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    for kind in set(PRETRAINED) - {"whisper"}:
        with pytest.raises(MissingAsset) as told:
            build_ear(CONFIGS[kind])
        assert "pip install" in told.value.hint


def test_ears_stand_side_by_side_in_their_order():
    torch.manual_seed(0)
    ears, sound = Ears([CONFIGS["wavlm"], CONFIGS["logmel"]]).eval(), noise(1.0)
    with torch.no_grad():
        heard = ears.heard(sound, 30, 30)
        first, phones = (ear.heard(sound, 30, 30) for ear in ears.ears)
        second = rounded(lambda start, stop: phones[start:stop], 30, 30)(0, 30)
    assert ears.width == 32 + 40 and torch.equal(heard, torch.cat([first, second], dim=1))
    with pytest.raises(BadUsage, match="without ears"):
        Ears([])


def test_the_ear_that_hears_phones_is_found_in_any_network_and_taken_over():
    torch.manual_seed(0)
    deep = nn.ModuleDict({"a": nn.Linear(2, 2), "b": Ears([CONFIGS["wavlm"], CONFIGS["logmel"]])})
    found = phone_ear(deep)
    assert found is not None and found[0] == "b.parts.1" and deep.get_submodule("b.parts.1") is found[1]
    assert phone_ear(nn.Linear(2, 2)) is None
    other = Ears([CONFIGS["logmel"]])
    take_phone_ear(other, deep.state_dict())
    assert all(
        torch.equal(a, b)
        for a, b in zip(other.state_dict().values(), found[1].state_dict().values(), strict=True)
    )
    with pytest.raises(BadUsage, match="other sizes"):
        take_phone_ear(Ears([LogMelEncoderConfig(width=8, depth=1)]), deep.state_dict())
    with pytest.raises(BadUsage, match="no ear that hears phones"):
        take_phone_ear(other, nn.Linear(2, 2).state_dict())
    with pytest.raises(BadUsage, match="does not hear phones"):
        take_phone_ear(Ears([CONFIGS["wavlm"]]), deep.state_dict())


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_of_any_kind_survives_its_file(kind):
    from dataclasses import asdict

    from talkcli.engine.methods.memorytalker.talker import MemoryTalkerConfig

    config = MemoryTalkerConfig(ears=(CONFIGS[kind], LogMelEncoderConfig()), slots=40)
    assert from_values(MemoryTalkerConfig, json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize("value", [True, 3.5, "64", None, [64], -1, 10**30])
def test_sizes_that_are_none_are_refused_before_anything_is_built(value, tmp_path):
    waves = {"model_type": "hubert", "conv_dim": [16] * 7, "num_conv_pos_embedding_groups": 4}
    waves |= dict.fromkeys(("hidden_size", "num_hidden_layers", "num_attention_heads"), 4)
    spectra = {"model_type": "whisper", "encoder_layers": 1, "encoder_attention_heads": 1, "d_model": 4}
    for known, spoilt in ((waves, "intermediate_size"), (spectra, "encoder_ffn_dim")):
        known |= {"num_conv_pos_embeddings": 16, "num_mel_bins": 80, "max_source_positions": 9}
        (tmp_path / "config.json").write_text(json.dumps({**known, spoilt: value}))
        with pytest.raises(BadInput, match=f"{tmp_path.name} is not a .* feed_forward"):
            ear_config(tmp_path)
