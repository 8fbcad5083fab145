"""Camera: a pinhole that looks along its -Z; portrait framing of an avatar."""

from __future__ import annotations

import math
import re

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.errors import BadUsage, pick
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import rigged
from talkcli.engine.struct import TensorStruct

PRESETS = {"front": 0.0, "three-quarter": 35.0, "profile": 90.0, "swing": 40.0, "orbit": 360.0}
"""Degrees that the camera stands towards the subject's left; swing goes so far to both sides and back, orbit
round, beginning in front."""

FOV = math.radians(16)
"""Of the shorter side: a portrait lens, so that noses keep their size."""

ORBIT_SECONDS = 12
"""Of one round, and of one swing."""
_MARGIN = 1.08
"""Of free space round the head, as a factor."""

EYES_FROM_TOP = 0.39
"""Where a portrait puts the eyes, of the height that it shows."""

AIR = 0.026
"""Metres over the crown."""

CUT_OFF = 0.06
"""Of the height of head, shoulders and cloth: what a picture leaves out at their lower end."""

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
    """(width, height) from `512` or `640x480`, even as films must be."""
    match = re.fullmatch(r"(\d{1,5})(?:\s*[xX×]\s*(\d{1,5}))?", text.strip())
    width, height = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if min(width, height) < 16 or max(width, height) > MAX_SIZE:
        raise BadUsage(
            f"'{text}' is not a picture size.", f"Write 512 or 640x480; 16 to {MAX_SIZE} pixels a side."
        )
    if width % 2 or height % 2:
        raise BadUsage(
            f"'{text}' is odd.", f"Films want even sides: {width + width % 2}x{height + height % 2}."
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
    focal = min(width, height) / 2 / math.tan(FOV / 2)
    turns = [math.radians(degrees)]
    if preset in ("orbit", "swing"):
        count = max(2, round(ORBIT_SECONDS * fps))
        phases = [i / count for i in range(count)]
        shares = phases if preset == "orbit" else [math.sin(2 * math.pi * phase) for phase in phases]
        turns = [math.radians(degrees) * share for share in shares]
    ways = torch.tensor([[math.sin(turn), 0.0, math.cos(turn)] for turn in turns])
    points = avatar.neutral
    target, margin = (points.amin(0) + points.amax(0)) / 2, _MARGIN
    rig = rigged(avatar)
    regions = {} if rig is None else rig.model.topology.regions
    has_eyes = {"left_eye", "right_eye"} <= regions.keys()
    if has_eyes:
        level = float(points[torch.cat([regions["left_eye"], regions["right_eye"]]), 1].mean())
        points = torch.cat([points, *(w.points for w in avatar.worn if w.kind != "cloth")])
        low, high = _window(points, level, _lowest(avatar))
        points = points[points[:, 1] > (low + high) / 2]
        target, margin = (points.amin(0) + points.amax(0)) / 2, 1.0
        target[1] = (low + high) / 2
        edges = torch.tensor([[float(target[0]), edge, float(target[2])] for edge in (low, high)])
        points = torch.cat([points, edges])
    distance = max(
        _distance(points - target, way, focal, width, height, margin)
        for way in ways[:: max(1, len(ways) // 24)]
    )
    if has_eyes:
        below = float(target[1]) - distance * height / 2 / focal
        target[1] += max(0.0, _lowest(avatar) - below)
    return Camera(
        torch.stack([look_at(target + distance * way, target) for way in ways]), focal, width, height
    )


def _window(points: Float[Tensor, "n 3"], eyes: float, lowest: float) -> tuple[float, float]:
    """The lowest and highest point, metres, that a portrait shows of a head whose eyes stand so high."""
    high = float(points[:, 1].max()) + AIR
    return max(high - (high - eyes) / EYES_FROM_TOP, lowest), high


def _lowest(avatar: Avatar) -> float:
    """Below it shoulders and cloth are cut off, metres."""
    cloth = [item.points[:, 1] for item in avatar.worn if item.kind == "cloth"]
    heights = torch.cat([avatar.neutral[:, 1], *cloth])
    low, high = float(heights.min()), float(heights.max())
    return low + CUT_OFF * (high - low)


def _distance(
    points: Float[Tensor, "n 3"], way: Tensor, focal: float, width: int, height: int, margin: float
) -> float:
    """How far away a camera in that direction stands to see all the points, with a margin as a factor."""
    across = points[:, 0] * way[2] - points[:, 2] * way[0]
    wide = 2 * margin * focal * across.abs() / width
    tall = 2 * margin * focal * points[:, 1].abs() / height
    return float((points @ way + torch.maximum(wide, tall)).max())
