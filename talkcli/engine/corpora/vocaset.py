"""VOCASET (Cudeiro et al. 2019): twelve people, forty sentences each, FLAME's 5023 vertices in metres.

wav/{subject}_sentence01.wav     vertices_npy/{subject}_sentence01.npy [frames at 60 fps, 15069]
templates.pkl                    lips_coordinates.npy (or FLAME_masks.pkl)      FLAME_sample.ply

That is FaceFormer's layout. VOCASET's own site serves all vertices in one file, and all sound in another:

data_verts.npy [frames at 60 fps, 5023, 3]     subj_seq_to_idx.pkl {subject: {sentence: {frame: row}}}
raw_audio_fixed.pkl {subject: {sentence: {audio: int16, sample_rate}}}
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from talkcli.engine.clips import Clip
from talkcli.engine.corpora.corpus import Corpus
from talkcli.engine.corpora.faceformer import sentences
from talkcli.engine.corpora.foreign import (
    checked_indices,
    find,
    load_array,
    load_faces,
    load_indices,
    load_templates,
    of_name,
)
from talkcli.engine.errors import BadInput, reading
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.pickles import load_arrays, load_tree
from talkcli.engine.speech import speech_of

VOCASET_VERTS = 5023
VERTICES_FILE, SOUND_FILE = "data_verts.npy", "raw_audio_fixed.pkl"
_FPS = Fraction(30)
"""Every second frame of the 60 captured, as all published models use it."""

_TRAIN = ("170728_03272", "170904_00128", "170725_00137", "170915_00223", "170811_03274", "170913_03279",
          "170904_03276", "170912_03278")  # fmt: skip
_VAL = ("170811_03275", "170908_03277")
_TEST = ("170809_00138", "170731_00024")
"""FaceFormer's split; who validates or tests says only sentences 21 to 40."""


def _split_of(name: str) -> str | None:
    """`subject/sentenceNN` -> the split it belongs to, if any."""
    subject, sentence = name.split("/")
    if not sentence[-2:].isdecimal():
        return None
    key, number = subject.removeprefix("FaceTalk_").removesuffix("_TA"), int(sentence[-2:])
    if key in _TRAIN:
        return "train"
    if number > 20 and key in _VAL + _TEST:
        return "val" if key in _VAL else "test"
    return None


def _read(folder: Path) -> Mapping[str, Callable[[], Clip]]:
    """Every clip: `subject/sentenceNN`, and how to get it."""
    shape = find(folder, "FLAME_sample.ply", hint="It lies in the template folder of VOCA's code.")
    masks = find(folder, "lips_coordinates.npy", "FLAME_masks.pkl", hint="Fetch FLAME's vertex masks.")
    if masks.suffix.lower() == ".pkl":
        with reading(masks, "FLAME's vertex masks"):
            lips = checked_indices(load_arrays(masks)["lips"], masks, VOCASET_VERTS)
    else:
        lips = load_indices(masks, VOCASET_VERTS)
    faces = load_faces(shape, VOCASET_VERTS)
    if (served := of_name(folder, VERTICES_FILE)) is not None:
        return _served(folder, served, faces, lips)
    return sentences(folder, faces, lips, VOCASET_VERTS, _FPS, every=2)


def _served(
    folder: Path, vertices: Path, faces: Int[Tensor, "faces 3"], lips: Int[Tensor, " lip_verts"]
) -> Mapping[str, Callable[[], Clip]]:
    """Every sentence of the files as the corpus's own site has them, and how to get it."""
    hint = "VOCASET's site has it beside data_verts.npy."
    templates = load_templates(find(folder, "templates.pkl", hint=hint), VOCASET_VERTS)
    rows_file, sound = (find(folder, name, hint=hint) for name in ("subj_seq_to_idx.pkl", SOUND_FILE))
    rows = load_tree(rows_file)
    clips: dict[str, Callable[[], Clip]] = {}
    with reading(rows_file, "a dict of the rows of each sentence"):
        for subject, sentence in [(person, name) for person in rows for name in rows[person]]:
            places = [int(rows[subject][sentence][frame]) for frame in sorted(rows[subject][sentence])]
            avatar = Avatar(subject, templates.get(subject, torch.zeros(VOCASET_VERTS, 3)), faces, lips)
            clips[f"{subject}/{sentence}"] = functools.partial(
                _clip, vertices, places, sound, sentence, avatar
            )
    return clips


def _clip(vertices: Path, rows: list[int], sound: Path, sentence: str, avatar: Avatar) -> Clip:
    if not avatar.neutral.any():
        raise BadInput(f"templates.pkl lacks {avatar.name}.", "Give the templates of this corpus.")
    array, recordings = load_array(vertices), _sounds(sound)
    with reading(vertices, "an array [frames, 5023, 3]"):
        kept = np.asarray(array[rows[::2]], np.float32).reshape(-1, *avatar.neutral.shape)
    if sentence not in recordings.get(avatar.name, {}):
        raise BadInput(f"{sound} has no sound of {avatar.name}/{sentence}.", "Fetch the whole of it.")
    with reading(sound, "a dict of recordings"):
        recording = recordings[avatar.name][sentence]
        samples = np.asarray(recording["audio"]).reshape(-1)
        if samples.dtype.kind == "i":
            samples = samples / -float(np.iinfo(samples.dtype).min)
        rate, name = int(recording["sample_rate"]), f"{avatar.name}/{sentence}"
        speech = speech_of(samples.astype(np.float32), rate, name)
    offsets = torch.from_numpy(kept) - avatar.neutral
    return Clip(speech, Motion(_FPS, Vertices(offsets)), avatar)


@functools.cache
def _sounds(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """All recordings, read once in each process."""
    return load_tree(path)


CORPUS = Corpus(
    name="vocaset",
    source="VOCASET",
    licence="VOCASET licence (non-commercial research); see voca.is.tue.mpg.de",
    splits=("train", "val", "test"),
    read=_read,
    split_of=_split_of,
)
