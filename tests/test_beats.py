"""Beat alignment in closed form."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from talkcli.engine.metrics.beats import BEAT_SIGMA, beat_alignment, onsets
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
