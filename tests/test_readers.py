"""Readers: real voices get phones, a face and a place among the clips."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from talkcli.engine.assets import asset
from talkcli.engine.audio.alignment import has_pocketsphinx
from talkcli.engine.clips import ClipSet, load_contents
from talkcli.engine.errors import BadInput
from talkcli.engine.phones import load_phones
from talkcli.engine.speech import SAMPLE_RATE
from talkcli.engine.studio.espeak import has_espeak
from talkcli.engine.studio.readers import Reader, read_aloud, readers, sounded
from talkcli.engine.studio.recording import RecordingPlan, missing, record_all

pytestmark = pytest.mark.skipif(
    not (has_espeak() and has_pocketsphinx()), reason="espeak-ng or pocketsphinx is not installed"
)

WORDS = (
    "Hello! My name is Ada. Give me any voice, and I will move my lips to every word: "
    "maybe a poem, maybe a bubbly pop song."
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "voices" / "en-us_slt"
    place.mkdir(parents=True)
    shutil.copy(asset("hello.wav"), place / "hello.wav")
    (place / "hello.txt").write_text(WORDS, encoding="utf-8")
    return place.parent


def test_a_reader_is_heard_in_training_with_phones_and_a_face(folder: Path, tmp_path: Path) -> None:
    plan = RecordingPlan(speakers=1, takes=1, flite=0.0, readers=str(folder), readings=2)
    assert len(list(record_all(plan, tmp_path / "clips"))) == 2
    clips = ClipSet(tmp_path / "clips", "train")
    assert clips.names == ("s0000/000", "r0000/000")
    clip = clips[1]
    assert clip.phones is not None and len(clip.motion) == clip.speech.frames(30)
    made = clip.motion.provenance
    assert list(made["text"]) == [WORDS] and made["synthetic"] is False


def test_one_in_seven_readers_chooses_by_name_and_validates(folder: Path, tmp_path: Path) -> None:
    names = [f"en_{number:03}" for number in range(700)]
    chosen = [name for name in names if Reader(name, ()).chooses]
    assert 75 < len(chosen) < 125 and chosen == [name for name in names if Reader(name, ()).chooses]
    asterisk = ("en-us_allison", "es-419_allison", "fr_june", "it_carlo", "ru_ivrvoice")
    assert not any(Reader(name, ()).chooses for name in asterisk), "they stay with those who teach"
    for name in (chosen[0], next(name for name in names if name not in chosen)):
        shutil.copytree(folder / "en-us_slt", folder / name)
    plan = RecordingPlan(speakers=0, flite=0.0, readers=str(folder), readings=3)
    missing(plan, tmp_path / "clips")
    splits = load_contents(tmp_path / "clips").splits
    place = [reader.name for reader in plan.people].index(chosen[0])
    assert list(splits["val"]) == [f"r{place:04}/000"], "no more clips than recordings"
    assert len(splits["train"]) == 2


def test_a_recording_in_any_form_counts_that_has_words(folder: Path) -> None:
    place = folder / "en-us_slt"
    sound, rate = soundfile.read(place / "hello.wav")
    soundfile.write(place / "again.flac", sound, rate)
    (place / "again.txt").write_text(WORDS, encoding="utf-8")
    soundfile.write(place / "wordless.wav", sound, rate)
    assert [audio.name for audio in readers(folder)[0].recordings] == ["again.flac", "hello.wav"]


def test_what_lacks_words_is_counted_by_name(talk, folder: Path, tmp_path: Path) -> None:
    sound, rate = soundfile.read(folder / "en-us_slt/hello.wav")
    soundfile.write(folder / "en-us_slt/wordless.wav", sound, rate)
    for name in ("en-us_mute", "nameless", "it_nobody"):
        (folder / name).mkdir()
    soundfile.write(folder / "en-us_mute/a.wav", sound, rate)
    wanted = ("speakers=0", "flite=0.0", f"readers={folder}", "readings=1")
    settings = [word for setting in wanted for word in ("--set", setting)]
    said = json.loads(talk("prepare", "studio", tmp_path / "clips", *settings, "--json").stdout)
    reasons = {each["name"]: each["reason"] for each in said["skipped"]}
    assert said["written"] == 1 and sorted(reasons) == ["en-us_mute", "en-us_slt", "it_nobody", "nameless"]
    assert "1 of 1 recordings lack their words" in reasons["en-us_mute"]
    assert "1 of 2 recordings lack" in reasons["en-us_slt"] and "no recording" in reasons["it_nobody"]


def test_a_readers_phones_stand_where_they_are_said(folder: Path) -> None:
    [(words, utterance)] = read_aloud(readers(folder)[0], np.random.default_rng(0))
    truth = load_phones(asset("hello.phones.json")).segments
    shut = [start for phone, start, _ in truth if phone in "PBM"]
    found = [start for phone, start, _ in utterance.phones.segments if phone in "PBM"]
    assert words == WORDS and len(found) == len(shut)
    assert np.median(np.abs(np.subtract(found, shut))) < 0.03


def test_words_of_other_languages_are_said_by_their_own_rules() -> None:
    assert sounded("ciao", "it")[0] == "CH"
    assert sounded("cena", "it")[0] == "CH" and sounded("cena", "es-419")[0] == "S"


def test_a_recording_with_other_words_is_passed_over(folder: Path) -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    soundfile.write(folder / "en-us_slt" / "empty.wav", silence, SAMPLE_RATE)
    (folder / "en-us_slt" / "empty.txt").write_text("Peter Piper picked a peck of pickled peppers.")
    found = read_aloud(readers(folder)[0], np.random.default_rng(0))
    assert [words for words, _ in found] == [WORDS]


def test_a_folder_without_readers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no readers"):
        readers(tmp_path)


def test_words_that_are_not_utf8_are_named(folder: Path) -> None:
    (folder / "en-us_slt" / "hello.txt").write_bytes("schön".encode("latin-1"))
    with pytest.raises(BadInput, match=r"hello\.txt is not text in UTF-8") as caught:
        read_aloud(readers(folder)[0], np.random.default_rng(0))
    assert "UTF-8" in caught.value.hint
