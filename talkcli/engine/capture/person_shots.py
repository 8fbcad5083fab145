"""Pictures of one person by cameras in the head's world, cut to the head and of one size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from talkcli.engine.capture.detector import CAPTURE_INSTALL, Detector
from talkcli.engine.capture.posed_pictures import PosedPicture, PosedPictures
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.pictures import opened_picture, picture_size
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.struct import TensorStruct

MASKS = ("masks", "mask", "seg_mask")
"""Folders beside the pictures' that may hold, by the same name, how much of each pixel is the person."""
_AROUND = 1.12
"""Sides of what is cut out, of those of the mean head."""
AIR_OVER = 0.1
"""Metres of hair that are cut out with it."""


class PersonShots(TensorStruct):
    pictures: UInt8[Tensor, "shots height width 4"]
    """sRGB, and how much of a pixel the person covers."""
    camera: Camera
    """A view a shot."""
    weights: Float[Tensor, "shots shapes"]
    """What the face does, in weights of all shapes of the rig."""
    kept_out: tuple[bool, ...]
    """Which are to be tested by."""
    cut_out: bool = False
    """Whether they tell nothing where the person does not cover them."""
    person: Avatar | None = None
    """Who it is, with a skin and what they wear, where that is known already."""


def person_shots(
    source: PosedPictures, model: FaceModel, size: int, detector: Detector | None
) -> PersonShots:
    """Squares of `size` pixels, or of the smallest picture's side, about the head; a picture that is such a
    square already stays as it is. BadInput for what has neither alpha nor a mask without a detector, and for
    weights of shapes that the rig has not."""
    sizes = [picture_size(each.path) for each in source.pictures]
    side = min(size, min(min(each) for each in sizes))
    pictures, lenses = [], []
    for each, own in zip(source.pictures, sizes, strict=True):
        whole = _with_coverage(each.path, source.folder, detector)
        left, top, wide = (0.0, 0.0, float(side)) if own == (side, side) else _window(each, model, own)
        if own != (side, side):
            whole = whole.resize((side, side), Image.Resampling.LANCZOS, (left, top, left + wide, top + wide))
        pictures.append(torch.from_numpy(np.array(whole)))
        lens = each.lens.clone()
        lens[2:] -= torch.tensor([left, top], dtype=lens.dtype)
        lenses.append(lens * (side / wide))
    views = torch.stack([each.view for each in source.pictures]).float()
    camera = Camera(views, torch.stack(lenses), torch.tensor([[side, side]]).repeat(len(views), 1))
    weights = torch.stack([_weights(each, model) for each in source.pictures])
    return PersonShots(
        torch.stack(pictures), camera, weights, tuple(each.kept_out for each in source.pictures)
    )


def _weights(picture: PosedPicture, model: FaceModel) -> Float[Tensor, " shapes"]:
    unknown = picture.weights.keys() - set(model.shape_names)
    if unknown:
        hint = f"The head has {model.shape_names[0]}, {model.shape_names[1]} and so on: talk models."
        raise BadInput(f"{picture.path.name} weighs {sorted(unknown)[0]}, which is no shape.", hint)
    return model.weight_vector(**picture.weights)


def _window(picture: PosedPicture, model: FaceModel, size: tuple[int, int]) -> tuple[float, float, float]:
    """Left, top and side, pixels, of the square about the mean head, as far as the picture goes. BadInput
    where the camera does not see it."""
    points = model.template
    crown = points[points[:, 1] > points[:, 1].median()] + torch.tensor([0.0, AIR_OVER, 0.0])
    there = (
        torch.cat([points, crown]).double() @ picture.view[:3, :3].double().mT + picture.view[:3, 3].double()
    )
    across, down, x, y = picture.lens.tolist()
    depth = -there[:, 2]
    column, row = x + across * there[:, 0] / depth, y - down * there[:, 1] / depth
    low = torch.stack([column.min(), row.min()]).clamp(min=0)
    high = torch.minimum(torch.stack([column.max(), row.max()]), torch.tensor(size).double())
    if float(depth.min()) <= 0 or float((high - low).min()) <= 1:
        raise BadInput(
            f"The camera of {picture.path.name} does not see the head.",
            "Leave the picture out, or give points of the face: landmarks.json",
        )
    wide = min(_AROUND * float((high - low).max()), *map(float, size))
    left, top = ((low + high) / 2 - wide / 2).tolist()
    return max(0.0, min(left, size[0] - wide)), max(0.0, min(top, size[1] - wide)), wide


def _with_coverage(path: Path, folder: Path, detector: Detector | None) -> Image.Image:
    """A picture with how much the person covers: its own alpha, a mask's, or as the detector sees it."""
    with opened_picture(path) as picture:
        if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
            return picture.convert("RGBA")
        whole = picture.convert("RGB")
    mask = next((place for place in _masks_of(path, folder) if place.is_file()), None)
    if mask is not None:
        with opened_picture(mask) as cover:
            covered = cover.convert("L")
            if covered.size != whole.size:
                raise BadInput(f"{mask} is not as large as its picture.", "Give one mask a picture.")
    elif detector is None:
        raise BadInput(
            f"Nothing says which pixels of {path.name} are the person.",
            f"Give pictures with alpha, a folder masks/, or {CAPTURE_INSTALL}",
        )
    else:
        covered = Image.fromarray((detector.person(np.array(whole)) * 255 + 0.5).astype(np.uint8))
    whole.putalpha(covered)
    return whole


def _masks_of(path: Path, folder: Path) -> Sequence[Path]:
    names = (path.name, f"{path.name}.png", f"{path.stem}.png")
    return [place / mask / name for place in (folder, path.parent.parent) for mask in MASKS for name in names]
