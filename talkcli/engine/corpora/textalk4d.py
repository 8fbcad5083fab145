"""TexTalk4D (Li et al. 2025): people who read aloud, a mesh and a texture thirty times a second.

{ID001}/Records/enhanced_vocal.wav
{ID001}/Models/000001/face_aligned.obj, ...      {ID001}/Models/000001/face.png (neutral, 8K; may be missing)
{ID001}/Textures_512/000001/face.png, ...
lips.txt or lips_coordinates.npy (not published: vertices, from 0, for the lip metrics)

Frame 1 is the neutral face. Every person is one recording; the ten last in the order of their names are cut
in halves, the second of which tests on known people.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import torch

from talkcli.engine.clips import Clip, TextureFrames
from talkcli.engine.corpora.corpus import Corpus
from talkcli.engine.corpora.foreign import files_in, load_indices, of_kind
from talkcli.engine.errors import BadInput, MissingAsset
from talkcli.engine.gate import MOST_FRAMES_APART
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.pictures import picture_size
from talkcli.engine.scans import LARGEST_SKIN, TEXTALK4D_UNIT, load_obj_vertices, scanned_avatar
from talkcli.engine.speech import SAMPLE_RATE, Speech, load_speech

_FPS = Fraction(30)
HALVED = 10


@dataclass(frozen=True)
class Settings:
    skin: int = LARGEST_SKIN
    """Texels along a side of the neutral skin that an avatar keeps, at most; the corpus has 8192."""


_AGAIN = "Unpack the archive again."


def _split_of(name: str) -> str:
    """`ID001/whole`, `ID063/first` and `ID063/second` -> its split."""
    return "test" if name.endswith("/second") else "train"


def _read(folder: Path, settings: Settings = Settings()) -> Mapping[str, Callable[[], Clip]]:
    """Every recording, or half of one, and how to get it."""
    people = sorted(path.parent for path in folder.glob("*/Models") if path.is_dir())
    if not people:
        hint = "Give the folder that holds ID001, ID002 and so on."
        raise MissingAsset(f"{folder} has no ID001/Models or the like.", hint)
    lips = next(
        (folder / name for name in ("lips_coordinates.npy", "lips.txt") if (folder / name).is_file()), None
    )
    clips: dict[str, Callable[[], Clip]] = {}
    for person in people:
        halves = ("first", "second") if person in people[-HALVED:] else ("whole",)
        clips |= {
            f"{person.name}/{part}": functools.partial(_clip, person, part, lips, settings.skin)
            for part in halves
        }
    return clips


def _clip(person: Path, part: str, lips: Path | None, largest: int) -> Clip:
    wav = of_kind(files_in(person / "Records"), ".wav").get("enhanced_vocal")
    if wav is None:
        raise MissingAsset(f"There is no {person / 'Records' / 'enhanced_vocal.wav'}.", _AGAIN)
    speech = load_speech(wav)
    meshes = _numbered(person / "Models", "face_aligned.obj")
    sounding = int(speech.seconds * _FPS)
    count = min(len(meshes), sounding)
    if count < 2:
        raise BadInput(f"{wav} and {person / 'Models'} have fewer than two frames together.", _AGAIN)
    skins = _numbered(person / "Textures_512", "face.png")
    if len(skins) < count:
        missing = person / "Textures_512" / f"{len(skins) + 1:06d}" / "face.png"
        raise MissingAsset(f"There is no {missing}.", _AGAIN)
    notes = speech.notes
    if max(len(meshes), sounding) - count > MOST_FRAMES_APART:
        notes = (
            *notes,
            f"{person} has {len(meshes)} meshes for {sounding} frames of sound: {count} are kept.",
        )
    start, stop = {"whole": (0, count), "first": (0, count // 2), "second": (count // 2, count)}[part]
    large = person / "Models" / "000001" / "face.png"
    skin = large if large.is_file() else skins[0]
    avatar = scanned_avatar(person.name, meshes[0], skin, TEXTALK4D_UNIT, largest)
    verts = len(avatar.neutral)
    if lips is not None:
        avatar = replace(avatar, lips=load_indices(lips, verts))
    offsets = [
        load_obj_vertices(path, verts) * TEXTALK4D_UNIT - avatar.neutral for path in meshes[start:stop]
    ]
    sound = speech.waveform[_sample(start) : _sample(stop)]
    for path in skins[start:stop]:
        _check(path, skins[0])
    return Clip(
        Speech(sound, notes),
        Motion(_FPS, Vertices(torch.stack(offsets))),
        avatar,
        textures=TextureFrames(skins[0], tuple(skins[start:stop])),
    )


def _numbered(folder: Path, name: str) -> list[Path]:
    """000001/name, 000002/name and so on, as far as they go without a gap."""
    paths = (folder / f"{number:06d}" / name for number in itertools.count(1))
    pictures = list(itertools.takewhile(Path.is_file, paths))
    beyond = sum(path.name.isdigit() for path in folder.glob("0*"))
    if len(pictures) < beyond:
        raise MissingAsset(f"There is no {folder / f'{len(pictures) + 1:06d}' / name}.", _AGAIN)
    return pictures


def _check(path: Path, like: Path) -> None:
    """Refuse a damaged or foreign texture by name, without decoding it."""
    size, expected = picture_size(path), picture_size(like)
    if size != expected:
        raise BadInput(
            f"{path} has {size[0]}x{size[1]} texels, the first {expected[0]}x{expected[1]}.", _AGAIN
        )


def _sample(frame: int) -> int:
    """Where a frame begins in the recording."""
    return int(frame / _FPS * SAMPLE_RATE)


CORPUS = Corpus(
    name="textalk4d",
    source="TexTalk4D",
    licence="CC BY-NC 4.0 (TexTalk4D; github.com/XuanchenLi/TexTalk)",
    splits=("train", "test"),
    read=_read,
    split_of=_split_of,
    made={"metres_per_unit": TEXTALK4D_UNIT},
    settings=Settings,
)
