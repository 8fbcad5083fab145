"""What an avatar wears as Gaussians that look as its mesh does."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from fuzz.small import bare_avatar

from talkcli.engine.assets import asset
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.gaussians import BoundGaussians, carried_gaussians, gathered
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.rendering.splat_fit import photographed, portraits_around
from talkcli.engine.rendering.splat_seeds import seeded_gaussians
from talkcli.engine.rendering.splats import draw_views
from talkcli.engine.rendering.worn_splats import worn_gaussians

COUNT, SIZE = 4000, 96


@pytest.fixture(scope="module")
def ada() -> Avatar:
    return load_avatar(asset("ada.avatar"))


@pytest.fixture(scope="module")
def worn(ada) -> BoundGaussians:
    found = worn_gaussians(ada, COUNT, views=4, size=SIZE, steps=60)
    assert found is not None
    return found


def test_hair_and_cloth_cover_what_their_meshes_do(ada, worn):
    assert len(worn) == COUNT and worn.colour.shape[1] == 4 and worn.uv is None
    rest = Motion(Fraction(1), Vertices(torch.zeros(1, *ada.neutral.shape)))
    camera = portraits_around(ada, 8, (SIZE, SIZE)).part([1, 3])  # others than it has learnt from
    truth = photographed(ada, rest, camera).pictures.float().permute(0, 3, 1, 2) / 255
    head = seeded_gaussians(ada, 6000, 1, 4, of="head")
    clouds = [carried_gaussians(part, ada.neutral, ada.neutral[None])[0] for part in (head, worn)]
    seen = draw_views(gathered(clouds), camera, workers=1)
    covered, known = seen.coverage > 0.5, truth[:, 3] > 0.5
    assert (covered & known).sum() > 0.92 * (covered | known).sum()
    alone = draw_views(clouds[1], camera, workers=1)
    on_worn = (alone.coverage > 0.95) & (truth[:, 3] == 1)
    off = (seen.colour - truth[:, :3]).abs().mean(1)
    assert float(off[on_worn].median()) < 0.06


def test_who_wears_nothing_has_none(ada):
    assert worn_gaussians(replace(ada, worn=())) is None
    assert worn_gaussians(bare_avatar()) is None
