"""What the regressors learn from: latents of single frames, and what the rig does in them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.clips import ClipSet, Example
from talkcli.engine.face.mouth_motion import importance, seen_roots
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.methods.textalker.encodings import pivots
from talkcli.engine.methods.textalker.frame_maps import RigFrameMaps, frame_maps
from talkcli.engine.methods.textalker.speech_windows import latents_of_both
from talkcli.engine.methods.textalker.talker import TexTalker
from talkcli.engine.struct import TensorStruct

LESSONS = 60_000
"""Frames that are learnt from at most."""


class LatentFrame(TensorStruct):
    """One frame, or a batch."""

    motion: Float[Tensor, "*batch motion_dims"]
    texture: Float[Tensor, "*batch texture_dims"]
    """Along the axes that the diffusion draws, pivots included."""
    weights: Float[Tensor, "*batch shapes"]
    folds: Float[Tensor, "*batch folds"]
    """What the clip does: weights of the rig's named shapes, and how far its wrinkles are on."""
    seen: Float[Tensor, "*batch shapes shapes"]
    """Errors of weights @ this: their mean square is what is seen (`mouth_motion.importance`)."""


def latent_frames(network: TexTalker, clips: ClipSet) -> Example[LatentFrame]:
    """Random frames of the clips. The regressors begin with the least squares on them."""
    config = network.config
    motions = frame_maps(network, clips, config.motion.size)
    skins = frame_maps(network, clips, config.texture.size)
    assert network.weights_of is not None and network.folds_of is not None
    assert isinstance(motions, RigFrameMaps) and isinstance(skins, RigFrameMaps)
    tracks = [
        on_axes(latents, clips, None if axes is None else axes.cpu())
        for latents, axes in zip(
            latents_of_both(network, clips, motions, skins),
            (network.motion_axes, network.texture_axes),
            strict=True,
        )
    ]
    stride = max(1, sum(motions.frames) // LESSONS)
    motion, texture = (torch.cat(track)[::stride] for track in tracks)
    weights = torch.cat([motions.weights(clip) for clip in range(len(motions.frames))])[::stride]
    folds = torch.cat([skins.folds(clip) for clip in range(len(skins.frames))])[::stride]
    network.weights_of.begin_with_least_squares(motion, weights)
    network.folds_of.begin_with_least_squares(texture, folds)
    seen = seen_roots(importance(load_rig(config.rig), config.rig_shapes))[0].float()

    def cut(_: ClipSet, index: int, generator: torch.Generator) -> LatentFrame:
        at = int(torch.randint(len(weights), (), generator=generator))
        return LatentFrame(motion[at], texture[at], weights[at], folds[at], seen)

    return cut


def on_axes(
    latents: list[Float[Tensor, "frames dims"]], clips: ClipSet, axes: Float[Tensor, "dims parts"] | None
) -> list[Float[Tensor, "frames dims"]]:
    """Latents as the diffusion could have drawn them: what leaves its axes is let go."""
    if axes is None:
        return [track.float() for track in latents]
    own = pivots(latents, clips)
    apart = (
        (track.float() - own[clips.speaker(i)], own[clips.speaker(i)]) for i, track in enumerate(latents)
    )
    return [rest @ axes @ axes.T + pivot for rest, pivot in apart]
