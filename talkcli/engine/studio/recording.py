"""Recordings of the studio: speakers that never were, saying sentences with all that a corpus would hold."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

import talkcli
from talkcli.engine.assets import DEFAULT_RIG, OURS_ON_FACEKIT, head_credit
from talkcli.engine.audio.alignment import has_pocketsphinx
from talkcli.engine.audio.augment import breath
from talkcli.engine.clips import Clip, Contents, lay_out, save_clip, write_all
from talkcli.engine.editing.moods import MOODS
from talkcli.engine.errors import BadUsage, MissingAsset
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.gate import check_clip
from talkcli.engine.phones import phones_of
from talkcli.engine.speech import SAMPLE_RATE, Speech
from talkcli.engine.studio.performance import Manner, delivered, draw_manner, perform
from talkcli.engine.studio.readers import Reader, read_aloud, readers
from talkcli.engine.studio.scanned.looks import bake_look
from talkcli.engine.studio.scanned.people import sample_person
from talkcli.engine.studio.texts import sentence
from talkcli.engine.studio.voices import (
    PLAIN,
    Delivery,
    Utterance,
    Voice,
    draw_voice,
    require_synthesisers,
    speak,
)

LICENCE = OURS_ON_FACEKIT
SOURCE = "talk studio: texts of our own and of the public domain, spoken by espeak-ng and flite"

LISTED = 12
"""Readers who are named in what is said of the clips."""
LIMITS = {
    "speakers": (0, 9999), "takes": (1, 9999), "seed": (0, 2**63 - 1), "fps": (1, 240), "moods": (0, 1),
    "foreign": (0, 1), "flite": (0, 1), "readings": (1, 9999),
}  # fmt: skip
"""Least and greatest value of each number of a plan."""


@dataclass(frozen=True)
class RecordingPlan:
    """What to record; the same plan always gives the same clips."""

    speakers: int = 150
    takes: int = 34
    """Clips a speaker, about 4.5 s each."""
    seed: int = 0
    fps: int = 30
    moods: float = 0.4
    """Share of takes that are not neutral."""
    foreign: float = 0.12
    """Share of speakers of other languages than English."""
    flite: float = 0.35
    """Share of speakers with flite's voices (the others speak through espeak-ng)."""
    readers: str = ""
    """A folder of real voices that the studio gives faces (`studio.readers`); those who choose validate."""
    readings: int = 400
    """Clips of each reader at most; nobody has more than recordings."""
    looks: bool = False
    """Paint each speaker's skin into the avatar: half a minute and 5 MB a speaker."""

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise BadUsage(f"{name} cannot be {value}.", f"Give {least} to {most}.")
        if not (self.speakers or self.readers):
            raise BadUsage("Without speakers there is nobody to record.", "Give --set speakers=1 or more.")

    @property
    def people(self) -> tuple[Reader, ...]:
        return readers(Path(self.readers)) if self.readers else ()

    @property
    def names(self) -> tuple[str, ...]:
        """speaker/clip: s0001/023 is of a voice that never was, r0001/023 of a reader."""
        counts = (min(self.readings, len(reader.recordings)) for reader in self.people)
        readings = (f"r{r:04}/{take:03}" for r, count in enumerate(counts) for take in range(count))
        performances = (f"s{s:04}/{take:03}" for s in range(self.speakers) for take in range(self.takes))
        return (*performances, *readings)


@dataclass(frozen=True)
class Speaker:
    voice: Voice
    manner: Manner
    avatar: Avatar


def split_of(speaker: int) -> str:
    """Of ten speakers one validates and one tests; who tests says sentences nobody trains on."""
    return {8: "val", 9: "test"}.get(speaker % 10, "train")


def _split_of(plan: RecordingPlan, name: str) -> str:
    number = int(name[1:5])
    if name.startswith("s"):
        return split_of(number)
    return "val" if plan.people[number].chooses else "train"


def _sentence_split(text: str) -> str:
    return {8: "val", 9: "test"}.get(zlib.crc32(text.encode()) % 10, "train")


@cache
def cast(plan: RecordingPlan, speaker: int) -> Speaker:
    """Who the speaker is: a voice, a manner that goes with it, and a face."""
    rng = np.random.default_rng([plan.seed, 11, speaker])
    return _faced(plan, f"s{speaker:04}", draw_voice(rng, plan.foreign, plan.flite), rng)


@cache
def _reader(plan: RecordingPlan, number: int) -> Speaker:
    """A reader with a face: of the voice no more is known than its language."""
    language = plan.people[number].language
    rng = np.random.default_rng([plan.seed, 14, number])
    voice = Voice("recording", language, tract=1.0, pitch=140.0, rate=1.0, liveliness=1.0)
    return _faced(plan, f"r{number:04}", voice, rng)


def _faced(plan: RecordingPlan, name: str, voice: Voice, rng: np.random.Generator) -> Speaker:
    manner = draw_manner(voice, rng)
    topology = load_rig(DEFAULT_RIG).topology
    who = sample_person(int(rng.integers(2**31)), male=float(voice.pitch < 150))
    look = bake_look(who.skin) if plan.looks else None
    lips = topology.regions["lips"]
    avatar = Avatar(name, who.neutral, topology.faces, lips, DEFAULT_RIG, who.identity, look)
    return Speaker(voice, manner, avatar)


def record(plan: RecordingPlan, name: str) -> Clip:
    """One take: words, voice, face and head."""
    number, take = int(name[1:5]), int(name[6:])
    by_reader = name.startswith("r")
    rng = np.random.default_rng([plan.seed, 15 if by_reader else 12, number, take])
    who = _reader(plan, number) if by_reader else cast(plan, number)
    mood, intensity = "neutral", 0.0
    if by_reader:
        reader = plan.people[number]
        texts, parts = zip(*read_aloud(reader, rng), strict=True)
        origin = {"voice": {"recording": reader.name}, "licence": f"that of the recording; {LICENCE}"}
    else:
        if rng.random() < plan.moods:
            mood = list(MOODS)[1 + int(rng.integers(len(MOODS) - 1))]
            intensity = float(rng.uniform(0.4, 1.0))
        count = 2 if rng.random() < 0.3 else 1
        texts = [_text(who.voice, split_of(number), rng) for _ in range(count)]
        parts = [speak(who.voice, text, delivered(mood, intensity)) for text in texts]
        voice = {"synthesiser": who.voice.synthesiser, "language": who.voice.language}
        origin = {"voice": voice, "licence": LICENCE}
    utterance = _in_studio(parts, rng)
    seed = int(rng.integers(2**31))
    motion = perform(utterance, who.avatar, who.manner, mood, intensity, Fraction(plan.fps), seed)
    provenance = {
        "made_by": "talk studio", "version": talkcli.__version__, "synthetic": not by_reader,
        "seed": plan.seed, "text": texts, "mood": mood, "intensity": round(intensity, 3), **origin,
        **head_credit(who.avatar.rig),
    }  # fmt: skip
    motion = replace(motion, provenance=provenance)
    return Clip(utterance.speech, motion, who.avatar, utterance.phones)


def _text(voice: Voice, split: str, rng: np.random.Generator) -> str:
    """A sentence that belongs to the split."""
    for _ in range(200):
        text = sentence(voice.text_language, rng)
        if _sentence_split(text) == split:
            return text
    raise AssertionError(f"no sentence of {voice.text_language} for {split}")


def _in_studio(parts: Sequence[Utterance], rng: np.random.Generator) -> Utterance:
    """Utterances in turn with silence round them, a breath now and then, and a room that is not dead."""
    pieces: list[np.ndarray] = []
    segments: list[tuple[str, float, float]] = []
    now = 0

    def silence(seconds: float) -> None:
        nonlocal now
        piece = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
        if seconds > 0.35 and rng.random() < 0.4:
            sound = breath(rng.uniform(0.2, seconds - 0.1), rng) * rng.uniform(0.002, 0.02)
            piece[: len(sound)] += sound
        pieces.append(piece)
        now += len(piece)

    for part in parts:
        silence(float(rng.uniform(0.2, 0.9)))
        start = now / SAMPLE_RATE
        segments += [(phone, a + start, b + start) for phone, a, b in part.phones.segments]
        pieces.append(part.speech.waveform.numpy())
        now += len(pieces[-1])
    silence(float(rng.uniform(0.25, 0.8)))
    waveform = np.concatenate(pieces)
    waveform = waveform + rng.normal(0, 10 ** rng.uniform(-4.5, -3.5), len(waveform))
    return Utterance(
        Speech(torch.from_numpy(np.clip(waveform, -1, 1).astype(np.float32))), phones_of(segments)
    )


def _write(plan: RecordingPlan, folder: Path, name: str) -> float:
    torch.set_num_threads(1)
    clip = record(plan, name)
    check_clip(clip.speech, clip.motion, clip.avatar)
    save_clip(clip, folder, name)
    return clip.speech.seconds


def missing(plan: RecordingPlan, folder: Path, overwrite: bool = False) -> list[str]:
    """The takes of the plan that the folder lacks; a folder of another plan is refused, or begun anew."""
    require_synthesisers(plan.flite)
    if plan.readers and not has_pocketsphinx():
        raise MissingAsset("The phones of readers are found by pocketsphinx.", "pip install 'talkcli[align]'")
    return lay_out(_contents(plan), folder, overwrite)


def _contents(plan: RecordingPlan) -> Contents:
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for name in plan.names:
        splits[_split_of(plan, name)].append(name)
    people = ", ".join(reader.name for reader in plan.people)
    provenance = {"corpus": "studio", "version": talkcli.__version__} | asdict(plan) | {"readers": people}
    licence, source = LICENCE, SOURCE
    if people:
        whose = people if len(plan.people) <= LISTED else f"{len(plan.people)} people"
        licence, source = f"{LICENCE}; r*: that of the recordings", f"{SOURCE}; recordings of {whose}"
    return Contents(splits, licence, source, provenance)


def record_all(plan: RecordingPlan, folder: Path, jobs: int = 1) -> Iterator[tuple[str, float]]:
    """Write clips.json, then every clip that is not there yet; yields each name with its seconds."""
    names = missing(plan, folder)
    yield from write_all({name: partial(_write, plan, folder, name) for name in names}, jobs)


def record_one(text: str, voice: Voice, seed: int, delivery: Delivery = PLAIN) -> Utterance:
    """A sentence alone, as it sounds in the studio."""
    return _in_studio([speak(voice, text, delivery)], np.random.default_rng([seed, 13]))
