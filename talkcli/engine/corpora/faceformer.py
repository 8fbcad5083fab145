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
from talkcli.engine.corpora.foreign import find, load_array, load_templates
from talkcli.engine.errors import BadInput, MissingAsset
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
    split_of: Callable[[str], str | None],
    every: int = 1,
) -> Mapping[str, Callable[[], Clip]]:
    """`subject/sentence` of every split and how to get it; one of `every` so many frames is kept."""
    templates = load_templates(find(folder, "templates.pkl", hint=HINT), verts)
    arrays = sorted(folder.glob("vertices_npy/*.npy"))
    if not arrays:
        raise MissingAsset(f"{folder} has no vertices_npy/*.npy.", HINT)
    clips = {}
    for path in arrays:
        subject, _, sentence = path.stem.rpartition("_")
        wav = folder / "wav" / f"{path.stem}.wav"
        name = f"{subject}/{sentence}"
        if not sentence[-2:].isdigit() or split_of(name) is None or not wav.is_file():
            continue
        if subject not in templates:
            raise BadInput(f"templates.pkl lacks {subject}.", "Fetch it again.")
        avatar = Avatar(subject, templates[subject], faces, lips)
        clips[name] = functools.partial(_clip, path, wav, avatar, fps, every)
    return clips


def _clip(path: Path, wav: Path, avatar: Avatar, fps: Fraction, every: int) -> Clip:
    vertices, width = load_array(path), avatar.neutral.numel()
    if vertices.ndim != 2 or vertices.shape[1] != width:
        raise BadInput(f"{path} is {vertices.shape}, not [frames, {width}].", "Fetch it again.")
    places = torch.tensor(vertices[::every], dtype=torch.float32).unflatten(1, (-1, 3))
    return Clip(load_speech(wav), Motion(fps, Vertices(places - avatar.neutral)), avatar)
