"""Paint is deterministic, follows anatomy, keeps to the colours that people have, and acts where it
should."""

import dataclasses

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from talkcli.engine.assets import DEFAULT_RIG, asset
from talkcli.engine.face.acting import DEPTH, GAMMA, SEEN, SHADE, SHINE, SURROUNDINGS, skin_ratios
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.look import RELIEF_UNIT, Look, Wrinkles, activations
from talkcli.engine.studio import noise
from talkcli.engine.studio.paint.canvas import Canvas
from talkcli.engine.studio.paint.complexion import SkinParameters, sample_skin
from talkcli.engine.studio.paint.furrows import furrows
from talkcli.engine.studio.paint.pigment import from_srgb, skin_colour, to_srgb
from talkcli.engine.studio.paint.strands import grow
from talkcli.engine.studio.painted_parts import PARTS
from talkcli.engine.studio.scanned.looks import bake_look, head_canvas

SIZE = 512
PLAIN = SkinParameters(melanin=0.3, moles=0, seed=5)


@pytest.fixture(scope="module")
def canvas() -> Canvas:
    return head_canvas(SIZE)


@pytest.fixture(scope="module")
def look(canvas: Canvas) -> Look:
    return bake_look(PLAIN, size=SIZE)


@pytest.fixture(scope="module")
def wrinkles() -> Wrinkles:
    lines = load_face_model().wrinkles
    assert lines is not None
    return lines


def seen(look: Look, canvas: Canvas, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The mean linear colour [3] of chosen texels."""
    return from_srgb(look.albedo.numpy().reshape(-1, 3)[canvas.texels][chosen]).mean(0)


def near(canvas: Canvas, x: float, y: float, radius: float) -> NDArray[np.bool_]:
    """Texels of the skin's front about a place, mm."""
    away = np.hypot(canvas.position[:, 0] - x, canvas.position[:, 1] - y)
    return (away < radius) & (canvas.position[:, 2] > 20) & canvas.within("skin")


def flat_canvas(size: int, texel: float) -> Canvas:
    """A square of skin of `texel` mm texels."""
    y, x = (a.ravel().astype(np.float32) for a in np.mgrid[0:size, 0:size])
    count = size * size
    zero = np.zeros(count, np.float32)

    def constant(*values: float) -> NDArray[np.float32]:
        return np.tile(np.array(values, np.float32), (count, 1))

    return Canvas(
        size, np.arange(count), np.arange(count, dtype=np.int32), zero.astype(np.int8),
        np.stack([x, -y, zero], 1) * texel, constant(0, 0, 1), constant(texel, 0, 0), constant(0, -texel, 0),
        zero, zero, zero, zero, zero, zero,
    )  # fmt: skip


def test_pigments_give_the_tones_they_were_fitted_to() -> None:
    melanin = np.array([0.11, 0.3, 0.59, 1.1, 2.19])
    chosen = np.array([(232, 198, 176), (214, 172, 145), (188, 141, 115), (150, 106, 83), (94, 63, 50)])
    made = to_srgb(skin_colour(melanin, np.zeros(5))).astype(int)
    assert np.abs(made - chosen).max() <= 4


def test_skin_is_never_orange() -> None:
    """Hue and chroma in CIELAB stay in the brown range that we chose for people, whatever the pigments of
    plain skin."""
    melanin, blood = (a.ravel() for a in np.meshgrid(np.geomspace(0.05, 3, 40), np.linspace(-0.06, 0.35, 20)))
    linear = skin_colour(melanin, blood)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / (to_xyz.sum(1))
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    a, b = 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])
    hue, chroma = np.rad2deg(np.arctan2(b, a)), np.hypot(a, b)
    assert hue.min() > 25 and hue.max() < 75
    assert chroma.max() < 31


def test_melanin_darkens_and_blood_reddens() -> None:
    amount = np.linspace(0.05, 3, 50)
    dark = skin_colour(amount, np.zeros(50))
    assert (np.diff(dark, axis=0) < 0).all()
    red = skin_colour(np.full(50, 0.3), amount)
    assert (np.diff(red[:, 0] / red[:, 1]) > 0).all()


def test_srgb_survives_a_round_trip() -> None:
    every = np.arange(256, dtype=np.uint8)
    assert (to_srgb(from_srgb(every)) == every).all()


def test_noise_has_no_mean_and_no_repeat() -> None:
    points = np.random.default_rng(0).uniform(-300, 300, (40000, 3))
    values = noise.octaves(points, 3, 7)
    assert abs(values.mean()) < 0.02
    assert 0.3 < values.std() < 0.7
    assert np.array_equal(values, noise.octaves(points, 3, 7))
    assert abs(np.corrcoef(values, noise.octaves(points, 3, 8))[0, 1]) < 0.05
    first, second, label = noise.cells(points, 7)
    assert (first <= second).all() and label.min() >= 0 and label.max() <= 1


def test_same_seed_same_people_and_all_in_range() -> None:
    people = [sample_skin(np.random.default_rng(seed)) for seed in range(200)]
    assert people == [sample_skin(np.random.default_rng(seed)) for seed in range(200)]
    tones = np.array([person.melanin for person in people])
    assert tones.min() < 0.2 and tones.max() > 1.8
    for field in (
        "freckles",
        "blush",
        "oil",
        "pores",
        "lip_blood",
        "stubble",
        "hair_eumelanin",
        "hair_grey",
        "iris_melanin",
    ):
        values = np.array([getattr(person, field) for person in people])
        assert values.min() >= 0 and values.max() <= 1, field
    assert all(person.stubble == 0 for person in people if person.male < 0.5)


def test_every_painted_part_has_texels(canvas: Canvas) -> None:
    parts = {PARTS[part] for part in np.unique(canvas.part)}
    teeth_and_gums = {"upper_teeth", "lower_teeth", "upper_gum"}
    assert {"skin", "left_eye", "right_eye", "tongue", "cavity"} | teeth_and_gums <= parts


def test_strands_cover_the_area_they_have() -> None:
    """Number by length by width, less the taper of the tips, at any size of texel."""
    count, length, width = 300, 8.0, 0.05
    tapered, mean_width = 1 - 0.8 / 3, 0.95
    flow = np.tile(np.array([0.6, 0.8, 0.0], np.float32), (128 * 128, 1))
    for texel in (0.2, 0.45):
        canvas, rng = flat_canvas(128, texel), np.random.default_rng(0)
        roots = rng.integers(60, 68, count) * 128 + rng.integers(40, 80, count)
        lengths, everywhere = np.full(count, length), np.ones(128 * 128, bool)
        cover, _ = grow(canvas, roots, flow, lengths, width, rng, everywhere, spread=0.0, curl=0.0)
        area = -np.log1p(-cover.astype(np.float64)).sum() * texel**2
        assert area == pytest.approx(count * length * width * tapered * mean_width, rel=0.03)


def test_same_person_same_bytes(canvas: Canvas, look: Look) -> None:
    again = bake_look(PLAIN, size=SIZE)
    assert all(
        torch.equal(getattr(look, name), getattr(again, name)) for name in ("albedo", "gloss", "relief")
    )


def test_another_seed_is_another_skin_of_the_same_tone(canvas: Canvas, look: Look) -> None:
    other = bake_look(dataclasses.replace(PLAIN, seed=6), size=SIZE)
    cheek = near(canvas, 38, -10, 12)
    assert not torch.equal(look.albedo, other.albedo)
    assert np.allclose(seen(look, canvas, cheek), seen(other, canvas, cheek), rtol=0.08)


def test_everybody_has_a_philtrum_and_wings_of_the_nose_and_age_deepens_them(canvas: Canvas) -> None:
    young, old = (furrows(canvas, dataclasses.replace(PLAIN, age=age)) for age in (20.0, 70.0))
    for x, y in ((0, -31), (17, -15), (-17, -15), (0, -64)):
        here = near(canvas, x, y, 2.5)
        assert young[here].max() > 0.2 and old[here].max() > 1.2 * young[here].max()
    assert np.abs(young[near(canvas, 40, -10, 12)]).max() < 0.02


def test_sclera_is_shaded_under_the_upper_lid(canvas: Canvas, look: Look) -> None:
    ball = (
        canvas.within("left_eye")
        & (np.abs(canvas.position[:, 0] - 31.5) > 7.5)
        & (canvas.position[:, 2] > 78)
    )
    height = canvas.position[:, 1] - 22
    under, open_ = (seen(look, canvas, ball & (np.abs(height - y) < 0.7)).mean() for y in (4.0, -1.0))
    assert under < 0.75 * open_


def test_lips_are_redder_than_cheeks_and_cheeks_than_the_forehead(canvas: Canvas, look: Look) -> None:
    def redness(chosen: NDArray[np.bool_]) -> float:
        colour = seen(look, canvas, chosen)
        return float(colour[0] / colour[1])

    lips = (canvas.lip > 0.2) & (canvas.lip < 0.8) & canvas.within("skin")
    assert redness(lips) > 1.25 * redness(near(canvas, 38, -10, 10))
    assert redness(near(canvas, 38, -10, 10)) > 1.03 * redness(near(canvas, 0, 65, 10))


def test_brows_eyes_and_teeth_have_their_colours(canvas: Canvas, look: Look) -> None:
    forehead = seen(look, canvas, near(canvas, 0, 65, 10)).mean()
    assert seen(look, canvas, near(canvas, 24, 40, 2)).mean() < 0.75 * forehead
    sclera = (
        canvas.within("left_eye")
        & (np.abs(canvas.position[:, 0] - 31.5) > 7.5)
        & (canvas.position[:, 2] > 80)
    )
    white = seen(look, canvas, sclera)
    assert white.mean() > 0.35 and white[0] / white[2] < 1.45
    pupil = canvas.within("left_eye") & (
        np.hypot(canvas.position[:, 0] - 31.5, canvas.position[:, 1] - 22) < 1.0
    )
    assert seen(look, canvas, pupil).max() < 0.02
    teeth = canvas.within("upper_teeth") & (canvas.position[:, 2] > 88)
    assert seen(look, canvas, teeth).mean() > 0.35


def test_stubble_grows_where_a_beard_does(canvas: Canvas, look: Look) -> None:
    bearded = bake_look(dataclasses.replace(PLAIN, stubble=0.6), size=SIZE)
    assert (
        seen(bearded, canvas, near(canvas, 0, -80, 8)).mean()
        < 0.9 * seen(look, canvas, near(canvas, 0, -80, 8)).mean()
    )
    forehead = near(canvas, 0, 65, 10)
    assert np.array_equal(seen(bearded, canvas, forehead), seen(look, canvas, forehead))


def test_old_skin_keeps_the_traces_of_its_expressions(wrinkles: Wrinkles) -> None:
    """What age adds to the relief looks like all folds together, and youth has none of it."""
    heights = [
        bake_look(dataclasses.replace(PLAIN, age=age), size=SIZE).relief.float() for age in (24.0, 70.0)
    ]
    lines = torch.nn.functional.interpolate(
        wrinkles.height.float().mean(0)[None, None], size=heights[0].shape
    )
    gain = torch.corrcoef(torch.stack([(heights[1] - heights[0]).flatten(), lines.flatten()]))[0, 1]
    young = torch.corrcoef(torch.stack([heights[0].flatten(), lines.flatten()]))[0, 1]
    assert gain > 0.3 and young.abs() < 0.1


def test_wrinkles_lie_on_their_own_side(canvas: Canvas, wrinkles: Wrinkles) -> None:
    height = np.abs(wrinkles.height.numpy().astype(int)).reshape(len(wrinkles.names), -1)[:, canvas.texels]
    for name, amount in zip(wrinkles.names, height, strict=True):
        sign = 1 if name.endswith("Left") else -1 if name.endswith("Right") else 0
        if sign:
            assert amount[canvas.position[:, 0] * sign > 0].sum() > 0.97 * amount.sum(), name
    brow = height[wrinkles.names.index("foreheadMiddle")]
    assert 45 < np.average(canvas.position[:, 1], weights=brow) < 90


def test_sides_are_not_mirror_images(wrinkles: Wrinkles) -> None:
    left, right = (wrinkles.height[wrinkles.names.index(f"eye{side}")].float() for side in ("Left", "Right"))
    assert torch.corrcoef(torch.stack([left.flatten(), right.flip(1).flatten()]))[0, 1] < 0.95


def test_expressions_turn_on_their_own_wrinkles(wrinkles: Wrinkles) -> None:
    def active(**weights: float) -> dict[str, float]:
        vector = torch.zeros(1, len(load_face_model().shape_names))
        for name, value in weights.items():
            vector[0, load_face_model().shape_names.index(name)] = value
        return dict(zip(wrinkles.names, activations(wrinkles, vector)[0].tolist(), strict=True))

    assert max(active().values()) == 0
    assert active(browInnerUp=1.0)["foreheadMiddle"] == pytest.approx(1)
    assert active(mouthSmileLeft=1.0)["smileLeft"] == pytest.approx(1)
    assert active(mouthSmileLeft=1.0)["smileRight"] == 0
    assert active(mouthSmileLeft=1, noseSneerLeft=1, mouthUpperUpLeft=1)["smileLeft"] == pytest.approx(1.2)
    speech = active(jawOpen=0.4, mouthFunnel=0.2, mouthLowerDownLeft=0.3, mouthLowerDownRight=0.3)
    assert max(speech.values()) < 0.15


def test_blood_leaves_pressed_lips_and_fills_smiling_cheeks(wrinkles: Wrinkles) -> None:
    quarter = head_canvas(wrinkles.blood.shape[-1])
    blood = wrinkles.blood.numpy().reshape(len(wrinkles.names), -1)[:, quarter.texels] / 127.0
    lips = (quarter.lip > 0.2) & (quarter.lip < 0.8) & quarter.within("skin")
    assert blood[wrinkles.names.index("pressed"), lips].mean() < -0.2
    assert blood[wrinkles.names.index("smileLeft"), near(quarter, 38, -8, 8)].mean() > 0.05


def test_every_map_has_a_driver_that_is_a_shape(wrinkles: Wrinkles) -> None:
    assert (wrinkles.drivers.max(1).values > 0.3).all()
    assert (wrinkles.drivers >= 0).all()


@pytest.mark.parametrize("name", ["ada", "noor", "emil"])
def test_bundled_avatars_fit_the_bundled_head(name: str) -> None:
    model, avatar = load_face_model(), load_avatar(asset(f"{name}.avatar"))
    assert avatar.rig == DEFAULT_RIG and avatar.identity is not None and avatar.look is not None
    assert torch.equal(avatar.faces, model.topology.faces)
    assert (avatar.neutral - model.neutral(avatar.identity)).norm(dim=1).mean() < 2e-3
    assert avatar.look.albedo.shape == (1024, 1024, 3)
    assert avatar.look.relief.shape == avatar.look.gloss.shape[:2] == (512, 512)


def test_folds_are_dark_below_the_mean_of_means_about_them_up_to_every_edge():
    draw = torch.Generator().manual_seed(0)
    height = torch.zeros(3, 96, 128, dtype=torch.int8)
    for number, box in enumerate((np.s_[:9, 30:60], np.s_[40:70, 90:], np.s_[0:0, 0:0])):
        height[number][box] = torch.randint(-99, 99, height[number][box].shape, generator=draw).to(torch.int8)
    flat = Wrinkles(tuple("abc"), height, torch.zeros(3, 8, 8, dtype=torch.int8), torch.zeros(3, 1))
    deep = height.double()[:, None] * RELIEF_UNIT
    mean = deep
    for _ in range(2):
        mean = F.avg_pool2d(mean, SURROUNDINGS, 1, SURROUNDINGS // 2, count_include_pad=False)
    raised = ((deep - mean) / DEPTH).tanh()
    wanted = F.interpolate(torch.where(raised < 0, SHADE, SHINE) * raised, (64, 64), mode="area")
    found = skin_ratios(flat, 64)
    assert (found - SEEN / GAMMA * wanted).abs().max() < 1e-6 and (
        found[:2].abs().amax((1, 2, 3)) > 0.1
    ).all()
    assert not found[2].any()
