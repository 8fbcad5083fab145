"""Lips that touch at rest: FaceKit's stand apart in the middle, and each identity has them otherwise."""

from __future__ import annotations

import torch
from torch import Tensor

from talkcli.engine.face.lip_contact import LIP_AIR, LipContact, measured, moved, smoothed
from talkcli.engine.studio.arrays import Array

_ROUNDS = 6

_STEP = 0.5
"""Standard deviations either way over which the opening of a mode is measured."""


def sealed(points: Array, modes: Array, mouth: LipContact) -> tuple[Array, Array]:
    """The mean face [V, 3] and the identity modes [n, V, 3], metres, with lips that stay LIP_AIR apart.

    A mode opens the lips by what the gap grows along it; both lips take back half of that.
    """
    rings = mouth.rings
    face = torch.from_numpy(points).float()
    for _ in range(_ROUNDS):
        lips = face[None][:, rings]
        face[rings] = moved(lips, mouth, smoothed(LIP_AIR - measured(lips, mouth).gaps))[0]
    rest, ways = face[rings], torch.from_numpy(modes).float()[:, rings]
    wider, narrower = (_gaps(rest + sign * _STEP * ways, mouth) for sign in (1, -1))
    back = smoothed((narrower - wider) / (2 * _STEP))
    still = rest.expand(len(modes), -1, -1, -1)
    out = modes.copy()
    out[:, rings.numpy()] += (moved(still, mouth, back) - still).double().numpy()
    return face.double().numpy(), out


def _gaps(lips: Tensor, mouth: LipContact) -> Tensor:
    return measured(lips, mouth).gaps.clamp(max=0.01)
