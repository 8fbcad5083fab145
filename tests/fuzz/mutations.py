"""What spoils a file: bytes in, bytes out, by dice alone.

Some take any bytes; those that know a form (talk files, JSON, archives, PNG) spoil what is in it and leave
the rest whole, as bytes at random are refused at the door.
"""

from __future__ import annotations

import io
import json
import pickle
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

NUMBERS = (
    0, 1, -1, 2, 3, 127, 128, 255, 256, 65_535, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40,
    (1 << 63) - 1, -(1 << 63), 10**30,
)  # fmt: skip
WORDS = (
    b"0", b"-1", b"1e999", b"-1e38", b"nan", b"NaN", b"inf", b"1e-320", b"9" * 400, b"1e99999999", b"",
    b"0x7f", b"1/0", b"\xff\xfe", b"\x00", b"2147483648", b"-5", b"99999999", b"1_0",
    "\u0661".encode(), b"\xe9",
)  # fmt: skip
DEEP = 5000


def flipped(data: bytes, dice: Random) -> bytes:
    """A few bits turned."""
    spoilt = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4, 16)) if data else 0):
        spoilt[_place(spoilt, dice)] ^= 1 << dice.randrange(8)
    return bytes(spoilt)


def overwritten(data: bytes, dice: Random) -> bytes:
    """A few bytes set to others."""
    spoilt = bytearray(data)
    for _ in range(dice.choice((1, 2, 8)) if data else 0):
        spoilt[_place(spoilt, dice)] = dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))
    return bytes(spoilt)


def cut(data: bytes, dice: Random) -> bytes:
    """The end is missing."""
    return data[: dice.choice((dice.randrange(len(data) + 1), dice.randrange(min(64, len(data)) + 1)))]


def gap(data: bytes, dice: Random) -> bytes:
    """A piece is missing."""
    start = _place(data, dice)
    return data[:start] + data[start + dice.choice((1, 4, 64, 1000)) :]


def doubled(data: bytes, dice: Random) -> bytes:
    """A piece stands twice, or again elsewhere."""
    start, there = _place(data, dice), _place(data, dice)
    piece = data[start : start + dice.choice((1, 8, 64, 4000))]
    return data[:there] + piece * dice.choice((1, 1, 3)) + data[there:]


def padded(data: bytes, dice: Random) -> bytes:
    """More behind it than belongs to it."""
    return data + dice.choice((b"\x00", b"\xff", b" ", b"\n", b"[")) * dice.choice((1, 100, 10_000))


def lying(data: bytes, dice: Random) -> bytes:
    """A binary number somewhere near the beginning, a size perhaps, claims something else."""
    form = dice.choice("<>") + dice.choice("BHIQ")
    size = struct.calcsize(form)
    if len(data) < size:
        return data
    start = min(dice.randrange(dice.choice((64, 512, len(data)))), len(data) - size)
    return data[:start] + struct.pack(form, dice.choice(NUMBERS) % (1 << 8 * size)) + data[start + size :]


def misspelt(data: bytes, dice: Random) -> bytes:
    """A number that is written out is another, or a word."""
    places = list(re.finditer(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?", data[:200_000]))
    if not places:
        return data
    place = dice.choice(places)
    return data[: place.start()] + dice.choice(WORDS) + data[place.end() :]


def nested(data: bytes, dice: Random) -> bytes:
    """Brackets without end."""
    start = _place(data, dice)
    opening, closing = dice.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"(", b")")))
    return data[:start] + opening * DEEP + dice.choice((b"", closing * DEEP)) + data[start:]


def lines_mixed(data: bytes, dice: Random) -> bytes:
    """Lines left out, doubled, or in another order."""
    lines = data.split(b"\n")
    for _ in range(dice.choice((1, 3))):
        line = lines.pop(dice.randrange(len(lines))) if lines else b""
        for _ in range(dice.choice((0, 1, 2))):
            lines.insert(dice.randrange(len(lines) + 1), line)
    return b"\n".join(lines)


def _place(data: bytes | bytearray, dice: Random) -> int:
    """Near the beginning as often as anywhere."""
    return dice.randrange(min(len(data), dice.choice((128, 2048, len(data))) or 1)) if data else 0


def other_value(value: Any, dice: Random, depth: int = 0) -> Any:
    """JSON with one thing in it that is another."""
    if depth < 12 and isinstance(value, dict | list) and value and dice.random() < 0.85:
        changed: Any = value.copy()
        key = dice.choice(list(value) if isinstance(value, dict) else range(len(value)))
        match dice.randrange(12):
            case 0:
                del changed[key]
            case 1 if isinstance(value, dict):
                changed[dice.choice(("", "x", "kind", "tensor", "fraction", "\ud800"))] = value[key]
            case 1:
                changed.insert(key, value[key])
            case _:
                changed[key] = other_value(value[key], dice, depth + 1)
        return changed
    strange = (
        None, True, "", "x", "a/../../b", "n" * 300, "\0", [], {}, [[]], {"tensor": "x"},
        {"fraction": [1, 0]}, *NUMBERS, 0.5, -0.5, 1e300, 1e-300, float("nan"), float("inf"), 25, [1] * 70,
    )  # fmt: skip
    return dice.choice(strange)


def json_changed(data: bytes, dice: Random) -> bytes:
    """JSON that is still JSON."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return data
    return json.dumps(other_value(value, dice)).encode()


def header_changed(data: bytes, dice: Random) -> bytes:
    """A talk file, or another of safetensors, whose header says something else and is whole."""
    try:
        size = struct.unpack("<Q", data[:8])[0]
        header, tensors = json.loads(data[8 : 8 + size]), data[8 + size :]
        if dice.random() < 0.7 and "talk" in header.get("__metadata__", {}):
            talk = other_value(json.loads(header["__metadata__"]["talk"]), dice)
            header["__metadata__"]["talk"] = json.dumps(talk)
        elif dice.random() < 0.5:
            name = dice.choice([name for name in header if name != "__metadata__"])
            header[name]["dtype"] = dice.choice(("F64", "F32", "F16", "BF16", "I64", "U8", "F8_E5M2", "BOOL"))
        else:
            header = other_value(header, dice)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, struct.error, RecursionError):
        return data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + tensors


def numbers_changed(data: bytes, dice: Random) -> bytes:
    """Safetensors in which a number is none, too large, or nothing."""
    if len(data) < 8:
        return data
    start = 8 + struct.unpack("<Q", data[:8])[0]
    count = (len(data) - start) // 4
    if count <= 0:
        return data
    spoilt = bytearray(data)
    value = dice.choice((float("nan"), float("inf"), 1e30, -1e30, 0.0, 1e-42, 1e5, -1.0))
    for _ in range(dice.choice((1, 4, count))):
        struct.pack_into("<f", spoilt, start + 4 * dice.randrange(count), value)
        if count > 5000:
            break
    return bytes(spoilt)


def member_spoilt(data: bytes, dice: Random) -> bytes:
    """An archive (.pth, .npz) in which one file is spoilt, left out, or packed away, with true checksums."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {info.filename: archive.read(info) for info in archive.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, zlib.error, NotImplementedError, RuntimeError):
        return data
    if not files:
        return data
    pickles = [name for name in files if name.endswith(".pkl")]
    name = dice.choice(pickles if pickles and dice.random() < 0.7 else list(files))
    if dice.random() < 0.1:
        del files[name]
    else:
        files[name] = dice.choice((*PLAIN, opcode_spoilt, opcode_spoilt))(files[name], dice)
    with io.BytesIO() as file:
        how = dice.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        with zipfile.ZipFile(file, "w", how) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return file.getvalue()


OPCODES = b"0NI\x88\x89K\x85\x86\x87})](.abeldsuQRc\x81\x93jrqhp\x94t2o"
"""Opcodes of pickles that take, make and call things."""


def opcode_spoilt(data: bytes, dice: Random) -> bytes:
    """A pickle in which opcodes are others, or values stand in others' places."""
    spoilt = bytearray(data)
    for _ in range(dice.choice((1, 1, 3)) if data else 0):
        spoilt[_place(spoilt, dice)] = dice.choice(OPCODES)
    if dice.random() < 0.2:
        strange = pickle.dumps(dice.choice((None, 10**30, [1], {"a": 1}, "x" * 300, 1e300)), protocol=2)
        start = _place(spoilt, dice)
        spoilt[start:start] = strange[2:-1]
    return bytes(spoilt)


def chunk_spoilt(data: bytes, dice: Random) -> bytes:
    """A PNG in which one chunk is spoilt, left out or doubled, with true checksums."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    if not chunks:
        return data
    place = dice.randrange(len(chunks))
    kind, content = chunks[place]
    match dice.randrange(6):
        case 0:
            del chunks[place]
        case 1:
            chunks.insert(dice.randrange(len(chunks)), chunks[place])
        case 2 if kind == b"IDAT":
            try:
                content = zlib.compress(dice.choice(PLAIN)(zlib.decompress(content), dice))
            except zlib.error:
                content = b""
            chunks[place] = (kind, content)
        case _:
            chunks[place] = (kind, dice.choice(PLAIN)(content, dice))
    written = (
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    return data[:8] + b"".join(written)


PLAIN: tuple[Mutation, ...] = (flipped, overwritten, cut, gap, doubled, padded, lying)
"""For any bytes."""
TEXT: tuple[Mutation, ...] = (misspelt, misspelt, nested, lines_mixed)
KNOWING: dict[bytes, tuple[Mutation, ...]] = {
    b"PK": (member_spoilt,) * 8,
    b"\x80": (opcode_spoilt,) * 6,
    b"\x89PNG": (chunk_spoilt,) * 8,
    b"{": (json_changed,) * 6,
}
"""By how a file begins."""


def mutations_for(data: bytes) -> tuple[Mutation, ...]:
    """What may be done to a file, the likelier the more often it is there."""
    if data[8:10] == b'{"':
        return (*PLAIN, *(header_changed,) * 12, *(numbers_changed,) * 4)
    knowing = next((own for start, own in KNOWING.items() if data.startswith(start)), ())
    is_text = b"\0" not in data[:500]
    return (*PLAIN, *(TEXT * 2 if is_text else ()), *knowing)


def spliced(data: bytes, other: bytes, dice: Random) -> bytes:
    """The beginning of one file and the end of another."""
    return data[: dice.randrange(len(data) + 1)] + other[dice.randrange(len(other) + 1) :]


def mutated(data: bytes, other: bytes, dice: Random) -> bytes:
    """A file spoilt in one way, or in a few, or by another file."""
    if dice.random() < 0.04:
        return spliced(data, other, dice)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        data = dice.choice(mutations_for(data))(data, dice)
    return data
