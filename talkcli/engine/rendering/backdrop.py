"""What stands behind the head: a studio, a colour, a picture, or nothing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageOps

from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.rendering.textures import linear

STUDIO, TRANSPARENT = "studio", "transparent"
STUDIO_GREY = (58, 63, 72)
"""sRGB; it falls off towards the corners."""

LARGEST = 100_000_000
"""Pixels of a background picture."""


def backdrop(name: str, width: int, height: int) -> NDArray[np.float32] | None:
    """Display light [height, width, 3]; None for `transparent`.

    `name`: `studio`, a colour by its name or as #rrggbb, or a picture file, which is cropped to fit.
    """
    text = name.strip()
    if text == TRANSPARENT:
        return None
    if text != STUDIO and Path(text).is_file():
        return _picture(Path(text), width, height)
    colour = STUDIO_GREY if text == STUDIO else _colour(text)
    flat = np.broadcast_to(linear(np.array(colour, np.uint8)), (height, width, 3))
    if text != STUDIO:
        return np.ascontiguousarray(flat, np.float32)
    y, x = np.mgrid[0:height, 0:width]
    away = np.hypot((x + 0.5 - width / 2) / (width / 2), (y + 0.5 - 0.42 * height) / (height / 2))
    return (flat * (1.35 - 0.62 * away**1.6).clip(0.22, None)[..., None]).astype(np.float32)


def _colour(text: str) -> tuple[int, ...]:
    try:
        if re.fullmatch(r"#[0-9a-fA-F]{3}([0-9a-fA-F]{3})?|[A-Za-z]+", text):
            return ImageColor.getrgb(text)[:3]
    except ValueError:
        pass
    raise BadUsage(
        f"'{text}' is neither a colour nor a picture file.",
        f"Give {STUDIO}, {TRANSPARENT}, a colour such as white or #202830, or a PNG or JPEG file.",
    )


def _picture(path: Path, width: int, height: int) -> NDArray[np.float32]:
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")) as picture:
            if picture.width * picture.height > LARGEST:
                raise BadInput(f"{path} has more than {LARGEST:,} pixels.", "Give a smaller picture.")
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            return linear(np.asarray(ImageOps.fit(upright, (width, height), Image.Resampling.LANCZOS)))
    except (OSError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadInput(
            f"{path} is no picture that can be read: {error}.", "Give a PNG or JPEG file."
        ) from error
