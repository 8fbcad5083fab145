"""Life as it is measured on people: how often, how far, how fast, when; of no two recordings the same."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from test_life import lids, still
from torch import Tensor

from talkcli.engine.assets import asset, assets_folder
from talkcli.engine.audio.onsets import onsets
from talkcli.engine.editing.glances import Fixation, fixations, gaze, saccade_seconds
from talkcli.engine.editing.head_movement import NOD, nodded
from talkcli.engine.editing.life import LifeAmounts, with_life
from talkcli.engine.editing.prosody import prosody_of
from talkcli.engine.face.arkit import LOOK_ASIDE, LOOK_UP
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.metrics.beats import beat_alignment
from talkcli.engine.motion import Coefficients, Head, Motion
from talkcli.engine.speech import SAMPLE_RATE, Speech, load_speech

FPS = Fraction(30)


@pytest.fixture(scope="module")
def ada() -> Avatar:
    return load_avatar(asset("ada.avatar"))


@pytest.fixture(scope="module")
def voices() -> list[Speech]:
    """The bundled recordings: three speakers, 5 to 10 seconds each."""
    paths = [asset("hello.wav"), *sorted(assets_folder().glob("clips/*/*.wav"))]
    return [load_speech(path) for path in paths]


@pytest.fixture(scope="module")
def minutes(voices) -> Speech:
    """All of them, four times over: some minutes in which somebody talks and pauses."""
    pause = torch.zeros(SAMPLE_RATE // 2)
    parts = [part for speech in voices for part in (speech.waveform, pause)]
    return Speech(torch.cat(4 * parts))


def living(speech: Speech, ada: Avatar, seed: int = 0, fps: Fraction = FPS, **amounts: float) -> Motion:
    motion = still(speech.seconds, fps)
    return with_life(motion, speech, ada, seed, amounts=LifeAmounts(**amounts))


def head_of(motion: Motion) -> Head:
    assert motion.head is not None
    return motion.head


def shape(motion: Motion, name: str) -> Tensor:
    assert isinstance(motion.face, Coefficients)
    return motion.face.expression[:, load_face_model().shape_names.index(name)]


def eyes(motion: Motion) -> Tensor:
    """Degrees to the left and up by which the left eye is turned."""
    side = shape(motion, "eyeLookOutLeft") - shape(motion, "eyeLookInLeft")
    up = shape(motion, "eyeLookUpLeft") - shape(motion, "eyeLookDownLeft")
    return torch.stack([LOOK_ASIDE * side, LOOK_UP * up], 1)


def blinks(motion: Motion, ada: Avatar) -> Tensor:
    """Seconds at which the lids become shut."""
    shut = lids(motion, ada) > 0.85
    return (torch.nonzero(shut[1:] & ~shut[:-1])[:, 0] + 1) / float(motion.fps)


def test_people_blink_15_to_20_times_a_minute_irregularly_and_now_and_then_twice(minutes, ada):
    times = [blinks(living(minutes, ada, seed), ada) for seed in range(6)]
    rate = sum(map(len, times)) / (6 * minutes.seconds / 60)
    gaps = torch.cat([each.diff() for each in times])
    double = (gaps < 0.6).float().mean()
    assert 15 <= rate <= 20
    assert 0.05 < double < 0.18 and gaps.min() > 0.25
    single = gaps[gaps > 0.6]
    assert single.min() > 0.95 and single.max() < 10 and single.std() > 1


def test_the_first_blink_comes_within_half_a_second_and_three(voices, ada):
    firsts = [blinks(living(speech, ada, seed), ada)[0] for speech in voices for seed in range(8)]
    assert min(firsts) > 0.45 and max(firsts) < 3.05
    assert len({round(float(first), 1) for first in firsts}) > 12, "not always at the same time"


def test_blinks_gather_in_pauses_and_where_phrases_end(minutes, ada):
    phrases = prosody_of(minutes).phrases

    def outside(seconds: Tensor) -> float:
        spoken = torch.stack([(seconds > a) & (seconds < b - 0.1) for a, b in phrases]).any(0)
        return 1 - float(spoken.float().mean())

    times = torch.cat([blinks(living(minutes, ada, seed), ada) for seed in range(4)])
    assert outside(times) > 1.6 * outside(torch.arange(0, minutes.seconds, 0.05))


def test_eyes_jump_1_to_8_degrees_and_rest_between(minutes, ada):
    rests = fixations(prosody_of(minutes), minutes.seconds, 0)
    jumps = [math.dist(a[1:], b[1:]) for a, b in itertools.pairwise(rests)]
    jumps = [jump for jump in jumps if jump]
    stays = [b.second - a.second for a, b in itertools.pairwise(rests)]
    assert min(jumps) >= 0.99 and max(jumps) <= 8.2 and 2 < np.median(jumps) < 3.5
    assert min(stays) > 0.299 and 0.5 < np.median(stays) < 1.5
    away = sum(b.second - a.second for a, b in itertools.pairwise(rests) if math.hypot(*a[1:]) > 2.9)
    assert 0.04 < away / minutes.seconds < 0.25, "who talks to somebody looks at them most of the time"


@pytest.mark.parametrize(("degrees", "milliseconds"), [(1.0, 23.2), (5.0, 32.0), (8.0, 38.6)])
def test_a_jump_lasts_as_long_as_the_main_sequence_says(degrees, milliseconds):
    """Bahill, Clark and Stark: 2.2 ms a degree and 21 ms."""
    assert saccade_seconds(degrees) == pytest.approx(milliseconds / 1000)
    track = gaze([Fixation(0.0, 0.0, 0.0), Fixation(0.5, degrees, 0.0)], 1000, Fraction(1000))[:, 0]
    moving = torch.nonzero(track.diff() > 1e-6)[:, 0]
    assert len(moving) == pytest.approx(milliseconds, abs=1.5) and moving[0] == pytest.approx(500, abs=1)
    assert not track[:500].any() and torch.equal(track[540:], torch.full_like(track[540:], degrees))


def test_eyes_stay_where_they_look_while_the_head_turns(voices, ada):
    motion = living(voices[0], ada)
    rotation = torch.rad2deg(head_of(motion).rotation)
    where = gaze(fixations(prosody_of(voices[0]), voices[0].seconds, 0), len(motion), FPS)
    held = eyes(motion) + torch.stack([rotation[:, 1], -rotation[:, 0]], 1)
    assert (held - where).abs().max() < 0.35 < rotation[:, 1].abs().max()
    fixed = eyes(living(voices[0], ada, gaze=0))
    assert not fixed.any(), "eyes that are told not to move go with their head"


@pytest.fixture(scope="module")
def stressed() -> tuple[Speech, list[float]]:
    """Eight even syllables a 2 s, the third of them 12 dB louder; and when those begin."""
    time = torch.arange(12 * SAMPLE_RATE) / SAMPLE_RATE
    harmonics = torch.arange(1, 8)[:, None]
    tone = (torch.sin(2 * torch.pi * 140 * harmonics * time) / harmonics).sum(0)
    syllable = (torch.sin(2 * torch.pi * 2 * time) ** 2).clamp(min=0.02)
    loud = torch.where((time % 2 > 0.5) & (time % 2 < 0.75), 1.0, 0.25)
    return Speech(0.2 * tone * syllable * loud), [0.55 + 2 * k for k in range(6)]


def test_heads_nod_one_to_three_degrees_on_stressed_syllables(stressed, ada):
    speech, instants = stressed
    found = [stress.second for stress in nodded(prosody_of(speech)) if stress.strength > 0.5]
    assert found == pytest.approx(instants, abs=0.12)
    depths = []
    for seed in range(8):
        pitch = torch.rad2deg(head_of(living(speech, ada, seed)).rotation[:, 0])
        for second in found:
            at = round(second * FPS)
            before, after = pitch[at - 10], pitch[min(at + 13, len(pitch) - 1)]
            depths.append(float(pitch[at - 4 : at + 4].max() - (before + after) / 2))
    assert 1 < np.median(depths) < NOD[1]
    assert np.mean([depth > 0.7 for depth in depths]) > 0.6, "most stresses have one, downwards"


def test_brows_rise_on_stresses_and_rest_in_silence(stressed, ada):
    raised = torch.stack([shape(living(stressed[0], ada, seed), "browOuterUpLeft") for seed in range(6)])
    near = torch.zeros(raised.shape[1], dtype=torch.bool)
    for second in stressed[1]:
        near[round((second - 0.3) * FPS) : round((second + 0.9) * FPS)] = True
    assert 0.05 < raised.max() < 0.3 and raised[:, ~near].max() < 0.02
    assert not shape(living(Speech(torch.zeros(10 * SAMPLE_RATE)), ada), "browOuterUpLeft").any()


def test_silence_is_calm_but_not_dead(voices, ada):
    silence = Speech(torch.zeros(60 * SAMPLE_RATE))
    calm, lively = (torch.rad2deg(head_of(living(speech, ada)).rotation) for speech in (silence, voices[1]))
    assert calm.std() < 0.2 * lively.std() and 0 < calm.abs().max() < 2
    assert calm.diff(dim=0).abs().max() * 30 < 7  # degrees a second
    assert 10 < len(blinks(living(silence, ada), ada)) < 25


def test_nobody_wobbles_and_nobody_darts(voices, ada):
    """Heads stay within 10 degrees and below 40 a second; eyes within 16 of straight ahead."""
    for motion in [living(speech, ada, seed) for speech in voices for seed in range(4)]:
        degrees = torch.rad2deg(head_of(motion).rotation)
        assert degrees.abs().max() < 10 and degrees.diff(dim=0).norm(dim=1).max() * 30 < 40
        assert (degrees.diff(dim=0).norm(dim=1) * 30).median() < 6, "it rests between its strokes"
        assert eyes(motion).abs().max() < 16


def likeness(a: Tensor, b: Tensor) -> float:
    """Absolute correlation of two heads' turns."""
    return abs(float(np.corrcoef(a[:, 1].numpy(), b[:, 1].numpy())[0, 1]))


def test_two_recordings_do_not_live_alike_and_one_does(voices, ada):
    """One seed for all of them: turns of unrelated recordings were correlated by 0.99 once."""
    motions = [living(speech, ada) for speech in voices]
    alike = []
    for a, b in itertools.combinations(motions, 2):
        frames = min(len(a), len(b))
        alike.append(likeness(*(head_of(motion).rotation[:frames] for motion in (a, b))))
        assert not torch.equal(blinks(a, ada)[:1], blinks(b, ada)[:1])
    assert np.mean(alike) < 0.6
    again = living(voices[0], ada)
    assert torch.equal(head_of(again).rotation, head_of(motions[0]).rotation)
    assert torch.equal(lids(again, ada), lids(motions[0], ada))
    other = living(voices[0], ada, seed=1)
    assert likeness(head_of(again).rotation, head_of(other).rotation) < 0.9


def test_digital_silence_at_the_beginning_tells_nothing(voices):
    silence = torch.zeros(2 * SAMPLE_RATE)
    digests = {prosody_of(Speech(torch.cat([silence, speech.waveform]))).digest for speech in voices}
    assert digests == {prosody_of(speech).digest for speech in voices} and len(digests) == len(voices)


def test_a_longer_recording_begins_as_a_shorter_one_does(voices, ada):
    whole = voices[0].waveform
    short, long = (living(Speech(wave), ada) for wave in (whole, torch.cat([whole, whole])))
    same = round((voices[0].seconds - 1.5) * FPS)
    assert torch.allclose(head_of(short).rotation[:same], head_of(long).rotation[:same], atol=1e-3)
    assert torch.allclose(lids(short, ada)[:same], lids(long, ada)[:same])


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(60)])
def test_life_is_the_same_at_every_rate(fps, voices, ada):
    """What happens when is decided by the sound, not by the frames."""
    here, there = living(voices[1], ada), living(voices[1], ada, fps=fps)
    assert torch.allclose(blinks(here, ada), blinks(there, ada), atol=0.06)
    at = (torch.arange(len(here)) * float(fps / FPS)).round().long().clamp(max=len(there) - 1)
    turns = head_of(there).rotation[at] - head_of(here).rotation
    assert torch.rad2deg(turns).abs().max() < 1.0


def test_heads_turn_round_on_the_voice_more_often_than_by_chance(voices, ada):
    """Chance are the heads of the other recordings."""
    beats, own, others = [onsets(speech) for speech in voices], [], []
    for seed in range(8):
        heads = [head_of(living(speech, ada, seed, Fraction(60))).rotation for speech in voices]
        for (i, beat), (j, head) in itertools.product(enumerate(beats), enumerate(heads)):
            seconds = min(voices[i].seconds, voices[j].seconds)
            score = beat_alignment(head[: round(60 * seconds)], Fraction(60), beat[beat < seconds])
            (own if i == j else others).append(score)
    error = np.std(own, ddof=1) / math.sqrt(len(own))
    assert np.mean(own) > np.mean(others) + 2 * error
