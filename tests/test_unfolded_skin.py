"""Folds of a smile that a photograph shows are not painted on a face at rest."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from talkcli.engine.capture.atlas import skin_atlas
from talkcli.engine.capture.photographed_skin import SeenSkin, merged_albedo
from talkcli.engine.capture.unfolded_skin import light_of_folds, unfolded
from talkcli.engine.face.face_model import load_face_model

BARE = np.zeros(len(skin_atlas().corners), np.float32)


def folds_of(**weights: float) -> NDArray[np.float32]:
    model = load_face_model()
    assert model.wrinkles is not None
    return light_of_folds(model.weight_vector(**weights).numpy(), model.wrinkles, skin_atlas())


@pytest.fixture(scope="module")
def smiling() -> SeenSkin:
    """Skin of one tone, darker where a smile folds it."""
    light = np.full((len(BARE), 3), 0.4) * np.exp(-folds_of(mouthSmile=1.0))[:, None]
    return SeenSkin(light.astype(np.float32), skin_atlas().face.astype(np.float32))


def test_a_face_at_rest_is_trusted_as_it_is_seen(smiling):
    assert np.array_equal(unfolded(smiling, folds_of(), BARE, skin_atlas()).trust, smiling.trust)


def test_a_smile_is_not_painted_on_a_face_at_rest(smiling):
    """Our own skin is as bright everywhere: what is darker is the fold."""
    maps, folds = skin_atlas(), folds_of(mouthSmile=1.0)
    deep = maps.face & (folds > 0.2) & (maps.canvas.lip > 1.2)
    own, dark = np.full((len(BARE), 3), 0.4, np.float32), []
    for seen in (smiling, unfolded(smiling, folds, BARE, maps)):
        out, _ = merged_albedo(seen, own, maps.face, maps, bald=False)
        dark.append(float(np.log(0.4 / out[deep]).mean()))
    assert deep.sum() > 1000 and dark[0] > 0.2
    assert dark[1] < dark[0] / 4


def test_what_does_not_fold_is_trusted(smiling):
    maps, folds = skin_atlas(), folds_of(mouthSmile=1.0)
    still = maps.face & (maps.canvas.position[:, 1] > 50)
    left = unfolded(smiling, folds, BARE, maps).trust
    assert still.sum() > 10000 and (left[still] == 1).all() and left[maps.face].mean() > 0.8


def test_a_beard_does_not_fold(smiling):
    maps = skin_atlas()
    hairy = np.where(maps.face, 1, np.nan).astype(np.float32)
    assert np.array_equal(unfolded(smiling, folds_of(mouthSmile=1.0), hairy, maps).trust, smiling.trust)
