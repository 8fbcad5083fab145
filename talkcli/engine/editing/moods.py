"""Moods: what a feeling does to a face and a head, apart from what it does to a voice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Mood:
    """What a feeling does at full intensity."""

    face: Mapping[str, float] = field(default_factory=dict)
    """Weights added to the rig's shapes; a name without its side stands for both."""
    opening: float = 1.0
    """Factor on how far the mouth opens."""
    head: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Degrees added to the head's rest: nod (down is positive), turn, tilt."""
    movement: float = 1.0
    """Factor on head movement."""


MOODS: Mapping[str, Mood] = {
    "neutral": Mood(),
    "happy": Mood(
        {"mouthSmile": 0.42, "cheekSquint": 0.3, "eyeSquint": 0.2, "browOuterUp": 0.1, "mouthUpperUp": 0.04},
        opening=1.1, head=(-1.5, 0, 1.5), movement=1.3,
    ),
    "sad": Mood(
        {"browInnerUp": 0.55, "mouthFrown": 0.55, "mouthShrugLower": 0.12, "eyeLookDown": 0.12},
        opening=0.82, head=(5, 0, 2), movement=0.55,
    ),
    "angry": Mood(
        {"browDown": 0.75, "noseSneer": 0.25, "eyeSquint": 0.3, "mouthFrown": 0.3, "mouthPress": 0.12},
        opening=1.15, head=(3, 0, 0), movement=1.4,
    ),
    "surprised": Mood(
        {"browInnerUp": 0.45, "browOuterUp": 0.5, "eyeWide": 0.35},
        opening=1.15, head=(-3, 0, 0), movement=1.2,
    ),
    "afraid": Mood(
        {"browInnerUp": 0.55, "browDown": 0.12, "eyeWide": 0.35, "mouthStretch": 0.3, "mouthFrown": 0.12},
        opening=0.9, head=(-1.5, 0, -1.5), movement=0.8,
    ),
    "disgusted": Mood(
        {"noseSneer": 0.4, "browDown": 0.3, "mouthUpperUp": 0.1, "mouthFrown": 0.3, "eyeSquint": 0.25},
        opening=0.9, head=(-2, 3, 0), movement=0.8,
    ),
}  # fmt: skip
"""Ekman's six and none; how each sounds is the studio's."""
