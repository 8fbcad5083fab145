"""A skin that changes, as pictures: what `Motion.texture` makes of an avatar's own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt8
from torch.nn import functional as F

from talkcli.engine.errors import BadInput
from talkcli.engine.face.acting import painted, rig_folds, wrinkles_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.geometry import rig_weights
from talkcli.engine.motion import Motion, ratios

FOLDED = 512
"""Texels along a side at which folds are painted, before they are laid over the avatar's own texture."""


def skin_frames(motion: Motion, avatar: Avatar) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """The texture of every frame, sRGB, as large as the avatar's own; what is wrong is said at the call.

    Where the motion says nothing of the skin, that of the rig does what its shapes do.
    """
    look, wrinkles, texture = avatar.look, wrinkles_of(avatar), motion.texture
    if texture is None and wrinkles is None:
        raise BadInput(
            "This motion does not change the skin.",
            "Animate with a model that moves the skin: talk models tells which do.",
        )
    if look is None:
        raise BadInput(f"Avatar {avatar.name} has no skin to change.", "Give one with a look.")
    if texture is None and wrinkles is not None:
        texture = rig_folds(rig_weights(motion, avatar), wrinkles)
    assert texture is not None
    texture = painted(texture, wrinkles, FOLDED)
    neutral = look.albedo.permute(2, 0, 1).float()[None]

    def pictures() -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        for frame in range(len(motion)):
            change = ratios(texture, frame, frame + 1)
            change = F.interpolate(change, neutral.shape[2:], mode="bilinear", align_corners=False)
            image = (neutral * change).clamp(0, 255).round().byte()[0]
            yield np.ascontiguousarray(image.permute(1, 2, 0).numpy())

    return pictures()
