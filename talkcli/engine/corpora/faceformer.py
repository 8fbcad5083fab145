"""Corpora as FaceFormer lays them out (Fan et al. 2022): one array of vertices and one recording a sentence.

wav/{subject}_{sentence}.wav     vertices_npy/{subject}_{sentence}.npy [frames, 3 verts]     templates.pkl
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from talkcli.engine.clips import Clip
from talkcli.engine.corpora.foreign import files_in, find, load_array, load_templates, of_kind
from talkcli.engine.errors import BadInput, MissingAsset, reading
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.speech import load_speech

HINT = "Lay the corpus out as FaceFormer does: wav/, vertices_npy/, templates.pkl."


def sentences(
    folder: Path,
    faces: Int[Tensor, "faces 3"],
    lips: Int[Tensor, " lip_verts"],
    verts: int,
    fps: Fraction,
    every: int = 1,
) -> Mapping[str, Callable[[], Clip]]:
    """`subject/sentence` of every recording and array, and how to get it, with one of `every` so many frames.

    What lacks its counterpart is refused when it is got.
    """
    templates = load_templates(find(folder, "templates.pkl", hint=HINT), verts)
    arrays, recordings = (files_in(folder / part) for part in ("vertices_npy", "wav"))
    arrays, recordings = of_kind(arrays, ".npy"), of_kind(recordings, ".wav")
    if not arrays:
        raise MissingAsset(f"{folder} has no vertices_npy/*.npy.", HINT)
    clips: dict[str, Callable[[], Clip]] = {}
    for stem in sorted({*arrays, *recordings}):
        subject, _, sentence = stem.rpartition("_")
        name = f"{subject or stem}/{sentence}"
        if stem not in recordings or stem not in arrays:
            path = f"wav/{stem}.wav" if stem not in recordings else f"vertices_npy/{stem}.npy"
            clips[name] = functools.partial(_refuse, f"There is no {folder / path}.")
        elif subject not in templates:
            clips[name] = functools.partial(_refuse, f"templates.pkl lacks {subject}.")
        else:
            avatar = Avatar(subject, templates[subject], faces, lips)
            clips[name] = functools.partial(_clip, arrays[stem], recordings[stem], avatar, fps, every)
    return clips


def _refuse(reason: str) -> Clip:
    raise BadInput(reason, HINT)


def _clip(path: Path, wav: Path, avatar: Avatar, fps: Fraction, every: int) -> Clip:
    vertices, width = load_array(path), avatar.neutral.numel()
    if vertices.ndim == 3 and vertices.shape[2] == 3:
        vertices = vertices.reshape(len(vertices), -1)
    if vertices.ndim != 2 or vertices.shape[1] != width:
        raise BadInput(
            f"{path} is {vertices.shape}, not [frames, {width}] nor [frames, {width // 3}, 3].", HINT
        )
    with reading(path, "an array of places"):
        places = torch.tensor(vertices[::every], dtype=torch.float32).unflatten(1, (-1, 3))
    return Clip(load_speech(wav), Motion(fps, Vertices(places - avatar.neutral)), avatar)
