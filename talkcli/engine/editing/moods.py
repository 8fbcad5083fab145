"""Moods: what a feeling does to a face and a head, apart from what it does to a voice; their words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from talkcli.engine.errors import BadUsage, pick


@dataclass(frozen=True)
class Mood:
    """What a feeling does at level 1."""

    face: Mapping[str, float] = field(default_factory=dict)
    """Weights added to the rig's shapes; a name without its side stands for both."""
    idle: Mapping[str, float] = field(default_factory=dict)
    """Weights added besides while nobody speaks: a jaw that drops."""
    opening: float = 1.0
    """Factor on how far the mouth opens."""
    head: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Degrees added to the head's rest: nod (down is positive), turn, tilt."""
    movement: float = 1.0
    """Factor on head movement."""


NEUTRAL_MOOD = "neutral"

MOODS: Mapping[str, Mood] = {
    NEUTRAL_MOOD: Mood(),
    "angry": Mood(
        {"browDown": 0.95, "eyeSquint": 0.5, "noseSneer": 0.38, "jawForward": 0.25, "mouthFrown": 0.22,
         "mouthPress": 0.1},
        {"mouthLowerDown": 0.38, "mouthUpperUp": 0.05, "mouthFunnel": 0.22, "jawOpen": 0.1},
        opening=1.15, head=(3, 0, 0), movement=1.4,
    ),
    "contempt": Mood(
        {"mouthSmileLeft": 0.38, "mouthDimpleLeft": 0.65, "cheekSquintLeft": 0.36, "mouthUpperUpLeft": 0.14,
         "noseSneerLeft": 0.22, "browOuterUpLeft": 0.45, "browDownRight": 0.4, "eyeSquint": 0.32,
         "mouthFrownRight": 0.13},
        {"mouthPressLeft": 0.3},
        opening=0.9, head=(-3, 4, 2), movement=0.8,
    ),
    "disgust": Mood(
        {"noseSneer": 0.7, "browDown": 0.28, "cheekSquint": 0.45, "eyeSquint": 0.42, "mouthFrown": 0.32,
         "mouthUpperUp": 0.1},
        {"mouthUpperUp": 0.06, "mouthShrugLower": 0.5},
        opening=0.9, head=(-2, 3, 0), movement=0.8,
    ),
    "fear": Mood(
        {"browInnerUp": 0.85, "browDown": 0.36, "browOuterUp": 0.08, "eyeWide": 0.75, "mouthStretch": 0.5,
         "mouthFrown": 0.12},
        {"mouthStretch": 0.15, "jawOpen": 0.1, "mouthLowerDown": 0.2},
        opening=0.9, head=(-1.5, 0, -1.5), movement=0.8,
    ),
    "happy": Mood(
        {"mouthSmile": 0.55, "cheekSquint": 0.48, "eyeSquint": 0.2, "browOuterUp": 0.08,
         "mouthUpperUp": 0.05},
        opening=1.1, head=(-1.5, 0, 1.5), movement=1.3,
    ),
    "sad": Mood(
        {"browInnerUp": 0.7, "browDown": 0.15, "eyeSquint": 0.08, "mouthFrown": 0.5, "mouthShrugLower": 0.1},
        {"mouthShrugLower": 0.16},
        opening=0.82, head=(5, 0, 2), movement=0.55,
    ),
    "surprise": Mood(
        {"browInnerUp": 0.64, "browOuterUp": 0.72, "eyeWide": 0.5},
        {"jawOpen": 0.26, "mouthFunnel": 0.24},
        opening=1.15, head=(-3, 0, 0), movement=1.2,
    ),
}  # fmt: skip
"""The seven of 3DXTalker and none; how each sounds is the studio's."""

MOOD_WORDS: Mapping[str, tuple[str, ...]] = {
    NEUTRAL_MOOD: ("none", "natural", "calm"),
    "angry": ("anger", "mad", "furious", "rage"),
    "contempt": ("contemptuous", "scorn", "scornful", "disdain"),
    "disgust": ("disgusted", "disgusting", "revulsion"),
    "fear": ("afraid", "fearful", "scared", "anxious", "frightened"),
    "happy": ("happiness", "joy", "joyful", "glad", "cheerful"),
    "sad": ("sadness", "sorrow", "unhappy", "sorrowful"),
    "surprise": ("surprised", "surprising", "astonished", "amazed"),
}
"""Other words for the same; corpora label their clips with some of them."""

LEVELS: Mapping[str, float] = {
    "faint": 0.3, "mild": 0.6, "full": 1.0, "strong": 1.3, "intense": 1.6, "extreme": 2.0,
}  # fmt: skip
"""Levels by name. At 1 a face holds what people hold on average; 1 to 2 is the range of 3DXTalker."""

HIGHEST_LEVEL = 2.0

_SYNONYMS = {word: mood for mood, words in MOOD_WORDS.items() for word in words}


def mood_of_word(word: str) -> str | None:
    """The mood that a word means; None for a word that means none of them."""
    word = word.strip().lower()
    return word if word in MOODS else _SYNONYMS.get(word)


def mood_named(word: str) -> str:
    """The mood that a word means. BadUsage, with the nearest one, for a word that means none."""
    mood = mood_of_word(word)
    if mood is None:
        near = mood_of_word(_nearest(word.strip().lower()))
        guess = f"Did you mean '{near}'? " if near else ""
        raise BadUsage(f"Unknown mood '{word}'.", f"{guess}Known: {', '.join(MOODS)}.")
    return mood


def _nearest(word: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, [*MOODS, *_SYNONYMS], n=1)
    return near[0] if near else ""


def level_named(text: str) -> float:
    """A level by its name or as a number. BadUsage beyond 0 and HIGHEST_LEVEL."""
    try:
        level = float(text)
    except ValueError:
        return LEVELS[pick(text.strip().lower(), LEVELS, "level")]
    if not 0 <= level <= HIGHEST_LEVEL:
        words = ", ".join(f"{name} {value:g}" for name, value in LEVELS.items())
        raise BadUsage(
            f"A mood cannot have level {text}.", f"Give 0 to {HIGHEST_LEVEL:g}, or a name: {words}."
        )
    return level
