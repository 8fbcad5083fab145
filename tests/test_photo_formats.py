"""Photographs are read as phones write them: turned, HEIC, AVIF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from talkcli.engine import pictures
from talkcli.engine.capture.photo import read_photo
from talkcli.engine.errors import BadInput
from talkcli.engine.pictures import is_picture

TURNED = Image.Exif()
TURNED[0x0112] = 6

RED_ABOVE = np.full((64, 96, 3), (200, 30, 30), np.uint8)
RED_ABOVE[32:] = 30, 30, 200
"""Red above, blue below."""


def check_read(path: Path) -> None:
    assert is_picture(path)
    read = read_photo(path)
    assert read.shape == RED_ABOVE.shape
    for part in (slice(0, 28), slice(36, None)):
        np.testing.assert_allclose(read[part].astype(int), RED_ABOVE[part], atol=12)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif", ".heic"])
def test_a_turned_photograph_is_read_upright(tmp_path, suffix):
    if suffix == ".heic":
        pytest.importorskip("pillow_heif", reason="an extra").register_heif_opener()
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("Pillow was built without it")
    Image.fromarray(np.rot90(RED_ABOVE)).save(tmp_path / f"me{suffix}", quality=95, exif=TURNED.tobytes())
    check_read(tmp_path / f"me{suffix}")


@pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without it")
def test_an_avif_is_none_of_heic_whichever_of_its_brands_comes_first(tmp_path):
    Image.fromarray(RED_ABOVE).save(tmp_path / "me.avif", quality=95)
    written = (tmp_path / "me.avif").read_bytes()
    (tmp_path / "me.avif").write_bytes(written[:8] + b"mif1" + written[12:])
    check_read(tmp_path / "me.avif")


def test_a_grey_photograph_of_16_bits_is_read_as_bright_as_it_is(tmp_path):
    grey = RED_ABOVE[..., 0]
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "me.png")
    read = read_photo(tmp_path / "me.png")
    assert read.shape == RED_ABOVE.shape and (read == grey[..., None]).all()


def test_a_photograph_of_too_many_pixels_is_read_reduced_or_told_to_be_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "LARGEST_PICTURE", 64 * 48)
    for suffix in (".jpg", ".png"):
        Image.fromarray(RED_ABOVE).save(tmp_path / f"me{suffix}", quality=95)
    read = read_photo(tmp_path / "me.jpg")
    assert read.shape == (32, 48, 3)
    np.testing.assert_allclose(read[:14].astype(int), RED_ABOVE[:14, :48], atol=12)
    with pytest.raises(BadInput, match="more than 3,072 pixels") as refused:
        read_photo(tmp_path / "me.png")
    assert "Reduce" in refused.value.hint
