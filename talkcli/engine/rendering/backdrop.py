"""What stands behind the head: a studio, a colour, a picture, or nothing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageOps

from talkcli.engine.errors import BadUsage
from talkcli.engine.pictures import opened_picture
from talkcli.engine.rendering.colours import linear

STUDIO, TRANSPARENT = "studio", "transparent"
STUDIO_GREY = (98, 99, 99)
"""sRGB where the light falls on it most."""

GLOW = (0.62, 0.40)
"""Where that is, of the picture's width and height."""

CLOUDS = ((5, 0.16), (11, 0.08), (23, 0.03))
"""Patches across the longer side, and how much lighter or darker they are: a painted canvas, out of focus."""


def backdrop(name: str, width: int, height: int) -> NDArray[np.float32] | None:
    """Display light [height, width, 3]; None for `transparent`.

    `name`: `studio`, a colour by its name or as #rrggbb, or a picture file, which is cropped to fit.
    """
    text = name.strip()
    if text == TRANSPARENT:
        return None
    if text != STUDIO and Path(text).is_file():
        return _picture(Path(text), width, height)
    if text == STUDIO:
        return _studio(width, height)
    flat = np.broadcast_to(linear(np.array(_colour(text), np.uint8)), (height, width, 3))
    return np.ascontiguousarray(flat, np.float32)


def _studio(width: int, height: int) -> NDArray[np.float32]:
    """A canvas far behind, lit from one side."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    away = np.hypot((x + 0.5) / width - GLOW[0], 0.9 * ((y + 0.5) / height - GLOW[1]))
    chance, long = np.random.default_rng(40), max(width, height)
    light = 1.22 - 1.05 * away**1.5
    for patches, strength in CLOUDS:
        rough = Image.fromarray(chance.standard_normal((patches, patches)).astype(np.float32))
        smooth = rough.resize((long, long), Image.Resampling.BICUBIC, (1, 1, patches - 1, patches - 1))
        light += strength * np.asarray(smooth)[:height, :width]
    colour = linear(np.array(STUDIO_GREY, np.uint8))
    return (colour * light.clip(0.2, 2.0)[..., None]).astype(np.float32)


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
    with opened_picture(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
        return linear(np.asarray(ImageOps.fit(upright, (width, height), Image.Resampling.LANCZOS)))
