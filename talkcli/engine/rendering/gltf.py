"""A .glb: a moving head with all that it wears in one file, as glTF 2.0 has it."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from talkcli.engine.destinations import replacing
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.geometry import chunks
from talkcli.engine.motion import Motion
from talkcli.engine.rendering.meshes import dressed_mesh, dressed_vertices
from talkcli.engine.rendering.textures import linear

_FRAMES_LOOKED_AT = 256
"""Frames, evenly chosen, whose forms say what the targets are."""

NEARER = 3e-4
"""Metres to which targets bring every vertex of the head in those frames."""

_STILL = 2e-5
"""Metres below which a target leaves a vertex where it is, at its largest weight."""

_FLOAT, _WHOLE = 5126, 5125
_VERTICES, _CORNERS = 34962, 34963
"""glTF's numbers for float and uint32 and for what a buffer is used as."""


def write_moving_mesh(motion: Motion, avatar: Avatar, path: Path, origin: str) -> None:
    """glTF 2.0, binary: metres, Y up. A mesh of one primitive for each thing, with the avatar's skin as its
    texture, and an animation of morph targets.

    The targets are the principal directions in which this motion moves vertices (contact, head pose and what
    is worn included), each times its largest weight: as many as leave at most NEARER of the frames looked at.
    A skin that changes is shown at rest: glTF's core cannot change a texture.
    """
    mesh = dressed_mesh(avatar)
    neutral = avatar.neutral.numpy().astype(np.float32)
    base = dressed_vertices(mesh.dressing, neutral)
    moves = _moves(motion, avatar)
    mixing, directions = _directions(moves)
    targets = np.zeros((len(directions), *base.shape), np.float32)
    for mix, move in zip(mixing, moves, strict=True):
        seen = neutral + move.view(-1, 3).numpy()
        targets += mix[:, None, None] * (dressed_vertices(mesh.dressing, seen) - base)
    still = avatar.neutral.flatten()
    parts = chunks(motion, avatar)
    weights = np.concatenate([((part.flatten(1) - still) @ directions.T).numpy() for part in parts])
    largest = np.maximum(np.abs(weights).max(0), 1e-9)
    weights, targets = weights / largest, targets * largest[:, None, None]

    file = _File()
    skin = mesh.parts[0].uv_faces is not None and avatar.look is not None
    if skin:
        assert avatar.look is not None
        file.picture(avatar.look.albedo.numpy())
    primitives = []
    for part in mesh.parts:
        on_skin, corners = part.uv_faces if skin else None, part.faces.reshape(-1, 1)
        if on_skin is not None:
            corners = np.concatenate([corners, on_skin.reshape(-1, 1)], 1)
        points, faces = np.unique(corners, axis=0, return_inverse=True)
        own = points[:, 0]
        normals = trimesh.Trimesh(base, part.faces, process=False).vertex_normals[own]
        attributes = {"POSITION": file.points(base[own]), "NORMAL": file.floats(normals, "VEC3", _VERTICES)}
        if on_skin is not None:
            uv = mesh.uv[points[:, 1]] * [1, -1] + [0, 1]  # from the upper left corner on
            attributes["TEXCOORD_0"] = file.floats(uv, "VEC2", _VERTICES)
        primitives.append(
            {
                "attributes": attributes,
                "indices": file.numbers(faces.reshape(-1)),
                "material": file.material(part.name, part.colour if on_skin is None else None),
                "targets": [{"POSITION": file.moves(target[own])} for target in targets],
            }
        )
    seconds = np.arange(len(motion)) / float(motion.fps)
    times = file.floats(seconds, "SCALAR", None, bounds=True)
    moving = file.floats(weights.reshape(-1), "SCALAR", None)
    names = [f"motion {number}" for number in range(len(targets))]
    content = {
        "asset": {"version": "2.0", "generator": "talk", "extras": json.loads(origin)},
        "meshes": [
            {
                "name": avatar.name,
                "primitives": primitives,
                "weights": weights[0].tolist(),
                "extras": {"targetNames": names},
            }
        ],
        "nodes": [{"name": avatar.name, "mesh": 0}],
        "scenes": [{"nodes": [0]}],
        "scene": 0,
        "animations": [
            {
                "name": "speech",
                "samplers": [{"input": times, "output": moving, "interpolation": "LINEAR"}],
                "channels": [{"sampler": 0, "target": {"node": 0, "path": "weights"}}],
            }
        ],
    }
    with replacing(path) as temporary:
        temporary.write_bytes(file.bytes(content))


def _moves(motion: Motion, avatar: Avatar) -> Float[Tensor, "chosen coordinates"]:
    """How _FRAMES_LOOKED_AT frames differ from the face at rest, or all where there are fewer."""
    wanted = torch.linspace(0, len(motion) - 1, min(len(motion), _FRAMES_LOOKED_AT)).round().long()
    kept, start = [], 0
    for part in chunks(motion, avatar, 32):
        here = wanted[(wanted >= start) & (wanted < start + len(part))] - start
        kept.append(part[here].flatten(1))
        start += len(part)
    return torch.cat(kept) - avatar.neutral.flatten()


def _directions(
    moves: Float[Tensor, "chosen coordinates"],
) -> tuple[NDArray[np.float32], Float[Tensor, "targets coordinates"]]:
    """[chosen, targets] shares of each frame in each target, and those of the bare head, of length 1."""
    powers, shares = torch.linalg.eigh((moves @ moves.T).double())
    powers, shares = powers.flip(0), shares.flip(1)
    left, count = moves.clone(), 0
    mixing = (shares / powers.clamp(min=1e-12).sqrt()).float()
    directions = mixing.T @ moves
    while count < len(moves) and left.abs().max() > NEARER and powers[count] > 1e-10:
        left -= torch.outer(left @ directions[count], directions[count])
        count += 1
    count = max(count, 1)
    return mixing[:, :count].numpy(), directions[:count]


class _File:
    """What a .glb holds, as it grows."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0
        self._content: dict[str, list[dict[str, Any]]] = {"accessors": [], "bufferViews": [], "materials": []}

    def _view(self, data: bytes, target: int | None) -> int:
        view = {"buffer": 0, "byteOffset": self._length, "byteLength": len(data)}
        self._content["bufferViews"].append(view if target is None else {**view, "target": target})
        padded = data + bytes(-len(data) % 4)
        self._parts.append(padded)
        self._length += len(padded)
        return len(self._content["bufferViews"]) - 1

    def _accessor(self, kind: int, form: str, array: NDArray, target: int | None, bounds: bool) -> int:
        data = {"bufferView": self._view(array.tobytes(), target), "componentType": kind, "type": form}
        rows = array.reshape(len(array), -1)
        edges = {"min": rows.min(0).tolist(), "max": rows.max(0).tolist()} if bounds else {}
        self._content["accessors"].append({**data, "count": len(array), **edges})
        return len(self._content["accessors"]) - 1

    def floats(self, array: NDArray, form: str, target: int | None, bounds: bool = False) -> int:
        return self._accessor(_FLOAT, form, np.ascontiguousarray(array, "<f4"), target, bounds)

    def points(self, array: NDArray) -> int:
        return self.floats(array, "VEC3", _VERTICES, bounds=True)

    def moves(self, array: NDArray) -> int:
        """Of points most of which stay: those that move, and where they are among them."""
        moved = np.flatnonzero(np.abs(array).max(1) > _STILL)
        kept = np.zeros_like(array)
        kept[moved] = array[moved]
        shape = {"componentType": _FLOAT, "type": "VEC3", "count": len(array)}
        shape |= {"min": kept.min(0).tolist(), "max": kept.max(0).tolist()}
        if len(moved):
            places, values = moved.astype("<u4").tobytes(), array[moved].astype("<f4").tobytes()
            shape["sparse"] = {
                "count": len(moved),
                "indices": {"bufferView": self._view(places, None), "componentType": _WHOLE},
                "values": {"bufferView": self._view(values, None)},
            }
        self._content["accessors"].append(shape)
        return len(self._content["accessors"]) - 1

    def numbers(self, array: NDArray) -> int:
        return self._accessor(_WHOLE, "SCALAR", np.ascontiguousarray(array, "<u4"), _CORNERS, False)

    def picture(self, pixels: NDArray[np.uint8]) -> None:
        """The texture 0."""
        held = io.BytesIO()
        Image.fromarray(pixels).save(held, "PNG", compress_level=6)
        view = self._view(held.getvalue(), None)
        self._content |= {
            "images": [{"bufferView": view, "mimeType": "image/png"}],
            "samplers": [{}],
            "textures": [{"source": 0, "sampler": 0}],
        }

    def material(self, name: str, colour: NDArray[np.float64] | None) -> int:
        """Of the texture, or of one sRGB colour."""
        if colour is None:
            surface = {"baseColorTexture": {"index": 0}}
        else:
            light = linear(np.rint(255 * colour).astype(np.uint8))
            surface = {"baseColorFactor": [*light.tolist(), 1.0]}
        surface |= {"metallicFactor": 0.0, "roughnessFactor": 0.6}
        self._content["materials"].append(
            {"name": name, "pbrMetallicRoughness": surface, "doubleSided": colour is not None}
        )
        return len(self._content["materials"]) - 1

    def bytes(self, content: dict[str, Any]) -> bytes:
        text = json.dumps({**content, **self._content, "buffers": [{"byteLength": self._length}]}).encode()
        text += b" " * (-len(text) % 4)
        whole = 12 + 8 + len(text) + 8 + self._length
        head = struct.pack("<4sII", b"glTF", 2, whole) + struct.pack("<I4s", len(text), b"JSON")
        return head + text + struct.pack("<I4s", self._length, b"BIN\0") + b"".join(self._parts)
