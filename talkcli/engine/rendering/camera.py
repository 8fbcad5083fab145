"""Camera: a pinhole that looks along its -Z; portrait framing of an avatar."""

from __future__ import annotations

import math
import re

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.errors import BadUsage, pick
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.struct import TensorStruct

PRESETS = {"front": 0.0, "three-quarter": 35.0, "profile": 90.0, "orbit": 40.0}
"""Degrees that the camera stands towards the subject's left; orbit swings so far to both sides."""

FOV = math.radians(16)
"""Of the shorter side: a portrait lens, so that noses keep their size."""

ORBIT_SECONDS = 12
MARGIN = 1.06
EYES_FROM_TOP = 0.42
"""Where a portrait puts the eyes, of the picture's height."""

MAX_SIZE = 8192
"""Pixels along one side."""


class Camera(TensorStruct):
    views: Float[Tensor, "views 4 4"]
    """World to camera, metres; frame i is seen through view i modulo their number."""
    focal: float
    """Pixels."""
    width: int
    height: int

    def view(self, frame: int) -> Float[Tensor, "4 4"]:
        return self.views[frame % len(self.views)]


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) from `512` or `640x480`."""
    match = re.fullmatch(r"(\d{1,5})(?:\s*[xX×]\s*(\d{1,5}))?", text.strip())
    width, height = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if min(width, height) < 16 or max(width, height) > MAX_SIZE:
        raise BadUsage(
            f"'{text}' is not a picture size.", f"Write 512 or 640x480; 16 to {MAX_SIZE} pixels a side."
        )
    return width, height


def look_at(eye: Float[Tensor, " 3"], target: Float[Tensor, " 3"]) -> Float[Tensor, "4 4"]:
    """World to camera for a camera at `eye`, Y up."""
    back = torch.nn.functional.normalize(eye - target, dim=0)
    right = torch.nn.functional.normalize(torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0]), back), dim=0)
    view = torch.eye(4)
    view[:3, :3] = torch.stack([right, torch.linalg.cross(back, right), back])
    view[:3, 3] = -view[:3, :3] @ eye
    return view


def portrait(
    avatar: Avatar, preset: str = "front", size: tuple[int, int] = (512, 512), fps: float = 25
) -> Camera:
    """Head and neck of an avatar; framed by its neutral face, so that the picture does not breathe."""
    degrees = PRESETS[pick(preset, PRESETS, "camera")]
    width, height = size
    points = avatar.neutral
    low, high = _window(avatar)
    head = points[points[:, 1] > (low + high) / 2] if avatar.rig else points
    pivot = (head.amin(0) + head.amax(0)) / 2
    wide = MARGIN * 2 * _half_width(head - pivot, degrees, preset == "orbit") * height / width
    tall = max(high - low, wide)
    centre = (high - tall / 2) if avatar.rig and tall == high - low else (high + low) / 2
    focal = min(width, height) / 2 / math.tan(FOV / 2)
    distance = tall * focal / height
    turns = [math.radians(degrees)]
    if preset == "orbit":
        count = max(2, round(ORBIT_SECONDS * fps))
        turns = [math.radians(degrees) * math.sin(2 * math.pi * i / count) for i in range(count)]
    target = torch.stack([pivot[0], torch.tensor(centre), pivot[2]])
    ways = torch.tensor([[math.sin(turn), 0.0, math.cos(turn)] for turn in turns])
    return Camera(
        torch.stack([look_at(target + distance * way, target) for way in ways]), focal, width, height
    )


def _window(avatar: Avatar) -> tuple[float, float]:
    """The lowest and highest point, metres, that a portrait shows."""
    low, high = float(avatar.neutral[:, 1].min()), float(avatar.neutral[:, 1].max())
    margin = (MARGIN - 1) * (high - low)
    if avatar.rig is None:
        return low - margin, high + margin
    regions = load_face_model().topology.regions
    eyes = float(avatar.neutral[torch.cat([regions["left_eye"], regions["right_eye"]]), 1].mean())
    top = high + margin
    return max(top - (top - eyes) / EYES_FROM_TOP, low + margin), top


def _half_width(points: Float[Tensor, "verts 3"], degrees: float, swings: bool) -> float:
    """How far the points reach sideways, seen from so many degrees aside, or from all round."""
    if swings:
        return float(points[:, [0, 2]].norm(dim=1).max())
    turn = math.radians(degrees)
    return float((points[:, 0] * math.cos(turn) - points[:, 2] * math.sin(turn)).abs().max())
