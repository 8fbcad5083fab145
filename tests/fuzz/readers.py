"""Everything that reads what others wrote: a seed, and what is done with it when it is spoilt."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random

from typer.testing import CliRunner

from talkcli.app import app
from talkcli.engine import checkpoint, config, motion, phones, pickles, pictures, scans, speech, video
from talkcli.engine.audio.alignment import phones_beside, transcript_of
from talkcli.engine.audio.ears import load_ear
from talkcli.engine.audio.told import told_by_file
from talkcli.engine.clips import ClipSet
from talkcli.engine.config import with_values
from talkcli.engine.corpora import foreign, load_corpus
from talkcli.engine.editing.emote import emoted
from talkcli.engine.editing.manners import understood
from talkcli.engine.editing.mood_schedule import mood_levels, parse_moods
from talkcli.engine.editing.mood_templates import load_mood_templates
from talkcli.engine.editing.pose import reposed
from talkcli.engine.editing.trajectories import Trajectory, load_trajectory
from talkcli.engine.errors import BadUsage, TalkError
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.flame import FILES as FLAME_FILES
from talkcli.engine.face.flame import flame_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.known_rigs import RIGS
from talkcli.engine.files import save_struct
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.captured import evidence_in
from talkcli.engine.methods.memorytalker import original as memorytalker
from talkcli.engine.methods.plan import plan_for
from talkcli.engine.methods.textalker import original as textalker
from talkcli.engine.metrics.pair import read_regions
from talkcli.engine.rendering.backdrop import backdrop
from talkcli.engine.studio.captures import load_capture
from talkcli.engine.studio.readers import read_aloud, readers
from talkcli.engine.studio.recording import RecordingPlan

from .posed import read_posed
from .seeds import SMALL_SETTINGS
from .small import VERTS

SMALL_FILM = {".npz": ["--overwrite"], ".gif": ["--size", "32", "--overwrite"]}
Read = Callable[[Path, Path], object]
"""Of a spoilt file, or a folder with a spoilt file in it; the second is the folder of all seeds, whole."""


class Ended(Exception):
    """The program ended with another code than 0."""

    def __init__(self, code: int, output: str) -> None:
        super().__init__(output)
        self.code = code


@dataclass(frozen=True)
class Reader:
    seeds: str
    """A pattern in the folder of seeds: files, or folders in which one file is spoilt."""
    read: Read
    heavy: bool = False
    """Whether it takes more than a moment."""


def talk(*words: object) -> None:
    """A whole route through the program, in this process."""
    result = CliRunner().invoke(app, [*map(str, words), "--verbose"])
    if result.exit_code:
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        raise Ended(result.exit_code, result.output)


def _hear(path: Path, seeds: Path) -> None:
    evidence_in(path)
    speech.load_speech(path)


def _render(path: Path, seeds: Path) -> None:
    motion.load_motion(path)
    for suffix in (".npz", ".gif"):
        face = "person" if path.name in ("rig.motion", "bundled.motion") else "bare"
        place = path.with_name(f"out{suffix}")
        talk("render", path, "-a", seeds / f"avatars/{face}.avatar", "-o", place, *SMALL_FILM[suffix])


def _score(path: Path, seeds: Path) -> None:
    truth = seeds / "motions" / path.name
    face = () if path.name in ("rig.motion", "bundled.motion") else ("-a", seeds / "avatars/bare.avatar")
    talk("evaluate", path, truth, "--metric", "lve", "--metric", "mve", *face)


def _wear(path: Path, seeds: Path) -> None:
    load_avatar(path)
    rigged = path.name in ("person.avatar", "dressed.avatar")
    act = seeds / "motions" / ("rig.motion" if rigged else "dense.motion")
    words = ("render", act, "-a", path, "-o", path.with_name("out.gif"), "--size", "32", "--overwrite")
    talk(*words)


def _speak(path: Path, seeds: Path) -> None:
    known = {"memorytalker.ckpt": "bare", "textalker.ckpt": "painted"}
    face = ("-a", seeds / f"avatars/{known[path.name]}.avatar") if path.name in known else ()
    words = ("animate", seeds / "sounds/voice.wav", "-m", path, *face, "-o", path.with_name("out.motion"))
    talk(*words, "--overwrite")


def _import(path: Path, seeds: Path) -> None:
    checkpoint.load_pickled(path)
    whole = {name: seeds / "published" / f"{name}.pth" for name in ("motion", "texture", "diffusion")}
    if path.stem in whole:
        textalker.read_original(**(whole | {path.stem: path}))
    elif path.stem == "pivot":
        textalker.read_pivot(path)
    else:
        memorytalker.read_original(path)


def _emote(path: Path, seeds: Path) -> None:
    templates = load_mood_templates(path)
    bare = load_avatar(seeds / "avatars/bare.avatar")
    act = motion.load_motion(seeds / "motions/dense.motion")
    emoted(act, bare, parse_moods(templates.names[0] if templates.names else "happy"), templates)


def _schedule(path: Path, seeds: Path) -> None:
    text = path.read_text(errors="replace")
    with _named(path):
        mood_levels(parse_moods(text), 60, Fraction(30))


def _prompt(path: Path, seeds: Path) -> None:
    with _named(path):
        _move(understood(path.read_text(errors="replace")).trajectory, seeds)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What is typed has no file, and no name but its own."""
    try:
        yield
    except TalkError as error:
        assert error.hint and isinstance(error, BadUsage), error


def _pose(path: Path, seeds: Path) -> None:
    way, _ = load_trajectory(path)
    _move(way, seeds)


def _move(way: Trajectory, seeds: Path) -> None:
    reposed(
        motion.load_motion(seeds / "motions/shapes.motion"),
        way,
        speech.load_speech(seeds / "sounds/voice.wav"),
    )


def _capture(path: Path, seeds: Path) -> None:
    session = load_capture(path)
    faces = vertices(session.motion, session.avatar)
    views = session.cameras.part(session.camera.tolist())
    assert len(faces[session.face]) == len(views.views) == len(session.pictures)


def _import_flame(path: Path, seeds: Path) -> None:
    files = {kind: seeds / "flame" / f"{kind}{FLAME_FILES[kind][-4:]}" for kind in FLAME_FILES}
    save_struct(flame_model({**files, path.stem: path}, "flame"), path.with_suffix(".rig"))


def _talking3d(path: Path, seeds: Path) -> None:
    model = seeds / "flame/model.pkl"
    RIGS["flame"] = functools.partial(flame_model, {"model": model}, "flame")
    try:
        for clip in load_corpus("talking3d").read(path).values():
            clip()
    finally:
        del RIGS["flame"]


def _mesh(path: Path, seeds: Path) -> None:
    foreign.load_faces(path)
    if path.suffix == ".obj":
        scans.load_obj_vertices(path, VERTS)
        scans.scanned_avatar("x", path, seeds / "pictures/picture.png", 1.0)


def _picture(path: Path, seeds: Path) -> None:
    pictures.picture_size(path)
    pictures.load_picture(path, largest=8)
    backdrop(str(path), 16, 16)
    scans.scanned_avatar("x", seeds / "meshes/head.obj", path, 1.0)


def _list(path: Path, seeds: Path) -> None:
    foreign.load_indices(path, VERTS)
    read_regions([f"lips={path}"])


def _settings(path: Path, seeds: Path) -> None:
    values = config.load_toml(path)
    if path.name == "studio.toml":
        with_values(RecordingPlan(), values)
    else:
        plan_for(seeds / "clips", values)


def _pickle(path: Path, seeds: Path) -> None:
    pickles.load_tree(path)
    if path.name != "tree.pkl":
        foreign.load_templates(path, VERTS)


def _learn(path: Path, seeds: Path) -> None:
    clips = ClipSet(path)
    clips.check()
    for index in range(len(clips)):
        clip = clips[index]
        if clip.textures is not None:
            clip.textures.frame(0)
            assert clip.textures.neutral.ndim == 3
    assert clips.frames


SMALL = [word for name, value in SMALL_SETTINGS.items() for word in ("--set", f"{name}={value}")]


def _train(path: Path, seeds: Path) -> None:
    out = path.with_name("out.ckpt")
    talk("train", path, "--steps", 1, "--stage", "memorise", *SMALL, "-o", out, "--overwrite")


def _resume(path: Path, seeds: Path) -> None:
    out = path.with_suffix(".ckpt")
    talk("train", seeds / "clips", "--steps", 2, "--stage", "memorise", *SMALL, "-o", out, "--resume")


def _convert(path: Path, seeds: Path) -> None:
    corpus = load_corpus("vocaset" if path.name == "served" else path.name)
    for clip in corpus.read(path).values():
        clip()


def _prepare(path: Path, seeds: Path) -> None:
    corpus = "vocaset" if path.name == "served" else path.name
    talk("prepare", corpus, path, "-o", path.with_name("clips"), "--overwrite")


def _read_aloud(path: Path, seeds: Path) -> None:
    import numpy as np

    readers.cache_clear()
    for reader in readers(path):
        read_aloud(reader, np.random.default_rng(0))


def _adopt(path: Path, seeds: Path) -> None:
    load_ear(path)


def _phones(path: Path, seeds: Path) -> None:
    phones.load_phones(path).frames(Fraction(30), 9)


def _words(path: Path, seeds: Path) -> None:
    transcript_of(path, str(path), alone=True)


def _beside(path: Path, seeds: Path) -> None:
    found = phones_beside(path / "a.wav")
    if found is not None:
        found.frames(Fraction(30), 9)


READERS = {
    "sounds": Reader("sounds/*", _hear),
    "films": Reader("sounds/film.*", lambda path, seeds: (video.is_film(path), evidence_in(path))),
    "motions": Reader("motions/*", lambda path, seeds: motion.load_motion(path)),
    "motions, rendered": Reader("motions/*", _render, heavy=True),
    "motions, scored": Reader("motions/*", _score, heavy=True),
    "offsets": Reader("motions/dense.motion", lambda path, seeds: motion.load_offsets(path)),
    "avatars": Reader("avatars/*", lambda path, seeds: load_avatar(path)),
    "avatars, rendered": Reader("avatars/*", _wear, heavy=True),
    "moods": Reader("directions/moods.safetensors", _emote),
    "trajectories": Reader("directions/way.json", _pose),
    "schedules of moods": Reader("directions/schedule.txt", _schedule),
    "prompts": Reader("directions/prompt.txt", _prompt),
    "networks": Reader("networks/[dmt]*", lambda path, seeds: open_talker(str(path)), heavy=True),
    "networks, speaking": Reader("networks/*", _speak, heavy=True),
    "published": Reader("published/*", _import, heavy=True),
    "pictures": Reader("pictures/*", _picture),
    "meshes": Reader("meshes/*", _mesh),
    "lists": Reader("lists/lips.*", _list),
    "phones": Reader("lists/*.json", _phones),
    "phones of aligners": Reader("lists/*.TextGrid", lambda path, seeds: told_by_file(path)),
    "phones beside": Reader("ears/beside", _beside),
    "transcripts": Reader("ears/readers/en-us_ada/a.txt", _words),
    "settings": Reader("lists/*.toml", _settings),
    "pickles": Reader("lists/*.pkl", _pickle),
    "rigs": Reader("flame/*", _import_flame),
    "captures": Reader("captures/*", _capture),
    "pictures with cameras": Reader("posed/*", read_posed),
    "clips": Reader("clips", _learn),
    "clips, trained on": Reader("clips", _train, heavy=True),
    "runs, resumed": Reader("runs/out.run", _resume, heavy=True),
    "corpora": Reader("corpora/*", _convert),
    "corpora of FLAME": Reader("talking3d/*", _talking3d),
    "corpora, prepared": Reader("corpora/*", _prepare, heavy=True),
    "readers": Reader("ears/readers", _read_aloud, heavy=True),
    "ears": Reader("ears/hubert", _adopt, heavy=True),
}
"""By name."""


def seeds_of(reader: Reader, folder: Path) -> list[Path]:
    return sorted(folder.glob(reader.seeds))


def victims_in(seed: Path) -> list[Path]:
    """The files of a seed, one of which is spoilt."""
    return sorted(path for path in seed.rglob("*") if path.is_file()) if seed.is_dir() else [seed]


def lay_out_spoilt(seed: Path, victim: Path, content: bytes, place: Path) -> Path:
    """The seed with other bytes in one of its files, in a folder of its own; the rest are links."""
    target = place / seed.name
    for path in victims_in(seed):
        there = target / path.relative_to(seed) if seed.is_dir() else target
        there.parent.mkdir(parents=True, exist_ok=True)
        if path == victim:
            there.write_bytes(content)
        else:
            os.symlink(path, there)
    return target


def drawn(reader: Reader, folder: Path, dice: Random) -> tuple[Path, Path, bytes]:
    """A seed, the file in it that is to be spoilt, and another of its kind."""
    seeds = seeds_of(reader, folder)
    seed = dice.choice(seeds)
    victim = dice.choice(victims_in(seed))
    other = dice.choice(victims_in(dice.choice(seeds)))
    return seed, victim, other.read_bytes()
