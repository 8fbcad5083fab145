"""Lips of the scanned head slide over its teeth."""

from __future__ import annotations

import functools
from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from talkcli.engine.face.face_contact import FaceContact
from talkcli.engine.face.face_model import FaceModel, load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.face.teeth_contact import entered
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.studio.scanned.people import sample_person

FACES = {
    "rolled in": {"mouthRollLower": 0.6},
    "both rolled in": {"mouthRollLower": 0.5, "mouthRollUpper": 0.5, "jawOpen": 0.1},
    "pressed": {"mouthPress": 1.0},
    "f and v": {"jawOpen": 0.09, "mouthRollLower": 0.3, "mouthUpperUp": 0.2, "mouthClose": 0.04},
    "smile": {"mouthSmile": 1.0},
    "aside": {"mouthLeft": 0.8, "jawLeft": 0.5},
    "wide open": {"jawOpen": 1.2, "mouthLowerDown": 0.5},
}


def model() -> FaceModel:
    return load_face_model()


def touching() -> FaceContact:
    contact = model().contact
    assert isinstance(contact, FaceContact)
    return contact


@functools.cache
def neutrals() -> list[torch.Tensor]:
    return [model().template, *(sample_person(seed).neutral for seed in (1, 4, 7))]


def posed(neutral: torch.Tensor, faces: list[dict[str, float]]) -> torch.Tensor:
    weights = torch.stack([model().weight_vector(**face) for face in faces])
    who = replace(talking_head("facekit"), neutral=neutral)
    return vertices(Motion(Fraction(30), Coefficients(weights, torch.zeros(len(faces), 3), "facekit")), who)


def depths(moved: torch.Tensor) -> torch.Tensor:
    """How deep the lips lie in either arch [arches, frames], metres; their lining and rim left out."""
    mouth, arches = touching().mouth, (touching().upper_teeth, touching().lower_teeth)
    lips = moved[:, mouth.rings[3:12]]
    return torch.stack([entered(lips, arch, moved, model().template).amax((1, 2)) for arch in arches])


def test_lips_never_pass_through_teeth():
    for neutral in neutrals():
        assert depths(posed(neutral, list(FACES.values()))).max() < 3e-4


def test_the_shapes_alone_would_pass_through_teeth():
    weights = torch.stack([model().weight_vector(**face) for face in FACES.values()])
    moved = model().template + (weights @ model().shapes.flatten(1)).unflatten(1, (-1, 3))
    assert (depths(moved).amax(0) > 1e-3).sum() >= 4


def test_an_arch_follows_its_teeth_whoever_they_are_and_wherever_the_jaw_is():
    for neutral in neutrals():
        moved = posed(neutral, [{"jawOpen": 0.8}, {"jawForward": 1.0}, {}])
        for arch in (touching().upper_teeth, touching().lower_teeth):
            turn, shift = arch.placed(moved, model().template)
            marks = model().template[arch.marks] @ turn + shift[:, None]
            assert (marks - moved[:, arch.marks]).norm(dim=2).max() < 1e-3


def test_the_lower_lip_of_an_f_comes_under_the_upper_teeth():
    moved = posed(model().template, [FACES["f and v"]])[0]
    mouth, arch = touching().mouth, touching().upper_teeth
    lip = moved[mouth.rings[6:10][:, ~mouth.upper]].flatten(0, 1)
    edge = moved[arch.marks, 1].min()
    middle = lip[lip[:, 0].abs() < 0.006]
    assert middle[:, 1].max() < edge + 0.0025
    assert middle[:, 1].max() > edge - 0.0035


@pytest.mark.parametrize("name", ["pressed", "rolled in"])
def test_a_resting_mouth_is_left_alone_and_no_lip_leaves_its_column(name: str):
    rest, moved = posed(model().template, [{}, FACES[name]])
    torch.testing.assert_close(rest, model().template, atol=5e-4, rtol=0)
    rings = touching().mouth.rings
    steps = (moved[rings] - moved[rings.roll(1, 1)]).norm(dim=2)
    calm = (rest[rings] - rest[rings.roll(1, 1)]).norm(dim=2)
    assert (steps / calm.clamp(min=5e-4)).max() < 4
