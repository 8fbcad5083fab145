"""How a head and its brows follow a voice: postures, nods on stressed syllables, brows on the strongest.

Heads of speakers move with the voice (Hadar, Steiner, Grant and Rose 1984; Munhall et al. 2004): nods, a few
degrees, mostly downwards, whose turning points fall on stressed syllables (Carignan et al. 2024), and slower
changes of posture where phrases begin. In pauses they are calm.
"""

from __future__ import annotations

from bisect import bisect, bisect_left
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.editing.chance import Dice
from talkcli.engine.editing.glances import FAR_LOOK, Fixation
from talkcli.engine.editing.prosody import TICKS_A_SECOND, Prosody, Stress, averaged
from talkcli.engine.editing.strokes import Pulse, Stride, eased, pulsed, stepped

NOD = (0.8, 3.0)
"""Degrees of a nod on the weakest and on the strongest stress that has one."""

NOD_RISE, NOD_FALL, NOD_LEAD = (0.18, 0.26), (0.28, 0.42), 0.05
"""Seconds from rest to the turning point, back, and by which that point comes before the vowel."""

NOD_INTERVAL, NODDING = 0.8, 0.85
"""Seconds between two nods, at least: of stresses that are closer the stronger has it; and how many of those
have one."""

WEAKEST_NODDED = 0.25
"""Strength below which a stress moves nothing."""

REST_AT_FIRST = 0.35
"""Seconds in which no nod has its turning point."""

NODS_UPWARDS = 0.15
"""Share of the nods that go up, not down."""

POSTURE = (0.9, 1.8, 0.9)
"""Degrees, standard deviation of a posture: nod, turn, tilt."""

POSTURE_LASTS, POSTURE_STROKE = (1.8, 4.0), (0.5, 0.9)
"""Seconds that a posture is kept within a phrase, and of the way to the next."""

POSTURE_IN_PAUSES = 0.4
"""Share of a posture that outlasts its phrase."""

SWAY, DRIFT = (0.40, 0.60, 0.35), 0.0012
"""Degrees (nod, turn, tilt) and metres, standard deviation of what never rests while somebody speaks."""

IN_SILENCE = 0.25
"""Share of that which stays when nobody speaks."""

FOLLOWING, FOLLOWING_SECONDS = 0.2, 0.35
"""Share of a far look that the head turns along, and how long it takes."""

BROWS, BROWS_FROM, BROWS_INTERVAL = (0.08, 0.28), 0.45, 1.6
"""Weights of a raise on the weakest and the strongest stress that has one, the strength it takes, and the
seconds between two, at least."""

BROWS_CHANCE = 0.7
"""Share of those stresses that have one."""

BROWS_RISE, BROWS_FALL = (0.18, 0.28), (0.4, 0.8)
"""Seconds up and down."""


class Turns(NamedTuple):
    degrees: Float[Tensor, "frames 3"]
    """Nod (down), turn (to the subject's left), tilt (left ear up), about the neck."""
    metres: Float[Tensor, "frames 3"]


def head_turns(prosody: Prosody, rests: Sequence[Fixation], frames: int, fps: Fraction, seed: int) -> Turns:
    """It starts from rest, follows the voice and a little the eyes."""
    rate = float(fps)
    begin = eased((torch.arange(frames) / rate).clamp(max=1))[:, None]
    speaks = prosody.at_frames(averaged(prosody.voice, 0.5 * TICKS_A_SECOND), frames, fps)
    lively = IN_SILENCE + (1 - IN_SILENCE) * speaks
    sway = torch.stack([_wander(frames, rate, prosody, seed, axis) for axis in range(6)], 1)
    sway *= lively[:, None] * begin
    degrees = sway[:, :3] * torch.tensor(SWAY)
    degrees += stepped(_postures(prosody, seed), 3, frames, rate) * begin
    degrees += pulsed(_nods(prosody, seed), 3, frames, rate)
    degrees += stepped(_following(rests), 3, frames, rate)
    return Turns(degrees, sway[:, 3:] * DRIFT)


def brow_raises(prosody: Prosody, frames: int, fps: Fraction, seed: int) -> list[Float[Tensor, " frames"]]:
    """Inner, left outer, right outer: up now and then on the strongest stresses."""
    dice, pulses = Dice(prosody.digest, seed, "brows"), []
    for stress in standing_out(prosody, BROWS_FROM, BROWS_INTERVAL):
        share = (stress.strength - BROWS_FROM) / (1 - BROWS_FROM)
        height = dice.happens(BROWS_CHANCE) * _between(BROWS, share) * dice.between(0.6, 1.0)
        pulses.append(Pulse(stress.second, dice.between(*BROWS_RISE), dice.between(*BROWS_FALL), (height,)))
    raised = pulsed(pulses, 1, frames, float(fps))[:, 0]
    return [0.8 * raised, raised, raised]


def standing_out(prosody: Prosody, weakest: float, interval: float) -> list[Stress]:
    """The strongest stresses, none weaker and none nearer in time to a stronger one than these."""
    kept: list[Stress] = []
    for stress in sorted(prosody.stresses, key=lambda stress: -stress.strength):
        place = bisect(kept, stress)
        near = any(
            abs(stress.second - other.second) < interval for other in kept[max(0, place - 1) : place + 1]
        )
        if stress.strength >= weakest and not near:
            kept.insert(place, stress)
    return kept


def nodded(prosody: Prosody) -> list[Stress]:
    """The stresses that may have a nod; none at the very beginning, where the head is at rest."""
    return [
        stress
        for stress in standing_out(prosody, WEAKEST_NODDED, NOD_INTERVAL)
        if stress.second > REST_AT_FIRST
    ]


def _nods(prosody: Prosody, seed: int) -> list[Pulse]:
    dice, pulses = Dice(prosody.digest, seed, "nods"), []
    for stress in nodded(prosody):
        share = ((stress.strength - WEAKEST_NODDED) / (1 - WEAKEST_NODDED)) ** 1.5
        depth = dice.happens(NODDING) * _between(NOD, share) * dice.between(0.8, 1.2)
        way = -0.7 if dice.happens(NODS_UPWARDS) else 1.0
        aside, tilt = (max(-1.0, min(1.0, spread * dice.normal())) for spread in (0.3, 0.2))
        height = (depth * way, depth * aside, depth * tilt)
        rise, fall = dice.between(*NOD_RISE), dice.between(*NOD_FALL)
        pulses.append(Pulse(stress.second - NOD_LEAD, rise, fall, height))
    return pulses


def _postures(prosody: Prosody, seed: int) -> list[Stride]:
    """From one to the next as phrases begin and, in long ones, on stresses; half back to rest in pauses."""
    dice, steps = Dice(prosody.digest, seed, "postures"), []
    seconds = [stress.second for stress in prosody.stresses]
    posture = [0.0, 0.0, 0.0]
    for start, stop in prosody.phrases:
        due = start
        while due < stop:
            place = bisect_left(seconds, due)
            near = place < len(seconds) and seconds[place] < min(due + 1, stop)
            arrival = seconds[place] if near else due + 0.3
            lasts = dice.between(*POSTURE_STROKE)
            aim = [max(-1.6, min(1.6, dice.normal())) * spread for spread in POSTURE]
            change = tuple(there - here for there, here in zip(aim, posture, strict=True))
            steps.append(Stride(arrival - lasts, lasts, change))
            posture, due = aim, arrival + dice.between(*POSTURE_LASTS)
        steps.append(Stride(stop + 0.2, 1.2, tuple((POSTURE_IN_PAUSES - 1) * here for here in posture)))
        posture = [POSTURE_IN_PAUSES * here for here in posture]
    return steps


def _following(rests: Sequence[Fixation]) -> list[Stride]:
    """The head goes aside with far looks, a moment later than the eyes."""
    aims = [FOLLOWING * rest.side if abs(rest.side) >= FAR_LOOK else 0.0 for rest in rests]
    return [
        Stride(rest.second + 0.05, FOLLOWING_SECONDS, (0.0, aim - before, 0.0))
        for rest, before, aim in zip(rests[1:], aims, aims[1:], strict=False)
        if aim != before
    ]


def _between(span: tuple[float, float], share: float) -> float:
    return span[0] + (span[1] - span[0]) * share


def _wander(frames: int, rate: float, prosody: Prosody, seed: int, axis: int) -> Float[Tensor, " frames"]:
    """Smooth chance of about unit variance: a slow wave and a quicker one."""
    slow, quick = (
        _through_points(frames, rate * seconds, Dice(prosody.digest, seed, f"head {axis} {seconds}"))
        for seconds in (1.9, 0.75)
    )
    return 0.85 * slow + 0.5 * quick


def _through_points(frames: int, spacing: float, dice: Dice) -> Float[Tensor, " frames"]:
    """A Catmull-Rom curve through normal random points, `spacing` frames apart."""
    points = torch.tensor([dice.normal() for _ in range(int(frames / spacing) + 4)])
    at = torch.arange(frames) / spacing
    index, t = at.long(), at.frac()
    a, b, c, d = (points[index + i] for i in range(4))
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3)
