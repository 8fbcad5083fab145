"""What is said, told beforehand: words or phones of a recording, which put right what an ear hears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.alignment import Word, align_words, transcript_of
from talkcli.engine.audio.ear import CERTAIN, TICKS, Ear, Listened
from talkcli.engine.audio.ears import phone_ear
from talkcli.engine.errors import BadInput, BadUsage, MissingAsset, reading
from talkcli.engine.phones import SILENCE, Phones, checked_phones, load_phones
from talkcli.engine.speech import Speech

TEXTGRID = ".textgrid"

CONFIDENT = -3.0
"""Mean logarithm of what an ear thinks of a word's phones, below which the word is doubted: so it is for
1.6 % of the words that 16 people said, on whom it was chosen, and for 62 % of those that they did not say."""

SHORTEST_UNTOLD = 0.8
"""Seconds of speech that no word tells, from which on they are told of: of the pauses of 46 people none that
an ear took for speech was longer than 0.6 s."""

MOST_NAMED = 5
"""Doubted words that a note names."""

_LATE = 3
"""Ticks by which a phone may come earlier or later than the aligner says."""

_PAUSES = ("", "sil", "sp", "spn", "<sil>", "<eps>")
"""What aligners write where nothing is said."""


@dataclass(frozen=True)
class Told:
    """What is said when."""

    phones: Phones
    words: tuple[Word, ...] = ()
    doubted: tuple[Word, ...] = ()
    """Those that the ear does not hear there: it hears for itself meanwhile."""
    untold: tuple[tuple[float, float], ...] = ()
    """From second to second there is speech of which nothing is told: the ear hears for itself there too."""

    def notes(self, name: str) -> tuple[str, ...]:
        """What people should know about it."""
        words = [f"{word.text} ({word.start:.1f} s)" for word in self.doubted]
        spans = [f"{start:.1f} to {end:.1f} s" for start, end in self.untold]
        doubts = {"not heard where the words say it": words, "speech of which nothing is told": spans}
        return tuple(
            f"{name}: {doubt}: {_some(places)}. There the ear is followed."
            for doubt, places in doubts.items()
            if places
        )


def _some(places: Sequence[str]) -> str:
    more = len(places) - MOST_NAMED
    return ", ".join(places[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def told_of(
    network: nn.Module, speech: Speech, audio: Path, text: str | None, phones: Path | None, alone: bool
) -> Told | None:
    """What is told of a recording by words (see `transcript_of`), or by a file of phones or a folder with one
    for each recording; None where nothing is given. Errors as in `reader_of`, `align` and `told_by_file`."""
    if text is None and phones is None:
        return None
    _, ear = reader_of(network)
    if text is not None and phones is not None:
        raise BadUsage("Words and phones are given.", "Give --text or --phones.")
    if phones is not None:
        told = told_by_file(_file_for(audio, phones, alone))
    else:
        words = transcript_of(audio, text, alone)
        assert words is not None
        told = Told(*align_words(speech, words, str(audio)))
    device = next(ear.parameters()).device
    with torch.no_grad():
        heard = ear.heard_at_ticks(speech.waveform.to(device)).float().cpu()
    here = told.phones.frames(TICKS, len(heard))
    return replace(told, doubted=_doubted(told.words, heard, here), untold=_untold(heard, here))


def _file_for(audio: Path, phones: Path, alone: bool) -> Path:
    if phones.is_dir():
        files = (phones / f"{audio.stem}{suffix}" for suffix in (".phones.json", ".TextGrid", ".textgrid"))
        found = next((file for file in files if file.is_file()), None)
        if found is None:
            raise BadInput(
                f"{phones} has no phones of {audio.name}.",
                f"Name them {audio.stem}.phones.json or .TextGrid.",
            )
        return found
    if not alone:
        raise BadUsage(
            "One file of phones cannot fit several recordings.", "Give a folder with one for each."
        )
    return phones


def told_by_file(path: Path) -> Told:
    """From a .phones.json, or a Praat TextGrid as the Montreal Forced Aligner writes it: a tier `phones` in
    ARPAbet and, if there is one, a tier `words`. BadInput for other files, MissingAsset without praatio."""
    if path.suffix.lower() != TEXTGRID:
        return Told(load_phones(path))
    with reading(path, "a Praat TextGrid", "Give a TextGrid with a tier called phones."):
        tiers = _tiers(path)
    if "phones" not in tiers:
        hint = "Name the tier of the phones so; there must be one."
        raise BadInput(f"{path} has no tier called phones, but {', '.join(tiers) or 'none'}.", hint)
    named = [(_phone(label), start, end) for start, end, label in tiers["phones"]]
    words = tuple(
        Word(label, start, end)
        for start, end, label in tiers.get("words", [])
        if label.lower() not in _PAUSES
    )
    return Told(checked_phones(named, path), words)


def _tiers(path: Path) -> dict[str, list[tuple[float, float, str]]]:
    """Intervals by the last word of their tier's name: MFA writes `speaker - phones`."""
    try:
        from praatio import textgrid
    except ImportError as error:
        raise MissingAsset("Reading a TextGrid needs praatio.", "pip install 'talkcli[align]'") from error
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False, reportingMode="silence")
    intervals: dict[str, Any] = {
        name: tier.entries
        for name in grid.tierNames
        if isinstance(tier := grid.getTier(name), textgrid.IntervalTier)
    }
    return {
        name.split(" - ")[-1].strip().lower(): [
            (float(start), float(end), str(label).strip()) for start, end, label in entries
        ]
        for name, entries in intervals.items()
    }


def _phone(label: str) -> str:
    """ARPAbet without its stress; a pause is silence."""
    return "SIL" if label.lower() in _PAUSES else label.rstrip("0123456789").upper()


class ToldEar(Ear):
    """An ear that reads along: where it hears another phone than it is told, the two change places, and what
    it is told is at least as sure as silence is; the mean of neighbours lets phones pass into each other. In
    words that are doubted, and where nothing is told of speech, it hears for itself."""

    hears_phones = True

    def __init__(self, ear: Ear, told: Told) -> None:
        super().__init__()
        self.ear, self.told = ear, told

    @property
    def width(self) -> int:
        return self.ear.width

    def listened(self, waveform: Float[Tensor, " samples"], frames: int, fps: Fraction | float) -> Listened:
        heard = self.ear.listened(waveform, frames, fps)
        told = self.told.phones.frames(fps, frames).to(waveform.device)
        sure = torch.ones(frames, dtype=torch.bool, device=waveform.device)
        doubts = [*((word.start, word.end) for word in self.told.doubted), *self.told.untold]
        for start, end in doubts:
            sure[round(start * fps) : round(end * fps)] = False

        def between(start: int, stop: int) -> Float[Tensor, "n phones"]:
            low, high = max(start - 1, 0), min(stop + 1, frames)
            right = put_right(heard(low, high), told[low:high], sure[low:high])
            near = torch.arange(start - 1, stop + 1, device=right.device).clamp(0, frames - 1) - low
            return F.avg_pool1d(F.avg_pool1d(right[near].T, 2, 1), 2, 1).T

        return between


def put_right(
    logits: Float[Tensor, "n phones"], told: Int[Tensor, " n"], sure: Bool[Tensor, " n"]
) -> Float[Tensor, "n phones"]:
    """Logits whose largest is that of the phone told, where that is sure."""
    top, best = logits.max(1, keepdim=True)
    right = logits.scatter(1, best, logits.gather(1, told[:, None]))
    right = right.scatter(1, told[:, None], top.clamp(min=CERTAIN))
    return torch.where(sure[:, None], right, logits)


def _doubted(
    words: Sequence[Word], heard: Float[Tensor, "ticks phones"], here: Int[Tensor, " ticks"]
) -> tuple[Word, ...]:
    """The words that an ear does not hear where they are said to be."""
    near = F.max_pool1d(heard.log_softmax(1).T, 2 * _LATE + 1, stride=1, padding=_LATE).T
    thought = near.gather(1, here[:, None])[:, 0]

    def unheard(word: Word) -> bool:
        first = round(word.start * TICKS)
        part = thought[first : max(round(word.end * TICKS), first + 1)]
        return len(part) > 0 and float(part.mean()) < CONFIDENT

    return tuple(word for word in words if unheard(word))


def _untold(
    heard: Float[Tensor, "ticks phones"], here: Int[Tensor, " ticks"]
) -> tuple[tuple[float, float], ...]:
    """Where nothing is told for a while and an ear hears phones most of the time, seconds."""
    lengths = [(told, len(list(run))) for told, run in groupby(here.tolist())]
    ends = list(accumulate(length for _, length in lengths))
    return tuple(
        ((end - length) / TICKS, end / TICKS)
        for (told, length), end in zip(lengths, ends, strict=True)
        if told == SILENCE
        and length >= SHORTEST_UNTOLD * TICKS
        and (heard[end - length : end].argmax(1) != SILENCE).float().mean() > 0.5
    )


def reader_of(network: nn.Module) -> tuple[str, Ear]:
    """The ear that can be told what is said, and its name. BadUsage where a network hears no phones."""
    named = phone_ear(network)
    if named is None:
        raise BadUsage(
            "This model does not hear phones, so it cannot read along.", "Leave --text and --phones out."
        )
    return named


@contextmanager
def reading_along(network: nn.Module, told: Told | None) -> Iterator[None]:
    """While the context lasts, a network hears what is told, if anything is. Errors as in `reader_of`."""
    if told is None:
        yield
        return
    name, ear = reader_of(network)
    parent_name, _, own_name = name.rpartition(".")
    parent = network.get_submodule(parent_name)
    setattr(parent, own_name, ToldEar(ear, told))
    try:
        yield
    finally:
        setattr(parent, own_name, ear)
