"""Articulation: closures close, vowels open, silence rests, style is style."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from talkcli.engine.face.articulation import MOUTH_SHAPES, NEUTRAL, ArticulationStyle, articulate, onto_rig
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.phones import PHONES, Phones, phones_of


def said(words: str, each: float = 0.1, start: float = 0.5) -> Phones:
    """Phones of equal length after half a second of silence."""
    names = words.split()
    return phones_of((phone, start + i * each, start + (i + 1) * each) for i, phone in enumerate(names))


def babble(seed: int) -> Phones:
    rng = np.random.default_rng(seed)
    names = rng.choice(PHONES, 60)
    times = np.cumsum(np.concatenate([[0.2], rng.uniform(0.02, 0.2, 60)]))
    spans = zip(names, itertools.pairwise(times), strict=True)
    return phones_of((str(name), float(start), float(end)) for name, (start, end) in spans)


def of(weights: torch.Tensor, name: str) -> torch.Tensor:
    return weights[:, MOUTH_SHAPES.index(name)]


@pytest.mark.parametrize("fps", [25, 30, 60])
@pytest.mark.parametrize("seed", range(5))
def test_every_closure_is_reached_at_every_frame_rate(seed: int, fps: int) -> None:
    phones = babble(seed)
    weights = articulate(phones, int(phones.seconds * fps) + fps, fps)
    over = of(weights, "mouthClose") - of(weights, "jawOpen")
    for phone, start, end in phones.segments:
        if phone in ("P", "B", "M"):
            near = slice(int(np.ceil((start - 0.025) * fps)), int((end + 0.025) * fps) + 1)
            assert over[near].max() > 0.03, (phone, start, end)


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_weights(seed: int) -> None:
    weights = articulate(
        babble(seed), 200, 30, ArticulationStyle(strength=1.5, jaw=1.3, teeth=1, asymmetry=1)
    )
    assert weights.shape == (200, len(MOUTH_SHAPES))
    assert torch.isfinite(weights).all() and weights.min() >= 0 and weights.max() <= 1


def test_mouth_rests_in_silence() -> None:
    weights = articulate(said("HH EH L OW"), 90, 30)
    assert not weights[:10].any()
    assert not weights[-50:].any()


def test_no_phones_no_movement() -> None:
    assert not articulate(phones_of([]), 30, 30).any()


def test_short_gaps_are_spoken_through() -> None:
    gap = phones_of([("AA", 0.5, 0.8), ("AA", 0.85, 1.2)])
    assert of(articulate(gap, 40, 30), "jawOpen")[17:34].min() > 0.2


def test_open_vowels_open_wider_than_close_ones() -> None:
    opened = {
        v: of(articulate(said(f"T {v} T", 0.2), 60, 30), "jawOpen").max() for v in ("AA", "AE", "IY", "UW")
    }
    assert min(opened["AA"], opened["AE"]) > 2 * max(opened["IY"], opened["UW"])


def test_rounded_vowels_are_round_and_spread_ones_spread() -> None:
    food, feed = (articulate(said(f"F {vowel} D", 0.2), 60, 30) for vowel in ("UW", "IY"))
    assert of(food, "mouthPucker").max() > 0.5 > 0.05 > of(feed, "mouthPucker").max()
    assert of(feed, "mouthStretchLeft").max() > 0.3 > 0.15 > of(food, "mouthStretchLeft")[18:].max()


def test_lips_round_before_a_rounded_vowel() -> None:
    """Anticipation: in "stew" the lips protrude on the t."""
    weights = articulate(said("S T UW"), 40, 30)
    assert of(weights, "mouthPucker")[20] > 0.1


def test_lower_lip_goes_under_the_teeth() -> None:
    weights = articulate(said("AA F AA"), 40, 30)
    assert of(weights, "mouthRollLower")[19:21].max() > 0.28
    assert of(weights, "mouthRollLower")[:16].max() < 0.05


def test_a_longer_recording_begins_like_a_shorter_one() -> None:
    phones = babble(0)
    assert torch.equal(articulate(phones, 50, 30), articulate(phones, 200, 30)[:50])


def test_lead_moves_the_mouth_ahead() -> None:
    ahead = articulate(babble(1), 100, 30, ArticulationStyle(lead=3 / 30))
    assert torch.allclose(ahead[:97], articulate(babble(1), 100, 30)[3:], atol=1e-6)


def test_weak_articulation_still_closes() -> None:
    weak = dataclasses.replace(NEUTRAL, strength=0.6)
    full, less = (articulate(said("AA P AA"), 40, 30, style) for style in (NEUTRAL, weak))
    assert of(less, "jawOpen").max() < 0.7 * of(full, "jawOpen").max()
    assert (of(less, "mouthClose") - of(less, "jawOpen")).max() > 0.05


def test_asymmetry_is_a_matter_of_sides() -> None:
    weights = articulate(said("IY S IY"), 40, 30, ArticulationStyle(asymmetry=0.5))
    assert of(weights, "mouthStretchLeft").max() > 1.2 * of(weights, "mouthStretchRight").max()


def test_onto_rig_goes_by_name() -> None:
    mouth = articulate(said("AA"), 30, 30)
    rig = onto_rig(mouth, load_face_model())
    names = load_face_model().shape_names
    for column, name in enumerate(names):
        expected = of(mouth, name) if name in MOUTH_SHAPES else torch.zeros(30)
        assert torch.equal(rig[:, column], expected), name
