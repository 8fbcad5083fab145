"""Motion as the network sees it: a corpus's vertices, or principal motions of the rig's shapes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.audio.starter_ear import StarterEarConfig
from talkcli.engine.clips import ClipSet, flat
from talkcli.engine.errors import BadInput
from talkcli.engine.face.mouth_motion import gap_of, importance, principal_motions, projected
from talkcli.engine.face.rigs import DEFAULT_RIG, load_rig, rig_of
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig, as_published
from talkcli.engine.motion import Coefficients, Motion, Vertices


def shape_weights(motion: Motion, config: MemoryTalkerConfig) -> Float[Tensor, "frames shapes"]:
    """The tracks of the shapes that the talker moves, in a motion of its rig."""
    face = motion.face
    if not isinstance(face, Coefficients) or face.rig != config.rig:
        raise BadInput(
            f"This model learns from motions of the rig {config.rig}.", "Use clips of talk prepare studio."
        )
    return face.expression[:, load_rig(config.rig).columns(config.rig_shapes)]


def fit_mixing(network: MemoryTalker, clips: ClipSet) -> None:
    """Principal motions of the clips into the network; called once, before it learns."""
    config = network.config
    if config.rig_shapes and config.components:
        tracks = torch.cat([shape_weights(clips.motion(i), config) for i in range(len(clips))])
        form = importance(load_rig(config.rig), config.rig_shapes)
        network.mixing.copy_(principal_motions(tracks, form, config.components))


def targets(network: MemoryTalker, clips: ClipSet) -> list[Float[Tensor, "frames dims"]]:
    """Every clip's motion as the network is to speak it."""
    return [target(network, clips.motion(i)) for i in range(len(clips))]


def target(network: MemoryTalker, motion: Motion) -> Float[Tensor, "frames dims"]:
    """A motion as the network is to speak it. BadInput for another frame rate, rig or mesh."""
    names, fps = network.config.rig_shapes, network.config.fps
    if motion.fps != fps:
        raise BadInput(f"This model moves {fps} times a second, not {motion.fps}.", "Resample the clips.")
    if names:
        form = importance(load_rig(network.config.rig), names)
        return projected(shape_weights(motion, network.config), network.mixing.cpu(), form)
    offsets = flat(motion)
    if not isinstance(motion.face, Vertices) or offsets.shape[1] != network.config.dims:
        raise BadInput(
            f"This model learns from motions of {network.config.verts} vertices.",
            "Give clips of the corpus that it was trained on.",
        )
    return offsets


def lip_gap(network: MemoryTalker) -> Float[Tensor, " dims"] | None:
    """What each component opens the middle of the lips by, metres; None off the rig."""
    rig, names = network.config.rig, network.config.rig_shapes
    return network.mixing.cpu() @ gap_of(load_rig(rig), names) if names else None


SPOKEN = ("jaw", "mouth", "tongue", "cheek")
"""Prefixes of the shapes that speech moves; eyes and brows live a life of their own."""


def paper_size(clips: ClipSet) -> MemoryTalkerConfig:
    """As published, speaking the vertices of the clips or the shapes of their rig."""
    fps, (rig, names) = _rate(clips), _spoken_shapes(clips)
    verts = len(clips.avatar(0).neutral)
    return as_published(
        MemoryTalkerConfig(verts, fps, period=fps, double_rate=fps == 25, rig=rig, rig_shapes=names)
    )


def starter_size(clips: ClipSet) -> MemoryTalkerConfig:
    """Small enough to learn and to speak on two CPU cores, with an ear that is taught already."""
    fps, (rig, names) = _rate(clips), _spoken_shapes(clips)
    return MemoryTalkerConfig(
        verts=len(clips.avatar(0).neutral),
        fps=fps,
        period=fps,
        ears=(StarterEarConfig(),),
        slots=40,
        text_scaling=1.0,
        reach=6,
        rig=rig,
        rig_shapes=names,
        components=16 if names else 0,
    )


def _rate(clips: ClipSet) -> int:
    fps = clips.motion(0).fps
    if fps.denominator != 1:
        raise BadInput(f"MemoryTalker counts whole frames a second, not {fps}.", "Resample the clips.")
    return int(fps)


def _spoken_shapes(clips: ClipSet) -> tuple[str, tuple[str, ...]]:
    """The rig and those of its shapes that speech moves; none where the clips move vertices."""
    if not isinstance(clips.motion(0).face, Coefficients):
        return DEFAULT_RIG, ()
    rig = rig_of(clips.avatar(0))
    names = tuple(name for name in load_rig(rig).shape_names if name.startswith(SPOKEN))
    if not names:
        raise BadInput(f"The rig {rig} has no shapes of speech.", "Use clips of talk prepare studio.")
    return rig, names
