"""Whole kinds of faults: each answers with its code, two lines, and no word of a bug.

What attackers found is kept as makers of our own; test_found_faults.py tries their inputs.
"""

from __future__ import annotations

import errno
import json
import math
import os
import pickle
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from test_bad_inputs import refused
from typer.testing import CliRunner, Result

from talkcli import console
from talkcli.app import app
from talkcli.engine import errors
from talkcli.engine.assets import asset
from talkcli.engine.checkpoint import load_checkpoint, load_pickled, save_checkpoint
from talkcli.engine.clips import load_contents
from talkcli.engine.config import load_toml, parse_settings
from talkcli.engine.corpora.foreign import load_faces, load_indices
from talkcli.engine.destinations import replacing
from talkcli.engine.errors import BadInput, BadUsage, TalkError, Untrusted, reading
from talkcli.engine.face.obj_mesh import load_obj
from talkcli.engine.files import FORMAT, load_tensors
from talkcli.engine.methods import open_talker
from talkcli.engine.motion import Coefficients, Motion, Shapes, load_motion, save_motion
from talkcli.engine.phones import load_phones
from talkcli.engine.pickles import load_arrays
from talkcli.engine.pictures import load_picture
from talkcli.engine.training.settings import tuned

DEEP = 100_000


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def small_motion(fps: Fraction = Fraction(25), weights: torch.Tensor | None = None) -> Motion:
    weights = torch.zeros(3, 52) if weights is None else weights
    return Motion(fps, Coefficients(weights, torch.zeros(len(weights), 3)))


class Hostile(Exception):
    """What a library might raise that nobody has heard of."""


@pytest.mark.parametrize(
    "error",
    [Hostile("x"), StopIteration(), RecursionError(), AssertionError("a"), KeyError("k"), OverflowError()],
)
def test_whatever_a_reader_raises_is_an_error_that_names_the_file(error):
    with (
        pytest.raises(Untrusted, match=r"^x\.dat is not a map, or is damaged: .+\.$") as caught,
        reading("x.dat", "a map", "Draw it.", Untrusted),
    ):
        raise error
    assert caught.value.hint == "Draw it." and caught.value.__cause__ is error


def test_a_file_that_cannot_be_opened_is_bad_input_and_lack_of_memory_is_nobodys_fault():
    with pytest.raises(BadInput, match=r"x cannot be read: Permission denied"), reading("x", "a map"):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    with pytest.raises(MemoryError), reading("x", "a map"):
        raise MemoryError
    with pytest.raises(BadUsage), reading("x", "a map"):
        raise BadUsage("own")


def nested(path: Path) -> None:
    path.write_text("[" * DEEP + "]" * DEEP)


def nested_header(path: Path) -> None:
    header = '{"format": 1, "kind": "Motion", "fields": ' + "[" * 5000 + "]" * 5000 + "}"
    save_file({"x": torch.zeros(1)}, path, metadata={"talk": header})


def header_of(**changes: object) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        header = {"format": FORMAT, "kind": "Motion", "fields": {}, **changes}
        save_file({"x": torch.zeros(1)}, path, metadata={"talk": json.dumps(header)})

    return make


def with_rate(numerator: object, denominator: object) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        save_motion(small_motion(), path)
        tensors, header = load_tensors(path)
        header["fields"]["fps"] = {"fraction": [numerator, denominator]}
        save_file(tensors, path, metadata={"talk": json.dumps(header)})

    return make


def pickled(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content)


def indices(path: Path) -> torch.Tensor:
    return load_indices(path, 9)


SHORT_NPY = b"\x93NUMPY\x01\x00\x10\x00{'descr': ("
SHORT_PLY = "ply\nformat ascii 1.0\nelement vertex 3\nend_header\n"
LONG_BINPUT = b"}r\xff\xff\xff\x7f."
READERS: dict[str, tuple[str, Callable[[Path], object], Callable[[Path], object], type[TalkError]]] = {
    "a motion nested deeply": ("x.motion", load_motion, nested_header, Untrusted),
    "a motion of no kind": ("x.motion", load_motion, header_of(kind=[1]), Untrusted),
    "a rate that is text": ("x.motion", load_motion, with_rate("1e99999999", 1), Untrusted),
    "a rate in parts": ("x.motion", load_motion, with_rate(2.5, 1), Untrusted),
    "a rate of a thousand million seconds": ("x.motion", load_motion, with_rate(1, 10**9), BadInput),
    "a rate beyond all": ("x.motion", load_motion, with_rate(10**30, 1), BadInput),
    "phones nested deeply": ("x.phones.json", load_phones, nested, BadInput),
    "phones at infinity": ("x.phones.json", load_phones, text('{"phones": [["AA", 0, 1e999]]}'), BadInput),
    "phones at no time": ("x.phones.json", load_phones, text('{"phones": [["AA", NaN, 1]]}'), BadInput),
    "phones before the sound": ("x.phones.json", load_phones, text('{"phones": [["AA", -5, 1]]}'), BadInput),
    "phones too late to count": (
        "x.phones.json", load_phones, text('{"phones": [["AA", 0, ' + "9" * 400 + "]]}"), BadInput,
    ),
    "settings nested deeply": ("x.toml", load_toml, text("a = " + "[" * DEEP), BadInput),
    "a name of many parts": ("x.toml", load_toml, text(".".join("a" * 50_000) + " = 1"), BadInput),
    "a pickle that claims memory": ("x.pkl", load_arrays, pickled(LONG_BINPUT), Untrusted),
    "a pickle of nothing known": ("x.pkl", load_arrays, pickled(pickle.dumps(Path("x"))), Untrusted),
    "an array cut in its header": ("x.npy", indices, pickled(SHORT_NPY), BadInput),
    "an array of words": ("x.npy", indices, lambda path: np.save(path, np.array(["a"])), BadInput),
    "an index beyond all": ("x.txt", indices, text("9" * 40), BadInput),
    "a mesh that speaks of what is not there": ("x.obj", load_obj, text("v 0 0 0\nf 1 2 -9\n"), BadInput),
    "a mesh with an index beyond all": ("x.obj", load_obj, text("v 0 0 0\nf 1 1 " + "9" * 400), BadInput),
    "a mesh cut short": ("x.ply", load_faces, text(SHORT_PLY), BadInput),
    "weights that are none": ("x.pth", load_pickled, pickled(b"PK\x03\x04" + bytes(99)), Untrusted),
    "a picture that is none": ("x.png", load_picture, pickled(b"DDS |\x00\x00\x00" + bytes(120)), BadInput),
}  # fmt: skip


@pytest.mark.parametrize("case", READERS)
def test_a_reader_answers_with_one_error_that_names_its_file(case, tmp_path):
    name, read, make, kind = READERS[case]
    make(tmp_path / name)
    begun, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(kind, match=name) as caught:
        read(tmp_path / name)
    assert type(caught.value) is kind and "\n" not in caught.value.message and caught.value.hint
    assert time.process_time() - begun < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000


@pytest.mark.parametrize(
    "splits",
    [{"test": [5]}, {"test": ["/etc/passwd"]}, {"test": ["a/../../b"]}, {"test": ["a" * 300]}, {"test": 3}],
)
def test_a_clip_lies_in_its_folder_by_a_name(splits, tmp_path):
    (tmp_path / "clips.json").write_text(json.dumps({"splits": splits, "licence": "", "source": ""}))
    with pytest.raises(BadInput, match=r"clips\.json is not a list of clips"):
        load_contents(tmp_path)


def test_a_motion_that_no_face_can_make_is_refused_by_name(tmp_path):
    for fault, motion in (
        ("no frames", small_motion(weights=torch.zeros(0, 52))),
        ("further than any face", small_motion(weights=torch.full((3, 52), 1e30))),
    ):
        save_motion(motion, tmp_path / "x.motion")
        for output in ("x.mp4", "x.gif", "x.npz", "x.obj"):
            line = refused(run("render", tmp_path / "x.motion", "-o", tmp_path / output), 3, "x.motion")
            assert fault in line and os.listdir(tmp_path) == ["x.motion"]


def test_numbers_of_any_width_are_read_in_single_precision(tmp_path):
    wide = torch.rand(3, 52, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for weights in (wide, wide.half()):
        save_motion(small_motion(weights=weights), tmp_path / "x.motion")
        face = load_motion(tmp_path / "x.motion").face
        assert isinstance(face, Coefficients) and torch.equal(face.expression, weights.float())


def test_what_is_no_number_is_neither_written_nor_read(tmp_path):
    face = Shapes(torch.tensor([[math.nan]]), torch.zeros(1, 5, 3))
    with pytest.raises(BadInput, match=r"no number, in face\.weights"):
        save_motion(Motion(Fraction(25), face), tmp_path / "x")
    assert not any(tmp_path.iterdir())
    save_motion(Motion(Fraction(25), Shapes(torch.ones(1, 1), face.basis)), tmp_path / "x")
    tensors, header = load_tensors(tmp_path / "x")
    for spoilt in (face.weights, torch.tensor([[math.inf]]), torch.ones(1, 1).to(torch.float8_e5m2)):
        metadata = {"talk": json.dumps(header)}
        save_file({**tensors, "face.weights": spoilt}, tmp_path / "x", metadata=metadata)
        with pytest.raises(Untrusted, match=r"no number|float8"):
            load_motion(tmp_path / "x")


def test_a_model_that_speaks_no_numbers_says_so_and_writes_nothing(tmp_path, untaught, bare_face, hello):
    checkpoint = load_checkpoint(untaught)
    weights = {
        name: tensor * 1e30 if tensor.is_floating_point() else tensor
        for name, tensor in checkpoint.weights.items()
    }
    header_config = open_talker(str(untaught)).config
    save_checkpoint(checkpoint.method, header_config, weights, {}, tmp_path / "loud.ckpt")
    for output in ("x.motion", "x.npz", "x.mp4"):
        result = run("animate", hello, "-m", tmp_path / "loud.ckpt", "-a", bare_face, "-o", tmp_path / output)
        refused(result, 3, "What this model speaks")
    assert sorted(os.listdir(tmp_path)) == ["hello.wav", "loud.ckpt"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"fps": 0}, "fps"), ({"fps": -1}, "fps"), ({"period": 0}, "period"), ({"features": 0}, "features"),
        ({"slots": 20_000_000}, "slots"), ({"layers": 10**9}, "layers"), ({"verts": 9_000_000}, "larger"),
    ],
)  # fmt: skip
def test_a_checkpoint_whose_config_cannot_be_is_refused_before_it_is_built(change, named, tmp_path, untaught):
    tensors, header = load_tensors(untaught)
    header["config"] |= change
    save_file(tensors, tmp_path / "x.ckpt", metadata={"talk": json.dumps(header)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Untrusted, match=rf"x\.ckpt .*{named}"):
        open_talker(str(tmp_path / "x.ckpt"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


@pytest.mark.parametrize(
    "pairs", [["a=1", "a.b=2"], ["a.b=2", "a=1"], ["steps=2\nx=3"], ["steps=" + "[" * DEEP]], ids=str
)  # fmt: skip
def test_settings_that_contradict_each_other_are_usage(pairs):
    with pytest.raises(BadUsage):
        parse_settings(pairs)


@pytest.mark.parametrize(
    "setting",
    ["batch=0", "batch=-1", "batch=100000000", "lr=-1", "steps=0", "ema=2", "dropout=5", "features=0"],
)
def test_training_refuses_what_cannot_be_by_name(setting, tmp_path):
    name = setting.partition("=")[0]
    result = run("train", asset("clips"), "-o", tmp_path / "x.ckpt", "--set", setting)
    assert name in refused(result, 2, name) and not os.listdir(tmp_path)


def test_the_limits_of_a_stage_are_those_of_every_method():
    from talkcli.engine.methods.memorytalker import METHOD

    config = METHOD.config()
    stage = tuned(METHOD.stages["memorise"], config, {"batch": 65_536, "steps": 1}, "memorise")
    assert stage is not None and stage.batch == 65_536


def wave(path: Path) -> Path:
    soundfile.write(path, 0.1 * np.sin(np.arange(16_000) * 0.1), 16_000)
    return path


def test_no_output_replaces_an_input_even_when_asked_to_overwrite(tmp_path, untaught, bare_face):
    save_motion(small_motion(), tmp_path / "a.motion")
    wave(tmp_path / "x.wav")
    (tmp_path / "lips.txt").write_text("1 2 3")
    mine = tmp_path / "mine.motion"
    mine.write_bytes(untaught.read_bytes())
    picture = tmp_path / "bg.gif"
    from PIL import Image

    Image.new("RGB", (8, 8)).save(picture)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    a, x = tmp_path / "a.motion", tmp_path / "x.wav"
    talker = ("-m", untaught, "-a", bare_face)
    for words in (
        ("evaluate", a, a, "--csv", a),
        ("evaluate", a, a, "--region", f"lips={tmp_path / 'lips.txt'}", "--csv", tmp_path / "lips.txt"),
        ("animate", x, *talker, "--background", picture, "-o", picture),
        ("animate", x, "-m", mine, "-a", bare_face, "-o", mine),
    ):
        line = refused(run(*words, "--overwrite"), 2, tmp_path)
        assert "is an input" in line
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_two_outputs_are_two_files(tmp_path):
    save_motion(small_motion(), tmp_path / "a.motion")
    same = tmp_path / "s.png"
    words = ("evaluate", tmp_path / "a.motion", tmp_path / "a.motion", "--csv", same, "--plot", same)
    assert "two outputs" in refused(run(*words), 2, "s.png")


def test_a_link_is_written_through_and_never_without_asking(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real/a.motion", tmp_path / "link.motion"
    link.symlink_to(target)
    with pytest.raises(BadUsage, match="exists already"):
        console.claim(link, overwrite=False)
    save_motion(small_motion(), link)
    assert link.is_symlink() and len(load_motion(target)) == 3
    os.mkfifo(tmp_path / "pipe.motion")
    with pytest.raises(BadUsage, match="a pipe"):
        console.claim(tmp_path / "pipe.motion", overwrite=True)


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left, alive = tmp_path / f".a.motion.{gone.pid}.motion", tmp_path / f".a.motion.{os.getppid()}.motion"
    other = tmp_path / f".b.motion.{gone.pid}.motion"
    for path in (left, alive, other):
        path.touch()
    save_motion(small_motion(), tmp_path / "a.motion")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([alive.name, other.name, "a.motion"])


def test_reading_and_writing_fail_with_codes_of_their_own(tmp_path):
    long = "n" * 300
    for words in (
        ("animate", f"{long}.wav"),
        ("animate", wave(tmp_path / "x.wav"), "-m", long),
        ("render", f"{long}.motion"),
    ):
        result = run(*words, "-o", tmp_path / "y.motion" if words[0] == "animate" else tmp_path / "y.npz")
        assert result.exit_code in (2, 3) and "bug" not in result.output and "Traceback" not in result.output
    with pytest.raises(errors.OutOfResources), replacing(tmp_path / "gone" / "x"):
        pass


NO_MEMORY: dict[str, Exception] = {
    "plain": MemoryError(),
    "of the system": OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    "of threads": BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)),
    "of a loader": ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    "of torch": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
}


@pytest.mark.parametrize("case", NO_MEMORY)
def test_a_lack_of_memory_is_neither_a_bug_nor_a_fault_of_a_file(case, tmp_path):
    advice = ImportError("Importing the numpy C-extensions failed.")
    advice.__cause__ = NO_MEMORY[case]
    for error in (NO_MEMORY[case], advice):
        with pytest.raises(MemoryError), reading(tmp_path / "x", "a map"):
            raise error
        with pytest.raises(MemoryError), replacing(tmp_path / "x"):
            raise OSError(str(error)) from error
    assert not os.listdir(tmp_path)


def test_an_error_is_told_where_there_is_no_memory_for_colours(monkeypatch, capsys):
    monkeypatch.setattr(console, "_rich", lambda stderr: [][0])
    console.fail("Not enough memory.", "Close other programs.")
    assert capsys.readouterr().err == "error: Not enough memory.\n hint: Close other programs.\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_whatever_a_terminal_writes_in_everything_is_written(encoding, tmp_path, monkeypatch):
    """A letter that it has is that letter, another a question mark."""
    save_motion(small_motion(), tmp_path / "a².motion")
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", "a².motion", "a².motion", "--metric", "lve", "--csv", "é日.csv"]
    done = CliRunner(charset=encoding).invoke(app, words)
    assert done.exit_code == 0, done.stderr
    said, scores = done.stderr_bytes.decode(encoding), done.stdout_bytes.decode(encoding)
    assert said == "Wrote é日.csv\n".encode(encoding, "replace").decode(encoding)
    assert "lve m² ↓".encode(encoding, "replace").decode(encoding) in scores
