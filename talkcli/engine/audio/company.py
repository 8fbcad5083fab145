"""Company: other people and music around the near voice, as in a café, at home or on the telephone.

All draw from the generator that is passed, and from nothing else. The near voice keeps its timing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy

from talkcli.engine.audio.augment import Wave, in_room, rms
from talkcli.engine.speech import SAMPLE_RATE

_NEAR = 10**-1.3
"""Root mean square of full scale of the louder of two sounds that are mixed."""


def babble(others: Sequence[Wave], samples: int, rng: np.random.Generator) -> Wave:
    """Other people talking, farther away: each in a room, somewhere in what they say, none equally loud."""
    total = np.zeros(samples)
    for other in others:
        voice = np.resize(np.roll(other, int(rng.integers(len(other)))), samples)
        voice = in_room(in_room(voice, rng), rng)
        total += voice / rms(voice) * 10 ** (-abs(rng.normal(0, 4)) / 20)
    return (total / rms(total) * _NEAR).astype(np.float32)


def music(samples: int, rng: np.random.Generator) -> Wave:
    """Chords that die away over a bass, a beat of noise, and now and then a tune that glides like a voice."""
    wave = np.zeros(samples + SAMPLE_RATE)
    beat = int(rng.uniform(0.25, 0.7) * SAMPLE_RATE)
    root = 110 * 2 ** (rng.integers(0, 12) / 12)
    scale = np.array([0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.6 else [0, 2, 3, 5, 7, 8, 10])
    overtones = np.arange(1, int(rng.integers(4, 12)))
    strengths = overtones ** -rng.uniform(0.6, 2.0)
    seconds = np.arange(2 * beat) / SAMPLE_RATE
    decay, drums, tune = rng.uniform(1, 8), rng.uniform(0, 0.8), rng.random() < 0.5
    for start in range(0, samples, beat):
        step = int(rng.integers(7))
        notes = [scale[(step + third) % 7] + 12 * ((step + third) // 7) for third in (0, 2, 4)] + [
            scale[step] - 12
        ]
        if tune:
            notes.append(scale[int(rng.integers(7))] + 12)
        part = np.zeros(len(seconds))
        for note in notes:
            vibrato = 0.004 * np.sin(2 * np.pi * 5.5 * seconds) if note > 11 else 0.0
            turns = root * 2 ** (note / 12) * (seconds + vibrato / 5)
            part += strengths @ np.sin(2 * np.pi * overtones[:, None] * turns)
        part *= np.minimum(seconds / 0.01, 1) * np.exp(-decay * seconds) / len(notes)
        part += drums * rng.normal(size=len(part)) * np.exp(-60 * seconds)
        wave[start : start + len(part)] += part[: len(wave) - start]
    return (wave[:samples] / rms(wave[:samples]) * _NEAR).astype(np.float32)


def in_company(wave: Wave, others: Sequence[Wave], rng: np.random.Generator) -> Wave:
    """The near voice before other people, or music, 0 to 25 dB below it; one voice alone 8 dB at least."""
    if rng.random() < 0.3 or not others:
        behind, least = music(len(wave), rng), 0.0
    else:
        behind, least = babble(others, len(wave), rng), 8.0 if len(others) == 1 else 0.0
    return before(wave, behind, rng.uniform(least, 25))


def before(wave: Wave, behind: Wave, decibels: float) -> Wave:
    """A near voice so many decibels above what is behind it."""
    level = rms(wave) / rms(behind) * 10 ** (-decibels / 20)
    return (wave + level * behind).astype(np.float32)


def nobody_near(others: Sequence[Wave], samples: int, rng: np.random.Generator) -> Wave:
    """People in the background alone, or music alone: no lips that are seen move to it."""
    people = len(others) >= 3 and rng.random() >= 0.4
    wave = babble(others, samples, rng) if people else music(samples, rng)
    return wave * np.float32(10 ** (-rng.uniform(0, 30) / 20))


def on_telephone(wave: Wave, rng: np.random.Generator) -> Wave:
    """300 to 3,400 Hz at 8 kHz, in eight bits of mu-law."""
    low, high = rng.uniform(150, 350), rng.uniform(3000, 3800)
    band = scipy.signal.butter(4, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos")
    narrow = np.asarray(scipy.signal.sosfilt(band, wave))[::2]
    peak = float(np.abs(narrow).max()) + 1e-6
    codes = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow) / peak) / np.log(256) * 127) / 127
    levels = np.sign(codes) * (256 ** np.abs(codes) - 1) / 255 * peak
    return np.asarray(scipy.signal.resample_poly(levels, 2, 1))[: len(wave)].astype(np.float32)
