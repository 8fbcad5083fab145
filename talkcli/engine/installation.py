"""Installation: what is here, what is missing, what each missing thing unlocks and how to get it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkcli.engine.assets import (
    DEFAULT_AVATAR,
    DEFAULT_MODEL,
    FOREIGN_LICENCES,
    REINSTALL,
    SHIPPED_EYE,
    STARTER_EARS,
    WHISPER_BASE_HEAD,
    assets_folder,
    cache_folder,
    sha256,
)
from talkcli.engine.errors import TalkError, counted, lacks_memory
from talkcli.engine.methods import DEFAULT_PUPIL, METHODS

EXTRAS = {
    "hubert": (("transformers",), "paper-size models that hear with HuBERT; talk models fetch"),
    "film": (("moviepy",), "several motions side by side: talk render A B"),
    "train": (("accelerate", "tensorboard"), "training on several GPUs, training curves"),
    "studio": (("espeakng_loader",), "making recordings: talk prepare studio"),
    "align": (("pocketsphinx", "praatio"), "phones of a recording with its text, the recogniser baseline"),
    "plot": (("matplotlib",), "talk evaluate --plot"),
    "pyrender": (("pyrender",), "talk render --renderer pyrender"),
    "gsplat": (("gsplat",), "Gaussians drawn and fitted on CUDA"),
    "capture": (("mediapipe", "pillow_heif"), "an avatar from a picture or a film: talk personalize me.jpg"),
}
"""Extra of the package -> the modules it brings, and what they unlock."""

DEFAULTS = ("head.safetensors", f"{DEFAULT_MODEL}.ckpt", f"{DEFAULT_AVATAR}.avatar")
"""The assets that `talk animate` needs when it is told nothing."""


def bundled() -> dict[str, str]:
    """Asset -> what it unlocks."""
    unlocks = {f"{name}.ckpt": f"talk animate --model {name}" for name in METHODS}
    unlocks[f"{DEFAULT_PUPIL}.ckpt"] = "talk personalize with its defaults"
    unlocks[STARTER_EARS] = "talk train makes starters"
    unlocks[SHIPPED_EYE] = "talk animate me.mp4 --driven-by picture"
    unlocks[WHISPER_BASE_HEAD] = "talk animate --ears whisper-base"
    return unlocks | dict.fromkeys(DEFAULTS, "talk animate with its defaults")


_ENCODERS = {"libx264": "mp4", "aac": "sound in mp4", "libvpx-vp9": "webm", "libopus": "sound in webm"}


@dataclass(frozen=True)
class Finding:
    section: str
    name: str
    found: str
    """Version, size or place; empty if missing."""
    unlocks: str = ""
    remedy: str = ""
    needed: bool = False
    """Whether `talk animate` cannot do without it."""

    @property
    def missing(self) -> bool:
        return not self.found


def findings() -> Iterator[Finding]:
    """Everything that `talk doctor` looks at."""
    yield from _basics()
    yield from _devices()
    yield from _renderers()
    yield from _encoders()
    yield from _extras()
    yield from _synthesisers()
    yield from _assets()
    yield from _imported()


def _basics() -> Iterator[Finding]:
    python = sys.version.split()[0]
    yield Finding("program", "python", python, "everything", "Install Python 3.11 or later.", True)
    for package in ("torch", "numpy", "numba", "av", "soundfile", "soxr", "safetensors"):
        yield Finding("program", package, _version(package), "everything", f"pip install {package}", True)
    try:
        folder = cache_folder()
        writable = str(folder) if os.access(folder, os.W_OK) else ""
    except OSError:
        writable = ""
    yield Finding(
        "program", "cache folder", writable, "a quick start", "Set TALK_CACHE to a folder of yours."
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _devices() -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding("device", "cpu", "", f"everything; torch does not start: {error}", REINSTALL, True)
        return
    yield Finding("device", "cpu", counted(torch.get_num_threads(), "threads"), needed=True)
    graphics = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    cuda = "A build of torch for CUDA and a driver for the card."
    yield Finding("device", "cuda", ", ".join(graphics), "faster training", cuda)
    mps = "available" if torch.backends.mps.is_available() else ""
    yield Finding("device", "mps", mps, "faster training", "A Mac with Apple silicon.")


def _renderers() -> Iterator[Finding]:
    numba = _version("numba")
    yield Finding("renderer", "numba", numba and f"built in, numba {numba}", "pictures", REINSTALL, True)
    pyrender = importlib.util.find_spec("pyrender")
    yield Finding(
        "renderer",
        "pyrender",
        "installed" if pyrender else "",
        "a second opinion",
        "pip install 'talkcli[pyrender]'",
    )
    pytorch3d = "installed" if importlib.util.find_spec("pytorch3d") else ""
    hint = "See what --renderer pytorch3d says: it must fit your torch."
    yield Finding("renderer", "pytorch3d", pytorch3d, "pictures of meshes on a card", hint)


def _encoders() -> Iterator[Finding]:
    try:
        from av.codec import codecs_available
    except (ImportError, OSError) as error:
        if lacks_memory(error):
            raise MemoryError from error
        codecs_available = frozenset()
    for codec, unlocks in _ENCODERS.items():
        version = f"PyAV {_version('av')}" if codec in codecs_available else ""
        needed = codec in ("libx264", "aac")
        yield Finding("encoder", codec, version, unlocks, "pip install --upgrade av", needed)


def _extras() -> Iterator[Finding]:
    for extra, (modules, unlocks) in EXTRAS.items():
        there = all(importlib.util.find_spec(module) for module in modules)
        yield Finding(
            "extra", extra, "installed" if there else "", unlocks, f"pip install 'talkcli[{extra}]'"
        )


def _synthesisers() -> Iterator[Finding]:
    espeak = shutil.which("espeak-ng") or (
        "through espeakng-loader" if importlib.util.find_spec("espeakng_loader") else ""
    )
    unlocks = "voices for talk prepare studio"
    yield Finding("synthesiser", "espeak-ng", espeak, unlocks, "apt install espeak-ng, or the extra studio")
    yield Finding("synthesiser", "flite", shutil.which("flite") or "", unlocks, "apt install flite")


def _assets() -> Iterator[Finding]:
    folder = assets_folder()
    there = sorted(path for path in folder.glob("*") if path.is_file() and path.suffix != ".md")
    names = {path.name for path in there}
    for name, unlocks in bundled().items():
        if name not in names:
            yield Finding("asset", name, "", unlocks, REINSTALL, name in DEFAULTS)
    for path in there:
        size = f"{_size(path)}, {_licence(path)}, SHA-256 {sha256(path)}"
        yield Finding("asset", path.name, size, needed=path.name in DEFAULTS)
    clips = folder / "clips"
    if (clips / "clips.json").is_file():
        count = len(list(clips.rglob("*.wav")))
        index = f"of the index {sha256(clips / 'clips.json')}"
        yield Finding(
            "asset", "clips/", f"{counted(count, 'recordings')}, {_licence(clips)}, SHA-256 {index}"
        )


def _imported() -> Iterator[Finding]:
    """What a user made rigs of, and what else was imported for them."""
    from talkcli.engine.face.detail import DETAIL_FILE, installed_detail
    from talkcli.engine.face.known_rigs import ORIGIN_SUFFIX, imported_rigs

    rigs = imported_rigs()
    if not rigs:
        hint = "talk models import flame FLAME2020/generic_model.pkl"
        yield Finding("rig", "flame", "", "--avatar flame; talk prepare talking3d", hint)
    for name, path in rigs.items():
        origin, found = path.with_suffix(ORIGIN_SUFFIX), _size(path)
        if origin.is_file():
            made = json.loads(origin.read_text(encoding="utf-8"))
            found += f", made of {made['files']['model']['name']}, SHA-256 {made['files']['model']['sha256']}"
        yield Finding("rig", name, found)
    if rigs:
        detail = installed_detail()
        unlocks = "folds that a motion's codes of detail draw on FLAME"
        hint = "talk models import emoca detail.ckpt"
        yield Finding("rig", DETAIL_FILE, "" if detail is None else _size(detail), unlocks, hint)


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:.2f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _licence(path: Path) -> str:
    """A checkpoint says under what terms it stands; what is bundled is ours but for FOREIGN_LICENCES."""
    if path.suffix == ".ckpt":
        from talkcli.engine.checkpoint import load_checkpoint

        try:
            return load_checkpoint(path).licence
        except TalkError as error:
            return f"damaged ({error.message})"
    return FOREIGN_LICENCES.get(path.name) or FOREIGN_LICENCES.get(path.suffix, "Apache-2.0")


def models_here() -> dict[str, list[dict[str, Any]]]:
    """What `talk models` lists, by kind: starters, ears that ship, and fetched ones."""
    from talkcli.engine.hub import fetched_models
    from talkcli.engine.methods import installed, load_method

    starters = []
    for name, path in installed().items():
        method = load_method(name)
        able = {"moves": sorted(method.moves), "styles_from": list(method.captures)}
        starters.append({"model": name, **_told_by(path), **able})
    paths = [assets_folder() / name for name in (STARTER_EARS, WHISPER_BASE_HEAD)]
    ears = [{"ears": path.stem, **_told_by(path)} for path in paths if path.is_file()]
    fetched = [
        {"fetched": name, **model.origin, "folder": str(model.folder), "for": model.use}
        for name, model in fetched_models().items()
    ]
    return {"models": starters, "ears": ears, "fetched": fetched}


def _told_by(path: Path) -> dict[str, Any]:
    """What a checkpoint says of itself."""
    from talkcli.engine.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(path)
    provenance = checkpoint.provenance
    return {
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "licence": checkpoint.licence,
        "trained_on": provenance.get("data", {}).get("source", provenance.get("source", "unknown")),
        "sha256": sha256(path),
    }
