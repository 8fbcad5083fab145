"""Glances: where the eyes rest while a person talks to a camera, and how they jump.

Eyes jump and rest. A jump of A degrees lasts 2.2 A + 21 ms (the main sequence: Bahill, Clark and Stark 1975).
Who speaks looks at the listener for 3 s on average and away for 0.9 s; sizes of jumps fall off exponentially,
mean 7 degrees, half of them below 5; directions are level or straight up and down rather than oblique (Lee,
Badler and Badler 2002; Malinov et al. 2000). On the listener's face eyes go between its eyes and its mouth.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.editing.chance import Dice
from talkcli.engine.editing.prosody import Prosody
from talkcli.engine.editing.strokes import Stride, stepped
from talkcli.engine.face.arkit import LOOK_ASIDE, LOOK_UP

FACE_POINTS = ((-1.2, 0.4), (1.2, 0.4), (0.0, -1.4))
"""Degrees, sideways and up: a listener's eyes and mouth as the camera stands for them."""

ON_FACE, ON_FACE_SPREAD = 1.0, 0.55
"""Median seconds that the eyes rest on one point of the face, log-normal spread."""

SHORTEST_FIXATION = 0.3
"""Seconds."""

LISTENING, LISTENING_SPREAD = 4.0, 0.55
"""Median seconds that they stay on the face."""

AWAY, AWAY_SPREAD = 0.8, 0.4
"""Median seconds that they look away."""

NEAREST_LOOK, FARTHEST_LOOK, MEAN_LOOK = 3.0, 6.4, 6.9
"""Degrees of a look away: exponential between the two."""

LOOK_WAYS = (
    (0, 0.17),
    (45, 0.06),
    (90, 0.15),
    (135, 0.06),
    (180, 0.17),
    (225, 0.10),
    (270, 0.19),
    (315, 0.10),
)
"""Degrees from the subject's left by way of up, and shares: downwards rather than upwards."""

LEAST_JUMP = 1.0
"""Degrees: for less the eyes stay where they are."""

FLATTER = 0.75
"""What is left of a look up or down: lids and brows make more of it than of one aside."""

PULL_TO_PHRASE = 0.7
"""Seconds that a look away waits or hurries for the beginning of a phrase."""

MILLISECONDS_A_DEGREE, LEAST_MILLISECONDS = 2.2, 21.0
"""The main sequence of saccades."""

FAR_LOOK = 4.5
"""Degrees from which a jump counts as a large one, for lids and head."""


class Fixation(NamedTuple):
    second: float
    """When the eyes set out for it."""
    side: float
    """Degrees towards the subject's left."""
    up: float


def fixations(prosody: Prosody, seconds: float, seed: int) -> list[Fixation]:
    """Where the eyes rest, in order; always somewhere, from 0 on."""
    dice = Dice(prosody.digest, seed, "gaze")
    starts = torch.tensor([start for start, _ in prosody.phrases])
    rests = [Fixation(0.0, *_near((0.0, 0.0), dice, 0.3))]
    leaving = _pulled(dice.lognormal(LISTENING, LISTENING_SPREAD), starts, 0.5)
    while True:
        at = rests[-1].second + max(SHORTEST_FIXATION, dice.lognormal(ON_FACE, ON_FACE_SPREAD))
        if at < leaving - SHORTEST_FIXATION:
            point = _near(dice.choice(FACE_POINTS), dice, 0.25)
            if math.dist(point, rests[-1][1:]) < LEAST_JUMP:
                point = rests[-1][1:]
            rests.append(Fixation(at, *point))
        else:
            rests.append(_away(leaving, dice))
            back = leaving + max(SHORTEST_FIXATION, dice.lognormal(AWAY, AWAY_SPREAD))
            there = [point for point in FACE_POINTS if math.dist(point, rests[-1][1:]) > 2 * LEAST_JUMP]
            rests.append(Fixation(back, *_near(dice.choice(there), dice, 0.25)))
            leaving = _pulled(back + dice.lognormal(LISTENING, LISTENING_SPREAD), starts, back + 0.6)
        if rests[-1].second > seconds:
            return [rest for rest in rests if rest.second <= seconds]


def gaze(rests: Sequence[Fixation], frames: int, fps: Fraction) -> Float[Tensor, "frames 2"]:
    """Degrees sideways, to the subject's left, and up: where the eyes are directed."""
    jumps = [
        Stride(
            rest.second,
            saccade_seconds(math.dist(rest[1:], last[1:])),
            (rest.side - last.side, rest.up - last.up),
        )
        for last, rest in itertools.pairwise(rests)
    ]
    return torch.tensor(rests[0][1:]) + stepped(jumps, 2, frames, float(fps))


def saccade_seconds(degrees: float) -> float:
    """How long a jump of so many degrees lasts."""
    return (LEAST_MILLISECONDS + MILLISECONDS_A_DEGREE * degrees) / 1000


def far_glances(rests: Sequence[Fixation]) -> list[float]:
    """The seconds of the large jumps."""
    pairs = itertools.pairwise(rests)
    return [after.second for before, after in pairs if math.dist(before[1:], after[1:]) >= FAR_LOOK]


def look_weights(degrees: Float[Tensor, "frames 2"]) -> list[Float[Tensor, " frames"]]:
    """Weights of eyeLook Out and In of the left eye, In and Out of the right, Up and Down of both in turn."""
    side, up = degrees[:, 0] / LOOK_ASIDE, degrees[:, 1] / LOOK_UP
    left, right, above, below = (part.clamp(0, 1) for part in (side, -side, up, -up))
    return [left, right, left, right, above, above, below, below]


def _near(point: tuple[float, float], dice: Dice, spread: float) -> tuple[float, float]:
    return point[0] + spread * dice.normal(), point[1] + spread * dice.normal()


def _away(second: float, dice: Dice) -> Fixation:
    low, high = (1 - math.exp(-size / MEAN_LOOK) for size in (NEAREST_LOOK, FARTHEST_LOOK))
    size = -MEAN_LOOK * math.log(1 - dice.between(low, high))
    angle = math.radians(dice.choice([way for way, _ in LOOK_WAYS], [share for _, share in LOOK_WAYS]))
    return Fixation(second, size * math.cos(angle), FLATTER * size * math.sin(angle))


def _pulled(due: float, starts: Float[Tensor, " phrases"], earliest: float) -> float:
    """At the beginning of a phrase, if one is near."""
    near = starts[((starts - due).abs() < PULL_TO_PHRASE) & (starts > earliest)]
    return near[(near - due).abs().argmin()].item() if len(near) else max(due, earliest)
