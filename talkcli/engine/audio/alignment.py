"""Which phone is said when in a recording: read from a file beside it, or found with pocketsphinx."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talkcli.engine.audio.pronunciation import sounded_out, words_of
from talkcli.engine.errors import BadInput, MissingAsset, reading
from talkcli.engine.phones import PHONES, Phones, checked_phones, load_phones, phones_of
from talkcli.engine.speech import Speech
from talkcli.engine.text_files import text_of


@dataclass(frozen=True)
class Word:
    """When a word is said, seconds."""

    text: str
    start: float
    end: float


ALIGNMENTS = "alignments.json"
"""One file for a folder: {"x.wav": {"phones": [[phone, start, end], ...]}, ...}."""

_TICKS = 100
"""pocketsphinx's frames a second."""


def phones_beside(audio: Path) -> Phones | None:
    """`x.phones.json` beside `x.wav`, else its entry in the folder's alignments.json; None without either."""
    own = audio.with_suffix(".phones.json")
    if own.is_file():
        return load_phones(own)
    shared = audio.parent / ALIGNMENTS
    if not shared.is_file():
        return None
    expected = 'Expected {"x.wav": {"phones": [[phone, start, end], ...]}, ...}.'
    with reading(shared, "an alignments file", expected):
        entry = json.loads(text_of(shared)).get(audio.name)
        return None if entry is None else checked_phones(entry["phones"], shared)


def transcript_of(audio: Path, given: str | None, alone: bool) -> str | None:
    """The words of a recording: given, or in a given file, or in NAME.txt of a given folder; else in the .txt
    beside it, or None. BadInput where words are given for several recordings."""
    beside = audio.with_suffix(".txt")
    if given is None:
        return _words_in(beside) if beside.is_file() else None
    try:
        path = Path(given)
        if path.is_dir():
            return _words_in(path / beside.name)
        if path.is_file() or path.suffix in (".txt", ".lab"):
            return _words_in(path)
    except OSError:  # words too long for a file name
        pass
    if not alone:
        raise BadInput(
            "One transcript cannot fit several recordings.", "Give a folder with one .txt for each of them."
        )
    return given


def _words_in(path: Path) -> str:
    with reading(path, "a transcript", "Give a text file with what is said."):
        return text_of(path)


def has_pocketsphinx() -> bool:
    """Whether the extra `align` is installed."""
    try:
        import pocketsphinx  # noqa: F401
    except ImportError:
        return False
    return True


def align(
    speech: Speech,
    transcript: str,
    name: str = "the recording",
    pronounce: Callable[[str], Sequence[str]] | None = None,
) -> Phones:
    """Phone timings of a recording whose words are known: right to 20 or 30 ms. See `align_words`."""
    return align_words(speech, transcript, name, pronounce)[0]


def align_words(
    speech: Speech,
    transcript: str,
    name: str = "the recording",
    pronounce: Callable[[str], Sequence[str]] | None = None,
) -> tuple[Phones, tuple[Word, ...]]:
    """Timings of the phones and of the words of a recording whose words are known.

    Words are English, unless `pronounce` says which phones a word of another language has.
    MissingAsset without pocketsphinx, BadInput where the words cannot be found in the sound.
    """
    decoder, dictionary = _aligner(), _dictionary()
    if pronounce is None:
        words = words_of(transcript)
    else:
        words = _spelt(pronounce(word) for word in re.findall(r"[\w']+", transcript.lower()))
    if not words:
        raise BadInput(f"The transcript of {name} has no words.", "Write down what is said.")
    for word in words:
        if word not in dictionary:
            phones = sounded_out(word) if pronounce is None else word.split("_")[1:]
            if not phones:
                raise BadInput(
                    f"The aligner cannot pronounce '{word}' in the transcript of {name}.",
                    "It knows English: spell it in Latin letters, or put x.phones.json beside the audio.",
                )
            decoder.add_word(word, " ".join(phones), True)
            dictionary.add(word)
    decoder.set_align_text(" ".join(words))
    _hear(decoder, speech)
    alignment = None
    if decoder.hyp() is not None:
        decoder.set_alignment()
        _hear(decoder, speech)
        alignment = decoder.get_alignment()
    if alignment is None:
        raise BadInput(
            f"The words of the transcript do not fit {name}.",
            "Write down every word that is said, and no other.",
        )
    phones, spoken = (
        [(entry.name, entry.start, entry.start + entry.duration) for entry in level]
        for level in (alignment.phones(), alignment.words())
    )
    heard = (Word(_plain(name), start / _TICKS, end / _TICKS) for name, start, end in spoken)
    return _phones(phones), tuple(word for word in heard if word.text[:1].isalnum())


def _plain(word: str) -> str:
    """Without the number of its pronunciation: read(2)."""
    return re.sub(r"\(\d+\)$", "", word)


def _spelt(pronunciations: Iterable[Sequence[str]]) -> list[str]:
    """Words that no dictionary has, written as their phones: _M_AE_N."""
    return ["".join(f"_{phone}" for phone in phones) for phones in pronunciations if phones]


def recognise(speech: Speech) -> Phones:
    """Phones of a recording whose words are not known, by pocketsphinx's phone loop."""
    decoder = _recogniser()
    _hear(decoder, speech)
    return _phones([(entry.word, entry.start_frame, entry.end_frame + 1) for entry in decoder.seg() or []])


def _phones(rows: list[tuple[str, int, int]]) -> Phones:
    """Ticks to seconds; noises and fillers are silence."""
    segments = [(name.rstrip("0123456789").upper(), start, end) for name, start, end in rows]
    return phones_of((n if n in PHONES else "SIL", a / _TICKS, b / _TICKS) for n, a, b in segments)


def _hear(decoder: Any, speech: Speech) -> None:
    level = float(speech.waveform.abs().max())
    scale = min(1.0, 0.9 / level) if level > 0 else 1.0
    samples = (speech.waveform.numpy() * scale * 32767).astype(np.int16)
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()


def _models() -> tuple[Any, str]:
    try:
        import pocketsphinx
    except ImportError as error:
        raise MissingAsset(
            "Finding phones in a recording needs pocketsphinx.", "pip install 'talkcli[align]'"
        ) from error
    return pocketsphinx, f"{pocketsphinx.get_model_path()}/en-us"


@functools.cache
def _aligner() -> Any:
    pocketsphinx, folder = _models()
    return pocketsphinx.Decoder(
        hmm=f"{folder}/en-us", dict=f"{folder}/cmudict-en-us.dict", lm=None, loglevel="FATAL",
        bestpath=False, beam=1e-100, wbeam=1e-80, pbeam=1e-100, maxhmmpf=-1,
    )  # fmt: skip


@functools.cache
def _dictionary() -> set[str]:
    """Words that the aligner can pronounce; `align` adds to it what it adds to the aligner."""
    _, folder = _models()
    with open(f"{folder}/cmudict-en-us.dict", encoding="utf-8") as file:
        return {line.split(maxsplit=1)[0] for line in file}


@functools.cache
def _recogniser() -> Any:
    pocketsphinx, folder = _models()
    return pocketsphinx.Decoder(
        hmm=f"{folder}/en-us", allphone=f"{folder}/en-us-phone.lm.bin", lm=None, dict=None, loglevel="FATAL",
        lw=2.0, pip=0.3, beam=1e-20, pbeam=1e-20,
    )  # fmt: skip
