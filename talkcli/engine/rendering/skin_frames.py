"""A skin that changes, as pictures: what `Motion.texture` makes of an avatar's own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt8
from torch.nn import functional as F

from talkcli.engine.errors import BadInput
from talkcli.engine.face.acting import painted
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.motion import Motion, ratios

SIDE = 512
"""Texels along a side at most, as published textures have; the mixture itself is in .motion and .npz."""
CHUNK = 8


def skin_frames(motion: Motion, avatar: Avatar) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """The texture of every frame, sRGB in the avatar's UV layout; what is wrong is said at the call."""
    look = avatar.look
    if motion.texture is None:
        raise BadInput("This motion does not change the skin.", "Animate with a model that does: textalker.")
    if look is None:
        raise BadInput(f"Avatar {avatar.name} has no skin to change.", "Give one with a look.")
    texture = painted(motion.texture, SIDE)
    neutral = look.albedo.permute(2, 0, 1).float()[None]
    if max(neutral.shape[2:]) > SIDE:
        neutral = F.adaptive_avg_pool2d(neutral, SIDE)

    def pictures() -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        for start in range(0, len(motion), CHUNK):
            change = ratios(texture, start, start + CHUNK)
            change = F.interpolate(change, neutral.shape[2:], mode="bilinear", align_corners=False)
            for image in (neutral * change).clamp(0, 255).round().byte():
                yield np.ascontiguousarray(image.permute(1, 2, 0).numpy())

    return pictures()
