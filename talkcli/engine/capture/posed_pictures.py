"""Pictures of one person by known cameras, as others keep them: transforms.json (NeRF, INSTA) or COLMAP."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.capture.colmap import UNBENT, colmap_folder, colmap_shots
from talkcli.engine.errors import BadInput, reading
from talkcli.engine.pictures import picture_size
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.text_files import text_of

TRANSFORMS = ("transforms.json", "transforms_train.json")
"""What is learnt from; the first that is there."""
KEPT_OUT = "transforms_test.json"
EVERY = 8
"""Of so many pictures the last one is kept out, where the folder names none."""
_SUFFIXES = ("", ".png", ".jpg", ".jpeg")
_BENT = ("k1", "k2", "k3", "k4", "p1", "p2")


class PosedPicture(NamedTuple):
    path: Path
    view: Float[Tensor, "4 4"]
    """World to camera, in units of that world: X to the right, Y up, looking along -Z."""
    lens: Float[Tensor, " 4"]
    """As in `Camera.lenses`."""
    weights: Mapping[str, float]
    """Of the rig's shapes, where the folder says what the face does."""
    kept_out: bool = False
    """Whether it is to be tested by, not learnt from."""


class PosedPictures(NamedTuple):
    folder: Path
    pictures: tuple[PosedPicture, ...]
    aligned: bool = False
    """Whether its world is that of the built-in head, metres."""

    def camera(self, sizes: Sequence[tuple[int, int]]) -> Camera:
        """All their views, of pictures of (width, height)."""
        views, lenses = (torch.stack([getattr(p, name) for p in self.pictures]) for name in ("view", "lens"))
        return Camera(views.float(), lenses, torch.tensor(sizes))


def holds_posed_pictures(folder: Path) -> bool:
    """Whether a folder says by which cameras its pictures were taken."""
    return folder.is_dir() and (
        any((folder / name).is_file() for name in TRANSFORMS) or colmap_folder(folder) is not None
    )


def posed_pictures(folder: Path) -> PosedPictures:
    """What `holds_posed_pictures` finds. BadInput where it cannot be read, or lenses bend lines."""
    told = next((folder / name for name in TRANSFORMS if (folder / name).is_file()), None)
    if told is None:
        shots = [PosedPicture(path, view, lens, {}) for path, view, lens in colmap_shots(folder)]
        return PosedPictures(folder, _held_back(shots))
    pictures, aligned = _transforms(told)
    if (folder / KEPT_OUT).is_file():
        tests = _transforms(folder / KEPT_OUT)[0]
        return PosedPictures(folder, (*pictures, *(each._replace(kept_out=True) for each in tests)), aligned)
    return PosedPictures(folder, _held_back(pictures), aligned)


def _held_back(pictures: Sequence[PosedPicture]) -> tuple[PosedPicture, ...]:
    """Every eighth is kept out."""
    return tuple(each._replace(kept_out=number % EVERY == EVERY - 1) for number, each in enumerate(pictures))


def _transforms(path: Path) -> tuple[list[PosedPicture], bool]:
    """The frames of a transforms.json; and whether it says "aligned": true, which is ours."""
    with reading(path, "a transforms.json", "Give a folder as NeRF or INSTA have it."):
        told = json.loads(text_of(path))
        frames = told["frames"]
        if not frames:
            raise ValueError("it has no frames")
        return [_picture(path.parent, {**told, **frame}) for frame in frames], bool(told.get("aligned"))


def _picture(folder: Path, frame: Mapping[str, Any]) -> PosedPicture:
    path = _file_of(folder, str(frame["file_path"]))
    if any(abs(float(frame.get(name) or 0)) > 1e-9 for name in _BENT):
        raise BadInput(f"The lens of {path.name} bends straight lines.", UNBENT)
    pose = torch.tensor(frame["transform_matrix"], dtype=torch.float64)
    if pose.shape != (4, 4) or not bool(torch.isfinite(pose).all()):
        raise ValueError(f"the transform_matrix of {path.name} is not 4 x 4 numbers")
    turn = pose[:3, :3]
    scale = float(torch.linalg.det(turn).abs()) ** (1 / 3)
    if scale < 1e-9 or float((turn.mT @ turn / scale**2 - torch.eye(3)).abs().max()) > 1e-3:
        raise ValueError(f"the transform_matrix of {path.name} is no rotation")
    view = torch.eye(4, dtype=torch.float64)
    view[:3, :3] = turn.mT / scale
    view[:3, 3] = -view[:3, :3] @ pose[:3, 3]
    weights = {str(name): float(value) for name, value in (frame.get("weights") or {}).items()}
    return PosedPicture(path, view, _lens(path, frame), weights)


def _lens(path: Path, frame: Mapping[str, Any]) -> Float[Tensor, " 4"]:
    """Focal lengths and middle, pixels: as given, or by the angle of view."""
    width, height = frame.get("w"), frame.get("h")
    if not (width and height):
        width, height = picture_size(path)
    across, down = (frame.get(f"fl_{axis}", frame.get(f"f{axis}")) for axis in "xy")
    if across is None:
        if "camera_angle_x" not in frame:
            raise ValueError("it names neither fl_x nor camera_angle_x")
        across = float(width) / 2 / math.tan(float(frame["camera_angle_x"]) / 2)
    down = across if down is None else down
    middle = (frame.get("cx", float(width) / 2), frame.get("cy", float(height) / 2))
    lens = torch.tensor([float(across), float(down), *map(float, middle)], dtype=torch.float64)
    if not bool(torch.isfinite(lens).all()) or float(lens[:2].min()) <= 0:
        raise ValueError(f"the lens of {path.name} has no focal length")
    return lens


def _file_of(folder: Path, name: str) -> Path:
    """A picture as frames name it: beside the file, with or without its suffix."""
    for suffix in _SUFFIXES:
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return path
    raise BadInput(f"{folder / name} does not exist.", "Put the pictures where transforms.json names them.")
