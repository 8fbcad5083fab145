"""WRITERS: a motion on an avatar for other programs; PICTURES: frames as files that are no video."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib import format as npy
from PIL import GifImagePlugin, Image, ImageChops
from PIL.PngImagePlugin import PngInfo

from talkcli.engine.assets import head_credit
from talkcli.engine.destinations import replacing, replacing_folder
from talkcli.engine.face.acting import painted, wrinkles_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.geometry import chunks
from talkcli.engine.motion import Motion
from talkcli.engine.rendering.live_link import write_live_link
from talkcli.engine.rendering.skin_frames import FOLDED, skin_frames

if TYPE_CHECKING:
    from talkcli.engine.rendering.meshes import DressedMesh

_Pixels = np.ndarray
"""uint8 [height, width, 3 or 4]"""


def origin_of(motion: Motion, *avatars: Avatar) -> str:
    """One line of JSON: what made a motion, whose form the heads have that show it, and from what faces were
    made that are somebody's."""
    credit = {name: whose for avatar in avatars for name, whose in head_credit(avatar.rig).items()}
    sources = dict.fromkeys(str(a.provenance["source"]) for a in avatars if "source" in a.provenance)
    made = {"synthetic": True, "face_from": " and ".join(sources)} if sources else {}
    return json.dumps({**motion.provenance, **credit, **made})


def png_comment(origin: str) -> PngInfo:
    """What a PNG says of itself."""
    said = PngInfo()
    said.add_text("Comment", origin)
    return said


NPZ_CONTENTS = {
    "vertices": "[frames, verts, 3] metres, as seen: the bare head, turned; .obj and .ply hold what it wears",
    "neutral": "[verts, 3] metres, the face at rest",
    "faces": "[faces, 3] corners of triangles, from 0",
    "provenance": "JSON: what made it, and whose form the head has",
    "fps": "[2] frames a second: numerator, denominator",
    "head_rotation": "[frames, 3] axis-angle, radians, about the neck joint; it is in the vertices already",
    "head_translation": "[frames, 3] metres; it is in the vertices already",
    "texture_weights": "[frames, parts] of a changing skin",
    "texture_basis": "[parts, 3, rows, columns]; texture = neutral texture * exp(weights @ basis), sRGB",
}
"""What a .npz holds; the last four where the motion has them."""


def write_npz(motion: Motion, avatar: Avatar, path: Path) -> None:
    """The arrays of NPZ_CONTENTS, and among them `contents`, which says of each what it is."""
    import zipfile

    shape = (len(motion), len(avatar.neutral), 3)
    rest: dict[str, np.ndarray] = {
        "neutral": avatar.neutral.numpy().astype(np.float32),
        "faces": avatar.faces.numpy().astype(np.int32),
        "provenance": np.array(origin_of(motion, avatar)),
        "fps": np.array([motion.fps.numerator, motion.fps.denominator], np.int64),
    }
    if motion.head is not None:
        rest |= {f"head_{name}": track.numpy() for name, track in vars(motion.head).items()}
    if motion.texture is not None:
        rest |= {
            f"texture_{name}": values.numpy()
            for name, values in vars(painted(motion.texture, wrinkles_of(avatar), FOLDED)).items()
        }
    names = ("vertices", *rest)
    rest["contents"] = np.array([f"{name} {NPZ_CONTENTS[name]}" for name in names])
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", allowZip64=True) as archive:
        for name, array in rest.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                npy.write_array(entry, array)
        with archive.open("vertices.npy", "w", force_zip64=True) as entry:
            head = {"descr": "<f4", "fortran_order": False, "shape": shape}
            npy.write_array_header_1_0(entry, head)
            for part in chunks(motion, avatar):
                entry.write(part.numpy().astype("<f4").tobytes())


def write_obj(motion: Motion, avatar: Avatar, path: Path) -> None:
    """A folder of 000000.obj, ...: metres; the head and each thing that it wears as objects of their own.

    Of hair the ribbons that a film of standard quality draws. Vertices of the head come first, in their
    order; its faces beneath cloth are left out. avatar.mtl and skin.png hold its colours; of a skin that
    changes each frame has its own, 000000.mtl and 000000.png.
    """
    from talkcli.engine.rendering.meshes import dressed_mesh, dressed_vertices

    mesh = dressed_mesh(avatar)
    painted_skin = avatar.look is not None and len(mesh.uv) > 0
    changing = skin_frames(motion, avatar) if painted_skin and motion.texture is not None else None
    coloured = painted_skin or len(mesh.parts) > 1
    first, tail = f"# {origin_of(motion, avatar)}\n", _obj_objects(mesh, painted_skin)
    with replacing_folder(path, ".obj", ".mtl", ".png") as folder:
        if coloured and changing is None:
            (folder / "avatar.mtl").write_text(_mtl(mesh, "skin.png" if painted_skin else ""), "utf-8")
        if painted_skin and changing is None:
            assert avatar.look is not None
            Image.fromarray(avatar.look.albedo.numpy()).save(folder / "skin.png", compress_level=3)
        for number, vertices in enumerate(_each(motion, avatar)):
            name = f"{number:06d}"
            if changing is not None:
                Image.fromarray(next(changing)).save(folder / f"{name}.png", compress_level=3)
                (folder / f"{name}.mtl").write_text(_mtl(mesh, f"{name}.png"), "utf-8")
            library = f"mtllib {'avatar' if changing is None else name}.mtl\n" if coloured else ""
            points = dressed_vertices(mesh.dressing, vertices)
            head = "".join(f"v {x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in points)
            (folder / f"{name}.obj").write_text(first + library + head + tail, "utf-8")


def _obj_objects(mesh: DressedMesh, painted_skin: bool) -> str:
    """The part of a file that is the same in every frame."""
    lines = [f"vt {u:.6f} {v:.6f}\n" for u, v in mesh.uv]
    for part in mesh.parts:
        if len(mesh.parts) > 1:
            lines.append(f"o {_word(part.name)}\n")
        if painted_skin and part.uv_faces is not None:
            lines.append("usemtl skin\n")
        elif len(mesh.parts) > 1:
            lines.append(f"usemtl {_word(part.name)}\n")
        if part.uv_faces is None:
            lines += [f"f {a} {b} {c}\n" for a, b, c in (part.faces + 1).tolist()]
        else:
            corners = np.stack([part.faces, part.uv_faces], 2).reshape(-1, 6) + 1
            lines += [f"f {a}/{s} {b}/{t} {c}/{u}\n" for a, s, b, t, c, u in corners.tolist()]
    return "".join(lines)


def _mtl(mesh: DressedMesh, picture: str) -> str:
    """The colours of a mesh's parts; `picture` is the file of its skin, if it has one."""
    text = f"newmtl skin\nKd 1 1 1\nmap_Kd {picture}\n" if picture else ""
    for part in mesh.parts:
        if part.uv_faces is None or not picture:
            text += f"newmtl {_word(part.name)}\nKd {' '.join(f'{value:.4f}' for value in part.colour)}\n"
    return text


def _word(name: str) -> str:
    """A name without spaces, which formats of text cannot hold."""
    return "_".join(name.split()) or "unnamed"


def write_ply(motion: Motion, avatar: Avatar, path: Path) -> None:
    """A folder of 000000.ply, ...: binary little-endian, metres: what `write_obj` writes as one mesh.

    Vertices hold sRGB colours where an avatar has a look or wears something; comments say which faces are
    whose.
    """
    from talkcli.engine.rendering.meshes import dressed_mesh, dressed_vertices

    mesh = dressed_mesh(avatar)
    corners = np.concatenate([part.faces for part in mesh.parts])
    faces = np.empty(len(corners), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
    faces["count"], faces["corners"] = 3, corners
    coloured = avatar.look is not None or len(mesh.parts) > 1
    ends = np.cumsum([len(part.faces) for part in mesh.parts])
    points = np.empty(len(mesh.colours), [("place", "<f4", 3), *([("colour", "u1", 3)] if coloured else [])])
    if coloured:
        points["colour"] = mesh.colours
    head = (
        f"ply\nformat binary_little_endian 1.0\ncomment metres\ncomment {origin_of(motion, avatar)}\n"
        + "".join(
            f"comment faces {end - len(part.faces)} to {end - 1} are {_word(part.name)}\n"
            for part, end in zip(mesh.parts, ends, strict=True)
        )
        + f"element vertex {len(points)}\n"
        + "".join(f"property float {axis}\n" for axis in "xyz")
        + "".join(f"property uchar {name}\n" for name in ("red", "green", "blue") if coloured)
        + f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    ).encode("ascii", "replace")
    with replacing_folder(path, ".ply") as folder:
        for number, vertices in enumerate(_each(motion, avatar)):
            points["place"] = dressed_vertices(mesh.dressing, vertices)
            (folder / f"{number:06d}.ply").write_bytes(head + points.tobytes() + faces.tobytes())


def write_textures(motion: Motion, avatar: Avatar, path: Path) -> None:
    """A folder of 000000.png, ..., the changing skin in its UV layout, and fps.json."""
    write_png(skin_frames(motion, avatar), motion.fps, path, origin_of(motion, avatar))


def write_glb(motion: Motion, avatar: Avatar, path: Path) -> None:
    """See `gltf`; the asset's `extras` say what made it."""
    from talkcli.engine.rendering.gltf import write_moving_mesh  # slow to load, for those who want one

    write_moving_mesh(motion, avatar, path, origin_of(motion, avatar))


WRITERS: dict[str, Callable[[Motion, Avatar, Path], None]] = {
    ".npz": write_npz,
    ".glb": write_glb,
    ".obj": write_obj,
    ".ply": write_ply,
    ".csv": write_live_link,
    ".textures": write_textures,
}


def write_png(frames: Iterable[_Pixels], fps: Fraction, path: Path, origin: str) -> None:
    """A folder of 000000.png, ..., each with its origin as a comment, and fps.json."""
    with replacing_folder(path, ".png", ".json") as folder:
        for number, frame in enumerate(frames):
            picture, said = Image.fromarray(frame), png_comment(origin)
            picture.save(folder / f"{number:06d}.png", compress_level=3, pnginfo=said)
        (folder / "fps.json").write_text(json.dumps({"fps": str(fps)}), encoding="utf-8")


def write_gif(frames: Iterable[_Pixels], fps: Fraction, path: Path, origin: str) -> None:
    """A GIF that loops, its origin a comment, written as the frames come: of each, the box that differs from
    the one before.

    Its clock has hundredths: a frame may come a tick early or late, but none drifts.
    """
    step = max(1, -(-fps.numerator // (50 * fps.denominator)))
    before: Image.Image | None = None
    with replacing(path) as temporary, temporary.open("wb") as file:
        for number, frame in enumerate(itertools.islice(frames, 0, None, step)):
            image = Image.fromarray(frame).convert("RGB")
            box = (0, 0, *image.size)
            if before is None:
                file.write(b"GIF89a" + struct.pack("<HHBBB", *image.size, 0, 0, 0))
                file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")
                said = origin.encode()
                blocks = [said[start : start + 255] for start in range(0, len(said), 255)]
                file.write(b"!\xfe" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\x00")
            else:
                box = ImageChops.difference(image, before).getbbox() or (0, 0, 1, 1)
            ticks = round(100 * step * (number + 1) / fps) - round(100 * step * number / fps)
            part = image.crop(box).quantize(256, dither=Image.Dither.NONE)
            options = {"duration": 10 * ticks, "disposal": 1, "include_color_table": True}
            file.writelines(GifImagePlugin.getdata(part, box[:2], **options))
            before = image
        file.write(b";")


PICTURES: dict[str, Callable[[Iterable[_Pixels], Fraction, Path, str], None]] = {
    ".png": write_png,
    ".gif": write_gif,
}


def _each(motion: Motion, avatar: Avatar) -> Iterator[np.ndarray]:
    for part in chunks(motion, avatar, 32):
        yield from part.numpy()
