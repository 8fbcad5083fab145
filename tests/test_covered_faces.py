"""What covers a mouth is told though it has folds, and what covers nothing is not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from test_photo import clear

from talkcli.engine.capture.covered_parts import covered_parts


@pytest.mark.parametrize("name", ["kofi", "marta", "otto"])
@pytest.mark.parametrize("cloth", [(90, 150, 200), (60, 150, 110)], ids=["blue", "green"])
def test_a_mask_with_folds_covers_a_mouth(name, cloth):
    """From below the nose to the chin, in rows of cloth and of its shade by turns."""
    picture, points = clear(name)
    image = Image.fromarray(picture)
    pencil, wide = ImageDraw.Draw(image), np.ptp(points[:, 0])
    left, top = points[13] - wide * np.array([0.5, 0.25])
    for number, row in enumerate(np.arange(top, top + 0.5 * wide, 6)):
        shade = 0.6 if number % 2 else 1.1
        pencil.rectangle([left, row, left + wide, row + 6], tuple(int(shade * value) for value in cloth))
    assert covered_parts(np.asarray(image), points) == ("mouth",)


@pytest.mark.parametrize("name", ["kofi", "marta", "otto", "noor", "ada", "emil"])
@pytest.mark.parametrize("tint", [(1, 1, 1), (1, 0.75, 0.5), (0.6, 0.8, 1)], ids=["white", "lamp", "sky"])
def test_a_bare_mouth_is_none_in_light_of_any_colour(name, tint):
    picture, points = clear(name)
    assert covered_parts((picture * tint).astype(np.uint8), points) == ()
