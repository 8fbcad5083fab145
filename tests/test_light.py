"""The light that a look asks for; it stands still while the camera walks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from procedural_head import painted_ball
from scipy.ndimage import label

from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.rendering.camera import look_at
from talkcli.engine.rendering.lights import light_rig
from talkcli.engine.rendering.picture import Painter, PosedMoment
from talkcli.engine.rendering.surface import surface_of
from talkcli.engine.studio.scanned.looks import EXPOSURES, exposure_of


def drawn(avatar: Avatar, topology, yaw: float = 0.0) -> np.ndarray:
    """A picture from so many degrees to the left of the front."""
    assert avatar.look is not None
    painter = Painter(surface_of(avatar, topology), 96, 96, "black", light=light_rig(avatar.look))
    eye = torch.tensor([np.sin(np.deg2rad(yaw)), 0.0, np.cos(np.deg2rad(yaw))]).float()
    view = look_at(eye, torch.zeros(3)).double().numpy()
    return painter.draw(PosedMoment(avatar.neutral.numpy(), view, 420.0)).astype(float)


def lit(material: str = "skin", albedo=(200, 160, 140), **look) -> tuple[Avatar, object]:
    ball, topology, _ = painted_ball(material, albedo=albedo)
    assert ball.look is not None
    return replace(ball, look=replace(ball.look, **look)), topology


def brightest(picture: np.ndarray) -> float:
    """Where the middle of what is bright lies, -1 left .. 1 right."""
    light = picture.sum(-1)
    column = np.arange(light.shape[1])
    weight = np.where(light > 0.9 * light.max(), light, 0).sum(0)
    return float((column @ weight) / weight.sum() / light.shape[1] * 2 - 1)


def test_lights_stay_where_they_are_when_the_camera_walks_round():
    ball, topology = lit()
    left, front, right = (brightest(drawn(ball, topology, yaw)) for yaw in (-50, 0, 50))
    assert right < front < left
    rigs = [light_rig(ball.look) for _ in range(2)]  # type: ignore[arg-type]
    assert np.array_equal(rigs[0].directions, rigs[1].directions)


def test_an_even_room_shows_the_picture_that_the_skin_holds():
    ball, topology = lit(light="even", albedo=(180, 140, 120))
    flat = drawn(ball, topology)[36:60, 36:60]
    assert np.ptp(flat.reshape(-1, 3), axis=0).max() < 10
    assert np.abs(drawn(ball, topology, 40)[36:60, 36:60] - flat).max() < 6


def test_a_portraits_lamps_show_more_form_than_the_studios():
    """One side of a ball is darker beside the other."""

    def sides(light: str) -> float:
        across = drawn(*lit(light=light, albedo=(120, 90, 75)))[48, 8:88].sum(-1)
        across = across[across > 0]
        quarter = len(across) // 4
        return float(across[:quarter].mean() / across[-quarter:].mean())

    assert sides("portrait") > 1.2 * sides("studio") > 1.2


def test_nine_coefficients_light_by_their_harmonics():
    dark = torch.zeros(9, 3)
    dark[0] = 0.5
    aside = dark.clone()
    aside[1] = 0.4
    even, _ = drawn(*lit(light=dark)), None
    leaning = drawn(*lit(light=aside)) - even
    assert leaning[48, 70].min() > 15 > -15 > leaning[48, 26].max()
    assert np.abs(leaning[48, 48]).max() < 6


def test_a_room_without_lamps_leaves_no_glint_in_an_eye():
    shine = drawn(*lit("eye", albedo=(40, 30, 25)))
    plain = drawn(*lit("eye", albedo=(40, 30, 25), light="even"))
    assert shine.max() > 200 > 120 > plain.max()


def test_an_eye_has_one_glint():
    picture = drawn(*lit("eye", albedo=(40, 30, 25))).min(-1)
    spots = np.asarray(label(picture > 180)[0])  # type: ignore[index]
    assert (np.bincount(spots.ravel())[1:] > 4).sum() == 1


@pytest.mark.parametrize("melanin", [amount for amount, _ in EXPOSURES])
def test_a_photographer_gives_dark_skin_more_light(melanin: float):
    ball, topology = lit()
    plain = drawn(ball, topology)
    assert ball.look is not None
    told = drawn(replace(ball, look=replace(ball.look, exposure=exposure_of(melanin))), topology)
    brighter = np.median(told[plain > 30]) > np.median(plain[plain > 30])
    assert brighter == (exposure_of(melanin) > 1)
    assert exposure_of(melanin) <= exposure_of(2 * melanin)


@pytest.mark.parametrize("fault", [{"light": "noon"}, {"exposure": 0.0}, {"exposure": float("nan")}])
def test_a_light_that_is_none_is_refused(fault: dict):
    with pytest.raises(ValueError):
        lit(**fault)


def test_an_avatar_keeps_its_light(tmp_path):
    ball, _ = lit(light=torch.rand(9, 3), exposure=1.3)
    save_avatar(ball, tmp_path / "ball.avatar")
    look = load_avatar(tmp_path / "ball.avatar").look
    assert look is not None and ball.look is not None and look.exposure == 1.3
    assert isinstance(look.light, torch.Tensor) and torch.equal(look.light, ball.look.light)  # type: ignore[arg-type]
