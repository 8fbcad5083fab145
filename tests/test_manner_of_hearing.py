"""What an ear that hears phones is told to make of them: closures at their crest, pauses without breaths."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from talkcli.engine.audio.closures import crested
from talkcli.engine.audio.coarticulation import rounded
from talkcli.engine.audio.ear import CERTAIN, Listened
from talkcli.engine.audio.ears import Ears, phone_ear
from talkcli.engine.audio.pauses import without_breaths
from talkcli.engine.audio.starter_ear import StarterEar, StarterEarConfig
from talkcli.engine.audio.whisper import WhisperConfig
from talkcli.engine.methods import open_talker
from talkcli.engine.phones import PHONE_INDEX, PHONES, SILENCE
from talkcli.engine.speech import SAMPLE_RATE
from talkcli.engine.training.heard_clips import ear_print

RATE = 30
PLAIN = StarterEarConfig(WhisperConfig(32, 1, 4, 48, ticks=60), inner=8)


def heard(frames: int, **probabilities: dict[int, float]) -> Tensor:
    """Logits of frames in which T is said, but for what is heard of other phones."""
    logits = torch.full((frames, len(PHONES)), -20.0)
    logits[:, PHONE_INDEX["T"]] = 0
    for phone, shares in probabilities.items():
        for frame, share in shares.items():
            logits[frame, SILENCE if phone == "SIL" else PHONE_INDEX[phone]] = math.log(share / (1 - share))
    return logits


def of(logits: Tensor) -> Listened:
    return lambda start, stop: logits[start:stop]


def in_windows(listened: Listened, frames: int, size: int) -> Tensor:
    return torch.cat([listened(start, min(start + size, frames)) for start in range(0, frames, size)])


def test_lips_count_more_where_they_are_likeliest_and_less_beside_it() -> None:
    """Frames 2 to 4 rise to one crest; 9 and 10 meet both; the M in 14 is heard too faintly to be one."""
    logits = heard(16, B={2: 0.1, 3: 0.4, 4: 0.2, 9: 0.9, 10: 0.7}, M={14: 0.01})
    firm = crested(of(logits), 16, RATE, 0.5)
    expected = logits.clone()
    lips = [PHONE_INDEX[phone] for phone in "PBM"]
    expected[:, lips] -= 0.5
    for frame in (3, 9, 10):
        expected[frame, lips] += 1.0
    torch.testing.assert_close(firm(0, 16), expected)
    for size in (1, 3, 7):
        torch.testing.assert_close(in_windows(firm, 16, size), firm(0, 16), atol=0, rtol=0)


def test_pauses_last_while_silence_is_heard_and_take_breaths_but_no_vowel_no_hiss_and_no_stop() -> None:
    """40 dB fainter from frame 20 on, a vowel at 30 and an S at 37; before that a stop, 5 to 7, as faint."""
    frames = 44
    logits = heard(frames, SIL={9: 0.4, 10: 0.97, 11: 0.5, 12: 0.2}, AA={30: 0.9}, S={37: 0.9})
    level = torch.full((frames,), 0.3)
    level[20:] = 0.003
    level[5:8] = 0.003
    waveform = level.repeat_interleave(SAMPLE_RATE // RATE) * torch.sign(torch.randn(frames * 533))
    quiet = without_breaths(of(logits), waveform, frames, RATE, 30)
    silent = torch.zeros(len(PHONES))
    silent[SILENCE] = CERTAIN
    whole = quiet(0, frames)
    paused = [frame for frame in range(frames) if torch.equal(whole[frame], silent)]
    assert paused == [9, 10, 11, *range(20, 30), *range(31, 37), *range(38, 44)]
    spoken = [frame for frame in range(frames) if frame not in paused]
    assert torch.equal(whole[spoken], logits[spoken])
    for size in (1, 5, 16):
        assert torch.equal(in_windows(quiet, frames, size), whole)


def test_ears_are_told_by_their_settings_and_cached_tracks_know_it() -> None:
    torch.manual_seed(0)
    plain, sound = Ears([PLAIN]).eval(), 0.1 * torch.randn(SAMPLE_RATE)
    told = Ears([replace(PLAIN, firmness=1.0, faint=30.0)]).eval()
    told.load_state_dict(plain.state_dict())
    with torch.no_grad():
        own = plain.ears[0].heard(sound, 30, RATE)
        torch.testing.assert_close(plain.heard(sound, 30, RATE), rounded(of(own), 30, RATE)(0, 30))
        expected = crested(rounded(of(own), 30, RATE), 30, RATE, 1.0)
        expected = without_breaths(expected, sound, 30, RATE, 30.0)(0, 30)
        assert torch.equal(told.heard(sound, 30, RATE), expected)
    assert ear_print(plain, Fraction(RATE)) != ear_print(told, Fraction(RATE))


@pytest.mark.parametrize(("name", "manner"), [("textalker", (1.0, 30.0)), ("memorytalker", (0.0, 0.0))])
def test_of_the_starters_textalker_alone_is_told_so(name: str, manner: tuple[float, float]) -> None:
    found = phone_ear(open_talker(name))
    assert found is not None and isinstance(found[1], StarterEar)
    assert (found[1].config.firmness, found[1].config.faint) == manner
