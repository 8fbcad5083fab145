"""Live Link Face: the app's columns, units and signs, and the same face read back."""

from __future__ import annotations

import csv
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch import Tensor

from talkcli.engine.assets import asset
from talkcli.engine.face.arkit import ARKIT, LOOK_ASIDE, OPPOSITES
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.geometry import offsets
from talkcli.engine.face.rigs import Rigged, rigged
from talkcli.engine.face.shape_weights import captured_weights, fitted_weights, products_of
from talkcli.engine.methods import open_talker
from talkcli.engine.motion import Coefficients, Face, Head, Motion, Shapes, Vertices
from talkcli.engine.rendering.live_link import LIVE_LINK_CHANNELS, SHAPE_CHANNELS, write_live_link
from talkcli.engine.speech import SAMPLE_RATE, Speech, load_speech

AS_RECORDED = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,"
    "EyeSquintLeft,EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,"
    "EyeSquintRight,EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,"
    "MouthRight,MouthLeft,MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,"
    "MouthDimpleRight,MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,"
    "MouthShrugUpper,MouthPressLeft,MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,"
    "MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,"
    "CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,TongueOut,HeadYaw,HeadPitch,HeadRoll,"
    "LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"
)
"""The first line of the app's recordings."""

FPS = Fraction(30)


@pytest.fixture(scope="module")
def ada() -> Avatar:
    return load_avatar(asset("ada.avatar"))


@pytest.fixture(scope="module")
def rig(ada) -> Rigged:
    worn = rigged(ada)
    assert worn is not None
    return worn


@pytest.fixture(scope="module")
def said(ada) -> Motion:
    """Two seconds of the starter that speaks quickest."""
    words = Speech(load_speech(asset("hello.wav")).waveform[: 2 * SAMPLE_RATE])
    return open_talker("memorytalker").animate(words, ada, seed=0)


def posing(rig: Rigged, **named: float) -> Tensor:
    return rig.model.weight_vector(**named)


def spoken(weights: Tensor) -> Coefficients:
    return Coefficients(weights, torch.zeros(len(weights), 3))


def read(motion: Motion, ada: Avatar, folder: Path) -> list[dict[str, str]]:
    write_live_link(motion, ada, folder / "a.csv")
    with (folder / "a.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def shapes_of(rows: list[dict[str, str]]) -> Tensor:
    names = [name[0].upper() + name[1:] for name in SHAPE_CHANNELS]
    return torch.tensor([[float(row[name]) for name in names] for row in rows])


def test_names_and_numbers_stand_as_the_app_writes_them(ada, rig, tmp_path):
    """And as Unreal's importer asks: two names first, as many values as names, four parts of time."""
    read(Motion(FPS, spoken(posing(rig, jawOpen=0.25)[None].expand(70, -1))), ada, tmp_path)
    text = (tmp_path / "a.csv").read_text()
    header, *lines = text.splitlines()
    assert header == AS_RECORDED and len(lines) == 70 and "\r" not in text
    assert sorted(SHAPE_CHANNELS) == sorted(ARKIT) and len(LIVE_LINK_CHANNELS) == 61
    for number, line in enumerate(lines):
        time, count, *values = line.split(",")
        assert time == f"00:00:{number // 30:02d}:{number % 30:02d}.000" and count == "61"
        assert len(values) == 61 and all(len(value.split(".")[1]) == 10 for value in values)


@pytest.mark.parametrize(
    ("fps", "frame", "time"),
    [
        (Fraction(25), 24, "00:00:00:24.000"),
        (Fraction(60), 59, "00:00:00:59.000"),
        (Fraction(30), 30 * 3725 + 7, "01:02:05:07.000"),
        (Fraction(30000, 1001), 29, "00:00:00:29.000"),
        (Fraction(30000, 1001), 30, "00:00:01:00.030"),
        (Fraction(50, 3), 17, "00:00:01:00.333"),
    ],
)
def test_time_is_hours_minutes_seconds_frames(fps, frame, time):
    from talkcli.engine.rendering.live_link import timecode

    assert timecode(frame, fps) == time


@pytest.mark.parametrize(
    ("rotation", "yaw", "pitch", "roll"),
    [
        ((0.1, 0, 0), 0, 0.1, 0),  # a nod downwards
        ((0, 0.2, 0), -0.2, 0, 0),  # to the subject's left, +x
        ((0, 0, 0.15), 0, 0, -0.15),  # the left ear up
        ((0, 0, 0), 0, 0, 0),
    ],
)
def test_a_head_turns_right_and_down_and_rolls_left_in_radians(
    rotation, yaw, pitch, roll, ada, rig, tmp_path
):
    head = Head(torch.tensor([rotation], dtype=torch.float), torch.zeros(1, 3))
    [row] = read(Motion(FPS, spoken(posing(rig)[None]), head), ada, tmp_path)
    turns = [float(row[f"Head{turn}"]) for turn in ("Yaw", "Pitch", "Roll")]
    assert turns == pytest.approx([yaw, pitch, roll], abs=1e-6)


def test_eyes_turn_as_the_eyeballs_do(ada, rig, tmp_path):
    """Right and down are above 0, as in the app's recordings; the angle is that of the geometry."""
    look = {"eyeLookInLeft": 0.35, "eyeLookOutRight": 0.3, "eyeLookDownLeft": 0.2, "eyeLookUpRight": 0.1}
    motion = Motion(FPS, spoken(posing(rig, **look)[None]))
    row = {name: float(value) for name, value in read(motion, ada, tmp_path)[0].items() if "Eye" in name}
    assert float(row["LeftEyeYaw"]) > 0.15 and float(row["RightEyeYaw"]) > 0.15
    assert float(row["LeftEyePitch"]) > 0.05 and float(row["RightEyePitch"]) < -0.03
    assert float(row["LeftEyeYaw"]) == pytest.approx(0.35 * LOOK_ASIDE * torch.pi / 180, abs=1e-6)
    for side, joint in (("Left", 3), ("Right", 4)):
        ball = rig.model.weights[:, joint] > 0.99
        before = ada.neutral[ball] - ada.neutral[ball].mean(0)
        after = before + offsets(motion, ada)[0, ball]
        u, _, v = torch.linalg.svd(before.T @ (after - after.mean(0)))
        ahead = (v.T @ u.T)[:, 2]
        assert float(row[f"{side}EyeYaw"]) == pytest.approx(float(-torch.atan2(ahead[0], ahead[2])), abs=0.03)
        assert float(row[f"{side}EyePitch"]) == pytest.approx(float(-torch.asin(ahead[1])), abs=0.03)


def natural(rig: Rigged, frames: int, seed: int = 0) -> Tensor:
    """Weights in 0..1, a third of them above 0, without opposites and without the rig's own tongue."""
    dice = torch.Generator().manual_seed(seed)
    weights = torch.rand(frames, len(rig.shapes), generator=dice)
    weights *= torch.rand(frames, len(rig.shapes), generator=dice) < 0.3
    for one, other in OPPOSITES:
        places = rig.model.columns([one, other])
        weights[:, places[1]] *= weights[:, places[0]] == 0
    weights[:, len(ARKIT) :] = 0
    return weights


def test_weights_that_face_capture_could_have_are_written_as_they_are(ada, rig, tmp_path):
    weights = natural(rig, 20)
    rows = read(Motion(FPS, spoken(weights)), ada, tmp_path)
    assert torch.equal(shapes_of(rows), weights[:, rig.model.columns(SHAPE_CHANNELS)])
    jaw = torch.tensor([[0.15, 0, 0]])
    opened = read(Motion(FPS, Coefficients(torch.zeros(1, 52), jaw)), ada, tmp_path)
    assert float(opened[0]["JawOpen"]) == pytest.approx(0.5)


def test_of_opposites_one_is_written_and_the_face_is_the_same(ada, rig, tmp_path):
    """A jaw to the left is one to the right below 0; blinks, looks and brows as well."""
    tense = posing(rig, jawLeft=0.5, jawRight=0.2, jawOpen=0.3)[None]
    [row] = read(Motion(FPS, spoken(tense)), ada, tmp_path)
    assert float(row["JawLeft"]) == pytest.approx(0.3, abs=0.03) and float(row["JawRight"]) == 0
    below = posing(rig, jawRight=-0.3, jawOpen=0.3)[None]
    [row] = read(Motion(FPS, spoken(below)), ada, tmp_path)
    assert float(row["JawLeft"]) == pytest.approx(0.3, abs=0.03) and float(row["JawRight"]) == 0
    dice = torch.Generator().manual_seed(1)
    crowded = captured_weights(torch.rand(30, len(rig.shapes), generator=dice), rig)
    assert crowded.min() >= 0 and crowded.max() <= 1
    for pair in OPPOSITES:
        assert not crowded[:, rig.model.columns(pair)].amin(1).any(), pair


def in_vertices(face: Coefficients, ada: Avatar, rig: Rigged) -> Face:
    return Vertices(offsets(Motion(FPS, face), ada))


def in_shapes(face: Coefficients, ada: Avatar, rig: Rigged) -> Face:
    """The same as a mixture: every shape, and what is left of each frame."""
    rest = offsets(Motion(FPS, face), ada) - (face.expression @ rig.shapes.flatten(1)).unflatten(1, (-1, 3))
    return Shapes(torch.cat([face.expression, torch.eye(len(rest))], 1), torch.cat([rig.shapes, rest]))


@pytest.mark.parametrize("written", [in_vertices, in_shapes])
def test_geometry_becomes_the_weights_that_made_it(written, ada, rig, said, tmp_path):
    """The arc of the jaw and the touch of the lips included: the face within 0.3 mm, most weights to 0.02."""
    weights = captured_weights(said.face.expression[::8], rig)
    weights[:, len(ARKIT) - 1 :] = 0
    motion = Motion(FPS, spoken(weights))
    rows = read(Motion(FPS, written(motion.face, ada, rig)), ada, tmp_path)
    found = rig.model.spread(shapes_of(rows), SHAPE_CHANNELS)
    assert (found - weights).abs().quantile(0.95) < 0.02
    away = offsets(Motion(FPS, spoken(found)), ada) - offsets(motion, ada)
    assert away.norm(dim=2).max() < 3e-4


def test_what_explains_nothing_stays_at_zero_and_nothing_passes_one(rig):
    """Strength 1.5 of a smile is a smile of 1; noise below a hair's breadth moves no shape far."""
    smile = posing(rig, mouthSmile=1.5)[None]
    [found] = fitted_weights(products_of((smile @ rig.shapes.flatten(1)).unflatten(1, (-1, 3)), rig), rig)
    assert found[rig.model.columns(["mouthSmileLeft", "mouthSmileRight"])].tolist() == pytest.approx([1, 1])
    noise = 1e-5 * torch.randn(1, *rig.shapes.shape[1:], generator=torch.Generator().manual_seed(0))
    assert fitted_weights(products_of(noise, rig), rig).max() < 0.01


@pytest.mark.parametrize("method", ["memorytalker", "textalker"])
def test_what_a_starter_speaks_is_read_back_as_the_same_face(method, ada, rig, tmp_path):
    """Its weights pass below 0 now and then, which no capture has: nearly all of the face within 0.3 mm.

    The rig's own tongue is left out: it is no part of the format.
    """
    speech = load_speech(asset("hello.wav"))
    words = Speech(speech.waveform[: 2 * SAMPLE_RATE])
    motion = replace(open_talker(method).animate(words, ada, seed=0), head=None)
    shapes = shapes_of(read(motion, ada, tmp_path))
    assert shapes.min() >= 0 and shapes.max() <= 1
    back = Motion(motion.fps, spoken(rig.model.spread(shapes, SHAPE_CHANNELS)))
    skin = rig.shapes[len(ARKIT) - 1 :].norm(dim=2).amax(0) < 1e-4
    away = (offsets(back, ada) - offsets(motion, ada)).norm(dim=2)[:, skin]
    assert away.mean() < 5e-5 and (away < 3e-4).float().mean() > 0.985
