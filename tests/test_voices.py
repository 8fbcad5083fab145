"""Voices and texts: the same voice says the same, and its phones stand where the sound is."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable

import numpy as np
import pytest
import torch

from talkcli.engine.errors import MissingAsset
from talkcli.engine.phones import Phones
from talkcli.engine.studio.espeak import has_espeak
from talkcli.engine.studio.ipa import phone_of
from talkcli.engine.studio.texts import PHRASES, sentence
from talkcli.engine.studio.voices import (
    Delivery,
    Utterance,
    Voice,
    closures_found,
    draw_voice,
    require_synthesisers,
    speak,
)

FLITE = Voice("flite", "slt", tract=1.0, pitch=170, rate=1.0, liveliness=1.0)
ESPEAK = Voice("espeak-ng", "en-us", tract=1.0, pitch=120, rate=1.0, liveliness=1.0)
TEXT = "Please bring me five big pipes. Then stop."

with_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
with_espeak = pytest.mark.skipif(not has_espeak(), reason="espeak-ng is not installed")
either = pytest.mark.parametrize(
    "voice",
    [
        pytest.param(FLITE, marks=with_flite, id="flite"),
        pytest.param(ESPEAK, marks=with_espeak, id="espeak-ng"),
    ],
)


def level(utterance: Utterance, choose: Callable[[str], bool]) -> float:
    """Median level in dB at the centres of the chosen phones."""
    wave = utterance.speech.waveform.double().numpy()
    centres = [int(8000 * (start + end)) for phone, start, end in utterance.phones.segments if choose(phone)]
    power = [np.mean(wave[max(0, at - 80) : at + 80] ** 2) for at in centres]
    return float(10 * np.log10(np.median(power) + 1e-12))


def consonants(phones: Phones) -> str:
    return " ".join(phone for phone, _, _ in phones.segments if phone in ("P", "B", "F", "V", "S", "Z", "M"))


@either
def test_phones_are_what_was_said_in_order(voice: Voice) -> None:
    phones = speak(voice, TEXT).phones
    assert consonants(phones) == "P Z B M F V B P P S S P"
    times = [time for _, start, end in phones.segments for time in (start, end)]
    assert times == sorted(times)


@either
def test_sound_is_where_the_phones_are(voice: Voice) -> None:
    utterance = speak(voice, TEXT)
    vowels = level(utterance, lambda phone: phone in ("IY", "AY", "IH", "EH", "AA"))
    assert vowels > level(utterance, lambda phone: phone == "SIL") + 20
    assert vowels > level(utterance, lambda phone: phone == "P") + 12
    assert 0 <= utterance.speech.seconds - utterance.phones.seconds < 0.3


@either
def test_the_same_voice_says_the_same_whatever_came_before(voice: Voice) -> None:
    first = speak(voice, TEXT)
    speak(voice, "Something else entirely.")
    again = speak(voice, TEXT)
    assert torch.equal(first.speech.waveform, again.speech.waveform)
    assert first.phones.segments == again.phones.segments


@either
def test_a_shorter_throat_and_a_faster_delivery_do_as_they_say(voice: Voice) -> None:
    plain = speak(voice, TEXT)
    hasty = speak(voice, TEXT, Delivery(rate=1.3, loudness=0.5))
    assert hasty.speech.seconds < 0.9 * plain.speech.seconds
    assert hasty.speech.waveform.square().mean() < 0.3 * plain.speech.waveform.square().mean()
    small = speak(dataclasses.replace(voice, tract=1.15), TEXT)
    assert not torch.equal(small.speech.waveform[:8000], plain.speech.waveform[:8000])
    assert consonants(small.phones) == consonants(plain.phones)


def test_stops_begin_where_the_sound_stops() -> None:
    """A tone, 60 ms of silence, a burst: the stop is booked at the burst and belongs at the silence."""
    rate = 22_050
    time = np.arange(rate) / rate
    wave = np.sin(2 * np.pi * 200 * time) * ((time < 0.4) | (time > 0.46))
    moved = closures_found(
        wave.astype(np.float32), rate, [("AA", 0.0, 0.46), ("P", 0.46, 0.5), ("AA", 0.5, 1.0)]
    )
    late = 0.008
    assert moved[0][2] == moved[1][1] == pytest.approx(0.4 - late, abs=0.006)
    assert moved[1][2] == pytest.approx(0.5 - late)


def test_drawn_voices_differ_and_obey_the_seed() -> None:
    first, again = ([draw_voice(np.random.default_rng([0, i])) for i in range(30)] for _ in range(2))
    assert first == again
    assert len({(voice.pitch, voice.rate) for voice in first}) == 30
    assert {voice.synthesiser for voice in first} == {"flite", "espeak-ng"}


@with_espeak
@pytest.mark.parametrize("language", PHRASES)
def test_every_language_has_texts_and_phones(language: str) -> None:
    voice = Voice("espeak-ng", language, tract=1.0, pitch=120, rate=1.0, liveliness=1.0)
    phones = speak(voice, PHRASES[language][0]).phones
    assert len(phones) > 8
    assert sum(phone == "SIL" for phone, _, _ in phones.segments) < 0.3 * len(phones)


def test_sentences_obey_the_seed_and_seldom_repeat() -> None:
    first, again = ([sentence("en", np.random.default_rng([1, i])) for i in range(200)] for _ in range(2))
    assert first == again
    assert len(set(first)) > 180
    assert all("{" not in text and " a e" not in text and len(text) > 10 for text in first)


@pytest.mark.parametrize(
    ("ipa", "phone"),
    [
        ("ˈeɪ", "EY"),
        ("tʃ", "CH"),
        ("ɜː", "ER"),
        ("", "SIL"),
        ("_:", "SIL"),
        ("ɲ", "N"),
        ("y", "UW"),
        ("☃", None),
    ],
)
def test_ipa(ipa: str, phone: str | None) -> None:
    assert phone_of(ipa) == phone


@with_espeak
def test_a_missing_synthesiser_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingAsset) as caught:
        require_synthesisers(flite=0.5)
    assert "apt install flite" in caught.value.hint


@with_espeak
def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(MissingAsset, match="no language xx"):
        speak(dataclasses.replace(ESPEAK, language="xx"), TEXT)
