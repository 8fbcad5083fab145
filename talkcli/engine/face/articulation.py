"""Phones to mouth: targets that overlap by dominance, closures that close, a mouth that rests in silence.

Cohen & Massaro 1993, "Modeling coarticulation in synthetic visual speech": every phone pulls each control
towards its target with a strength of its own, full in its middle and fading exponentially to either side; the
mouth stands at the weighted mean. On top of it three gestures that a mean would blur and that eyes never
forgive: lips that meet on P, B and M, the lower lip under the teeth on F and V, rest once a silence lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.phones import PHONES, Phones

CONTROLS = ("jaw", "funnel", "pucker", "stretch", "smile", "upper", "lower", "tongue", "tip")
"""Jaw open; lips funnelled, puckered, stretched, smiling; upper lip up, lower down; tongue up, tongue out."""

MOUTH_SHAPES = (
    "jawOpen", "jawForward", "mouthClose", "mouthFunnel", "mouthPucker", "mouthStretchLeft",
    "mouthStretchRight", "mouthSmileLeft", "mouthSmileRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthRollLower",
    "mouthRollUpper", "mouthShrugLower", "tongueUp", "tongueOut",
)  # fmt: skip
"""The shapes that speech moves, by ARKit's names and the rig's tongueUp."""

_TARGETS = {
    #      jaw  fun  puc  str  smi  upp  low  ton  tip
    "SIL": (0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00),
    "AA": (0.62, 0.04, 0.00, 0.07, 0.00, 0.08, 0.30, 0.00, 0.00),
    "AE": (0.55, 0.00, 0.00, 0.41, 0.07, 0.14, 0.36, 0.00, 0.00),
    "AH": (0.36, 0.05, 0.00, 0.08, 0.00, 0.06, 0.22, 0.00, 0.00),
    "AO": (0.48, 0.45, 0.14, 0.00, 0.00, 0.04, 0.14, 0.00, 0.00),
    "EH": (0.40, 0.00, 0.00, 0.38, 0.09, 0.11, 0.34, 0.00, 0.00),
    "ER": (0.24, 0.27, 0.17, 0.00, 0.00, 0.04, 0.14, 0.30, 0.00),
    "IH": (0.26, 0.00, 0.00, 0.38, 0.09, 0.09, 0.31, 0.00, 0.00),
    "IY": (0.17, 0.00, 0.00, 0.57, 0.19, 0.09, 0.38, 0.00, 0.00),
    "UH": (0.24, 0.32, 0.24, 0.00, 0.00, 0.00, 0.10, 0.00, 0.00),
    "UW": (0.15, 0.23, 0.66, 0.00, 0.00, 0.00, 0.02, 0.00, 0.00),
    "P": (0.07, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00),
    "B": (0.08, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00),
    "M": (0.07, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00),
    "F": (0.09, 0.00, 0.00, 0.11, 0.00, 0.21, 0.00, 0.00, 0.00),
    "V": (0.10, 0.00, 0.00, 0.11, 0.00, 0.20, 0.00, 0.00, 0.00),
    "TH": (0.20, 0.00, 0.00, 0.11, 0.00, 0.08, 0.18, 0.42, 0.42),
    "DH": (0.20, 0.00, 0.00, 0.11, 0.00, 0.08, 0.18, 0.42, 0.38),
    "T": (0.15, 0.00, 0.00, 0.16, 0.00, 0.04, 0.18, 0.65, 0.00),
    "D": (0.16, 0.00, 0.00, 0.16, 0.00, 0.04, 0.18, 0.65, 0.00),
    "N": (0.17, 0.00, 0.00, 0.14, 0.00, 0.04, 0.18, 0.65, 0.00),
    "L": (0.24, 0.00, 0.00, 0.11, 0.00, 0.08, 0.22, 0.85, 0.00),
    "S": (0.07, 0.00, 0.00, 0.34, 0.04, 0.09, 0.34, 0.30, 0.00),
    "Z": (0.08, 0.00, 0.00, 0.30, 0.04, 0.09, 0.31, 0.30, 0.00),
    "SH": (0.10, 0.54, 0.14, 0.00, 0.00, 0.14, 0.30, 0.25, 0.00),
    "ZH": (0.11, 0.50, 0.14, 0.00, 0.00, 0.12, 0.30, 0.25, 0.00),
    "CH": (0.10, 0.52, 0.11, 0.00, 0.00, 0.12, 0.29, 0.40, 0.00),
    "JH": (0.11, 0.47, 0.11, 0.00, 0.00, 0.11, 0.29, 0.40, 0.00),
    "K": (0.22, 0.00, 0.00, 0.11, 0.00, 0.04, 0.14, 0.00, 0.00),
    "G": (0.22, 0.00, 0.00, 0.11, 0.00, 0.04, 0.14, 0.00, 0.00),
    "NG": (0.22, 0.00, 0.00, 0.11, 0.00, 0.04, 0.14, 0.00, 0.00),
    "HH": (0.28, 0.00, 0.00, 0.07, 0.00, 0.04, 0.14, 0.00, 0.00),
    "R": (0.17, 0.38, 0.19, 0.00, 0.00, 0.04, 0.12, 0.35, 0.00),
    "W": (0.10, 0.14, 0.76, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00),
    "Y": (0.14, 0.00, 0.00, 0.51, 0.13, 0.08, 0.30, 0.00, 0.00),
}
DIPHTHONGS = {
    "AY": ("AA", "IH"),
    "AW": ("AA", "UW"),
    "EY": ("EH", "IY"),
    "OW": ("AO", "UW"),
    "OY": ("AO", "IH"),
}
"""Two targets, one after the other."""

_LIPS = ("P", "B", "M")
_BITE = ("F", "V")
_ROUND = ("UW", "W", "OW", "AO", "UH", "R", "ER")
_OPEN = ("AA", "AE", "AW", "AY", "EH", "IY", "EY", "OY", "AH", "IH")
_HISS = ("S", "Z", "SH", "ZH", "CH", "JH")


def _strength(phone: str, control: str) -> float:
    """How hard a phone pulls a control: closures hardest, tongue consonants hardly at the lips."""
    if phone in _LIPS:
        return 9.0 if control in ("jaw", "upper", "lower", "funnel") else 0.6
    if phone in _BITE:
        return 6.0 if control in ("jaw", "upper", "lower") else 0.8
    if phone in _HISS:
        tense = control == "jaw" or (control == "funnel" and phone in ("SH", "ZH", "CH", "JH"))
        return 3.1 if tense else 1.0
    if phone in _ROUND:
        return 3.0 if control in ("funnel", "pucker", "stretch", "smile") else 1.2
    if phone in _OPEN:
        return 1.8
    if phone == "SIL":
        return 1.1
    return 3.0 if control == "tongue" else 0.55


_SIMPLE = [phone for phone in PHONES if phone not in DIPHTHONGS]
_TARGET = {phone: np.array(_TARGETS[phone]) for phone in _SIMPLE}
_STRENGTH = {phone: np.array([_strength(phone, control) for control in CONTROLS]) for phone in _SIMPLE}

BEFORE, AFTER = 0.055, 0.045
"""Seconds over which a phone's pull fades: lips run ahead further than they linger."""
SEAL_MIN = 0.045
"""A closure holds at least so long: longer than a frame at 25 fps would let it slip between."""
SEAL_RAMP = 0.06
REST_AFTER = 0.08
"""Silences up to this are spoken through; the mouth shuts in longer ones."""
REST_RAMP = 0.12
MEETING = 0.13
"""Weight of mouthPress while lips meet: firm, and still lips."""
PRESS = 0.06
"""How far P, B, M drive the lips past touching, in units of mouthClose; contact holds them at the skin."""


@dataclass(frozen=True)
class ArticulationStyle:
    """How one speaker moves the mouth; 1 (or 0) everywhere is neutral."""

    strength: float = 1.0
    """Of all openings and spreadings; closures stay closures."""
    jaw: float = 1.0
    """Jaw against lips: above 1 the jaw opens more and the lips part less."""
    protrusion: float = 1.0
    """Of the lips on rounded sounds."""
    spread: float = 1.0
    """Of the corners on IY, EH, S."""
    asymmetry: float = 0.0
    """-1 to 1; positive moves the left side more."""
    lead: float = 0.0
    """Seconds by which the mouth runs ahead of the sound."""
    sharpness: float = 1.0
    """Above 1, phones keep to themselves; below, they melt into each other."""
    teeth: float = 0.0
    """Of the upper lip at rest in speech: speakers who show their teeth."""


NEUTRAL = ArticulationStyle()


def articulate(
    phones: Phones, frames: int, fps: Fraction | float, style: ArticulationStyle = NEUTRAL
) -> Float[Tensor, "frames mouth"]:
    """Weights of MOUTH_SHAPES at frames, frame i at i / fps seconds."""
    times = np.arange(frames) / float(fps) + style.lead
    segments = _with_silences(phones.segments, times[-1] if frames else 0.0)
    rest = _gesture(times, _long_silences(segments), REST_RAMP)
    seal = _gesture(times, _held(segments, _LIPS), SEAL_RAMP)
    bite = _gesture(times, _held(segments, _BITE), SEAL_RAMP)
    weights = _dominance(times, segments, style.sharpness)
    return torch.from_numpy(_shapes(weights, seal, bite, rest, style)).float()


def _with_silences(segments: list[tuple[str, float, float]], end: float) -> list[tuple[str, float, float]]:
    """Every instant from 0 to end covered, diphthongs as their two halves, silences joined."""
    rows: list[tuple[str, float, float]] = []

    def add(phone: str, start: float, stop: float) -> None:
        if phone == "SIL" and rows and rows[-1][0] == "SIL":
            rows[-1] = ("SIL", rows[-1][1], stop)
        elif stop > start:
            rows.append((phone, start, stop))

    now = -1.0
    for phone, start, stop in segments:
        add("SIL", now, max(now, start))
        if phone in DIPHTHONGS:
            first, second = DIPHTHONGS[phone]
            middle = (start + stop) / 2
            add(first, start, middle)
            add(second, middle, stop)
        else:
            add(phone, start, stop)
        now = max(now, stop)
    add("SIL", now, end + 1.0)
    return rows


def _dominance(
    times: NDArray[np.float64], segments: list[tuple[str, float, float]], sharpness: float
) -> dict[str, NDArray[np.float64]]:
    """Each control over time: the mean of all targets, weighted by strength and nearness."""
    pull = np.zeros((len(times), len(CONTROLS)))
    weight = np.full((len(times), len(CONTROLS)), 1e-6)
    for phone, start, stop in segments:
        if phone == "SIL" and stop - start <= REST_AFTER:
            continue
        centre, half = (start + stop) / 2, (stop - start) / 2
        first, last = np.searchsorted(times, (start - 0.5, stop + 0.5))
        near = times[first:last]
        outside = np.maximum(np.abs(near - centre) - half * 0.55, 0)
        if phone == "SIL":  # all of a silence but its edges is silence
            outside = np.maximum(np.abs(near - centre) - max(half - 0.06, half * 0.55), 0)
        fade = np.where(near < centre, BEFORE, AFTER) / sharpness
        share = np.exp(-((outside / fade) ** 1.3))[:, None] * _STRENGTH[phone]
        pull[first:last] += share * _TARGET[phone]
        weight[first:last] += share
    return {control: pull[:, i] / weight[:, i] for i, control in enumerate(CONTROLS)}


def _held(segments: list[tuple[str, float, float]], phones: tuple[str, ...]) -> list[tuple[float, float]]:
    """The spans of `phones`, neighbours joined, none shorter than SEAL_MIN."""
    spans: list[tuple[float, float]] = []
    for phone, start, stop in segments:
        if phone in phones:
            slack = max(0.0, (SEAL_MIN - (stop - start)) / 2)
            if spans and start - slack <= spans[-1][1]:
                spans[-1] = (spans[-1][0], stop + slack)
            else:
                spans.append((start - slack, stop + slack))
    return spans


def _long_silences(segments: list[tuple[str, float, float]]) -> list[tuple[float, float]]:
    """Where the mouth rests: it shuts within the silence and opens again a little before the next sound."""
    return [
        (start + min(REST_RAMP, 0.5 * (stop - start)), stop - min(0.08, 0.3 * (stop - start)))
        for phone, start, stop in segments
        if phone == "SIL" and stop - start > REST_AFTER
    ]


def _gesture(
    times: NDArray[np.float64], spans: list[tuple[float, float]], ramp: float
) -> NDArray[np.float64]:
    """1 in the spans, 0 beyond `ramp` seconds of them, a raised cosine between."""
    track = np.zeros(len(times))
    for start, stop in spans:
        first, last = np.searchsorted(times, (start - ramp, stop + ramp))
        near = times[first:last]
        outside = np.maximum(np.maximum(start - near, near - stop), 0)
        track[first:last] = np.maximum(
            track[first:last], 0.5 + 0.5 * np.cos(np.pi * np.minimum(outside / ramp, 1))
        )
    return track


def _shapes(
    pulled: dict[str, NDArray[np.float64]],
    seal: NDArray[np.float64],
    bite: NDArray[np.float64],
    rest: NDArray[np.float64],
    style: ArticulationStyle,
) -> NDArray[np.float64]:
    """Controls and gestures to MOUTH_SHAPES: the rest shuts, the seal shuts harder, the bite holds."""
    awake = 1 - rest
    free = awake * (1 - seal)
    lips = style.strength * (2 - style.jaw)
    jaw = np.clip(pulled["jaw"] * style.strength * style.jaw * awake, 0, 1)
    upper = (pulled["upper"] * lips * (1 - bite) + style.teeth * 0.075 * (1 - bite)) * free
    lower = pulled["lower"] * lips * free * (1 - bite)
    stretch = pulled["stretch"] * style.spread * style.strength * awake
    smile = pulled["smile"] * style.spread * style.strength * awake
    funnel = pulled["funnel"] * style.protrusion * free
    left, right = 1 + 0.35 * style.asymmetry, 1 - 0.35 * style.asymmetry
    bitten = bite * free
    columns = {
        "jawOpen": jaw,
        "jawForward": 0.12 * pulled["funnel"] * style.protrusion * awake,
        "mouthClose": seal * (jaw + PRESS) + free * (0.4 * bite + 0.5 * pulled["pucker"]) * jaw,
        "mouthFunnel": funnel,
        "mouthPucker": pulled["pucker"] * style.protrusion * awake,
        "mouthStretchLeft": stretch * left,
        "mouthStretchRight": stretch * right,
        "mouthSmileLeft": smile * left,
        "mouthSmileRight": smile * right,
        "mouthUpperUpLeft": (upper + 0.2 * bitten) * left,
        "mouthUpperUpRight": (upper + 0.2 * bitten) * right,
        "mouthLowerDownLeft": lower * left,
        "mouthLowerDownRight": lower * right,
        "mouthPressLeft": MEETING * seal,
        "mouthPressRight": MEETING * seal,
        "mouthRollLower": 0.04 * seal + 0.3 * bitten,
        "mouthRollUpper": 0.01 * seal,
        "mouthShrugLower": 0.02 * bitten,
        "tongueUp": pulled["tongue"] * awake,
        "tongueOut": pulled["tip"] * awake,
    }
    return np.clip(np.stack([columns[name] for name in MOUTH_SHAPES], axis=1), 0, 1)


def onto_rig(mouth: Float[Tensor, "frames mouth"], model: FaceModel) -> Float[Tensor, "frames shapes"]:
    """The columns of MOUTH_SHAPES where a rig has them by name; its other shapes stay at zero."""
    names = [name for name in MOUTH_SHAPES if name in model.shape_names]
    return model.spread(mouth[:, [MOUTH_SHAPES.index(name) for name in names]], names)
