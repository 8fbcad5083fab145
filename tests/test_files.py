"""Files that are whole, ours, or refused."""

from __future__ import annotations

import json
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from talkcli.engine.checkpoint import load_checkpoint, save_checkpoint
from talkcli.engine.destinations import replacing
from talkcli.engine.errors import BadInput, OutOfResources, TalkError, Untrusted
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.face.look import Look
from talkcli.engine.files import MAX_PACKED, load_struct, load_tensors, save_struct, save_tensors
from talkcli.engine.motion import Head, Motion, Shapes, load_motion, save_motion
from talkcli.engine.struct import TensorStruct

FPS = Fraction(30000, 1001)


def motion(frames: int = 4) -> Motion:
    g = torch.Generator().manual_seed(0)
    head = Head(torch.rand(frames, 3, generator=g), torch.zeros(frames, 3))
    face = Shapes(torch.rand(frames, 2, generator=g), torch.rand(2, 5, 3, generator=g))
    return Motion(FPS, face, head, provenance={"synthetic": True, "of": {"seed": 3}})


def avatar() -> Avatar:
    look = Look(
        torch.zeros(4, 4, 3, dtype=torch.uint8),
        torch.zeros(2, 2, 2, dtype=torch.uint8),
        torch.zeros(2, 2, dtype=torch.int8),
    )
    styles = {"memorytalker": torch.arange(3.0)}
    return Avatar(
        "ada", torch.rand(5, 3), torch.tensor([[0, 1, 2]]), torch.tensor([1]), look=look, styles=styles
    )


class Point(TensorStruct):
    x: torch.Tensor


@dataclass(frozen=True)
class Config:
    width: int = 3


def write_motion(path: Path) -> None:
    save_motion(motion(), path)


def write_avatar(path: Path) -> None:
    save_avatar(avatar(), path)


def write_checkpoint(path: Path) -> None:
    save_checkpoint("memorytalker", Config(), {"w": torch.rand(3)}, {"licence": "Apache-2.0"}, path)


FILES: dict[str, tuple[Callable[[Path], None], Callable[[Path], object]]] = {
    "motion": (write_motion, load_motion),
    "avatar": (write_avatar, load_avatar),
    "ckpt": (write_checkpoint, load_checkpoint),
}


def test_what_is_saved_is_what_is_loaded(tmp_path):
    save_motion(motion(), tmp_path / "x.motion")
    loaded = load_motion(tmp_path / "x.motion")
    assert loaded.fps == FPS and loaded.provenance == motion().provenance
    assert isinstance(loaded.face, Shapes) and isinstance(loaded.head, Head)
    assert torch.equal(loaded.face.basis, motion().face.basis)  # type: ignore[union-attr]
    assert torch.equal(loaded.head.rotation, motion().head.rotation)  # type: ignore[union-attr]

    who = avatar()
    save_avatar(who, tmp_path / "x.avatar")
    again = load_avatar(tmp_path / "x.avatar")
    assert again.name == "ada" and again.rig is None and again.look is not None
    assert torch.equal(again.neutral, who.neutral)
    assert torch.equal(again.styles["memorytalker"], torch.arange(3.0))


def test_a_field_of_another_version_is_named(tmp_path):
    save_motion(motion(), tmp_path / "x.motion")
    tensors, header = load_tensors(tmp_path / "x.motion")
    header["fields"]["face"]["fields"]["space"] = "arkit"
    save_tensors(tensors, header, tmp_path / "x.motion")
    with pytest.raises(Untrusted, match="another version: its Shapes has space"):
        load_motion(tmp_path / "x.motion")


def test_the_same_struct_is_the_same_file(tmp_path):
    for name in "ab":
        write_motion(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("kind", FILES)
def test_a_missing_file_is_named(kind, tmp_path):
    with pytest.raises(BadInput, match=f"gone.{kind}"):
        FILES[kind][1](tmp_path / f"gone.{kind}")


@pytest.mark.parametrize("kind", FILES)
def test_another_kind_of_file_is_named_as_what_it_is(kind, tmp_path):
    for other, (write, _) in FILES.items():
        if other != kind:
            write(tmp_path / "x")
            with pytest.raises(BadInput, match=r"holds (a Motion|an Avatar|a Checkpoint), not a"):
                FILES[kind][1](tmp_path / "x")


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize(
    "content", [b"", b"x", b"\x80\x04K\x01.", bytes(100), b"RIFF" * 50, struct.pack("<Q", 1 << 62) + b"{}"]
)
def test_foreign_bytes_are_untrusted(kind, content, tmp_path):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(Untrusted) as told:
        FILES[kind][1](tmp_path / "x")
    assert str(tmp_path / "x") in told.value.message and told.value.hint


@pytest.mark.parametrize("kind", FILES)
def test_safetensors_of_others_are_untrusted(kind, tmp_path):
    save_file({"w": torch.zeros(3)}, tmp_path / "x")
    with pytest.raises(Untrusted, match="no talk header"):
        FILES[kind][1](tmp_path / "x")


@pytest.mark.parametrize("kind", FILES)
def test_a_newer_format_is_refused_by_its_number(kind, tmp_path):
    save_file({"w": torch.zeros(3)}, tmp_path / "x", metadata={"talk": json.dumps({"format": 99})})
    with pytest.raises(Untrusted, match="format 99"):
        FILES[kind][1](tmp_path / "x")


@pytest.mark.parametrize("kind", FILES)
def test_a_cut_file_is_untrusted_wherever_it_is_cut(kind, tmp_path):
    write, read = FILES[kind]
    write(tmp_path / "x")
    whole = (tmp_path / "x").read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        (tmp_path / "x").write_bytes(whole[:length])
        with pytest.raises(Untrusted):
            read(tmp_path / "x")


def test_a_header_that_claims_terabytes_costs_nothing(tmp_path):
    """Declared sizes are checked against the file before anything is allocated."""
    header = {
        "__metadata__": {"talk": json.dumps({"format": 1, "kind": "Motion"})},
        "w": {"dtype": "F32", "shape": [1 << 20, 1 << 20], "data_offsets": [0, 1 << 42]},
    }
    raw = json.dumps(header).encode()
    (tmp_path / "x").write_bytes(struct.pack("<Q", len(raw)) + raw)
    tracemalloc.start()
    with pytest.raises(Untrusted):
        load_motion(tmp_path / "x")
    assert tracemalloc.get_traced_memory()[1] < 4e6
    tracemalloc.stop()


def forged(header: object, path: Path) -> Path:
    save_file({"a": torch.zeros(2, 3)}, path, metadata={"talk": json.dumps(header)})
    return path


HEADERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["kind", "fields", "tensor", "fraction", "mapping", "face", "head", "fps", "format"]
            )
            | st.text(max_size=3),
            inner | st.sampled_from(["Motion", "Avatar", "Shapes", "Checkpoint", "Head", "a", 1]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@example(header={"format": 1, "kind": "Motion", "fields": {"fps": {"fraction": [1, 0]}}})
@example(header={"format": 1, "kind": "Motion", "fields": {"fps": {"fraction": [-1, 2]}}})
@example(header={"format": 1, "kind": "Motion", "fields": []})
@example(header={"format": 1, "kind": "Avatar", "fields": {"styles": {"mapping": 3}}})
@example(header={"format": 1, "kind": "Checkpoint", "method": [], "config": 3, "provenance": None})
@example(header={"format": 1, "kind": "Motion", "fields": {"fps": float("nan"), "face": None}})
@example(header={"format": 1, "kind": "Avatar", "fields": {"name": 3, "neutral": {"tensor": "a"}}})
@example(header=[])
@given(header=HEADERS)
def test_no_header_does_worse_than_a_talk_error(header, tmp_path_factory):
    path = forged(header, tmp_path_factory.mktemp("forged") / "x")
    if isinstance(header, dict):
        forged({"format": 1, "kind": "Motion", **header}, path)
    for _, read in FILES.values():
        with pytest.raises(TalkError) as told:
            read(path)
        assert str(path) in told.value.message


@settings(deadline=None, max_examples=200)
@given(data=st.data(), kind=st.sampled_from(sorted(FILES)))
def test_no_mutation_does_worse_than_a_talk_error(data, kind, tmp_path_factory):
    write, read = FILES[kind]
    path = tmp_path_factory.mktemp("mutated") / "x"
    write(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        read(path)
    except TalkError as error:
        assert str(path) in error.message and error.hint


def test_a_header_nested_a_thousand_deep_is_refused(tmp_path):
    deep: object = {"tensor": "a"}
    for _ in range(400):
        deep = {"mapping": {"x": deep}}
    header = {"format": 1, "kind": "Avatar", "fields": {"styles": deep}}
    with pytest.raises(TalkError):
        load_avatar(forged(header, tmp_path / "x"))


def test_saving_is_all_or_nothing(tmp_path):
    write_motion(tmp_path / "x.motion")
    before = (tmp_path / "x.motion").read_bytes()
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "x.motion") as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["x.motion"] and (tmp_path / "x.motion").read_bytes() == before


def test_others_may_read_what_the_umask_lets_them(tmp_path):
    (tmp_path / "plain").touch()
    write_motion(tmp_path / "x.motion")
    assert (tmp_path / "x.motion").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_an_avatar_cannot_point_outside_itself():
    """A renderer that believed it would read foreign memory."""
    with pytest.raises(ValueError, match="faces points outside its 5 vertices"):
        Avatar("x", torch.rand(5, 3), torch.tensor([[0, 1, 5]]), torch.tensor([1]))
    with pytest.raises(ValueError, match="lips"):
        Avatar("x", torch.rand(5, 3), torch.tensor([[0, 1, 2]]), torch.tensor([-1]))


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(OutOfResources, match="nowhere"):
        save_motion(motion(), tmp_path / "nowhere" / "x.motion")
    with pytest.raises(OutOfResources):
        save_motion(motion(), tmp_path)
    assert os.listdir(tmp_path) == []


def test_nothing_is_pickled(tmp_path):
    """A pickle that would run code is refused unread."""

    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    torch.save({"w": Bomb()}, tmp_path / "x.ckpt")
    with pytest.raises(Untrusted):
        load_checkpoint(tmp_path / "x.ckpt")
    assert not (tmp_path / "exploded").exists()


def test_an_unknown_kind_names_what_was_wanted(tmp_path):
    write_motion(tmp_path / "x")
    with pytest.raises(BadInput, match="holds a Motion, not a Head"):
        load_struct(tmp_path / "x", (Head,))


class Mixed(TensorStruct):
    halves: torch.Tensor
    singles: torch.Tensor
    bytes: torch.Tensor
    flags: torch.Tensor
    one: torch.Tensor
    none: torch.Tensor
    plain: Point


def mixed() -> Mixed:
    g = torch.Generator().manual_seed(0)
    return Mixed(
        halves=torch.randn(4, 7, 3, generator=g).half(),
        singles=torch.randn(5, 2, generator=g).mT,
        bytes=torch.zeros(3, 64, 64, dtype=torch.int8),
        flags=torch.tensor([True, False, True]),
        one=torch.tensor(3),
        none=torch.zeros(0, 3),
        plain=Point(torch.arange(9)),
    )


def test_packing_loses_nothing_and_is_smaller(tmp_path):
    for packed in (False, True):
        save_struct(mixed(), tmp_path / str(packed), packed=packed)
    loaded = load_struct(tmp_path / "True", (Mixed, Point))
    for name, value in vars(mixed()).items():
        if name != "plain":
            assert getattr(loaded, name).dtype == value.dtype and torch.equal(getattr(loaded, name), value)
    assert torch.equal(loaded.plain.x, torch.arange(9))
    assert (tmp_path / "True").stat().st_size < (tmp_path / "False").stat().st_size / 4


def deflated(content: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(zlib.compress(content)), dtype=torch.uint8)


@pytest.mark.parametrize(
    "packed",
    [
        [],
        3,
        {"a": None},
        {"b": ["uint8", [100]]},
        {"a": ["float64", [100]]},
        {"a": [[], [100]]},
        {"a": ["uint8", 100]},
        {"a": ["uint8", ["100"]]},
        {"a": ["uint8", [100.0]]},
        {"a": ["uint8", [-100, -1]]},
        {"a": ["uint8", [0, 1 << 80]]},
        {"a": ["uint8", [1] * 100_000]},
        {"a": ["uint8", [99]]},
        {"a": ["uint8", [101]]},
        {"w": ["uint8", [3]]},
        {"a": ["uint8", [100], 0.5]},
        {"a": ["int16", [50], "wide"]},
        {"a": ["int16", [50], 1e308]},
    ],
    ids=str,
)
def test_a_packed_tensor_that_is_not_what_it_claims_is_untrusted(packed, tmp_path):
    header = {"format": 1, "kind": "Point", "fields": {"x": {"tensor": "a"}}, "packed": packed}
    tensors = {"a": deflated(bytes(100)), "w": torch.zeros(3)}
    save_file(tensors, tmp_path / "x", metadata={"talk": json.dumps(header)})
    with pytest.raises(Untrusted, match="damaged") as told:
        load_struct(tmp_path / "x", (Point,))
    assert "no talk header" not in told.value.message


@pytest.mark.parametrize("claimed", [[10], [MAX_PACKED], [MAX_PACKED, MAX_PACKED]], ids=str)
def test_a_bomb_does_not_go_off(claimed, tmp_path):
    """A hundred kilobytes that would unpack to a hundred megabytes cost no more than they may claim."""
    header = {"format": 1, "kind": "Point", "packed": {"a": ["int8", claimed]}}
    save_file({"a": deflated(bytes(100 << 20))}, tmp_path / "x", metadata={"talk": json.dumps(header)})
    tracemalloc.start()
    with pytest.raises(Untrusted, match="claim"):
        load_struct(tmp_path / "x", (Point,))
    assert tracemalloc.get_traced_memory()[1] < (3 * MAX_PACKED if claimed == [MAX_PACKED] else 4e6)
    tracemalloc.stop()


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_no_mutation_of_a_packed_file_does_worse_than_a_talk_error(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "x"
    save_struct(mixed(), path, packed=True)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        load_struct(path, (Mixed, Point))
    except TalkError as error:
        assert str(path) in error.message and error.hint
