"""The same words elsewhere: other rooms, noises, microphones, codecs, pitches, throats and tempos.

Waveform changes keep the timing; `bend` works on mel power, where a throat or a tempo costs next to nothing,
and moves the phones with the sound. All draw from the generator that is passed, and from nothing else.
"""

from __future__ import annotations

import numpy as np
import scipy  # its rooms open when first entered: a talker that only speaks needs none of them
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from talkcli.engine.audio.logmel import HOP
from talkcli.engine.speech import SAMPLE_RATE

Wave = NDArray[np.float32]
Power = NDArray[np.floating]
"""[frames, bands]"""

LOWEST, HIGHEST = 60, 400
"""Hertz of a voice."""


def rms(wave: NDArray[np.floating]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)) + 1e-12))


def through_microphone(wave: Wave, rng: np.random.Generator) -> Wave:
    """Tilt, a few broad peaks and dips, sometimes a telephone's band."""
    size = scipy.fft.next_fast_len(len(wave), real=True)
    hertz = scipy.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    gain = rng.normal(0, 4) * np.log2((hertz + 50) / 1000) / 2
    for _ in range(int(rng.integers(1, 4))):
        centre, width = np.exp(rng.uniform(np.log(100), np.log(7000))), rng.uniform(0.2, 1.0)
        gain += rng.normal(0, 5) * np.exp(-0.5 * (np.log2((hertz + 1) / centre) / width) ** 2)
    if rng.random() < 0.25:
        gain -= np.maximum(0, hertz - rng.uniform(3000, 6500)) / 300
    if rng.random() < 0.25:
        gain -= np.maximum(0, rng.uniform(80, 350) - hertz) / 10
    shaped = scipy.fft.irfft(scipy.fft.rfft(wave, size) * (10 ** (gain / 20)).astype(np.float32), size)
    return np.asarray(shaped)[: len(wave)]


def in_room(wave: Wave, rng: np.random.Generator) -> Wave:
    """Direct sound and a decaying tail of noise, 0.1 to 0.7 s to -60 dB."""
    length = int(rng.uniform(0.1, 0.7) * SAMPLE_RATE)
    response = rng.standard_normal(length, np.float32) * np.exp(-6.9 * np.arange(length) / length)
    response *= rng.uniform(0.1, 0.7) / np.sqrt(np.square(response).sum())
    response[0] = 1.0
    size = scipy.fft.next_fast_len(len(wave) + length, real=True)
    wet = scipy.fft.irfft(
        scipy.fft.rfft(wave, size) * scipy.fft.rfft(response.astype(np.float32), size), size
    )
    return np.asarray(wet)[: len(wave)]


def with_noise(wave: Wave, rng: np.random.Generator, babble: Wave | None = None) -> Wave:
    """White to brown noise, or the murmur of `babble`, 5 to 45 dB below."""
    noise = rng.standard_normal(len(wave), np.float32)
    kind = rng.random()
    if kind < 0.6:
        size = scipy.fft.next_fast_len(len(wave), real=True)
        hertz = scipy.fft.rfftfreq(size, 1 / SAMPLE_RATE)
        colour = np.maximum(hertz, 30).astype(np.float32) ** np.float32(-rng.uniform(0, 1.2))
        noise = np.asarray(scipy.fft.irfft(scipy.fft.rfft(noise, size) * colour, size))[: len(wave)]
    elif kind < 0.8 and babble is not None and len(babble):
        noise = np.resize(babble, len(wave)).astype(np.float64)
    level = rms(wave) * 10 ** (-rng.uniform(5, 45) / 20)
    return (wave + noise * (level / np.sqrt(np.mean(noise**2) + 1e-12))).astype(np.float32)


def through_codec(wave: Wave, rng: np.random.Generator) -> Wave:
    """Eight-bit mu-law, clipping, or the holes that a low bit rate leaves in the spectrum."""
    peak = float(np.abs(wave).max()) + 1e-6
    kind = rng.random()
    if kind < 0.4:
        y = wave / peak
        bits = np.round(np.sign(y) * np.log1p(255 * np.abs(y)) / np.log(256) * 127) / 127
        return (np.sign(bits) * (256 ** np.abs(bits) - 1) / 255 * peak).astype(np.float32)
    if kind < 0.6:
        return np.clip(wave, -0.6 * peak, 0.6 * peak)
    _, _, spectrum = scipy.signal.stft(wave, SAMPLE_RATE, nperseg=512)
    strength = np.abs(spectrum)
    mask = strength < strength.max(0, keepdims=True) * 10 ** (-rng.uniform(25, 45) / 20)
    spectrum[mask] = 0
    spectrum[int(rng.uniform(120, 257)) :] = 0
    return np.resize(scipy.signal.istft(spectrum, SAMPLE_RATE, nperseg=512)[1], len(wave)).astype(np.float32)


def at_pitch(wave: Wave, factor: float) -> Wave:
    """The voice `factor` times higher; throat, timing and rms stay.

    Grains of two periods move together or apart (TD-PSOLA, Moulines and Charpentier 1990), each about the
    instant at which its period is loudest. Those instants are counted on a grid of half a millisecond, in
    turns of the voice whose phase is that of the rms (over some 40 ms, less its mean).
    """
    smooth, hertz = scipy.ndimage.uniform_filter1d, _pitch(wave)
    samples = np.arange(0, len(wave), 8)
    turns = np.cumsum(np.interp(samples, np.arange(len(hertz)) * HOP, hertz)) * 8 / SAMPLE_RATE
    energy = smooth(np.abs(wave), 16)[::8]
    pulse = (energy - smooth(energy, 50)) * np.exp(-2j * np.pi * turns)
    turns += np.unwrap(np.angle(smooth(smooth(pulse, 40), 40))) / (2 * np.pi)
    turns = np.maximum.accumulate(turns)
    marks = np.interp(np.arange(np.ceil(turns[0]), turns[-1]), turns, samples)
    if len(marks) < 2:
        return wave
    marks_after = np.arange(0, len(marks) - 1, 1 / factor)
    nearest = np.round(marks_after).astype(int)
    source = np.round(marks[nearest]).astype(int)
    target = np.round(np.interp(marks_after, np.arange(len(marks)), marks)).astype(int)
    period = np.gradient(marks).clip(SAMPLE_RATE / HIGHEST / 2, SAMPLE_RATE / LOWEST)[nearest, None]
    reach = int(period.max())
    around = np.arange(-reach, reach + 1)
    shape = np.cos(np.pi * np.minimum(np.abs(around) / period, 1), dtype=np.float32)
    grains = np.pad(wave, reach)[source[:, None] + reach + around] * (0.5 + 0.5 * shape)
    places = target[:, None] + reach + around
    sums = np.bincount(places.ravel(), grains.ravel(), len(wave) + 2 * reach)
    return (sums[reach : reach + len(wave)] / np.sqrt(factor)).astype(np.float32)


def _pitch(wave: Wave) -> NDArray[np.float64]:
    """Hertz every HOP, by autocorrelation; carried over where there is no voice."""
    size = 3 * SAMPLE_RATE // LOWEST
    window = np.hanning(size).astype(np.float32)
    frames = sliding_window_view(np.pad(wave, size // 2), size)[: len(wave) : HOP] * window
    lags = np.arange(SAMPLE_RATE // HIGHEST, SAMPLE_RATE // LOWEST)

    def alike(frames: NDArray[np.floating]) -> NDArray[np.floating]:
        correlations = np.asarray(scipy.fft.irfft(np.abs(scipy.fft.rfft(frames, 2 * size)) ** 2))
        return correlations[:, lags] / (correlations[:, :1] + 1e-9)

    likeness = alike(frames) / alike(window[None])
    voiced = np.flatnonzero(likeness.max(1) > 0.5)
    if not len(voiced):
        return np.full(len(frames), 120.0)
    best = (likeness[voiced] - 5e-4 * lags).argmax(1)  # of a period and its multiples the shortest
    hertz = np.interp(np.arange(len(frames)), voiced, SAMPLE_RATE / lags[best])
    return scipy.ndimage.median_filter(hertz, 5)


def elsewhere(wave: Wave, rng: np.random.Generator, babble: Wave | None = None) -> Wave:
    """Microphone, room, noise and codec, each sometimes, at some level; the timing stays."""
    if rng.random() < 0.9:
        wave = through_microphone(wave, rng)
    if rng.random() < 0.5:
        wave = in_room(wave, rng)
    if rng.random() < 0.7:
        wave = with_noise(wave, rng, babble)
    if rng.random() < 0.25:
        wave = through_codec(wave, rng)
    return (wave / rms(wave) * rng.uniform(0.02, 0.15)).astype(np.float32)


def breath(seconds: float, rng: np.random.Generator) -> Wave:
    """Air drawn in before speaking: shaped noise that swells and fades, for silences."""
    count = max(64, int(seconds * SAMPLE_RATE))
    size = scipy.fft.next_fast_len(count, real=True)
    hertz = scipy.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    colour = sum(
        rng.uniform(0.3, 1) * np.exp(-0.5 * ((hertz - rng.uniform(low, high)) / rng.uniform(150, 600)) ** 2)
        for low, high in ((300, 900), (900, 2200), (2200, 4500), (4000, 7000))
    )
    noise = scipy.fft.irfft(scipy.fft.rfft(rng.normal(size=count), size) * colour, size)[:count]
    swell = np.sin(np.pi * np.linspace(0, 1, count) ** rng.uniform(0.6, 2.0))
    return (noise / (np.abs(noise).max() + 1e-9) * swell).astype(np.float32)


def wordless(samples: int, rng: np.random.Generator) -> Wave:
    """What sounds when nobody speaks: hiss or rumble that swells, a hum, knocks, a few notes."""
    seconds, wave = np.arange(samples) / SAMPLE_RATE, np.zeros(samples)
    for kind in rng.permutation(4)[: int(rng.integers(1, 3))]:
        if kind == 0:
            size = scipy.fft.next_fast_len(samples, real=True)
            colour = np.maximum(scipy.fft.rfftfreq(size, 1 / SAMPLE_RATE), 30) ** -rng.uniform(0, 1.2)
            part = scipy.fft.irfft(scipy.fft.rfft(rng.normal(size=samples), size) * colour, size)[:samples]
            part *= 1 + rng.uniform(0, 1) * np.sin(2 * np.pi * (rng.uniform(0.1, 2) * seconds + rng.random()))
        elif kind == 1:
            hertz, overtones = rng.uniform(45, 130), np.arange(1, 12)
            strengths = rng.random(11) / overtones
            part = strengths @ np.sin(2 * np.pi * hertz * overtones[:, None] * seconds)
        elif kind == 2:
            part = np.zeros(samples)
            part[rng.integers(0, samples, int(rng.integers(1, 12)))] = rng.normal(size=1)
            ring = np.exp(-np.arange(800) / rng.uniform(20, 300)) * rng.normal(size=800)
            part = np.convolve(part, ring)[:samples]
        else:
            pitch = 110 * 2 ** (rng.integers(0, 36, 64) / 12)
            turns = np.cumsum(np.repeat(pitch, int(rng.uniform(0.1, 0.5) * SAMPLE_RATE))[:samples])
            part = np.zeros(samples)
            part[: len(turns)] = np.sin(2 * np.pi * turns / SAMPLE_RATE) + 0.3 * np.sin(
                6 * np.pi * turns / SAMPLE_RATE
            )
        wave += part / (np.abs(part).max() + 1e-9) * rng.uniform(0.2, 1)
    return (wave * rng.uniform(0.02, 0.3)).astype(np.float32)


def bend(
    power: Power, phones: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Power, NDArray[np.int64]]:
    """Other tempo, throat, room, noise and smoothness, in mel power with its phone of every frame."""
    if rng.random() < 0.7:
        power, phones = _at_tempo(power, phones, np.exp(rng.normal(0, 0.12)))
    if rng.random() < 0.8:
        power = _with_throat(power, float(np.clip(np.exp(rng.normal(0, 0.09)), 0.8, 1.25)))
    if rng.random() < 0.6:  # reverberation: energy that decays in each band
        decay = 10 ** (-6 * 0.01 / rng.uniform(0.1, 0.9) / 2)
        share = rng.uniform(0.05, 0.6)
        tail = np.asarray(scipy.signal.lfilter([1 - decay], [1, -decay], power, axis=0))
        power = power * (1 - share) + share * tail
    if rng.random() < 0.8:
        power = power + _noise_like(power, rng)
    logs = np.log(power + 1e-9)
    if rng.random() < 0.6:
        logs = scipy.ndimage.gaussian_filter1d(logs, rng.uniform(0.4, 2.2), axis=1)
    elif rng.random() < 0.3:
        logs = logs + 0.6 * (logs - scipy.ndimage.gaussian_filter1d(logs, 1.5, axis=1))
    channel = scipy.ndimage.gaussian_filter1d(
        rng.normal(size=power.shape[1]), rng.uniform(4, 16)
    ) * rng.uniform(0, 7)
    return np.exp(logs + channel).astype(np.float32), phones


def _at_tempo(power: Power, phones: NDArray[np.int64], speed: float) -> tuple[Power, NDArray[np.int64]]:
    last = len(power) - 1
    at = np.arange(0, last, speed)
    left = at.astype(int)
    share = (at - left)[:, None]
    return power[left] * (1 - share) + power[np.minimum(left + 1, last)] * share, phones[left]


def _with_throat(power: Power, scale: float) -> Power:
    """All resonances `scale` times lower on the mel axis: a longer vocal tract for scale > 1."""
    last = power.shape[1] - 1
    at = np.clip(np.arange(last + 1) * scale, 0, last - 1e-3)
    left = at.astype(int)
    share = at - left
    return power[:, left] * (1 - share) + power[:, left + 1] * share


def _noise_like(power: Power, rng: np.random.Generator) -> Power:
    """A coloured floor, 0 to 40 dB below, that swells and sinks."""
    frames, bands = power.shape
    colour = scipy.ndimage.gaussian_filter1d(rng.normal(size=bands), rng.uniform(4, 20)) * 4 + rng.normal(
        0, 0.03
    ) * np.arange(bands)
    floor = np.exp(colour)
    floor *= power.mean() / floor.mean() * 10 ** (-rng.uniform(0, 40) / 10)
    swell = np.exp(scipy.ndimage.gaussian_filter1d(rng.normal(size=frames), 10) * 2.5 * rng.random())
    return (floor * swell[:, None] * rng.gamma(4, 0.25, power.shape)).astype(np.float32)


def hide(levels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Small faults of normalised levels: scale, offset, two masked bands (SpecAugment), grain."""
    levels = levels * np.exp(rng.normal(0, 0.12)) + rng.normal(0, 0.12)
    for _ in range(2):
        width = int(rng.integers(0, 7))
        first = int(rng.integers(0, levels.shape[1] - width))
        if width:
            levels[:, first : first + width] = levels[:, first : first + width].mean()
    return (levels + rng.normal(0, 0.06, levels.shape)).astype(np.float32)
