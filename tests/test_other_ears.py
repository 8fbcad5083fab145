"""Other ears: a user's encoder under a head that was taught on it hears in the place of a talker's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from rig_clips import studio_clips
from safetensors.torch import load_file, save_file

from talkcli.engine.assets import WHISPER_BASE_HEAD, asset
from talkcli.engine.audio.ears import ear_config, frozen_encoder, load_ear, phone_ear
from talkcli.engine.audio.starter_ear import StarterEar, StarterEarConfig, without_matrices
from talkcli.engine.audio.wav2vec import HubertConfig, Wav2VecStates
from talkcli.engine.audio.whisper import WhisperConfig, WhisperEar
from talkcli.engine.checkpoint import load_checkpoint, save_checkpoint
from talkcli.engine.config import from_values
from talkcli.engine.errors import BadUsage, MissingAsset
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.other_ears import HEAD, ear_in, hear_with, lean_of
from talkcli.engine.methods.plan import plan_for, save_trained
from talkcli.engine.motion import load_motion
from talkcli.engine.phones import PHONE_INDEX, SILENCE

transformers = pytest.importorskip("transformers")
HUBERT: dict[str, Any] = {
    "hidden": 32, "layers": 2, "heads": 4, "feed_forward": 48, "convolution": 16, "position_kernel": 16,
    "position_groups": 4,
}  # fmt: skip


def noise(seconds: float) -> torch.Tensor:
    return 0.1 * torch.randn(int(16_000 * seconds), generator=torch.Generator().manual_seed(1))


def whisper_folder(folder: Path, layers: int = 2, seed: int = 0) -> Path:
    sizes = {f"{part}_{name}": size for part in ("encoder", "decoder")
             for name, size in (("layers", layers), ("attention_heads", 4), ("ffn_dim", 48))}  # fmt: skip
    torch.manual_seed(seed)
    model = transformers.WhisperModel(transformers.WhisperConfig(d_model=32, num_mel_bins=80, **sizes))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(folder)
    return folder


def with_head(folder: Path, config: StarterEarConfig) -> StarterEar:
    """The folder's encoder under a head that knows nothing, which is kept beside it, without the encoder."""
    torch.manual_seed(3)
    ear = StarterEar(config)
    ear.encoder = frozen_encoder(folder, config.encoder)
    save_checkpoint(
        "ears", config, without_matrices(ear), {"licence": "that of a test"}, folder / HEAD, whole=True
    )
    return ear.eval()


@pytest.fixture
def whisper(tmp_path: Path) -> Path:
    """A Whisper of two blocks, and a head on the first of them."""
    folder = whisper_folder(tmp_path / "whisper")
    with_head(folder, StarterEarConfig(WhisperConfig(32, 1, 4, 48, ticks=60), inner=8))
    return folder


def test_the_first_blocks_of_a_folder_are_heard_as_transformers_has_them(whisper: Path) -> None:
    """But for the bytes: matrices in whole steps of their rows."""
    sound, config = noise(1.0), WhisperConfig(32, 1, 4, 48, ticks=60)
    whole = load_ear(whisper)
    assert isinstance(whole, WhisperEar)
    del whole.model.layers[1]
    whole.model.layer_norm = torch.nn.Identity()  # type: ignore[assignment]
    with torch.no_grad():
        states = frozen_encoder(whisper, config)(sound[None])
        exact = whole.model(sound[None])
    assert (states - exact).abs().mean() < 0.02 * exact.abs().mean()


def test_hubert_hears_around_each_tick(tmp_path: Path) -> None:
    """Tick k is at the middle of what it hears, as Whisper's is."""
    torch.manual_seed(0)
    states, sound = Wav2VecStates(HubertConfig(**HUBERT, normalise=False)).eval(), noise(1.0)
    click = sound.clone()
    click[320 * 20 - 150 : 320 * 20 + 150] += 1
    with torch.no_grad():
        near = [
            states.model.feature_extractor(torch.cat([torch.zeros(200), it])[None]) for it in (sound, click)
        ]
        heard = states(sound[None])
    moved = (near[0] - near[1]).abs().sum(1)[0]
    assert heard.shape == (1, 50, 32) and moved.argmax() == 20


@pytest.mark.parametrize("kind", ["whisper", "hubert"])
def test_an_ear_in_a_folder_is_its_encoder_under_the_head_beside_it(kind: str, tmp_path: Path) -> None:
    if kind == "whisper":
        folder = whisper_folder(tmp_path)
    else:
        torch.manual_seed(0)
        folder = tmp_path
        Wav2VecStates(HubertConfig(**HUBERT)).model.save_pretrained(folder)
    theirs = ear_config(folder)
    assert isinstance(theirs, WhisperConfig | HubertConfig)
    expected, sound = with_head(folder, StarterEarConfig(theirs, inner=8)), noise(1.5)
    with torch.no_grad():
        assert torch.equal(ear_in(folder).ear.heard_at_ticks(sound), expected.heard_at_ticks(sound))


def test_what_is_missing_is_said(whisper: Path, tmp_path: Path) -> None:
    other = whisper_folder(tmp_path / "other", seed=1)
    with pytest.raises(MissingAsset, match="No head that names phones is known for the whisper") as caught:
        ear_in(other)
    assert "--encoder" in caught.value.hint and "whisper-base" in caught.value.hint
    shutil.copy(whisper / HEAD, other / HEAD)
    with pytest.raises(MissingAsset, match="other weights"):
        ear_in(other)
    with pytest.raises(MissingAsset, match=r"config\.json"):
        ear_in(tmp_path)
    with pytest.raises(BadUsage, match="neither a folder"):
        hear_with(open_talker("memorytalker"), str(tmp_path / "none"))
    bare = Wav2VecStates(HubertConfig(**HUBERT)).model
    bare.save_pretrained(tmp_path / "hubert")
    with pytest.raises(MissingAsset, match="for the hubert of 2 blocks"):
        ear_in(tmp_path / "hubert")


def test_weights_that_were_once_in_half_precision_are_known_again(whisper: Path) -> None:
    weights = {
        name: tensor.half().float() for name, tensor in load_file(whisper / "model.safetensors").items()
    }
    save_file(weights, whisper / "model.safetensors")
    ear_in(whisper)


def test_the_lean_of_a_starter_goes_over_to_its_new_ears(whisper: Path) -> None:
    talker = open_talker("textalker")
    named = phone_ear(talker)
    assert named is not None
    lean = lean_of(named[1])
    assert [round(float(lean[PHONE_INDEX[phone]]), 2) for phone in "PBMA"[:3]] == [1.0] * 3
    assert float(lean[SILENCE]) == pytest.approx(0.5, abs=0.01) and int((lean.abs() > 0.01).sum()) == 4
    plain = ear_in(whisper).ear
    hear_with(talker, str(whisper))
    other = phone_ear(talker)
    assert other is not None and other[0] == named[0] and isinstance(other[1], StarterEar)
    torch.testing.assert_close(other[1].leave.bias, plain.leave.bias + lean)
    assert lean_of(plain).abs().sum() == 0


def test_a_recording_is_heard_with_them(talk, whisper: Path, hello: Path, tmp_path: Path, untaught) -> None:
    words = ("animate", hello, "--model", "memorytalker", "--no-life", "-o")
    talk(*words, tmp_path / "own.motion")
    talk(*words, tmp_path / "other.motion", "--ears", whisper)
    own, other = (load_motion(tmp_path / f"{name}.motion") for name in ("own", "other"))
    assert other.provenance["ears"].startswith("whisper, SHA-256 ") and "ears" not in own.provenance
    assert len(own) == len(other)
    said = talk(*words, tmp_path / "x.motion", "--ears", "wavlm-base-plus", code=4)
    assert "talk models fetch wavlm-base-plus" in said.stderr


def test_a_starter_can_be_taught_with_them(whisper: Path, tmp_path: Path) -> None:
    clips = studio_clips(tmp_path / "clips").folder
    plan = plan_for(clips, ears=str(whisper))
    save_trained(plan, {}, tmp_path / "x.ckpt")
    named, given = phone_ear(open_talker(str(tmp_path / "x.ckpt"))), ear_in(whisper)
    assert named is not None and named[1].config == given.ear.config
    weights = named[1].state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in given.ear.state_dict().items())
    assert load_checkpoint(tmp_path / "x.ckpt").licence.endswith("; its ear: that of a test")
    with pytest.raises(BadUsage, match="has its ears already"):
        plan_for(clips, start=tmp_path / "x.ckpt", ears=str(whisper))
    with pytest.raises(BadUsage, match="no ears to change"):
        plan_for(clips, ears=str(whisper), size="paper")


def test_the_head_that_ships_is_small_and_says_what_it_was_taught_on() -> None:
    path = asset(WHISPER_BASE_HEAD)
    head = load_checkpoint(path)
    config = from_values(StarterEarConfig, head.config)
    assert path.stat().st_size < 1e6 and config.encoder == WhisperConfig(512, 5, 8, 2048, ticks=300)
    assert "Whisper base" in head.provenance["source"] and "OpenAI" in head.licence
    assert json.dumps(head.provenance["scores"])
    assert max(tensor.ndim for name, tensor in head.weights.items() if name.startswith("encoder.")) == 1
