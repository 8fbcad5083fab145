"""A blurred face is told by its skin, however it was saved; a sharp one is not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.ndimage import uniform_filter1d
from test_photo import clear

from talkcli.engine.capture.photo import check_in_sight, notes_on_picture
from talkcli.engine.capture.sight import eye_distances
from talkcli.engine.errors import BadInput

PEOPLE = ["kofi", "marta", "noor"]


def saved(picture: np.ndarray, quality: int) -> np.ndarray:
    """As JPEG gives it back."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def taken(name: str, blur: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Out of focus by so many distances of the eyes; points, and that distance in pixels."""
    picture, points = clear(name)
    pixels = float(eye_distances(points[None])[0])
    soft = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(blur * pixels))
    return saved(np.asarray(soft), 75), points, pixels


@pytest.mark.parametrize("name", PEOPLE)
def test_a_face_of_which_no_skin_is_left_is_refused_and_one_out_of_focus_is_warned_of(name):
    smeared, points, pixels = taken(name, 0.08)
    with pytest.raises(BadInput, match=r"me\.jpg is too blurred"):
        check_in_sight(Path("me.jpg"), smeared, points, pixels)
    soft = taken(name, 0.04)
    check_in_sight(Path("me.jpg"), *soft)
    [note] = notes_on_picture(soft[0], points, 80.0)
    assert "is blurred" in note
    sharp = taken(name, 0.0)
    check_in_sight(Path("me.jpg"), *sharp)
    assert notes_on_picture(sharp[0], points, 80.0) == ()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_face_that_moved_is_blurred_though_it_is_sharp_across_its_way(axis):
    picture, points = clear("marta")
    moved = uniform_filter1d(picture, 14, axis=axis)
    [note] = notes_on_picture(saved(moved, 75), points, 80.0)
    assert "is blurred" in note
