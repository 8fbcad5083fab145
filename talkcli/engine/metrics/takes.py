"""Takes: what there is to score, found on disk and read one at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from talkcli.engine.assets import asset
from talkcli.engine.audio.alignment import ALIGNMENTS, align, phones_beside, transcript_of
from talkcli.engine.clips import ClipSet
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.metrics.evaluate import Case
from talkcli.engine.motion import Motion, load_motion
from talkcli.engine.phones import Phones
from talkcli.engine.recordings import recordings_in
from talkcli.engine.speech import Speech, load_speech

System = Callable[[Speech, Avatar, Fraction], Motion]
"""Anything that answers speech with motion, at a wished frame rate if it has none of its own."""

DEFAULT_FPS = Fraction(30)


@dataclass(frozen=True)
class Take:
    """One recording, with the truth about it as far as it is known."""

    name: str
    audio: Path
    phones: Phones | None = None
    motion: Path | None = None
    avatar: Path | None = None
    speaker: str = ""


def takes_of(
    folder: Path | None, audio: Sequence[Path] = (), transcript: str | None = None, split: str | None = None
) -> list[Take]:
    """What talkers are to perform: recordings, a prepared folder, or the bundled clips."""
    if audio:
        return takes_of_audio(audio, transcript)
    if transcript is not None:
        raise BadUsage("--transcript belongs to a recording.", "Give it with --audio.")
    if folder is not None and folder.suffix == ".motion":
        raise BadUsage(
            f"{folder} alone has nothing to be measured against.",
            "Give the true motion after it, or the recording with --audio.",
        )
    return takes_of_clips(asset("clips") if folder is None else folder, split)


def takes_of_clips(folder: Path, split: str | None = None) -> list[Take]:
    """The clips of a prepared folder; with `split` None its test split if it has one, else all."""
    clips = ClipSet(folder, split)
    if split is None and clips.contents.splits.get("test"):
        clips = ClipSet(folder, "test")
    return [
        Take(
            clips.names[i],
            clips.path(i, ".wav"),
            clips.phones(i),
            clips.path(i, ".motion"),
            clips.path(i, "").with_name("avatar"),
            clips.speaker(i),
        )
        for i in range(len(clips))
    ]


def takes_of_audio(paths: Sequence[Path], transcript: str | None = None) -> list[Take]:
    """Recordings given one by one or as folders, each with its phones.

    Phones come from x.phones.json or alignments.json beside x.wav, or by alignment: with `transcript` (words,
    text file, or folder of x.txt), else with x.txt beside the recording. BadInput if none is there.
    """
    files = [file for path in paths for file in _recordings(path)]
    return [Take(file.stem, file, _phones(file, transcript, alone=len(files) == 1)) for file in files]


def _recordings(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.exists():
        raise BadInput(f"{path} does not exist.", "Give recordings, or a folder of recordings.")
    recordings = recordings_in(path)
    if not recordings:
        raise BadInput(f"{path} has no recordings.", "Give audio files, or a folder of them.")
    return recordings


def _phones(audio: Path, transcript: str | None, alone: bool) -> Phones:
    words = transcript_of(audio, transcript, alone)
    phones = phones_beside(audio) if transcript is None else None
    if phones is not None:
        return phones
    if words is None:
        load_speech(audio)  # what is no recording is told to be none
        raise BadInput(
            f"Nothing says which phones {audio} holds.",
            f"Put {audio.stem}.phones.json, {audio.stem}.txt or {ALIGNMENTS} beside it, or use --transcript.",
        )
    return align(load_speech(audio), words, str(audio))


def face_of(take: Take) -> Avatar:
    """Whoever speaks in a take, or the built-in head."""
    return load_avatar(take.avatar) if take.avatar else talking_head()


def performed(takes: Iterable[Take], system: System, avatar: Avatar | None = None) -> Iterator[Case]:
    """Cases of a system that performs each take, at its reference's frame rate."""
    for take in takes:
        speech = load_speech(take.audio)
        who = avatar or face_of(take)
        truth = load_motion(take.motion) if take.motion else None
        motion = system(speech, who, truth.fps if truth else DEFAULT_FPS)
        yield Case(take.name, motion, who, truth, speech, take.phones, take.speaker)


def finished(
    predicted: Path,
    reference: Path | None,
    audio: Sequence[Path] = (),
    transcript: str | None = None,
    avatar: Avatar | None = None,
) -> Iterator[Case]:
    """Cases of motions that are there already, beside references, recordings or both."""
    takes = takes_of_audio(audio, transcript) if audio else []
    if reference is not None:
        return compared(pairs(predicted, reference), avatar, takes)
    motions = motions_under(predicted) if predicted.is_dir() else [predicted]
    if not motions:
        raise BadInput(f"{predicted} has no motions.", "Make some with: talk animate AUDIO -o NAME.motion")
    return of_recordings(motions, takes, avatar)


def motions_under(folder: Path) -> list[Path]:
    """Every motion in a folder and those below it, by name. OSError where one of them cannot be listed."""

    def refuse(error: OSError) -> None:
        raise error

    tree = os.walk(folder, onerror=refuse)
    return sorted(Path(at, name) for at, _, names in tree for name in names if name.endswith(".motion"))


def pairs(predicted: Path, reference: Path) -> list[tuple[str, Path, Path]]:
    """(name, prediction, reference) of two motions, or of two folders of them.

    In folders every prediction must have a reference of the same relative path, else of the same name.
    """
    if predicted.is_file() and reference.is_file():
        return [(predicted.stem, predicted, reference)]
    for path in (predicted, reference):
        if not path.is_dir():
            reason = "does not exist" if not path.exists() else "is no folder, and the other is"
            raise BadInput(f"{path} {reason}.", "Give two motions, or two folders of motions.")
    names = [file.relative_to(predicted) for file in motions_under(predicted)]
    if not names:
        raise BadInput(f"{predicted} has no motions.", "Make some with: talk animate AUDIO -o NAME.motion")
    by_name: dict[str, list[Path]] = {}
    for file in motions_under(reference):
        by_name.setdefault(file.name, []).append(file)
    rows = []
    for name in names:
        twins = by_name.get(name.name, [])
        same = reference / name
        if not same.is_file() and len(twins) != 1:
            many = f"{len(twins)} references of that name" if twins else "no reference"
            raise BadInput(f"{predicted / name} has {many} in {reference}.", f"It should be {same}.")
        rows.append((str(name.with_suffix("")), predicted / name, same if same.is_file() else twins[0]))
    return rows


def compared(
    rows: Iterable[tuple[str, Path, Path]], avatar: Avatar | None = None, takes: Sequence[Take] = ()
) -> Iterator[Case]:
    """Cases of predictions beside their references; recordings with the same name lend speech and phones."""
    by_name = {take.name: take for take in takes}
    rows = list(rows)
    names = {name for name, _, _ in rows} | {Path(name).name for name, _, _ in rows}
    if len(rows) == len(takes) == 1:
        by_name = {rows[0][0]: takes[0]}
    elif takes and names.isdisjoint(by_name):
        raise BadInput(f"{takes[0].audio} fits none of these motions.", "Give recordings the motions' names.")
    for name, predicted, reference in rows:
        who = avatar or _owner(predicted, reference)
        yield _case(name, load_motion(predicted), who, load_motion(reference), by_name, reference)


def of_recordings(
    motions: Sequence[Path], takes: Sequence[Take], avatar: Avatar | None = None
) -> Iterator[Case]:
    """Cases of finished motions beside the recordings that they perform, without references."""
    by_name = {take.name: take for take in takes}
    alone = len(motions) == len(takes) == 1
    for path in motions:
        if not alone and path.stem not in by_name:
            raise BadInput(f"{path} has no recording named {path.stem}.", "Give the recording with --audio.")
        only = {path.stem: takes[0]} if alone else by_name
        yield _case(path.stem, load_motion(path), avatar or _owner(path), None, only, path)


def _case(
    name: str, predicted: Motion, avatar: Avatar, truth: Motion | None, known: dict[str, Take], beside: Path
) -> Case:
    take = known.get(name) or known.get(Path(name).name) or _take_beside(beside)
    speech = load_speech(take.audio) if take else None
    phones = take.phones if take else None
    return Case(name, predicted, avatar, truth, speech, phones, take.speaker if take else beside.parent.name)


def _take_beside(motion: Path) -> Take | None:
    """The wav of a prepared clip lies beside its motion."""
    audio = motion.with_suffix(".wav")
    return (
        Take(motion.stem, audio, phones_beside(audio), speaker=motion.parent.name)
        if audio.is_file()
        else None
    )


def _owner(*motions: Path) -> Avatar:
    """The avatar that lies beside a motion, as in a prepared folder; else the built-in head."""
    beside = [path.with_name("avatar") for path in reversed(motions) if path.with_name("avatar").is_file()]
    return load_avatar(beside[0]) if beside else talking_head()
