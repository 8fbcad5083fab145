"""Readers: real voices in the studio, from recordings with what is said in them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from talkcli.engine.audio.alignment import align
from talkcli.engine.errors import BadInput
from talkcli.engine.recordings import recordings_in
from talkcli.engine.speech import Speech, speech_as_recorded
from talkcli.engine.studio.espeak import Request, espeak
from talkcli.engine.studio.ipa import phone_of
from talkcli.engine.studio.voices import LEVEL, Utterance
from talkcli.engine.text_files import text_of

_LONGEST_SECONDS = 15.0
"""Seconds of a recording that is used: an aligner loses its way in long ones."""
FILL = 4.0
"""Seconds that one take has at least."""
KEPT = 600
"""Recordings that are remembered with their phones: about one reader's."""


@dataclass(frozen=True)
class Reader:
    name: str
    """LANGUAGE_NAME, the language as espeak-ng calls it: en-us_mary."""
    recordings: tuple[Path, ...]
    """Each a sound with its words in x.txt beside it."""

    @property
    def language(self) -> str:
        return self.name.partition("_")[0]

    @property
    def chooses(self) -> bool:
        """Whether nothing is learnt from this person, so that choices can be made on them: one in seven, by
        name, whoever else is there."""
        return zlib.crc32(self.name.encode()) % 7 == 4


@cache
def readers(folder: Path) -> tuple[Reader, ...]:
    """One for every folder LANGUAGE_NAME in `folder`, by name; BadInput if there is none."""
    places = sorted(folder.iterdir() if folder.is_dir() else [])
    people = [Reader(place.name, _with_words(place)) for place in places if "_" in place.name]
    people = [reader for reader in people if reader.recordings]
    if not people:
        raise BadInput(
            f"{folder} holds no readers.", "Give a folder of folders like en-us_mary, with x.wav and x.txt."
        )
    return tuple(people)


def without_words(folder: Path) -> dict[str, str]:
    """The folders in `folder` that are no readers, or lack words to some of their recordings, and why."""
    reasons: dict[str, str] = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and path.name[:1] != "."):
        sounds, told = len(recordings_in(place)), len(_with_words(place))
        if "_" not in place.name:
            reasons[place.name] = "the name of the folder is not LANGUAGE_NAME, as in en-us_mary"
        elif not sounds:
            reasons[place.name] = "there is no recording in it"
        elif told < sounds:
            reasons[place.name] = f"{sounds - told} of {sounds} recordings lack their words (x.txt beside x)"
    return reasons


def _with_words(place: Path) -> tuple[Path, ...]:
    sounds = recordings_in(place) if place.is_dir() else []
    return tuple(sound for sound in sounds if sound.with_suffix(".txt").is_file())


def read_aloud(reader: Reader, rng: np.random.Generator) -> list[tuple[str, Utterance]]:
    """Words and sound of recordings one after another, FILL seconds at least.

    A recording that is too long, or in which the aligner cannot find the words, is passed over; BadInput if
    that leaves none.
    """
    utterances: list[tuple[str, Utterance]] = []
    start, seconds = int(rng.integers(len(reader.recordings))), 0.0
    for step in range(len(reader.recordings)):
        audio = reader.recordings[(start + step) % len(reader.recordings)]
        alignment = aligned(audio, reader.language)
        if alignment is not None:
            utterances.append(alignment)
            seconds += alignment[1].speech.seconds
        if seconds >= FILL:
            return utterances
    if not utterances:
        raise BadInput(
            f"No recording of {reader.name} fits its words.", f"See {reader.recordings[0].parent}."
        )
    return utterances


@lru_cache(maxsize=KEPT)
def aligned(audio: Path, language: str) -> tuple[str, Utterance] | None:
    """Words and sound of one recording; None where it is too long, or its words are not found in it."""
    speech = speech_as_recorded(audio)
    if speech.seconds > _LONGEST_SECONDS:
        return None
    transcript = audio.with_suffix(".txt")
    try:
        words = text_of(transcript).strip()
    except UnicodeDecodeError as error:
        raise BadInput(f"{transcript} is not text in UTF-8: {error}.", "Save it as UTF-8.") from error
    english = language.startswith("en")
    try:
        phones = align(speech, words, str(audio), None if english else lambda word: sounded(word, language))
    except BadInput:
        return None
    level = float(speech.waveform.square().mean().sqrt()) + 1e-6
    waveform = (speech.waveform * (LEVEL / level)).clamp(-1, 1)
    return words, Utterance(Speech(waveform), phones)


@cache
def sounded(word: str, language: str) -> Sequence[str]:
    """Phones of a word by the rules of its language; MissingAsset without espeak-ng."""
    _, _, phonemes = espeak().say(Request(word, language, "", speed=165, pitch=50, liveliness=50))
    phones = (phone_of(ipa) for ipa, _, _ in phonemes)
    return tuple(phone for phone in phones if phone and phone != "SIL")
