"""BIWI 3D audiovisual corpus (Fanelli et al. 2010), as FaceFormer distributes it: 23370 vertices at 25 fps.

    wav/{F1}_{e01}.wav    vertices_npy/{F1}_{e01}.npy [frames, 70110]    templates.pkl
    regions/lve.txt (or lips_coordinates.npy)                            BIWI_topology.obj (or .ply)

Its coordinates are scaled to about one; the scale to metres is not published, so errors on it are not
millimetres.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

from talkcli.engine.clips import Clip
from talkcli.engine.corpora.corpus import Corpus
from talkcli.engine.corpora.faceformer import sentences
from talkcli.engine.corpora.foreign import find, load_faces, load_indices

BIWI_VERTS = 23370
_FPS = Fraction(25)

_TRAIN = ("F2", "F3", "F4", "M3", "M4", "M5")
_STRANGERS = ("F1", "F5", "F6", "F7", "F8", "M1", "M2", "M6")


def _split_of(name: str) -> str | None:
    """Sentences 1 to 32 train, 33 to 36 validate, 37 to 40 test, with known people or others (B)."""
    subject, sentence = name.split("/")
    if not sentence[-2:].isdecimal():
        return None
    number = int(sentence[-2:])
    if subject in _TRAIN:
        return "train" if number <= 32 else "val" if number <= 36 else "test"
    return "test-b" if subject in _STRANGERS and number > 36 else None


def _read(folder: Path) -> Mapping[str, Callable[[], Clip]]:
    """Every clip: `subject/eNN`, and how to get it."""
    hint = "FaceFormer's code has it."
    shape = find(folder, "BIWI_topology.obj", "BIWI_topology.ply", "BIWI.ply", hint=hint)
    lips = find(folder, "lips_coordinates.npy", "lve.txt", hint="CodeTalker's code has it.")
    indices = load_indices(lips, BIWI_VERTS)
    return sentences(folder, load_faces(shape, BIWI_VERTS), indices, BIWI_VERTS, _FPS)


CORPUS = Corpus(
    name="biwi",
    source="BIWI 3D Audiovisual Corpus of Affective Communication",
    licence="BIWI 3D Audiovisual Corpus licence (research only); see the Computer Vision Lab of ETH Zurich",
    splits=("train", "val", "test", "test-b"),
    read=_read,
    split_of=_split_of,
    in_metres=False,
    made={"units": "about one face height; not metres"},
)
