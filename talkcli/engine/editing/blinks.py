"""Blinks: when lids fall while a person talks, and how.

In conversation people blink 26 times a minute on average (Bentivoglio et al. 1997, 150 people; normal is 10.5
to 32.5, Doughty 2001), at irregular, log-normal intervals; a narrator who is filmed blinks rather less, 15 to
20 times. Speakers blink where they pause and where phrases end (Nakano and Kitazawa 2010), and as they turn
their eyes far. A lid falls faster than it rises (1.4 to 1.5 times at the peak: Sforza et al. 2008).
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Sequence
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.editing.chance import Dice
from talkcli.engine.editing.prosody import Prosody
from talkcli.engine.editing.strokes import eased

LID_CLOSES, LID_SHUT, LID_OPENS = 0.08, 0.03, 0.20
"""Seconds."""

BLINK_INTERVAL, BLINK_SPREAD, SHORTEST_BETWEEN_BLINKS, LONGEST_BETWEEN_BLINKS = 3.9, 0.5, 1.0, 8.0
"""Median seconds to the next blink, log-normal spread, the least and the most of them."""

FIRST_BLINK = (0.5, 3.0)
"""Seconds within which the first blink comes."""

DOUBLE_BLINKS, BETWEEN_DOUBLES = 0.12, (0.32, 0.45)
"""Share of blinks that a second follows at once, and after how many seconds."""

BLINK_WAITS = 0.9
"""Seconds that a blink waits or hurries for a pause in the speech or a large turn of the eyes."""

BLINKS_AT_PAUSES = 0.4
"""Chance of a blink at a pause or a large turn before the next blink is due."""


def blinks(
    prosody: Prosody, glances: Sequence[float], frames: int, fps: Fraction, seed: int, often: float = 1.0
) -> Float[Tensor, " frames"]:
    """Lid closure, 0 to 1: irregular, and gladly where a phrase ends; `often` as usual, 0 for never.

    `glances` are the seconds at which the eyes turn far.
    """
    rate = float(fps)
    times, closure = torch.arange(frames) / rate, torch.zeros(frames)
    for second, depth in _instants(prosody, glances, frames / rate, seed, often):
        at = round(second * rate) / rate  # on a frame, so that the shut eye is seen
        first, last = (max(0, round((at + reach) * rate)) for reach in (-0.3, 0.5))
        closure[first:last] = torch.maximum(closure[first:last], depth * _lid(times[first:last] - at))
    return closure


def _instants(
    prosody: Prosody, glances: Sequence[float], seconds: float, seed: int, often: float
) -> list[tuple[float, float]]:
    """When the lids are shut, and how far."""
    if not often:
        return []
    dice = Dice(prosody.digest, seed, "blinks")
    moments = sorted([end + LID_CLOSES for _, end in prosody.phrases] + list(glances))
    instants: list[tuple[float, float]] = []
    earliest, latest, due = FIRST_BLINK[0], FIRST_BLINK[1] / min(often, 1), dice.between(*FIRST_BLINK) / often
    while due < seconds:
        at = max(due, earliest)
        soon, late = bisect(moments, earliest), bisect(moments, min(due + BLINK_WAITS, latest))
        for moment in moments[soon:late]:
            if moment > due - BLINK_WAITS or dice.happens(BLINKS_AT_PAUSES * min(often, 1)):
                at = moment
                break
        instants.append((at, dice.between(0.92, 1.0)))
        if dice.happens(DOUBLE_BLINKS):
            at += dice.between(*BETWEEN_DOUBLES)
            instants.append((at, dice.between(0.92, 1.0)))
        earliest, latest = at + SHORTEST_BETWEEN_BLINKS, math.inf
        interval = min(dice.lognormal(BLINK_INTERVAL, BLINK_SPREAD), LONGEST_BETWEEN_BLINKS)
        due = at + max(SHORTEST_BETWEEN_BLINKS, interval / often)
    return instants


def _lid(time: Float[Tensor, " frames"]) -> Float[Tensor, " frames"]:
    """One blink, shut from 0 to LID_SHUT seconds."""
    falling = ((time + LID_CLOSES) / LID_CLOSES).clamp(0, 1)
    rising = 1 - ((time - LID_SHUT) / LID_OPENS).clamp(0, 1)
    return torch.minimum(eased(falling), eased(rising))
