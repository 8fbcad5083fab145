"""The articulation score: what counts as shut, open, round and still, and where phones come from."""

from __future__ import annotations

import json
import math
import os
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch import Tensor

from talkcli.engine.audio import pronunciation
from talkcli.engine.audio.alignment import has_pocketsphinx, phones_beside
from talkcli.engine.errors import BadInput
from talkcli.engine.metrics import articulation
from talkcli.engine.metrics.articulation import Heard, Tally
from talkcli.engine.metrics.baselines import argmax_path, frame_loudness
from talkcli.engine.metrics.mouth import MouthTrack, read_mouth
from talkcli.engine.metrics.pair import Regions
from talkcli.engine.metrics.takes import takes_of_audio
from talkcli.engine.phones import PHONE_INDEX, phones_of, save_phones
from talkcli.engine.speech import Speech, save_speech

SHARED = Path(os.environ.get("TALK_SHARED", Path(__file__).parents[2] / "shared")) / "speech"
FPS = Fraction(25)
PHONES = phones_of(
    [
        ("SIL", 0.0, 0.4),
        ("B", 0.4, 0.48),
        ("AA", 0.48, 0.8),
        ("W", 0.8, 0.96),
        ("IY", 0.96, 1.2),
        ("SIL", 1.2, 2.0),
    ]
)


def mouth(opening: Tensor, **more: Tensor) -> MouthTrack:
    still = torch.zeros(len(opening))
    return MouthTrack(
        FPS, opening, **{name: more.get(name, still) for name in ("width", "protrusion", "speed", "jerk")}
    )


def said(opening: Tensor, **more: Tensor) -> Heard:
    return Heard(mouth(opening, **more), PHONES, mouth(perfect()))


def perfect() -> Tensor:
    """Shut in silence and on B, 12 mm on AA, little on the rest."""
    opening = torch.zeros(50)
    opening[13:20], opening[20:30] = 12.0, 4.0
    return opening


def ratio(tally: Tally) -> float:
    return tally[0] / tally[1]


def test_a_perfect_mouth_scores_one_throughout() -> None:
    round_on_w = torch.zeros(50)
    round_on_w[20:24] = 5.0
    heard = said(perfect(), protrusion=round_on_w)
    for measure in ("closure", "open_vowels", "rounding", "stillness", "correlation"):
        assert ratio(getattr(articulation, measure)(heard)) == pytest.approx(1), measure


def test_a_still_mouth_closes_and_rests_but_opens_and_rounds_nothing() -> None:
    heard = said(torch.zeros(50))
    assert ratio(articulation.closure(heard)) == ratio(articulation.stillness(heard)) == 1
    for measure in (articulation.open_vowels, articulation.rounding, articulation.correlation):
        assert ratio(measure(heard)) == 0


def test_lips_that_stay_a_millimetre_apart_do_not_close() -> None:
    heard = said(perfect().clamp(min=1.0))
    assert articulation.closure(heard) == (0.0, 1)
    assert ratio(articulation.stillness(heard)) == 0


def test_a_closure_two_frames_late_is_missed_and_one_frame_late_is_not() -> None:
    for late, reached in ((0, 1.0), (1, 1.0), (2, 0.0)):
        opening = torch.full((50,), 8.0)
        opening[12 + late] = 0.2  # B ends at frame 12
        assert articulation.closure(said(opening)) == (reached, 1)


def test_a_mouth_that_trembles_in_silence_is_not_still() -> None:
    assert ratio(articulation.stillness(said(perfect(), speed=torch.full((50,), 15.0)))) == 0


def test_silence_is_measured_inside_its_margins_and_only_where_it_is_long() -> None:
    quiet = articulation.silent_frames(PHONES, mouth(perfect()))
    assert quiet.nonzero()[:, 0].tolist() == [*range(2, 9), *range(32, 49)]
    brief = phones_of([("AA", 0.0, 1.0), ("AA", 1.19, 2.0)])
    assert not articulation.silent_frames(brief, mouth(perfect())).any()
    assert articulation.silent_frames(phones_of([]), mouth(perfect())).sum() == 47


def test_correlation_does_not_mind_scale_and_minds_delay() -> None:
    assert ratio(articulation.correlation(said(3 * perfect() + 2))) == pytest.approx(1)
    assert ratio(articulation.correlation(said(perfect().roll(5)))) < 0.8
    assert ratio(articulation.correlation(said(-perfect()))) == pytest.approx(-1)


def test_a_mouth_shut_on_vowels_is_told() -> None:
    assert ratio(articulation.shut_vowels(said(perfect()))) == 0
    assert ratio(articulation.shut_vowels(said(torch.zeros(50)))) == 1


@pytest.mark.parametrize("late", [-3, 0, 2])
def test_lag_is_told_in_milliseconds_and_above_zero_for_late(late: int) -> None:
    time = torch.arange(100) / 25
    curve = 6 + 3 * torch.sin(9 * time) + 2 * torch.sin(17.3 * time + 1)
    heard = Heard(mouth(curve[10 - late : 90 - late]), PHONES, mouth(curve[10:90]))
    assert ratio(articulation.lag(heard)) == pytest.approx(late * 40, abs=6)


def test_a_still_mouth_has_no_lag() -> None:
    assert articulation.lag(said(torch.zeros(50)))[1] == 0


def test_phones_beyond_the_motion_are_not_asked_for() -> None:
    heard = Heard(mouth(torch.zeros(5)), PHONES)
    assert articulation.closure(heard) == (0.0, 0) and articulation.correlation(heard) == (0.0, 0)


def test_silent_audio_has_nothing_to_say_and_much_to_rest() -> None:
    heard = Heard(mouth(torch.zeros(50)), phones_of([("SIL", 0.0, 2.0)]), mouth(torch.zeros(50)))
    assert articulation.closure(heard)[1] == articulation.opening_range(heard)[1] == 0
    assert ratio(articulation.stillness(heard)) == 1


# --- the mouth, from vertices -----------------------------------------------------------------

LIPS = torch.tensor([[-25.0, 0, 0], [25, 0, 0], [0, 5, 0], [0, -5, 0], [0, 0.1, 0], [0, -0.1, 0]]) / 1000
"""Corners, outer lips, inner lips; metres."""


def test_a_mouth_is_read_in_millimetres_and_seconds() -> None:
    points = LIPS.repeat(10, 1, 1)
    points[:, [3, 5], 1] -= (torch.arange(10) / 1000)[:, None]
    read = read_mouth(points, LIPS, Regions(lips=torch.arange(6), inner_lips=torch.tensor([4, 5])), FPS)
    assert read.opening.tolist() == pytest.approx([0.2 + k for k in range(10)], abs=1e-3)
    assert read.width.tolist() == pytest.approx([50.0] * 10)
    assert read.speed.tolist() == pytest.approx([25 * 2 / 6] * 10, abs=1e-3)
    assert float(read.jerk.abs().max()) < 0.02 and float(read.protrusion.abs().max()) == 0


def test_crossed_lips_are_shut() -> None:
    points = LIPS.repeat(2, 1, 1)
    points[1, [4, 5], 1] *= -9
    read = read_mouth(points, LIPS, Regions(lips=torch.arange(6), inner_lips=torch.tensor([4, 5])), FPS)
    assert read.opening.tolist() == pytest.approx([0.2, 0.0], abs=1e-4)


def test_without_inner_lips_opening_is_growth_of_height() -> None:
    points = LIPS.repeat(2, 1, 1)
    points[1, 3, 1] -= 0.007
    assert read_mouth(points, LIPS, Regions(lips=torch.arange(6)), FPS).opening.tolist() == pytest.approx(
        [0.0, 7.0], abs=1e-4
    )


# --- phones -----------------------------------------------------------------------------------


def test_argmax_path_joins_runs_and_drops_blips() -> None:
    path = torch.tensor([0, 0, 5, 5, 7, 5, 5, 0])
    phones = argmax_path(torch.nn.functional.one_hot(path, 40).float(), 50)
    assert phones.indices.tolist() == [0, 5, 0]
    assert phones.starts.tolist() == pytest.approx([0.0, 0.04, 0.14])
    assert phones.ends.tolist() == pytest.approx([0.04, 0.14, 0.16])


def test_frame_loudness_is_root_mean_square() -> None:
    wave = torch.cat([torch.zeros(640), torch.full((640,), 0.5)])
    assert frame_loudness(Speech(wave), 2, FPS).tolist() == pytest.approx([0.0, 0.5])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, world!", "hello world"),
        ("In 1455 & 1901", "in fourteen fifty five and nineteen oh one"),
        ("$1,200.50", "one thousand two hundred fifty"),
        ("007; 42%", "zero zero seven forty two percent"),
        ("don't — ’tis 'so'", "don't tis so"),
        ("1000000", "one million"),
    ],
)
def test_transcripts_become_words(text: str, words: str) -> None:
    assert " ".join(pronunciation.words_of(text)) == words


def test_unknown_words_are_sounded_out_in_known_phones() -> None:
    assert pronunciation.sounded_out("shibboleth") == ["SH", "IH", "B", "AA", "L", "EH", "TH"]
    assert all(
        phone in PHONE_INDEX
        for word in ("xylophone", "quiche", "aeiouy")
        for phone in pronunciation.sounded_out(word)
    )
    assert pronunciation.sounded_out("слово") == []


def wav(path: Path) -> Path:
    save_speech(Speech(0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0))), path)
    return path


def test_phones_lie_beside_the_recording_or_in_its_folder(tmp_path: Path) -> None:
    audio = wav(tmp_path / "a.wav")
    assert phones_beside(audio) is None
    (tmp_path / "alignments.json").write_text(json.dumps({"a.wav": {"phones": [["AA", 0.1, 0.3]]}}))
    shared = phones_beside(audio)
    assert shared is not None and shared.segments == [("AA", 0.1, 0.3)]
    save_phones(PHONES, tmp_path / "a.phones.json")
    own = phones_beside(audio)
    assert own is not None and len(own) == len(PHONES)
    assert phones_beside(tmp_path / "b.wav") is None


@pytest.mark.parametrize("text", ["", "[]", '{"a.wav": {}}', '{"a.wav": {"phones": [["QQ", 0, 1]]}}'])
def test_bad_alignments_are_bad_input(tmp_path: Path, text: str) -> None:
    (tmp_path / "alignments.json").write_text(text)
    with pytest.raises(BadInput, match=r"alignments\.json"):
        phones_beside(wav(tmp_path / "a.wav"))


def test_a_recording_without_phones_is_bad_input_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a\.wav") as caught:
        takes_of_audio([wav(tmp_path / "a.wav")])
    assert "--transcript" in caught.value.hint and "a.phones.json" in caught.value.hint


def test_one_transcript_for_two_recordings_is_bad_input(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        wav(tmp_path / name)
    with pytest.raises(BadInput, match="One transcript"):
        takes_of_audio([tmp_path], "hello")


def test_an_empty_folder_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no recordings"):
        takes_of_audio([tmp_path])


needs_speech = pytest.mark.skipif(
    not (SHARED.is_dir() and has_pocketsphinx()), reason="real speech or pocketsphinx is not on this machine"
)


@needs_speech
def test_alignment_finds_what_is_known() -> None:
    name, entry = next(
        (k, v) for k, v in json.loads((SHARED / "alignments.json").read_text()).items() if v["seconds"] < 2
    )
    found = takes_of_audio([SHARED / name], entry["text"])[0].phones
    known = phones_beside(SHARED / name)
    assert found is not None and known is not None
    frames = math.floor(entry["seconds"] * 100)
    assert (found.frames(100, frames) == known.frames(100, frames)).float().mean() > 0.95


@needs_speech
@pytest.mark.parametrize("transcript", ["!!!", "слово", "missing.txt"])
def test_a_transcript_that_cannot_be_aligned_is_bad_input(transcript: str) -> None:
    with pytest.raises(BadInput):
        takes_of_audio([SHARED / "LJ001-0002.wav"], transcript)
