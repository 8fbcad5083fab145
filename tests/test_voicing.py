"""Sound that is not heard is told, and what is heard of ordinary recordings is what is in them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from talkcli.engine.assets import asset
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.phones import load_phones
from talkcli.engine.speech import (
    HEARD_VOICE,
    QUIETEST_VOICE,
    SAMPLE_RATE,
    SHORTEST_SECONDS,
    load_speech,
    speech_as_recorded,
    voice_in,
)
from talkcli.engine.voicing import voicing_of

VOICE = speech_as_recorded(asset("hello.wav")).waveform.numpy()[:40_000]
NOISE = np.random.default_rng(0).normal(0, 0.1, len(VOICE)).astype(np.float32)
TIME = np.arange(len(VOICE)) / SAMPLE_RATE


def written(path: Path, *channels: np.ndarray, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, np.stack(channels, 1), SAMPLE_RATE, subtype=subtype)
    return path


@pytest.mark.parametrize(
    "path", [asset("hello.wav"), *sorted(asset("clips").rglob("*.wav"))], ids=lambda path: path.stem
)
def test_ordinary_speech_is_heard_as_it_is_recorded_and_nothing_is_said(path):
    speech, recorded = load_speech(path), speech_as_recorded(path)
    assert not speech.notes and torch.equal(speech.waveform, recorded.waveform)
    assert voicing_of(recorded.waveform.numpy(), SAMPLE_RATE).share > 0.3


@settings(max_examples=20, deadline=None)
@given(decibels=st.floats(-60, 0))
def test_the_level_of_a_voice_is_that_of_its_recording(decibels):
    whole, part = (voicing_of(VOICE * np.float32(gain), SAMPLE_RATE) for gain in (1, 10 ** (decibels / 20)))
    assert part.share == whole.share and part.decibels - whole.decibels == pytest.approx(decibels, abs=0.01)


NO_VOICE = {
    "silence": np.zeros_like(VOICE),
    "white noise": NOISE,
    "rumble": np.cumsum(NOISE - NOISE.mean()) * 0.01,
    "a hum": 0.1 * sum(np.sin(2 * np.pi * 50 * k * TIME) / k for k in range(1, 6)),
    "a tone": 0.3 * np.sin(2 * np.pi * 220 * TIME),
    "clicks": (np.arange(len(VOICE)) % 5000 == 0).astype(np.float32),
    "a slope": np.arange(len(VOICE)) / len(VOICE),
}


@pytest.mark.parametrize("kind", NO_VOICE)
@pytest.mark.parametrize("gain", [1, 1e-3])
def test_where_there_is_no_voice_it_says_so_and_makes_nothing_louder(kind, gain, tmp_path):
    wave = (gain * NO_VOICE[kind]).astype(np.float32)
    speech = load_speech(written(tmp_path / "x.wav", wave))
    assert len(speech.notes) == 1 and "no voice is heard" in speech.notes[0] and "x.wav" in speech.notes[0]
    assert np.array_equal(speech.waveform.numpy(), wave)


VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IY", "OW", "UW")


def test_a_short_steady_vowel_is_a_voice_and_short_noise_is_none():
    wave = speech_as_recorded(asset("hello.wav")).waveform.numpy()
    segments = load_phones(asset("hello.phones.json")).segments
    spans = [
        (start, end) for phone, start, end in segments if phone in VOWELS and end - start >= SHORTEST_SECONDS
    ]
    assert len(spans) > 10
    for start, end in spans:
        vowel = wave[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
        assert voicing_of(vowel, SAMPLE_RATE).share > 0.8
    for seconds in (0.15, 0.2, 0.5, 1.0):
        time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        for pitch in (90, 120, 220):
            harmonics = np.arange(1, 12)[:, None]
            vowel = (0.1 * np.sin(2 * np.pi * pitch * harmonics * time) / harmonics).sum(0)
            assert voicing_of(vowel.astype(np.float32), SAMPLE_RATE).share > 0.8
        for kind in ("white noise", "silence", "rumble", "clicks", "a slope"):
            assert not voicing_of(NO_VOICE[kind][: len(time)].astype(np.float32), SAMPLE_RATE).share, kind


@pytest.mark.parametrize(("decibels", "subtype"), [(-30, "PCM_16"), (-50, "PCM_16"), (-60, "PCM_24")])
def test_a_very_quiet_voice_is_heard_as_loud_as_voices_were_learnt(decibels, subtype, tmp_path):
    quiet = VOICE * np.float32(10 ** (decibels / 20))
    speech = load_speech(written(tmp_path / "x.wav", quiet, quiet, subtype=subtype))
    assert len(speech.notes) == 1 and "very quiet" in speech.notes[0]
    level = voicing_of(speech.waveform.numpy(), SAMPLE_RATE).decibels
    assert level == pytest.approx(HEARD_VOICE, abs=0.1) and HEARD_VOICE > QUIETEST_VOICE


def test_channels_of_opposite_phase_leave_the_loudest(tmp_path):
    for channels in ((VOICE, -VOICE), (VOICE, -0.8 * VOICE), (0.5 * VOICE, -0.5 * VOICE, 0 * VOICE)):
        speech = load_speech(written(tmp_path / "x.wav", *channels))
        assert "cancel each other" in speech.notes[0] and "--channel 1" in speech.notes[0]
        assert np.array_equal(speech.waveform.numpy(), channels[0])


def test_channels_that_do_not_cancel_are_mixed_without_a_word(tmp_path):
    for channels in ((VOICE, VOICE), (VOICE, 0 * VOICE), (VOICE, *[0 * VOICE] * 7), (VOICE, 0.1 * NOISE)):
        speech = load_speech(written(tmp_path / "x.wav", *channels))
        assert not speech.notes
        assert np.allclose(speech.waveform.numpy(), np.mean(channels, 0), atol=1e-6)


def test_a_voice_that_noise_drowns_in_the_mix_is_told_with_its_channel(tmp_path):
    path = written(tmp_path / "x.wav", 8 * NOISE, VOICE)
    speech = load_speech(path)
    assert len(speech.notes) == 1 and "far below noise; channel 2 has it" in speech.notes[0]
    assert np.allclose(speech.waveform.numpy(), (8 * NOISE + VOICE) / 2, atol=1e-6)
    for channel in ("2", "right", "loudest"):
        chosen = load_speech(path, channel=channel)
        assert not chosen.notes and np.array_equal(chosen.waveform.numpy(), VOICE)
    assert "no voice" in load_speech(path, channel="left").notes[0]


@pytest.mark.parametrize("channel", ["3", "0", "-1", "both", "", "9" * 30])
def test_a_channel_that_is_not_there_is_usage(channel, tmp_path):
    path = written(tmp_path / "x.wav", VOICE, VOICE)
    with pytest.raises(BadUsage):
        load_speech(path, channel=channel)


def test_what_is_not_heard_is_told_to_people_and_programs(talk, untaught, bare_face, tmp_path):
    path = written(tmp_path / "x.wav", VOICE, -VOICE)
    options = ("-m", untaught, "-a", bare_face, "-o", tmp_path / "x.motion", "--json", "--overwrite")
    said = talk("animate", path, *options)
    (row,) = json.loads(said.stdout)["results"]
    assert "cancel each other" in row["notes"][0] and "cancel each other" in said.stderr
    assert not json.loads(talk("animate", path, *options, "--channel", "left").stdout)["results"][0]["notes"]
    assert "2 channels" in talk("animate", path, *options, "--channel", "3", code=2).stderr


def test_what_is_not_heard_is_told_of_scores_too_and_once(talk, tmp_path):
    path = written(tmp_path / "x.wav", VOICE, -VOICE)
    (tmp_path / "x.phones.json").write_text('{"phones": [["M", 0.1, 0.2], ["AA", 0.2, 0.4]]}')
    words = ("-m", "memorytalker", "--metric", "closure", "--json")
    said = talk("evaluate", "--audio", path, *words)
    (note,) = json.loads(said.stdout)["notes"]
    assert "cancel each other" in note and said.stderr.count(note) == 1


def test_a_folder_of_recordings_is_one_voice(talk, tmp_path):
    first, second = VOICE[:20_000], VOICE[20_000:]
    (tmp_path / "voices").mkdir()
    written(tmp_path / "voices/b.WAV", second)
    written(tmp_path / "voices/a.wav", first)
    (tmp_path / "voices/notes.txt").touch()
    assert np.array_equal(voice_in(tmp_path / "voices").waveform.numpy(), VOICE)
    whole = written(tmp_path / "whole.wav", VOICE)
    for source, output in ((tmp_path / "voices", "folder"), (whole, "file")):
        said = talk(
            "personalize", source, "-m", "memorytalker", "-o", tmp_path / f"{output}.avatar", "--json"
        )
        assert json.loads(said.stdout)["seconds"] == len(VOICE) / SAMPLE_RATE
    a, b = (load_avatar(tmp_path / f"{name}.avatar").styles["memorytalker"] for name in ("folder", "file"))
    assert torch.equal(a, b) and math.isfinite(float(a.sum()))
    said = talk("personalize", tmp_path / "voices", "-m", "textalker", "-o", tmp_path / "x.avatar", code=2)
    assert "--model memorytalker" in said.stderr
    said = talk("animate", whole, "--style", whole, "-o", tmp_path / "x.motion", code=2)
    assert "--model memorytalker" in said.stderr
