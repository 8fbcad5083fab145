"""COLMAP's cameras and images, as text or as bytes."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.errors import BadInput, reading
from talkcli.engine.rendering.camera import calibrated_camera
from talkcli.engine.text_files import text_of

_PLACES = (".", "sparse/0", "sparse", "colmap/sparse/0")
"""Where in a folder the files may be, the first that are there."""
MODELS: Mapping[int, tuple[str, int]] = {
    0: ("SIMPLE_PINHOLE", 3), 1: ("PINHOLE", 4), 2: ("SIMPLE_RADIAL", 4), 3: ("RADIAL", 5), 4: ("OPENCV", 8),
    5: ("OPENCV_FISHEYE", 8), 6: ("FULL_OPENCV", 12), 7: ("FOV", 5), 8: ("SIMPLE_RADIAL_FISHEYE", 4),
    9: ("RADIAL_FISHEYE", 5), 10: ("THIN_PRISM_FISHEYE", 12),
}  # fmt: skip
"""Of a number in the bytes: the name in the text, and how many parameters."""
_ONE_FOCAL, _TWO_FOCALS = ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"), ("PINHOLE", "OPENCV", "FULL_OPENCV")
"""Models that are pinholes where all parameters that bend are 0."""
_MOST = 100_000
"""Cameras or pictures of one folder."""

UNBENT = "Undistort the pictures first: colmap image_undistorter."

_Posed = tuple[str, int, list[float]]
"""Name of a picture, its camera, quaternion (w first) and shift from the world to the camera."""


def colmap_folder(folder: Path) -> Path | None:
    """Where in a folder COLMAP's cameras and images are."""
    for place in _PLACES:
        for suffix in (".bin", ".txt"):
            if all((folder / place / f"{name}{suffix}").is_file() for name in ("cameras", "images")):
                return folder / place
    return None


def colmap_shots(folder: Path) -> list[tuple[Path, Float[Tensor, "4 4"], Float[Tensor, " 4"]]]:
    """Path, view and lens of every picture, by name, as `Camera` has them. BadInput where they cannot be
    read, or a lens bends lines."""
    place = colmap_folder(folder)
    assert place is not None
    binary = (place / "cameras.bin").is_file() and (place / "images.bin").is_file()
    suffix, hint = ".bin" if binary else ".txt", "Give a model as COLMAP writes it."
    with reading(place / f"cameras{suffix}", "COLMAP's list of cameras", hint):
        path = place / f"cameras{suffix}"
        lenses = _cameras_of_bytes(path.read_bytes()) if binary else _cameras_of_text(text_of(path))
    with reading(place / f"images{suffix}", "COLMAP's list of images", hint):
        path = place / f"images{suffix}"
        posed = list(_images_of_bytes(path.read_bytes()) if binary else _images_of_text(text_of(path)))
        if not posed:
            raise ValueError("it has no images")
        return [_shot(folder, place, each, lenses) for each in sorted(posed)]


def _shot(
    folder: Path, place: Path, posed: _Posed, lenses: Mapping[int, tuple[str, list[float]]]
) -> tuple[Path, Float[Tensor, "4 4"], Float[Tensor, " 4"]]:
    name, number, (w, x, y, z, *shift) = posed
    model, own = lenses[number]
    focals = 1 if model in _ONE_FOCAL else 2 if model in _TWO_FOCALS else 0
    if not focals or any(abs(value) > 1e-9 for value in own[focals + 2 :]):
        raise BadInput(f"The lens of {name} ({model}) bends straight lines.", UNBENT)
    if not all(map(math.isfinite, (w, x, y, z, *shift, *own))) or min(own[:focals]) <= 0:
        raise ValueError(f"{name} has no pose or no focal length")
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[0, 0], matrix[1, 1] = own[0], own[focals - 1]
    matrix[:2, 2] = torch.tensor(own[focals : focals + 2])
    pose = torch.eye(4, dtype=torch.float64)
    length = w * w + x * x + y * y + z * z
    pose[:3, :3] = torch.eye(3) + 2 / length * torch.tensor(
        [
            [-y * y - z * z, x * y - w * z, x * z + w * y],
            [x * y + w * z, -x * x - z * z, y * z - w * x],
            [x * z - w * y, y * z + w * x, -x * x - y * y],
        ],
        dtype=torch.float64,
    )
    pose[:3, 3] = torch.tensor(shift)
    camera = calibrated_camera(matrix[None], pose[None], torch.zeros(1, 2, dtype=torch.long), 0.5)
    return _picture_file(folder, place, name), camera.views[0], camera.lenses[0]


def _picture_file(folder: Path, place: Path, name: str) -> Path:
    for path in (folder / "images" / name, folder / name, place / "images" / name, place / name):
        if path.is_file():
            return path
    raise BadInput(f"{folder / 'images' / name} does not exist.", f"Put the pictures in {folder / 'images'}.")


def _cameras_of_text(text: str) -> dict[int, tuple[str, list[float]]]:
    lenses = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            number, model, _, _, *own = line.split()
            lenses[int(number)] = model, [float(value) for value in own]
    return lenses


def _images_of_text(text: str) -> Iterator[_Posed]:
    """Two lines an image, of which the second, its points, may be empty."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for line in lines[::2]:
        if line.strip():
            _, *pose, camera, name = line.split(maxsplit=9)
            yield name, int(camera), [float(value) for value in pose]


def _cameras_of_bytes(data: bytes) -> dict[int, tuple[str, list[float]]]:
    (count,), at, lenses = struct.unpack_from("<Q", data), 8, {}
    if count > _MOST:
        raise ValueError(f"it claims {count} cameras")
    for _ in range(count):
        number, model, _, _ = struct.unpack_from("<iiQQ", data, at)
        name, size = MODELS[model]
        lenses[number] = name, list(struct.unpack_from(f"<{size}d", data, at + 24))
        at += 24 + 8 * size
    return lenses


def _images_of_bytes(data: bytes) -> Iterator[_Posed]:
    (count,), at = struct.unpack_from("<Q", data), 8
    if count > _MOST:
        raise ValueError(f"it claims {count} images")
    for _ in range(count):
        pose, camera = list(struct.unpack_from("<7d", data, at + 4)), struct.unpack_from("<i", data, at + 60)
        end = data.index(b"\0", at + 64)
        name = data[at + 64 : end].decode()
        (points,) = struct.unpack_from("<Q", data, end + 1)
        at = end + 9 + 24 * points
        yield name, camera[0], pose
