"""Pictures by PyTorch3D: those of our own kernels, which stand in for it where it is not installed."""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from talkcli.app import app
from talkcli.engine.assets import asset
from talkcli.engine.errors import MissingAsset
from talkcli.engine.face.acting import wrinkles_of
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.rigs import DEFAULT_RIG, rigged
from talkcli.engine.motion import Coefficients, Folds, Motion, save_motion
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.picture import Painter, Pixels
from talkcli.engine.rendering.pytorch3d_renderer import CardPainter, Find, pytorch3d_finder
from talkcli.engine.rendering.rasterize import rasterize, sheet
from talkcli.engine.rendering.render import MeshScene, mesh_scene
from talkcli.engine.rendering.strands import rasterize_sheer

CPU = torch.device("cpu")


def grimace(avatar: Avatar, folds: bool) -> Motion:
    rig, wrinkles = rigged(avatar), wrinkles_of(avatar)
    assert rig is not None and wrinkles is not None
    weights = rig.model.weight_vector(jawOpen=0.5, mouthSmile=0.8, browInnerUp=0.7, noseSneer=0.5)[None]
    skin = Folds(torch.linspace(0, 1, len(wrinkles.names))[None]) if folds else None
    return Motion(Fraction(30), Coefficients(weights, torch.zeros(1, 3), DEFAULT_RIG), texture=skin)


def scene_of(
    name: str,
    camera: str,
    size: tuple[int, int],
    background: str = "studio",
    quality: str = "standard",
    folds: bool = True,
) -> MeshScene:
    person = load_avatar(asset(f"{name}.avatar"))
    motion, view = grimace(person, folds), portrait(person, camera, size)
    return mesh_scene(motion, person, view, background, wrinkles=True, texture=True, quality=quality)


def kernels_find(painter: Painter) -> Find:
    """What our own kernels see at each sample, as PyTorch3D would tell it."""

    def find(places: torch.Tensor, faces: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        drawn = np.flatnonzero(painter.spans[:, 0] <= painter.spans[:, 1]).astype(np.uint32)
        assert torch.equal(faces, torch.from_numpy(painter.surface.faces[drawn].astype(np.int64)))
        ids, depth = sheet(*size)
        seen = painter.seen
        rasterize(painter.snapped, painter.nearness, seen.faces, seen.sides, drawn, 0, ids, depth)
        rasterize_sheer(
            painter.snapped, painter.nearness, seen.faces, seen.sides, seen.hair, drawn, 0, ids, depth
        )
        number = np.full(len(seen.sides) + 1, -1)
        number[drawn] = np.arange(len(drawn))
        return torch.from_numpy(number[ids[:, : size[1]].ravel()])[:, None]

    return find


def difference(one: Pixels, other: Pixels, bare: Pixels) -> tuple[float, float]:
    """Of two pictures: intersection over union of their silhouettes, mean difference of colour within."""
    ours, theirs = ((picture != bare).any(2) for picture in (one, other))
    apart = np.abs(one.astype(float) - other)
    return (ours & theirs).sum() / (ours | theirs).sum(), apart[ours | theirs].mean()


@pytest.mark.parametrize(
    ("name", "camera", "background", "quality", "folds"),
    [("ada", "front", "studio", "standard", True), ("kofi", "three-quarter", "transparent", "fine", False)],
)
def test_points_look_in_torch_as_our_kernels_make_them(name, camera, background, quality, folds):
    scene = scene_of(name, camera, (96, 80), background, quality, folds)
    moment, ours, painter = next(scene.moments), scene.painter(), scene.painter()
    picture = CardPainter(painter, kernels_find(painter), CPU).draw(moment)
    overlap, apart = difference(ours.draw(moment), picture, painter.bare[:: painter.finer, :: painter.finer])
    assert overlap > 0.999 and apart < 0.05


def test_pytorch3d_draws_the_pictures_of_our_kernels():
    try:
        find = pytorch3d_finder()
    except MissingAsset as missing:
        pytest.skip(missing.message)
    scene = scene_of("ada", "three-quarter", (48, 40))
    moment, ours, painter = next(scene.moments), scene.painter(), scene.painter()
    overlap, apart = difference(ours.draw(moment), CardPainter(painter, find, CPU).draw(moment), painter.bare)
    assert overlap > 0.995 and apart < 2


def test_without_it_nothing_is_drawn_and_the_way_to_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch3d", None)
    save_motion(grimace(load_avatar(asset("ada.avatar")), False), tmp_path / "a.motion")
    words = ["render", str(tmp_path / "a.motion"), "-o", str(tmp_path / "a.mp4"), "--renderer", "pytorch3d"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == MissingAsset.exit_code
    assert "pip install easypytorch3d" in " ".join(done.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["a.motion"]
