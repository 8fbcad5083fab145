"""What pictures need is made once, and beside other work."""

from __future__ import annotations

import dataclasses
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from fuzz.small import untaught_head
from procedural_head import painted_ball
from threadpoolctl import threadpool_info, threadpool_limits

from talkcli.engine.device import on_threads
from talkcli.engine.errors import BadInput
from talkcli.engine.face.gaussian_head import _ready, head_gaussians
from talkcli.engine.face.known_rigs import load_rig
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.rendering import surface
from talkcli.engine.rendering.ahead import pictures_ahead
from talkcli.engine.rendering.compiling import compile_renderer
from talkcli.engine.rendering.shot import Shot
from talkcli.engine.rendering.splat_film import compile_splats
from talkcli.engine.rendering.surface import coarseness_of, surface_for, surface_of


def test_a_surface_is_made_once_for_all_who_ask_for_the_same_head():
    head = painted_ball()[0]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: surface_for(head, 1.0), range(4)))
    assert all(one is found[0] for one in found)
    assert surface_for(dataclasses.replace(head, name="the same in another role"), 1.0) is found[0]
    for mine, plain in zip(found[0][:9], surface_of(head, None, 1.0)[:9], strict=True):
        assert np.array_equal(mine, plain)


def test_another_head_or_coarseness_has_a_surface_of_its_own():
    head = painted_ball()[0]
    kept = surface_for(head, 1.0)
    assert surface_for(head, 0.5) is not kept
    moved = dataclasses.replace(head, neutral=head.neutral + 0.01)
    assert np.allclose(surface_for(moved, 1.0).neutral, kept.neutral + 0.01)


def test_what_fails_is_told_to_each_who_asks():
    broken = dataclasses.replace(painted_ball()[0], rig="nobody's")
    for _ in range(2):
        with pytest.raises(BadInput, match="nobody's"):
            surface_for(broken, 1.0)


def test_pictures_begin_beside_other_work_to_which_all_cores_but_one_are_left(monkeypatch):
    compile_renderer()
    monkeypatch.setattr(surface, "_kept", [])
    head, film = painted_ball()[0], [Path("film.mp4")]
    with on_threads(3):
        with pictures_ahead(Shot(), film) as draw_soon:
            assert torch.get_num_threads() == 2
            cast(Future, draw_soon(head)).result()
            kept = [known.surface.result() for known in surface._kept]
            assert [surface_for(head, coarseness_of("standard", 512, 512))] == kept
        assert torch.get_num_threads() == 3
        with pictures_ahead(Shot(), [Path("only.motion")]):
            assert torch.get_num_threads() == 3


def test_a_gaussian_head_is_ready_before_its_film():
    compile_splats()
    somebody = dataclasses.replace(talking_head(), gaussian_head=untaught_head())
    with pictures_ahead(Shot(), [Path("film.mp4")]) as draw_soon:
        cast(Future, draw_soon(somebody)).result()
    before = _ready.cache_info()
    weights = torch.zeros(1, len(load_rig("facekit").shape_names))
    assert somebody.gaussian_head is not None
    head_gaussians(somebody.gaussian_head, somebody.neutral[None], weights)
    assert _ready.cache_info().hits == before.hits + 1


def test_numpys_products_take_as_many_threads_as_torchs():
    def counts() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(2, "blas"):
        before = counts()
        with on_threads(1):
            assert counts() == {1} and torch.get_num_threads() == 1
        assert counts() == before
