"""talk personalize me.jpg: a picture becomes an avatar, or is refused for a reason. The detector here is the
truth: points of a studio person, projected."""

from __future__ import annotations

import functools
import importlib.util
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter

from talkcli.engine.assets import asset
from talkcli.engine.capture import detector
from talkcli.engine.capture.atlas import skin_atlas
from talkcli.engine.capture.beard_choice import beard_seen, without_beard
from talkcli.engine.capture.beard_places import beard_densities, beard_places, shaven
from talkcli.engine.capture.captured_person import CapturedPerson
from talkcli.engine.capture.covered_parts import covered_parts
from talkcli.engine.capture.detector_errors import DetectorErrors, detector_errors
from talkcli.engine.capture.even_room import printed_albedo, shown_by_even_room
from talkcli.engine.capture.fringe_choice import fringe_seen, without_fringe
from talkcli.engine.capture.glasses_choice import glasses_in
from talkcli.engine.capture.hair_choice import dressing_in
from talkcli.engine.capture.hairs_on_skin import hairiness
from talkcli.engine.capture.landmark_sets import CHIN, EYE_CORNERS
from talkcli.engine.capture.marks import marks_on
from talkcli.engine.capture.normal_equations import FaceFit, rotation_of
from talkcli.engine.capture.photo import check_in_sight, notes_on_picture
from talkcli.engine.capture.photographed_skin import SeenSkin, recoloured_hair, seen_skin
from talkcli.engine.capture.picture_light import without_light
from talkcli.engine.capture.sight import eye_distances, sight_of
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import centred_camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.textures import linear
from talkcli.engine.rendering.view import seen_at, view_of
from talkcli.engine.studio.scanned.hair.glasses import GLASSES_STYLES, glasses_of

SIZE, FOCAL = 384, 900.0
STILL = Motion(Fraction(25), Coefficients(torch.zeros(1, 54), torch.zeros(1, 3)))


def view(yaw: float = 6.0) -> np.ndarray:
    out = np.eye(4)
    out[:3, :3] = rotation_of(np.radians([0, yaw, 0.0]))
    out[:3, 3] = out[:3, :3] @ [0, 0.01, -0.06] + [0, 0, -0.8]
    return out


def picture_of(avatar: Avatar) -> np.ndarray:
    camera = centred_camera(torch.from_numpy(view()).float()[None], FOCAL, SIZE, SIZE)
    return next(iter(frames(STILL, avatar, camera, background="#4060a0", workers=1)))


class Truth:
    """A detector that knows."""

    errors: DetectorErrors | None = None
    found: list[np.ndarray]
    mask: np.ndarray

    def faces(self, picture: np.ndarray) -> list[np.ndarray]:
        return self.found

    def person(self, picture: np.ndarray) -> np.ndarray:
        return self.mask


@pytest.fixture
def knowing(monkeypatch) -> Truth:
    truth = Truth()
    monkeypatch.setattr(detector, "MediaPipe", lambda: truth)
    return truth


def points_of(avatar: Avatar, yaw: float = 6.0, scale: float = 1.0) -> np.ndarray:
    places = landmark_points(avatar.neutral, load_face_model().topology, "mediapipe").double().numpy()
    camera = view(yaw)
    there = seen_at(places @ camera[:3, :3].T + camera[:3, 3], FOCAL, (SIZE, SIZE))
    return (there - SIZE / 2) * scale + SIZE / 2


@pytest.fixture(scope="module")
def kofi() -> Avatar:
    return load_avatar(asset("kofi.avatar"))


@pytest.mark.slow
def test_a_photograph_becomes_an_avatar_that_looks_like_it(talk, knowing, kofi, tmp_path):
    assert kofi.look is not None
    light = torch.zeros(9, 3)
    light[0], light[1] = torch.tensor([0.9, 0.85, 0.8]), 0.25
    photo = picture_of(replace(kofi, look=replace(kofi.look, light=light)))
    Image.fromarray(photo).save(tmp_path / "me.png")
    knowing.found = [points_of(kofi)]
    knowing.mask = (np.abs(photo.astype(int) - [0x40, 0x60, 0xA0]).max(-1) > 8).astype(np.float32)
    out = tmp_path / "me.avatar"
    said = json.loads(talk("personalize", tmp_path / "me.png", "-o", out, "--json").stdout)
    assert said["faces"] == 1 and said["residual"] < 0.006 and said["style"] == "short"
    me = load_avatar(out)
    assert me.name == "me" and me.look is not None and me.look.light == "even"
    assert me.photograph is not None and me.studio_look is not None and me.studio_look.light == "studio"
    assert me.provenance["synthetic"] is True and me.provenance["source"] == "a photograph"
    again, face = picture_of(me), points_of(kofi)[[117, 346, 4, 151, 199, 50, 280]].astype(int)
    for column, row in face:
        patch = np.s_[row - 3 : row + 4, column - 3 : column + 4]
        assert np.abs(photo[patch].mean((0, 1)) - again[patch].mean((0, 1))).max() < 14, (column, row)


@pytest.mark.parametrize(
    ("found", "words", "code", "reason"),
    [
        ([], [], 3, "shows no face"),
        ([(0.0, 1.0), (0.0, 0.9)], [], 2, "shows 2 faces"),
        ([(6.0, 1.0)], ["--face", "2"], 2, "has no face 2"),
        ([(6.0, 0.25)], [], 3, "too small"),
        ([(75.0, 1.0)], [], 3, "turned away"),
        ([(6.0, 1.0)], ["--channel", "left"], 2, "has no sound"),
    ],
)
def test_what_cannot_become_an_avatar_is_refused_by_reason(
    talk, knowing, kofi, tmp_path, found, words, code, reason
):
    Image.fromarray(np.full((SIZE, SIZE, 3), 128, np.uint8)).save(tmp_path / "me.jpg")
    knowing.found = [points_of(kofi, *face) for face in found]
    said = talk("personalize", tmp_path / "me.jpg", "-o", tmp_path / "me.avatar", *words, code=code)
    assert reason in said.stderr.replace("\n", " ") and not (tmp_path / "me.avatar").exists()


@pytest.mark.parametrize(
    ("falls", "crown", "beside", "style"),
    [
        (None, 40, 40, "bald"),
        (0, 40, 10, "short"),
        (0, 2, 40, "cropped"),
        (0, 40, 40, "afro"),
        (110, 2, 40, "bob"),
        (220, 40, 40, "long"),
    ],
)
@pytest.mark.parametrize("fringe", [False, True])
def test_hair_is_as_long_as_it_falls_and_stands(falls, crown, beside, style, fringe):
    """A face 160 wide and 200 high, ears a hundred below its top, under and beside black hair, of whoever
    fills the middle of the picture; the bare head ends so many rows below its edge and so far beside it.
    Hair of middle length over the forehead is a fringe."""
    picture, points = np.full((400, 400, 3), (200, 150, 120), np.uint8), np.zeros((478, 2))
    for point, place in {10: (200, 80), 152: (200, 280), 127: (120, 150), 356: (280, 150)}.items():
        points[point] = place
    points[234], points[454] = (118, 180), (282, 180)
    if falls is not None:
        picture[20:80, 100:300] = 20
        picture[80 : 160 + falls, 80:116] = picture[80 : 160 + falls, 284:320] = 20
    skin = linear(picture)[200, 200]
    top = np.stack([np.linspace(120, 280, 161), np.full(161, crown)], 1)
    sides = [[[edge + way * beside, row] for row in range(50, 90)] for edge, way in ((80, 1), (320, -1))]
    head, mask = np.concatenate([top, *sides]), np.zeros((400, 400), np.float32)
    mask[:, 80:320] = 1
    worn = "fringe" if fringe and style == "bob" else style
    assert dressing_in(picture, points, mask, skin, head, fringe).style == worn


def test_the_light_of_a_picture_is_taken_off_a_face_and_its_brows_stay():
    """The face as our own skin has it, but for brows a third as bright, lit from the left by warm light."""
    maps, chance = skin_atlas(), np.random.default_rng(0)
    normals = chance.normal(size=(len(maps.corners), 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    expected = np.tile(np.array([0.5, 0.35, 0.25], np.float32), (len(normals), 1))
    brows = chance.random(len(normals)) < 0.1
    plain = expected * np.where(brows, 0.33, 1)[:, None]
    shade = (1 + 0.4 * normals[:, :1]) * np.array([1.1, 1, 0.9])
    trust = maps.face.astype(np.float32)
    found = without_light(SeenSkin((plain * shade).astype(np.float32), trust), expected, normals, maps)
    ratio = found.light[maps.face] / plain[maps.face]
    assert ratio.std(0).max() < 0.02 * ratio.mean()
    nobody = SeenSkin(found.light, np.zeros(len(normals), np.float32))
    assert without_light(nobody, expected, normals, maps) is nobody


def eyeballs_seen(avatar: Avatar, lower: float) -> SeenSkin:
    """In a picture in which eyeballs are white and all else is black, lashes too; there lids are so many
    metres lower than on the face that is laid on it."""
    model, maps, camera = load_face_model(), skin_atlas(), view()
    marks, points, zero = marks_on(model, avatar.neutral), points_of(avatar)[None], np.zeros
    fit = FaceFit(FOCAL, zero(1), camera[None, :3, :3], camera[None, :3, 3], zero((1, len(marks.names))))
    person = CapturedPerson(avatar.neutral, marks, fit, sight_of(points, (SIZE, SIZE), marks), 0.0)
    body, faces = avatar.neutral.double().numpy(), model.topology.faces.long().numpy()
    balls = np.concatenate([model.topology.regions[f"{side}_eye"].numpy() for side in ("left", "right")])
    there = body.copy()
    there[np.setdiff1d(np.arange(len(body)), balls), 1] -= lower
    shown = view_of(there @ camera[:3, :3].T + camera[:3, 3], faces, FOCAL, (SIZE, SIZE), both=True).ids
    ball = np.isin(faces, balls).astype(int).sum(1) == 3
    picture = np.stack([np.where(ball[shown] & (shown >= 0), 255, 0).astype(np.uint8)] * 3, -1)
    return seen_skin(picture, np.ones((SIZE, SIZE)), body, person, maps)


def test_what_lids_hide_of_an_eye_is_not_taken_for_it(kofi):
    seen, maps = eyeballs_seen(kofi, 0), skin_atlas()
    trusted = maps.eyes & (seen.trust > 0.3)
    assert trusted.sum() > 500 and seen.light[trusted].mean() > 0.75


def test_no_lid_that_is_followed_too_wide_colours_an_iris(kofi):
    seen, maps = eyeballs_seen(kofi, 0.0005), skin_atlas()
    iris = maps.eyes & (maps.off_axis < 0.38) & (seen.trust > 0.3)
    assert iris.sum() > 200 and np.percentile(seen.light[iris].mean(1), 10) > 0.85, "pixels are 0.8 mm"


def bearded_skin(style: str, shade: list[float]) -> tuple[SeenSkin, np.ndarray]:
    """Our own skin in some light, times `shade` where a beard grows; and where that is."""
    maps = skin_atlas()
    grown = maps.face & (beard_densities()[style] > 0.3)
    light = np.where(grown[:, None], shade, 1) * 0.7 * OWN
    return SeenSkin(light.astype(np.float32), maps.face.astype(np.float32)), grown


OWN = np.array([0.5, 0.35, 0.25], np.float32)
BLACK, GREY, SHADOW, SMILE = [0.15] * 3, [0.6, 1.0, 1.5], [0.6] * 3, [0.37, 0.33, 0.33]


@pytest.mark.parametrize(
    ("style", "shade", "hangs", "worn"),
    [
        ("full", BLACK, True, "full"),
        ("full", BLACK, False, "short-beard"),
        ("short-beard", GREY, True, "short-beard"),
        ("goatee", BLACK, True, "goatee"),
        ("goatee", GREY, False, "goatee"),
        ("moustache", BLACK, False, "moustache"),
        ("full", SHADOW, False, None),
        ("moustache", SMILE, False, None),
    ],
)
def test_a_beard_is_worn_of_its_kind_in_its_own_colour(style, shade, hangs, worn):
    """A face whose eyes are 62 pixels apart; below its chin hangs hair, or is the neck."""
    maps, points = skin_atlas(), np.zeros((478, 2))
    for side, x in (("Left", 181), ("Right", 119)):
        points[list(EYE_CORNERS[side])] = (x, 100)
    points[CHIN] = (150, 210)
    picture = np.full((300, 300, 3), 10 if hangs else 200, np.uint8)
    seen, grown = bearded_skin(style, shade)
    hairy = hairiness(seen, np.tile(OWN, (len(grown), 1)), maps)
    found = beard_seen(seen, hairy, picture, points)
    assert (found.style if found else None) == worn
    if found:
        assert np.allclose(found.light, 0.7 * OWN * shade, rtol=1e-3)
        bare = without_beard(seen, hairy, found)
        assert bare.trust[grown].max() < 0.7 and bare.trust[maps.face & ~grown].mean() > 0.98


def test_hair_over_the_forehead_is_a_fringe_and_no_skin():
    maps = skin_atlas()
    at, own = maps.canvas.position, np.tile(OWN, (len(maps.corners), 1))
    covered = maps.face & (at[:, 1] > 45)
    bare = SeenSkin(0.7 * own, maps.face.astype(np.float32))
    fringed = SeenSkin(np.where(covered[:, None], 0.1, 0.7).astype(np.float32) * own, bare.trust)
    assert not fringe_seen(hairiness(bare, own, maps), maps)
    hairy = hairiness(fringed, own, maps)
    assert fringe_seen(hairy, maps)
    left = without_fringe(fringed, hairy, maps)
    assert left.trust[maps.face & (at[:, 1] > 48)].max() == 0
    assert left.trust[maps.face & (at[:, 1] < 42)].min() == 1


def test_our_own_skin_is_shaven():
    """Emil's is darker where beards grow; ada's is not."""
    maps, places = skin_atlas(), beard_places()
    for name, change in (("emil", 0.05), ("ada", 0.0)):
        look = load_avatar(asset(f"{name}.avatar")).look
        assert look is not None
        own = linear(look.albedo.numpy()).reshape(-1, 3)[maps.canvas.texels]
        level = np.log(shaven(own).mean(1) / own.mean(1))
        assert np.median(level[places.chin]) >= change and level[places.skin].max() < 0.01
        if not change:
            assert not level.any()


@functools.cache
def clear(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A picture of somebody bundled from nearby, and the detector's points."""
    avatar = load_avatar(asset(f"{name}.avatar"))
    camera = centred_camera(torch.from_numpy(view()).float()[None], FOCAL, SIZE, SIZE)
    return next(iter(frames(STILL, avatar, camera, workers=1))), points_of(avatar)


def drawn_over(name: str, thing: str) -> np.ndarray:
    picture, points = clear(name)
    image, wide = Image.fromarray(picture), np.ptp(points[:, 0])
    pencil, skin = ImageDraw.Draw(image), tuple(picture[tuple(points[50, ::-1].astype(int))].tolist())
    where, colour, tall = {
        "mask": (13, (150, 185, 205), 0.25), "hand": (13, skin, 0.25), "hand on eyes": (168, skin, 0.12),
        "dark glasses": (168, (22, 22, 25), 0.12),
    }[thing]  # fmt: skip
    low, high = points[where] - wide * np.array([0.5, tall]), points[where] + wide * np.array([0.5, tall])
    pencil.rounded_rectangle([*low, *high], 8, colour)
    for row in np.linspace(low[1], high[1], 5)[1:-1]:
        pencil.line([low[0], row, high[0], row], tuple(int(0.85 * v) for v in colour), 2)
    return np.asarray(image)


@pytest.mark.parametrize("name", ["kofi", "marta", "otto"])
def test_beards_glasses_and_dark_skin_cover_nothing(name):
    picture, points = clear(name)
    grey = np.repeat(picture.mean(-1, keepdims=True).astype(np.uint8), 3, -1)
    assert covered_parts(picture, points) == () == covered_parts(grey, points)
    for seen in (picture, grey):
        check_in_sight(Path("me.jpg"), seen, points, float(eye_distances(points[None])[0]))


def test_a_blurred_face_is_not_said_to_be_covered():
    picture, points = clear("ada")
    smooth = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(16)))
    with pytest.raises(BadInput, match="too blurred"):
        check_in_sight(Path("me.jpg"), smooth, points, 80.0)
    assert covered_parts(smooth, points) and len(notes_on_picture(smooth, points, 80.0)) == 1


@pytest.mark.parametrize("name", ["kofi", "marta", "otto"])
@pytest.mark.parametrize(
    ("thing", "part"),
    [("mask", "mouth"), ("hand", "mouth"), ("dark glasses", "eyes"), ("hand on eyes", "eyes")],
)
def test_a_covered_mouth_and_covered_eyes_are_seen(name, thing, part):
    picture, points = drawn_over(name, thing), clear(name)[1]
    assert covered_parts(picture, points) == (part,)
    with pytest.raises(BadInput, match=f"covers the {part} in me.jpg"):
        check_in_sight(Path("me.jpg"), picture, points, float(eye_distances(points[None])[0]))


@pytest.mark.parametrize("style", ["acetate", "wire"])
@pytest.mark.parametrize("name", ["ada", "kofi", "marta"])
def test_glasses_are_seen_with_their_kind_and_their_rims_below_the_eyes(name, style):
    """Of somebody with and without: what is much darker below the eyes is the rims."""
    avatar = load_avatar(asset(f"{name}.avatar"))
    worn = tuple(each for each in avatar.worn if each.name not in GLASSES_STYLES)
    without, points = picture_of(replace(avatar, worn=worn)), points_of(avatar)
    assert glasses_in(without, points) is None
    picture = picture_of(replace(avatar, worn=(*worn, glasses_of(style, avatar.neutral))))
    seen = glasses_in(picture, points)
    assert seen is not None and seen.style == style and seen.frame.mean() < 0.06
    rims = linear(picture).mean(-1) < 0.3 * linear(without).mean(-1)
    low, high = (int(points[number, 1]) for number in (145, 2))
    rims[: low + 6], rims[high:] = False, False
    left, right = np.sort(points[[127, 356], 0]).astype(int)
    rims[:, :left], rims[:, right:] = False, False
    assert (rims & seen.frame).sum() >= 0.95 * rims.sum()


@pytest.mark.parametrize("errors", [None, detector_errors()], ids=["as seen", "where they belong"])
def test_points_of_nobody_are_refused(talk, knowing, kofi, tmp_path, errors):
    knowing.errors = errors
    Image.fromarray(np.full((SIZE, SIZE, 3), 128, np.uint8)).save(tmp_path / "me.jpg")
    knowing.found = [points_of(kofi) + np.random.default_rng(0).normal(0, 6, (478, 2))]
    said = talk("personalize", tmp_path / "me.jpg", "-o", tmp_path / "me.avatar", code=3)
    assert "no human face" in said.stderr


def test_a_face_that_is_no_persons_is_refused(talk, knowing, kofi, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "me.jpg")
    knowing.found, knowing.mask = [points_of(kofi)], np.zeros((SIZE, SIZE), np.float32)
    said = talk("personalize", tmp_path / "me.jpg", "-o", tmp_path / "me.avatar", code=3).stderr
    assert "me.jpg" in said and "no person's" in said and not (tmp_path / "me.avatar").exists()


@pytest.mark.skipif(importlib.util.find_spec("mediapipe") is not None, reason="mediapipe is installed")
def test_without_mediapipe_the_extra_is_named(talk, tmp_path):
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "me.png")
    said = talk("personalize", tmp_path / "me.png", "-o", tmp_path / "me.avatar", code=4)
    assert "talkcli[capture]" in said.stderr
    (tmp_path / "voice.txt").write_text("no picture", encoding="utf-8")
    assert not Path(tmp_path / "me.avatar").exists()


def test_printed_albedo_shows_what_was_seen():
    chance = np.random.default_rng(0)
    shown = chance.uniform(0.01, 0.75, (200, 3)).astype(np.float32)
    shelter = chance.uniform(0.85, 1, 200).astype(np.float32)
    assert np.abs(shown_by_even_room(printed_albedo(shown, shelter), shelter) - shown).max() < 0.01


def test_painted_hair_has_the_hue_of_the_picture_and_nothing_else_changes(kofi):
    assert kofi.look is not None
    grey, maps = np.full(3, 0.3, np.float32), skin_atlas()
    looks = kofi.look, recoloured_hair(kofi.look, grey, maps)
    before, after = (linear(look.albedo.numpy()).reshape(-1, 3) for look in looks)
    changed = np.flatnonzero(np.abs(after - before).max(1) > 0.01)
    assert len(changed) > 1000 and np.isin(changed, maps.canvas.texels[maps.scalp]).all()
    level = before[changed].mean(1)
    dark = changed[level < np.quantile(level, 0.3)]
    assert np.ptp(after[dark], axis=1).max() < 0.01 and after[dark].mean() > 2 * before[dark].mean()
