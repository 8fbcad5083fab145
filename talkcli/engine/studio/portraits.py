"""Portraits: people of the studio from the front in any face, light and lens, to learn to read faces of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from talkcli.engine.config import LARGEST_INTEGER, check_limits
from talkcli.engine.face.acting import wrinkles_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import JOINTS, FaceModel, load_face_model
from talkcli.engine.face.geometry import Posed, posed
from talkcli.engine.face.look import LIGHTS, Look
from talkcli.engine.face.rotations import axis_angle, matrix
from talkcli.engine.files import load_struct
from talkcli.engine.motion import Coefficients, Head, Motion, check_reach
from talkcli.engine.rendering.acting_skin import wrinkle_maps
from talkcli.engine.rendering.camera import Camera, look_at
from talkcli.engine.rendering.lights import light_rig
from talkcli.engine.rendering.picture import Painter, Pixels, PosedMoment
from talkcli.engine.rendering.surface import surface_of
from talkcli.engine.struct import TensorStruct
from talkcli.engine.studio.expression_space import natural_faces
from talkcli.engine.studio.sessions import Sitting

PORTRAITS_SUFFIX, PORTRAITS_PLAN = ".portraits", "portraits.json"
EYES, UNDER_NOSE = (33, 133, 362, 263), 2
"""MediaPipe's points by which a face is placed: they stay where they are, whatever the face does."""
PORTRAIT_MARKS = "ibug68"
"""The landmarks that portraits know the places of."""
ABOUT = 3.6
"""Sides of the square about a face, in distances from between the eyes to under the nose: brows to chin."""
_LIGHTS = 4
"""Lights that somebody is seen in."""
_GENTLE = 0.1
"""The least that faces are pulled, of natural ones."""
_TURNS, _ROUND = (6.0, 9.0, 5.0), (12.0, 7.0)
"""Degrees, deviations: of the head's nod, turn and tilt; of the camera's ways to the side and up."""
_FARTHEST = 2.2
"""Deviations that any of them is at most."""
_NEAR, _FAR = 0.4, 1.8
"""Metres from the camera."""
_FILLS, _LESS, _SMALL = (0.6, 0.76), 0.25, 0.25
"""Of the picture's side, that of the square about the face; the least of those who are small, and their
share."""


@dataclass(frozen=True)
class PortraitPlan:
    people: int = 192
    shots: int = 64
    """Of each person."""
    size: int = 160
    """Pixels along a side."""
    skin: int = 512
    """Texels along a side of the skins."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_limits(self, people=(1, 100_000), shots=(1, 10_000), size=(32, 2048))
        check_limits(self, skin=(64, 4096), seed=(0, LARGEST_INTEGER))


class Portraits(TensorStruct):
    """One person's."""

    name: str
    weights: Float[Tensor, "shots shapes"]
    turns: Float[Tensor, "shots 3"]
    """Of the head to the camera, axis-angle, radians."""
    squares: Float[Tensor, "shots 3"]
    """About the face: column and row of its middle, side; pixels. See `face_squares`."""
    marks: Float[Tensor, "shots points 2"]
    """Column and row of the landmarks `PORTRAIT_MARKS`, hidden ones too; pixels."""
    pictures: UInt8[Tensor, "shots height width 4"]
    """sRGB, and how much of a pixel the person covers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights.shape[1] != len(load_face_model().shape_names) or not len(self.weights):
            raise ValueError(f"Portraits.{self.name} are of another head")
        if float(self.squares[:, 2].min()) <= 0:
            raise ValueError(f"Portraits.{self.name} have faces without extent")


def portraits_of(plan: PortraitPlan, number: int) -> Portraits:
    """Those of one person; the same plan and number give the same."""
    from talkcli.engine.studio.scanned.avatars import make_avatar, sample_outfit  # slow, for who only learns
    from talkcli.engine.studio.scanned.people import sample_person

    chance = np.random.default_rng([plan.seed, number, 18])
    person = sample_person(int(chance.integers(2**31)))
    avatar = make_avatar(f"p{number:04}", person, sample_outfit(chance, person.skin), plan.skin)
    model, shots = load_face_model(), plan.shots
    faces = natural_faces(model.shape_names, shots, int(chance.integers(2**31)))
    faces *= chance.uniform(_GENTLE, 1, (shots, 1))
    weights = torch.from_numpy(faces).float()
    heads = torch.from_numpy(np.radians(_within(chance, _TURNS, shots))).float()
    marks = standing_marks(model, avatar.neutral, heads)
    camera = _cameras(chance, marks, plan)
    motion = Motion(
        Fraction(1),
        Coefficients(weights, torch.zeros(shots, 3), model.topology.name),
        Head(heads, torch.zeros(shots, 3)),
    )
    turns = axis_angle(camera.views[:, :3, :3].double() @ matrix(heads.double())).float()
    faces = posed(motion, avatar)
    seen = _seen_by(camera, model.landmarks(faces.vertices, PORTRAIT_MARKS))[0].float()
    pictures = torch.stack([torch.from_numpy(each) for each in _taken(faces, avatar, camera, chance)])
    return Portraits(avatar.name, weights, turns, face_squares(marks, camera), seen, pictures)


PORTRAITS = Sitting("portraits", PORTRAITS_SUFFIX, PORTRAITS_PLAN, portraits_of)


def load_portraits(path: Path) -> Portraits:
    """One of PORTRAITS. BadInput or Untrusted as in `load_avatar`."""
    portraits: Portraits = load_struct(path, (Portraits,))
    check_reach(str(path), portraits.weights)
    return portraits


def _within(chance: np.random.Generator, spread: tuple[float, ...], count: int) -> np.ndarray:
    drawn = chance.standard_normal((count, len(spread)))
    return np.clip(drawn, -_FARTHEST, _FARTHEST) * np.array(spread)


def standing_marks(
    model: FaceModel, neutral: Float[Tensor, "verts 3"], heads: Float[Tensor, "shots 3"]
) -> Float[Tensor, "shots 2 3"]:
    """Between the eyes and under the nose of a face at rest whose head is turned, metres."""
    points = model.landmarks(neutral, "mediapipe")
    marks = torch.stack([points[list(EYES)].mean(0), points[UNDER_NOSE]])
    joint = model.joints_of(neutral)[JOINTS.index("neck")]
    return (marks - joint) @ matrix(heads).mT + joint


def face_squares(marks: Float[Tensor, "shots 2 3"], camera: Camera) -> Float[Tensor, "shots 3"]:
    """Where pictures show faces: about the point under the nose, ABOUT times as wide as it is from the eyes,
    were the face turned to the camera. Columns, rows and sides, pixels."""
    places, ahead = _seen_by(camera, marks[:, 1:])
    long = (marks[:, 0] - marks[:, 1]).double().norm(dim=1)
    side = ABOUT * long * camera.lenses[:, 0].double() / ahead[:, 0]
    return torch.cat([places[:, 0], side[:, None]], 1).float()


def _seen_by(camera: Camera, points: Float[Tensor, "shots n 3"]) -> tuple[Tensor, Tensor]:
    """[shots, n, 2] column and row, pixels, and [shots, n] how far ahead, metres."""
    views, lenses = camera.views.double(), camera.lenses.double()[:, None]
    there = points.double() @ views[:, :3, :3].mT + views[:, None, :3, 3]
    ahead = -there[..., 2]
    column = lenses[..., 2] + lenses[..., 0] * there[..., 0] / ahead
    row = lenses[..., 3] - lenses[..., 1] * there[..., 1] / ahead
    return torch.stack([column, row], -1), ahead


def _cameras(chance: np.random.Generator, marks: Float[Tensor, "shots 2 3"], plan: PortraitPlan) -> Camera:
    """One for each shot, that looks at about the face from about ahead."""
    shots, size = len(marks), plan.size
    yaws, pitches = np.radians(_within(chance, _ROUND, shots)).T
    ways = np.stack([np.sin(yaws) * np.cos(pitches), np.sin(pitches), np.cos(yaws) * np.cos(pitches)], 1)
    away = np.exp(chance.uniform(math.log(_NEAR), math.log(_FAR), shots))
    fills = chance.uniform(*_FILLS, shots)
    small = chance.random(shots) < _SMALL
    fills[small] *= chance.uniform(_LESS / _FILLS[0], 1, int(small.sum()))
    long = (marks[:, 0] - marks[:, 1]).norm(dim=1).numpy()
    focal = torch.from_numpy(fills * size * away / (ABOUT * long))
    target = marks[:, 1] + torch.from_numpy(chance.normal(0, 0.008, (shots, 3))).float()
    eyes = target + torch.from_numpy(ways * away[:, None]).float()
    views = torch.stack([look_at(eye, spot) for eye, spot in zip(eyes, target, strict=True)])
    middle = torch.full_like(focal, size / 2)
    lenses = torch.stack([focal, focal, middle, middle], 1)
    return Camera(views, lenses, torch.tensor([[size, size]]).repeat(shots, 1))


def _taken(faces: Posed, avatar: Avatar, camera: Camera, chance: np.random.Generator) -> Iterator[Pixels]:
    """The pictures, in one light after the other."""
    model, look = load_face_model(), avatar.look
    assert look is not None
    surface = surface_of(avatar, model.topology, 1.0)
    maps, shots = wrinkle_maps(wrinkles_of(avatar)), len(faces.vertices)
    assert faces.folds is not None
    for light in np.array_split(np.arange(shots), min(_LIGHTS, shots)):
        lit = light_rig(_lit(look, chance))
        painter = Painter(surface, camera.width, camera.height, "transparent", maps, lit)
        for shot in light.tolist():
            view, focal = camera.centred(shot)
            body = np.ascontiguousarray(faces.vertices[shot].numpy(), np.float32)
            yield painter.draw(PosedMoment(body, view.numpy(), focal, faces.folds[shot].numpy()))


def _lit(look: Look, chance: np.random.Generator) -> Look:
    """In the studio's light or that of some room."""
    if chance.random() < 1 / _LIGHTS:
        return replace(look, light=LIGHTS[0])
    room = np.zeros((9, 3))
    room[0] = chance.uniform(0.45, 0.85) * np.exp(chance.normal(0, 0.06, 3))
    room[1] = chance.uniform(-0.35, 0.35) * np.exp(chance.normal(0, 0.1, 3))
    room[2], room[3] = chance.uniform(-0.05, 0.3), chance.uniform(0.0, 0.35)
    room[4:] = chance.normal(0, 0.04, (5, 1))
    return replace(look, light=torch.from_numpy(room).float())
