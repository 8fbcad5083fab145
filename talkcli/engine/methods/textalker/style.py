"""Pivots: the mean latents of one person's motion and of their skin, each an independent style."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.clips import FOOTAGE, ClipSet, clips_of_one
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.methods.textalker.encodings import encoded
from talkcli.engine.methods.textalker.frame_maps import frame_maps
from talkcli.engine.methods.textalker.original import read_pivot
from talkcli.engine.methods.textalker.talker import MOTION_STYLE, TEXTURE_STYLE, TexTalker
from talkcli.engine.scans import TEXTALK4D_UNIT, scanned_avatar

_MESH, _SKIN = "face.obj", "face.png"
PIVOTS = ("latent_motion_ave.pth", "latent_tex_ave.pth")
"""What the authors' code wants of a person."""
FILMED = 0.6
"""How far from the speakers of the training data to the mean of a followed film a pivot goes: what face
somebody has and what they do with it all the time look alike in a film, and with all of it lips no longer
meet (`benchmarks/README.md`)."""


def capture_folder(talker: TexTalker, folder: Path, avatar: Avatar) -> Avatar:
    """The same face with both pivots of whoever the clips in a prepared folder show.

    The authors' own kind of folder (face.obj, face.png and two pivots) becomes the avatar of its person; then
    `avatar` is not used.
    """
    if (folder / _MESH).is_file():
        avatar = scanned_avatar(folder.resolve().name, folder / _MESH, folder / _SKIN, TEXTALK4D_UNIT)
        motion, texture = (read_pivot(folder / name) for name in PIVOTS)
    else:
        clips = clips_of_one(folder)
        motion, texture = pivots_of(talker, clips)
        if clips.contents.source == FOOTAGE:
            motion = talker.motion_pivot.cpu().lerp(motion, FILMED)
            texture = talker.texture_pivot.cpu().lerp(texture, FILMED)
    return replace(avatar, styles={**avatar.styles, MOTION_STYLE: motion, TEXTURE_STYLE: texture})


def pivots_of(
    talker: TexTalker, clips: ClipSet
) -> tuple[Float[Tensor, " motion_dims"], Float[Tensor, " texture_dims"]]:
    """Means over every frame of the clips. In single precision: in half it takes minutes where a CPU has no
    such products."""
    config, low, high = talker.config, talker.low, talker.high
    motions = frame_maps(talker, clips, config.motion.size)
    skins = frame_maps(talker, clips, config.texture.size)

    def moving(clip: int, start: int, stop: int) -> Tensor:
        return motions.motions(clip, start, stop, low, high)

    def wrinkled(clip: int, start: int, stop: int) -> Tensor:
        return skins.wrinkles(clip, start, stop, low.device)

    count = range(len(clips))
    motion = [encoded(talker.motion, moving, clip, motions.frames[clip], exact=True) for clip in count]
    texture = [encoded(talker.texture, wrinkled, clip, skins.frames[clip], exact=True) for clip in count]
    return torch.cat(motion).float().mean(0), torch.cat(texture).float().mean(0)
