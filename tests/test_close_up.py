"""Fine pictures: a lens that is focused on the eyes, hair in hairs, pores, brows and lashes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from talkcli.engine.assets import asset
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.known_rigs import load_rig
from talkcli.engine.face.topology import MATERIALS, Topology
from talkcli.engine.face.worn import Worn, worn_vertices
from talkcli.engine.motion import Coefficients, Motion, Vertices
from talkcli.engine.rendering.camera import look_at, portrait
from talkcli.engine.rendering.close_up import close_up
from talkcli.engine.rendering.film import COARSE_GRAIN, printed
from talkcli.engine.rendering.lens import LENS_SAMPLES, aperture_of, lens_views
from talkcli.engine.rendering.photographing import Photographer
from talkcli.engine.rendering.picture import Painter, PosedMoment
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.surface import surface_of


def cards(*depths: float) -> Avatar:
    """White squares of 0.1 m, one above another, so far behind the first."""
    square = torch.tensor([[-0.05, -0.05, 0.0], [0.05, -0.05, 0.0], [0.05, 0.05, 0.0], [-0.05, 0.05, 0.0]])
    points = [square + torch.tensor([0.0, -0.12 * k, -depth]) for k, depth in enumerate(depths)]
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    return Avatar(
        "cards", torch.cat(points), torch.cat([faces + 4 * k for k in range(len(depths))]), torch.tensor([0])
    )


def border(row: np.ndarray) -> float:
    """Pixels over which a row goes from a tenth of its light to nine tenths, at its left."""
    half = row[: len(row) // 2].astype(float)
    share = half / half.max()
    return float(np.argmax(share > 0.9) - np.argmax(share > 0.1))


def test_what_the_lens_is_focused_on_is_sharp_and_what_lies_behind_is_not():
    """By a thin lens: what lies d behind the focus f is spread over aperture * d / (f + d)."""
    avatar, size, focal = cards(0.0, 0.25), 200, 800.0
    view = look_at(torch.tensor([0.0, 0.0, 1.0]), torch.zeros(3)).double().numpy()
    painter = Painter(surface_of(avatar, None), size, size, "black")
    light = painter.light(PosedMoment(avatar.neutral.numpy(), view, focal))
    taken = Photographer(painter).draw(PosedMoment(avatar.neutral.numpy(), view, focal))
    rows = [int(size / 2 + focal * y / z) for y, z in ((0.0, 1.0), (0.12, 1.25))]
    near, far = (border(taken[row, :, 1]) for row in rows)
    assert border(light[rows[1], :, 1]) <= 1
    assert near <= 2
    assert far == pytest.approx(aperture_of(focal, size) * 0.25 / 1.25 * focal * 0.75, rel=0.4)


def test_seen_through_any_point_of_the_aperture_the_plane_of_focus_keeps_its_place_within_a_pixel():
    rng = np.random.default_rng(0)
    view = look_at(torch.tensor([0.3, 0.1, 1.4]), torch.zeros(3)).double().numpy()
    focal, distance, aperture = 2000.0, 1.3, 0.025
    plane = np.append(rng.uniform(-0.2, 0.2, (20, 2)), np.full((20, 1), -distance), 1)
    points = (plane - view[:3, 3]) @ view[:3, :3]
    views, seen = lens_views(view, focal, distance, aperture), []
    for through in views:
        place = points @ through[:3, :3].T + through[:3, 3]
        seen.append(focal * place[:, :2] / -place[:, 2:])
    stray = np.stack(seen) - focal * plane[None, :, :2] / distance
    assert len(seen) == LENS_SAMPLES and np.abs(stray).max() < 0.5
    assert np.ptp(stray, axis=1).max() < 1e-3, "a picture moves as a whole"
    middle = np.linalg.solve(view[:3, :3], -view[:3, 3])
    away = [np.linalg.norm(np.linalg.solve(v[:3, :3], -v[:3, 3]) - middle) for v in views]
    assert 0.4 * aperture < max(away) <= aperture / 2 + 1e-6


def test_the_same_fine_film_comes_of_any_number_of_workers_and_again():
    avatar = cards(0.0, 0.1)
    shifts = torch.linspace(0, 0.01, 5)[:, None, None].expand(5, 8, 3)
    motion = Motion(Fraction(5), Vertices(shifts.contiguous()))
    camera = portrait(avatar, "front", (48, 48))
    films = [list(frames(motion, avatar, camera, quality="fine", workers=count)) for count in (1, 1, 3)]
    assert all(np.array_equal(a, b) for film in films[1:] for a, b in zip(films[0], film, strict=True))
    clear = next(frames(motion, avatar, camera, background="transparent", quality="fine", workers=1))
    assert clear.shape == (48, 48, 4) and set(np.unique(clear[..., 3])) >= {0, 255}
    assert not clear[clear[..., 3] == 0].any()


def test_grain_is_drawn_from_its_seed_and_changes_no_light_on_average():
    grey = np.full((96, 96, 3), 0.214, np.float32)
    one, again, other = (printed(grey, seed).astype(float) for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert one.mean() == pytest.approx(127, abs=1)
    assert one.std() == pytest.approx(COARSE_GRAIN * np.hypot(0.8, 0.45), rel=0.15)


@pytest.fixture(scope="module")
def person() -> Avatar:
    return load_avatar(asset("emil.avatar"))


@pytest.fixture(scope="module")
def near(person) -> Avatar:
    return close_up(person, topology())


def topology() -> Topology:
    return load_rig("facekit").topology


def item(avatar: Avatar, name: str) -> Worn:
    return next(worn for worn in avatar.worn if worn.name == name)


def test_hair_is_more_and_thinner_hairs_that_stay_beside_their_ribbons(person, near):
    before = next(worn for worn in person.worn if worn.kind == "strands")
    after = item(near, before.name)
    assert before.widths is not None and after.widths is not None
    assert len(after.widths) > 2 * len(before.widths)
    assert after.widths.median() < before.widths.median() / 2
    roots = after.points.view(-1, after.nodes, 3)[:, 0]
    parents = before.points.view(-1, before.nodes, 3)
    assert torch.cdist(roots[::50], parents.flatten(0, 1)).amin(1).max() < 0.006
    tips = after.points.view(-1, after.nodes, 3)[:, -1]
    astray = torch.cdist(tips[::50], parents.flatten(0, 1)).amin(1)
    assert astray.median() < 0.003 and astray.max() < 0.02, "some fly away"


def test_it_is_the_same_each_time_and_goes_where_the_head_goes(person, near):
    again = close_up(person, topology())
    for one, other in zip(near.worn, again.worn, strict=True):
        assert torch.equal(one.points, other.points) and torch.equal(one.colour, other.colour)
    assert near.look is not None and again.look is not None
    assert torch.equal(near.look.relief, again.look.relief)
    shift = torch.tensor([0.1, -0.2, 0.3])
    for worn in (worn for worn in near.worn if worn.kind == "strands"):
        moved = worn_vertices(worn, near.neutral, (near.neutral + shift)[None])[0]
        assert torch.allclose(moved, worn.points + shift, atol=1e-5)


def test_upper_lashes_curl_up_and_shut_with_the_lid(near):
    lashes = item(near, "lashes")
    lines = lashes.points.view(-1, lashes.nodes, 3)
    assert lashes.widths is not None
    upper = lashes.widths > 0.000158
    rise = lines[:, -1, 1] - lines[:, 0, 1]
    assert 300 < int(upper.sum()) < 800
    assert float((rise[upper] > 0).float().mean()) > 0.9 and float((rise[~upper] < 0).float().mean()) > 0.95
    assert (lines[upper, -1, 2] > lines[upper, 0, 2]).all(), "away from the eye"
    model = load_rig("facekit")
    weights = model.weight_vector(eyeBlink=1.0)[None]
    blink = posed_head(near, weights)[0]
    shut = worn_vertices(lashes, near.neutral, blink[None])[0].view(lines.shape)
    sinks = (shut - lines)[upper, :, 1]
    assert float(sinks[:, 0].median()) < -0.004, "roots sink with the lid"
    assert float((shut[upper, -1, 1] - shut[upper, 0, 1]).median()) < float(rise[upper].median()), "and turn"


def posed_head(avatar: Avatar, weights: torch.Tensor) -> torch.Tensor:
    return vertices(Motion(Fraction(25), Coefficients(weights, torch.zeros(1, 3))), avatar)


def test_brows_grow_where_they_are_painted_and_on_no_bare_skin(person, near):
    brows = item(near, "brows")
    assert 300 < len(brows.points) // brows.nodes < 1500
    roots = brows.points.view(-1, brows.nodes, 3)[:, 0]
    assert (roots[:, 0].abs() > 0.004).all() and (roots[:, 0] > 0).any() and (roots[:, 0] < 0).any()
    assert person.look is not None
    plain = torch.full_like(person.look.albedo, 180)
    bare = close_up(replace(person, look=replace(person.look, albedo=plain)), topology())
    assert "brows" not in [worn.name for worn in bare.worn]


def test_skin_has_pores_and_nothing_else_has(person, near):
    assert person.look is not None and near.look is not None
    assert torch.equal(near.look.albedo, person.look.albedo)
    before, after = (look.relief.float() for look in (person.look, near.look))
    cell = after.shape[0] // before.shape[0]
    change = after - before.repeat_interleave(cell, 0).repeat_interleave(cell, 1)
    uv = topology().uv[topology().uv_faces].mean(1)
    row = ((1 - uv[:, 1]) * after.shape[0]).long().clamp(0, after.shape[0] - 1)
    there = change[row, (uv[:, 0] * after.shape[1]).long().clamp(0, after.shape[1] - 1)]
    eyes = topology().materials == MATERIALS.index("eye")
    cheeks = torch.isin(topology().faces, topology().regions["nose"]).all(1)
    assert there[eyes].abs().max() <= 1
    assert there[cheeks].std() > 2


def test_a_look_that_shows_its_own_light_stays_as_it_is(person):
    assert person.look is not None
    lit = replace(person, look=replace(person.look, light="even"))
    seen = close_up(lit, topology())
    grown = {f"{w.name} wisps" for w in lit.worn if w.kind == "strands"}
    assert seen.look is lit.look and {w.name for w in seen.worn} == grown | {w.name for w in lit.worn}


@pytest.mark.slow
def test_what_fine_pictures_alone_are_painted_by_is_compiled_before_the_first_and_for_nobody_else(tmp_path):
    told = "from talkcli.engine.rendering.compiling import *\nfor quality in ('standard', 'fine'):\n"
    told += "    compile_renderer(quality)\n    print(is_compiled(), is_compiled('fine'))\n"
    told += "print(cores() == 1 or sum(paint.stats.cache_hits.values()) == 1)"  # another process compiled it
    own = {**os.environ, "TALK_CACHE": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path)}
    answer = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, env=own, check=True)
    assert answer.stdout.split() == ["True", "False", "True", "True", "True"]
