"""Motion as the network sees it: a corpus's vertices, or principal motions of the rig's shapes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.clips import ClipSet, flat
from talkcli.engine.errors import BadInput
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.mouth_motion import gap_of, importance, principal_motions, projected
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig
from talkcli.engine.motion import Coefficients, Motion, Vertices


def shape_weights(motion: Motion, names: tuple[str, ...]) -> Float[Tensor, "frames shapes"]:
    """The tracks of the named shapes in a motion of the rig."""
    face = motion.face
    if not isinstance(face, Coefficients) or face.space != "arkit":
        raise BadInput(
            "This model learns from motions of the rig's named shapes.", "Use clips of talk prepare studio."
        )
    known = load_face_model().shape_names
    return face.expression[:, [known.index(name) for name in names]]


def fit_mixing(network: MemoryTalker, clips: ClipSet) -> None:
    """Principal motions of the clips into the network; called once, before it learns."""
    names, components = network.config.rig_shapes, network.config.components
    if names and components:
        tracks = torch.cat([shape_weights(clips.motion(i), names) for i in range(len(clips))])
        form = importance(load_face_model(), names)
        network.mixing.copy_(principal_motions(tracks, form, components))


def targets(network: MemoryTalker, clips: ClipSet) -> list[Float[Tensor, "frames dims"]]:
    """Every clip's motion as the network is to speak it."""
    return [target(network, clips.motion(i)) for i in range(len(clips))]


def target(network: MemoryTalker, motion: Motion) -> Float[Tensor, "frames dims"]:
    """A motion as the network is to speak it. BadInput for another frame rate, rig or mesh."""
    names, fps = network.config.rig_shapes, network.config.fps
    if motion.fps != fps:
        raise BadInput(f"This model moves {fps} times a second, not {motion.fps}.", "Resample the clips.")
    if names:
        form = importance(load_face_model(), names)
        return projected(shape_weights(motion, names), network.mixing.cpu(), form)
    offsets = flat(motion)
    if not isinstance(motion.face, Vertices) or offsets.shape[1] != network.config.dims:
        raise BadInput(
            f"This model learns from motions of {network.config.verts} vertices.",
            "Give clips of the corpus that it was trained on.",
        )
    return offsets


def lip_gap(network: MemoryTalker) -> Float[Tensor, " dims"] | None:
    """What each component opens the middle of the lips by, metres; None off the rig."""
    names = network.config.rig_shapes
    return network.mixing.cpu() @ gap_of(names) if names else None


SPOKEN = ("jaw", "mouth", "tongue", "cheek")
"""Beginnings of the names of shapes that speech moves; eyes and brows live a life of their own."""


def config_for(clips: ClipSet) -> MemoryTalkerConfig:
    """As published for a corpus of vertices; small and on the rig for the studio's clips."""
    motion = clips.motion(0)
    if motion.fps.denominator != 1:
        raise BadInput(f"MemoryTalker counts whole frames a second, not {motion.fps}.", "Resample the clips.")
    fps = int(motion.fps)
    if isinstance(motion.face, Coefficients):
        names = load_face_model().shape_names
        return MemoryTalkerConfig(
            verts=len(clips.avatar(0).neutral),
            fps=fps,
            period=fps,
            encoder="logmel",
            slots=40,
            text_scaling=1.0,
            reach=6,
            rig_shapes=tuple(name for name in names if name.startswith(SPOKEN)),
            components=16,
        )
    verts = flat(motion).shape[1] // 3
    return MemoryTalkerConfig(verts=verts, fps=fps, period=fps, double_rate=fps == 25)
