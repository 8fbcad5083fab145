"""Beat alignment in closed form."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from talkcli.engine.audio.onsets import beats, onsets
from talkcli.engine.metrics.beats import BEAT_SIGMA, ba, beat_alignment
from talkcli.engine.metrics.catalogue import METRICS
from talkcli.engine.motion import Head, Motion, Vertices
from talkcli.engine.speech import SAMPLE_RATE, Speech

FPS = Fraction(60)


def nodding(seconds: float = 8) -> torch.Tensor:
    """A head that turns round every half second, from 0.5 on, and half way between two frames."""
    time = (torch.arange(round(seconds * FPS)) - 0.5) / float(FPS)
    return torch.stack(
        [0.05 * torch.cos(2 * torch.pi * time), torch.zeros_like(time), torch.zeros_like(time)], 1
    )


@pytest.mark.parametrize(
    ("late", "score"), [(0.0, 1.0), (BEAT_SIGMA, math.exp(-0.5)), (0.25, math.exp(-12.5))]
)
def test_it_falls_with_the_distance_of_beat_and_turn(late, score):
    beats = np.arange(1.0, 7.0, 0.5) + 0.5 / float(FPS) + late
    assert beat_alignment(nodding(), FPS, beats) == pytest.approx(score, abs=0.02)


def test_a_head_that_never_turns_scores_nothing_and_without_beats_there_is_no_score():
    assert beat_alignment(torch.zeros(100, 3), FPS, np.array([0.5])) == 0
    assert math.isnan(beat_alignment(nodding(), FPS, np.zeros(0)))


def test_onsets_are_where_bands_rise():
    time = torch.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(0))
    found = onsets(Speech(0.1 * noise * ((time % 0.5 > 0.2) & (time % 0.5 < 0.4))))
    assert found == pytest.approx(np.arange(0.2, 4, 0.5), abs=0.03)


def clicks(seconds: list[float], length: float) -> Speech:
    """Short noises at these seconds."""
    noise = torch.randn(round(length * SAMPLE_RATE), generator=torch.Generator().manual_seed(0))
    heard = torch.zeros_like(noise)
    for second in seconds:
        heard[round(second * SAMPLE_RATE) :][: SAMPLE_RATE // 25] = 1
    return Speech(0.1 * noise * heard)


def test_beats_are_an_even_pulse_that_goes_through_a_missing_onset():
    even = [0.3 + 0.6 * number for number in range(14)]
    pulse = beats(clicks([second for second in even if second != even[6]], 9))
    assert np.diff(pulse) == pytest.approx(0.6, abs=0.03)
    assert np.abs(pulse[:, None] - even).min(1).max() < 0.04
    assert not len(beats(Speech(torch.zeros(SAMPLE_RATE))))


def test_the_metric_counts_onsets_and_a_still_head_scores_nothing():
    speech = clicks([0.5 * number for number in range(1, 15)], 8)
    motion = Motion(FPS, Vertices(torch.zeros(480, 3, 3)), Head(nodding(), torch.zeros(480, 3)))
    total, count = ba(motion, speech)
    assert count == 14 and total / count > 0.8
    assert ba(Motion(FPS, motion.face), speech) == (0.0, 14)
    late = Head(nodding().roll(15, 0), torch.zeros(480, 3))
    assert ba(Motion(FPS, motion.face, late), speech)[0] < total / 10


@pytest.mark.parametrize(
    ("name", "pulse", "sigma", "variance"),
    [("ba/onsets-5-9", onsets, 5, 9), ("ba/beats-3-7", beats, 3, 7), ("ba/beats-2-8", beats, 2, 8)],
)
def test_published_settings_count_in_frames(name, pulse, sigma, variance):
    rotation = torch.randn(240, 3, generator=torch.Generator().manual_seed(1)).cumsum(0) * 0.01
    speech = clicks([0.3 + 0.6 * number for number in range(14)], 9.6)
    step = [float((after - before).norm()) for before, after in itertools.pairwise(rotation.double())]
    reach = range(-4 * sigma, 4 * sigma + 1)
    bell = [math.exp(-0.5 * (k / sigma) ** 2) for k in reach]
    whole = step[::-1] + step + step[::-1]
    smooth = [
        sum(whole[len(step) + i + k] * weight for k, weight in zip(reach, bell, strict=True))
        for i in range(len(step))
    ]
    turns = [i + 0.5 for i in range(1, len(step) - 1) if smooth[i - 1] > smooth[i] < smooth[i + 1]]
    terms = [
        math.exp(-(min(abs(time * 25 - m) for m in turns) ** 2) / (2 * variance)) for time in pulse(speech)
    ]
    motion = Motion(Fraction(25), Vertices(torch.zeros(240, 3, 3)), Head(rotation, torch.zeros(240, 3)))
    assert METRICS[name].measure(motion, speech) == (pytest.approx(sum(terms)), len(terms))
