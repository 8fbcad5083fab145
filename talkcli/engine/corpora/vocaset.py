"""VOCASET (Cudeiro et al. 2019): twelve people, forty sentences each, FLAME's 5023 vertices in metres.

wav/{subject}_sentence01.wav     vertices_npy/{subject}_sentence01.npy [frames at 60 fps, 15069]
templates.pkl                    lips_coordinates.npy (or FLAME_masks.pkl)      FLAME_sample.ply
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import torch

from talkcli.engine.clips import Clip, Contents
from talkcli.engine.corpora.foreign import (
    find,
    load_array,
    load_arrays,
    load_faces,
    load_indices,
    load_templates,
)
from talkcli.engine.errors import BadInput, MissingAsset
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.speech import load_speech

VERTS = 5023
FPS = Fraction(30)
"""Every second frame of the 60 captured, as all published models use it."""

LICENCE = "VOCASET licence (non-commercial research); see voca.is.tue.mpg.de"

_TRAIN = ("170728_03272", "170904_00128", "170725_00137", "170915_00223", "170811_03274", "170913_03279",
          "170904_03276", "170912_03278")  # fmt: skip
_VAL = ("170811_03275", "170908_03277")
_TEST = ("170809_00138", "170731_00024")
"""FaceFormer's split; who validates or tests says only sentences 21 to 40."""


def split_of(name: str) -> str | None:
    """`subject/sentenceNN` -> the split it belongs to, if any."""
    subject, sentence = name.split("/")
    key, number = subject.removeprefix("FaceTalk_").removesuffix("_TA"), int(sentence[-2:])
    if key in _TRAIN:
        return "train"
    if number > 20 and key in _VAL + _TEST:
        return "val" if key in _VAL else "test"
    return None


def read(folder: Path) -> Iterator[tuple[str, Callable[[], Clip]]]:
    """Every clip of a published split: `subject/sentenceNN`, and how to get it."""
    hint = "Lay the corpus out as FaceFormer does: wav/, vertices_npy/, templates.pkl."
    templates = load_templates(find(folder, "templates.pkl", hint=hint), VERTS)
    faces = load_faces(
        find(folder, "FLAME_sample.ply", hint="It lies in the template folder of VOCA's code.")
    )
    masks = find(folder, "lips_coordinates.npy", "FLAME_masks.pkl", hint="Fetch FLAME's vertex masks.")
    if masks.suffix == ".pkl":
        lips = torch.from_numpy(load_arrays(masks)["lips"].astype("int64"))
    else:
        lips = load_indices(masks, VERTS)
    arrays = sorted(folder.glob("vertices_npy/*_sentence*.npy"))
    if not arrays:
        raise MissingAsset(f"{folder} has no vertices_npy/*.npy.", hint)
    for path in arrays:
        subject, _, sentence = path.stem.rpartition("_")
        name = f"{subject}/{sentence}"
        wav = folder / "wav" / f"{path.stem}.wav"
        if split_of(name) is None or not wav.is_file():
            continue
        if subject not in templates:
            raise BadInput(f"templates.pkl lacks {subject}.", "Fetch it again.")
        avatar = Avatar(subject, templates[subject], faces, lips)
        yield name, lambda path=path, wav=wav, avatar=avatar: _clip(path, wav, avatar)


def _clip(path: Path, wav: Path, avatar: Avatar) -> Clip:
    vertices = load_array(path)
    if vertices.ndim != 2 or vertices.shape[1] != 3 * VERTS:
        raise BadInput(f"{path} is {vertices.shape}, not [frames, {3 * VERTS}].", "Fetch it again.")
    offsets = torch.tensor(vertices[::2], dtype=torch.float32).unflatten(1, (-1, 3)) - avatar.neutral
    return Clip(load_speech(wav), Motion(FPS, Vertices(offsets)), avatar)


def contents(names: list[str]) -> Contents:
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for name in names:
        splits[split_of(name) or "train"].append(name)
    return Contents(splits, LICENCE, "VOCASET", {"corpus": "vocaset"})
