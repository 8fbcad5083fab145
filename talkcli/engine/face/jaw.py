"""The jaw opens on an arc about its joint: the shape jawOpen is the chord of that arc, two fields bend it.

A point at (y, z) from the joint's axis, turned by a, moves by (cos a - 1) (y, z) + sin a (-z, y). The shape
at weight a / JAW_OPEN moves it in proportion to a, and by as much where a is the reach of the jaw.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

JAW_OPEN = 0.30
"""Radians of jaw rotation that the shape jawOpen stands for at weight 1."""


def arc_fields(
    points: Float[Tensor, "verts 3"], share: Float[Tensor, " verts"]
) -> Float[Tensor, "fields verts 3"]:
    """What a turn about x moves points (metres from the joint) by, a unit of cos a - 1 and one of sin a."""
    _, y, z = (points * share[:, None]).unbind(1)
    none = torch.zeros_like(y)
    return torch.stack([torch.stack([none, y, z], 1), torch.stack([none, -z, y], 1)])


def arc_weights(angle: Float[Tensor, " frames"], reach: float) -> Float[Tensor, "frames fields"]:
    """How much of `arc_fields` an angle (radians) adds to its chord; nothing at 0 and at the reach."""
    chord = angle / reach
    return torch.stack(
        [angle.cos() - 1 - chord * (math.cos(reach) - 1), angle.sin() - chord * math.sin(reach)], 1
    )


def arc_weights_at(angle: float, reach: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The same of one angle alone, and its derivative by it."""
    cosine, sine = (math.cos(reach) - 1) / reach, math.sin(reach) / reach
    here = (math.cos(angle) - 1 - angle * cosine, math.sin(angle) - angle * sine)
    return here, (-math.sin(angle) - cosine, math.cos(angle) - sine)


def jaw_chord(
    points: Float[Tensor, "verts 3"], share: Float[Tensor, " verts"], reach: float
) -> Float[Tensor, "verts 3"]:
    """What jawOpen at weight 1 moves points by that ride on the jaw with a share, metres."""
    swing = torch.tensor([math.cos(reach) - 1, math.sin(reach)]) * (JAW_OPEN / reach)
    return (swing[:, None, None] * arc_fields(points, share)).sum(0)
