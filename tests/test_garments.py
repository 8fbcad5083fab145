"""Garments fit everybody: outside the skin, closed at the neck, carried by the head."""

from __future__ import annotations

import functools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

from talkcli.engine.assets import asset
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.mesh_normals import mesh_normals
from talkcli.engine.face.worn import worn_vertices
from talkcli.engine.motion import Coefficients, Head, Motion
from talkcli.engine.rendering.surface import surface_of
from talkcli.engine.studio.scanned.garments import GARMENTS, garment_of, wardrobe
from talkcli.engine.studio.scanned.people import sample_person

NAMES = ("t-shirt", "shirt", "jacket", "blouse", "jumper", "top")


@functools.cache
def neutral(seed: int) -> torch.Tensor:
    return sample_person(seed).neutral


def avatar(seed: int, name: str) -> Avatar:
    topology = load_face_model().topology
    lips = topology.regions["lips"]
    worn = (garment_of(name, neutral(seed)),)
    return Avatar("somebody", neutral(seed), topology.faces, lips, "facekit", worn=worn)


def drawn_skin(avatar: Avatar) -> np.ndarray:
    """Vertices of the head on faces that its cloth leaves to be drawn."""
    faces = avatar.faces.long()
    kept = torch.ones(len(faces), dtype=torch.bool)
    hides = avatar.worn[0].hides
    assert hides is not None
    kept[hides.long()] = False
    return faces[kept].unique().numpy()


def test_the_wardrobe_is_small_and_has_what_people_wear():
    assert asset(GARMENTS).stat().st_size < 0.5e6
    assert set(NAMES) <= wardrobe().keys()
    with pytest.raises(BadUsage):
        garment_of("toga", neutral(0))


@pytest.mark.parametrize(
    "seed", [*range(len(NAMES)), *(pytest.param(s, marks=pytest.mark.slow) for s in range(len(NAMES), 20))]
)
def test_cloth_lies_outside_the_skin_that_is_drawn(seed: int):
    name = NAMES[seed % len(NAMES)]
    wearer = avatar(seed, name)
    head, faces = wearer.neutral.double().numpy(), wearer.faces.long().numpy()
    skin = drawn_skin(wearer)
    skin = skin[(load_face_model().template.numpy()[skin, 1] < -0.085)]
    normals = mesh_normals(head, faces)
    sheet = wearer.worn[0].points.double().numpy()
    distance, near = KDTree(head[skin]).query(sheet)
    depth = ((sheet - head[skin][near]) * normals[skin][near]).sum(1)
    close = distance < 0.008
    assert close.sum() > 50
    assert (depth[close] < -0.0005).mean() < 0.02, depth[close].min()
    assert depth[close].min() > -0.004


@pytest.mark.parametrize("name", NAMES)
def test_what_cloth_hides_is_far_from_face_and_throat_and_not_drawn(name: str):
    wearer = avatar(3, name)
    hides = wearer.worn[0].hides
    assert hides is not None and len(hides) > 50
    hidden = wearer.neutral[wearer.faces[hides.long()].long()]
    assert hidden[..., 1].max() < -0.08
    bare = surface_of(replace(wearer, worn=()), load_face_model().topology)
    dressed = surface_of(wearer, load_face_model().topology)
    assert len(dressed.faces) == len(bare.faces) - len(hides) + len(wearer.worn[0].faces)


def test_cloth_moves_with_the_neck_and_leaves_the_shoulders():
    wearer = avatar(4, "shirt")
    turn = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.4, 0.0]])
    still = Coefficients(torch.zeros(2, 1), torch.zeros(2, 3), "facekit")
    motion = Motion(Fraction(25), still, Head(turn, torch.zeros(2, 3)))
    moved = vertices(motion, wearer)
    cloth = worn_vertices(wearer.worn[0], wearer.neutral, moved)
    torch.testing.assert_close(cloth[0], wearer.worn[0].points, atol=1e-5, rtol=0)
    way = (cloth[1] - cloth[0]).norm(dim=1)
    assert way[wearer.worn[0].points[:, 0].abs() > 0.15].max() < 0.001
    assert way.max() < 0.03


def test_an_avatar_keeps_its_garment(tmp_path):
    wearer = avatar(5, "jacket")
    save_avatar(wearer, tmp_path / "a.avatar")
    again = load_avatar(tmp_path / "a.avatar").worn[0]
    torch.testing.assert_close(again.points, wearer.worn[0].points, atol=2e-5, rtol=0)
    assert wearer.worn[0].hides is not None and again.hides is not None
    assert torch.equal(again.hides, wearer.worn[0].hides)


@pytest.mark.parametrize("name", [name for name in NAMES if wardrobe()[name].tight])
def test_necklines_rest_on_the_skin_with_a_thickness(name: str):
    worn, cloth = garment_of(name, neutral(7)), wardrobe()[name]
    rim = (cloth.from_edge < 0.003).numpy() & (cloth.lift <= 0.003).numpy()
    head = neutral(7).double().numpy()
    normals = mesh_normals(head, load_face_model().topology.faces.long().numpy())
    points = worn.points.double().numpy()[rim]
    near = KDTree(head).query(points, k=4)[1]
    gap = ((points[:, None] - head[near]) * normals[near]).sum(2).mean(1)
    assert -0.001 < np.quantile(gap, 0.02) < 0.0025 < np.quantile(gap, 0.8) < 0.008, np.quantile(
        gap, (0.02, 0.8)
    )


def test_a_jacket_lies_over_its_shirt():
    cloth = wardrobe()["jacket"]
    points, faces, colour = (
        garment_of("jacket", neutral(8)).points.double().numpy(),
        cloth.faces.long().numpy(),
        cloth.colour,
    )
    wool, shirt = (np.unique(faces[(colour == dye).numpy()]) for dye in (0, 1))
    distance, near = KDTree(points[shirt]).query(points[wool])
    depth = ((points[wool] - points[shirt][near]) * mesh_normals(points, faces)[shirt][near]).sum(1)
    over = distance < 0.012
    assert over.sum() > 200 and (depth[over] < -0.001).mean() < 0.05


def test_the_same_person_wears_the_same():
    first, second = (garment_of("t-shirt", neutral(6)) for _ in range(2))
    assert torch.equal(first.points, second.points)
