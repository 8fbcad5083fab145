"""Eyes look where they are told, and at rest at whoever stands before them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.studio.scanned.balls import LISTENER
from talkcli.engine.studio.scanned.gaze import gazes, looking_at, openness
from talkcli.engine.studio.scanned.people import sample_person


def off(centre: np.ndarray, axis: np.ndarray, point: np.ndarray) -> float:
    """Degrees that an eye looks past a point."""
    way = (point - centre) / np.linalg.norm(point - centre)
    return float(np.degrees(np.arccos(np.clip(axis @ way, -1, 1))))


@pytest.mark.parametrize("seed", range(12))
def test_eyes_at_rest_converge_on_the_listener(seed: int):
    both = gazes(sample_person(seed).neutral)
    for centre, axis in both.values():
        assert off(centre, axis, LISTENER / 1000) < 0.5
    assert both["left"][1][0] < 0 < both["right"][1][0]


@pytest.mark.parametrize("point", [(0.4, 0.1, 0.9), (-0.3, -0.1, 0.8), (0.0, 0.02, 0.4), (0.1, 0.3, 1.5)])
def test_eyes_turn_to_any_point_before_them(point: tuple[float, float, float]):
    model, neutral = load_face_model(), sample_person(2).neutral
    weights = looking_at(neutral, torch.tensor(point))
    face = neutral + (model.weight_vector(**weights) @ model.shapes_of(neutral).flatten(1)).view_as(neutral)
    for centre, axis in gazes(face, neutral).values():
        assert off(centre, axis, np.array(point)) < 0.1


def test_nobody_stares_and_nobody_sleeps():
    wide = [openness(sample_person(seed).neutral) for seed in range(10)]
    assert min(wide) > 0.45 and max(wide) < 0.9
