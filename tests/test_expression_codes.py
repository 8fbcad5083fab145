"""Codes of expressions stand for what is seen of them."""

from __future__ import annotations

import pytest
import torch

from talkcli.engine.face.expression_codes import expression_codes
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.studio.expression_space import natural_faces


def test_codes_of_weights_of_codes_are_the_codes():
    model = load_face_model()
    space = expression_codes(model, model.shape_names, 48)
    torch.testing.assert_close(space.to_weights @ space.to_codes, torch.eye(48), atol=1e-4, rtol=0)


def test_natural_faces_come_back_from_their_codes_within_a_tenth_of_a_millimetre():
    model = load_face_model()
    space = expression_codes(model, model.shape_names, 48)
    weights = torch.from_numpy(natural_faces(model.shape_names, 200, seed=3)).float()
    codes = weights @ space.to_codes
    moved = (codes @ space.to_weights - weights) @ model.shapes.flatten(1)
    face = moved.unflatten(1, (-1, 3))[:, model.topology.regions["lips"]].norm(dim=-1)
    assert float(face.mean()) < 1e-4
    assert 0.3 < float(codes.std(0).median()) < 3


def test_more_codes_than_the_space_has_are_refused():
    model = load_face_model()
    with pytest.raises(ValueError, match="in a space of"):
        expression_codes(model, model.shape_names, len(model.expression) + 1)
