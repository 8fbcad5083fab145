"""How far lips are apart in a motion, before contact: where they meet, and where nobody speaks."""

from __future__ import annotations

from fractions import Fraction

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.deformation import deformed
from talkcli.engine.face.rigs import rigged
from talkcli.engine.face.topology import middle_pairs
from talkcli.engine.motion import Motion

FLAME_VERTS = 5023
FLAME_INNER_LIPS = (3531, 3504)
"""Upper and lower inner lip on FLAME's midline (kaist-ami's MTM)."""

MEET_WITHIN, APART_FROM = 1.0e-3, 3.5e-3
"""Metres further apart than at rest, up to which lips meet and from which on they do not at all."""

LONGEST_CLOSURE = 1.6
"""Seconds: lips that stay together for longer belong to somebody who has nothing to say. In shorter pauses
those who act a mood keep their lips as they are; a jaw that dropped there would be in the way."""

_SETTLES = 0.1
"""Seconds on either side over which silence is averaged, twice."""

_FRAMES_AT_ONCE = 4096


def frames_around(fps: Fraction) -> int:
    """On either side of a frame, those that `silence` depends on."""
    return round(LONGEST_CLOSURE / 2 * fps) + 2 * round(Fraction(_SETTLES) * fps)


def meeting(motion: Motion, avatar: Avatar) -> Float[Tensor, " frames"]:
    """How much lips meet, 1 where they touch or press; 0 throughout where the avatar names no lips."""
    chosen, pairs = _lips(avatar)
    if not len(chosen):
        return torch.zeros(len(motion))
    rig, height = rigged(avatar), _paired if pairs else _tall
    rest = height(avatar.neutral[chosen][None])
    starts = range(0, len(motion), _FRAMES_AT_ONCE)
    parts = (motion.part(start, start + _FRAMES_AT_ONCE) for start in starts)
    opening = torch.cat([height(deformed(part, avatar, rig, chosen)) for part in parts]) - rest
    share = ((opening - MEET_WITHIN) / (APART_FROM - MEET_WITHIN)).clamp(0, 1)
    return 1 - share * share * (3 - 2 * share)


def silence(meets: Float[Tensor, " frames"], fps: Fraction) -> Float[Tensor, " frames"]:
    """1 in the midst of long closures; 0 in every short one, and where a long one begins and ends."""
    reach = round(LONGEST_CLOSURE / 2 * fps)
    track = -F.max_pool1d(-meets[None, None], 2 * reach + 1, 1, reach)
    width = round(Fraction(_SETTLES) * fps)
    for _ in range(2):
        track = F.avg_pool1d(track, 2 * width + 1, 1, width, count_include_pad=False)
    return track[0, 0]


def _lips(avatar: Avatar) -> tuple[Int[Tensor, " chosen"], bool]:
    """Vertices to look at; True where the first half of them faces the second."""
    rig = rigged(avatar)
    pairs = None if rig is None else middle_pairs(rig.model.topology)
    if pairs is not None and len(pairs):
        return pairs.T.flatten(), True
    if rig is None and len(avatar.neutral) == FLAME_VERTS:
        return torch.tensor(FLAME_INNER_LIPS), True
    return avatar.lips, False


def _paired(points: Float[Tensor, "frames lips 3"]) -> Float[Tensor, " frames"]:
    upper, lower = points[..., 1].chunk(2, 1)
    return (upper - lower).mean(1)


def _tall(points: Float[Tensor, "frames lips 3"]) -> Float[Tensor, " frames"]:
    return points[..., 1].amax(1) - points[..., 1].amin(1)
