"""The one format of all files of `talk`: safetensors with a JSON header, written whole or not at all."""

from __future__ import annotations

import io
import json
import math
import struct as binary
import typing
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import torch
from jaxtyping import Int16, UInt8
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save as serialised
from torch import Tensor

from talkcli.engine.destinations import replacing
from talkcli.engine.errors import BadInput, Untrusted, reading
from talkcli.engine.struct import TensorStruct, members

FORMAT = 1
"""Version of the header; a file of another version is refused by name."""

MAX_HEADER = 64 << 20
"""Bytes: no header of ours comes near it."""

MAX_PACKED = 64 << 20
"""Bytes that the packed tensors of one file may be together, unpacked: four times the built-in head."""

PACKABLE = {
    str(kind).removeprefix("torch."): kind
    for kind in (
        torch.float16,
        torch.float32,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.uint8,
        torch.bool,
    )
}

PICTURE = "WEBP"
"""How tensors are kept that are pictures, and may lose a little."""

STEPS = torch.iinfo(torch.int16).max
"""The most steps that a tensor kept in whole steps may go up or down."""


def save_struct(
    struct: TensorStruct,
    path: Path,
    *,
    packed: bool = False,
    steps: Mapping[str, float] | None = None,
    pictures: Mapping[str, int] | None = None,
) -> None:
    """Safetensors with a JSON header that says which struct it is: never a pickle.

    `packed`: without loss, smaller where tensors are smooth or mostly 0; load_struct reads either.
    `steps`: the named tensors of a packed file are kept as whole numbers of a step, and read as floats again.
    `pictures`: the named ones, [height, width, 3] bytes, are kept as WebP of a quality 0..100, with loss.
    """
    tensors: dict[str, Tensor] = {}

    def describe(value: Any, at: str) -> Any:
        def under(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
            return {k: describe(v, f"{at}.{k}" if at else k) for k, v in items}

        if isinstance(value, TensorStruct):
            return {"kind": type(value).__name__, "fields": under(vars(value).items())}
        if isinstance(value, Tensor):
            tensors[at] = value.detach().cpu().contiguous()
            return {"tensor": at}
        if isinstance(value, Fraction):
            return {"fraction": [value.numerator, value.denominator]}
        if isinstance(value, Mapping):
            return {"mapping": under(value.items())}
        if isinstance(value, tuple):
            return [describe(v, f"{at}.{i}") for i, v in enumerate(value)]
        return value

    header = {"format": FORMAT, **describe(struct, "")}
    save_tensors(tensors, header, path, packed=tensors if packed else (), steps=steps, pictures=pictures)


def save_tensors(
    tensors: Mapping[str, Tensor],
    header: Mapping[str, Any],
    path: Path,
    *,
    packed: Collection[str] = (),
    steps: Mapping[str, float] | None = None,
    pictures: Mapping[str, int] | None = None,
) -> None:
    """Tensors and a JSON header in one file, whole or not at all; those of `packed` as save_struct has it."""
    if spoilt := [name for name, tensor in tensors.items() if not is_finite(tensor)]:
        raise BadInput(
            f"{path} would hold what is no number, in {spoilt[0]}.",
            "What it is made from is damaged; make that again.",
        )
    some = {name: tensors[name] for name in packed if tensors[name].numel()}
    forms: dict[str, list[Any]] = {name: [_kind_of(t), list(t.shape)] for name, t in some.items()}
    for name, step in (steps or {}).items():
        some[name] = _in_steps(some[name], step)
        forms[name] = ["int16", list(some[name].shape), step]
    waiting: dict[str, Future[Tensor]] = {}
    with ThreadPoolExecutor() as pool:
        for name, quality in (pictures or {}).items():
            forms[name][0], waiting[name] = PICTURE, pool.submit(_pictured, some[name], quality)
        contents = {name: _packed(tensor) for name, tensor in some.items() if name not in waiting}
    contents |= {name: picture.result() for name, picture in waiting.items()}
    if forms:
        header, tensors = {**header, "packed": forms}, {**tensors, **contents}
    content = serialised(dict(_apart(tensors)), {"talk": json.dumps(header)})
    with replacing(path) as temporary:  # safetensors' own file has another name, which a kill leaves behind
        temporary.write_bytes(content)


def _apart(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Each in memory of its own, without which they cannot be saved."""
    places: set[int] = set()
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        yield name, tensor.clone() if place in places else tensor
        places.add(place)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What save_tensors wrote. BadInput if absent, Untrusted if corrupt, oversized or not ours."""
    if not path.is_file():
        reason = "is not a file" if path.exists() else "does not exist"
        raise BadInput(f"{path} {reason}.", "Check the name.")
    with _damaged(path):
        _check_header(path)
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if "talk" not in metadata:
                raise ValueError("it has no talk header")
            header = json.loads(metadata["talk"])
            if not isinstance(header, dict) or not isinstance(header.get("kind", ""), str):
                raise ValueError("its header is not an object with a kind")
            if header.get("format") != FORMAT:
                raise Untrusted(
                    f"{path} has format {header.get('format')}, this program reads format {FORMAT}.",
                    "Make the file again with this version.",
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        tensors |= _unpacked(tensors, header.get("packed", {}))
        for name, tensor in tensors.items():
            if not is_finite(tensor):
                raise ValueError(f"{name} holds what is no number")
        return tensors, header


_HINT = (
    "talk animate makes motions of recordings, talk personalize avatars, talk train checkpoints; "
    "a file that was one of these must be made or copied again."
)


def _damaged(path: Path) -> AbstractContextManager[None]:
    return reading(path, "a talk file", _HINT, Untrusted)


def is_finite(tensor: Tensor) -> bool:
    """Whether all are numbers; TypeError for kinds of numbers that no file of ours has."""
    if not tensor.is_floating_point():
        return True
    if tensor.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        raise TypeError(f"it holds {tensor.dtype}")
    return tensor.numel() == 0 or all(math.isfinite(end) for end in torch.aminmax(tensor))


def _kind_of(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _row_bytes(dtype: torch.dtype, shape: Sequence[int]) -> int:
    """How many bytes lie side by side: a row of a matrix, a number of a list."""
    return dtype.itemsize * (shape[-1] if len(shape) > 1 else 1)


def _in_steps(tensor: Tensor, step: float) -> Int16[Tensor, ...]:
    whole = (tensor.double() / step).round()
    if whole.abs().max() > STEPS:
        raise ValueError(f"{float(tensor.abs().max())} is more than {STEPS} steps of {step}")
    return whole.to(torch.int16)


def _packed(tensor: Tensor) -> UInt8[Tensor, " bytes"]:
    """Deflated columns of bytes: the high bytes of all x, which are much alike; their low bytes; all y; .."""
    rows = tensor.flatten().view(torch.uint8).view(-1, _row_bytes(tensor.dtype, tensor.shape))
    return torch.frombuffer(
        bytearray(zlib.compress(rows.T.contiguous().numpy().tobytes(), 9)), dtype=torch.uint8
    )


def _pictured(tensor: UInt8[Tensor, "height width 3"], quality: int) -> UInt8[Tensor, " bytes"]:
    with io.BytesIO() as file:
        Image.fromarray(tensor.numpy()).save(file, PICTURE, quality=quality, method=6)
        return torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)


def _unpictured(content: bytes, shape: Sequence[int]) -> UInt8[Tensor, "height width 3"]:
    """The picture of that shape; ValueError for any other before it is read."""
    with Image.open(io.BytesIO(content), formats=(PICTURE,)) as picture:
        if [picture.height, picture.width, len(picture.getbands())] != list(shape):
            raise ValueError("a picture has another size than it claims")
        return torch.from_numpy(np.array(picture))


def _unpacked(tensors: Mapping[str, Tensor], packed: Any) -> dict[str, Tensor]:
    """What _packed packed. ValueError before more is made than MAX_PACKED, or than the header claims."""
    if not isinstance(packed, dict):
        raise ValueError("its list of packed tensors is none")
    unpacked: dict[str, Tensor] = {}
    left = MAX_PACKED
    for name, (kind, shape, *step) in packed.items():
        pictured = kind == PICTURE and not step
        packable = name in tensors and (pictured or (kind in PACKABLE and (not step or kind == "int16")))
        if not packable or len(shape) > 8 or not all(0 < count <= MAX_PACKED for count in shape):
            raise ValueError(f"{name} cannot be unpacked")
        dtype = torch.uint8 if pictured else PACKABLE[kind]
        size = math.prod(shape) * dtype.itemsize
        left -= size
        if left < 0:
            raise ValueError(f"its tensors claim more than {MAX_PACKED} bytes")
        if pictured:
            unpacked[name] = _unpictured(tensors[name].numpy().tobytes(), shape)
            continue
        inflate = zlib.decompressobj()
        content = bytearray(inflate.decompress(tensors[name].numpy().tobytes(), size + 1))
        if len(content) != size or not inflate.eof:
            raise ValueError(f"{name} does not hold the {size} bytes that it claims")
        columns = torch.frombuffer(content, dtype=torch.uint8).view(_row_bytes(dtype, shape), -1)
        whole = columns.T.contiguous().flatten().view(dtype).view(shape)
        unpacked[name] = whole.float() * float(step[0]) if step else whole
    return unpacked


def load_rows(path: Path, name: str, start: int, stop: int | None) -> Tensor | None:
    """Rows [start, stop) of one tensor of a file that save_tensors wrote; None if it has no such tensor."""
    with _damaged(path):
        _check_header(path)
        with safe_open(path, framework="pt") as file:
            rows = file.get_slice(name)[start:stop] if name in file.keys() else None  # noqa: SIM118
        if rows is not None and not is_finite(rows):
            raise ValueError(f"{name} holds what is no number")
        return rows


def load_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of a file that save_tensors wrote, without reading any."""
    with _damaged(path):
        _check_header(path)
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def _check_header(path: Path) -> None:
    """Refuse a header that claims more than the file holds, before anything is allocated."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
    if len(head) < 8:
        raise ValueError("it is too short")
    claimed = binary.unpack("<Q", head)[0]
    if claimed > min(MAX_HEADER, size - 8):
        raise ValueError(f"its header claims {claimed} bytes")


def is_talk_file(path: Path) -> bool:
    """Whether a file begins as safetensors do, whatever it is called."""
    with path.open("rb") as file:
        head = file.read(9)
    return len(head) == 9 and head[8:] == b"{" and binary.unpack("<Q", head[:8])[0] < MAX_HEADER


def with_article(kind: object) -> str:
    """The name of a kind with its article."""
    return f"an {kind}" if str(kind)[:1] in "AEIOU" else f"a {kind}"


def load_struct(path: Path, kinds: Iterable[type[TensorStruct]]) -> Any:
    """Read what save_struct wrote; `kinds` says which structs may appear, the first names what is wanted.

    Raises BadInput for a talk file of another kind, Untrusted for what is damaged or foreign.
    """
    kinds = list(kinds)
    by_name = {kind.__name__: kind for kind in kinds}
    tensors, header = load_tensors(path)
    if header.get("kind") != kinds[0].__name__:
        raise BadInput(
            f"{path} holds {with_article(header.get('kind'))}, not {with_article(kinds[0].__name__)}.",
            "Give the right file.",
        )

    def build(value: Any, hint: Any = None) -> Any:
        if isinstance(value, dict):
            if "tensor" in value:
                return tensors[value["tensor"]]
            if "fraction" in value:
                return fraction_of(value["fraction"])
            if "mapping" in value:
                return {k: build(v) for k, v in value["mapping"].items()}
            kind = by_name[value["kind"]]
            hints = get_type_hints(kind)
            if unknown := value["fields"].keys() - hints.keys():
                raise Untrusted(
                    f"{path} is of another version: its {kind.__name__} has {min(unknown)}, unknown here.",
                    "Make the file again with this version.",
                )
            fields = {k: build(v, hints[k]) for k, v in value["fields"].items()}
            for k, v in fields.items():
                if not _fits(v, hints[k]):
                    raise Untrusted(
                        f"{path} is of another version, or is damaged: its {value['kind']}.{k} is {v!r:.80}.",
                        "Make the file again with this version.",
                    )
            return kind(**fields)
        return tuple(build(v) for v in value) if isinstance(value, list) else value

    with _damaged(path):
        struct = build(header)
        if not isinstance(struct, kinds[0]):
            raise ValueError("its header describes no struct")
        return struct


def fraction_of(parts: Any) -> Fraction:
    """Of two whole numbers: text such as 1e99999999 would be worked out."""
    if not isinstance(parts, list) or [type(part) for part in parts] != [int, int] or not parts[1]:
        raise ValueError("a fraction is not of two whole numbers")
    return Fraction(*parts)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a field may hold a value read from a file; the shapes of tensors are checked elsewhere."""
    kinds = [typing.get_origin(member) or member for member in members(hint)]
    return any(
        hasattr(kind, "dim_str") or isinstance(value, (float, int) if kind is float else kind)
        for kind in kinds
    )
