"""Ways of holding one's head, in words: `large slow nods on beats`, `energetic presentation`."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from talkcli.engine.editing.trajectories import (
    HEAD_AXES,
    MOST_DEGREES,
    MOST_HERTZ,
    Envelope,
    HeadWave,
    Trajectory,
    scaled_waves,
)
from talkcli.engine.errors import BadUsage

_UP = math.pi / 2
"""The phase of a wave without hertz that is its envelope."""

MANNERS: Mapping[str, Trajectory] = {
    "natural": Trajectory(),
    "calm": Trajectory(
        (HeadWave(1.5, 0.2, 0.3, "rms"),), (HeadWave(2.5, 0.13),), (HeadWave(1.0, 0.1, 1.0),)
    ),
    "energetic": Trajectory(
        (HeadWave(3.0, 0.0, _UP, "onset"), HeadWave(2.0, 0.9, 0.4, "rms")),
        (HeadWave(6.0, 0.45, 0.0, "rms"), HeadWave(2.5, 0.21, 1.0)), (HeadWave(2.5, 0.33, 0.7, "rms"),),
    ),
    "presentation": Trajectory(
        (HeadWave(2.5, 0.0, _UP, "beat"), HeadWave(1.5, 0.3, 0.3)),
        (HeadWave(12.0, 0.12), HeadWave(2.5, 0.37, 0.5, "rms")), (HeadWave(2.0, 0.17, 1.0),),
    ),
    "conversation": Trajectory(
        (HeadWave(2.0, 0.0, _UP, "onset"),), (HeadWave(3.5, 0.19, 0.6), HeadWave(1.5, 0.5, 0.0, "rms")),
        (HeadWave(3.0, 0.14),),
    ),
    "storytelling": Trajectory(
        (HeadWave(2.5, 0.25, 0.0, "rms"),), (HeadWave(8.0, 0.15),), (HeadWave(4.0, 0.11, 0.8),)
    ),
    "confident": Trajectory(
        (HeadWave(-2.0, 0.0, _UP), HeadWave(1.5, 0.0, _UP, "beat")), (HeadWave(4.0, 0.1),),
        (HeadWave(1.0, 0.15, 1.0),),
    ),
    "nervous": Trajectory(
        (HeadWave(1.2, 1.4, 0.0, "rms"), HeadWave(1.5, 0.0, _UP)),
        (HeadWave(2.5, 0.8), HeadWave(1.5, 1.3, 1.0)), (HeadWave(1.2, 1.1, 0.5),),
    ),
    "thoughtful": Trajectory(
        (HeadWave(-2.5, 0.08),), (HeadWave(5.0, 0.07, 0.5),), (HeadWave(5.0, 0.06, 1.0),)
    ),
    "agreeing": Trajectory((HeadWave(5.0, 1.1, 0.0, "rms"), HeadWave(2.0, 0.0, _UP, "onset"))),
    "disagreeing": Trajectory(turn=(HeadWave(7.0, 1.0, 0.0, "rms"),)),
    "doubtful": Trajectory((HeadWave(1.5, 0.1),), (HeadWave(3.0, 0.15),), (HeadWave(6.0, 0.22, 0.0),)),
    "shy": Trajectory((HeadWave(5.0, 0.0, _UP),), (HeadWave(4.0, 0.09, 0.6),), (HeadWave(4.0, 0.1),)),
}  # fmt: skip
"""What a manner adds to the movement that is there; several together add up."""

SIZES: Mapping[str, float] = {"tiny": 0.35, "small": 0.6, "large": 1.5, "huge": 2.2}
SPEEDS: Mapping[str, float] = {"slow": 0.6, "fast": 1.6}
MOMENTS: Mapping[str, Envelope] = {
    "steadily": "const", "loud": "rms", "stresses": "onset", "beats": "beat",
}  # fmt: skip

AXIS_WAVES: Mapping[str, HeadWave] = {
    "nod": HeadWave(5.0, 0.7), "turn": HeadWave(8.0, 0.35), "tilt": HeadWave(5.0, 0.3),
}  # fmt: skip
"""What an axis does where no manner is named."""

VOCABULARY: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "manner": {
        "natural": ("naturally", "predicted", "unchanged"),
        "calm": ("calmly", "relaxed", "quiet", "gentle"),
        "energetic": ("energetically", "lively", "excited", "animated", "dynamic", "enthusiastic"),
        "presentation": ("presenting", "presenter", "ted", "speech", "lecture", "keynote"),
        "conversation": ("conversational", "chatty", "talkative", "casual", "friendly"),
        "storytelling": ("storyteller", "story", "narrating", "dramatic"),
        "confident": ("confidently", "proud", "strong", "serious"),
        "nervous": ("nervously", "restless", "agitated", "anxious"),
        "thoughtful": ("thoughtfully", "pensive", "thinking", "reflective"),
        "agreeing": ("agree", "agreement", "approving", "yes"),
        "disagreeing": ("disagree", "refusing", "shaking", "shake"),
        "doubtful": ("doubting", "doubt", "sceptical", "skeptical", "unsure", "curious"),
        "shy": ("shyly", "humble", "timid", "modest"),
    },
    "size": {
        "tiny": ("minimal", "hardly"), "small": ("little", "slight", "subtle", "slightly"),
        "large": ("big", "strongly", "wide", "very", "much"), "huge": ("enormous", "exaggerated"),
    },
    "speed": {"slow": ("slowly", "lazy"), "fast": ("quick", "quickly", "rapid")},
    "axis": {
        "nod": ("nods", "nodding"), "turn": ("turns", "turning", "sideways"), "tilt": ("tilts", "tilting"),
    },
    "moments": {
        "steadily": ("steady", "always", "constantly"), "loud": ("loudness", "voice"),
        "stresses": ("stress", "onsets", "syllables", "emphasis"), "beats": ("beat", "rhythm"),
    },
}  # fmt: skip
"""Every word that a prompt may use, by what it says; other words for the same behind it."""

_SMALL_WORDS = {
    "and", "but", "for", "from", "head", "her", "his", "its", "like", "movement", "movements", "she", "some",
    "style", "the", "their", "they", "this", "way", "when", "where", "while", "with", "your",
}  # fmt: skip
"""Said without meaning anything, as is whatever has fewer than three letters."""

_KINDS = {
    word: (kind, main)
    for kind, words in VOCABULARY.items()
    for main, others in words.items()
    for word in (main, *others)
}

_NEAR = 0.84
"""How alike, of 1, a word is to one that is meant."""


@dataclass(frozen=True)
class Understanding:
    """What a prompt means."""

    trajectory: Trajectory
    words: tuple[str, ...]
    """Of VOCABULARY, as understood."""
    unknown: tuple[str, ...]


def understood(prompt: str) -> Understanding:
    """The trajectory of a prompt. BadUsage where none of its words is known."""
    known: list[tuple[str, str]] = []
    unknown: list[str] = []
    for word in re.findall(r"[^\W\d_]+", prompt.lower()):
        if len(word) < 3 or word in _SMALL_WORDS:
            continue
        near = difflib.get_close_matches(word, _KINDS, n=1, cutoff=_NEAR)
        known.extend([_KINDS[near[0]]] if near else [])
        unknown.extend([] if near else [word])
    chosen = {kind: [main for k, main in dict.fromkeys(known) if k == kind] for kind in VOCABULARY}
    if not (chosen["manner"] or chosen["axis"]):
        manners = ", ".join(MANNERS)
        raise BadUsage(
            f"'{prompt}' names no way of moving a head.", f"Manners: {manners}. All words: talk pose --list."
        )
    return Understanding(_composed(chosen), tuple(main for _, main in dict.fromkeys(known)), tuple(unknown))


def _composed(chosen: Mapping[str, list[str]]) -> Trajectory:
    """Manners added up, on the named axes alone, then as large, as fast and when the other words say."""
    size = math.prod(SIZES[word] for word in chosen["size"])
    speed = math.prod(SPEEDS[word] for word in chosen["speed"])
    envelope = MOMENTS[chosen["moments"][-1]] if chosen["moments"] else None
    axes: dict[str, tuple[HeadWave, ...]] = {}
    for axis in HEAD_AXES:
        waves = [wave for manner in chosen["manner"] for wave in MANNERS[manner].waves[axis]]
        if chosen["axis"] and axis not in chosen["axis"]:
            waves = []
        elif chosen["axis"] and not waves:
            waves = [AXIS_WAVES[axis]]
        waves = [_changed(wave, size, speed, envelope) for wave in waves]
        total = sum(abs(wave.amplitude_deg) for wave in waves)
        axes[axis] = scaled_waves(waves, min(1.0, MOST_DEGREES / total) if total else 1.0)
    return Trajectory(**axes)


def _changed(wave: HeadWave, size: float, speed: float, envelope: Envelope | None) -> HeadWave:
    envelope = envelope or wave.envelope
    hz, phase = min(wave.hz * speed, MOST_HERTZ), wave.phase
    if envelope in ("onset", "beat") and wave.envelope not in ("onset", "beat"):
        hz, phase = 0.0, _UP  # a pulse for each moment, in place of a wave
    return replace(wave, amplitude_deg=wave.amplitude_deg * size, hz=hz, phase=phase, envelope=envelope)
