"""talk models fetch: pinned ears from a hub, here a server of this machine that fails on demand."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save

from talkcli.engine import hub
from talkcli.engine.hub import HubFile, HubModel, fetched_models

huggingface_hub = pytest.importorskip("huggingface_hub")
REVISION = "0" * 39 + "1"
WEIGHTS = {"encoder.weight": torch.arange(60_000.0), "bias": torch.ones(3)}


class Hub:
    """A hub of one repository: what it has, what it was asked, and after how many bytes it hangs up."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.digests: dict[str, str] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.patience = 1 << 40
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_HEAD(self) -> None:
                self.give(head=True)

            def do_GET(self) -> None:
                self.give(head=False)

            def give(self, head: bool) -> None:
                name = self.path.rpartition("/")[2]
                wanted = self.headers.get("Range")
                outer.asked.append((self.command, self.path, wanted))
                content = outer.files.get(name)
                if content is None:
                    self.send_error(404)
                    return
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                self.send_response(206 if wanted else 200)
                self.send_header("ETag", f'"{outer.digests.get(name, hashlib.sha256(content).hexdigest())}"')
                self.send_header("X-Repo-Commit", REVISION)
                self.send_header("Content-Length", str(len(content) - start))
                if wanted:
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                self.end_headers()
                if not head:
                    self.wfile.write(content[start : start + outer.patience])

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def gets(self, name: str) -> list[str | None]:
        """The ranges of a file that were asked for."""
        return [wanted for command, path, wanted in self.asked if command == "GET" and path.endswith(name)]


@pytest.mark.parametrize("address", ["nonsense", "file:///etc/passwd", "ftp://x", "http://[::1", "https://"])
def test_an_address_that_is_none_is_no_lack_of_a_network(address, monkeypatch, talk):
    monkeypatch.setenv("HF_ENDPOINT", address)
    told = talk("models", "fetch", "whisper-base", code=2).stderr
    assert f"HF_ENDPOINT is '{address}'" in told and "network" not in told


@pytest.fixture
def there(tmp_path: Path, monkeypatch) -> Iterator[Hub]:
    """A hub with one model, `small`, in safetensors, pinned; it is the only one that is known."""
    server = Hub()
    server.files = {"config.json": b'{"model_type": "whisper"}', "model.safetensors": save(WEIGHTS)}
    pins = [
        HubFile(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in server.files.items()
    ]
    pin(monkeypatch, *pins)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("TALK_DATA", str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.server.shutdown()
    server.server.server_close()


def pin(monkeypatch, *files: HubFile) -> HubModel:
    model = HubModel("small", "someone/small", REVISION, "MIT", "nothing", files)
    monkeypatch.setattr(hub, "HUB_MODELS", {"small": model})
    return model


def test_a_model_is_fetched_once_with_size_and_licence_told_first(talk, there: Hub, tmp_path: Path) -> None:
    said = talk("models", "fetch", "small")
    folder = Path(said.stdout.strip())
    assert folder == tmp_path / "talk" / "models" / "small"
    assert "0.2 MB, licence MIT" in said.stderr and "someone/small" in said.stderr
    assert {name: (folder / name).read_bytes() for name in there.files} == there.files
    assert f"/someone/small/resolve/{REVISION}/config.json" in {path for _, path, _ in there.asked}
    asked = len(there.asked)
    talk("models", "fetch", "small")
    assert len(there.asked) == asked
    [listed] = json.loads(talk("models", "--json").stdout)["fetched"]
    assert listed["licence"] == "MIT" and listed["folder"] == str(folder)
    assert not list(folder.glob("*.part"))


def test_a_download_goes_on_where_it_stopped(talk, there: Hub, tmp_path: Path) -> None:
    part = tmp_path / "talk" / "models" / "small" / "model.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(there.files["model.safetensors"][:100_000])
    talk("models", "fetch", "small")
    assert there.gets("model.safetensors") == ["bytes=100000-"]
    assert part.with_suffix("").read_bytes() == there.files["model.safetensors"] and not part.exists()


def test_what_came_before_the_line_broke_is_kept(talk, there: Hub, monkeypatch) -> None:
    """The library asks again by itself, by pieces of ten million bytes; here they are smaller."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    whole = there.files["model.safetensors"]
    there.patience = len(whole) // 3
    talk("models", "fetch", "small")
    starts = [int((wanted or "bytes=0-")[6:-1]) for wanted in there.gets("model.safetensors")]
    assert len(starts) == 4 and starts == sorted(starts) and starts[1] > 70_000


def test_other_bytes_than_those_pinned_are_refused_and_not_kept(talk, there: Hub, tmp_path: Path) -> None:
    weights = there.files["model.safetensors"]
    there.digests["model.safetensors"] = hashlib.sha256(weights).hexdigest()
    there.files["model.safetensors"] = weights[:-1] + b"?"
    said = talk("models", "fetch", "small", code=6)
    assert "model.safetensors" in said.stderr and "another digest" in " ".join(said.stderr.split())
    folder = tmp_path / "talk" / "models" / "small"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json"] and not fetched_models()
    del there.digests["model.safetensors"]
    gets = len(there.gets("model.safetensors"))
    assert "SHA-256" in talk("models", "fetch", "small", code=6).stderr
    assert len(there.gets("model.safetensors")) == gets


def test_a_file_without_a_pin_must_be_what_the_hub_says(
    talk, there: Hub, monkeypatch, tmp_path: Path
) -> None:
    """By SHA-256, or as Git names small files."""
    config = there.files["config.json"]
    there.digests["config.json"] = hashlib.sha1(b"blob %d\0" % len(config) + config).hexdigest()
    pin(monkeypatch, HubFile("config.json"), HubFile("model.safetensors"))
    there.files["config.json"] = b'{"model_type": "wavlmmm"}'
    assert "another digest" in " ".join(talk("models", "fetch", "small", code=6).stderr.split())
    there.files["config.json"] = config
    talk("models", "fetch", "small")
    assert list(fetched_models()) == ["small"]
    there.digests["config.json"] = "unknown"
    (tmp_path / "talk" / "models" / "small" / hub.RECORD).unlink()
    assert "no digest" in talk("models", "fetch", "small", code=6).stderr


def test_of_a_pickle_the_tensors_alone_are_kept(talk, there: Hub, monkeypatch, tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harmed",))

    pin(monkeypatch, HubFile("pytorch_model.bin"))
    torch.save(WEIGHTS, tmp_path / "weights.bin")
    there.files["pytorch_model.bin"] = (tmp_path / "weights.bin").read_bytes()
    folder = Path(talk("models", "fetch", "small").stdout.strip())
    assert sorted(path.name for path in folder.iterdir()) == ["model.safetensors", hub.RECORD]
    read = load_file(folder / "model.safetensors")
    assert read.keys() == WEIGHTS.keys() and all(torch.equal(read[name], WEIGHTS[name]) for name in read)
    (folder / "model.safetensors").write_bytes(b"damaged")
    talk("models", "fetch", "small")
    assert load_file(folder / "model.safetensors").keys() == WEIGHTS.keys()
    torch.save({"weights": Harmful()}, tmp_path / "evil.bin")
    there.files["pytorch_model.bin"] = (tmp_path / "evil.bin").read_bytes()
    (folder / hub.RECORD).unlink()
    talk("models", "fetch", "small", code=6)
    assert not (tmp_path / "harmed").exists() and not fetched_models()


def test_without_a_network_it_says_so(talk, there: Hub, monkeypatch) -> None:
    there.server.shutdown()
    there.server.server_close()
    said = " ".join(talk("models", "fetch", "small", code=4).stderr.split())
    assert f"{there.url} cannot be reached" in said and "HTTPS_PROXY" in said


def test_what_the_hub_has_not_is_said_with_its_answer(talk, there: Hub) -> None:
    del there.files["config.json"]
    assert "answers 404 for someone/small" in " ".join(
        talk("models", "fetch", "small", code=4).stderr.split()
    )


def test_a_proxy_is_asked_where_one_is_set(talk, there: Hub, monkeypatch) -> None:
    """It is the server itself: a proxy is asked for whole addresses."""
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("HTTP_PROXY", there.url)
    monkeypatch.setenv("http_proxy", there.url)
    huggingface_hub.close_session()
    try:
        talk("models", "fetch", "small")
    finally:
        huggingface_hub.close_session()
    assert {path.partition("/someone")[0] for _, path, _ in there.asked} == {"http://hub.invalid"}


def test_names_are_told_and_others_refused(talk, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TALK_DATA", str(tmp_path))
    told = talk("models", "fetch").stdout
    assert "openai/whisper-base" in told and "290.4 MB" in told and "Apache-2.0" in told
    assert "whisper-base" in talk("models", "fetch", "whisper-bass", code=2).stderr
    talk("models", "fetch", "whisper-base", "-o", tmp_path / "x", code=2)
    assert not os.listdir(tmp_path)


def test_every_pin_is_a_whole_revision_and_a_whole_digest() -> None:
    for model in hub.HUB_MODELS.values():
        names = {file.name for file in model.files}
        assert len(bytes.fromhex(model.revision)) == 20 and model.licence and hub.CONFIG in names
        assert len(names & {hub.SAFE, hub.PICKLED}) == 1
        for file in model.files:
            assert (file.sha256 is None) == (file.bytes is None) == (model.name == "chinese-hubert-base")
            assert file.sha256 is None or len(bytes.fromhex(file.sha256)) == 32
