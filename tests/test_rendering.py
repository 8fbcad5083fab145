"""The renderer: what is seen where, and how it looks."""

from __future__ import annotations

import dataclasses
import os
import threading
from fractions import Fraction

import numpy as np
import pytest
import torch
from procedural_head import ball, painted_ball

from talkcli.engine.assets import assets_folder, cache_folder
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.acting import acting_skin, rig_folds
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.look import Look
from talkcli.engine.face.topology import Topology
from talkcli.engine.motion import Coefficients, Folds, Motion, Textures, Vertices
from talkcli.engine.rendering.acting_skin import wrinkle_maps
from talkcli.engine.rendering.backdrop import backdrop
from talkcli.engine.rendering.camera import Camera, look_at, portrait
from talkcli.engine.rendering.compiling import compile_renderer, is_compiled
from talkcli.engine.rendering.picture import Painter, PosedMoment
from talkcli.engine.rendering.render import drawn_in_order, frames
from talkcli.engine.rendering.surface import surface_of


@pytest.fixture(scope="session", autouse=True)
def compiled():
    compile_renderer()


VIEW = look_at(torch.tensor([0.0, 0.0, 1.0]), torch.zeros(3)).double().numpy()
FOCAL = 280.0


def drawn(avatar, topology, background="black", maps=None, active=None, size=64) -> np.ndarray:
    painter = Painter(surface_of(avatar, topology), size, size, background, maps)
    return painter.draw(PosedMoment(avatar.neutral.numpy(), VIEW, FOCAL, active))


def test_a_texture_is_perspective_correct():
    """On a wall that leads away, a mark at the middle of the texture is drawn at the middle of the wall."""
    vertices = torch.tensor([[-0.2, -0.1, 0.4], [0.2, -0.1, -0.4], [0.2, 0.1, -0.4], [-0.2, 0.1, 0.4]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    uv = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    topology = Topology("wall", faces, uv, faces, torch.zeros(2, dtype=torch.int64), {}, {}, faces[:0, :2])
    albedo = torch.zeros(64, 64, 3, dtype=torch.uint8)
    albedo[:, 32:] = 255
    look = Look(albedo, torch.zeros(32, 32, 2, dtype=torch.uint8), torch.zeros(32, 32, dtype=torch.int8))
    avatar = Avatar("wall", vertices, faces, torch.tensor([0]), look=look)
    brightness = drawn(avatar, topology)[32].astype(int).sum(-1)
    assert abs(np.abs(np.diff(brightness)).argmax() - 31) <= 1  # without perspective it were at 5


def test_a_second_frame_leaves_nothing_behind():
    avatar, topology, wrinkles = painted_ball()
    painter = Painter(surface_of(avatar, topology), 64, 64, maps=wrinkle_maps(wrinkles))
    still, acting = np.zeros(2, np.float32), np.ones(2, np.float32)
    first = painter.draw(PosedMoment(avatar.neutral.numpy(), VIEW, FOCAL, still))
    other = painter.draw(PosedMoment(avatar.neutral.numpy() * np.float32(1.1), VIEW, FOCAL, acting))
    again = painter.draw(PosedMoment(avatar.neutral.numpy(), VIEW, FOCAL, still))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("material", ["skin", "eye", "teeth", "tongue", "hair", "lash"])
def test_every_material_is_lit_from_the_keys_side_and_never_black_nor_burnt(material):
    picture = drawn(*painted_ball(material)[:2]).astype(float)
    seen = picture.max(-1) > 0
    left, right = picture[:, :32][seen[:, :32]].mean(), picture[:, 32:][seen[:, 32:]].mean()
    assert left > right * 1.02
    assert seen.mean() > 0.4
    assert np.median(picture[seen]) > 25 and (picture[seen] == 255).mean() < 0.05


def test_dark_skin_is_darker_but_keeps_its_highlight():
    light = drawn(*painted_ball(albedo=(224, 178, 155))[:2]).astype(float)
    dark = drawn(*painted_ball(albedo=(86, 54, 41))[:2]).astype(float)
    assert np.median(dark[light > 30]) < 0.6 * np.median(light[light > 30])
    assert dark.max() > 2 * np.median(dark[light > 30])


def test_skin_is_redder_where_light_fades():
    picture = drawn(*painted_ball(albedo=(190, 190, 190))[:2], size=128).astype(float)
    bright = picture[..., 0] > 0.8 * picture[..., 0].max()
    fading = (picture[..., 0] > 40) & (picture[..., 0] < 0.55 * picture[..., 0].max())
    ratio = picture[..., 0] / np.maximum(picture[..., 1], 1)
    assert ratio[fading].max() > ratio[bright].mean() + 0.03


def test_wrinkles_fold_and_blood_flushes():
    avatar, topology, wrinkles = painted_ball()
    maps = wrinkle_maps(wrinkles)

    def look(*active: float) -> np.ndarray:
        return drawn(avatar, topology, maps=maps, active=np.array(active, np.float32)).astype(float)

    rest = look(0, 0)
    assert np.array_equal(rest, drawn(avatar, topology).astype(float))
    assert np.abs(look(1, 0) - rest).max() > 10
    flushed = look(0, 1) - rest
    assert flushed[..., 1].min() < -10 and flushed[..., 1].min() < flushed[..., 0].min()


def test_wrinkle_maps_blend_linearly():
    avatar, topology, wrinkles = painted_ball()
    painter = Painter(surface_of(avatar, topology), 16, 16, maps=wrinkle_maps(wrinkles))
    painter.draw(PosedMoment(avatar.neutral.numpy(), VIEW, 50.0, np.array([0.5, 0.25], np.float32)))
    expected = 0.5 * wrinkles.height[0].numpy() * 2.0
    assert np.allclose(painter.creases[1:-1, 1:-1, 2], expected)
    assert np.allclose(painter.creases[1:-1, 1:-1, 3], 0.25 * wrinkles.blood[1].numpy())


def tinted(ratios: np.ndarray, *active: float) -> np.ndarray:
    avatar, topology, wrinkles = painted_ball()
    painter = Painter(surface_of(avatar, topology), 64, 64, "black", wrinkle_maps(wrinkles))
    acts = np.array(active or (0, 0), np.float32)
    return painter.draw(
        PosedMoment(avatar.neutral.numpy(), VIEW, FOCAL, acts, ratios.astype(np.float32))
    ).astype(float)


def test_a_texture_of_ratio_one_changes_nothing_but_stills_the_blood():
    avatar, topology, wrinkles = painted_ball()
    maps = wrinkle_maps(wrinkles)
    fold, both = np.array([1, 0], np.float32), np.ones(2, np.float32)
    neutral = np.ones((3, 16, 16))
    assert np.abs(tinted(neutral) - drawn(avatar, topology)).max() <= 1
    assert np.abs(tinted(neutral, 1, 1) - drawn(avatar, topology, maps=maps, active=fold)).max() <= 1
    assert np.abs(tinted(neutral, 1, 1) - drawn(avatar, topology, maps=maps, active=both)).max() > 10


def test_a_texture_darkens_where_it_is_darker_and_nowhere_else():
    ratios = np.ones((3, 16, 16))
    ratios[:, 8:] = 0.6
    plain, shaded = tinted(np.ones((3, 16, 16))), tinted(ratios)
    fell = (plain - shaded)[20:44, 20:44]
    assert np.abs(fell[:9]).max() <= 1 and fell[-9:].min() > 10


def test_a_texture_multiplies_srgb_values():
    bright, dim = (200, 160, 140), (100, 80, 70)
    picture = tinted(np.full((3, 16, 16), 0.5))
    assert np.abs(picture - drawn(*painted_ball(albedo=dim)[:2])).max() <= 2
    assert np.abs(tinted(np.ones((3, 16, 16))) - drawn(*painted_ball(albedo=bright)[:2])).max() <= 1


def textured(motion: Motion, ratio: float) -> Motion:
    weights = torch.linspace(0, 1, len(motion))[:, None]
    basis = torch.full((1, 3, 8, 8), float(np.log(ratio)))
    return dataclasses.replace(motion, texture=Textures(weights, basis))


def test_folds_of_a_motion_are_worn_whatever_its_face_does():
    ada = load_avatar(assets_folder() / "ada.avatar")
    still = Coefficients(torch.zeros(2, len(load_face_model().shapes)), torch.zeros(2, 3))
    brows = still.expression.clone()
    brows[1, load_face_model().shape_names.index("browInnerUp")] = 1.0
    folds = dataclasses.replace(
        Motion(Fraction(30), still), texture=rig_folds(brows, acting_skin(load_face_model()))
    )
    smooth, folded = frames(folds, ada, portrait(ada, size=(128, 128)), background="black")
    bare = next(frames(folds, ada, portrait(ada, size=(128, 128)), background="black", texture=False))
    change = np.abs(folded.astype(float) - smooth).max(-1)
    assert np.abs(smooth.astype(float) - bare).max() <= 1
    assert change[:64].max() > 10 > 2 >= change[80:].max()


def test_folds_of_another_skin_are_refused_before_the_first_picture():
    still = Coefficients(torch.zeros(2, 54), torch.zeros(2, 3))
    strange = Motion(Fraction(30), still, texture=Folds(torch.zeros(2, 3)))
    ada = load_avatar(assets_folder() / "ada.avatar")
    with pytest.raises(BadInput, match="3 wrinkle maps, the avatar's has 17"):
        frames(strange, ada, portrait(ada, size=(32, 32)))


def test_a_mesh_with_its_own_uv_is_painted_and_its_texture_moves():
    vertices, faces, uv = ball()
    look = painted_ball()[0].look
    avatar = Avatar("scan", vertices, faces, torch.tensor([0]), look=look, uv=uv, uv_faces=faces)
    camera = portrait(avatar, size=(48, 48))
    motion = textured(wobbling(4, len(vertices), 0.0), 0.5)
    moving = [shot.astype(float) for shot in frames(motion, avatar, camera, background="black", workers=2)]
    still = [
        shot.astype(float)
        for shot in frames(motion, avatar, camera, background="black", workers=1, texture=False)
    ]
    assert all(np.array_equal(shot, still[0]) for shot in still)
    assert np.abs(moving[0] - still[0]).max() <= 1
    brightness = [shot.mean() for shot in moving]
    assert brightness == sorted(brightness, reverse=True) and brightness[3] < 0.7 * brightness[0]
    red, _, blue = still[0][still[0].max(-1) > 30].mean(0)
    assert red > 1.2 * blue


def test_an_edge_covers_a_pixel_by_quarters():
    alpha = drawn(*painted_ball()[:2], background="transparent")[..., 3]
    assert set(np.unique(alpha)) == {0, 64, 128, 191, 255}


def test_a_mesh_without_a_look_is_clay_from_both_sides():
    vertices, faces, _ = ball()
    half = faces[vertices[faces].mean(1)[:, 2] < 0.02]
    for turned in (half, half.flip(1)):
        avatar = Avatar("bowl", vertices, turned, torch.tensor([0]))
        picture = drawn(avatar, None).astype(float)
        assert (picture.max(-1) > 20).mean() > 0.4
        grey = picture[picture.max(-1) > 60]
        assert np.abs(grey[:, 0] - grey[:, 2]).max() < 60


def test_a_transparent_picture_covers_as_much_as_is_seen():
    avatar, topology, _ = painted_ball()
    clear, solid = drawn(avatar, topology, "transparent"), drawn(avatar, topology, "black")
    assert clear.shape == (64, 64, 4)
    assert (clear[..., 3] == 0).any() and (clear[..., 3] == 255).any()
    full = clear[..., 3] == 255
    assert np.abs(clear[..., :3][full].astype(int) - solid[full].astype(int)).max() <= 1


def test_backgrounds_are_colours_or_pictures(tmp_path):
    from PIL import Image

    assert np.allclose(backdrop("white", 4, 4), 1)  # type: ignore[arg-type]
    assert np.array_equal(backdrop("#ff0000", 2, 2), np.broadcast_to([1, 0, 0], (2, 2, 3)))  # type: ignore[arg-type]
    Image.new("RGB", (30, 10), (0, 255, 0)).save(tmp_path / "lawn.png")
    assert np.allclose(backdrop(str(tmp_path / "lawn.png"), 8, 8), [0, 1, 0])  # type: ignore[arg-type]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(BadInput):
        backdrop(str(tmp_path / "broken.png"), 8, 8)
    with pytest.raises(BadUsage) as caught:
        backdrop("#12345", 8, 8)
    assert "#202830" in caught.value.hint


def wobbling(count: int, verts: int, scale: float = 2e-3) -> Motion:
    offsets = scale * torch.randn(count, verts, 3, generator=torch.Generator().manual_seed(0))
    return Motion(Fraction(25), Vertices(offsets))


def test_any_number_of_workers_draws_the_same_frames(bare_face):
    avatar = load_avatar(bare_face)
    motion, camera = wobbling(9, 12), portrait(avatar, "orbit", (48, 48))
    one = list(frames(motion, avatar, camera, workers=1))
    three = list(frames(motion, avatar, camera, workers=3))
    assert len(one) == 9 and all(np.array_equal(a, b) for a, b in zip(one, three, strict=True))
    assert not np.array_equal(one[0], one[5])


def test_posing_drawing_and_writing_go_on_at_once():
    """While a picture is written others are drawn and the next are posed, each on threads of its own."""
    posing, drawing, enough = set(), set(), threading.Event()

    def moments():
        for number in range(60):
            posing.add(threading.get_ident())
            yield number

    def draw(number: int) -> np.ndarray:
        drawing.add(threading.get_ident())
        if number == 4:
            enough.set()
        return np.full((1, 1, 3), number, np.uint8)

    shots = drawn_in_order(moments(), draw, 2)
    first = next(shots)
    assert enough.wait(20)
    assert [int(shot[0, 0, 0]) for shot in (first, *shots)] == list(range(60))
    assert len(posing) == 1 and posing.isdisjoint(drawing) and threading.get_ident() not in posing | drawing


def test_frames_stream(bare_face):
    avatar = load_avatar(bare_face)
    shots = frames(wobbling(5000, 12), avatar, portrait(avatar, size=(32, 32)), workers=2)
    assert next(shots).shape == (32, 32, 3)
    shots.close()  # type: ignore[attr-defined]


def test_turning_head_and_camera_together_moves_nothing_but_light(bare_face):
    avatar = load_avatar(bare_face)
    camera = portrait(avatar, size=(64, 64))
    turn = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    turned = dataclasses.replace(avatar, neutral=avatar.neutral @ turn.mT)
    views = camera.views.clone()
    views[0, :3, :3] = views[0, :3, :3] @ turn.mT
    aside = dataclasses.replace(camera, views=views)

    def covered(who: Avatar, by: Camera) -> np.ndarray:
        return next(frames(wobbling(1, 12, 0.0), who, by, background="transparent", workers=1))[..., 3]

    assert np.array_equal(covered(avatar, camera), covered(turned, aside))


def test_what_cannot_be_drawn_is_said_at_the_call(bare_face):
    avatar = load_avatar(bare_face)
    camera = portrait(avatar, size=(32, 32))
    with pytest.raises(BadInput):
        frames(wobbling(2, 13), avatar, camera)
    with pytest.raises(BadInput):
        frames(Motion(Fraction(25), Coefficients(torch.zeros(2, 52), torch.zeros(2, 3))), avatar, camera)
    with pytest.raises(BadUsage):
        frames(wobbling(2, 12), avatar, camera, renderer="povray")


def test_kernels_are_kept_for_the_next_time():
    assert is_compiled() or not os.access(cache_folder(), os.W_OK)


def test_pyrender_refuses_a_skin_that_it_would_not_draw():
    ball_avatar = painted_ball()[0]
    still = Motion(Fraction(30), Vertices(torch.zeros(1, *ball_avatar.neutral.shape)))
    changing = dataclasses.replace(still, texture=Textures(torch.zeros(1, 1), torch.zeros(1, 3, 4, 4)))
    with pytest.raises(BadUsage, match="changing skin"):
        frames(changing, ball_avatar, portrait(ball_avatar, "front", (16, 16)), "pyrender")
