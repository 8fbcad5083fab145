"""Looks of the scanned head: five families of skin, whites that stay white, brows that are hairs, cloth."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import torch

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.look import Look
from talkcli.engine.rendering.camera import look_at
from talkcli.engine.rendering.lashes import BLADE, lash_colours
from talkcli.engine.rendering.lights import light_rig
from talkcli.engine.rendering.picture import Painter, PosedMoment
from talkcli.engine.rendering.surface import surface_of
from talkcli.engine.rendering.textures import linear
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.scanned.cloth import Dress
from talkcli.engine.studio.scanned.looks import bake_look, head_canvas
from talkcli.engine.studio.scanned.mesh import BOXES

SIZE, SMALL = 512, 256
"""Texels of a side: to look at hairs and threads, and at whole cheeks."""
FAMILIES = (0.2, 0.4, 0.75, 1.3, 2.2)
WINE = (0.12, 0.03, 0.04)


@functools.cache
def look(melanin: float, size: int = SIZE, **other: float) -> Look:
    person = SkinParameters(melanin=melanin, seed=5, **other)  # type: ignore[arg-type]
    return bake_look(person, 0.9, size, Dress("t-shirt", (WINE, WINE, WINE)))


@functools.cache
def picture(melanin: float) -> np.ndarray:
    """Linear light of the face from the front."""
    model = load_face_model()
    lips = model.topology.regions["lips"]
    shown = look(melanin, SMALL)
    avatar = Avatar("x", model.template, model.topology.faces, lips, "facekit", look=shown)
    painter = Painter(surface_of(avatar, model.topology), 160, 160, light=light_rig(shown))
    view = look_at(torch.tensor([0.0, 0.0, 1.2]), torch.zeros(3)).double().numpy()
    return linear(painter.draw(PosedMoment(avatar.neutral.numpy(), view, 160 * 1.2 / 0.24)))


def cheek(melanin: float) -> np.ndarray:
    """The light of both cheeks and the bridge of the nose, [3]."""
    return np.median(picture(melanin)[78:96, 56:104].reshape(-1, 3), axis=0)


def test_five_families_are_told_apart_and_none_bleaches_or_sinks():
    bright = [float(cheek(melanin) @ [0.2126, 0.7152, 0.0722]) for melanin in FAMILIES]
    assert all(light > 1.08 * dark for light, dark in itertools.pairwise(bright)), bright
    assert bright[0] < 0.62 and bright[-1] > 0.025
    assert (picture(FAMILIES[0])[60:120, 50:110] > 0.98).mean() < 0.01


def test_no_skin_is_red():
    for melanin in FAMILIES:
        red, green, blue = cheek(melanin)
        assert 1.1 < red / green < 2.6 and 1.05 < green / blue < 2.3, melanin


def median(part: str, shown: Look) -> np.ndarray:
    canvas = head_canvas(len(shown.albedo))
    own = canvas.texels[canvas.within(part)]
    return np.median(linear(shown.albedo.numpy()).reshape(-1, 3)[own], axis=0)


def test_whites_keep_their_place_where_lights_stand_brighter():
    families = [look(melanin, SMALL) for melanin in FAMILIES]
    seen = [median("upper_teeth", family) * family.exposure for family in families]
    assert np.ptp([colour.mean() for colour in seen]) < 0.25 * np.mean(seen)
    for family in families:
        white = np.percentile(linear(family.albedo.numpy()).reshape(-1, 3)[eyes()], 90, axis=0)
        assert white.max() < 0.62 and white[0] > white[2]


def eyes() -> np.ndarray:
    canvas = head_canvas(SMALL)
    return canvas.texels[canvas.within("left_eye", "right_eye")]


def test_brows_differ_from_hair_to_hair():
    """Along a row of a brow, brightness goes up and down at the width of hairs."""
    canvas, thick = head_canvas(SIZE), look(0.3, brow_density=0.8)
    x, y = canvas.position[:, 0], canvas.position[:, 1]
    brow = canvas.within("skin") & (np.abs(x - 25) < 10) & (np.abs(y - 42) < 3) & (canvas.position[:, 2] > 30)
    fore = canvas.within("skin") & (np.abs(x - 25) < 10) & (np.abs(y - 60) < 3) & (canvas.position[:, 2] > 30)
    light = linear(thick.albedo.numpy()).mean(-1).ravel()
    here, bare = light[canvas.texels[brow]], light[canvas.texels[fore]]
    assert np.median(here) < 0.6 * np.median(bare)
    assert here.std() / here.mean() > 3 * bare.std() / bare.mean()


def test_cloth_has_its_dye_and_its_weave():
    left, bottom, right, top = (round(edge * SIZE) for edge in BOXES["cloth"])
    cloth = linear(look(0.2).albedo.numpy())[SIZE - top : SIZE - bottom, left:right].reshape(-1, 3)
    lit = np.median(cloth, axis=0) * look(0.2).exposure ** 0.75
    assert np.abs(lit - WINE).max() < 0.02
    assert cloth.std(0).min() > 0.0005


def test_lashes_are_dark_where_they_grow_and_fade_into_the_lids():
    model = load_face_model()
    for melanin in FAMILIES[:3:2]:
        lashes, colours = lash_colours(model.template.numpy(), model.topology, look(melanin, SMALL))
        assert set(lashes) == set(model.topology.regions["lashes"].tolist())
        root, _, middle, _, tip = colours.reshape(-1, BLADE, 3).mean(2).T
        assert (root < middle).all() and (middle < tip).all()
        assert np.ptp(tip) < 1e-6
