"""Captures: people who pull faces before fixed cameras, as a Gaussian head learns from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from talkcli.engine.config import LARGEST_INTEGER, check_limits
from talkcli.engine.face.avatar import Avatar, check_face
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.files import load_struct
from talkcli.engine.motion import Coefficients, Motion, check_reach
from talkcli.engine.rendering.camera import Camera, centred_camera, look_at
from talkcli.engine.struct import TensorStruct
from talkcli.engine.studio.expression_space import natural_faces
from talkcli.engine.studio.sessions import Sitting

SUFFIX, SKINS_SUFFIX, PLAN_FILE = ".capture", ".skins", "captures.json"
"""Of sessions, of what is unwrapped of them, and the file that says how they were made."""
_YAWS, _PITCHES = (-70, -42, -18, 0, 18, 42, 70, 150, -150, 29), (4, 12, -8, 0, 10, -6, 4, 8, 8, 7)
"""Degrees of the cameras; the last one is kept for tests."""
_BEHIND = (7, 8)
"""Cameras that see no face, and take the first one alone."""
_TARGET, _DISTANCE = (0.0, 0.008, 0.01), 1.24
"""Metres: where they look, and from how far."""
_FILLS = 0.27
"""Metres that a picture is high there."""
_POOL, _GENTLE = 4000, 0.55
"""Faces to choose from, every second of them so much weaker, as people do who speak."""


@dataclass(frozen=True)
class CapturePlan:
    people: int = 96
    faces: int = 40
    """Of each person to learn from, beside the one at rest."""
    tests: int = 6
    """Of each person to be tested by."""
    shots: int = 4
    """Cameras a face."""
    size: int = 256
    """Pixels along a side."""
    skin: int = 512
    """Texels along a side of the skins."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_limits(self, people=(1, 100_000), faces=(1, 1000), tests=(0, 100))
        check_limits(self, shots=(1, len(_YAWS) - 1), size=(32, 2048), skin=(64, 4096))
        check_limits(self, seed=(0, LARGEST_INTEGER))


class CaptureSession(TensorStruct):
    """One person's session: face 0 is at rest, the last `tests` ones are not to be learnt from."""

    name: str
    neutral: Float[Tensor, "verts 3"]
    identity: Float[Tensor, " n_identity"]
    weights: Float[Tensor, "faces shapes"]
    tests: int
    cameras: Camera
    """The last one is kept for tests."""
    face: Int[Tensor, " shots"]
    camera: Int[Tensor, " shots"]
    pictures: UInt8[Tensor, "shots height width 4"]
    """sRGB, and how much of a pixel the person covers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        model = load_face_model()
        if len(self.neutral) != len(model.template) or self.weights.shape[1] != len(model.shape_names):
            raise ValueError(f"CaptureSession.{self.name} is of another head")
        if not 0 <= self.tests < len(self.weights):
            raise ValueError(f"CaptureSession.tests is {self.tests} of {len(self.weights)} faces")
        for name, indices, count in (
            ("face", self.face, len(self.weights)),
            ("camera", self.camera, len(self.cameras.views)),
        ):
            if not len(indices) or int(indices.min()) < 0 or int(indices.max()) >= count:
                raise ValueError(f"CaptureSession.{name} points outside 0..{count - 1}")

    @property
    def avatar(self) -> Avatar:
        """Whoever it is, without a look."""
        topology = load_face_model().topology
        lips = topology.regions["lips"]
        return Avatar(self.name, self.neutral, topology.faces, lips, topology.name, self.identity)

    @property
    def motion(self) -> Motion:
        """One frame a face."""
        return faces_motion(self.weights)


def faces_motion(weights: Float[Tensor, "faces shapes"]) -> Motion:
    """One frame a face of the built-in head."""
    jaw, rig = torch.zeros(len(weights), 3), load_face_model().topology.name
    return Motion(Fraction(1), Coefficients(weights, jaw, rig))


def studio_cameras(size: int) -> Camera:
    """Those of _YAWS and _PITCHES."""
    target, views = torch.tensor(_TARGET), []
    for yaw, pitch in zip(np.radians(_YAWS), np.radians(_PITCHES), strict=True):
        way = [math.sin(yaw) * math.cos(pitch), math.sin(pitch), math.cos(yaw) * math.cos(pitch)]
        views.append(look_at(target + _DISTANCE * torch.tensor(way), target))
    return centred_camera(torch.stack(views), size * _DISTANCE / _FILLS, size, size)


def sitter_of(plan: CapturePlan, number: int) -> tuple[Avatar, np.random.Generator]:
    """Who sits there, bare as the pictures have them, and the chances of what they do there."""
    from talkcli.engine.studio.scanned.avatars import sample_outfit  # slow to load, for those who only learn
    from talkcli.engine.studio.scanned.hair.styles import HAIR_STYLES
    from talkcli.engine.studio.scanned.looks import bake_look
    from talkcli.engine.studio.scanned.people import sample_person

    chance = np.random.default_rng([plan.seed, number])
    person = sample_person(int(chance.integers(2**31)))
    outfit = sample_outfit(chance, person.skin)
    topology = load_face_model().topology
    avatar = Avatar(
        name=f"p{number:04}",
        neutral=person.neutral,
        faces=topology.faces,
        lips=topology.regions["lips"],
        rig=topology.name,
        identity=person.identity,
        look=bake_look(person.skin, HAIR_STYLES[outfit.hair].painted, plan.skin, None, outfit.beard),
    )
    return avatar, chance


def session_of(plan: CapturePlan, number: int) -> CaptureSession:
    """The session of one person; the same plan and number give the same."""
    from talkcli.engine.rendering.render import frames

    avatar, chance = sitter_of(plan, number)
    model = load_face_model()
    pool = torch.from_numpy(natural_faces(model.shape_names, _POOL, plan.seed)).float()
    pool[::2] *= _GENTLE
    known = _POOL - _POOL // 10
    learnt = chance.choice(known, plan.faces, replace=False)
    tested = known + chance.choice(_POOL - known, plan.tests, replace=False)
    weights = torch.cat([torch.zeros(1, pool.shape[1]), pool[np.concatenate([learnt, tested])]])
    before = [camera for camera in range(len(_YAWS) - 1) if camera not in _BEHIND]
    taken = [(0, camera) for camera in range(len(_YAWS))]
    for face in range(1, len(weights)):
        chosen = sorted(chance.choice(before, min(plan.shots, len(before)), replace=False).tolist())
        testing = face > plan.faces
        taken += [(face, camera) for camera in (*chosen, *([len(_YAWS) - 1] if testing else []))]
    face, camera = torch.tensor(taken).unbind(1)
    cameras = studio_cameras(plan.size)
    seen = frames(
        faces_motion(weights[face]),
        avatar,
        cameras.part(camera.tolist()),
        background="transparent",
        workers=1,
    )
    pictures = torch.stack([torch.from_numpy(picture) for picture in seen])
    assert avatar.identity is not None
    return CaptureSession(
        avatar.name, avatar.neutral, avatar.identity, weights, plan.tests, cameras, face, camera, pictures
    )


CAPTURES = Sitting("captures", SUFFIX, PLAN_FILE, session_of, (SKINS_SUFFIX,))


def load_capture(path: Path) -> CaptureSession:
    """One of CAPTURES. BadInput or Untrusted as in `load_avatar`."""
    session: CaptureSession = load_struct(path, (CaptureSession, Camera))
    check_face(session.avatar, path)
    check_reach(str(path), session.weights)
    return session
