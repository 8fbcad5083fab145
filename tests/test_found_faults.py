"""Every input that attackers found, on the route that reads it: its exit code, and what is said of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fuzz.seeds import write_corpora
from test_bad_inputs import refused
from test_faults import run, wave

from talkcli.engine.assets import asset

FOUND = Path(__file__).parent.parent.parent / "shared/faults"

pytestmark = pytest.mark.skipif(not FOUND.is_dir(), reason="no folder of found faults")

Words = tuple[object, ...]
Route = Callable[[Path, Path], Words]
"""An input and an empty folder -> the words of a command that reads the one and writes to the other."""


def heard(path: Path, place: Path) -> Words:
    return ("animate", path, "-m", "memorytalker", "-o", place / "o.motion")


def rendered(path: Path, place: Path) -> Words:
    return ("render", path, "-o", place / "o.npz")


def spoken(path: Path, place: Path) -> Words:
    return ("animate", wave(place / "x.wav"), "-m", path, "-o", place / "o.motion")


def worn(path: Path, place: Path) -> Words:
    return ("animate", wave(place / "x.wav"), "-m", "textalker", "-a", path, "-o", place / "o.motion")


def imported(path: Path, place: Path) -> Words:
    return ("models", "import", "memorytalker", path, "-o", place / "o.ckpt")


def learnt(path: Path, place: Path) -> Words:
    return ("train", path, "-o", place / "o.ckpt")


def set_by(path: Path, place: Path) -> Words:
    return ("train", asset("clips"), "--config", path, "-o", place / "o.ckpt")


def told_to(path: Path, place: Path) -> Words:
    shutil.copyfile(path, place / "x.phones.json")
    return ("evaluate", "--audio", wave(place / "x.wav"), "-m", "memorytalker")


def in_region(path: Path, place: Path) -> Words:
    return ("evaluate", "--metric", "lve", "--region", f"lips={path}")


def of_corpus(name: str, file: str) -> Route:
    def words(path: Path, place: Path) -> Words:
        write_corpora(place / "raw")
        shutil.copyfile(path, place / "raw" / name / file)
        return ("prepare", name, place / "raw" / name, "-o", place / "clips")

    return words


as_templates = of_corpus("vocaset", "templates.pkl")
as_mesh = of_corpus("biwi", "BIWI_topology.obj")
as_skin = of_corpus("textalk4d", "ID001/Textures_512/000003/face.png")

ANSWERS: dict[str, tuple[Route, int, str]] = {
    "antiphase.wav": (heard, 0, "cancel each other"),
    "assert.pth": (imported, 6, "assert.pth is not a plain file of tensors"),
    "dds_flags.png": (as_skin, 0, "ID001/first is refused"),
    "deep.motion": (rendered, 6, "nested too deeply"),
    "deep.phones.json": (told_to, 3, "nested too deeply"),
    "deep.toml": (set_by, 3, "nested too deeply"),
    "deep_clips": (learnt, 3, "nested too deeply"),
    "double_texture.motion": (rendered, 6, "of another version"),
    "empty.wav": (heard, 3, "holds no sound"),
    "features_0.ckpt": (spoken, 6, "not a checkpoint of this version"),
    "features_32k.ckpt": (spoken, 6, "not a checkpoint of this version"),
    "float8.motion": (rendered, 6, "it holds torch.float8_e4m3fn"),
    "folds9.motion": (rendered, 6, "of another version"),
    "fps_0.ckpt": (spoken, 6, "not a checkpoint of this version"),
    "fps_1e9th.motion": (rendered, 6, "of another version"),
    "fps_text_exponent.motion": (rendered, 6, "not of two whole numbers"),
    "frame.pkl": (as_templates, 6, "templates.pkl is not a plain dict of arrays"),
    "gaps_11h.mkv": (heard, 3, "mostly gaps in its clock"),
    "header.npy": (in_region, 3, "header.npy is not a list of vertex indices"),
    "hidden_0.ckpt": (spoken, 6, "not a checkpoint of this version"),
    "inf.phones.json": (told_to, 3, "times that cannot be"),
    "int_clips": (learnt, 3, "its test split lists what names no clip"),
    "latin1_comment.obj": (as_mesh, 0, ""),
    "live_link_without_head.csv": (heard, 3, "not a recording that can be read"),
    "lookup.pkl": (as_templates, 6, "unknown encoding"),
    "memo_7ffffff.pkl": (as_templates, 6, "templates.pkl is not a plain dict of arrays"),
    "nan.phones.json": (told_to, 3, "times that cannot be"),
    "negative_indices.obj": (as_mesh, 0, ""),
    "no_frames.motion": (rendered, 6, "of another version"),
    "overflow.obj": (as_mesh, 3, "BIWI_topology.obj is not a mesh"),
    "overflow.phones.json": (told_to, 3, "too large to convert"),
    "quiet.wav": (heard, 0, "very quiet"),
    "resampler_setup.mp4": (heard, 0, ""),
    "shape.pth": (imported, 3, "shape.pth is not a checkpoint of MemoryTalker"),
    "slots_20M.ckpt": (spoken, 6, "not a checkpoint of this version"),
    "stopiteration.pth": (imported, 6, "stopiteration.pth is not a plain file of tensors"),
    "style_text.avatar": (worn, 6, "no tensor"),
    "verts_0.ckpt": (spoken, 6, "not a checkpoint of this version"),
    "very_quiet16.wav": (heard, 0, "very quiet"),
    "voice_left_noise_right.wav": (heard, 0, "far below noise; channel 1 has it"),
}
"""Name -> the route that reads it, the exit code, and a part of what is said."""


def test_every_input_that_was_found_has_its_answer():
    assert sorted(ANSWERS) == sorted(path.name for path in FOUND.iterdir())


@pytest.mark.parametrize("name", ANSWERS)
def test_every_found_fault_has_its_exit_code_and_is_said(name, tmp_path):
    route, code, said = ANSWERS[name]
    result = run(*route(FOUND / name, tmp_path))
    if code:
        assert said in refused(result, code, "")
    else:
        assert result.exit_code == 0 and said in result.stderr, result.output
