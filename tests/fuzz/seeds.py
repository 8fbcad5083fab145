"""Seeds: small files of every kind that is read, whole, as the house and others write them."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
import torch
from PIL import Image
from torch import Tensor, nn

from talkcli.engine.assets import asset
from talkcli.engine.audio.ears import build_ear
from talkcli.engine.checkpoint import save_checkpoint
from talkcli.engine.clips import Clip, Contents, TextureFrames, save_clip, save_contents
from talkcli.engine.corpora.biwi import BIWI_VERTS
from talkcli.engine.corpora.vocaset import VOCASET_VERTS
from talkcli.engine.editing.mood_templates import MoodTemplates, save_mood_templates
from talkcli.engine.face.avatar import save_avatar
from talkcli.engine.face.expression import Expression
from talkcli.engine.face.look import Look
from talkcli.engine.face.worn import Worn
from talkcli.engine.methods.dxtalker.talker import DxTalker
from talkcli.engine.methods.memorytalker import original
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig
from talkcli.engine.methods.plan import plan_for
from talkcli.engine.methods.textalker.talker import TexTalker
from talkcli.engine.motion import (
    Coefficients,
    Folds,
    Head,
    Motion,
    Shapes,
    Textures,
    Vertices,
    save_motion,
)
from talkcli.engine.phones import load_phones, phones_of
from talkcli.engine.rendering.splat_seeds import seeded_gaussians
from talkcli.engine.scans import TEXTALK4D_UNIT
from talkcli.engine.speech import SAMPLE_RATE, Speech, save_speech
from talkcli.engine.training.run import train
from talkcli.engine.video import write_video

from .captured import write_captures
from .flame import write_flame, write_talking3d
from .posed import write_posed
from .small import DXTALKER, HUBERT, TEXTALKER, VERTS, bare_avatar, save_untaught

SECONDS = 0.4
FRAMES = 12
"""Of the motions that last so long, at 30 a second."""
CODECS = (
    ("m4a", "aac"), ("mp3", "libmp3lame"), ("opus", "libopus"), ("webm", "libopus"), ("mkv", "pcm_s16le"),
    ("mka", "flac"), ("ts", "aac"), ("flv", "aac"), ("avi", "pcm_s16le"), ("mov", "alac"), ("wma", "wmav2"),
    ("wv", "wavpack"), ("tta", "tta"), ("ac3", "ac3"), ("voc", "pcm_s16le"), ("nut", "pcm_f32le"),
    ("3gp", "aac"), ("aac", "aac"), ("mpg", "mp2"),
)  # fmt: skip
SMALL_SETTINGS = {"features": 16, "feed_forward": 16, "batch": 2}
"""Of MemoryTalker."""
OLD_NORM = {
    ".parametrizations.weight.original0": ".weight_g",
    ".parametrizations.weight.original1": ".weight_v",
}
"""Weight norm as published files spell it."""


def _wave(rate: int = SAMPLE_RATE) -> np.ndarray:
    time = np.arange(int(SECONDS * rate)) / rate
    return (0.2 * np.sin(2 * np.pi * 150 * time) * (1 + np.sin(2 * np.pi * 6 * time))).astype(np.float32)


def write_sounds(folder: Path) -> None:
    """One recording in every form that is known here."""
    for suffix, subtype, form in (
        ("wav", "PCM_16", "WAV"), ("24.wav", "PCM_24", "WAV"), ("float.wav", "FLOAT", "WAV"),
        ("law.wav", "ULAW", "WAV"), ("ima.wav", "IMA_ADPCM", "WAV"), ("flac", "PCM_16", "FLAC"),
        ("ogg", "VORBIS", "OGG"), ("aiff", "PCM_16", "AIFF"), ("au", "PCM_16", "AU"),
        ("caf", "PCM_16", "CAF"), ("w64", "PCM_16", "W64"), ("rf64.wav", "PCM_16", "RF64"),
    ):  # fmt: skip
        soundfile.write(folder / f"voice.{suffix}", _wave(), SAMPLE_RATE, subtype=subtype, format=form)
    soundfile.write(folder / "stereo.wav", np.stack([_wave(), -_wave()], 1), SAMPLE_RATE)
    for suffix, codec in CODECS:
        if codec in av.codecs_available:
            _encode(folder / f"voice.{codec}.{suffix}", codec)
    grey = [np.full((16, 16, 3), 9 * i, np.uint8) for i in range(FRAMES)]
    for suffix in ("mp4", "webm"):
        speech = Speech(torch.from_numpy(_wave()))
        write_video(grey, Fraction(30), folder / f"film.{suffix}", speech=speech)


def _encode(path: Path, codec: str) -> None:
    rate, start = 48_000, 0
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.layout, stream.bit_rate = "mono", 64_000
        form = stream.codec_context.codec.audio_formats[0].name
        frame = av.AudioFrame.from_ndarray(_wave(rate)[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        fitting = av.AudioResampler(form, "mono", rate, frame_size=stream.codec_context.frame_size or 1024)
        for piece in (*fitting.resample(frame), *fitting.resample(None)):
            piece.pts, piece.time_base = start, Fraction(1, rate)
            start += piece.samples
            container.mux(stream.encode(piece))
        container.mux(stream.encode())


def motions() -> Iterator[tuple[str, Motion]]:
    """Every kind of motion of the bare face, and of the rig."""
    dice = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=dice) * 1e-3

    yield "dense", Motion(Fraction(30), Vertices(noise(FRAMES, VERTS, 3)))
    head = Head(noise(FRAMES, 3), noise(FRAMES, 3))
    skin = Textures(noise(FRAMES, 2), noise(2, 3, 8, 8))
    made = {"made_by": "x", "synthetic": True, "text": ["a", 1.5]}
    yield (
        "shapes",
        Motion(
            Fraction(30000, 1001), Shapes(noise(FRAMES, 4), noise(4, VERTS, 3)), head, skin, provenance=made
        ),
    )
    weights = torch.rand(FRAMES, 52, generator=dice)
    folds = Folds(torch.rand(FRAMES, 17, generator=dice))
    yield "rig", Motion(Fraction(25), Coefficients(weights, torch.zeros(FRAMES, 3)), head, folds)


def write_avatars(folder: Path) -> None:
    bare = bare_avatar()
    save_avatar(bare, folder / "bare.avatar")
    look = Look(
        torch.full((32, 32, 3), 120, dtype=torch.uint8),
        torch.full((8, 8, 2), 99, dtype=torch.uint8),
        torch.zeros(8, 8, dtype=torch.int8),
    )
    corners = bare.faces.flatten()
    uv = torch.stack([corners % 4, corners // 4], 1) / 4.0
    hat = Worn(
        "hat", "cloth", torch.rand(3, 3) / 10, torch.tensor([[0, 1, 2]]), torch.full((1, 3), 1 / 3),
        torch.tensor([0, 1]), torch.full((3, 3), 90, dtype=torch.uint8), torch.tensor([[0, 1, 2]]),
    )  # fmt: skip
    hair = Worn(
        "hair", "strands", torch.rand(6, 3) / 10, torch.tensor([[0, 1, 2]]), torch.full((1, 3), 1 / 3),
        torch.tensor([0, 1]), torch.full((6, 3), 90, dtype=torch.uint8), torch.zeros(0, 3, dtype=torch.long),
        nodes=3, widths=torch.full((2,), 1e-3),
    )  # fmt: skip
    painted = replace(
        bare, look=look, uv=uv, uv_faces=torch.arange(len(corners)).view(-1, 3), worn=(hat, hair),
        styles={"memorytalker": torch.rand(64)},
    )  # fmt: skip
    save_avatar(painted, folder / "painted.avatar", quality=80)
    splats = seeded_gaussians(painted, 40, bases=4)
    save_avatar(replace(painted, splats=splats, worn=()), folder / "splats.avatar")
    smile = 1e-3 * torch.rand(3, *bare.neutral.shape)
    save_avatar(replace(bare, rest=Expression(*smile)), folder / "rested.avatar")
    shutil.copyfile(asset("clips") / "s0039" / "avatar", folder / "person.avatar")
    shutil.copyfile(asset("kofi.avatar"), folder / "dressed.avatar")


def write_networks(folder: Path) -> None:
    save_untaught(folder / "memorytalker.ckpt")
    torch.manual_seed(0)
    talker = TexTalker(TEXTALKER)
    save_checkpoint("textalker", TEXTALKER, talker.state_dict(), {}, folder / "textalker.ckpt")
    shutil.copyfile(asset("memorytalker.ckpt"), folder / "starter.ckpt")
    drawer = DxTalker(DXTALKER)
    save_checkpoint("3dxtalker", DXTALKER, drawer.state_dict(), {}, folder / "dxtalker.ckpt")


def write_published(folder: Path) -> None:
    """As papers' authors save theirs: averaged weights beside the last, weight norm by its old names."""
    torch.manual_seed(0)

    def spelt(network: nn.Module, prefix: str = "") -> dict[str, Tensor]:
        names = {name: name for name in network.state_dict()}
        for ours, theirs in OLD_NORM.items():
            names = {name: new.replace(ours, theirs) for name, new in names.items()}
        return {prefix + names[name]: tensor for name, tensor in network.state_dict().items()}

    talker = TexTalker(TEXTALKER)
    for name in ("motion", "texture"):
        state = spelt(getattr(talker, name), "module.")
        torch.save({"params": state, "params_ema": state}, folder / f"{name}.pth")
    torch.save({"params": spelt(talker.diffuser, "module.")}, folder / "diffusion.pth")
    torch.save(np.zeros((1, 4, 8, 8), np.float32), folder / "pivot.pth")
    hubert = replace(HUBERT, hidden=48, heads=12)
    memory = MemoryTalker(
        MemoryTalkerConfig(verts=VERTS, ears=(hubert,), slots=32, features=8, heads=4, feed_forward=16)
    )
    theirs = {ours: re.sub(r"[\^$\\]", "", pattern) for pattern, ours in original._NAMES.items()}
    state = {}
    for name, tensor in spelt(memory).items():
        start = next((ours for ours in theirs if name.startswith(ours)), "")
        if start:
            state[theirs[start] + name.removeprefix(start)] = tensor
    torch.save(state, folder / "memorytalker.pth")
    torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)


def write_pictures(folder: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (24, 16, 3), np.uint8)
    for suffix in ("png", "jpg", "webp", "bmp", "tiff", "gif"):
        Image.fromarray(pixels).save(folder / f"picture.{suffix}")
    Image.fromarray(pixels).convert("P").save(folder / "palette.png")
    Image.fromarray(pixels[..., 0]).save(folder / "grey.png")


def write_meshes(folder: Path) -> None:
    """Of a head in the unit of TexTalk4D."""
    face = bare_avatar()
    points = [" ".join(f"{x / TEXTALK4D_UNIT:.4f}" for x in point) for point in face.neutral.tolist()]
    lines = [f"v {point}" for point in points] + [f"vt {i / 12} {i % 3 / 3}" for i in range(VERTS)]
    lines += ["f " + " ".join(f"{i + 1}/{i + 1}" for i in row) for row in face.faces.tolist()]
    (folder / "head.obj").write_text("\n".join(lines))
    head = "ply\nformat {} 1.0\nelement vertex 12\nproperty float x\nproperty float y\nproperty float z\n"
    head += f"element face {len(face.faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    rows = [f"3 {' '.join(map(str, row))}" for row in face.faces.tolist()]
    (folder / "text.ply").write_text("\n".join([head.format("ascii") + points[0], *points[1:], *rows, ""]))
    binary = face.neutral.numpy().astype("<f4").tobytes()
    binary += b"".join(b"\x03" + np.array(row, "<i4").tobytes() for row in face.faces.tolist())
    (folder / "binary.ply").write_bytes(head.format("binary_little_endian").encode() + binary)


def write_directions(folder: Path) -> None:
    """Moods of the bare face, and how a head is to move."""
    faces = 1e-3 * torch.rand(2, VERTS, 3)
    save_mood_templates(MoodTemplates(("happy", "sad"), faces), folder / "moods.safetensors")
    wave = {"amplitude_deg": 4, "hz": 0.8, "phase": 0.1, "envelope": "rms", "ramp": 0.5}
    (folder / "schedule.txt").write_text("happy:0.7@0-0.2,sad:strong@0.25-")
    (folder / "prompt.txt").write_text("small slow nods, energetic presentation")
    (folder / "way.json").write_text(json.dumps({"nod": [wave], "turn": [wave, {"amplitude_deg": 2}]}))


def write_lists(folder: Path) -> None:
    """Vertices, phones, transcripts, settings and pickles."""
    np.save(folder / "lips.npy", np.array([1, 5, 7]))
    (folder / "lips.txt").write_text("1, 5\n7 8")
    rows = [[phone, start, end] for phone, start, end in load_phones(asset("hello.phones.json")).segments]
    (folder / "hello.phones.json").write_text(json.dumps({"phones": rows[:9]}))
    (folder / "hello.TextGrid").write_text(
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 0.5\n'
        'tiers? <exists>\nsize = 1\nitem []:\n    item [1]:\n        class = "IntervalTier"\n'
        '        name = "phones"\n        xmin = 0\n        xmax = 0.5\n        intervals: size = 2\n'
        '        intervals [1]:\n            xmin = 0\n            xmax = 0.2\n            text = "AA1"\n'
        '        intervals [2]:\n            xmin = 0.2\n            xmax = 0.5\n            text = "M"\n'
    )
    arrays = {
        "ada": np.random.default_rng(0).normal(size=(VERTS, 3)),
        "ben": np.zeros((VERTS, 3), np.float32),
    }
    for protocol in (0, 2, 4):
        (folder / f"templates{protocol}.pkl").write_bytes(pickle.dumps(arrays, protocol=protocol))
    tree = {"ada": {"s01": {"audio": np.zeros(99, np.int16), "sample_rate": 22_000}, "rows": {0: 1, 1: 2}}}
    (folder / "tree.pkl").write_bytes(pickle.dumps(tree, protocol=2))
    (folder / "train.toml").write_text(
        'model = "memorytalker"\nsize = "starter"\nseed = 3\nhalf = true\n'
        "[config]\nfeatures = 16\nheads = 4\n"
        'ears = [{ kind = "logmel", width = 16 }]\n[memorise]\nsteps = 2\nbatch = 2\nlr = 1e-3\n'
    )
    (folder / "studio.toml").write_text(
        "speakers = 2\ntakes = 3\nseed = 1\nfps = 30\nmoods = 0.3\nlooks = false\n"
    )


def write_clips(folder: Path) -> None:
    """A prepared folder of one person, with phones and captured textures."""
    (motion,) = (motion for name, motion in motions() if name == "dense")
    speech = Speech(torch.from_numpy(_wave()))
    pictures = folder.parent / "skins"
    pictures.mkdir()
    for name in ("neutral", *range(FRAMES)):
        Image.new("RGB", (8, 8), (99, 80, 70)).save(pictures / f"{name}.png")
    skins = TextureFrames(pictures / "neutral.png", tuple(pictures / f"{i}.png" for i in range(FRAMES)))
    phones = phones_of([("AA", 0.05, 0.2), ("M", 0.2, 0.3)])
    for name in ("ada/0", "ada/1"):
        save_clip(Clip(speech, motion, bare_avatar(), phones, skins), folder, name)
    shutil.rmtree(pictures)
    save_contents(
        Contents({"train": ["ada/0", "ada/1"], "test": []}, "CC0-1.0", "x", {"corpus": "x"}), folder
    )


def write_runs(folder: Path) -> None:
    """What a training leaves that was stopped after a step."""
    plan = plan_for(folder.parent / "clips", {}, SMALL_SETTINGS, stage="memorise", steps=1)
    (folder / "out.run").mkdir()
    for _ in train(plan.talker, plan.stages, plan.clips, folder=folder / "out.run"):
        pass
    shutil.rmtree(folder / "out.run/log", ignore_errors=True)


def write_corpora(folder: Path) -> None:
    """Raw corpora as their authors lay them out, in little."""
    frames, dice = int(60 * SECONDS), np.random.default_rng(0)
    for corpus, verts, clip in (
        ("vocaset", VOCASET_VERTS, "FaceTalk_170728_03272_TA_sentence01"),
        ("biwi", BIWI_VERTS, "F2_e01"),
    ):
        place = folder / corpus
        (place / "wav").mkdir(parents=True)
        (place / "vertices_npy").mkdir()
        template = dice.normal(size=(verts, 3)).astype(np.float32) / 50
        subject = clip.rpartition("_")[0]
        (place / "templates.pkl").write_bytes(pickle.dumps({subject: template}, protocol=2))
        count = frames if corpus == "vocaset" else int(25 * SECONDS)
        np.save(place / "vertices_npy" / f"{clip}.npy", np.repeat(template.reshape(1, -1), count, 0))
        save_speech(Speech(torch.from_numpy(_wave())), place / "wav" / f"{clip}.wav")
    ply = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
    ply += (
        "element face 1\nproperty list uchar int vertex_indices\nend_header\n" + "0 0 0\n" * 4 + "3 0 1 2\n"
    )
    (folder / "vocaset/FLAME_sample.ply").write_text(ply)
    np.save(folder / "vocaset/lips_coordinates.npy", np.array([1590, 1593]))
    (folder / "biwi/lve.txt").write_text("3, 5, 5,\n 7")
    (folder / "biwi/BIWI_topology.obj").write_text("v 0 0 0\nf 1/1 2/2 3/3 4/4\n")
    served, subject = folder / "served", "FaceTalk_170728_03272_TA"
    served.mkdir()
    for name in ("templates.pkl", "FLAME_sample.ply", "lips_coordinates.npy"):
        shutil.copyfile(folder / "vocaset" / name, served / name)
    rows = np.load(folder / f"vocaset/vertices_npy/{subject}_sentence01.npy")
    np.save(served / "data_verts.npy", rows.reshape(frames, -1, 3))
    sound = {"audio": (_wave(22_000) * 32767).astype(np.int16), "sample_rate": 22_000}
    index = {subject: {"sentence01": {i: i for i in range(frames)}}}
    (served / "subj_seq_to_idx.pkl").write_bytes(pickle.dumps(index, protocol=2))
    (served / "raw_audio_fixed.pkl").write_bytes(pickle.dumps({subject: {"sentence01": sound}}, protocol=2))
    person = folder / "textalk4d/ID001"
    (person / "Records").mkdir(parents=True)
    save_speech(Speech(torch.from_numpy(_wave())), person / "Records/enhanced_vocal.wav")
    write_meshes(person)
    for number in range(1, 1 + FRAMES):
        for part in ("Models", "Textures_512"):
            (person / part / f"{number:06d}").mkdir(parents=True)
        shutil.copyfile(person / "head.obj", person / "Models" / f"{number:06d}" / "face_aligned.obj")
        Image.new("RGB", (8, 8), (99, 80, 70)).save(person / "Textures_512" / f"{number:06d}" / "face.png")
    for leftover in ("head.obj", "text.ply", "binary.ply"):
        (person / leftover).unlink()


def write_ears(folder: Path) -> None:
    """A folder of transformers' form, and recordings of readers with their words."""
    torch.manual_seed(0)
    ear: Any = build_ear(HUBERT)
    ear.body.save_pretrained(folder / "hubert")
    reader = folder / "readers/en-us_ada"
    reader.mkdir(parents=True)
    shutil.copyfile(asset("hello.wav"), reader / "a.wav")
    (reader / "a.txt").write_text(
        "Hello! My name is Ada. Give me any voice, and I will move my lips to every word: "
        "maybe a poem, maybe a bubbly pop song."
    )
    (folder / "beside").mkdir()
    soundfile.write(folder / "beside/a.wav", _wave(), SAMPLE_RATE)
    entry = {"phones": [["AA", 0.05, 0.2], ["M", 0.2, 0.3]]}
    (folder / "beside/alignments.json").write_text(json.dumps({"a.wav": entry}))


WRITERS = {
    "sounds": write_sounds, "avatars": write_avatars, "networks": write_networks,
    "published": write_published, "pictures": write_pictures, "meshes": write_meshes,
    "lists": write_lists, "clips": write_clips, "runs": write_runs,
    "corpora": write_corpora, "ears": write_ears, "directions": write_directions,
    "flame": write_flame, "talking3d": write_talking3d, "captures": write_captures,
    "posed": write_posed,
}  # fmt: skip


def write_seeds(folder: Path) -> Path:
    """All of them, each kind in a folder of its own."""
    for name, write in WRITERS.items():
        (folder / name).mkdir(parents=True)
        write(folder / name)
    (folder / "motions").mkdir()
    for name, motion in motions():
        save_motion(motion, folder / "motions" / f"{name}.motion")
    shutil.copyfile(asset("clips") / "s0039/003.motion", folder / "motions/bundled.motion")
    return folder
