"""Fine pictures of what is worn: single hairs outside the rest, light among hair, folds, glass in glasses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

from talkcli.engine.assets import asset
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.worn import Worn
from talkcli.engine.rendering.camera import look_at
from talkcli.engine.rendering.folds import CLOTH_SHADES, FOLD_DEEP, LIFTED, beside_cloth, folded
from talkcli.engine.rendering.lights import light_rig
from talkcli.engine.rendering.soft_light import LIT_ALIKE, ClothLight, among_hair
from talkcli.engine.rendering.spectacles import glazed, rims_of
from talkcli.engine.rendering.surface import surface_of
from talkcli.engine.rendering.wisps import ASTRAY_LONG, SHORN, unrested, wisps_of


@pytest.fixture(scope="module", params=["ada", "kofi", "marta"])
def person(request) -> Avatar:
    return load_avatar(asset(f"{request.param}.avatar"))


def worn_of(avatar: Avatar, kind: str) -> Worn:
    return next(item for item in avatar.worn if item.kind == kind)


def lines(hair: Worn) -> np.ndarray:
    return hair.points.double().numpy().reshape(-1, hair.nodes, 3)


def test_an_outline_of_hair_is_uneven_while_its_roots_stay_where_they_are(person):
    hair, neutral = worn_of(person, "strands"), person.neutral.numpy()
    pushed = np.linalg.norm(lines(unrested(hair, neutral)) - lines(hair), axis=2)
    length = np.linalg.norm(np.diff(lines(hair), axis=1), axis=2).sum(1)
    assert pushed[:, 0].max() == pytest.approx(0, abs=1e-6)
    assert pushed.max() < 0.015 and np.median(pushed[:, -1][length > 0.1 * length.max()]) > 2e-4
    assert (pushed.max(1) < 0.4 * length + 1e-6).all(), "short hair does little"
    outside = lines(unrested(hair, neutral))[:, -1]
    near = np.asarray(KDTree(lines(hair)[:, -1]).query(lines(hair)[:, -1], 2)[1])[:, 1]
    apart = (outside - lines(hair)[:, -1])[near] - (outside - lines(hair)[:, -1])
    assert np.median(np.linalg.norm(apart, axis=1)) < 0.5 * np.median(pushed[:, -1]) + 5e-5, (
        "locks go together"
    )


def test_single_hairs_stand_outside_the_rest_and_each_begins_in_it(person):
    hair, neutral = worn_of(person, "strands"), person.neutral.numpy()
    wisps = wisps_of(hair, neutral)
    assert wisps.widths is not None and hair.widths is not None
    assert len(wisps.widths) > 0.1 * len(hair.widths) and wisps.widths.max() < 0.5 * hair.widths.median()
    tree = KDTree(lines(hair).reshape(-1, 3))
    assert np.quantile(tree.query(lines(wisps)[:, 0])[0], 0.99) < 0.01
    tips = tree.query(lines(wisps)[:, -1])[0]
    assert (tips > 0.003).mean() > 0.03, "they leave it"
    run = np.linalg.norm(np.diff(lines(wisps), axis=1), axis=2).sum(1)
    cropped = np.median(np.linalg.norm(np.diff(lines(hair), axis=1), axis=2).sum(1)) <= SHORN
    assert run.max() < (0.05 if cropped else ASTRAY_LONG[1] + 1e-6)
    again = wisps_of(hair, neutral)
    assert torch.equal(again.points, wisps.points) and torch.equal(again.carriers, wisps.carriers)


def test_light_among_hair_is_what_those_around_see_on_average():
    chance = np.random.default_rng(0)
    points = chance.uniform(0, 0.03, (4000, 3)).astype(np.float32)
    seen = (chance.random(4000) < 0.3).astype(np.float32)
    soft = among_hair(points, seen)
    assert soft.mean() == pytest.approx(seen.mean(), abs=1e-5) and soft.std() < 0.6 * seen.std()
    assert np.allclose(among_hair(points, np.full(4000, 0.4, np.float32)), 0.4)
    side = points[:, 0] > 0.015
    halves = among_hair(points, side.astype(np.float32))
    far = np.abs(points[:, 0] - 0.015) > sum(LIT_ALIKE)
    assert np.array_equal(halves[far], side[far].astype(np.float32)), "it goes no further"
    assert among_hair(points[:0], seen[:0]).shape == (0,)


def test_a_shadow_on_cloth_has_soft_steps_and_no_specks():
    side = 12
    number = np.arange(side * side).reshape(side, side)
    a, b, c, d = (
        number[i : side - 1 + i, j : side - 1 + j].ravel() for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))
    )
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]) + 7
    light = ClothLight(faces, 7, side * side)
    speck = np.ones((side, side), np.float32)
    speck[5, 5] = 0
    assert light.softened(speck.ravel()).min() > 0.6
    shade = np.ones((side, side), np.float32)
    shade[:, :6] = 0
    soft = light.softened(shade.ravel()).reshape(side, side)
    assert np.array_equal(soft[:, :2], shade[:, :2]) and np.array_equal(soft[:, -2:], shade[:, -2:])
    assert (np.diff(soft[6]) >= 0).all() and np.diff(soft[6]).max() < 0.5
    assert np.allclose(light.softened(np.full(side * side, 0.3, np.float32)), 0.3)


def test_cloth_hangs_in_folds_but_for_its_hems_which_stand_off_the_neck(person):
    cloth, neutral = worn_of(person, "cloth"), person.neutral.numpy()
    fine = folded(cloth, neutral)
    assert len(fine.faces) == 4 * len(cloth.faces) and len(fine.carriers) == len(fine.points)
    moved = np.linalg.norm((fine.points[: len(cloth.points)] - cloth.points).numpy(), axis=1)
    assert moved.max() < 2.5 * FOLD_DEEP and np.quantile(moved, 0.9) > 0.15 * FOLD_DEEP
    assert fine.uv is not None and cloth.uv is not None
    assert fine.uv.reshape(len(cloth.faces), -1, 2).mean(1).allclose(cloth.uv.mean(1), atol=1e-6)
    faces = cloth.faces.numpy()
    edges = np.sort(np.stack([faces, np.roll(faces, -1, 1)], -1), 2).reshape(-1, 2)
    pairs, times = np.unique(edges, axis=0, return_counts=True)
    assert moved[np.unique(pairs[times == 1])].max() <= LIFTED + 1e-6
    assert torch.equal(folded(cloth, neutral).points, fine.points)


def test_skin_is_shaded_by_cloth_that_lies_on_it_and_nowhere_else(person):
    left = beside_cloth(person)
    points = worn_of(person, "cloth").points.numpy()
    away = KDTree(points).query(person.neutral.numpy())[0]
    assert (left[away > 0.03] > 0.999).all() and left[away < 0.002].max() < 1 - 0.9 * CLOTH_SHADES


def test_glasses_have_glass_that_mirrors_a_lamp_and_leaves_the_rest_of_the_picture(person):
    surface = surface_of(person, None)
    rims = rims_of(surface)
    assert len(rims) == (2 if any(item.kind == "hard" for item in person.worn) else 0)
    view = look_at(torch.tensor([0.0, 0.0, 1.4]), torch.zeros(3)).double().numpy()
    dark = np.zeros((200, 200, 3), np.float32)
    assert person.look is not None
    rig = light_rig(person.look)
    seen = glazed(dark, surface.neutral, rims, rig, view, 900.0)
    if not rims:
        assert np.array_equal(seen, dark)
        return
    for rim in rims:
        place = 900.0 * surface.neutral[rim, :2] / (1.4 - surface.neutral[rim, 2:]) * [1, -1] + 100
        low, high = place.min(0), place.max(0)
        middle = np.rint((low + high) / 2).astype(int)
        assert 0 < seen[middle[1], middle[0]].min() < 0.5
        rows, columns = slice(int(low[1]) - 1, int(high[1]) + 2), slice(int(low[0]) - 1, int(high[0]) + 2)
        assert seen[rows, columns].max() > 2 * seen[middle[1], middle[0]].min()
        seen[rows, columns] = 0
    assert not seen.any()
    aside = look_at(torch.tensor([1.4, 0.0, 0.05]), torch.zeros(3)).double().numpy()
    assert np.array_equal(glazed(dark, surface.neutral, rims, rig, aside, 900.0), dark)
