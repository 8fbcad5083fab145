"""Whole people of the scanned head, from head to shoulders."""

from __future__ import annotations

import functools
from fractions import Fraction

import numpy as np
import torch

from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.render import frames
from talkcli.engine.studio.scanned.avatars import Outfit, make_avatar, sample_outfit
from talkcli.engine.studio.scanned.cloth import Dress
from talkcli.engine.studio.scanned.garments import wardrobe
from talkcli.engine.studio.scanned.hair.beards import BEARD_STYLES
from talkcli.engine.studio.scanned.hair.glasses import GLASSES_STYLES
from talkcli.engine.studio.scanned.hair.styles import HAIR_STYLES
from talkcli.engine.studio.scanned.people import sample_person

SIZE = 256
GREY = (0.2, 0.2, 0.2)


@functools.cache
def somebody() -> Avatar:
    outfit = Outfit("short", Dress("shirt", (GREY, GREY, GREY)), "goatee", "wire")
    return make_avatar("somebody", sample_person(8, 1.0, 40.0), outfit, SIZE)


def picture(avatar: Avatar, preset: str = "front") -> np.ndarray:
    still = Coefficients(torch.zeros(1, 1), torch.zeros(1, 3), "facekit")
    camera = portrait(avatar, preset, (128, 128))
    return next(frames(Motion(Fraction(25), still), avatar, camera, background="transparent", workers=1))


def test_people_wear_cloth_hair_beard_and_glasses():
    assert [worn.kind for worn in somebody().worn] == ["cloth", "strands", "strands", "hard"]
    assert somebody().worn[0].name == "shirt"


def test_shoulders_leave_a_portrait_at_its_corners_and_hair_has_air():
    for preset in ("front", "three-quarter"):
        covered = picture(somebody(), preset)[..., 3] > 128
        assert covered[-1, 12:-12].all()
        assert not covered[:3].any() and not covered[:64, :8].any() and not covered[:64, -8:].any()


def test_outfits_are_drawn_from_what_there_is_and_by_their_seed():
    skins = [sample_person(seed).skin for seed in range(5)]
    for seed in range(60):
        skin = skins[seed % 5]
        first, second = (sample_outfit(np.random.default_rng([seed, 7]), skin) for _ in range(2))
        assert first == second
        assert first.hair in HAIR_STYLES and first.dress.name in wardrobe()
        assert first.beard is None or (first.beard in BEARD_STYLES and skin.male > 0.5)
        assert first.glasses is None or first.glasses in GLASSES_STYLES


def test_a_person_survives_its_file_with_a_skin_that_lost_little(tmp_path):
    save_avatar(somebody(), tmp_path / "a.avatar", 95)
    again = load_avatar(tmp_path / "a.avatar")
    before, after = picture(somebody()).astype(float), picture(again).astype(float)
    assert np.abs(before - after).mean() < 1.5
    assert [worn.name for worn in again.worn] == [worn.name for worn in somebody().worn]
