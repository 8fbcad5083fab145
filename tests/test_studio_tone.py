"""The studio look of a photograph has the tone of the person, not that of the light."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from talkcli.engine.assets import asset
from talkcli.engine.capture.atlas import skin_atlas
from talkcli.engine.capture.even_room import shown_by_even_room
from talkcli.engine.capture.photographed_skin import SeenSkin, own_skin
from talkcli.engine.capture.picture_light import light_on_eyes
from talkcli.engine.capture.studio_skin import studio_skin
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.look import Look
from talkcli.engine.rendering.textures import linear

HUE = np.exp([0.267, -0.031, -0.236])
WHITES = 0.322 * HUE / HUE.mean()
"""Of the eyes, linear, as pictures show those of studio people in the even room's light."""
COMMON = 0.81
"""Of the even room's, the light in which faces are photographed."""
SHELTER = np.full(len(skin_atlas().corners), 0.85, np.float32)


def seen_in(light: ArrayLike, skin: NDArray[np.floating]) -> SeenSkin:
    """Skin [n, 3] or [3], linear, and the whites of eyes as a picture in a light [3] shows them."""
    maps = skin_atlas()
    albedo = np.where(maps.eyes[:, None], WHITES, skin) * np.asarray(light)
    shown = shown_by_even_room(albedo.astype(np.float32), SHELTER)
    return SeenSkin(shown, (maps.face | maps.eyes).astype(np.float32))


def told_of(light: ArrayLike) -> NDArray[np.floating]:
    told = light_on_eyes(seen_in(light, np.full(3, 0.2)), SHELTER, skin_atlas())
    assert told is not None
    return told


def test_the_whites_of_eyes_say_how_bright_the_light_is():
    """What is far below the light of most photographs is believed, what is near or above by half: whites
    scatter, and those of real people are often brighter than light explains."""

    def believed(*levels: float) -> list[float]:
        return [
            float(np.log(told_of(np.full(3, COMMON * level)) / COMMON).mean() / np.log(level))
            for level in levels
        ]

    assert np.allclose(told_of(np.full(3, COMMON)), COMMON, rtol=0.01)
    assert np.allclose(believed(0.25, 0.5, 2), [0.96, 0.87, 0.5], atol=0.02)
    assert np.allclose(believed(0.9, 1.1), 0.52, atol=0.05)


def test_eyes_that_are_not_seen_say_nothing():
    seen = seen_in(np.ones(3), np.full(3, 0.2))
    assert light_on_eyes(seen._replace(trust=np.zeros_like(seen.trust)), SHELTER, skin_atlas()) is None


def test_the_whites_of_eyes_say_most_of_the_hue_of_the_light():
    warm, cool = (told_of(COMMON * np.array(hue)) for hue in ((1.1, 1, 0.85), (0.85, 1, 1.1)))
    assert np.log(warm[0] / warm[2]) == pytest.approx(0.6 * np.log(1.1 / 0.85), abs=0.02)
    assert np.log(cool[0] / cool[2]) == pytest.approx(-0.6 * np.log(1.1 / 0.85), abs=0.02)


def tone_of(look: Look) -> NDArray[np.floating]:
    """[3] of the face, linear, in the light that a photographer gives to such skin."""
    albedo = linear(look.albedo.numpy()).reshape(-1, 3)[skin_atlas().canvas.texels]
    return np.median(albedo[skin_atlas().face], 0) * look.exposure


@pytest.mark.parametrize("lighter", [0.75, 1.35])
@pytest.mark.parametrize("name", ["ada", "kofi"])
def test_pale_and_dark_skin_come_out_as_pale_and_as_dark_as_they_are(name, lighter):
    """Skin of one of ours, lighter or darker, in the light of most photographs, chosen from the left."""
    base, maps = load_avatar(asset(f"{name}.avatar")).look, skin_atlas()
    assert base is not None
    own, _ = own_skin(base, maps, bald=False)
    true = np.clip(own * base.exposure * lighter, 0, 0.95)
    aside = maps.places / np.linalg.norm(maps.places, axis=1, keepdims=True)
    light = COMMON * (1 + 0.25 * aside[:, :1])
    seen = seen_in(np.where(maps.eyes[:, None], COMMON, light), true)
    look = studio_skin(base, seen, SHELTER, aside, np.median(seen.light[maps.face], 0), maps, bald=False)
    assert np.allclose(np.log(tone_of(look)), np.log(np.median(true[maps.face], 0)), atol=0.05)
