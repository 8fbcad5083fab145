"""Files that claim what they do not hold, or what no face has: refused where they are read, by name."""

from __future__ import annotations

import pickle
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fuzz.captured import write_captures
from fuzz.small import TEXTALKER, bare_avatar
from PIL import Image
from torch import nn

from talkcli.engine.checkpoint import load_pickled
from talkcli.engine.errors import BadInput, Untrusted
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.face.look import Look
from talkcli.engine.face.worn import Worn
from talkcli.engine.files import save_struct
from talkcli.engine.measured import Measured
from talkcli.engine.methods.textalker.talker import TexTalker
from talkcli.engine.motion import Coefficients, Motion, Shapes, Textures, load_motion, ratios, save_motion
from talkcli.engine.pickles import load_tree
from talkcli.engine.pictures import is_picture, load_picture
from talkcli.engine.speech import Speech
from talkcli.engine.studio.captures import load_capture

HUGE = 1 << 44


def saved(value: object, path: Path, legacy: bool = False) -> None:
    torch.save(value, path, _use_new_zipfile_serialization=not legacy)


def misstated(path: Path) -> None:
    """A storage of many more numbers than follow."""
    saved({"a": torch.arange(7.0)}, path, legacy=True)
    seven, many = b"K\x07N", b"\x8a\x06" + HUGE.to_bytes(6, "little") + b"N"
    content = path.read_bytes()
    assert content.count(seven) == 1
    path.write_bytes(content.replace(seven, many))


def long_word(path: Path) -> None:
    """A word of four thousand million letters."""
    saved({"a": torch.zeros(1)}, path, legacy=True)
    content = path.read_bytes()
    word = b"X\x01\x00\x00\x00a"
    assert word in content
    path.write_bytes(content.replace(word, b"X\xff\xff\xff\xffa"))


def deflated(path: Path) -> None:
    """30 MB of nothing in a thirtieth of one."""
    saved({"a": torch.zeros(1)}, path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, bytes(30_000_000) if name.endswith("/0") else content)


class Made:
    """What a pickle calls, and with what."""

    def __init__(self, maker: Callable[..., Any], *words: object) -> None:
        self.call = (maker, words)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.call


def calling(maker: Callable[..., Any], *words: object) -> Callable[[Path], None]:
    return lambda path: saved({"a": Made(maker, *words)}, path)


_RECONSTRUCT: Any = np.zeros(0).__reduce__()[0]
CLAIMS: dict[str, Callable[[Path], None]] = {
    "a storage that is not there": misstated,
    "a word that is not there": long_word,
    "an archive that unpacks to much": deflated,
    "one number seen as many": lambda path: saved({"a": torch.zeros(1).expand(HUGE)}, path),
    "a tensor of nothing": calling(torch.Tensor, HUGE),
    "bytes of nothing": calling(bytearray, HUGE),
    "an array of nothing": calling(np.ndarray, (HUGE,)),
    "an array of nothing by its maker": calling(_RECONSTRUCT, np.ndarray, (HUGE,), b"b"),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_no_room_is_made_for_what_a_file_of_torch_does_not_hold(case, tmp_path):
    CLAIMS[case](tmp_path / "x.pth")
    with pytest.raises(Untrusted, match=r"x\.pth is not a plain file of tensors") as caught:
        load_pickled(tmp_path / "x.pth")
    assert caught.value.hint


def test_a_picture_whose_pieces_claim_to_be_long_takes_no_memory(tmp_path):
    path = tmp_path / "x.png"
    Image.new("L", (16, 24), 9).save(path)
    content = path.read_bytes()
    start = content.index(b"IDAT") - 4
    path.write_bytes(content[:start] + b"\x7f\xff\xff\xff" + content[start + 4 :])
    tracemalloc.start()
    try:
        is_picture(path)
        with suppress(BadInput):
            load_picture(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    with Measured(path) as file:
        assert file.read(HUGE) + file.read(HUGE) == path.read_bytes()


@pytest.mark.parametrize("compression", [2, 3, 4, 5, 7, 8, 32773, 34712])
def test_a_library_that_talks_of_a_damaged_picture_is_not_heard(compression, tmp_path, capfd):
    path = tmp_path / "x.tiff"
    Image.new("RGB", (16, 24), (9, 8, 7)).save(path)
    content, tag = path.read_bytes(), b"\x03\x01\x03\x00\x01\x00\x00\x00"
    assert tag + b"\x01\x00" in content
    path.write_bytes(content.replace(tag + b"\x01\x00", tag + compression.to_bytes(2, "little")))
    with suppress(BadInput):
        load_picture(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "F"])
def test_a_picture_is_read_in_strips_as_it_is_read_at_once(mode, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (600, 5, 3), np.uint8)
    Image.fromarray(noise).convert("L" if mode == "F" else mode).convert(mode).save(tmp_path / "x.tiff")
    with Image.open(tmp_path / "x.tiff") as whole:
        assert whole.mode == mode
        assert np.array_equal(load_picture(tmp_path / "x.tiff"), np.array(whole.convert("RGB")))


def test_grey_of_sixteen_bits_is_read_by_its_upper_eight(tmp_path):
    noise = np.random.default_rng(0).integers(0, 65536, (600, 5), np.uint16)
    for suffix in ("tiff", "png"):
        Image.fromarray(noise).save(tmp_path / f"x.{suffix}")
        read = load_picture(tmp_path / f"x.{suffix}").numpy()
        assert np.array_equal(read, np.repeat((noise >> 8)[..., None], 3, axis=2))


@pytest.mark.parametrize("legacy", [False, True])
def test_whatever_plain_files_of_torch_hold_is_read(legacy, tmp_path):
    table = torch.arange(12.0).view(3, 4)
    network = nn.Linear(3, 2).half()
    whole: OrderedDict[str, Any] = OrderedDict(
        table=table, column=table[:, 1], tied=table, named=nn.Parameter(table[0]),
        network=network.state_dict(), array=np.arange(4, dtype=np.float32),
        steps=[3, "a", None, 1.5, torch.Size([2])], kind=torch.float16,
    )  # fmt: skip
    saved(whole, tmp_path / "x.pth", legacy)
    read = load_pickled(tmp_path / "x.pth")
    assert list(read) == list(whole) and read["steps"] == whole["steps"] and read["kind"] is torch.float16
    assert all(torch.equal(read[name], whole[name]) for name in ("table", "column", "tied", "named"))
    assert torch.equal(read["network"]["weight"], network.weight) and np.array_equal(
        read["array"], whole["array"]
    )


@pytest.mark.parametrize("tree", [np.arange(3), np.zeros(0), np.zeros((2, 2)), [], 3, "a", None])
def test_a_pickle_of_anything_but_a_dict_is_refused(tree, tmp_path):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(tree, protocol=2))
    with pytest.raises(Untrusted, match=r"x\.pkl is not a plain dict of arrays"):
        load_tree(tmp_path / "x.pkl")


def worn(shares: float = 1.0) -> Worn:
    index, colour = torch.tensor([[0]]), torch.zeros(1, 3, dtype=torch.uint8)
    anchors, faces = torch.zeros(0).long(), torch.zeros(0, 3).long()
    return Worn("cap", "hard", torch.zeros(1, 3), index, torch.tensor([[shares]]), anchors, colour, faces)


def lit(exposure: float) -> Look:
    picture = torch.zeros(4, 4, 3, dtype=torch.uint8)
    return Look(picture, picture[..., :2], picture[..., 0].to(torch.int8), exposure=exposure)


BEYOND: dict[str, Callable[[Avatar], Avatar]] = {
    "neutral": lambda face: replace(face, neutral=1e30 * face.neutral),
    "identity": lambda face: replace(face, identity=torch.full((3,), -1e30)),
    "styles.memorytalker": lambda face: replace(face, styles={"memorytalker": torch.full((4,), 1e38)}),
    "worn.0.shares": lambda face: replace(face, worn=(worn(1e20),)),
    "look.exposure": lambda face: replace(face, look=lit(1e300)),
}


@pytest.mark.parametrize("name", BEYOND)
def test_an_avatar_beyond_all_measure_is_refused_by_what_is(name, tmp_path):
    face = replace(bare_avatar(), look=lit(1.0), worn=(worn(),), provenance={"made": 1.7e9})
    path = tmp_path / "x.avatar"
    save_avatar(face, path)
    load_avatar(path)
    save_avatar(BEYOND[name](face), path)
    with pytest.raises(BadInput, match=rf"x\.avatar cannot be a face: \S+ in its {name}"):
        load_avatar(path)


@pytest.mark.parametrize("size", [0.0, 1e-12, 1e-30])
def test_an_avatar_without_extent_is_refused(size, tmp_path):
    bare, path = bare_avatar(), tmp_path / "x.avatar"
    none = replace(bare, neutral=bare.neutral[:0], faces=bare.faces[:0], lips=bare.lips[:0])
    for face in (replace(bare, neutral=size * bare.neutral), replace(bare, faces=bare.faces[:0]), none):
        save_avatar(face, path)
        with pytest.raises(BadInput, match=r"x\.avatar cannot be a face: it has no extent"):
            load_avatar(path)


@pytest.mark.parametrize("name", ["neutral", "identity", "weights"])
def test_a_capture_beyond_all_measure_is_refused(name, tmp_path):
    write_captures(tmp_path)
    path = tmp_path / "p0000.capture"
    session = load_capture(path)
    save_struct(replace(session, **{name: torch.full_like(getattr(session, name), 1e30)}), path)
    with pytest.raises(BadInput, match=r"p0000\.capture (cannot be a face|moves further than any face)"):
        load_capture(path)


def test_a_motion_whose_shapes_add_up_beyond_all_measure_is_refused(tmp_path):
    for weights, basis in ((1.0, 1e30), (1e3, 1e3), (9e3, 2.0)):
        face = Shapes(torch.full((2, 3), weights), torch.full((3, 12, 3), basis))
        save_motion(Motion(Fraction(25), face), tmp_path / "x.motion")
        with pytest.raises(BadInput, match=r"x\.motion moves further than any face"):
            load_motion(tmp_path / "x.motion")
    skin = Textures(torch.ones(2, 1), torch.full((1, 3, 2, 2), 9e3))
    bare = Shapes(torch.ones(2, 1), torch.zeros(1, 12, 3))
    save_motion(Motion(Fraction(25), bare, texture=skin), tmp_path / "x.motion")
    read = load_motion(tmp_path / "x.motion").texture
    assert isinstance(read, Textures) and ratios(read).isfinite().all()
    save_motion(
        Motion(Fraction(25), bare, texture=Textures(skin.weights, 2 * skin.basis)), tmp_path / "x.motion"
    )
    with pytest.raises(BadInput, match=r"x\.motion moves further than any face"):
        load_motion(tmp_path / "x.motion")


@pytest.mark.parametrize("words", ["render", "evaluate --metric mve", "emote --mood happy"])
def test_a_motion_that_does_not_fit_is_named(words, tmp_path, talk):
    """One of several may be meant."""
    foreign = Motion(Fraction(25), Coefficients(torch.zeros(3, 5), torch.zeros(3, 3), rig="nobody's"))
    save_motion(foreign, tmp_path / "other.motion")
    verb, *options = words.split()
    given = [tmp_path / "other.motion"] * (1 + (verb == "evaluate"))
    outputs = [] if verb == "evaluate" else ["-o", tmp_path / "x.npz"]
    said = talk(verb, *given, *options, *outputs, code=3).stderr
    assert "other" in said.splitlines()[0].split(":")[1] and "nobody's" in said


def test_a_look_of_no_texels_cannot_be():
    look = lit(1.0)
    for name, empty in (
        ("albedo", {"albedo": look.albedo[:0]}),
        ("gloss", {"gloss": look.gloss[:, :0], "relief": look.relief[:, :0]}),
    ):
        with pytest.raises(ValueError, match=f"Look.{name} is empty"):
            replace(look, **empty)


def test_maps_beyond_all_measure_are_the_models_fault():
    torch.manual_seed(0)
    talker, bare = TexTalker(TEXTALKER), bare_avatar()
    painted = replace(bare, uv=torch.rand(len(bare.neutral), 2), uv_faces=bare.faces)
    talker.low.fill_(-1e30)
    talker.high.fill_(1e30)
    with pytest.raises(BadInput, match="What this model speaks moves further than any face"):
        talker.animate(Speech(torch.zeros(6400)), painted)
