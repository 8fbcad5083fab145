"""Pictures that others made, read or refused by name."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError, features
from torch import Tensor

from talkcli.engine.errors import BadInput, MissingAsset, reading
from talkcli.engine.measured import Measured

_AVIF = ("AVIF",) if features.check("avif") else ()
PICTURE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", *_AVIF)
"""By Pillow's names: those whose readers run no other program, of those that it was built with."""
PICTURE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif",
)  # fmt: skip
"""By which a file is meant to be a picture, whatever it holds."""
_HEIC_BRANDS, _AVIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis"), (b"avif", b"avis")
_BOX_BRANDS = (*_HEIC_BRANDS, *_AVIF_BRANDS, b"mif1", b"msf1")
"""Of pictures in boxes; the last two leave it to those after them to say of which kind."""
HEIC_INSTALL = "pip install 'talkcli[capture]', or export it as JPEG, AVIF or PNG."
LARGEST_PICTURE = 64_000_000
"""Pixels; a small file may claim to be of any size."""
_LARGEST_HELD_TWICE = 50_000_000
"""Of the formats whose readers hold a picture several times over; phones' HEIC have 49 million."""
_STRIP = 256
"""Rows that are turned into sRGB at a time."""

logging.getLogger("PIL").addHandler(logging.NullHandler())  # what it has to say of a file, an error says


def is_picture(path: Path) -> bool:
    """Whether a file is a picture by its contents, even one that cannot be read here (HEIC without the extra,
    or cut off)."""
    try:
        if _boxed(path):
            return True
        with (
            warnings.catch_warnings(action="ignore"),
            Measured(path) as file,
            Image.open(file, formats=PICTURE_FORMATS),
        ):
            return True
    except Image.DecompressionBombError:
        return True
    except Exception:  # what is no picture makes its readers fail in any way
        return False


def _boxed(path: Path) -> Literal["HEIC", "AVIF", ""]:
    """What kind of picture a file of boxes, as films are, too, says that it is; empty for any other."""
    with path.open("rb") as file:
        head = file.read(256)
    if head[4:8] != b"ftyp" or head[8:12] not in _BOX_BRANDS:
        return ""
    end = min(int.from_bytes(head[:4]), len(head))
    brands = {head[at : at + 4] for at in (8, *range(16, end, 4))}
    return "AVIF" if brands & {*_AVIF_BRANDS} else "HEIC"


def load_picture(path: Path, largest: int | None = None) -> UInt8[Tensor, "height width 3"]:
    """sRGB, row 0 on top; reduced to at most `largest` texels a side."""
    with opened_picture(path) as picture:
        if largest:
            picture.thumbnail((largest, largest), Image.Resampling.BOX)
        rows = np.empty((picture.height, picture.width, 3), np.uint8)
        for top in range(0, picture.height, _STRIP):
            strip = picture.crop((0, top, picture.width, min(top + _STRIP, picture.height)))
            rows[top : top + _STRIP] = np.asarray(strip.convert("RGB"))
        return torch.from_numpy(rows)


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height, from the header alone."""
    with _begun(path) as picture:
        return picture.size


@contextmanager
def opened_picture(path: Path) -> Iterator[Image.Image]:
    """A picture of PICTURE_FORMATS; a JPEG that is too large is read at half its size, or less. BadInput for
    any other format, for a damaged picture and for one too large."""
    with _begun(path, reduced=True) as picture:
        if picture.format == "TIFF":
            with _in_silence():
                picture.load()
        yield _in_bytes(picture) if picture.mode.startswith("I") else picture


def _in_bytes(picture: Image.Image) -> Image.Image:
    """A grey picture of 16 bits, which Pillow would cut off at 255."""
    values = np.asarray(picture).astype(np.int64).clip(0, 65535) >> 8
    out = Image.fromarray(values.astype(np.uint8))
    out.info = picture.info  # which way it is turned
    return out


@contextmanager
def _in_silence() -> Iterator[None]:
    """What libtiff itself tells stderr of a file, an error says."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _begun(path: Path, reduced: bool = False) -> Iterator[Image.Image]:
    """One whose header was read. `reduced`: of a JPEG that is too large as much as is not."""
    formats = PICTURE_FORMATS
    if path.is_file() and _boxed(path) == "HEIC":
        formats = _heic_formats(path)
    if path.is_file() and not path.stat().st_size:
        raise BadInput(f"{path} is empty, and no picture.", "Export it again, or check how it was copied.")
    with (
        reading(path, "a picture that can be read", "Export it again as PNG or JPEG."),
        warnings.catch_warnings(action="ignore"),
        Measured(path) as file,
        _recognised(file, formats) as picture,
    ):
        most = _LARGEST_HELD_TWICE if picture.format in ("WEBP", "AVIF", "HEIF") else LARGEST_PICTURE
        if reduced and picture.format == "JPEG" and picture.width * picture.height > most:
            share = (most / (picture.width * picture.height)) ** 0.5 / 2
            picture.draft("RGB", (round(picture.width * share), round(picture.height * share)))
        if picture.width * picture.height > most:
            raise BadInput(f"{path} has more than {most:,} pixels.", "Reduce it, to 4000 a side or fewer.")
        yield picture


def _heic_formats(path: Path) -> tuple[str, ...]:
    """Pillow's name of what iPhones take. MissingAsset without the extra that brings its reader."""
    try:
        import pillow_heif  # type: ignore[import-not-found]  # an extra
    except ImportError as error:
        raise MissingAsset(f"{path} is HEIC, and reading that needs pillow-heif.", HEIC_INSTALL) from error
    pillow_heif.register_heif_opener()
    return ("HEIF",)


def _recognised(file: BinaryIO, formats: tuple[str, ...]) -> Image.Image:
    try:
        return Image.open(file, formats=formats)
    except UnidentifiedImageError as error:
        raise ValueError("it does not begin as one does") from error
