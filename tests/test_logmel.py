"""Log-mel hearing: what it must not depend on, and what it must."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scipy
import torch

from talkcli.engine.audio.augment import at_pitch, bend, breath, elsewhere
from talkcli.engine.audio.logmel import FEATURES, HOP, features, mel_power
from talkcli.engine.audio.logmel_encoder import (
    CHUNK_SAMPLES,
    LogMelEncoder,
    LogMelEncoderConfig,
)
from talkcli.engine.clips import Clip, ClipSet, Contents, save_clip, save_contents
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.phones import phones_of
from talkcli.engine.speech import TICK, Speech
from talkcli.engine.training import listening


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
    encoder, wave = small(), voice_like(2.2 * CHUNK_SAMPLES / 16_000)[None]
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


THROAT = (600, 1700)
"""Hertz at which it resonates."""


def sung(low: float, high: float, seconds: float = 3.0) -> np.ndarray:
    """A glide through a throat in syllables: pulses through two resonances, half a second each, 0.3 s on."""
    time = np.arange(int(seconds * 16_000)) / 16_000
    turns = np.cumsum(np.linspace(low, high, len(time))) / 16_000
    wave = np.diff(np.floor(turns), prepend=0)
    for hertz in THROAT:
        radius = np.exp(-np.pi * 100 / 16_000)
        wave = scipy.signal.lfilter(
            [1], [1, -2 * radius * np.cos(2 * np.pi * hertz / 16_000), radius**2], wave
        )
    hiss = np.random.default_rng(0).normal(size=len(wave))
    return (0.3 * wave / np.abs(wave).max() * (time % 0.5 > 0.2) + 1e-4 * hiss).astype(np.float32)


def fundamental(wave: np.ndarray, second: float, near: float) -> float:
    """Hertz, by the likest lag of a tenth of a second."""
    part = wave[int(16_000 * second) :][:1600]
    lags = np.arange(int(16_000 / near / 1.3), int(16_000 / near * 1.3))
    return 16_000 / lags[np.argmax([np.corrcoef(part[:-lag], part[lag:])[0, 1] for lag in lags])]


def resonances(wave: np.ndarray) -> list[float]:
    """Hertz at the two peaks of the smoothed spectrum."""
    hertz, power = scipy.signal.welch(wave, 16_000, nperseg=1024)
    level = scipy.ndimage.gaussian_filter1d(np.log(power), 4)
    bands = [(hertz > 0.6 * near) & (hertz < 1.4 * near) for near in THROAT]
    return [float(hertz[band][np.argmax(level[band])]) for band in bands]


def onsets(wave: np.ndarray) -> np.ndarray:
    """Seconds at which each syllable begins to be loud."""
    loud = scipy.ndimage.maximum_filter1d(np.abs(wave), 320) > 0.1 * np.abs(wave).max()
    return np.flatnonzero(np.diff(loud.astype(int)) > 0) / 16_000


@pytest.mark.parametrize("voice", [(90, 115), (180, 230)], ids=["low", "high"])
@pytest.mark.parametrize("factor", [0.75, 0.9, 1.15, 1.35])
def test_another_pitch_is_another_fundamental_in_the_same_throat_at_the_same_time(factor, voice) -> None:
    wave, true = sung(*voice), sung(*(factor * hertz for hertz in voice))
    made = at_pitch(wave, factor)
    assert made.shape == wave.shape and made.dtype == np.float32
    for second in (0.3, 1.3, 2.3):
        near = factor * np.interp(second + 0.05, (0, 3), voice)
        assert fundamental(made, second, near) == pytest.approx(fundamental(true, second, near), rel=0.02)
    assert resonances(made) == pytest.approx(resonances(true), rel=0.05)
    assert onsets(made) == pytest.approx(onsets(wave), abs=0.01) and len(onsets(wave)) == 6
    assert np.std(made) == pytest.approx(np.std(wave), rel=0.2)


def test_the_same_pitch_is_the_same_sound() -> None:
    wave = sung(110, 140)
    assert np.std((at_pitch(wave, 1.0) - wave)[800:-800]) < 0.01 * np.std(wave)


@pytest.mark.parametrize("samples", [1, 100, 16_000])
def test_silence_and_crumbs_have_no_pitch_to_lose(samples: int) -> None:
    for wave in (np.zeros(samples, np.float32), voice_like(samples / 16_000).numpy()):
        made = at_pitch(wave, 1.3)
        assert made.shape == wave.shape and np.isfinite(made).all()


@pytest.fixture
def clips(tmp_path: Path) -> ClipSet:
    """One who sings for three seconds."""
    motion = Motion(Fraction(30), Vertices(torch.zeros(90, 3, 3)))
    avatar = Avatar("ada", torch.zeros(3, 3), torch.tensor([[0, 1, 2]]), torch.tensor([1]))
    phones = phones_of([("AA", 0.5 * i + 0.2, 0.5 * i + 0.5) for i in range(6)])
    save_clip(Clip(Speech(torch.from_numpy(sung(110, 140))), motion, avatar, phones), tmp_path, "ada/0")
    save_contents(Contents({"train": ["ada/0"]}, "CC0-1.0", "this test"), tmp_path)
    return ClipSet(tmp_path)


def test_what_is_heard_obeys_the_seed_and_another_pitch_changes_nothing_else(clips, monkeypatch) -> None:
    def heard(seed: int, share: float) -> listening.PhoneExample:
        monkeypatch.setattr(listening, "PITCHED", share)
        return listening.phone_example(clips, 0, torch.Generator().manual_seed(seed))

    for seed in range(5):
        plain, again, bent = (heard(seed, share) for share in (0.0, 0.0, 1.0))
        assert torch.equal(plain.features, again.features) and torch.equal(plain.phones, bent.phones)
        assert torch.equal(bent.features, heard(seed, 1.0).features)
        close = torch.corrcoef(torch.stack([plain.features.flatten(), bent.features.flatten()]))[0, 1]
        assert 0.5 < close < 0.9999
    assert not torch.equal(heard(0, 1.0).features, heard(1, 1.0).features)


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
