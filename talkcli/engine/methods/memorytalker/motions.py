"""Motion as the network sees it: a corpus's vertices, or principal motions of the rig's shapes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.clips import ClipSet, flat
from talkcli.engine.errors import BadInput
from talkcli.engine.face.face_model import FaceModel, load_face_model
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig
from talkcli.engine.motion import Coefficients, Motion

LIP_WEIGHT = 20.0
"""How much more a lip vertex counts than another one when principal motions are sought."""
GAP_WEIGHT = 200.0
"""How much the distance between facing inner lips counts: what eyes see first."""


def shape_weights(motion: Motion, names: tuple[str, ...]) -> Float[Tensor, "frames shapes"]:
    """The tracks of the named shapes in a motion of the rig."""
    face = motion.face
    if not isinstance(face, Coefficients) or face.space != "arkit":
        raise BadInput(
            "This model learns from motions of the rig's named shapes.", "Use clips of talk prepare studio."
        )
    known = load_face_model().shape_names
    return face.expression[:, [known.index(name) for name in names]]


def importance(model: FaceModel, names: tuple[str, ...]) -> Float[Tensor, "shapes shapes"]:
    """Quadratic form of what is seen of mixed shapes, square metres: skin, lips, most of all their gap."""
    chosen = model.shapes[[model.shape_names.index(name) for name in names]].double()
    weight = torch.ones(chosen.shape[1], dtype=torch.float64)
    weight[model.topology.regions["lips"]] = LIP_WEIGHT
    seen = (chosen * weight.sqrt()[:, None]).flatten(1)
    upper, lower = model.topology.lip_pairs.unbind(1)
    gap = (chosen[:, upper] - chosen[:, lower]).flatten(1) * (GAP_WEIGHT / len(upper) * 10) ** 0.5
    return seen @ seen.T + gap @ gap.T


def principal_motions(
    tracks: Float[Tensor, "frames shapes"], form: Float[Tensor, "shapes shapes"], components: int
) -> Float[Tensor, "components shapes"]:
    """Mixtures of shapes that explain most of what is seen, the first with a mean square of one.

    Rest is zero: nothing is centred, so a network that says nothing leaves the mouth at rest.
    """
    values, vectors = torch.linalg.eigh(form)
    floor = values.max() * 1e-6
    root = vectors * values.clamp(min=floor).sqrt() @ vectors.T
    inverse = vectors / values.clamp(min=floor).sqrt() @ vectors.T
    spread = root @ (tracks.double().T @ tracks.double() / len(tracks)) @ root
    strengths, axes = torch.linalg.eigh(spread)
    chosen = axes[:, -components:].flip(1)
    return (chosen.T @ inverse * strengths[-1].sqrt()).float()


def fit_mixing(network: MemoryTalker, clips: ClipSet) -> None:
    """Principal motions of the clips into the network; called once, before it learns."""
    names, components = network.config.rig_shapes, network.config.components
    if names and components:
        tracks = torch.cat([shape_weights(clips.motion(i), names) for i in range(len(clips))])
        form = importance(load_face_model(), names)
        network.mixing.copy_(principal_motions(tracks, form, components))


def unmixed(
    tracks: Float[Tensor, "frames shapes"], network: MemoryTalker, form: Float[Tensor, "shapes shapes"]
) -> Float[Tensor, "frames dims"]:
    """The components nearest to given shape weights, in what is seen."""
    mixing = network.mixing.cpu().double()
    solve = torch.linalg.solve(mixing @ form @ mixing.T, mixing @ form)
    return tracks @ solve.T.float()


def targets(network: MemoryTalker, clips: ClipSet) -> list[Float[Tensor, "frames dims"]]:
    """Every clip's motion as the network is to speak it."""
    names = network.config.rig_shapes
    if not names:
        return [flat(clips.motion(i)) for i in range(len(clips))]
    form = importance(load_face_model(), names)
    return [unmixed(shape_weights(clips.motion(i), names), network, form) for i in range(len(clips))]


def lip_gap(network: MemoryTalker) -> Float[Tensor, " dims"] | None:
    """What each component opens the middle of the lips by, metres; None off the rig."""
    names = network.config.rig_shapes
    if not names:
        return None
    model = load_face_model()
    pairs = model.topology.lip_pairs
    upper, lower = pairs[len(pairs) // 3 : len(pairs) - len(pairs) // 3].unbind(1)
    chosen = model.shapes[[model.shape_names.index(name) for name in names]]
    return network.mixing.cpu() @ (chosen[:, upper, 1] - chosen[:, lower, 1]).mean(1)


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
