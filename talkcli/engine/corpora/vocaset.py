"""VOCASET (Cudeiro et al. 2019): twelve people, forty sentences each, FLAME's 5023 vertices in metres.

wav/{subject}_sentence01.wav     vertices_npy/{subject}_sentence01.npy [frames at 60 fps, 15069]
templates.pkl                    lips_coordinates.npy (or FLAME_masks.pkl)      FLAME_sample.ply
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import torch

from talkcli.engine.clips import Clip
from talkcli.engine.corpora.corpus import Corpus
from talkcli.engine.corpora.faceformer import sentences
from talkcli.engine.corpora.foreign import find, load_arrays, load_faces, load_indices

VOCASET_VERTS = 5023
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
        lips = torch.from_numpy(load_arrays(masks)["lips"].astype("int64"))
    else:
        lips = load_indices(masks, VOCASET_VERTS)
    return sentences(folder, load_faces(shape), lips, VOCASET_VERTS, _FPS, every=2)


CORPUS = Corpus(
    name="vocaset",
    source="VOCASET",
    licence="VOCASET licence (non-commercial research); see voca.is.tue.mpg.de",
    splits=("train", "val", "test"),
    read=_read,
    split_of=_split_of,
)
