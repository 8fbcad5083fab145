"""Each shape of the built-in head does what its name says."""

from __future__ import annotations

import functools

import pytest
import torch

from talkcli.engine.face.arkit import ARKIT
from talkcli.engine.face.face_model import FaceModel, load_face_model
from talkcli.engine.studio.expression_space import natural_faces

NAMES = load_face_model().shape_names
CORNERS, MIDDLES = [48, 54], [51, 57]
"""Of the lips, in iBUG's numbering."""


@functools.cache
def model() -> FaceModel:
    return load_face_model()


def marks(**named: float) -> torch.Tensor:
    """iBUG's 68 points [68, 3] of a face, metres from where they rest."""
    return model().landmarks((model().weight_vector(**named) @ model().shapes.flatten(1)).view(-1, 3))


def test_all_arkit_shapes_are_there_by_name():
    assert len(ARKIT) == 52 == len(set(ARKIT)) and list(ARKIT) == sorted(ARKIT)
    assert NAMES[:52] == ARKIT and NAMES[52:] == ("tongueUp", "tongueBack")


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("tongue")])
def test_every_shape_moves_what_it_is_named_for(name: str):
    regions = ("left_eye", "right_eye") if name.startswith("eyeLook") else ("face", "eyes")
    part = torch.cat([model().topology.regions[region].long() for region in regions])
    assert model().shapes[NAMES.index(name)][part].norm(dim=1).max() > 0.001


def test_smile_raises_and_widens_the_corners():
    moved = marks(mouthSmile=1.0)[CORNERS] * torch.tensor([[-1.0, 1, 1], [1, 1, 1]])
    assert (moved[:, 0] > 0.004).all() and (moved[:, 1] > 0.003).all() and (moved[:, 2] < 0).all()


def test_pucker_narrows_and_protrudes():
    rest = model().landmarks(model().template)
    moved = marks(mouthPucker=1.0)
    width = (rest + moved)[CORNERS, 0].diff() / rest[CORNERS, 0].diff()
    assert width < 0.85 and (moved[MIDDLES, 2] > 0.002).all()


def test_corners_follow_the_jaw_half_way():
    down = -marks(jawOpen=1.0)[:, 1]
    assert 0.25 < float(down[CORNERS].mean() / down[57]) < 0.7


def test_components_code_natural_faces_with_unit_deviation():
    components, weights = model().expression.double(), torch.from_numpy(natural_faces(NAMES, 400, seed=3))
    codes = torch.linalg.lstsq(components.T, weights.T).solution.T
    assert len(components) == 50
    assert (weights - codes @ components).norm() < 0.03 * weights.norm()
    spread = codes[:, :8].square().mean(0).sqrt()
    assert spread.min() > 0.8 and spread.max() < 1.2
