"""BIWI 3D audiovisual corpus (Fanelli et al. 2010), as FaceFormer distributes it: 23370 vertices at 25 fps.

    wav/{F1}_{e01}.wav    vertices_npy/{F1}_{e01}.npy [frames, 70110]    templates.pkl
    regions/lve.txt (or lips_coordinates.npy)                            BIWI_topology.obj (or .ply)

Its coordinates are scaled to about one; the scale to metres is not published, so errors on it are not
millimetres.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import torch

from talkcli.engine.clips import Clip, Contents
from talkcli.engine.corpora.foreign import find, load_array, load_faces, load_indices, load_templates
from talkcli.engine.errors import BadInput, MissingAsset
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.speech import load_speech

VERTS = 23370
FPS = Fraction(25)

LICENCE = "BIWI 3D Audiovisual Corpus licence (research only); see the Computer Vision Lab of ETH Zurich"

_TRAIN = ("F2", "F3", "F4", "M3", "M4", "M5")
_STRANGERS = ("F1", "F5", "F6", "F7", "F8", "M1", "M2", "M6")


def split_of(name: str) -> str | None:
    """Sentences 1 to 32 train, 33 to 36 validate, 37 to 40 test, with known people or others (B)."""
    subject, sentence = name.split("/")
    number = int(sentence[-2:])
    if subject in _TRAIN:
        return "train" if number <= 32 else "val" if number <= 36 else "test"
    return "test-b" if subject in _STRANGERS and number > 36 else None


def read(folder: Path) -> Iterator[tuple[str, Callable[[], Clip]]]:
    """Every clip of a published split: `subject/eNN`, and how to get it."""
    hint = "Lay the corpus out as FaceFormer does: wav/, vertices_npy/, templates.pkl."
    templates = load_templates(find(folder, "templates.pkl", hint=hint), VERTS)
    shape = find(
        folder, "BIWI_topology.obj", "BIWI_topology.ply", "BIWI.ply", hint="FaceFormer's code has it."
    )
    faces = load_faces(shape)
    lips = load_indices(
        find(folder, "lips_coordinates.npy", "lve.txt", hint="CodeTalker's code has it."), VERTS
    )
    arrays = sorted(folder.glob("vertices_npy/*.npy"))
    if not arrays:
        raise MissingAsset(f"{folder} has no vertices_npy/*.npy.", hint)
    for path in arrays:
        subject, _, sentence = path.stem.partition("_")
        name = f"{subject}/{sentence}"
        wav = folder / "wav" / f"{path.stem}.wav"
        if not sentence[-2:].isdigit() or split_of(name) is None or not wav.is_file():
            continue
        if subject not in templates:
            raise BadInput(f"templates.pkl lacks {subject}.", "Fetch it again.")
        avatar = Avatar(subject, templates[subject], faces, lips)
        yield name, lambda path=path, wav=wav, avatar=avatar: _clip(path, wav, avatar)


def _clip(path: Path, wav: Path, avatar: Avatar) -> Clip:
    vertices = load_array(path)
    if vertices.ndim != 2 or vertices.shape[1] != 3 * VERTS:
        raise BadInput(f"{path} is {vertices.shape}, not [frames, {3 * VERTS}].", "Fetch it again.")
    offsets = torch.tensor(vertices, dtype=torch.float32).unflatten(1, (-1, 3)) - avatar.neutral
    return Clip(load_speech(wav), Motion(FPS, Vertices(offsets)), avatar)


def contents(names: list[str]) -> Contents:
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": [], "test-b": []}
    for name in names:
        splits[split_of(name) or "train"].append(name)
    made = {"corpus": "biwi", "units": "about one face height; not metres"}
    return Contents(splits, LICENCE, "BIWI 3D Audiovisual Corpus of Affective Communication", made)
