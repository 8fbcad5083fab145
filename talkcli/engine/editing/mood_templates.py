"""Faces of moods: those of the built-in head, and those learnt from labelled clips (3DXTalker, table 7)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.clips import ClipSet
from talkcli.engine.editing.moods import MOODS, NEUTRAL_MOOD, mood_of_word
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.expression import Expression
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.geometry import FRAMES_EXPANDED, offsets, rig_weights
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.face.topology import middle_pairs
from talkcli.engine.files import load_struct, save_struct
from talkcli.engine.motion import Motion
from talkcli.engine.struct import TensorStruct

LEAST_INTENSITY = 0.05
"""Clips of a mood that is weaker say nothing of it."""

_PARTING = 1e4
"""How much parting lips counts against moving skin elsewhere, where a mood gives way to a closure."""

_PRESSED = 3e-4
"""Metres that lips go into each other then: what networks say meets only nearly."""

_OF_MOUTH = ("mouth", "jaw")
_PARTS = 1e-3
"""Metres by which a shape parts lips, from which on it may give way."""
_CLOSERS = ("mouthClose", "mouthPressLeft", "mouthPressRight", "mouthShrugLower", "mouthRollLower")
"""Shapes among which some give way to a closure, and those that may come to it."""

_LIPS_REACH = 0.3
"""Of the mouth's width, how far skin goes along with lips."""


class MoodTemplates(TensorStruct):
    """The face of each mood at level 1."""

    names: tuple[str, ...]
    faces: Float[Tensor, "moods ..."]
    """Weights of the rig's shapes; of a bare mesh, metres from neutral."""
    rig: str | None = None
    source: str = "learnt moods"
    """The file that they were read from, for errors; it is not kept."""


def save_mood_templates(templates: MoodTemplates, path: Path) -> None:
    save_struct(MoodTemplates(templates.names, templates.faces, templates.rig), path)


def load_mood_templates(path: Path) -> MoodTemplates:
    """Read what save_mood_templates wrote. BadInput for another file, Untrusted for a damaged one."""
    templates: MoodTemplates = load_struct(path, (MoodTemplates,))
    known = all(isinstance(name, str) and name in MOODS for name in templates.names)
    if not known or len(templates.names) != len(templates.faces):
        raise BadInput(f"{path} names other moods than it holds.", "Make it again: talk emote CLIPS -o FILE")
    return replace(templates, source=str(path))


@dataclass(frozen=True)
class LabelledClip:
    """A performance in a mood."""

    mood: str
    intensity: float
    """Of the mood, 1 where nobody says."""
    motion: Motion
    avatar: Avatar


def labelled(clips: ClipSet) -> Iterator[LabelledClip]:
    """The clips whose mood is known: by their motion's provenance, as the studio writes it, or by a word of
    their name, as in M003-angry-level_2-001."""
    for index, name in enumerate(clips.names):
        motion = clips.motion(index)
        told = motion.provenance.get("mood")
        words = [str(told)] if told else re.findall(r"[a-z]+", name.lower())
        mood = next(filter(None, map(mood_of_word, words)), None)
        if mood is not None:
            intensity = motion.provenance.get("intensity", 1.0)
            plain = mood == NEUTRAL_MOOD or not isinstance(intensity, float | int)
            yield LabelledClip(mood, 1.0 if plain else float(intensity), motion, clips.avatar(index))


def mean_faces(clips: Iterable[LabelledClip]) -> MoodTemplates:
    """E = mean over all frames of a mood's clips, less that of the neutral ones, by the mean intensity.

    The paper takes the mean alone, in place of a reference; here it is added to somebody who speaks already.
    BadInput where no clip has a mood, or none is neutral.
    """
    sums: dict[str, Tensor] = {}
    frames: dict[str, int] = {}
    intensities: dict[str, float] = {}
    rig: str | None = None
    for clip in clips:
        if clip.intensity < LEAST_INTENSITY:
            continue
        rig = clip.avatar.rig
        total, count = _total(clip), len(clip.motion)
        if clip.mood in sums and sums[clip.mood].shape != total.shape:
            raise BadInput("These clips move different faces.", "Prepare those of one topology.")
        sums[clip.mood] = sums.get(clip.mood, 0) + total
        frames[clip.mood] = frames.get(clip.mood, 0) + count
        intensities[clip.mood] = intensities.get(clip.mood, 0.0) + clip.intensity * count
    names = tuple(name for name in MOODS if name in sums and name != NEUTRAL_MOOD)
    if not names or NEUTRAL_MOOD not in sums:
        lack = "none is neutral" if names else "none is labelled with a mood"
        raise BadInput(
            f"Of these clips {lack}.",
            f"Labels are words in clips' names: m003/angry-01; known are {', '.join(MOODS)}.",
        )
    rest = sums[NEUTRAL_MOOD] / frames[NEUTRAL_MOOD]
    faces = [(sums[name] / frames[name] - rest) / (intensities[name] / frames[name]) for name in names]
    return MoodTemplates(names, torch.stack(faces).float(), rig)


def _total(clip: LabelledClip) -> Float[Tensor, "*numbers"]:
    """Sum over frames, a few at a time."""
    read = offsets if clip.avatar.rig is None else rig_weights
    starts = range(0, len(clip.motion), FRAMES_EXPANDED)
    parts = (read(clip.motion, clip.avatar, start, start + FRAMES_EXPANDED) for start in starts)
    return torch.stack([part.double().sum(0) for part in parts]).sum(0)


def mood_expression(mood: str, avatar: Avatar, templates: MoodTemplates | None = None) -> Expression:
    """A mood at level 1 on this avatar. BadInput where neither its rig nor the templates have it."""
    if templates is not None:
        return _learnt(mood, avatar, templates)
    if avatar.rig is not None and has_moods(load_rig(avatar.rig)):
        return rig_mood(mood, avatar.rig)
    what = "is a bare mesh" if avatar.rig is None else f"has the rig {avatar.rig}"
    raise BadInput(
        f"Avatar {avatar.name} {what}, for which no moods are built in.",
        "Learn them from labelled clips of it: talk emote CLIPS -o moods.safetensors; then give --templates.",
    )


def has_moods(model: FaceModel) -> bool:
    """Whether the rig has the shapes of MOODS."""
    sides = {name.removesuffix("Left").removesuffix("Right") for name in model.shape_names}
    wanted = {name for mood in MOODS.values() for name in (*mood.face, *mood.idle)}
    return wanted <= sides | set(model.shape_names)


@functools.cache
def rig_mood(mood: str, rig: str) -> Expression:
    """One of MOODS on a rig that has its shapes."""
    model, entry = load_rig(rig), MOODS[mood]
    speaking = model.weight_vector(**entry.face)
    return Expression(speaking, _shut_weights(speaking, model), speaking + model.weight_vector(**entry.idle))


def _learnt(mood: str, avatar: Avatar, templates: MoodTemplates) -> Expression:
    if templates.rig != avatar.rig or (
        avatar.rig is None and templates.faces.shape[1:] != avatar.neutral.shape
    ):
        theirs = f"the rig {templates.rig}" if templates.rig else f"{templates.faces.shape[1]} vertices"
        raise BadInput(
            f"{templates.source}: its moods are of {theirs}; avatar {avatar.name} has "
            f"{f'the rig {avatar.rig}' if avatar.rig else f'{len(avatar.neutral)} vertices'}.",
            "Give templates of its own: talk emote CLIPS -o moods.safetensors",
        )
    if mood == NEUTRAL_MOOD:
        face = torch.zeros_like(templates.faces[0])
        return Expression(face, face, face)
    if mood not in templates.names:
        raise BadInput(
            f"{templates.source} has no {mood}.",
            f"They have {', '.join(templates.names)}: give one of these.",
        )
    face = templates.faces[templates.names.index(mood)]
    if avatar.rig is None:
        return Expression(face, _shut_offsets(face, avatar), face)
    return Expression(face, _shut_weights(face, load_rig(avatar.rig)), face)


def _shut_weights(weights: Float[Tensor, " shapes"], model: FaceModel) -> Float[Tensor, " shapes"]:
    """The nearest face, in metres of skin, that moves lips nowhere apart: less of what the mouth does, and
    lips that go to meet; where weights have signs, any of them."""
    pairs = middle_pairs(model.topology)
    if not len(pairs):
        return weights
    upper, lower = pairs.unbind(1)
    from scipy.optimize import lsq_linear  # a fifth of a second, for those who need it

    shapes, own = model.shapes.double(), weights.double().numpy()
    parting = (shapes[:, upper] - shapes[:, lower]).numpy().transpose(2, 1, 0)  # [3, pairs, shapes]
    apart = parting[1] @ own
    level = np.zeros(len(upper))
    wish = np.concatenate([level, np.minimum(apart, -_PRESSED) if apart.max() > 0 else apart, level])
    flat = shapes.flatten(1)
    gram = (flat @ flat.mT).numpy()
    root = np.linalg.cholesky(gram + 1e-9 * np.trace(gram) * np.eye(len(gram))).T
    rows = np.concatenate([root, _PARTING**0.5 * parting.reshape(-1, len(own))])
    aims = np.concatenate([root @ own, _PARTING**0.5 * wish])
    if model.signed:
        return torch.from_numpy(np.linalg.lstsq(rows, aims, rcond=None)[0]).float()
    closes = np.array([name in _CLOSERS for name in model.shape_names])
    most = np.where(closes, 1.0, own)
    free = (parting[1].mean(0) > _PARTS) & (most > 0) | closes
    free &= np.array([name.startswith(_OF_MOUTH) for name in model.shape_names])
    shut, rest = own.copy(), aims - rows[:, ~free] @ own[~free]
    shut[free] = lsq_linear(rows[:, free], rest, (0, most[free]), method="bvls").x
    return torch.from_numpy(shut).float()


def _shut_offsets(face: Float[Tensor, "verts 3"], avatar: Avatar) -> Float[Tensor, "verts 3"]:
    """The same without what parts the lips: both go to the middle of where they go, skin near them along."""
    lips, neutral = avatar.lips, avatar.neutral
    if len(lips) < 2:
        return face
    place, width = neutral[lips], (neutral[lips, 0].max() - neutral[lips, 0].min()).clamp(min=1e-6)
    upper = place[:, 1] > (place[:, 1].max() + place[:, 1].min()) / 2
    if not upper.any() or upper.all():
        return face
    middle = (place[upper, 1].min() + place[~upper, 1].max()) / 2

    def lifted(side: Tensor) -> Float[Tensor, " verts"]:
        near = torch.exp(-(((neutral[:, None, 0] - place[side, 0]) / (width / 8)) ** 2) / 2) + 1e-9
        return (near * face[lips[side], 1]).sum(1) / near.sum(1)

    parting = (lifted(upper) - lifted(~upper)).clamp(min=0)
    share = 1 - (torch.cdist(neutral, place).amin(1) / (_LIPS_REACH * width)).clamp(0, 1)
    way = torch.where(neutral[:, 1] > middle, 0.5, -0.5)
    shut = face.clone()
    shut[:, 1] -= way * parting * share * share * (3 - 2 * share)
    return shut
