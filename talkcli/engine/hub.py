"""Hub: other people's pretrained ears on huggingface.co, pinned revisions, fetched when asked for."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from talkcli.engine.assets import data_folder, sha256
from talkcli.engine.checkpoint import load_pickled
from talkcli.engine.destinations import made_folder, replacing
from talkcli.engine.errors import BadUsage, MissingAsset, Untrusted, check_interruption, pick
from talkcli.engine.text_files import text_of

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
SAFE, PICKLED = "model.safetensors", "pytorch_model.bin"
RECORD = "source.json"
"""Beside the files: which revision they are, and their SHA-256."""
METADATA_SECONDS = 20
"""That the hub may take to say what it has."""


@dataclass(frozen=True)
class HubFile:
    name: str
    bytes: int | None = None
    sha256: str | None = None
    """None where it is not pinned: then it must have the digest that the hub gives for this revision."""


@dataclass(frozen=True)
class HubModel:
    name: str
    repository: str
    revision: str
    licence: str
    """As other projects state it: the card is not read here, and what it says counts."""
    use: str
    files: tuple[HubFile, ...]

    @property
    def folder(self) -> Path:
        """Of the fetched model, in transformers' form."""
        return data_folder() / "models" / self.name

    @property
    def megabytes(self) -> float | None:
        sizes = [file.bytes for file in self.files]
        return None if None in sizes else round(sum(size or 0 for size in sizes) / 1e6, 1)

    @property
    def origin(self) -> dict[str, str]:
        """Where it comes from, and on what terms."""
        return {"repository": self.repository, "revision": self.revision, "licence": self.licence}

    def __str__(self) -> str:
        size = "of a size that the hub knows" if self.megabytes is None else f"{self.megabytes} MB"
        return f"{self.name}: {self.repository}, revision {self.revision[:8]}, {size}, licence {self.licence}"


_MODELS = (
    HubModel(
        "whisper-base", "openai/whisper-base", "e37978b90ca9030d5170a5c07aadb050351a65bb", "Apache-2.0",
        "talk animate --ears whisper-base",
        (
            HubFile(CONFIG, 1983, "a153c53883a6799b6f056b4a8d1a515c9926d03994682ba88a7616618d7da0c1"),
            HubFile(SAFE, 290_403_936, "07cadb9f25677c8d50df603e66a98fbd842cce45047139baeb16e6219a1e807b"),
        ),
    ),
    HubModel(
        "whisper-small", "openai/whisper-small", "973afd24965f72e36ca33b3055d56a652f456b4d", "Apache-2.0",
        "recipes/ears.py --encoder FOLDER",
        (
            HubFile(CONFIG, 1967, "e6a2b489da1b5aed65a8eb8d1e7466fa867ad5643a8bc138ba708bd56b2875c4"),
            HubFile(SAFE, 966_995_080, "1d7734884874f1a1513ed9aa760a4f8e97aaa02fd6d93a3a85d27b2ae9ca596b"),
        ),
    ),
    HubModel(
        "hubert-base", "facebook/hubert-base-ls960", "dba3bb02fda4248b6e082697eee756de8fe8aa8a", "Apache-2.0",
        "talk train --size paper --set hubert=FOLDER",
        (
            HubFile(CONFIG, 1385, "56be398848bbd9cbc720172b0d45b2f01cac7652f2968f0f31f5faf9f2986acc"),
            HubFile(PREPROCESSOR, 213, "4a93853b74278b7c769d07f5a861e5d12ceb5db2bced5620d335f87238cb9e86"),
            HubFile(PICKLED, 377_569_754, "062249fffb353eab67547a2fbc129f7c31a2f459faf641b19e8fb007cc5c48ad"),
        ),
    ),
    HubModel(
        "chinese-hubert-base", "TencentGameMate/chinese-hubert-base",
        "fce0375452b1dd6c080ac3248d423d4d037bc831", "MIT",
        "talk train --model textalker --size paper --set hubert=FOLDER",
        (HubFile(CONFIG), HubFile(PREPROCESSOR), HubFile(PICKLED)),
    ),
    HubModel(
        "wavlm-base-plus", "microsoft/wavlm-base-plus", "4c66d4806a428f2e922ccfa1a962776e232d487b",
        "that of github.com/microsoft/UniSpeech",
        "talk train --model 3dxtalker --size paper --set wavlm=FOLDER",
        (
            HubFile(CONFIG, 2232, "fea6df1c2700a3954fc07e70588aecc9055eeb28db2ff57151a2db0d19180ed4"),
            HubFile(PREPROCESSOR, 215, "99272fe8ccfab114b68b478681ea47ee3a1ce62bb788cb92dd6e4f69fb1f1da2"),
            HubFile(PICKLED, 377_617_425, "3bb273a6ace99408b50cfc81afdbb7ef2de02da2eab0234e18db608ce692fe51"),
        ),
    ),
    HubModel(
        "wav2vec2-base-960h", "facebook/wav2vec2-base-960h", "22aad52d435eb6dbaf354bdad9b0da84ce7d6156",
        "Apache-2.0", "talk train --set ears=wav2vec2 --set hubert=FOLDER",
        (
            HubFile(CONFIG, 1596, "d3ec255c063d9f95057b553b19c20135b259875834a4fe9deb218a6be25b4cf3"),
            HubFile(PREPROCESSOR, 159, "b225d617c025463b9e157e06afea8b90dc7078fc70b013c533328423e0486b4a"),
            HubFile(SAFE, 377_607_901, "8aa76ab2243c81747a1f832954586bc566090c83a0ac167df6f31f0fa917d74a"),
        ),
    ),
)  # fmt: skip
HUB_MODELS: Mapping[str, HubModel] = {model.name: model for model in _MODELS}
"""What `talk models fetch` knows."""


def hub_model(name: str) -> HubModel:
    """BadUsage for a name that is not in the table."""
    return HUB_MODELS[pick(name, HUB_MODELS, "model to fetch")]


def ears_folder(ears: str) -> Path:
    """The folder of that path, or of the fetched model of that name; MissingAsset where there is none."""
    if Path(ears).is_dir():
        return Path(ears)
    if ears not in HUB_MODELS:
        hint = f"Give a folder of transformers' form, or fetch one of {', '.join(HUB_MODELS)}."
        raise BadUsage(f"'{ears}' is neither a folder nor the name of a model that can be fetched.", hint)
    if ears not in fetched_models():
        raise MissingAsset(f"{ears} was not fetched.", f"talk models fetch {ears}")
    return HUB_MODELS[ears].folder


def fetched_models() -> dict[str, HubModel]:
    """Those that lie whole in this user's folder, as their records say."""
    return {name: model for name, model in HUB_MODELS.items() if _record(model) is not None}


def _record(model: HubModel) -> dict[str, str] | None:
    """SHA-256 by name of what was fetched; None unless all of this revision is here."""
    try:
        record = json.loads(text_of(model.folder / RECORD))
        digests = record["files"] if record["revision"] == model.revision else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    whole = isinstance(digests, dict) and all((model.folder / name).is_file() for name in digests)
    return digests if whole else None


def fetch_model(
    model: HubModel, announce: Callable[[HubModel], None], progress: Callable[[float], None]
) -> Path:
    """The folder of a model, fetched unless it is there; what an earlier try left is gone on with.

    `announce` is told the model with its sizes before the first of its bytes is asked for. Nothing is run: a
    pickle's tensors alone are read, and kept as safetensors. MissingAsset without huggingface_hub, without a
    network, or where the hub has it no more; Untrusted for bytes that are not those that were pinned.
    """
    folder = model.folder
    known = _record(model)
    if known is not None and all(sha256(folder / name) == digest for name, digest in known.items()):
        return folder
    library = _library()
    sources = [_source(library, model, file) for file in model.files]
    files = tuple(replace(file, bytes=source.size) for file, source in zip(model.files, sources, strict=True))
    announce(replace(model, files=files))
    made_folder(folder)
    meter = _Meter(sum(file.bytes or 0 for file in files), progress)
    for file, source in zip(files, sources, strict=True):
        _download(library, model, file, source, meter)
    if any(file.name == PICKLED for file in files):
        _made_safe(folder)
    names = [SAFE if file.name == PICKLED else file.name for file in files]
    record = {**model.origin, "files": {name: sha256(folder / name) for name in names}}
    with replacing(folder / RECORD) as temporary:
        temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
    return folder


def _library() -> Any:
    try:
        import huggingface_hub.errors
        import huggingface_hub.file_download
        import huggingface_hub.utils.logging
    except ImportError as error:
        raise MissingAsset("Fetching needs huggingface_hub.", "pip install 'talkcli[hubert]'") from error
    huggingface_hub.utils.logging.set_verbosity_error()
    return huggingface_hub


def _endpoint() -> str:
    """The hub's address; BadUsage where the environment names what is none."""
    address = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    if not re.fullmatch(r"https?://[^\s/\[\]]+(/\S*)?", address):
        hint = "Unset it, or give one such as https://huggingface.co."
        raise BadUsage(f"HF_ENDPOINT is '{address}', which is no address of the web.", hint)
    return address


def _source(library: Any, model: HubModel, file: HubFile) -> Any:
    """Where a file is, its size and digest, as the hub tells; Untrusted where that is not what was pinned."""
    url = library.hf_hub_url(model.repository, file.name, revision=model.revision, endpoint=_endpoint())
    with _reaching(library, model):
        source = library.get_hf_file_metadata(url, token=False, timeout=METADATA_SECONDS)
    told = str(source.etag or "")
    if source.size is None or (file.bytes is not None and source.size != file.bytes):
        raise _other(file, f"is {source.size} bytes, not {file.bytes}")
    if file.sha256 is not None and len(told) == 64 and told != file.sha256:
        raise _other(file, f"has SHA-256 {told}, not {file.sha256}")
    if file.sha256 is None and len(told) not in (40, 64):
        raise _other(file, "has no digest there")
    return source


def _other(file: HubFile, fault: str) -> Untrusted:
    hint = "Leave HF_ENDPOINT unset, or try again later; nothing of it is kept."
    return Untrusted(f"{file.name} at {_endpoint()} {fault}.", hint)


def _download(library: Any, model: HubModel, file: HubFile, source: Any, meter: _Meter) -> None:
    """One file, from where an earlier try stopped; it gets its name once its digest is right."""
    path = model.folder / file.name
    part = path.with_name(f"{path.name}.part")
    digest = file.sha256 or str(source.etag)
    if path.is_file() and _has(path, digest):
        meter.update(path.stat().st_size)
        return
    if part.is_file() and part.stat().st_size > source.size:
        part.unlink()
    with _reaching(library, model), part.open("ab") as rest:
        done = rest.seek(0, os.SEEK_END)
        meter.update(done)
        library.file_download.http_get(
            source.location, rest, resume_size=done, expected_size=source.size, _tqdm_bar=meter
        )
    if not _has(part, digest):
        part.unlink()
        raise _other(file, f"came with another digest than {digest}")
    os.replace(part, path)


class _Meter:
    """What the library takes for its progress bar: told how many bytes came, or, below 0, were in vain."""

    def __init__(self, total: int, progress: Callable[[float], None]) -> None:
        self._total, self._progress, self._done = total, progress, 0

    def update(self, count: int) -> None:
        self._done += count
        self._progress(min(self._done / max(self._total, 1), 1.0))


def _has(path: Path, digest: str) -> bool:
    """Whether a file's SHA-256, or for 40 digits its name as a blob of Git, is this one."""
    if len(digest) == 64:
        return sha256(path) == digest
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == digest


def _made_safe(folder: Path) -> None:
    """The tensors of a pickle as safetensors, in place of it."""
    weights = load_pickled(folder / PICKLED)
    if not isinstance(weights, Mapping) or not all(isinstance(each, Tensor) for each in weights.values()):
        raise Untrusted(f"{folder / PICKLED} holds more than tensors.", "Fetch it again.")
    with replacing(folder / SAFE) as temporary:
        save_file({str(name): tensor.clone().contiguous() for name, tensor in weights.items()}, temporary)
    (folder / PICKLED).unlink()


@contextmanager
def _reaching(library: Any, model: HubModel) -> Iterator[None]:
    """One error for all that can be between here and the hub; a full disk is told by who knows it."""
    kept = "What came is kept: the same command goes on with it."
    try:
        yield
        check_interruption()
    except Exception as error:
        check_interruption()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        status = getattr(getattr(error, "response", None), "status_code", None)
        if isinstance(error, library.errors.HfHubHTTPError) and status is not None:
            fault = f"{_endpoint()} answers {status} for {model.repository} at {model.revision[:8]}."
            raise MissingAsset(fault, f"Try again later. {kept}") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        hint = f"Is there a network, or is a proxy wanted (HTTPS_PROXY)? {kept}"
        raise MissingAsset(f"{_endpoint()} cannot be reached: {reason}", hint) from error
