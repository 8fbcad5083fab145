"""Dials: what they turn, how far, and that nothing turns by itself."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from test_life import lids, shut, still

from talkcli.engine.assets import asset
from talkcli.engine.editing.dials import AS_SPOKEN, DIAL_LIMITS, UPPER_FACE, Dials, as_dialled
from talkcli.engine.editing.life import LifeAmounts, unmoved, with_life
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.motion import Coefficients, Folds, Motion, Shapes, Textures, Vertices, load_motion
from talkcli.engine.speech import SAMPLE_RATE, Speech

FPS, FRAMES = Fraction(30), 60


def dice(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


FACES = {
    "coefficients": Coefficients(dice(FRAMES, 52), dice(FRAMES, 3)),
    "shapes": Shapes(dice(FRAMES, 4), dice(4, 9, 3)),
    "vertices": Vertices(dice(FRAMES, 9, 3)),
}
SKINS = {
    "none": None,
    "folds": Folds(dice(FRAMES, 5)),
    "textures": Textures(dice(FRAMES, 2), dice(2, 3, 4, 4)),
}


@pytest.fixture(params=FACES)
def motion(request) -> Motion:
    return Motion(FPS, FACES[request.param], texture=SKINS["folds"])


def numbers(motion: Motion) -> torch.Tensor:
    """Of the face and the skin, [frames, all of them]."""
    tracks = [*vars(motion.face).values(), *(vars(motion.texture).values() if motion.texture else ())]
    return torch.cat(
        [track.flatten(1) for track in tracks if torch.is_tensor(track) and len(track) == FRAMES], 1
    )


def test_nothing_turns_by_itself(motion):
    assert as_dialled(motion, AS_SPOKEN) is motion and AS_SPOKEN.turned == {}
    assert AS_SPOKEN.amounts == LifeAmounts()


@pytest.mark.parametrize("milliseconds", [100, -100, 1000 / 30])
def test_an_offset_moves_the_speaking_by_frames(motion, milliseconds):
    moved, frames = numbers(as_dialled(motion, Dials(offset=milliseconds))), round(milliseconds * 30 / 1000)
    before, after = (moved[frames:], numbers(motion)[:-frames]) if frames > 0 else (
        moved[:frames], numbers(motion)[-frames:],
    )  # fmt: skip
    assert torch.allclose(before, after, atol=1e-5)
    half = numbers(as_dialled(motion, Dials(offset=50)))
    assert torch.allclose(half[2:], (numbers(motion)[:-2] + numbers(motion)[1:-1]) / 2, atol=1e-5)


def test_smoothing_keeps_what_is_still_and_the_mean_and_calms_what_moves(motion):
    calm = as_dialled(motion, Dials(smooth=200))
    assert calm.fps == motion.fps and len(calm) == len(motion)
    assert numbers(calm).diff(dim=0).abs().mean() < 0.3 * numbers(motion).diff(dim=0).abs().mean()
    flat = replace(motion, texture=None, face=motion.face.map(lambda t: t[:1].expand_as(t).contiguous()))
    assert torch.allclose(numbers(as_dialled(flat, Dials(smooth=500))), numbers(flat), atol=1e-5)
    pulse = torch.zeros(FRAMES, 1, 3)
    pulse[30] = 1
    wave = numbers(as_dialled(Motion(FPS, Vertices(pulse)), Dials(smooth=200)))[:, 0]
    assert wave.sum() == pytest.approx(1, abs=1e-5) and wave.argmax() == 30
    assert wave[33] == pytest.approx(float(wave[30]) / 2, rel=1e-4), (
        "3 frames of 30 a second are half of 200 ms"
    )


def test_strength_scales_what_the_mouth_does_and_leaves_the_upper_face():
    face = FACES["coefficients"]
    assert isinstance(face, Coefficients)
    names = load_rig(face.rig).shape_names[:52]
    for strength in (0.0, 0.5, 1.5):
        stronger = as_dialled(Motion(FPS, face), Dials(strength=strength)).face
        assert isinstance(stronger, Coefficients) and torch.equal(stronger.jaw, face.jaw * strength)
        for column, name in enumerate(names):
            before, after = face.expression[:, column], stronger.expression[:, column]
            expected = before if name.startswith(UPPER_FACE) else (before * strength).clamp(max=1)
            assert torch.allclose(after, expected), name


@pytest.mark.parametrize("kind", ["shapes", "vertices"])
@pytest.mark.parametrize("skin", SKINS)
def test_strength_scales_all_of_a_bare_mesh_and_its_skin(kind, skin):
    motion = Motion(FPS, FACES[kind], texture=SKINS[skin])
    assert torch.allclose(numbers(as_dialled(motion, Dials(strength=0.5))), numbers(motion) / 2)


@pytest.fixture(scope="module")
def ada() -> Avatar:
    return load_avatar(asset("ada.avatar"))


SPEECH = Speech(0.2 * torch.randn(120 * SAMPLE_RATE, generator=torch.Generator().manual_seed(0)))


def alive(ada: Avatar, **dials: float) -> Motion:
    return with_life(still(), SPEECH, ada, amounts=Dials(**dials).amounts)


def test_life_has_parts_that_follow_it_or_stand_alone(ada):
    whole, half = alive(ada), alive(ada, life=0.5)
    assert whole.head is not None and half.head is not None
    assert torch.allclose(half.head.rotation, whole.head.rotation / 2)
    assert torch.allclose(half.head.translation, whole.head.translation / 2)
    only_head = alive(ada, life=0, head=1)
    assert only_head.head is not None and torch.equal(only_head.head.rotation, whole.head.rotation)
    assert torch.equal(only_head.face.expression, still().face.expression)  # type: ignore[union-attr]
    assert alive(ada, head=0).head is None
    assert torch.equal(lids(alive(ada, head=0.5, gaze=0), ada), lids(whole, ada))


def test_blinks_come_as_often_as_they_are_dialled_and_stay_whole(ada):
    never, seldom, usual, often = (lids(alive(ada, blinks=often), ada) for often in (0, 0.3, 1, 2))
    assert not never.any()
    assert len(shut(seldom)) < 0.6 * len(shut(usual)) and len(shut(often)) > 1.3 * len(shut(usual))
    assert seldom.max() > 0.9


@pytest.mark.parametrize("name", DIAL_LIMITS)
def test_a_dial_has_limits(name, talk, hello, untaught, bare_face):
    low, high = DIAL_LIMITS[name]
    for value in (low - 0.1, high + 0.1, math.nan, math.inf):
        with pytest.raises(BadUsage, match=f"--{name} cannot be"):
            Dials(**{name: value})
    words = ("-m", untaught, "-a", bare_face, "-o", hello.with_suffix(".motion"))
    assert f"--{name}" in talk("animate", hello, *words, f"--{name}={high + 1}", code=2).stderr


def test_dials_turn_what_is_animated_and_stand_in_its_provenance(talk, hello, untaught, bare_face):
    words = (
        "animate",
        hello,
        "-m",
        untaught,
        "-a",
        bare_face,
        "--overwrite",
        "-o",
        hello.with_suffix(".motion"),
    )

    def spoken(*dials: str) -> Motion:
        talk(*words, *dials)
        return load_motion(hello.with_suffix(".motion"))

    plain, weak = spoken(), spoken("--strength", "0.5", "--life", "0")
    assert weak.head is None and "dials" not in plain.provenance
    assert json.loads(json.dumps(weak.provenance["dials"])) == {"strength": 0.5, "life": 0}
    assert isinstance(weak.face, Shapes) and isinstance(plain.face, Shapes)
    assert torch.allclose(weak.face.weights, plain.face.weights / 2)
    still_head = spoken("--no-life", "--head", "0.5").head
    assert still_head is not None and plain.head is not None
    assert torch.allclose(still_head.rotation, plain.head.rotation / 2)


def test_what_a_bare_face_cannot_do_is_told(talk, untaught, bare_face, hello, tmp_path):
    words = ("animate", hello, "-m", untaught, "-a", bare_face, "-o", tmp_path / "x.motion", "--overwrite")
    said = talk(*words, "--gaze", 0.5, "--blinks", 1, "--json")
    (row,) = json.loads(said.stdout)["results"]
    (note,) = (note for note in row["notes"] if "--gaze and --blinks do nothing" in note)
    assert "bare has no rig" in note and note in said.stderr
    assert "do nothing" not in talk(*words, "--head", 0.5).stderr
    assert unmoved(load_avatar(bare_face), {"eyes", "head"}, ["head"]).endswith("--head does nothing.")
