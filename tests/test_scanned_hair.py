"""Hair, beards and glasses of the scanned head: they grow where they should and lie on every head."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.worn import Worn, worn_vertices
from talkcli.engine.studio.paint.pigment import hair_colour
from talkcli.engine.studio.scalp import directions, inside
from talkcli.engine.studio.scanned.hair.beards import BEARD_STYLES, beard_of
from talkcli.engine.studio.scanned.hair.glasses import GLASSES_STYLES, glasses_of
from talkcli.engine.studio.scanned.hair.hair import DOWN, hair_of
from talkcli.engine.studio.scanned.hair.roots import LEAF
from talkcli.engine.studio.scanned.hair.styles import HAIR_STYLES
from talkcli.engine.studio.scanned.hair.tails import STRANDS
from talkcli.engine.studio.scanned.looks import read_fields
from talkcli.engine.studio.scanned.people import sample_identity
from talkcli.engine.studio.scanned.source import SKIN_VERTS

PEOPLE = 20
BESIDE, REACH = 15.0, 60.0
"""mm from the skin within which a point can lie under it, and within which skin is looked for."""
BROWN = torch.from_numpy(hair_colour(0.7, 0.15, 0.0))
GROWN = [name for name in HAIR_STYLES if name != "bald"]


@functools.cache
def neutrals() -> list[torch.Tensor]:
    """Faces of many shapes; what touches what is of no importance to hair."""
    chance = np.random.default_rng(5)
    model = load_face_model()
    return [model.neutral(sample_identity(chance, k % 2)) for k in range(PEOPLE)]


@functools.cache
def hair(style: str) -> Worn:
    return hair_of(style, BROWN, neutrals()[0], 0)


def lines(worn: Worn) -> np.ndarray:
    """[strands, nodes, 3] mm"""
    return worn.points.double().numpy().reshape(len(worn.points) // worn.nodes, worn.nodes, 3) * 1000


@functools.cache
def skin(number: int) -> tuple[KDTree, np.ndarray, np.ndarray]:
    model, points = load_face_model(), neutrals()[number][:SKIN_VERTS].double().numpy() * 1000
    faces = model.topology.faces.long().numpy()
    faces = faces[(faces < SKIN_VERTS).all(1)]
    a, b, c = (points[faces[:, k]] for k in range(3))
    normals = np.zeros_like(points)
    for k in range(3):
        np.add.at(normals, faces[:, k], np.cross(b - a, c - a))
    ears = model.topology.regions["ears"].long().numpy()
    solid = np.setdiff1d(np.arange(SKIN_VERTS), ears)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return KDTree(points[solid], leafsize=LEAF), points[solid], normals[solid]


def depth(points: np.ndarray, number: int) -> np.ndarray:
    """[n] mm under the skin above 0; hair over an ear lies far from skin, whose ears are left out."""
    tree, places, normals = skin(number)
    far, near = (np.asarray(values) for values in tree.query(points, k=3, distance_upper_bound=REACH))
    near = np.minimum(near, len(places) - 1)
    assert np.linalg.norm(points - [0, 40, -10], axis=1).min() > 50
    under = -((points[:, None] - places[near]) * normals[near]).sum(2).mean(1)
    return np.where(far[:, 0] < BESIDE, under, -far[:, 0])


@pytest.mark.parametrize(
    ("style", "number"),
    [
        pytest.param(style, number, marks=() if (number - k) % 10 == 0 else pytest.mark.slow)
        for k, style in enumerate(GROWN)
        for number in range(PEOPLE)
        if (number - k) % 5 == 0
    ],
)
def test_no_hair_lies_in_a_skull_or_hides_an_eye(style: str, number: int):
    """Seen from the front: none before the opening between the lids, with half a finger's width around it.

    Two of the people for each style, and everybody in some; another two are slow.
    """
    strands = lines(hair_of(style, BROWN, neutrals()[number]))
    middles = (strands[:, 1:] + strands[:, :-1]) / 2
    flat = np.concatenate([strands[:, 1:].reshape(-1, 3), middles[:, 1:].reshape(-1, 3)])
    assert depth(flat, number).max() < 1.0
    marks = load_face_model().landmarks(neutrals()[number]).double().numpy() * 1000
    for corner in (slice(36, 42), slice(42, 48)):
        low, high = marks[corner].min(0) - 4, marks[corner].max(0) + 4
        within = ((flat[:, :2] > low[:2]) & (flat[:, :2] < high[:2])).all(1) & (flat[:, 2] > low[2])
        assert not within.any()


@pytest.mark.parametrize("style", GROWN)
def test_hair_grows_inside_the_hairline_and_thins_towards_it(style: str):
    worn = hair(style)
    own = len(worn.points) // worn.nodes
    inward = inside(directions(read_fields().places[:SKIN_VERTS].double().numpy() * 1000))
    roots = inward[worn.carriers[:own, 0].long().numpy()]
    assert worn.widths is not None
    widths = worn.widths.numpy()
    assert np.percentile(roots, 0.5) > -6.0
    assert widths[roots < 3].mean() < 0.75 * widths[(roots > 15) & (roots < 60)].mean()
    starts = lines(worn)[:, 0]
    carriers = neutrals()[0][worn.carriers[:, 0].long()].double().numpy() * 1000
    rooted = np.linalg.norm(starts - carriers, axis=1)
    tied = HAIR_STYLES[style].tail != ""
    assert np.percentile(rooted, 75 if tied else 100) < 12.0


@pytest.mark.parametrize("style", ["bun", "wavy", "side-part"])
def test_short_fine_hairs_stand_before_the_hairline_of_the_face(style: str):
    worn, bare = hair(style), HAIR_STYLES[style].count
    assert worn.widths is not None
    down = np.flatnonzero(np.isclose(worn.widths.numpy() * 1000, DOWN))
    assert len(down) == HAIR_STYLES[style].down < bare / 5
    strands = lines(worn)[down]
    run = np.linalg.norm(np.diff(strands, axis=1), axis=2).sum(1)
    assert np.percentile(run, 95) < 25.0
    assert (strands[:, 0, 2] > -25).all()


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("style", [name for name, style in HAIR_STYLES.items() if style.tail])
def test_what_is_tied_begins_among_the_hair_that_is_gathered(style: str, number: int):
    """No gap is seen between them: the lowest of a knot or a tail lies as high over the scalp as hair."""
    strands = lines(hair_of(style, BROWN, neutrals()[number]))
    gathered, tied = strands[:-STRANDS].reshape(-1, 3), strands[-STRANDS:].reshape(-1, 3)
    lowest = tied[np.argsort(-depth(tied, number))[:100]]
    assert -depth(lowest, number).max() < 6.0
    assert np.median(KDTree(gathered).query(lowest)[0]) < 5.0


@pytest.mark.parametrize("style", ["short", "long", "curly", "bun"])
def test_the_same_seed_grows_the_same_hair_and_another_does_not(style: str):
    again = hair_of(style, BROWN, neutrals()[0], 0)
    assert torch.equal(again.points, hair(style).points) and torch.equal(again.colour, hair(style).colour)
    assert not torch.equal(hair_of(style, BROWN, neutrals()[0], 1).points, again.points)


@pytest.mark.parametrize("style", GROWN)
def test_hair_turns_with_the_head(style: str):
    """As a whole but for the nape, whose skin the neck holds back; no strand is longer than before."""
    model, neutral, worn = load_face_model(), neutrals()[0], hair(style)
    turn = torch.tensor([[0.1, 0.35, -0.05]])
    joints = model.joints_of(neutral)
    moved = worn_vertices(worn, neutral, model.turned(neutral[None], "neck", joints, turn))[0]
    pivot = joints[1]
    rigid = (worn.points - pivot) @ matrix(turn)[0].T + pivot
    off = (moved - rigid).norm(dim=1).view(-1, worn.nodes)
    assert off[:, 0].quantile(0.9) < 2e-4 and off.max() < 0.012
    before, after = (x.view(-1, worn.nodes, 3).diff(dim=1).norm(dim=2) for x in (worn.points, moved))
    torch.testing.assert_close(before, after, atol=1e-6, rtol=0)


def test_a_bald_head_has_no_hair_and_a_style_that_is_none_is_refused():
    assert len(hair("bald").points) == 0
    with pytest.raises(BadUsage, match="mullet"):
        hair_of("mullet", BROWN, neutrals()[0])


def test_there_are_ten_styles_and_more_and_colours_from_black_to_white():
    assert len(HAIR_STYLES) >= 10
    tones = [hair_of("short", torch.from_numpy(hair_colour(*c)), neutrals()[0]).colour.float().mean()
             for c in ((1.0, 0.1, 0.0), (0.5, 0.2, 0.0), (0.1, 0.1, 0.0))]  # fmt: skip
    assert tones[0] < 50 < tones[1] < 120 < tones[2]


@pytest.mark.parametrize("style", ["afro", "long", "curly"])
def test_hair_is_small_in_a_file(style: str, tmp_path):
    model = load_face_model()
    bare = Avatar("a", neutrals()[0], model.topology.faces, model.topology.regions["lips"])
    sizes = []
    for worn in ((), (hair(style),)):
        save_avatar(Avatar(**{**vars(bare), "worn": worn}), tmp_path / "a.avatar")
        sizes.append((tmp_path / "a.avatar").stat().st_size)
    assert sizes[1] - sizes[0] < 0.8e6
    assert len(load_avatar(tmp_path / "a.avatar").worn[0].points) == len(hair(style).points)


@pytest.mark.parametrize("style", BEARD_STYLES)
def test_a_beard_leaves_lips_and_cheeks_free(style: str):
    for number in range(0, PEOPLE, 4):
        worn, neutral = beard_of(style, BROWN, neutrals()[number]), neutrals()[number]
        marks = load_face_model().landmarks(neutral).double().numpy() * 1000
        strands = lines(worn)
        assert depth(strands[:, 1:].reshape(-1, 3), number).max() < 1.0
        slit = marks[60:68].mean(0)
        over = np.abs(strands[..., :2] - slit[:2]) < [14, 2.5]
        assert (over.all(2) & (strands[..., 2] > slit[2] - 3)).mean() < 0.002
        cheeks = np.abs(strands[:, 0, 0]) < 50
        assert strands[cheeks, 0, 1].max() < marks[36:48, 1].mean() - 15
        assert strands[:, 0, 1].max() < marks[36:48, 1].mean()


def test_a_beard_goes_where_the_jaw_goes():
    model, neutral = load_face_model(), neutrals()[2]
    worn = beard_of("goatee", BROWN, neutral)
    opened = model.turned(neutral[None], "jaw", model.joints_of(neutral), torch.tensor([[0.25, 0.0, 0.0]]))
    moved = worn_vertices(worn, neutral, opened)[0].view(-1, worn.nodes, 3)
    still = worn.points.view(-1, worn.nodes, 3)
    low = still[:, 0, 1] < float(model.landmarks(neutral)[57, 1]) - 0.01
    assert (moved - still)[low].norm(dim=2).mean() > 0.008
    skin_moved = ((opened[0] - neutral)[worn.carriers.long()] * worn.shares[..., None]).sum(1)
    torch.testing.assert_close((moved - still)[:, -1], skin_moved, atol=1e-6, rtol=0)


@pytest.mark.parametrize("style", GLASSES_STYLES)
def test_glasses_stand_before_the_eyes_clear_of_the_face(style: str):
    for number in range(0, PEOPLE, 2):
        worn, neutral = glasses_of(style, neutrals()[number]), neutrals()[number].double().numpy() * 1000
        points = worn.points.double().numpy() * 1000
        model = load_face_model()
        eyes = model.topology.regions["left_eye"].long().numpy()
        rims = points[points[:, 2] > neutral[eyes, 2].max() - 8]
        assert depth(rims, number).max() < 1.5
        middle = neutral[eyes].mean(0)
        left = rims[rims[:, 0] > 8]
        assert (left.min(0) < middle - 12)[:2].all() and (left.max(0) > middle + 12)[:2].all()
        ears = neutral[model.topology.regions["ears"].long().numpy()]
        assert points[:, 2].min() < ears[:, 2].max() - 10
