"""Log-mel hearing: what it must not depend on, and what it must."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talkcli.engine.audio.augment import bend, breath, elsewhere
from talkcli.engine.audio.logmel import FEATURES, HOP, features, mel_power
from talkcli.engine.audio.logmel_encoder import CHUNK, TICK, LogMelEncoder, LogMelEncoderConfig


def voice_like(seconds: float, seed: int = 0) -> torch.Tensor:
    """Noise in syllables."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(int(seconds * 16_000)) / 16_000
    swell = (0.5 + 0.5 * torch.sin(2 * torch.pi * 3 * time)).clamp(min=0.02)
    return 0.1 * swell * torch.randn(len(time), generator=generator)


def small() -> LogMelEncoder:
    torch.manual_seed(0)
    return LogMelEncoder(LogMelEncoderConfig(width=16, depth=8)).eval()


def test_spectrum_k_is_centred_on_sample_k_hop() -> None:
    click = torch.zeros(1, 16_000)
    click[0, 50 * HOP] = 1.0
    assert int(mel_power(click)[0].sum(1).argmax()) == 50


def test_loudness_does_not_matter() -> None:
    wave = voice_like(4)[None]
    assert torch.allclose(features(wave), features(0.05 * wave), atol=2e-2)


def test_a_louder_or_duller_microphone_hardly_matters() -> None:
    wave = voice_like(4)
    dull = torch.from_numpy(np.convolve(wave.numpy(), [0.6, 0.3, 0.1], "same")).float()
    change = (features(wave[None]) - features(dull[None])).abs().mean()
    assert change < 0.1 * features(wave[None]).abs().mean()


@pytest.mark.parametrize("samples", [1, 100, 16_000])
def test_silence_and_crumbs_are_finite(samples: int) -> None:
    heard = features(torch.zeros(1, samples))
    assert heard.shape[2] == FEATURES and torch.isfinite(heard).all()
    assert torch.isfinite(small()(torch.zeros(1, samples), 3, 30)).all()


@torch.no_grad()
def test_chunks_are_invisible() -> None:
    encoder, wave = small(), voice_like(2.2 * CHUNK / 16_000)[None]
    whole = encoder.phones(features(wave))
    heard = encoder.listen(wave)
    assert heard.shape == whole.shape == (1, wave.shape[1] // TICK + 1, 40)
    assert torch.allclose(heard, whole, atol=1e-4)


@torch.no_grad()
def test_what_is_far_away_does_not_matter() -> None:
    encoder, wave = small(), voice_like(50)[None]
    other = wave.clone()
    other[:, 40 * 16_000 :] = 0
    heard, same = encoder.listen(wave), encoder.listen(other)
    assert torch.allclose(heard[:, : 9 * 50], same[:, : 9 * 50], atol=1e-5)
    assert not torch.allclose(heard[:, 30 * 50 : 40 * 50], same[:, 30 * 50 : 40 * 50], atol=1e-3)


@torch.no_grad()
def test_batches_do_not_mix() -> None:
    encoder = small()
    waves = torch.stack([voice_like(2, 1), voice_like(2, 2)])
    alone = torch.cat([encoder(wave[None], 60, 30) for wave in waves])
    assert torch.allclose(encoder(waves, 60, 30), alone, atol=1e-4)


@torch.no_grad()
def test_motion_frames_lie_between_ticks() -> None:
    encoder, wave = small(), voice_like(2)[None]
    ticks = encoder.listen(wave)
    assert torch.equal(encoder(wave, 100, 50), ticks[:, :100])
    assert torch.equal(encoder(wave, 50, 25), ticks[:, :100:2])
    between = encoder(wave, 40, 20)[:, 1]
    assert torch.allclose(between, (ticks[:, 2] + ticks[:, 3]) / 2, atol=1e-6)


def test_starter_size() -> None:
    assert 2 * sum(p.numel() for p in LogMelEncoder().parameters()) < 6e6


def test_elsewhere_keeps_the_timing_and_obeys_the_seed() -> None:
    wave = voice_like(2).numpy()
    first, again, other = (elsewhere(wave, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.shape == wave.shape and first.dtype == np.float32
    before, after = (np.sqrt(np.convolve(w**2, np.ones(800), "same")) for w in (wave, first))
    assert np.corrcoef(before, after)[0, 1] > 0.5


@pytest.mark.parametrize("seed", range(20))
def test_elsewhere_is_always_sound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wave = elsewhere(voice_like(1, seed).numpy(), rng)
    assert np.isfinite(wave).all() and 0.015 < np.sqrt(np.mean(wave**2)) < 0.16


def test_bend_moves_the_phones_with_the_sound() -> None:
    power = np.full((300, 80), 1e-6, np.float32)
    power[100:200] = 1.0
    phones = np.zeros(300, np.int64)
    phones[100:200] = 7
    for seed in range(10):
        bent, moved = bend(power, phones, np.random.default_rng(seed))
        assert len(bent) == len(moved)
        loud = bent.mean(1) > 0.5 * bent.mean(1).max()
        assert np.mean(loud == (moved == 7)) > 0.9


def test_breath_swells_and_fades() -> None:
    air = breath(0.5, np.random.default_rng(0))
    assert len(air) == 8000 and np.abs(air).max() <= 1
    assert np.abs(air[:400]).mean() < 0.5 * np.abs(air[3000:5000]).mean()
