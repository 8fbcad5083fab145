"""Every bad input through the program itself: exit code, a message with name and way out, and no trace."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from talkcli.app import app
from talkcli.engine.checkpoint import load_pickled
from talkcli.engine.errors import Untrusted
from talkcli.engine.motion import Motion, Vertices, save_motion
from talkcli.engine.pickles import load_arrays
from talkcli.engine.sound import _Clamped
from talkcli.engine.video import write_video

RATE = 16_000
VOICE = (0.2 * np.sin(np.arange(RATE) * 0.1)).astype(np.float32)


def wav(path: Path, wave: np.ndarray = VOICE, rate: int = RATE, subtype: str = "FLOAT") -> None:
    soundfile.write(path, wave, rate, subtype=subtype, format="WAV")


def silent_film(path: Path) -> None:
    write_video([np.zeros((16, 16, 3), np.uint8)] * 5, Fraction(25), path)


def header_only(path: Path) -> None:
    wav(path, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:44])


def lying_rate(path: Path) -> None:
    wav(path)
    data = bytearray(path.read_bytes())
    data[24:28] = struct.pack("<I", 3_000_000_000)
    path.write_bytes(data)


def broken_mp4(path: Path) -> None:
    silent_film(path)
    path.write_bytes(path.read_bytes()[:200])


def spoilt(value: float) -> Callable[[Path], None]:
    return lambda path: wav(path, np.where(np.arange(RATE) == 99, value, VOICE))


BAD_RECORDINGS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "empty": ("x.wav", lambda path: path.touch()),
    "not audio": ("x.wav", lambda path: path.write_text("once upon a time" * 99)),
    "random bytes": ("x.mp3", lambda path: path.write_bytes(np.random.default_rng(0).bytes(9999))),
    "an executable": ("x.wav", lambda path: path.write_bytes(b"\x7fELF" + bytes(999))),
    "a picture": ("x.png", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(999))),
    "only a header": ("x.wav", header_only),
    "no number": ("x.wav", spoilt(np.nan)),
    "infinite": ("x.wav", spoilt(np.inf)),
    "one sample": ("x.wav", lambda path: wav(path, VOICE[:1])),
    "half a tenth of a second": ("x.wav", lambda path: wav(path, VOICE[:800])),
    "a rate that lies": ("x.wav", lying_rate),
    "a film without sound": ("x.mp4", silent_film),
    "a film cut before its index": ("x.mp4", broken_mp4),
    "a playlist": ("x.m3u8", lambda path: path.write_text("#EXTM3U\n#EXTINF:9,\n/etc/hostname\n")),
    "a device": ("x.wav", lambda path: path.symlink_to("/dev/zero")),
    "a broken link": ("x.wav", lambda path: path.symlink_to("nowhere")),
}


def animate(*words: object) -> Result:
    return CliRunner().invoke(app, ["animate", *map(str, words)])


@pytest.fixture
def bare(untaught, bare_face):
    return ["-m", untaught, "-a", bare_face, "--size", "32"]


def refused(result: Result, code: int, name: object) -> str:
    """Two lines on stderr: what is wrong, with the name; and the way out. Nothing on stdout."""
    assert result.exit_code == code, result.output
    assert result.stdout == "" and "Traceback" not in result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 2 and lines[0].startswith("error: ") and lines[1].startswith(" hint: "), (
        result.stderr
    )
    assert str(name) in lines[0] and len(lines[1]) > 10
    return lines[0]


@pytest.mark.parametrize("case", BAD_RECORDINGS)
def test_a_bad_recording_is_named_and_leaves_nothing(case, tmp_path, bare):
    name, make = BAD_RECORDINGS[case]
    make(tmp_path / name)
    refused(animate(tmp_path / name, *bare), 3, name)
    assert os.listdir(tmp_path) == [name]


def test_a_recording_that_is_not_there_is_named(tmp_path, bare):
    refused(animate(tmp_path / "gone.wav", *bare), 3, "gone.wav")
    assert os.listdir(tmp_path) == []


def test_a_folder_without_recordings_is_named(tmp_path, bare):
    (tmp_path / "notes.txt").touch()
    refused(animate(tmp_path, *bare), 3, tmp_path)


def test_a_style_that_is_no_recording_is_named(tmp_path, bare, hello):
    (tmp_path / "style.wav").write_bytes(b"no")
    refused(animate(hello, *bare, "--style", tmp_path / "style.wav"), 3, "style.wav")
    assert sorted(os.listdir(tmp_path)) == ["hello.wav", "style.wav"]


@pytest.mark.parametrize("rate", [8_000, 192_000])
@pytest.mark.parametrize("channels", [1, 6])
def test_odd_but_good_recordings_work(rate, channels, tmp_path, bare):
    time = np.arange(rate) / rate
    wav(tmp_path / "x.wav", np.repeat(np.sin(time * 1000)[:, None] * 0.2, channels, 1), rate)
    assert animate(tmp_path / "x.wav", *bare, "-o", tmp_path / "x.motion").exit_code == 0
    assert sorted(os.listdir(tmp_path)) == ["x.motion", "x.wav"]


@pytest.mark.parametrize("name, codec", [("x.mp3", "libmp3lame"), ("x.m4a", "aac"), ("x.webm", "libopus")])
def test_other_containers_work(name, codec, tmp_path, bare):
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=48_000)
        stream.layout = "mono"  # type: ignore[attr-defined]
        frame = av.AudioFrame.from_ndarray(np.tile(VOICE, 3)[None], format="fltp", layout="mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))  # type: ignore[attr-defined]
        container.mux(stream.encode())  # type: ignore[attr-defined]
    assert animate(tmp_path / name, *bare).exit_code == 0
    assert sorted(os.listdir(tmp_path)) == sorted([name, "x.mp4", "x.motion"])


def test_a_film_with_sound_is_a_recording(tmp_path, bare, hello):
    assert animate(hello, *bare).exit_code == 0
    assert animate(hello.with_suffix(".mp4"), *bare, "-o", tmp_path / "again.motion").exit_code == 0


def test_a_truncated_recording_works_and_says_so(tmp_path, bare):
    wav(tmp_path / "x.wav")
    data = (tmp_path / "x.wav").read_bytes()
    (tmp_path / "x.wav").write_bytes(data[: len(data) // 2])
    result = animate(tmp_path / "x.wav", *bare, "-o", tmp_path / "x.motion")
    assert result.exit_code == 0 and "warning: " in result.stderr and "breaks off" in result.stderr


@pytest.mark.parametrize("where", ["nowhere/x.mp4", "file/x.mp4"])
def test_an_output_that_cannot_be_written_is_named_before_any_work(where, tmp_path, bare, hello):
    (tmp_path / "file").touch()
    refused(animate(hello, *bare, "-o", tmp_path / where), 5, (tmp_path / where).parent)
    assert sorted(os.listdir(tmp_path)) == ["file", "hello.wav"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path, bare, hello):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    refused(animate(hello, *bare, "-o", closed / "x.mp4"), 5, closed)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, bare, hello):
    """A limit on the size of files is the nearest thing to a full disk that needs no privilege."""
    import subprocess
    import sys

    assert animate(hello, *bare).exit_code == 0  # from now on the renderer is compiled
    for path in tmp_path.iterdir():
        path.unlink()
    wav(tmp_path / "long.wav", np.random.default_rng(0).uniform(-0.1, 0.1, RATE * 30))
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
        "sys.argv[0] = 'talk'; from talkcli.app import app; app()"
    )
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    words = ["animate", tmp_path / "long.wav", *bare, "-o", tmp_path / "x.mp4"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, env=path
    )
    assert done.returncode == 5, done.stderr
    assert "x.mp4" in done.stderr and "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["long.wav"]


def test_an_output_that_is_a_folder_or_exists_is_named(tmp_path, bare, hello):
    (tmp_path / "x.mp4").mkdir()
    (tmp_path / "x.motion").write_bytes(b"precious")
    assert animate(hello, *bare, "-o", tmp_path / "x.motion").exit_code == 2
    refused(animate(hello, *bare, "-o", tmp_path / "x.motion"), 2, "x.motion")
    assert (tmp_path / "x.motion").read_bytes() == b"precious"


OVERSIZED = struct.pack("<Q", 1 << 40) + b"{}"

BAD_FILES: dict[str, bytes] = {
    "empty": b"",
    "corrupt": struct.pack("<Q", 2) + b"{]",
    "foreign": b"PK\x03\x04" + bytes(200),
    "a pickle": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    "oversized": OVERSIZED,
    "terabytes declared": (lambda head: struct.pack("<Q", len(head)) + head)(
        b'{"w":{"dtype":"F32","shape":[1048576,1048576],"data_offsets":[0,4398046511104]}}'
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
@pytest.mark.parametrize("option, name", [("-m", "x.ckpt"), ("-a", "x.avatar")])
def test_a_bad_checkpoint_or_avatar_is_named(option, name, case, tmp_path, bare, hello):
    (tmp_path / name).write_bytes(BAD_FILES[case])
    refused(animate(hello, *bare, option, tmp_path / name), 6, name)
    assert sorted(os.listdir(tmp_path)) == sorted(["hello.wav", name])


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_motion_is_named(case, tmp_path, bare_face):
    (tmp_path / "x.motion").write_bytes(BAD_FILES[case])
    words = ["render", tmp_path / "x.motion", "-a", bare_face, "-o", tmp_path / "x.mp4"]
    refused(CliRunner().invoke(app, [str(word) for word in words]), 6, "x.motion")
    assert os.listdir(tmp_path) == ["x.motion"]


@given(junk=st.binary(max_size=64))
@example(junk=b"")
@example(junk=b"RIFF\x24\x96\x04\x00WAVEfmt ")
@example(junk=b"PK\x03\x04")
@settings(max_examples=60, deadline=None)
def test_what_is_no_checkpoint_of_the_authors_is_untrusted(junk, tmp_path_factory):
    path = tmp_path_factory.mktemp("junk") / "ckpt_100.pth"
    path.write_bytes(junk)
    for load in (load_pickled, load_arrays):
        with warnings.catch_warnings(), pytest.raises(Untrusted):
            warnings.simplefilter("ignore")
            load(path)


def test_a_recording_is_no_checkpoint_of_the_authors(tmp_path):
    wav(tmp_path / "voice.wav")
    words = ["models", "import", "memorytalker", str(tmp_path / "voice.wav"), "-o", str(tmp_path / "x.ckpt")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 6 and "voice.wav is not a plain file of tensors" in result.stderr
    assert not (tmp_path / "x.ckpt").exists()


def test_one_kind_of_file_in_the_place_of_another_is_named(tmp_path, bare, hello, untaught, bare_face):
    refused(animate(hello, *bare, "-a", untaught), 3, untaught)
    refused(animate(hello, *bare, "-m", bare_face), 3, bare_face)
    assert os.listdir(tmp_path) == ["hello.wav"]


def test_a_checkpoint_for_another_face_is_said(tmp_path, bare, hello):
    from talkcli.engine.face.avatar import Avatar, save_avatar

    other = Avatar("other", torch.rand(7, 3), torch.tensor([[0, 1, 2]]), torch.tensor([1]))
    save_avatar(other, tmp_path / "other.avatar")
    refused(animate(hello, *bare, "-a", tmp_path / "other.avatar"), 3, "other")
    assert sorted(os.listdir(tmp_path)) == ["hello.wav", "other.avatar"]


def test_a_checkpoint_of_an_unknown_method_is_untrusted(tmp_path, bare, hello):
    from dataclasses import make_dataclass

    from talkcli.engine.checkpoint import save_checkpoint

    nothing = make_dataclass("Nothing", [], frozen=True)()
    save_checkpoint("singer", nothing, {"w": torch.zeros(1)}, {}, tmp_path / "x.ckpt")
    assert "singer" in refused(animate(hello, *bare, "-m", tmp_path / "x.ckpt"), 6, "x.ckpt")


@given(
    offset=st.integers(-(1 << 64), 1 << 64), whence=st.sampled_from((os.SEEK_SET, os.SEEK_CUR, os.SEEK_END))
)
def test_no_decoder_seeks_outside_a_recording(offset, whence, tmp_path_factory):
    """What the seek raises is lost in the decoder's callback, and shown on stderr."""
    path = tmp_path_factory.getbasetemp() / "seek.wav"
    path.write_bytes(bytes(100))
    with path.open("rb") as file:
        clamped = _Clamped(file)
        file.seek(50)
        start = {os.SEEK_SET: 0, os.SEEK_CUR: 50, os.SEEK_END: 100}[whence]
        assert clamped.seek(offset, whence) == file.tell() == min(max(start + offset, 0), 100)


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("pose", "x.motion", "--trajectory"), "t.json"),
        (("train", "clips", "--config"), "t.toml"),
        (("evaluate", "x.motion", "x.motion", "--region"), "lips=t.txt"),
    ],
    ids=["a trajectory", "settings", "a region"],
)
def test_a_device_is_no_text(words, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_motion(Motion(Fraction(25), Vertices(torch.zeros(3, 12, 3))), Path("x.motion"))
    Path(file.split("=")[-1]).symlink_to("/dev/zero")
    result = CliRunner().invoke(app, [*words, file])
    assert "it has more than" in refused(result, 3, file.split("=")[-1])


@pytest.mark.parametrize(
    ("words", "name", "code"),
    [
        ("animate {}", "a.wav", 3),
        ("animate hello.wav --ears {} -o x.motion", "config.json", 4),
        ("train {}", "clips.json", 3),
        ("emote {}", "clips.json", 3),
        ("evaluate {} {} --metric lve", "a.motion", 3),
        ("personalize {} --model textalker -o x.avatar", "face.obj", 3),
        ("prepare biwi {} -o x", "BIWI_topology.obj", 4),
    ],
)
def test_a_pipe_in_a_folder_is_waited_for_by_nobody(words, name, code, tmp_path, monkeypatch, hello):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / name)
    refused(CliRunner().invoke(app, words.format("folder", "folder").split()), code, "folder")


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "There is no folder nowhere" in refused(
        CliRunner().invoke(app, ["train", "nowhere"]), 3, "nowhere"
    )
