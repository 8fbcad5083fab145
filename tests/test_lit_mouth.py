"""Teeth and tongue of an avatar made from a photograph are lit as the photograph is."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from numpy.typing import NDArray

from talkcli.engine.assets import asset
from talkcli.engine.capture.atlas import skin_atlas
from talkcli.engine.capture.even_room import shown_by_even_room
from talkcli.engine.capture.photographed_skin import SeenSkin, own_skin, painted_skin
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.look import Look
from talkcli.engine.rendering.textures import linear

SHELTER = np.full(len(skin_atlas().corners), 0.7, np.float32)
FRONT, DEEP = 0.7, 0.35
"""Shares of a room's light on teeth and on a tongue when a mouth is open."""


@functools.cache
def ada() -> Look:
    look = load_avatar(asset("ada.avatar")).look
    assert look is not None
    return look


def mouth_in(
    light: tuple[float, float, float], eyes: tuple[float, float, float] = (0, 0, 0)
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """[2, 3] teeth and tongue, linear, as a photograph of our own skin in a light becomes an avatar's; and as
    that light shows them. Of eyes that are so many logarithms brighter than there."""
    maps, lamp = skin_atlas(), np.asarray(light, np.float32)
    own, _ = own_skin(ada(), maps, bald=False)
    seen = shown_by_even_room(own, SHELTER, lamp)
    seen[maps.eyes] *= np.exp(np.asarray(eyes, np.float32))
    trust = (maps.face | maps.eyes).astype(np.float32)
    made = painted_skin(ada(), SeenSkin(seen, trust), SHELTER, maps, bald=False)
    texels = linear(made.albedo.numpy()).reshape(-1, 3)[maps.canvas.texels]
    out, true = [], []
    for parts, share in ((("upper_teeth", "lower_teeth"), FRONT), (("tongue",), DEEP)):
        there = maps.canvas.within(*parts) & (maps.places[:, 2] > maps.places[maps.mouth, 2].max() - 25)
        shelter = np.full(int(there.sum()), share, np.float32)
        out.append(shown_by_even_room(texels[there], shelter).mean(0))
        true.append(shown_by_even_room(own[there], shelter, lamp).mean(0))
    return np.array(out), np.array(true)


@pytest.mark.parametrize(
    "light", [(0.9, 0.9, 0.9), (0.25, 0.25, 0.25), (1.0, 0.75, 0.45), (0.6, 0.75, 0.95), (0.25, 0.19, 0.11)]
)
def test_teeth_and_tongue_are_as_bright_and_coloured_as_the_light_of_the_photograph_makes_them(light):
    made, true = mouth_in(light)
    teeth, tongue = np.abs(np.log(made / true)).max(1)
    assert teeth < 0.2 and tongue < 0.45, "whites are taken for wet, by 0.15 darker than here"


@pytest.mark.parametrize(
    ("eyes", "off"), [((-1.4, -1.4, -1.4), 0.2), ((-1.3, -0.5, 0.2), 0.3), ((-0.3, -0.9, -1.6), 0.35)]
)
def test_teeth_are_no_darker_than_skin_where_whites_are_in_the_shade_or_painted(eyes, off):
    """Beside what the light makes of them, of whites that are darker by 1.3 to 1.6."""
    made, true = mouth_in((0.9, 0.9, 0.9), eyes)
    assert np.abs(np.log(made / true))[0].max() < off
