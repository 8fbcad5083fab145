"""What a voice says beside words: its amplitude, its intonation, its feeling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.signal import hilbert
from torch import Tensor

from talkcli.engine.audio import amplitude as amplitudes
from talkcli.engine.audio.affect import RADIUS, AffectConfig, AffectEar
from talkcli.engine.audio.amplitude import amplitude, envelope
from talkcli.engine.audio.emotion2vec import Emotion2vecBlock, Emotion2vecConfig, Emotion2vecEar, alibi
from talkcli.engine.audio.intonation import INTONATION, intonation
from talkcli.engine.errors import Untrusted
from talkcli.engine.methods.dxtalker.config import DxTalkerConfig
from talkcli.engine.methods.dxtalker.hearing import StreamHearing

RATE = 16_000
TINY = Emotion2vecConfig(
    hidden=24, heads=6, feed_forward=32, blocks=3, convolution=8, positions=2, position_groups=4,
    extra_tokens=3,
)  # fmt: skip


def normal(key: int, *size: int) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(key))


def tone(hertz: float, seconds: float = 1.0, level: float = 0.5) -> Tensor:
    time = torch.arange(int(seconds * RATE), dtype=torch.float64) / RATE
    return (level * torch.sin(2 * torch.pi * hertz * time)).float()


@pytest.mark.parametrize("fps", [25, 30])
def test_the_amplitude_of_a_tone_is_its_level_and_beyond_its_end_there_is_none(fps):
    loud = amplitude(tone(400, 2.0), 2 * fps + 3, fps)
    torch.testing.assert_close(loud[: 2 * fps], torch.full((2 * fps,), 0.5), atol=1e-4, rtol=0)
    assert not loud[2 * fps :].any()


@pytest.mark.parametrize("count", [1, 2, 3, 1000, 1001])
def test_the_envelope_is_scipys(count):
    wave = normal(0, count).double().numpy()
    analytic: Any = hilbert(wave)
    np.testing.assert_allclose(envelope(wave), np.abs(analytic), atol=1e-12, rtol=0)


def test_a_long_recording_in_pieces_is_the_whole_but_for_what_its_far_parts_leak(monkeypatch):
    """Hilbert's transform falls off with distance: of noise of 1.6 half a percent is left in a second."""
    sound = normal(0, 40 * RATE) * (1 + torch.sin(torch.arange(40 * RATE) / 3000))
    pieces = amplitude(sound, 1000, 25)
    monkeypatch.setattr(amplitudes, "PIECE_SAMPLES", 60 * RATE)
    torch.testing.assert_close(pieces, amplitude(sound, 1000, 25), atol=8e-3, rtol=0)


@pytest.mark.parametrize("hertz", [80.0, 150.0, 310.0])
def test_the_pitch_of_a_buzz_is_its_own_and_no_octave_beside_it(hertz):
    buzz = sum(tone(hertz * number, level=0.3 / number) for number in range(1, 9))
    assert isinstance(buzz, Tensor)
    track = intonation(buzz, 0, 25, 25)[3:-3]
    columns = {name: track[:, place] for place, name in enumerate(INTONATION)}
    torch.testing.assert_close(
        columns["pitch"], torch.full((19,), float(np.log2(hertz / 150))), atol=0.01, rtol=0
    )
    assert columns["voicing"].min() > 0.9 and columns["pitch slope"].abs().max() < 0.02


def test_a_rising_voice_has_its_slope_and_noise_has_no_pitch():
    time = torch.arange(RATE, dtype=torch.float64) / RATE
    octaves = time  # an octave a second
    phase = 2 * torch.pi * 120 * (2**octaves - 1) / np.log(2)
    glide = sum(0.3 / n * torch.sin(n * phase) for n in range(1, 6)).float()  # type: ignore[union-attr]
    slope = intonation(glide, 0, 30, 30)[4:-4, INTONATION.index("pitch slope")]
    assert slope.mean() == pytest.approx(0.1, abs=0.01)
    noise = intonation(0.1 * normal(0, RATE), 0, 30, 30)
    assert (noise[:, INTONATION.index("voicing")] < 0.5).all() and not noise[:, 1:3].any()


def test_energy_and_tilt_count_decibels():
    quiet, loud = (intonation(tone(300, level=level), 0, 25, 25)[5:-5] for level in (0.05, 0.5))
    torch.testing.assert_close((loud - quiet)[:, 0], torch.ones(15), atol=0.01, rtol=0)
    bright = intonation(tone(300) + tone(3000), 0, 25, 25)[5:-5]
    torch.testing.assert_close(bright[:, INTONATION.index("tilt")], torch.zeros(15), atol=0.02, rtol=0)
    silence = intonation(torch.zeros(RATE), 0, 25, 25)
    assert torch.isfinite(silence).all() and not silence[:, 1:].any()


def test_windows_of_intonation_and_affect_are_the_whole():
    sound = tone(150, 9.0) * (1 + normal(0, 9 * RATE))
    whole = intonation(sound, 0, 270, 30)
    torch.testing.assert_close(intonation(sound, 40, 90, 30), whole[40:90], atol=1e-5, rtol=1e-5)
    torch.manual_seed(0)
    ear = AffectEar(AffectConfig(hidden=6, moods=("neutral", "sad"))).eval()
    with torch.no_grad():
        listened = ear.listened(sound, 270, 30)
        heard = listened(0, 270)
        torch.testing.assert_close(listened(100, 140), heard[100:140], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(heard, ear(whole[None])[0], atol=1e-5, rtol=1e-4)
        changed = sound.clone()
        changed[: 3 * RATE] = 0
        later = ear.listened(changed, 270, 30)(90 + RADIUS + 3, 270)
    torch.testing.assert_close(later, heard[90 + RADIUS + 3 :], atol=1e-5, rtol=1e-4)


def test_moods_are_judged_from_what_is_there_alone():
    torch.manual_seed(0)
    ear = AffectEar(AffectConfig(hidden=6, moods=("neutral", "sad"))).eval()
    tracks = normal(0, 2, 30, 5)
    present = torch.ones(2, 30)
    present[0, 20:] = 0
    with torch.no_grad():
        states = ear(tracks)
        expected = ear.leave(torch.stack([states[0, :20].mean(0), states[1].mean(0)]))
        torch.testing.assert_close(ear.mood_logits(tracks, present), expected)


def test_alibi_has_the_published_slopes_and_falls_off_with_distance():
    bias = alibi(12, 4)
    slopes = [2.0**-power for power in range(1, 9)] + [2 ** -(0.5 + i) for i in range(4)]
    torch.testing.assert_close(-bias[:, 0, 1], torch.tensor(slopes))
    assert torch.equal(bias, bias.mT) and torch.equal(bias[:, 0, 3], 3 * bias[:, 0, 1])


def published(ear: Emotion2vecEar) -> dict[str, Tensor]:
    """Its weights by the names of the published checkpoints, with a decoder and a head besides."""
    audio, state = "modality_encoders.AUDIO.", {}
    for name, tensor in ear.state_dict().items():
        part, _, rest = name.partition(".")
        number, _, last = rest.partition(".")
        if part == "convolutions":
            name = f"{audio}local_encoder.conv_layers.{number}.0.{last}"
        elif part == "norms":
            name = f"{audio}local_encoder.conv_layers.{number}.2.1.{last}"
        elif part in ("project_norm", "project"):
            name = f"{audio}project_features.{1 if part == 'project_norm' else 2}.{rest}"
        elif part == "positions":
            name = f"{audio}relative_positional_encoder.{int(number) + 1}.0.{last}"
        elif part == "prenet_norm":
            name = f"{audio}context_encoder.norm.{rest}"
        elif part == "blocks":
            last = last.replace("qkv", "attn.qkv").replace("proj", "attn.proj")
            last = last.replace("fc", "mlp.fc")
            prenet = int(number) == 0
            name = f"{audio}context_encoder.blocks.0.{last}" if prenet else f"blocks.{int(number) - 1}.{last}"
        else:
            name = audio + name
        state[name] = tensor
    extra = {f"{audio}decoder.blocks.0.0.weight": torch.ones(2), "proj.weight": torch.ones(9, 24)}
    return state | extra


def tiny_hearing() -> StreamHearing:
    from talkcli.engine.audio.logmel_encoder import LogMelEncoderConfig

    return StreamHearing(DxTalkerConfig(ears=(LogMelEncoderConfig(width=4, depth=0),), affect=TINY))


@pytest.mark.parametrize("under", [None, "model", "state_dict"])
def test_emotion2vec_takes_published_weights_wherever_they_lie(under, tmp_path):
    torch.manual_seed(0)
    hearing, taught = tiny_hearing(), Emotion2vecEar(TINY)
    torch.nn.init.normal_(taught.alibi_scale)
    file = published(taught) if under is None else {under: published(taught)}
    torch.save(file, tmp_path / "model.pt")
    hearing.take_emotion2vec(tmp_path / "model.pt")
    assert hearing.affect is not None
    for name, tensor in taught.state_dict().items():
        assert torch.equal(hearing.affect.state_dict()[name], tensor), name


def test_a_file_that_is_no_emotion2vec_is_refused_by_name(tmp_path):
    state = published(Emotion2vecEar(TINY))
    del state["blocks.1.mlp.fc1.bias"]
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(Untrusted, match=r"blocks\.2\.fc1\.bias is missing"):
        tiny_hearing().take_emotion2vec(tmp_path / "model.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(Untrusted, match="holds no weights"):
        tiny_hearing().take_emotion2vec(tmp_path / "list.pt")


def test_emotion2vec_hears_fifty_ticks_a_second_whatever_the_level():
    torch.manual_seed(0)
    ear, sound = Emotion2vecEar(TINY).eval(), normal(0, 32_000)
    with torch.no_grad():
        ticks = ear.ticks(sound)
        assert ticks.shape == (99, 24), "two seconds"
        torch.testing.assert_close(ear.ticks(0.1 * sound), ticks, atol=1e-4, rtol=1e-3)
        assert ear.heard(sound, 50, 25).shape == (50, 24)
        assert ear.ticks(sound[:100]).shape == (1, 24)


def test_the_bias_and_its_scale_are_what_attention_adds():
    """A block written out: softmax(q k / sqrt(d) + max(scale, 0) * alibi) v, tokens besides unbiased."""
    torch.manual_seed(0)
    ear = Emotion2vecEar(TINY).eval()
    block, x = ear.blocks[0], normal(1, 1, 7, 24)
    assert isinstance(block, Emotion2vecBlock)
    with torch.no_grad():
        bias = torch.nn.functional.pad(alibi(6, 4), (3, 0, 3, 0))[None]
        assert not bias[:, :, :3].any() and not bias[..., :3].any()
        q, k, v = block.qkv(x).unflatten(2, (3, 6, 4)).permute(2, 0, 3, 1, 4)
        attended = (q @ k.mT / 2 + bias).softmax(-1) @ v
        y = block.norm1(x + block.proj(attended.transpose(1, 2).flatten(2)))
        y = block.norm2(y + block.fc2(torch.nn.functional.gelu(block.fc1(y))))
        torch.testing.assert_close(block(x, bias), y, atol=1e-5, rtol=1e-5)
        ear.alibi_scale.fill_(-1.0)
        unbiased = ear.ticks(normal(2, 16_000))
        ear.alibi_scale.zero_()
        torch.testing.assert_close(ear.ticks(normal(2, 16_000)), unbiased)
