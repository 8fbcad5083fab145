"""Pictures that others made, read or refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from talkcli.engine.errors import reading


def load_picture(path: Path, largest: int | None = None) -> UInt8[Tensor, "height width 3"]:
    """sRGB, row 0 on top; reduced to at most `largest` texels a side."""
    with _opened(path) as picture:
        if largest:
            picture.thumbnail((largest, largest), Image.Resampling.BOX)
        return torch.from_numpy(np.array(picture.convert("RGB")))


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height, from the header alone."""
    with _opened(path) as picture:
        return picture.size


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    with reading(path, "a picture that can be read"), Image.open(path) as picture:
        yield picture
