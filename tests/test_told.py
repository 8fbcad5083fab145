"""What is told of a recording: words and phones that put right what an ear hears."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from talkcli.engine.assets import asset
from talkcli.engine.audio.alignment import Word
from talkcli.engine.audio.ear import CERTAIN
from talkcli.engine.audio.ears import phone_ear
from talkcli.engine.audio.told import Told, ToldEar, put_right, reading_along, told_by_file, told_of
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.methods import open_talker
from talkcli.engine.metrics.evaluate import Case, evaluate
from talkcli.engine.motion import Coefficients, Motion, load_motion
from talkcli.engine.phones import PHONES, load_phones, phones_of, save_phones
from talkcli.engine.speech import load_speech

HELLO, HELLO_PHONES = asset("hello.wav"), asset("hello.phones.json")
LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "anna - words"
        xmin = 0
        xmax = 1.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.5
            text = "ma"
    item [2]:
        class = "IntervalTier"
        name = "anna - phones"
        xmin = 0
        xmax = 1.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = "sil"
        intervals [2]:
            xmin = 0.5
            xmax = 0.8
            text = "M"
        intervals [3]:
            xmin = 0.8
            xmax = 1.5
            text = "AA1"
"""


def weights(motion: Motion) -> torch.Tensor:
    assert isinstance(motion.face, Coefficients)
    return motion.face.expression


@pytest.fixture(scope="module")
def talker():
    return open_talker("memorytalker")


def test_the_phone_told_and_the_phone_heard_change_places():
    logits = torch.randn(50, len(PHONES), generator=torch.Generator().manual_seed(1)) * 4
    told = torch.arange(50) % len(PHONES)
    sure = torch.arange(50) < 40
    right = put_right(logits, told, sure)
    assert torch.equal(right[40:], logits[40:])
    assert torch.equal(right[:40].argmax(1), told[:40])
    assert torch.equal(right[:40].amax(1), logits[:40].amax(1).clamp(min=CERTAIN))
    heard = logits[:40].argmax(1)
    own = logits[:40].gather(1, told[:40, None])[:, 0]
    elsewhere = heard != told[:40]
    assert torch.equal(right[:40].gather(1, heard[:, None])[elsewhere, 0], own[elsewhere])


def test_windows_of_what_is_told_are_the_whole(talker):
    named = phone_ear(talker)
    assert named is not None
    speech, told = load_speech(HELLO), Told(load_phones(HELLO_PHONES), doubted=(Word("x", 1.0, 1.5),))
    frames, fps = speech.frames(30), Fraction(30)
    ear = ToldEar(named[1], told)
    with torch.no_grad():
        whole = ear.heard(speech.waveform, frames, fps)
        listened = ear.listened(speech.waveform, frames, fps)
        parts = [listened(start, min(start + 17, frames)) for start in range(0, frames, 17)]
    assert torch.equal(torch.cat(parts), whole)


def test_lips_that_are_told_meet_wherever_they_should(talker):
    speech, phones, head = load_speech(HELLO), load_phones(HELLO_PHONES), talking_head()
    with reading_along(talker, Told(phones)):
        motion = talker.animate(speech, head)
    (score,) = evaluate(["closure"], [Case("hello", motion, head, phones=phones)])
    assert score.value == 1 and score.count >= 3


def test_a_network_hears_for_itself_again_afterwards(talker):
    speech, head = load_speech(HELLO), talking_head()
    before = talker.animate(speech, head)
    with pytest.raises(ZeroDivisionError), reading_along(talker, Told(phones_of([("M", 0.0, 9.0)]))):
        assert not torch.equal(weights(talker.animate(speech, head)), weights(before))
        raise ZeroDivisionError
    assert torch.equal(weights(talker.animate(speech, head)), weights(before))


@pytest.mark.parametrize("suffix", [".TextGrid", ".textgrid"])
def test_a_textgrid_of_the_montreal_aligner_is_read(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_text(LONG)
    told = told_by_file(path)
    assert told.phones.segments == [("SIL", 0.0, 0.5), ("M", 0.5, 0.8), ("AA", 0.8, 1.5)]
    assert told.words == (Word("ma", 0.5, 1.5),)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("anna - phones", "anna - sounds", "no tier called phones"),
        ('"M"', '"ɲ"', "speaks of"),
        (LONG, "x", ""),
    ],
)
def test_other_textgrids_are_refused_by_name(old, new, words, tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(LONG.replace(old, new))
    with pytest.raises(BadInput, match=r"a\.TextGrid") as error:
        told_by_file(path)
    assert words in error.value.message


def test_words_that_nobody_says_are_doubted_and_named(talker):
    pytest.importorskip("pocketsphinx")
    speech = load_speech(HELLO)
    rows = load_phones(HELLO_PHONES)
    told = told_of(talker, speech, HELLO, "hippopotamus elephant umbrella", None, True)
    assert told is not None and told.doubted
    note, *_ = told.notes("hello.wav")
    assert told.doubted[0].text in note and note.startswith("hello.wav")
    assert told.phones.seconds <= rows.seconds + 1.0


def test_speech_of_which_nothing_is_told_is_heard_and_named(talker, tmp_path):
    phones, speech, head = load_phones(HELLO_PHONES), load_speech(HELLO), talking_head()
    save_phones(phones_of([row for row in phones.segments if row[2] < 2.6]), tmp_path / "begun.phones.json")
    whole = told_of(talker, speech, HELLO, None, HELLO_PHONES, True)
    begun = told_of(talker, speech, HELLO, None, tmp_path / "begun.phones.json", True)
    assert whole is not None and not whole.notes("hello.wav")
    assert begun is not None and len(begun.notes("hello.wav")) == 1
    assert begun.untold[0] == pytest.approx((2.53, 9.48), abs=0.05)
    with reading_along(talker, begun):
        spoken = weights(talker.animate(speech, head))
    by_ear = weights(talker.animate(speech, head))
    assert spoken[90:270].std(0).max() > 0.7 * by_ear[90:270].std(0).max()


def test_phones_reach_the_motion_through_the_command(talk, tmp_path):
    told, heard = tmp_path / "told.motion", tmp_path / "heard.motion"
    talk("animate", HELLO, "-m", "memorytalker", "--phones", HELLO_PHONES, "-o", told)
    talk("animate", HELLO, "-m", "memorytalker", "-o", heard)
    motions = load_motion(told), load_motion(heard)
    assert motions[0].provenance["told"] == "by phones" and "told" not in motions[1].provenance
    assert (weights(motions[0]) - weights(motions[1])).abs().max() > 0.05


def test_what_cannot_be_told_is_refused_before_the_work(talk, tmp_path):
    file = HELLO_PHONES
    talk("animate", HELLO, "--text", "hello", "--phones", file, "-o", tmp_path / "x.motion", code=2)
    talk("animate", HELLO, HELLO, "--phones", file, "-o", tmp_path / "both", "--format", "motion", code=2)
    talk("animate", HELLO, "--phones", tmp_path, "-o", tmp_path / "x.motion", code=3)
    assert list(tmp_path.glob("*.motion")) == []


def test_a_network_without_phones_cannot_read_along():
    with (
        pytest.raises(BadUsage, match="does not hear phones"),
        reading_along(torch.nn.Linear(1, 1), Told(phones_of([("M", 0.0, 1.0)]))),
    ):
        pass
