"""Clips: utterances with their motion, as `talk prepare` lays them on disk.

folder/clips.json                  splits, licence, source
folder/<speaker>/avatar            who speaks
folder/<speaker>/<clip>.wav        16 kHz mono
folder/<speaker>/<clip>.motion     ground truth in the form of a prediction; written last
folder/<speaker>/<clip>.phones.json   what is said when, where it is known
folder/<speaker>/<clip>.textures/     000001.png ..., neutral.png: the skin, where it was captured
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.destinations import made_folder, replacing
from talkcli.engine.errors import BadInput, BadUsage, pick, reading
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.gate import check_stored
from talkcli.engine.motion import Motion, load_motion, load_offsets, motion_frames, save_motion
from talkcli.engine.phones import Phones, load_phones, save_phones
from talkcli.engine.pictures import load_picture
from talkcli.engine.speech import Speech, part_of_speech, samples_of, save_speech, speech_as_recorded
from talkcli.engine.struct import S, TensorStruct, stack, tracks
from talkcli.engine.text_files import text_of

CONTENTS_FILE = "clips.json"
FOOTAGE = "footage"
"""The source of clips of films."""
HEARD_SUFFIX = ".heard"
"""Of what an ear heard of a clip, which can be worked out again."""
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class TextureFrames:
    """Pictures of a skin in its UV layout, one a frame of the motion, read when asked."""

    neutral_path: Path
    paths: tuple[Path, ...]

    @property
    def count(self) -> int:
        return len(self.paths)

    @property
    def neutral(self) -> UInt8[Tensor, "height width 3"]:
        """Of the neutral face, sRGB."""
        return load_picture(self.neutral_path)

    def frame(self, index: int) -> UInt8[Tensor, "height width 3"]:
        return load_picture(self.paths[index])


class Clip(TensorStruct):
    """One utterance of one person: sound and motion begin together."""

    speech: Speech
    motion: Motion
    avatar: Avatar
    phones: Phones | None = None
    textures: TextureFrames | None = None


@dataclass(frozen=True)
class Contents:
    """clips.json: what a prepared folder holds and on what terms."""

    splits: Mapping[str, Sequence[str]]
    """`train`, `val`, `test` -> names, `speaker/clip`."""
    licence: str
    source: str
    made: Mapping[str, Any] = field(default_factory=dict)
    """How it was made: corpus, settings, version. Clips that are made otherwise go into another folder."""

    def __post_init__(self) -> None:
        if not (isinstance(self.splits, Mapping) and isinstance(self.made, Mapping)):
            raise TypeError("its splits and how it was made are no objects")
        for split, names in self.splits.items():
            if not isinstance(names, Sequence) or not all(_is_name(name) for name in names):
                raise ValueError(f"its {split} split lists what names no clip")


def _is_name(name: object) -> bool:
    """Whether it can be a clip's, `speaker/clip`: inside its folder, and short enough for a file's name."""
    if not isinstance(name, str) or "\0" in name:
        return False
    parts = name.split("/")
    return all(part not in ("", ".", "..") and len(part.encode()) < 200 for part in parts)


def save_contents(contents: Contents, folder: Path) -> None:
    """Write clips.json, whole or not at all."""
    with replacing(folder / CONTENTS_FILE) as temporary:
        temporary.write_text(json.dumps(vars(contents), indent=1) + "\n", encoding="utf-8")


def load_contents(folder: Path) -> Contents:
    """What a prepared folder says of itself; BadInput where it has no clips.json, or a damaged one."""
    path = folder / CONTENTS_FILE
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}.", "Make clips with: talk prepare CORPUS FOLDER")
    if not path.is_file():
        raise BadInput(f"{folder} has no {CONTENTS_FILE}.", "Make clips with: talk prepare CORPUS FOLDER")
    with reading(path, "a list of clips", "Run talk prepare again with --overwrite."):
        return Contents(**json.loads(text_of(path)))


def lay_out(contents: Contents, folder: Path, overwrite: bool = False) -> list[str]:
    """Write clips.json; the names of the clips that the folder still lacks.

    BadUsage if the folder holds clips that were made otherwise; `overwrite` begins it anew.
    """
    names = [name for split in contents.splits.values() for name in split]
    if overwrite:
        _forget(folder, names)
    elif (folder / CONTENTS_FILE).is_file():
        was, now = load_contents(folder).made, contents.made
        for key in {**now, **was}:
            if was.get(key) != now.get(key):
                other = f"{key} = {was.get(key, 'unknown')}, not {now.get(key, 'unknown')}"
                hint = "Give another folder, or --overwrite."
                raise BadUsage(f"{folder} holds clips that were made otherwise: {other}.", hint)
    save_contents(contents, made_folder(folder))
    return [name for name in names if not has_clip(folder, name)]


def _forget(folder: Path, names: Sequence[str]) -> None:
    """Have clips missing again, with what is kept of their speakers."""
    for name in names:
        _beside(folder / name, ".motion").unlink(missing_ok=True)
    for speaker in {(folder / name).parent for name in names}:
        for leftover in (speaker / "avatar", *speaker.glob("*.latents"), *speaker.glob(f"*{HEARD_SUFFIX}")):
            leftover.unlink(missing_ok=True)


def save_clip(clip: Clip, folder: Path, name: str, quality: int | None = None) -> None:
    """Write one clip; the motion comes last, so that a clip with a motion is whole. `quality`: of the skins
    of whoever speaks, as in `save_avatar`."""
    path = folder / name
    made_folder(path.parent)
    avatar = path.parent / "avatar"
    if not avatar.exists():
        save_avatar(clip.avatar, avatar, quality)
    save_speech(clip.speech, _beside(path, ".wav"))
    if clip.phones is not None:
        save_phones(clip.phones, _beside(path, ".phones.json"))
    if clip.textures is not None:
        _save_textures(clip.textures, _beside(path, ".textures"))
    save_motion(clip.motion, _beside(path, ".motion"))


def _save_textures(textures: TextureFrames, folder: Path) -> None:
    """The published files themselves: hard links on one disk, copies on another."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    names = ["neutral", *(f"{number:06d}" for number in range(1, textures.count + 1))]
    for source, name in zip((textures.neutral_path, *textures.paths), names, strict=True):
        try:
            os.link(source, folder / f"{name}.png")
        except OSError:
            shutil.copyfile(source, folder / f"{name}.png")


def write_all(tasks: Mapping[str, Callable[[], _Result]], jobs: int) -> Iterator[tuple[str, _Result]]:
    """Do every task, in `jobs` processes if more than one; yields names with what their tasks return."""
    if jobs == 1 or len(tasks) < 2:
        for name, task in tasks.items():
            yield name, task()
        return
    ending = {"initializer": _end_with, "initargs": (os.getpid(),)}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), **ending) as pool:
        waiting = {pool.submit(task): name for name, task in tasks.items()}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _end_with(parent: int) -> None:
    """End this worker when its parent is gone: one that was killed cannot tell it to."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def has_clip(folder: Path, name: str) -> bool:
    return _beside(folder / name, ".motion").is_file()


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


class ClipSet:
    """A prepared folder, or one split of it, read clip by clip when asked."""

    def __init__(self, folder: Path, split: str | None = None) -> None:
        self.folder = folder
        self.contents = load_contents(folder)
        splits = self.contents.splits
        choices = [splits[pick(split, splits, f"split of {folder}")]] if split else splits.values()
        self.names = tuple(name for names in choices for name in names)
        if missing := [name for name in self.names if not has_clip(folder, name)]:
            raise BadInput(
                f"{folder} lacks {len(missing)} of its clips, {missing[0]} among them.",
                "Run talk prepare again; it makes only what is missing.",
            )
        if not self.names:
            where = f" in its {split} split" if split else ""
            raise BadInput(f"{folder} has no clips{where}.", self._others(split))

    def _others(self, split: str | None) -> str:
        """What to do where a split is empty."""
        counts = [f"{name} {len(names)}" for name, names in self.contents.splits.items() if names]
        if split is None or not counts:
            return "Make clips with: talk prepare CORPUS FOLDER"
        return f"Its other splits have clips ({', '.join(counts)}): give one with --split, or prepare more."

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Clip:
        return Clip(
            self.speech(index),
            self.motion(index),
            self.avatar(index),
            self.phones(index),
            self.textures(index),
        )

    def check(self) -> None:
        """BadInput, naming it, for a clip that cannot be learnt from beside the others, by its headers."""
        verts: int | None = None
        for index in range(len(self)):
            moved = check_stored(self.path(index, ".motion"), self.path(index, ".wav"), verts)
            verts = moved if verts is None else verts

    def thinned(self, every: int) -> ClipSet:
        """The same speakers, with one of so many clips of each."""
        return self._some([index for indices in self.speakers.values() for index in indices[::every]])

    def of(self, speaker: str) -> ClipSet:
        """One speaker's clips alone."""
        return self._some(self.speakers[speaker])

    def _some(self, chosen: Sequence[int]) -> ClipSet:
        part = object.__new__(ClipSet)
        part.folder, part.contents = self.folder, self.contents
        part.names = tuple(self.names[index] for index in chosen)
        return part

    def path(self, index: int, suffix: str) -> Path:
        return _beside(self.folder / self.names[index], suffix)

    def speech(self, index: int) -> Speech:
        return speech_as_recorded(self.path(index, ".wav"))

    def samples(self, index: int) -> int:
        return samples_of(self.path(index, ".wav"))

    def sound(self, index: int, start: int, stop: int) -> Float[Tensor, " n"]:
        """Samples [start, stop) of its speech, and nothing else of the file."""
        return part_of_speech(self.path(index, ".wav"), start, stop)

    def motion(self, index: int) -> Motion:
        return load_motion(self.path(index, ".motion"))

    def offsets(self, index: int, start: int = 0, stop: int | None = None) -> Float[Tensor, "frames verts 3"]:
        """Frames [start, stop) of dense geometry, metres, and nothing else of the file."""
        return load_offsets(self.path(index, ".motion"), start, stop)

    def avatar(self, index: int) -> Avatar:
        return load_avatar(self.path(index, "").with_name("avatar"))

    def phones(self, index: int) -> Phones | None:
        path = self.path(index, ".phones.json")
        return load_phones(path) if path.is_file() else None

    def textures(self, index: int) -> TextureFrames | None:
        """The captured skin of every frame, where there is one."""
        folder = self.path(index, ".textures")
        pictures = tuple(sorted(folder.glob("[0-9]*.png")))
        return TextureFrames(folder / "neutral.png", pictures) if folder.is_dir() else None

    def speaker(self, index: int) -> str:
        return self.names[index].rpartition("/")[0]

    @functools.cached_property
    def speakers(self) -> Mapping[str, tuple[int, ...]]:
        """Each speaker's clips."""
        members: dict[str, list[int]] = {}
        for index in range(len(self)):
            members.setdefault(self.speaker(index), []).append(index)
        return {speaker: tuple(indices) for speaker, indices in members.items()}

    @functools.cached_property
    def frames(self) -> tuple[int, ...]:
        """How many frames each clip's motion has."""
        return tuple(motion_frames(self.path(index, ".motion")) for index in range(len(self)))

    def _shares(self, by: DrawnBy) -> list[int]:
        """How likely each clip is, in whole numbers."""
        if by == "clips":
            return [1] * len(self)
        if by == "frames":
            return list(self.frames)
        whole = {
            i: sum(self.frames[j] for j in members) for members in self.speakers.values() for i in members
        }
        return [max(1, round(1000 * frames / whole[i] ** 0.5)) for i, frames in enumerate(self.frames)]

    def batches(self, example: Example[S], size: int, by: DrawnBy = "clips") -> Draw[S]:
        """Batches of whatever `example` cuts; ragged examples are padded with zeros at the end.

        By clips, every clip is as likely as any other; by frames, a clip is as likely as it is long; by
        people, so is a speaker by the root of what is there of them.
        """
        ends = torch.tensor(self._shares(by)).cumsum(0)

        def draw(generator: torch.Generator) -> S:
            places = torch.randint(int(ends[-1]), (size,), generator=generator)
            picks = torch.searchsorted(ends, places, right=True).tolist()
            hint = "Prepare it again, or take it out of clips.json."
            examples = []
            for index in picks:
                with reading(self.folder / self.names[index], "a clip that can be learnt from", hint):
                    examples.append(example(self, index, generator))
            return stack(padded_together(examples))

        return draw


Example = Callable[[ClipSet, int, torch.Generator], S]
"""One training example from clip `index`: a stage's own kind of struct."""

Draw = Callable[[torch.Generator], S]
"""One batch, by these dice alone: batches may be drawn in any order, in any thread."""

DrawnBy = Literal["clips", "frames", "people"]


def padded_together(structs: Sequence[S]) -> list[S]:
    """The same structs with zeros after the first axis of each tensor, up to the longest."""

    def grown(structs: Sequence[Any]) -> list[dict[str, Any]]:
        columns = {}
        for name in vars(structs[0]):
            values = [getattr(struct, name) for struct in structs]
            if isinstance(values[0], Tensor) and values[0].ndim:
                longest = max(len(value) for value in values)
                values = [F.pad(v, (0, 0) * (v.ndim - 1) + (0, longest - len(v))) for v in values]
            elif isinstance(values[0], TensorStruct):
                values = padded_together(values)
            columns[name] = values
        return [{name: values[i] for name, values in columns.items()} for i in range(len(structs))]

    return [type(struct)(**fields) for struct, fields in zip(structs, grown(structs), strict=True)]


def flat(motion: Motion) -> Float[Tensor, "frames dims"]:
    """The tracks of the face, side by side."""
    return torch.cat([track.flatten(1) for track in tracks(motion.face)], dim=1)


def clips_of_one(folder: Path) -> ClipSet:
    """The clips of the one person whom a prepared folder shows, or a speaker's own folder inside one."""
    inside = not (folder / CONTENTS_FILE).is_file() and (folder.parent / CONTENTS_FILE).is_file()
    clips = ClipSet(folder.parent if inside else folder)
    if not inside and len(clips.speakers) > 1:
        example = folder / next(iter(clips.speakers))
        hint = f"Give the folder of one of them, such as {example}."
        raise BadInput(f"{folder} shows {len(clips.speakers)} people.", hint)
    speaker = folder.name if inside else next(iter(clips.speakers))
    if speaker not in clips.speakers:
        names = ", ".join(clips.speakers)
        raise BadInput(f"{folder.parent} lists no clips of {speaker}.", f"Known: {names}.")
    return clips.of(speaker)
