"""Live Link Face: a motion as the CSV which that app records, for Unreal, Blender, Maya and others.

What is known of that file, and from where:

- A row of names, then one row a frame: `Timecode`, `BlendShapeCount` (61), the values of LIVE_LINK_CHANNELS
  in the app's order, with ten decimals. From recordings that people published; Unreal's LiveLinkFaceImporter
  asks for the first two names and for as many values as names, importers for Blender read by position.
- `Timecode` is hours:minutes:seconds:frames, frames with three decimals. No rate is written: Unreal takes 60
  frames a second where a frame's number passes 30, else 30; others ask for it.
- Eyes are in radians; yaw is above 0 where they look to the subject's right, pitch where they look down: so
  eyeLook weights and angles of those recordings go together (0.35 in and out: 0.198; 0.38 down: 0.234).
- Heads are 0 in recordings that were made without them, and no public one was found with them. They are
  written by the rule of the eyes, as Epic's AppleARKit plugin writes both by one: yaw to the subject's right,
  pitch down, roll to the left shoulder. Importers for Blender read radians and have signs of their own.
"""

from __future__ import annotations

import csv
import math
from fractions import Fraction
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.destinations import replacing
from talkcli.engine.errors import BadInput
from talkcli.engine.face.arkit import ARKIT, LOOK_ASIDE, LOOK_UP
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.geometry import check_moves, offsets, rig_weights
from talkcli.engine.face.jaw import JAW_OPEN
from talkcli.engine.face.rigs import Rigged, rig_of, rigged
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.shape_weights import (
    captured_weights,
    fitted_weights,
    products_of,
    products_of_weights,
)
from talkcli.engine.motion import Coefficients, Head, Motion

_EYE = ("eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide")
_SIDED_MOUTH = ("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch")
_SIDED_LIPS = ("mouthPress", "mouthLowerDown", "mouthUpperUp")

SHAPE_CHANNELS = (
    *(name + "Left" for name in _EYE),
    *(name + "Right" for name in _EYE),
    "jawForward", "jawRight", "jawLeft", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthRight", "mouthLeft",
    *(name + side for name in _SIDED_MOUTH for side in ("Left", "Right")),
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    *(name + side for name in _SIDED_LIPS for side in ("Left", "Right")),
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""The 52 shapes of ARKIT in the order of Apple's framework and of the app."""

TURN_CHANNELS = tuple(
    f"{part}{turn}" for part in ("head", "leftEye", "rightEye") for turn in ("Yaw", "Pitch", "Roll")
)

LIVE_LINK_CHANNELS = (*SHAPE_CHANNELS, *TURN_CHANNELS)

_CHUNK_FRAMES = 64

_CORRECTIONS = 2


def write_live_link(motion: Motion, avatar: Avatar, path: Path) -> None:
    """Weights in 0..1, of opposite shapes one, by which the face is nearest to the motion's; head and eyes.

    What the rig has beyond ARKit's shapes is left out: on the built-in head two shapes of the tongue, which
    stays in the mouth.
    """
    rig = rigged(avatar)
    if rig is None or not set(ARKIT) <= set(rig.model.shape_names):
        raise BadInput(
            f"Avatar {avatar.name} has no rig with the shapes of ARKit.",
            f"Give an avatar with the rig {DEFAULT_RIG}, or write .npz or .obj instead.",
        )
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = (name[0].upper() + name[1:] for name in LIVE_LINK_CHANNELS)
        writer.writerow(["Timecode", "BlendShapeCount", *names])
        for start in range(0, len(motion), _CHUNK_FRAMES):
            part = motion.part(start, start + _CHUNK_FRAMES)
            for number, row in enumerate(_channels(part, avatar, rig).tolist(), start):
                values = (f"{value:.10f}" for value in row)
                writer.writerow([timecode(number, motion.fps), len(LIVE_LINK_CHANNELS), *values])


def timecode(number: int, fps: Fraction) -> str:
    """hours:minutes:seconds:frames, of a frame counted from 0."""
    seconds, rest = divmod(Fraction(number) / fps, 1)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{float(rest * fps):06.3f}"


def _channels(part: Motion, avatar: Avatar, rig: Rigged) -> Float[Tensor, "frames channels"]:
    weights = (
        _in_shapes(part, avatar, rig) if isinstance(part.face, Coefficients) else _seen(part, avatar, rig)
    )
    shapes = weights[:, rig.model.columns(SHAPE_CHANNELS)]
    none = torch.zeros(len(part), 3)
    head = none if part.head is None else _head_turns(part.head)
    return torch.cat([shapes, head, _eye_turns(shapes, "Left"), _eye_turns(shapes, "Right")], 1)


def _in_shapes(part: Motion, avatar: Avatar, rig: Rigged) -> Float[Tensor, "frames shapes"]:
    """Of a motion that weighs the rig's shapes, and may turn its jaw besides."""
    assert isinstance(part.face, Coefficients)
    check_moves(part, avatar)
    expression = part.face.expression
    weights = torch.nn.functional.pad(expression, (0, len(rig.shapes) - expression.shape[1]))
    opening = rig.model.weight_vector(jawOpen=1.0)
    return captured_weights(weights + part.face.jaw[:, :1] / JAW_OPEN * opening, rig)


def _seen(part: Motion, avatar: Avatar, rig: Rigged) -> Float[Tensor, "frames shapes"]:
    """Of geometry: corrected by what the face of the weights, its jaw on its arc and its lips shut, errs."""
    weights, there = rig_weights(part, avatar), offsets(part, avatar)
    for _ in range(_CORRECTIONS):
        here = offsets(
            Motion(part.fps, Coefficients(weights, torch.zeros(len(part), 3), rig_of(avatar))), avatar
        )
        weights = fitted_weights(products_of_weights(weights, rig) + products_of(there - here, rig), rig)
    return weights


def _head_turns(head: Head) -> Float[Tensor, "frames 3"]:
    """Yaw, pitch and roll, radians: the head rolls first, then nods, then turns."""
    turns = matrix(head.rotation)
    ahead = turns[:, :, 2]
    yaw = -torch.atan2(ahead[:, 0], ahead[:, 2])
    pitch = -torch.asin(ahead[:, 1].clamp(-1, 1))
    roll = -torch.atan2(turns[:, 1, 0], turns[:, 1, 1])
    return torch.stack([yaw, pitch, roll], 1)


def _eye_turns(shapes: Float[Tensor, "frames channels"], side: str) -> Float[Tensor, "frames 3"]:
    """Yaw, pitch and roll of an eye as its eyeLook shapes turn it, radians."""
    look = {
        way: shapes[:, SHAPE_CHANNELS.index(f"eyeLook{way}{side}")] for way in ("In", "Out", "Down", "Up")
    }
    right = look["In"] - look["Out"] if side == "Left" else look["Out"] - look["In"]
    yaw, pitch = math.radians(LOOK_ASIDE) * right, math.radians(LOOK_UP) * (look["Down"] - look["Up"])
    return torch.stack([yaw, pitch, torch.zeros_like(yaw)], 1)
