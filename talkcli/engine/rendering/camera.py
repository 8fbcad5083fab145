"""Camera: pinholes that look along their -Z, as studios calibrate them; portrait framing of an avatar."""

from __future__ import annotations

import math
import re

import torch
from jaxtyping import Float, Int
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
    """Frame i of a film is seen through view i modulo their number."""

    views: Float[Tensor, "views 4 4"]
    """World to camera, metres: X to the right, Y up, looking along -Z."""
    lenses: Float[Tensor, "views 4"]
    """Pixels: focal length across and down; where the axis meets the picture, from its upper left corner."""
    sizes: Int[Tensor, "views 2"]
    """Pixels: width and height of each view's picture."""

    @property
    def width(self) -> int:
        return self._size[0]

    @property
    def height(self) -> int:
        return self._size[1]

    @property
    def _size(self) -> tuple[int, int]:
        """Of all pictures; ValueError where they differ."""
        if bool((self.sizes != self.sizes[0]).any()):
            raise ValueError("the views of this camera have pictures of several sizes")
        width, height = self.sizes[0].tolist()
        return width, height

    def view(self, frame: int) -> Float[Tensor, "4 4"]:
        return self.views[frame % len(self.views)]

    def part(self, views: slice | list[int]) -> Camera:
        """Some of its views."""
        return Camera(self.views[views], self.lenses[views], self.sizes[views])

    def centred(self, frame: int) -> tuple[Float[Tensor, "4 4"], float]:
        """The view and focal length by which a lens with square pixels and its axis in the middle takes the
        same picture; the view is sheared where this lens is another."""
        view, number = self.view(frame).double(), frame % len(self.views)
        across, down, x, y = self.lenses[number].tolist()
        width, height = self.sizes[number].tolist()
        shear = torch.eye(4, dtype=torch.float64)
        shear[1, 1] = down / across
        shear[0, 2], shear[1, 2] = (width / 2 - x) / across, (y - height / 2) / across
        return shear @ view, across


def centred_camera(views: Float[Tensor, "views 4 4"], focal: float, width: int, height: int) -> Camera:
    """Square pixels, the axis in the middle; focal length in pixels."""
    lens = torch.tensor([focal, focal, width / 2, height / 2], dtype=torch.float64)
    return Camera(views, lens.repeat(len(views), 1), torch.tensor([[width, height]]).repeat(len(views), 1))


def calibrated_camera(
    intrinsics: Float[Tensor, "views 3 3"],
    extrinsics: Float[Tensor, "views rows 4"],
    sizes: Int[Tensor, "views 2"],
    first_pixel: float = 0.0,
) -> Camera:
    """A camera as calibration gives it, in OpenCV's axes: X to the right, Y down, looking along Z.

    intrinsics K in pixels, without skew; extrinsics: [R | t] from the world to the camera, metres, with or
    without a last row 0 0 0 1. `first_pixel`: where the centre of the upper left pixel lies: at 0 for OpenCV,
    at 0.5 for COLMAP and NeRF.
    """
    if bool((intrinsics[:, 0, 1] != 0).any()):
        raise ValueError("the pixels of a calibrated camera are skewed")
    views = torch.eye(4, dtype=extrinsics.dtype).repeat(len(extrinsics), 1, 1)
    views[:, :3] = extrinsics[:, :3] * torch.tensor([1.0, -1.0, -1.0])[:, None]
    matrix = intrinsics.double()
    middle = matrix[:, :2, 2] + (0.5 - first_pixel)
    lenses = torch.cat([matrix[:, [0, 1], [0, 1]], middle], 1)
    return Camera(views, lenses, sizes)


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
    views = torch.stack([look_at(target + distance * way, target) for way in ways])
    return centred_camera(views, focal, width, height)


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
