"""The only file that knows where assets and caches live."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from talkcli.engine.errors import MissingAsset

DEFAULT_MODEL = "textalker"
DEFAULT_AVATAR = "ada"
"""Of `talk animate`; `talk doctor` looks for their files."""

DEFAULT_RIG = "facekit"
"""The built-in head, as avatars and motions name it."""

STARTER_EARS = "ears.ckpt"
"""The taught ear that a starter begins with."""
WHISPER_BASE_HEAD = "ears_whisper_base.ckpt"
"""The head that was taught on Whisper base, which is the user's to fetch."""
SHIPPED_EYE = "eye.ckpt"
"""The encoder that reads expressions from pictures."""
STARTER_EARS_LICENCE = "MIT (encoder of Whisper tiny.en, OpenAI) and Apache-2.0 (head)"

FACEKIT_LICENCE = "MIT (ICT-FaceKit)"
FACEKIT_CREDIT = (
    "form: ICT-FaceKit Light, Copyright (c) 2020 USC Institute for Creative Technologies, MIT licence"
)
OURS_ON_FACEKIT = f"Apache-2.0; form of the head: {FACEKIT_LICENCE}"
"""Of what is our own but for the form of the built-in head: people, recordings, networks."""

FOREIGN_LICENCES = {
    "head.safetensors": FACEKIT_LICENCE,
    "head_fields.safetensors": FACEKIT_LICENCE,
    "clips": OURS_ON_FACEKIT,
    ".avatar": OURS_ON_FACEKIT,
}
"""Of bundled files, or all of a suffix, made from the work of others; the texts lie in LICENSES/."""


def head_credit(rig: str | None) -> dict[str, str]:
    """Whose form a head of this rig has, for the provenance of what is made with it; nothing to say of
    another rig or a bare mesh."""
    return {"head": FACEKIT_CREDIT} if rig == DEFAULT_RIG else {}


REINSTALL = "pip install --force-reinstall talkcli"

_PACKAGE = Path(__file__).parent.parent


def assets_folder() -> Path:
    """`talkcli/assets` in an installed wheel, `assets` beside the package in a checkout."""
    installed = _PACKAGE / "assets"
    return installed if installed.is_dir() else _PACKAGE.parent / "assets"


def asset(name: str) -> Path:
    """The path of a bundled file; MissingAsset if this install lacks it."""
    path = assets_folder() / name
    if not path.exists():
        raise MissingAsset(
            f"The bundled asset {name} is missing from {assets_folder()}.", f"Reinstall: {REINSTALL}"
        )
    return path


def cache_folder() -> Path:
    """Where things that can be made again are kept; made on first use."""
    root = os.environ.get("TALK_CACHE") or os.environ.get("XDG_CACHE_HOME") or _at_home(".cache")
    folder = Path(root) / "talk"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def data_folder() -> Path:
    """Where what a user imported is kept; not made here."""
    root = os.environ.get("TALK_DATA") or os.environ.get("XDG_DATA_HOME") or _at_home(".local/share")
    return Path(root) / "talk"


def _at_home(name: str) -> Path:
    """Below the user's home. Who has none, as a number without a name in a container, keeps nothing."""
    try:
        return Path.home() / name
    except RuntimeError:
        return Path(os.devnull) / name


def avatar_files() -> dict[str, Path]:
    """The avatars that go by a name: bundled ones, and those of imported rigs."""
    folders = (data_folder(), assets_folder())
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.avatar"))}


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
