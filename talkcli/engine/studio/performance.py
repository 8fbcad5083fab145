"""Performance: one speaker's manner and mood, on face, voice and head, round the words they say."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from talkcli.engine.editing.life import LifeAmounts, with_life
from talkcli.engine.editing.mood_templates import rig_mood
from talkcli.engine.editing.moods import MOODS
from talkcli.engine.face.articulation import MEETING, NEUTRAL, ArticulationStyle, articulate, onto_rig
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import load_rig, rig_of
from talkcli.engine.motion import Coefficients, Head, Motion
from talkcli.engine.studio.voices import PLAIN, Delivery, Utterance, Voice

DELIVERIES: Mapping[str, Delivery] = {
    "angry": Delivery(pitch=1.06, liveliness=1.3, rate=1.1, loudness=1.4),
    "contempt": Delivery(pitch=0.94, liveliness=0.8, rate=0.9, loudness=0.95),
    "disgust": Delivery(pitch=0.95, liveliness=0.85, rate=0.92, loudness=1.0),
    "fear": Delivery(pitch=1.16, liveliness=0.8, rate=1.14, loudness=0.85),
    "happy": Delivery(pitch=1.12, liveliness=1.35, rate=1.06, loudness=1.15),
    "sad": Delivery(pitch=0.92, liveliness=0.55, rate=0.85, loudness=0.75),
    "surprise": Delivery(pitch=1.2, liveliness=1.5, rate=1.03, loudness=1.15),
}
"""How each of the MOODS sounds at full intensity; neutral is PLAIN."""


@dataclass(frozen=True)
class Manner:
    """How one speaker performs."""

    articulation: ArticulationStyle = NEUTRAL
    smile: float = 0.0
    """Weight of mouthSmile at rest."""
    brows: float = 1.0
    """Factor on the raises of the brows."""
    head: float = 1.0
    """Factor on head movement."""


def draw_manner(voice: Voice, rng: np.random.Generator) -> Manner:
    """A manner of which the voice betrays about two thirds: slow speakers articulate, lively ones move.

    That is what makes style learnable from a voice alone, as MemoryTalker's second stage asks.
    """

    def mixed(heard: float) -> float:
        return 0.8 * float(np.clip(heard, -2, 2)) + 0.6 * float(np.clip(rng.normal(), -2, 2))

    slow = (1.03 - voice.rate) / 0.17
    lively = (voice.liveliness - 1.05) / 0.3
    high = math.log(voice.pitch / 140) / 0.35
    short = (voice.tract - 1) / 0.08
    return Manner(
        ArticulationStyle(
            strength=1 + 0.12 * mixed(slow),
            jaw=1 + 0.12 * mixed(-short),
            protrusion=1 + 0.15 * mixed(-high),
            spread=1 + 0.15 * mixed(high),
            asymmetry=float(np.clip(0.3 * rng.normal(), -0.7, 0.7)),
            lead=float(np.clip(0.008 * rng.normal(), -0.02, 0.02)),
            sharpness=1 + 0.10 * mixed(slow),
            teeth=float(np.clip(0.4 * mixed(high), 0, 1)),
        ),
        smile=float(np.clip(0.04 + 0.05 * mixed(lively), 0, 0.15)),
        brows=float(np.clip(1 + 0.35 * mixed(lively), 0.2, 2)),
        head=float(np.clip(1 + 0.35 * mixed(lively), 0.3, 2)),
    )


def delivered(mood: str, intensity: float) -> Delivery:
    """The delivery of a mood, a share of the way from neutral."""
    full = DELIVERIES.get(mood, PLAIN)
    return Delivery(**{name: 1 + intensity * (value - 1) for name, value in vars(full).items()})


def perform(
    utterance: Utterance,
    avatar: Avatar,
    manner: Manner,
    mood: str,
    intensity: float,
    fps: Fraction,
    seed: int,
) -> Motion:
    """The face and head of `avatar` while `utterance` is heard: the rig's named shapes and a head track."""
    rng = np.random.default_rng([seed, 77])
    rig = rig_of(avatar)
    model = load_rig(rig)
    names = model.shape_names
    frames = utterance.speech.frames(fps)
    spirit = MOODS[mood]
    style = manner.articulation
    opening = style.strength * (1 + intensity * (spirit.opening - 1))
    wider = dataclasses.replace(style, strength=opening)
    weights = onto_rig(articulate(utterance.phones, frames, fps, wider), model)
    contact = (weights[:, model.columns(["mouthPressLeft"])[0]] / MEETING).clamp(0, 1)
    swell = intensity * (1 + 0.15 * _wander(frames, fps, rng, seconds=1.2))
    face = rig_mood(mood, rig)
    weights += swell[:, None] * torch.lerp(face.speaking, face.shut, contact[:, None])
    _add(weights, names, "mouthSmile", manner.smile * (1 + 0.4 * _wander(frames, fps, rng, seconds=1.5)))
    for name, weight in (("mouthPress", 0.03), ("mouthShrugLower", 0.03), ("mouthDimple", 0.03)):
        _add(weights, names, name, weight * _wander(frames, fps, rng, seconds=0.8).clamp(min=0))
    still = Motion(fps, Coefficients(weights.clamp(0, 1), torch.zeros(frames, 3), rig))
    lively = LifeAmounts(head=manner.head * (1 + intensity * (spirit.movement - 1)), brows=manner.brows)
    alive = with_life(still, utterance.speech, avatar, seed, amounts=lively)
    assert alive.head is not None
    rest = intensity * torch.deg2rad(torch.tensor(spirit.head))
    return dataclasses.replace(alive, head=Head(alive.head.rotation + rest, alive.head.translation))


def _add(weights: Tensor, names: tuple[str, ...], name: str, track: Float[Tensor, " frames"]) -> None:
    """`track` onto a shape, or onto both its sides."""
    for column, shape in enumerate(names):
        if shape in (name, name + "Left", name + "Right"):
            weights[:, column] += track


def _wander(frames: int, fps: Fraction, rng: np.random.Generator, seconds: float) -> Float[Tensor, " frames"]:
    """Smooth chance of unit variance that changes its mind every few `seconds`."""
    width = max(0.5, 0.5 * seconds * float(fps))
    reach = math.ceil(4 * width)
    noise = gaussian_filter1d(rng.normal(size=frames + 2 * reach), width)[reach : reach + frames]
    return torch.from_numpy(noise * math.sqrt(2 * math.sqrt(math.pi) * width)).float()
