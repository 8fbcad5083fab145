"""3DTalking, the data of 3DXTalker (2026): six corpora as FLAME and EMOCA codes, 25 frames a second.

trainset/V2-MEAD/V2-M003-angry-00001/    one folder a clip; those of a folder named `test...` test
audio.wav                                16 kHz, begins with frame 0
shapecode.npy [frames, 100]  expcode.npy [frames, 50]  posecode.npy [frames, 6]: head, jaw, axis-angle
detailcode.npy [frames, 128]

What else lies there (envelope, texture, camera, light, picture) is not needed; metadata.pkl is not opened.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.clips import Clip
from talkcli.engine.corpora.corpus import Corpus
from talkcli.engine.corpora.foreign import load_array
from talkcli.engine.editing.moods import mood_of_word
from talkcli.engine.errors import BadInput, MissingAsset, reading
from talkcli.engine.face.known_rigs import RIGS, imported_rigs, load_rig
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.motion import Coefficients, FrameCodes, Head, Motion
from talkcli.engine.speech import load_speech

_FLAMES = ("flame2020", "flame")
"""The rigs that its codes can move: of that edition, or of one that its files do not name."""
_FPS = Fraction(25)
_HINT = "Codes are those of EMOCA, of FLAME 2020: leave this clip out, or give the right rig of FLAME."
_NEEDED = ("audio.wav", "shapecode.npy", "expcode.npy", "posecode.npy", "detailcode.npy")


def _read(folder: Path) -> Mapping[str, Callable[[], Clip]]:
    """Every clip: `V2-M003/angry-00001`, and how to get it."""
    _flame()
    paths = sorted(path.parent for path in folder.rglob("expcode.npy"))
    first: dict[str, Path] = {}
    clips: dict[str, Callable[[], Clip]] = {}
    for path in paths:
        speaker, take = _named(path.name)
        first.setdefault(speaker, path)
        split = "test-" if _is_test(path.relative_to(folder)) else ""
        clips[f"{speaker}/{split}{take}"] = functools.partial(_clip, path, first[speaker], speaker)
    return clips


def _flame() -> str:
    """The user's rig of FLAME 2020; MissingAsset where it is not imported."""
    known = {*RIGS, *imported_rigs()}
    name = next((name for name in _FLAMES if name in known), None)
    if name is None:
        raise MissingAsset(
            "Clips of 3DTalking move FLAME 2020, and it is not imported.",
            "FLAME is its authors' to give: talk models import flame FLAME2020/generic_model.pkl",
        )
    return name


def _named(folder: str) -> tuple[str, str]:
    """Corpus and person, and the rest of a clip's name."""
    parts = folder.split("-")
    return "-".join(parts[:2]), "-".join(parts[2:]) or "0"


def _is_test(path: Path) -> bool:
    return any("test" in part.lower() for part in path.parts[:-1])


def _split_of(name: str) -> str:
    return "test" if name.split("/")[1].startswith("test-") else "train"


def _clip(folder: Path, first: Path, speaker: str) -> Clip:
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if missing:
        raise BadInput(f"{folder} lacks {', '.join(missing)}.", "Fetch it again.")
    rig = _flame()
    model = load_rig(rig)
    shape, expression, pose, detail = (
        _codes(folder / name, most)
        for name, most in zip(_NEEDED[1:], (len(model.identity), len(model.shapes), 6, None), strict=True)
    )
    if pose.shape[1] != 6:
        raise BadInput(f"{folder}/posecode.npy has {pose.shape[1]} numbers a frame, not 6.", _HINT)
    identity = _codes(first / _NEEDED[1], len(model.identity)).mean(0)
    frames = min(map(len, (shape, expression, pose, detail)))
    mood = _mood(folder.name)
    motion = Motion(
        _FPS,
        Coefficients(expression[:frames], pose[:frames, 3:], rig),
        Head(pose[:frames, :3], torch.zeros(frames, 3)),
        codes=FrameCodes(shape[:frames] - identity, detail[:frames]),
        provenance={} if mood is None else {"mood": mood},
    )
    avatar = replace(
        talking_head(rig),
        name=speaker,
        neutral=model.neutral(identity),
        identity=F.pad(identity, (0, len(model.identity) - len(identity))),
    )
    return Clip(load_speech(folder / _NEEDED[0]), motion, avatar)


def _codes(path: Path, most: int | None) -> Float[Tensor, "frames numbers"]:
    """Codes of every frame. BadInput where they are none, or more a frame than FLAME has."""
    with reading(path, "codes, [frames, numbers]"):
        codes = torch.from_numpy(np.array(load_array(path), np.float32))
        if codes.ndim != 2 or not codes.shape[1]:
            raise ValueError(f"it is {tuple(codes.shape)}")
    if most is not None and codes.shape[1] > most:
        raise BadInput(f"{path} has {codes.shape[1]} numbers a frame, FLAME {most}.", _HINT)
    return codes


def _mood(folder: str) -> str | None:
    """The mood that a clip is named for."""
    return next(filter(None, map(mood_of_word, folder.split("-"))), None)


CORPUS = Corpus(
    name="talking3d",
    source="3DTalking (EngineeringAI-LAB)",
    licence="those of GRID, RAVDESS, MEAD, VoxCeleb2, HDTF and CelebV-HQ, and FLAME's and EMOCA's",
    splits=("train", "test"),
    read=_read,
    split_of=_split_of,
)
